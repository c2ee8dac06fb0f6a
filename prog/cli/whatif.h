/* whatif - `explain --who`: what would become of a request that nobody has made.
 *
 * Decided here, by policy and roster in force as the server gives them, or by files; the function
 * is the keeper's own, the facts are made up. Only the keeper's answer to a real request counts. */
#ifndef GS_CLI_WHATIF_H
#define GS_CLI_WHATIF_H

#include "prog/cli/cli.h"

/* Exit code as of a request: allowed, waiting, denied. */
rc whatif(struct cli *c, const struct args *a);

#endif
