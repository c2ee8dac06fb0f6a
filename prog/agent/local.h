/* local - the calls that the agent answers itself, below /agent/v1: a table of them.
 *
 * Owns: the rule about the host key: it signs canonical requests that name this host and the
 * server's origin, provenance of the one builder that the settings name, and nothing else. */
#ifndef GS_AGENT_LOCAL_H
#define GS_AGENT_LOCAL_H

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
 * RC_MISMATCH: another host, or another origin. */
MUST rc local_may_sign(const struct who *who, struct view statement, struct fault *f);

/* The same for provenance: RC_STATE there is no builder; RC_MISMATCH another one; as
 * provenance_parse.
 */
MUST rc local_may_attest(const char *builder, struct view payload, struct fault *f);

#endif
