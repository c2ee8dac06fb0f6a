#include "prog/keeper/host_class.h"

/* Nothing is proved, so nothing may pretend to. */
static rc verify_software(const struct class_claim *c, struct fault *f)
{
	if (c->attestation.len > 0)
		return fault_set(f, RC_MISMATCH, 0, "class software has no attestation");
	return OK;
}

static rc (*const verifiers[HOST_CLASSES])(const struct class_claim *c, struct fault *f) = {
	[HOST_SOFTWARE] = verify_software,
};

rc host_class_verify(enum host_class klass, const struct class_claim *c, struct fault *f)
{
	if ((unsigned)klass >= HOST_CLASSES || verifiers[klass] == NULL)
		return fault_set(f, RC_UNSUPPORTED, 0, "class %s: this keeper cannot verify it",
				 host_class_name(klass));
	return verifiers[klass](c, f);
}
