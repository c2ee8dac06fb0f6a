/* fake_tpm - the part of a TPM 2.0 that enrolment uses, in software, so that a test can also do
 * what no TPM would.
 *
 * Every step asserts. The real thing (swtpm) is asked by tests/interop/tpm.sh and
 * tests/flow/tpm.sh.
 */
#ifndef GS_TESTS_FAKE_TPM_H
#define GS_TESTS_FAKE_TPM_H

#include "lib/base/buf.h"
#include "lib/crypt/pkey.h"
#include "lib/crypt/tpm.h"

#define FAKE_ID_ATTRIBUTES 0x00040072u /* fixedTPM .. sign: what is demanded */

/* Who certifies endorsement keys. */
struct fake_vendor {
	void *key; /* EVP_PKEY */
	void *x509;
	struct buf der;
};
void fake_vendor_new(struct fake_vendor *v, const char *name);
void fake_vendor_free(struct fake_vendor *v);

struct fake_tpm {
	void *ek;
	void *ak;
	struct buf ek_public; /* TPM2B_PUBLIC */
	struct buf ak_public;
	struct buf certificate; /* of the EK; empty: it has none */
	uint8_t ak_name[TPM_NAME];
};
/* vendor NULL: no certificate. */
void fake_tpm_new(struct fake_tpm *t, const struct fake_vendor *vendor);
void fake_tpm_free(struct fake_tpm *t);
/* SHA-256 of the EK's public area. */
struct digest fake_tpm_ek(const struct fake_tpm *t);
/* The TPM2B_PUBLIC of a P-256 key, as if it were in a TPM with these attributes. */
void fake_tpm_public(const struct pkey *key, uint32_t attributes, struct buf *out);
/* TPM2_ActivateCredential; false: the TPM refuses. */
bool fake_tpm_activate(const struct fake_tpm *t, struct view credential, struct view seed,
		       uint8_t secret[TPM_SECRET]);
/* TPM2_Certify by the AK of the key with this public area. */
void fake_tpm_certify(const struct fake_tpm *t, struct view public, struct view words,
		      struct buf *attest, struct buf *signature);

#endif
