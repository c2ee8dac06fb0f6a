/* log - the commands log checkpoint, log fsck and log entry. */
#ifndef GS_CLI_LOG_H
#define GS_CLI_LOG_H

#include "prog/cli/cli.h"

rc cmd_log_checkpoint(struct cli *c, const struct args *a);
rc cmd_log_fsck(struct cli *c, const struct args *a);
rc cmd_log_entry(struct cli *c, const struct args *a);

#endif
