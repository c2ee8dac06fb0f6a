/* host_class - what proves that a host's key is kept as the host claims: one row for each class.
 *
 *   software  nothing is proved
 *   vtpm      a TPM with a certificate from a maker of virtual ones
 *   tpm       the one TPM whose endorsement key the invitation names
 *   attested  a TPM with a certificate from a vendor of chips
 * Owns: the table. A class without a verifier is refused. Nothing here looks at who may enrol. */
#ifndef GS_KEEPER_HOST_CLASS_H
#define GS_KEEPER_HOST_CLASS_H

#include "lib/base/fault.h"
#include "lib/crypt/pkey.h"
#include "lib/model/enrolment.h"
#include "lib/model/roster.h"
#include "prog/keeper/tpm_desk.h"

struct class_claim {
	const struct enrolment *enrolment;
	const struct digest *statement; /* its bytes' digest */
	const struct pkey *key;
	struct view attestation;     /* lib/model/attestation.h; empty for software */
	const struct digest *token;  /* of the invitation */
	const struct digest *ek;     /* that the invitation names; zeros: none */
	const struct tpm_desk *desk; /* NULL: there is none */
	unix_time now;
};

/* RC_OK: proved; *ret_ek: the endorsement key's digest, or zeros. RC_UNSUPPORTED: there is no
 * verifier for this class; else what it found wrong, with words. */
MUST rc host_class_verify(enum host_class klass, const struct class_claim *c, struct digest *ret_ek,
			  struct fault *f);

/* What a TPM could prove at most; HOST_TPM holds only if the invitation names its endorsement key,
 * which is not looked at. certificate: of the EK, or empty. */
enum host_class host_class_of_tpm(const struct tpm_desk *desk, const struct tpm_public *ek,
				  struct view certificate, unix_time now);

/* tpm_class.c, for the table alone: that a TPM keeps the key, and which. *ret_ek views the claim's
 * attestation. */
struct attestation;
MUST rc tpm_claim_verify(const struct class_claim *c, struct attestation *ret_parts,
			 struct tpm_public *ret_ek, struct fault *f);
/* SHA-256 of the public area: the name without the identifier of the hash. */
struct digest tpm_ek_digest(const struct tpm_public *ek);

#endif
