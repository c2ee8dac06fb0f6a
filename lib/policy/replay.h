/* replay - what would become of a request that was decided, under another policy or at another
 * time.
 *
 * Approvals without a rule are taken as given under each rule that is tried: who reads the request
 * under a rule approves it so. Rates and evidence are taken as kept, an enrolled host's key as of
 * the least class that the roster demands. Owns: the moment at which a request is decided again.
 * Must not own: where requests come from. */
#ifndef GS_POLICY_REPLAY_H
#define GS_POLICY_REPLAY_H

#include "lib/policy/evaluate.h"

struct replay_approval {
	struct name person;
	enum sshkey_channel channel;
	unix_time given;
	unix_time expires;
	bool bound;
	struct digest rule; /* if bound: for this one alone */
};

struct replay_request {
	const struct request *request;
	unix_time arrived;
	bool key_locked;
	struct replay_approval approvals[QUORUM_PEOPLE_MAX];
	size_t approval_count;
};

struct replay_world {
	const struct policy *policy;
	const struct roster *roster;
	const struct zone_source *zones; /* as in struct facts */
};

/* The decision at that time, with the approvals that were given by then. RC_LIMIT as evaluate(),
 * RC_NOMEM. */
MUST rc replay_decide(const struct replay_world *w, const struct replay_request *q, unix_time at,
		      struct decision *ret);

/* When this world allows it: the first of the moments at which something came to the request (its
 * arrival, not_before, each approval), or time alone ended what it waited for; if it never does,
 * the last of them. RC_LIMIT, RC_NOMEM. */
MUST rc replay_moment(const struct replay_world *w, const struct replay_request *q,
		      unix_time *ret_at, struct decision *ret);

#endif
