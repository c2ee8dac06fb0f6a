/* show - the commands inbox, search, show and explain. */
#ifndef GS_CLI_SHOW_H
#define GS_CLI_SHOW_H

#include "prog/cli/cli.h"

rc cmd_inbox(struct cli *c, const struct args *a);
rc cmd_search(struct cli *c, const struct args *a);
rc cmd_show(struct cli *c, const struct args *a);
rc cmd_explain(struct cli *c, const struct args *a);

#endif
