/* keeper_caller - the question whose token this is that came with a call, instead of a signature
 * (docs/protocol/keeper.md). Both directions. */
#ifndef GS_PROTO_KEEPER_CALLER_H
#define GS_PROTO_KEEPER_CALLER_H

#include "lib/proto/keeper.h"

/* Views into the body. */
struct keeper_caller {
	struct view service; /* 1 to NAME_MAX_LEN bytes, of any form */
	struct view token;   /* 1 to KEEPER_SIG_MAX bytes, of any form */
};
/* Appends one frame; the buffer's sticky failure says RC_LIMIT. */
void keeper_put_caller(struct buf *out, uint64_t correlation, const struct keeper_caller *m);
/* RC_LIMIT, RC_TRUNCATED, RC_TRAILING; RC_SYNTAX empty parts. */
MUST rc keeper_get_caller(struct view body, struct keeper_caller *ret);

#endif
