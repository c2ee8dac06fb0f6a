/* act - the commands approve, deny, withdraw and cancel. */
#ifndef GS_CLI_ACT_H
#define GS_CLI_ACT_H

#include "prog/cli/cli.h"

rc cmd_approve(struct cli *c, const struct args *a);
rc cmd_deny(struct cli *c, const struct args *a);
rc cmd_withdraw(struct cli *c, const struct args *a);
rc cmd_cancel(struct cli *c, const struct args *a);

#endif
