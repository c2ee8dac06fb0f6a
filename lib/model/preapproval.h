/* preapproval - a person's yes to exact files before anybody asks for their signatures.
 *
 * {"_type":..,"predicate":{"approver":NAME,"comment":TEXT,"expires":T,"items":[{"content":
 *   "sha256:HEX","format":F,"params":{..},"sha256":HEX},..],"key":NAME,"key_fingerprint":HEX,
 *   "nonce":HEX32,"origin":TEXT,"rule":HEX,"uses":N},"predicateType":"urn:greatseal:preapproval:v1",
 *   "subject":[{"digest":{"sha256":SET},"name":"items"}]}
 * SET is the digest of the items as a set: whoever asks later for exactly these files, in whatever
 * order and under whatever names, finds the seat filled. What the files are called and which
 * product they belong to the requester says later; what is signed is fixed here. uses counts the
 * signatures over the whole set, of all requests together. rule as in an approval: void when the
 * rule changes. Owns: parse and encode, the digest of a set. */
#ifndef GS_MODEL_PREAPPROVAL_H
#define GS_MODEL_PREAPPROVAL_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/act.h"
#include "lib/model/request.h"
#include "lib/model/statement.h"

#define PREAPPROVAL_ITEMS_MAX 128u

struct preapproval_item {
	struct digest sha256;
	struct hash content;
	char format[16];
	struct view params; /* canonical JSON object */
};

struct preapproval {
	struct name person;
	struct name key;
	struct digest key_fingerprint;
	char origin[ORIGIN_MAX + 1];
	uint8_t nonce[REQUEST_NONCE];
	char comment[ACT_COMMENT_MAX + 1];
	struct digest rule;
	unix_time expires;
	uint32_t uses;
	struct preapproval_item items[PREAPPROVAL_ITEMS_MAX]; /* params point into the statement */
	size_t count;
	struct digest set; /* encode computes it itself */
};

/* Form as jcan.h. RC_MISMATCH a statement of another kind, or a subject that is not the set's
 * digest; RC_RANGE no item, uses 0; RC_LIMIT over a maximum; RC_DUPLICATE the same item twice;
 * RC_SYNTAX a field of another shape. After a failure *ret is not defined. */
MUST rc preapproval_parse(struct view bytes, struct preapproval *ret, struct fault *f);
/* Appends; what parse would refuse is refused with the same code. */
MUST rc preapproval_encode(const struct preapproval *p, struct buf *out, struct fault *f);

/* The digest of a request's items as a set. RC_LIMIT: more than a preapproval may name;
 * RC_DUPLICATE the same item twice under two names. */
MUST rc preapproval_set_of(const struct request *r, struct digest *ret);

#endif
