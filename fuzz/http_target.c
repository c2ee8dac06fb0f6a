/* Fuzz target: request targets. What is accepted has plain segments and printable parameters. */
#include <assert.h>

#include "lib/net/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_target t;
	struct fault f;

	if (!rc_is_ok(http_target_parse(view_of(data, size), &t, &f)))
		return 0;
	for (size_t i = 0; i < t.segment_count; i++)
		assert(t.segments[i].len > 0 && !view_is(t.segments[i], ".."));
	for (size_t i = 0; i < t.param_count; i++) {
		for (size_t k = 0; k < t.params[i].value.len; k++)
			assert(t.params[i].value.ptr[k] >= 0x20 &&
			       t.params[i].value.ptr[k] != 0x7f);
	}
	return 0;
}
