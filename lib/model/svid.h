/* svid - hosts that the roster knows by their SPIFFE ID: whose key a host proof was made with.
 *
 * Owns: ID and roots of the roster for lib/crypt/spiffe.h. Must not own: the signature, what it is
 * over. */
#ifndef GS_MODEL_SVID_H
#define GS_MODEL_SVID_H

#include "lib/base/clock.h"
#include "lib/crypt/spiffe.h"
#include "lib/model/roster.h"

/* The key that these certificates, the SVID first, give host, which has a SPIFFE ID, at that time;
 * the caller's. RC_NOTFOUND: the roster has no roots for the trust domain; else as svid_verify. */
MUST rc roster_svid_verify(const struct roster *r, const struct principal *host,
			   const struct view *chain, size_t count, unix_time when,
			   struct sshkey **ret, struct fault *f);
/* The key that the proof's certificates give host, which has a SPIFFE ID, at that time; the
 * caller's. RC_NOTFOUND: the roster has no roots for the trust domain; RC_MISMATCH: also a
 * signature by another key; else as svid_verify. The signature itself is not verified. */
MUST rc roster_svid_key(const struct roster *r, const struct principal *host,
			const struct svid_proof *p, unix_time when, struct sshkey **ret,
			struct fault *f);
/* For proofs that were good when they came: their certificates live an hour and requests wait for
 * days, so they are judged in the last second in which all of them lived if that is before `limit`;
 * what had ended before the leaf began is no part of its path. What may have changed since is the
 * roster. As x509_parse. */
MUST rc svid_moment(const struct svid_proof *p, unix_time limit, unix_time *ret, struct fault *f);

#endif
