/* verify - the command verify: offline, from the file, its bundle and the log's key. */
#ifndef GS_CLI_VERIFY_H
#define GS_CLI_VERIFY_H

#include "prog/cli/cli.h"

rc cmd_verify(struct cli *c, const struct args *a);

#endif
