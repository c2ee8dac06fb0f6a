/* Apart from start.c because <sys/mman.h> has a pkey_destroy() of its own. */
#include <sys/mman.h>
#include <sys/resource.h>

void memory_lock(void);

void memory_lock(void)
{
	struct rlimit lock;

	/* All or nothing: with a small limit, locking what comes later would fail allocations. */
	if (getrlimit(RLIMIT_MEMLOCK, &lock) == 0 && lock.rlim_cur == RLIM_INFINITY)
		(void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}
