/* replay - what would become of a request that was decided, under another policy or at another
 * time.
 *
 * Approvals without a rule are taken as given under each rule that is tried: who reads the request
 * under a rule approves it so. Rates and evidence are taken as kept, an enrolled host's key as of
 * the least class that the roster demands. Grants of access are weighed anew in each world: its
 * owners and its longest life count, so a policy that names others takes them away. Owns: the
 * moment at which a request is decided again. Must not own: where requests come from. */
#ifndef GS_POLICY_REPLAY_H
#define GS_POLICY_REPLAY_H

#include "lib/policy/evaluate.h"
#include "lib/policy/grant.h"

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
	uint64_t authorize; /* entry of its newest use; 0: it has none */
	struct replay_approval approvals[QUORUM_PEOPLE_MAX];
	size_t approval_count;
};

struct replay_grant {
	struct access_change change; /* ACCESS_GRANT */
	struct digest statement;
	unix_time given;
	unix_time ended;      /* when somebody took it back; 0: nobody did */
	uint64_t ended_leaf;  /* by this entry: whether a use in that second was before it */
	struct voter *voters; /* who signed it, by the world's roster: grant_voters() */
	size_t voter_count;
};

struct replay_world {
	const struct policy *policy;
	const struct roster *roster;
	const struct zone_source *zones;   /* as in struct facts */
	const struct replay_grant *grants; /* all there were, of whatever key and person */
	size_t grant_count;
};

/* The decision at that time, with the approvals and grants that were given by then; which grant let
 * the request in is a line of its checks (ret->grant is NULL). RC_NOMEM. */
MUST rc replay_decide(const struct replay_world *w, const struct replay_request *q, unix_time at,
		      struct decision *ret);

/* When this world allows it: the first of the moments at which something came to the request (its
 * arrival, not_before, each approval), or time alone ended what it waited for; if it never does,
 * the last of them. RC_LIMIT, RC_NOMEM. */
MUST rc replay_moment(const struct replay_world *w, const struct replay_request *q,
		      unix_time *ret_at, struct decision *ret);

#endif
