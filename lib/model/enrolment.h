/* enrolment - what a host says of its own key, when it enrols and each time it renews.
 *
 * predicate {"class":CLASS,"counter":N,"host":NAME,"nonce":HEX32,"origin":TEXT,"time":T}, subject
 * name "host-key" with the SHA-256 of the key's SubjectPublicKeyInfo. counter is 0 for an
 * enrolment, else the number of this renewal; a number is used once, so a copy of a host shows
 * itself when both have renewed. class is how the key is kept, as the host claims. time is the
 * host's clock, for people alone: what makes a statement fresh is the counter and, for an
 * enrolment, the invitation, whose token signs the same bytes (host_token.h). */
#ifndef GS_MODEL_ENROLMENT_H
#define GS_MODEL_ENROLMENT_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/model/request.h"
#include "lib/model/statement.h"

#define ENROLMENT_CLASS_MAX 15
#define ENROLMENT_COUNTER_MAX ((uint64_t)1 << 40)

struct enrolment {
	char klass[ENROLMENT_CLASS_MAX + 1]; /* a token; whether it is a class is not looked at */
	uint64_t counter;
	struct name host;
	uint8_t nonce[REQUEST_NONCE];
	char origin[ORIGIN_MAX + 1];
	unix_time time;
	struct digest key; /* of the SubjectPublicKeyInfo */
};

/* Form as jcan.h and field.h; RC_MISMATCH another kind of statement. encode appends, and refuses
 * what parse refuses. */
MUST rc enrolment_parse(struct view bytes, struct enrolment *ret, struct fault *f);
MUST rc enrolment_encode(const struct enrolment *e, struct buf *out, struct fault *f);

#endif
