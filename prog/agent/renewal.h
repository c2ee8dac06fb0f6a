/* renewal - a certificate's next one, from half of its life on: asked for with bytes that are kept
 * until they are answered, and used only when what it says is on the disk.
 *
 * Owns: that order, the thread that watches the time. Must not own: the JSON (host_api.h). */
#ifndef GS_AGENT_RENEWAL_H
#define GS_AGENT_RENEWAL_H

#include "prog/agent/agent.h"
#include "prog/agent/state.h"

#define RENEWAL_RETRY_SECONDS 60 /* after one that failed */

/* Sends what is pending and, when it is answered with a certificate, stores that and drops what was
 * pending. s: the state before, and after. A refusal by the server also drops it (the next try is a
 * new one): RC_DENIED, with the server's words. RC_IO, RC_MISMATCH (pin), RC_PEER: nobody knows
 * what became of it; it stays. */
struct errand {
	int dirfd;
	const struct host_key *key;
	struct tls_identity *identity; /* to show meanwhile, or NULL */
};
MUST rc errand_run(const struct errand *e, const struct pending *p, struct state *s,
		   struct fault *f);

/* One renewal of s now; one that is pending first. RC_EXPIRED: the clock is unreadable; else as
 * errand_run. */
MUST rc renewal_do(int dirfd, const struct host_key *key, unix_time now, struct state *s,
		   struct fault *f);
/* When the next one is due: half of the certificate's life. */
unix_time renewal_due(const struct state *s);

struct renewal;
/* Watches and renews until it is stopped; dirfd is borrowed. */
MUST rc renewal_start(struct agent *a, int dirfd, struct renewal **ret, struct fault *f);
/* Renews at once; for `greatseal-agent renew`. Thread-safe. */
MUST rc renewal_now(struct renewal *r, struct fault *f);
/* Accepts NULL. */
void renewal_stop(struct renewal *r);

#endif
