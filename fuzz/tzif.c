/* A zone file that is accepted gives offsets in range, and local times that lead there and back. */
#include <stdlib.h>

#include "lib/policy/tzif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tzif z;
	struct fault f;

	if (!rc_is_ok(tzif_parse(view_of(data, size), &z, &f)))
		return 0;
	for (int64_t t = -4000000000; t < 8000000000; t += 300000007) {
		unix_time until;
		int32_t offset = tzif_offset(&z, t, &until);
		unix_time at = tzif_instant(&z, t);

		if (offset < TZIF_OFFSET_MIN || offset > TZIF_OFFSET_MAX || until <= t)
			abort();
		if (tzif_latest_local(&z, at) < t || tzif_latest_local(&z, at - 1) >= t)
			abort();
	}
	return 0;
}
