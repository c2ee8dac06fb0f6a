/* kernel_none - level kernel where the guard was built without libbpf or a compiler for it. */
#include "prog/guard/kernel.h"

rc kernel_attach(struct kernel *k, struct fault *f)
{
	(void)k;
	return fault_set(f, RC_UNSUPPORTED, 0, "built without libbpf");
}

bool kernel_is_pinned(void)
{
	return false;
}

rc kernel_release(struct fault *f)
{
	return fault_set(f, RC_UNSUPPORTED, 0, "built without libbpf");
}
