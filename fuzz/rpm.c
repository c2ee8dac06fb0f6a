/* Headers of rpm packages: whatever the bytes, reading ends, and what is read lies in them. */
#include <stdlib.h>

#include "lib/codec/rpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t tags[] = {1000, 1003, 1023, 1065, 1085, 5020, 5066, 5092, 5093};
	struct rpm_header h;
	uint64_t whole;
	struct view s;
	uint32_t n;

	(void)rpm_lead_check(view_of(data, size), NULL).code;
	for (uint32_t region = RPM_REGION_SIGNATURE; region <= RPM_REGION_MAIN; region++) {
		if (!rc_is_ok(rpm_header_open(view_of(data, size), region, &h, NULL)))
			continue;
		if (!rc_is_ok(rpm_header_size(view_of(data, RPM_INTRO), &whole, NULL)) ||
		    whole != size)
			abort();
		for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
			for (size_t k = 0; k < 3; k++) {
				if (rc_is_ok(rpm_header_string(&h, tags[i], k, &s)) &&
				    (s.ptr < data || s.ptr + s.len >= data + size ||
				     s.ptr[s.len] != 0))
					abort();
				(void)rpm_header_u32(&h, tags[i], k, &n).code;
			}
	}
	return 0;
}
