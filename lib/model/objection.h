/* objection - a statement against a policy or roster that its quorum has accepted and that waits
 * for its time to come.
 *
 * predicate {"comment":TEXT,"expires":T}, subject name "change" with the SHA-256 of the statement
 * that is objected to. No origin, as in change.h: one objection is good for every keeper that has
 * accepted it. Signatures travel beside the bytes as in change.h. Owns: parse and encode. */
#ifndef GS_MODEL_OBJECTION_H
#define GS_MODEL_OBJECTION_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/change.h"

struct objection {
	struct digest change;
	unix_time expires;
	char comment[CHANGE_COMMENT_MAX + 1];
};

/* Form as jcan.h and field.h; RC_MISMATCH another kind. encode appends, and refuses what parse
 * refuses. */
MUST rc objection_parse(struct view bytes, struct objection *ret, struct fault *f);
MUST rc objection_encode(const struct objection *o, struct buf *out, struct fault *f);

#endif
