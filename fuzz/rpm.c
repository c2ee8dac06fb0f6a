/* Headers of rpm packages: whatever the bytes, reading ends, and what is read lies in them. */
#include <stdlib.h>

#include "lib/codec/rpm_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every call goes on, so there is an end; what is read lies in the header. */
static void read_scripts(const struct rpm_header *h)
{
	const uint8_t *end = h->bytes.ptr + h->bytes.len;
	struct rpm_scripts at = {0}, before = at;
	struct rpm_script s;
	struct view word;
	uint32_t n;
	rc r;

	for (uint32_t tag = 1000; tag < 1120; tag++)
		if ((rc_is_ok(rpm_header_strings(h, tag, &word, &n)) ||
		     rc_is_ok(rpm_header_u32s(h, tag, &word)) ||
		     rc_is_ok(rpm_header_bytes(h, tag, &word))) &&
		    (word.ptr < h->bytes.ptr || word.len > (size_t)(end - word.ptr)))
			abort();

	for (; (r = rpm_script_next(h, &at, &s)).code != RC_NOTFOUND; before = at) {
		if (at.kind < before.kind || (at.kind == before.kind && at.number <= before.number))
			abort();
		if (!rc_is_ok(r))
			continue;
		if (s.text.len > 0 && (s.text.ptr < h->bytes.ptr || s.text.ptr + s.text.len >= end))
			abort();
		(void)rpm_script_word(h, &s, 1, &word).code;
	}
}

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
		read_scripts(&h);
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
