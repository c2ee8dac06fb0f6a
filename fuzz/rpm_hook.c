/* What rpm's plugin tells the guard: whatever the bytes, reading ends, and what is shown is plain.
 */
#include <stdlib.h>

#include "prog/guard/rpm_hook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size);
	struct rpm_line p;

	if (!rc_is_ok(rpm_hook_begin(&v, NULL)))
		return 0;
	for (size_t before = v.len; rc_is_ok(rpm_hook_next(&v, &p, NULL)); before = v.len) {
		if (v.len >= before || p.shown.len == 0)
			abort();
		for (size_t i = 0; i < p.shown.len; i++)
			if (p.shown.ptr[i] < 0x20 || p.shown.ptr[i] > 0x7e)
				abort();
	}
	return 0;
}
