/* replay_grants - who was let in on keys for a while, for requests that are decided again.
 *
 * When they were given and ended is as the server tells (GET /v1/access), as with the rest of its
 * history. What they grant is what was signed: each signature that counts is good, by a key of the
 * world's own roster. */
#ifndef GS_CLI_REPLAY_GRANTS_H
#define GS_CLI_REPLAY_GRANTS_H

#include "lib/policy/replay.h"
#include "prog/cli/cli.h"

#define REPLAY_GRANTS_MAX 4096u /* in one replay */

struct replay_grants {
	struct replay_grant *list;
	size_t count;
};
void replay_grants_release(struct replay_grants *g);
AUTO_DEFINE(replay_grants, struct replay_grants, replay_grants_release)

/* Fetches those that held at that time or later into ret, which w->grants then borrows. Asks nobody
 * where the policy of w names no owners of any key: no grant counts then. key and person may be "":
 * any. RC_PEER (also for a signature that is not good), RC_LIMIT, RC_NOMEM. ret is to be released
 * after a failure, too. */
MUST rc replay_grants_load(struct cli *c, const char *key, const char *person, unix_time since,
			   struct replay_world *w, struct replay_grants *ret);

#endif
