#include "lib/base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

rc secret_new(struct secret *s, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t mapped;
	void *p;

	if (len == 0 || len > SECRET_MAX)
		return RC(RC_LIMIT);
	mapped = (len + page - 1) / page * page;
	p = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return RC(RC_NOMEM);
	/* Best effort: an unprivileged process may be over RLIMIT_MEMLOCK; swap is then the
	 * administrator's matter (the keeper's unit raises the limit). */
	(void)mlock(p, mapped);
	(void)madvise(p, mapped, MADV_DONTDUMP);
	*s = (struct secret){.ptr = (uint8_t *)p, .len = len, .mapped = mapped};
	return OK;
}

void secret_release(struct secret *s)
{
	if (s == NULL || s->ptr == NULL)
		return;
	secret_wipe(s->ptr, s->len);
	(void)munmap(s->ptr, s->mapped);
	*s = (struct secret){0};
}

void secret_wipe(void *p, size_t n)
{
	if (n > 0) /* there may be nothing at all */
		explicit_bzero(p, n);
}

void secret_buf_release(struct buf *b)
{
	if (b->ptr != NULL)
		secret_wipe(b->ptr, b->cap);
	buf_release(b);
}

bool ct_equal(struct view a, struct view b)
{
	uint8_t diff = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		diff |= (uint8_t)(a.ptr[i] ^ b.ptr[i]);
	return diff == 0;
}
