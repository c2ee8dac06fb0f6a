/* whatif - `explain --who`: what would become of a request that nobody has made; and `explain
 * --at`: of one that there is, at another time.
 *
 * Decided here, by policy and roster in force as the server gives them, or by files; the function
 * is the keeper's own, the facts are made up. Only the keeper's answer to a real request counts. */
#ifndef GS_CLI_WHATIF_H
#define GS_CLI_WHATIF_H

#include "lib/policy/evaluate.h"
#include "prog/cli/cli.h"
#include "prog/cli/wish.h"

/* Exit code as of a request: allowed, waiting, denied. */
rc whatif(struct cli *c, const struct args *a);
/* With the facts as they are now: the approvals that count, the key's state; counted uses and
 * evidence are not looked at, and those that are wanting now are named. */
rc whatif_request(struct cli *c, const struct args *a, const struct wish *wish);
/* The checks of a decision that was made here, as a status has them; NULL: no memory. */
json_t *whatif_checks_json(const struct decision *d);

#endif
