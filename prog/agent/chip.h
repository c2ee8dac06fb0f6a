/* chip - this host's TPM 2.0: an identity key that stays in it, and the proof of that.
 *
 * Keys are made anew from the TPM's own seeds when it is opened (storage key), or come from a blob
 * that only this TPM can load (identity key); nothing is left in the TPM but the one loaded key,
 * and what a crash left there is flushed. With /dev/tpmrm0 others may use the TPM beside the agent;
 * without a resource manager the agent is its only user. A TPM that does not answer is tried anew
 * at the next use. Owns: the conversation with the TPM. Must not own: files, what is signed.
 * Thread-safe.
 */
#ifndef GS_AGENT_CHIP_H
#define GS_AGENT_CHIP_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/tpm.h"

#define CHIP_BLOB_MAX 1024u
#define CHIP_CERTIFICATE_MAX 4096u

struct chip;
/* where: "device:PATH" or "swtpm:CONFIGURATION" (as tss2-tcti-device(7), tss2-tcti-swtpm(7)). Opens
 * nothing yet. RC_USAGE: neither. */
MUST rc chip_new(const char *where, struct chip **ret, struct fault *f);
/* Accepts NULL. Flushes what it loaded. */
void chip_free(struct chip *c);

/* Makes an identity key and appends its blob: TPM2B_PUBLIC and TPM2B_PRIVATE. RC_NOTFOUND: there is
 * no TPM; RC_TOKEN: it refused, with the TPM's own code. */
MUST rc chip_key_make(struct chip *c, struct buf *blob, struct fault *f);
/* Takes a copy of the blob as the key to use from now on; public: its TPM2B_PUBLIC, borrowed from
 * the copy. RC_CORRUPT. The TPM is not asked. */
MUST rc chip_key_use(struct chip *c, struct view blob, struct view *ret_public, struct fault *f);
/* Appends the DER ECDSA-Sig-Value over a SHA-256 digest. */
MUST rc chip_sign(struct chip *c, const struct digest *d, struct buf *out, struct fault *f);

/* Of this TPM: TPM2B_PUBLIC of the endorsement key, its certificate (DER; empty: there is none),
 * and that of an attestation key that is made for this one enrolment. */
struct chip_identity {
	struct buf ek;
	struct buf certificate;
	struct buf ak;
};
void chip_identity_init(struct chip_identity *i);
void chip_identity_release(struct chip_identity *i);
AUTO_DEFINE(chip_identity, struct chip_identity, chip_identity_release)
MUST rc chip_identify(struct chip *c, struct chip_identity *ret, struct fault *f);
/* After chip_identify: opens a credential for its two keys. */
MUST rc chip_activate(struct chip *c, struct view credential, struct view seed,
		      uint8_t secret[TPM_SECRET], struct fault *f);
/* After that: the attestation key says that the key in use is in this TPM. Appends TPMS_ATTEST and
 * TPMT_SIGNATURE. */
MUST rc chip_certify(struct chip *c, const struct digest *words, struct buf *attest,
		     struct buf *signature, struct fault *f);

#endif
