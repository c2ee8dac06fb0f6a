#include "prog/keeper/host_class.h"

#include "lib/model/attestation.h"

static const struct digest none;

/* Nothing is proved, so nothing may pretend to. */
static rc verify_software(const struct class_claim *c, struct digest *ret_ek, struct fault *f)
{
	if (c->attestation.len > 0)
		return fault_set(f, RC_MISMATCH, 0, "class software has no attestation");
	if (!digest_is_equal(c->ek, &none))
		return fault_set(f, RC_DENIED, 0,
				 "the invitation is for the one TPM that it names (class tpm)");
	*ret_ek = none;
	return OK;
}

/* The proof, and the invitation's word about the TPM, which holds for every class. */
static rc verify_proof(const struct class_claim *c, struct attestation *parts,
		       struct tpm_public *ek, struct digest *ret_ek, struct fault *f)
{
	struct digest have;
	char hex[DIGEST_HEX];

	TRY(tpm_claim_verify(c, parts, ek, f));
	have = tpm_ek_digest(ek);
	digest_hex(&have, hex);
	if (!digest_is_equal(c->ek, &none) && !digest_is_equal(c->ek, &have))
		return fault_set(f, RC_DENIED, 0,
				 "the invitation names another TPM than the one with ek %s", hex);
	*ret_ek = have;
	return OK;
}

static rc verify_certified(const struct class_claim *c, bool is_virtual, struct digest *ret_ek,
			   struct fault *f)
{
	struct attestation parts;
	struct tpm_public ek;

	TRY(verify_proof(c, &parts, &ek, ret_ek, f));
	return tpm_ek_check(&ek, parts.certificate, tpm_desk_vendor(c->desk, is_virtual), c->now,
			    f);
}

static rc verify_vtpm(const struct class_claim *c, struct digest *ret_ek, struct fault *f)
{
	return verify_certified(c, true, ret_ek, f);
}

static rc verify_attested(const struct class_claim *c, struct digest *ret_ek, struct fault *f)
{
	return verify_certified(c, false, ret_ek, f);
}

/* No vendor's word, or one that this keeper does not know: an administrator's. */
static rc verify_tpm(const struct class_claim *c, struct digest *ret_ek, struct fault *f)
{
	struct attestation parts;
	struct tpm_public ek;
	char hex[DIGEST_HEX];

	TRY(verify_proof(c, &parts, &ek, ret_ek, f));
	digest_hex(ret_ek, hex);
	if (digest_is_equal(c->ek, &none))
		return fault_set(f, RC_DENIED, 0,
				 "the invitation names no TPM: invite it with --ek %s", hex);
	return OK;
}

static rc (*const verifiers[HOST_CLASSES])(const struct class_claim *c, struct digest *ret_ek,
					   struct fault *f) = {
	[HOST_SOFTWARE] = verify_software,
	[HOST_VTPM] = verify_vtpm,
	[HOST_TPM] = verify_tpm,
	[HOST_ATTESTED] = verify_attested,
};

rc host_class_verify(enum host_class klass, const struct class_claim *c, struct digest *ret_ek,
		     struct fault *f)
{
	if ((unsigned)klass >= HOST_CLASSES || verifiers[klass] == NULL)
		return fault_set(f, RC_UNSUPPORTED, 0, "class %s: this keeper cannot verify it",
				 host_class_name(klass));
	return verifiers[klass](c, ret_ek, f);
}

enum host_class host_class_of_tpm(const struct tpm_desk *desk, const struct tpm_public *ek,
				  struct view certificate, unix_time now)
{
	if (certificate.len == 0)
		return HOST_TPM;
	if (rc_is_ok(tpm_ek_check(ek, certificate, tpm_desk_vendor(desk, false), now, NULL)))
		return HOST_ATTESTED;
	if (rc_is_ok(tpm_ek_check(ek, certificate, tpm_desk_vendor(desk, true), now, NULL)))
		return HOST_VTPM;
	return HOST_TPM;
}
