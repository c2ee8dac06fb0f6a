/* guard_feed - greatseal-guard's reports socket, from the side of whoever fetches
 * (prog/guard/feed.h has its words).
 *
 * What comes is believed only if root has made the socket's other end. Owns: reading it, strictly
 * and within fixed sizes. Must not own: what is done with it (guard_post.c, local.c). */
#ifndef GS_AGENT_GUARD_FEED_H
#define GS_AGENT_GUARD_FEED_H

#include "lib/model/guard_batch.h"

#define GUARD_FEED_MAX (128u << 10) /* bytes of one answer */

struct guard_feed {
	struct guard_state state;
	uint8_t run[GUARD_RUN];
	uint64_t dropped;
	struct guard_event *events; /* GUARD_EVENTS_MAX of them, or NULL: not wanted */
	size_t count;
};

/* The guard's state, and with events the oldest that nobody has yet. RC_NOTFOUND: nobody listens
 * there; RC_DENIED: it is not root's; RC_PEER, RC_IO, RC_LIMIT: no such answer. */
MUST rc guard_feed_fetch(const char *socket, struct guard_feed *ret, struct fault *f);
/* Those up to seq are at the server. */
MUST rc guard_feed_ack(const char *socket, const uint8_t run[GUARD_RUN], uint64_t seq,
		       struct fault *f);

/* One line of the answer, for the fuzz target too. RC_PEER. */
MUST rc guard_feed_event(struct view line, struct guard_event *ret, struct fault *f);

#endif
