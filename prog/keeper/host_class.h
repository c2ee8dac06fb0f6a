/* host_class - what proves that a host's key is kept as the host claims: one row for each class.
 *
 * Owns: the table. A class without a verifier is refused. */
#ifndef GS_KEEPER_HOST_CLASS_H
#define GS_KEEPER_HOST_CLASS_H

#include "lib/base/fault.h"
#include "lib/crypt/pkey.h"
#include "lib/model/enrolment.h"
#include "lib/model/roster.h"

#define HOST_ATTESTATION_MAX 16384u

struct class_claim {
	const struct enrolment *enrolment;
	const struct pkey *key;
	struct view attestation; /* opaque: its form is the class's */
};

/* RC_OK: proved. RC_UNSUPPORTED: there is no verifier for this class; else what it found wrong,
 * with words. */
MUST rc host_class_verify(enum host_class klass, const struct class_claim *c, struct fault *f);

#endif
