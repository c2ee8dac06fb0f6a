/* init - the command init-client. */
#ifndef GS_CLI_INIT_H
#define GS_CLI_INIT_H

#include "prog/cli/cli.h"

rc cmd_init_client(struct cli *c, const struct args *a);

#endif
