/* pool - connections to the server: pinned, with the host's certificate where there is one.
 *
 * A client is for one call at a time; one that comes back is used again, newest first, so that
 * few connections stay warm. A new certificate puts the old ones out of use.
 * Owns: the idle clients. Must not own: calls (relay.c). */
#ifndef GS_AGENT_POOL_H
#define GS_AGENT_POOL_H

#include "lib/net/https_client.h"
#include "lib/net/tls_identity.h"

#define POOL_IDLE_MAX 16u

struct pool;
struct pool_client {
	struct https_client *client;
	unsigned generation;
};

/* server: "https://HOST:PORT", copied. RC_NOMEM. */
MUST rc pool_new(const char *server, const struct digest *pin, struct pool **ret);
/* All clients must be back. Accepts NULL. */
void pool_free(struct pool *p);
/* What connections made from now on show; shared. NULL: nothing. */
void pool_identity(struct pool *p, struct tls_identity *t);
/* An idle client or a new one. Fails as https_client_new. */
MUST rc pool_take(struct pool *p, struct pool_client *ret, struct fault *f);
void pool_give(struct pool *p, struct pool_client *c);

#endif
