/* tpm - judging what a TPM 2.0 says about its keys, without having one.
 *
 * Structures of the TPM 2.0 Library Specification, Part 2 (numbers of sections in tpm.c), exactly
 * as a TPM writes them. Three keys take part: the endorsement key (EK), made by the TPM's vendor,
 * who certifies it and which only decrypts; the attestation key (AK), which signs nothing but what
 * its own TPM says; the identity key, which is the host's. What ties them: only the TPM with the EK
 * can open a credential that names the AK (Part 1, 24), and the AK certifies that the identity key
 * is in its TPM and cannot leave it (Part 3, 18.2). Owns: reading, the templates that are accepted,
 * the three proofs. Must not own: who may enrol, what a class is worth, talking to a TPM
 * (prog/agent). */
#ifndef GS_CRYPT_TPM_H
#define GS_CRYPT_TPM_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define TPM_PUBLIC_MAX 512u /* TPM2B_PUBLIC */
#define TPM_ATTEST_MAX 512u /* TPMS_ATTEST */
#define TPM_SIGNATURE_MAX 128u
#define TPM_NAME 34 /* SHA-256's identifier and the digest */
#define TPM_SECRET 32
#define TPM_SEED 32
#define TPM_CREDENTIAL_MAX 128u
#define TPM_ENCRYPTED_SEED_MAX 512u

enum tpm_role {
	TPM_ENDORSEMENT, /* RSA 2048 after template L-1 of the TCG EK Credential Profile */
	TPM_ATTESTATION, /* P-256, restricted, signs */
	TPM_IDENTITY,	 /* P-256, not restricted, signs */
};

/* A public area. Views borrow the bytes it was read from. */
struct tpm_public {
	enum tpm_role role;
	uint8_t name[TPM_NAME]; /* by which a TPM knows the object (Part 1, 16) */
	struct view modulus;	/* endorsement: 256 bytes; the exponent is 65537 */
	struct view x;		/* the others: 32 bytes each */
	struct view y;
};

/* Reads one TPM2B_PUBLIC and demands what its role does: made in this TPM (sensitiveDataOrigin),
 * never to leave it (fixedTPM, fixedParent), SHA-256, and use, scheme and size as above.
 * RC_TRUNCATED, RC_TRAILING, RC_LIMIT the form; RC_UNSUPPORTED another algorithm, size or curve;
 * RC_DENIED attributes that the role forbids or lacks. That the point is on the curve is seen when
 * the key is used. */
MUST rc tpm_public_parse(struct view tpm2b, enum tpm_role role, struct tpm_public *ret,
			 struct fault *f);
/* The SubjectPublicKeyInfo of an attestation or identity key, for pkey_from_spki. RC_USAGE another
 * role; what buf_done says. */
MUST rc tpm_public_spki(const struct tpm_public *p, struct buf *out);

/* That the certificate (DER) is for this EK (RC_MISMATCH), for an EK
 * (extendedKeyUsage 2.23.133.8.1; RC_DENIED), and leads to one of the roots, through any of the
 * others, at `when` (RC_DENIED, RC_EXPIRED). Vendors sign with RSA and ECDSA, SHA-256 and better;
 * critical extensions other than the TPM's own subjectAltName are as OpenSSL judges them.
 * RC_SYNTAX, RC_LIMIT not a certificate; RC_CRYPTO, RC_NOMEM. */
#define TPM_CERTIFICATES_MAX 64u
struct tpm_vendor {
	const struct view *roots;
	size_t root_count;
	const struct view *others;
	size_t other_count;
};
MUST rc tpm_ek_check(const struct tpm_public *ek, struct view certificate,
		     const struct tpm_vendor *vendor, unix_time when, struct fault *f);

/* What only the TPM that holds ek can turn into secret, and only for an object of that name. seed:
 * random bytes. Appends a TPM2B_ID_OBJECT and a TPM2B_ENCRYPTED_SECRET, what
 * TPM2_ActivateCredential takes. RC_USAGE ek has another role; RC_CRYPTO; what buf_done says. */
struct tpm_challenge {
	const uint8_t *secret; /* TPM_SECRET bytes */
	const uint8_t *seed;   /* TPM_SEED bytes */
};
MUST rc tpm_credential_make(const struct tpm_public *ek, const uint8_t name[TPM_NAME],
			    const struct tpm_challenge *c, struct buf *credential, struct buf *seed,
			    struct fault *f);

/* That the AK says: the object `of` is in my TPM, with these words of yours. attest: TPMS_ATTEST;
 * signature: TPMT_SIGNATURE (ECDSA with SHA-256); qualifying: what was to be repeated, 1..64 bytes.
 * RC_TRUNCATED, RC_TRAILING the form; RC_UNSUPPORTED another algorithm; RC_MISMATCH not made by a
 * TPM, not a certification, of another object or with other words; RC_BADSIG. */
struct tpm_certification {
	struct view attest;
	struct view signature;
	struct view qualifying;
};
MUST rc tpm_certification_verify(const struct tpm_public *ak, const struct tpm_public *of,
				 const struct tpm_certification *c, struct fault *f);

#endif
