/* preapprove - the command preapprove. */
#ifndef GS_CLI_PREAPPROVE_H
#define GS_CLI_PREAPPROVE_H

#include "prog/cli/cli.h"

rc cmd_preapprove(struct cli *c, const struct args *a);

#endif
