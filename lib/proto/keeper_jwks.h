/* keeper_jwks - the one message of the keeper's second socket: an issuer's key set as it was
 * fetched (docs/protocol/keeper.md). Both directions. */
#ifndef GS_PROTO_KEEPER_JWKS_H
#define GS_PROTO_KEEPER_JWKS_H

#include "lib/proto/keeper.h"

/* Views into the body. */
struct keeper_jwks {
	struct view issuer; /* 1 to KEEPER_STRING_MAX bytes of 0x21..0x7e */
	struct view set;    /* 1 to KEEPER_JWKS_MAX bytes, of any form */
};
/* Appends one frame; the buffer's sticky failure says RC_LIMIT. */
void keeper_put_jwks(struct buf *out, uint64_t correlation, const struct keeper_jwks *m);
/* RC_LIMIT, RC_TRUNCATED, RC_TRAILING; RC_SYNTAX empty parts or bytes that an issuer has not. */
MUST rc keeper_get_jwks(struct view body, struct keeper_jwks *ret);

#endif
