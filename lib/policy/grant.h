/* grant - access to a key for a while: who decides, for how long, and whether it still holds.
 *
 * Pure. The keeper and `greatseal verify` ask the same questions. What is asked is asked of the
 * policy and the roster in force, not of those of the day when the grant was given: a grant holds
 * while those who gave it, with the keys they used, fill the seats of the key's owners. */
#ifndef GS_POLICY_GRANT_H
#define GS_POLICY_GRANT_H

#include "lib/model/access.h"
#include "lib/policy/evaluate.h"
#include "lib/policy/quorum.h"

/* A grant as it was accepted: the statement, and the signatures under it, which were verified then.
 */
struct grant {
	const struct access_change *change; /* ACCESS_GRANT */
	struct digest statement;
	unix_time given;
	const struct voter *voters; /* from grant_voters() */
	size_t voter_count;
};

/* Those whom the roster gives the keys of these raw SSHSIG blobs, each once with the channels of
 * the keys. Keys that nobody has are left out; the signatures are not verified. out has room for
 * count. Returns how many. */
size_t grant_voters(const struct roster *r, const struct view *sigs, size_t count,
		    struct voter *out);

/* Whether the person has asked and the owners of the key have agreed; ret->missing says what lacks.
 * The person never fills an owner's seat. A key without owners: never filled. RC_LIMIT as
 * quorum_solve. */
MUST rc grant_quorum(const struct policy *p, const struct roster *r, const struct access_change *c,
		     const struct voter *voters, size_t count, struct quorum_result *ret);

/* When the grant ends: as it says, and never later than the policy's longest life from when it was
 * given. */
unix_time grant_end(const struct policy *p, const struct grant *g);

/* Why the grant counts no longer: access.owner, access.life, who.person; REASON_NONE: it is live
 * and *ret is the fact for evaluate(). Whether it was revoked the caller knows. RC_LIMIT. */
MUST rc grant_weigh(const struct policy *p, const struct roster *r, const struct grant *g,
		    unix_time now, enum reason *ret_reason, struct grant_fact *ret);

/* Whether this person may end a grant of the key. */
bool grant_may_end(const struct policy *p, const struct principal *who, const struct name *key,
		   const struct name *person);

#endif
