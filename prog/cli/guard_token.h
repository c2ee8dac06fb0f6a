/* guard_token - a token that lets a host's guard only observe for a while, to be signed. */
#ifndef GS_CLI_GUARD_TOKEN_H
#define GS_CLI_GUARD_TOKEN_H

#include "prog/cli/cli.h"

rc cmd_guard_token(struct cli *c, const struct args *a);

#endif
