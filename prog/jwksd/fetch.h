/* fetch - an issuer's key set over the network: discovery, then the set, within fixed limits.
 *
 * Owns: what may be called and how long. Must not own: what a set may look like (the keeper reads
 * it), when it is fetched (main.c). */
#ifndef GS_JWKSD_FETCH_H
#define GS_JWKSD_FETCH_H

#include "lib/base/buf.h"
#include "prog/jwksd/conf.h"

/* Appends the set's bytes to out, which holds ANSWER_MAX. RC_IO and RC_NOTFOUND: the issuer is not
 * reached, or not in time; RC_MISMATCH: its certificate, or another issuer in discovery; RC_DENIED:
 * it redirects; RC_STATE: another status than 200; RC_LIMIT: too large; RC_SYNTAX: not JSON. */
MUST rc fetch_set(const struct conf *c, const struct issuer *from, struct buf *out,
		  struct fault *f);

#endif
