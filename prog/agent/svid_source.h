/* svid_source - notices that the SVID in a directory has rotated, and makes what TLS shows of it.
 *
 * Owns: when the files were last read. Must not own: reading and checking them
 * (lib/net/svidsigner.h), connections (pool.h). Thread-safe. */
#ifndef GS_AGENT_SVID_SOURCE_H
#define GS_AGENT_SVID_SOURCE_H

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/net/tls_identity.h"

struct svid_source;

/* RC_NOMEM. */
MUST rc svid_source_new(const char *dir, struct svid_source **ret);
/* Accepts NULL. */
void svid_source_free(struct svid_source *s);
/* *ret: the SVID, the caller's, and *ret_end its end, if the files are others than when it was read
 * last; else NULL. A failure is told once a second. As svid_read and tls_identity_new. */
MUST rc svid_source_look(struct svid_source *s, unix_time now, struct tls_identity **ret,
			 unix_time *ret_end, struct fault *f);

#endif
