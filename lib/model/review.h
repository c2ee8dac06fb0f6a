/* review - what one person says, afterwards, of a use that broke the glass.
 *
 * predicate {"authorize":HEX,"comment":TEXT,"nonce":HEX32,"origin":TEXT,"person":NAME,"time":T,
 * "use":N,"verdict":"ok"|"incident"}, subject name "request" with the request's id. authorize is
 * the SHA-256 of the use's authorize entry, byte for byte as the log has it: whoever reviews has
 * seen that entry, and the statement is for no other use. Owns: parse and encode. */
#ifndef GS_MODEL_REVIEW_H
#define GS_MODEL_REVIEW_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/act.h"

struct review {
	struct digest request;
	struct digest authorize;
	uint32_t use;
	bool incident; /* it should not have been signed: the key is locked */
	struct name person;
	unix_time time; /* by the reviewer's clock */
	char origin[ORIGIN_MAX + 1];
	uint8_t nonce[REQUEST_NONCE];
	char comment[ACT_COMMENT_MAX + 1]; /* not empty */
};

/* "ok", "incident" */
const char *review_verdict(bool incident);

/* Form as jcan.h and field.h; RC_MISMATCH another kind. encode appends, and refuses what parse
 * refuses. */
MUST rc review_parse(struct view bytes, struct review *ret, struct fault *f);
MUST rc review_encode(const struct review *r, struct buf *out, struct fault *f);

#endif
