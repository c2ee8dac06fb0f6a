/* A calendar time that is accepted comes, and next and last stay on their own side. */
#include <stdlib.h>

#include "lib/policy/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct calendar c;
	struct fault f;
	int64_t first;
	int64_t at;

	if (!rc_is_ok(calendar_parse(view_of(data, size), &c, &f)))
		return 0;
	if (!rc_is_ok(calendar_next(&c, 0, &first)) || !rc_is_ok(calendar_last(&c, first, &at)) ||
	    at != first)
		abort();
	for (int64_t t = -4000000000; t < 8000000000; t += 300000007) {
		if (rc_is_ok(calendar_next(&c, t, &at)) && at < t)
			abort();
		if (rc_is_ok(calendar_last(&c, t, &at)) && (at > t || at < first))
			abort();
	}
	return 0;
}
