/* guard - what hosts' guards report, and hosts that report nothing any more.
 *
 * A batch is signed by the host's key, so a host speaks for itself alone, whichever way it came.
 * Owns: whose a batch is. Must not own: its form (lib/model/guard_batch.h), the rows
 * (lib/store). */
#ifndef GS_SERVER_GUARD_H
#define GS_SERVER_GUARD_H

#include "lib/model/guard_batch.h"
#include "prog/server/server.h"

/* Seconds that a batch's time may differ from the server's clock. */
#define GUARD_SKEW 120

/* Marks hosts that have been silent for too long and logs an alarm for each; forgets what is old
 * once an hour. */
void guard_watch(struct server *s, unix_time now);
/* Whether a host's key has signed these bytes in that namespace, and the host may speak now.
 * Refuses with who.host, host.locked, host.expired, host.unenrolled, sig.host, keeper.unavailable.
 */
MUST rc guard_verify(struct call_ctx *c, const struct name *host, const char *ns, struct view bytes,
		     struct view proof);

#endif
