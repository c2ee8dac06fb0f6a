/* alarms - commands around signatures by our keys that the log does not have. */
#ifndef GS_CLI_ALARMS_H
#define GS_CLI_ALARMS_H

#include "prog/cli/cli.h"

rc cmd_alarms_list(struct cli *c, const struct args *a);
rc cmd_alarms_show(struct cli *c, const struct args *a);
rc cmd_alarms_close(struct cli *c, const struct args *a);

#endif
