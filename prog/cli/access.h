/* access - asking for a key for a while, and what its owners say to it. */
#ifndef GS_CLI_ACCESS_H
#define GS_CLI_ACCESS_H

#include "lib/model/access.h"
#include "prog/cli/cli.h"

rc cmd_access_request(struct cli *c, const struct args *a);
rc cmd_access_list(struct cli *c, const struct args *a);
rc cmd_access_show(struct cli *c, const struct args *a);
/* Of what is not granted yet, and of what is: the log says which it was. */
rc cmd_access_deny(struct cli *c, const struct args *a);
rc cmd_access_revoke(struct cli *c, const struct args *a);

/* Appends the rows of all that is granted, ended and pending, of that key and person unless those
 * are "". */
MUST rc access_collect(struct cli *c, const char *key, const char *person, json_t *all);
/* Whether a signature under it would still do something: RC_DENIED, saying when it ended and who
 * ended it, if it was revoked, denied, is past its end or void. ret_given: it is live already,
 * which has been said. hex: the statement's digest. */
MUST rc access_check_open(struct cli *c, struct view statement, const char *hex, bool *ret_given);
/* What the statement says, for people. */
void access_print(const struct cli *c, const struct access_change *change);

#endif
