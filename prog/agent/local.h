/* local - the calls that the agent answers itself, below /agent/v1: a table of them.
 *
 * Owns: the rule about the host key: it signs canonical requests that name this host and the
 * server's origin, provenance of the one builder that the settings name, and nothing else. */
#ifndef GS_AGENT_LOCAL_H
#define GS_AGENT_LOCAL_H

#include "lib/model/request.h"
#include "prog/agent/agent.h"

struct local_call {
	const char *method;
	const char *path;
	size_t body_max;
	void (*run)(struct talk *t);
};

/* The call that is meant, or NULL after an answer that refuses. */
const struct local_call *local_find(struct talk *t);

/* Why the host key would not sign these bytes; OK if it would. RC_LIMIT, or as request_parse;
 * RC_MISMATCH: another host, or another origin. *ret_guard, which may be NULL: what the request
 * says of the guard, for local_guard_is_true. */
MUST rc local_may_sign(const struct who *who, struct view statement,
		       struct request_guard *ret_guard, struct fault *f);
/* Whether the guard stands so now, as its socket says; OK also where nothing is said. RC_MISMATCH;
 * as guard_feed_fetch. socket "": no guard is known, so nothing may be said. */
#define LOCAL_GUARD_SECONDS 60 /* between what is said and its signature */
MUST rc local_guard_is_true(const char *socket, const struct request_guard *said, unix_time now,
			    struct fault *f);

/* The same for provenance: RC_STATE there is no builder; RC_MISMATCH another one; as
 * provenance_parse.
 */
MUST rc local_may_attest(const char *builder, struct view payload, struct fault *f);

#endif
