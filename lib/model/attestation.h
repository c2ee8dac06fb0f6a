/* attestation - what a host hands in with its enrolment when a TPM keeps its key.
 *
 * Bytes: u8 1, u64 time, then six strings of a 32-bit length each (all big-endian): the endorsement
 * key's TPM2B_PUBLIC, its certificate (DER, or empty), the attestation key's TPM2B_PUBLIC, the
 * identity key's, TPMS_ATTEST, TPMT_SIGNATURE. time is that of the keeper's challenge. The words
 * that the TPM repeats in its certification come from the secret of that challenge and from the
 * enrolment statement, so the certification is good for this statement alone and shows that the
 * challenge was opened; the secret itself is never sent. Owns: those bytes and those words. Must
 * not own: whether they prove anything (prog/keeper/tpm_class.c). */
#ifndef GS_MODEL_ATTESTATION_H
#define GS_MODEL_ATTESTATION_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/tpm.h"

#define EK_CERTIFICATE_MAX 4096u
#define ATTESTATION_BYTES_MAX                                                                      \
	(1u + 8u + 6u * 4u + 3u * (2u + TPM_PUBLIC_MAX) + EK_CERTIFICATE_MAX + TPM_ATTEST_MAX +    \
	 TPM_SIGNATURE_MAX)

struct attestation {
	unix_time time;
	struct view ek;
	struct view certificate;
	struct view ak;
	struct view key;
	struct view attest;
	struct view signature;
};

/* Views borrow. RC_UNKNOWN version; RC_TRUNCATED, RC_TRAILING, RC_LIMIT, RC_RANGE (time) the form.
 */
MUST rc attestation_parse(struct view bytes, struct attestation *ret, struct fault *f);
/* Appends. RC_LIMIT, RC_RANGE what parse would refuse; what buf_done says. */
MUST rc attestation_encode(const struct attestation *a, struct buf *out, struct fault *f);
/* What the attestation key is asked to repeat (qualifyingData). */
struct digest attestation_words(const uint8_t secret[TPM_SECRET], const struct digest *statement);

#endif
