/* What apt tells the guard's hook: whatever the bytes, reading ends, and an archive has a path. */
#include <stdlib.h>
#include <string.h>

#include "prog/guard/apt_hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever it is: one word, without a byte that a terminal would take for a command. */
static void put_wish(const struct apt_package *p)
{
	AUTO(buf) struct buf out = {0};

	buf_init(&out, APT_HOOK_BYTES);
	apt_hook_put_wish(p, &out);
	if (rc_is_ok(buf_done(&out)))
		for (size_t i = 0; i < out.len; i++)
			if (out.ptr[i] < 0x20 || out.ptr[i] > 0x7e)
				abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size);
	struct apt_package p;

	if (!rc_is_ok(apt_hook_begin(&v, NULL)))
		return 0;
	for (size_t before = v.len; rc_is_ok(apt_hook_next(&v, &p, NULL)); before = v.len)
		if (v.len >= before || p.name.len == 0 || p.version.len == 0 ||
		    p.path.ptr[0] != '/' || memchr(p.path.ptr, 0, p.path.len) != NULL)
			abort();
		else
			put_wish(&p);
	return 0;
}
