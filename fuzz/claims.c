/* Fuzz target: the header Greatseal-Claims. What is accepted has one form. */
#include <assert.h>

#include "lib/proto/claims.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf) struct buf again = {0};
	struct claims c;
	struct fault f;

	if (!rc_is_ok(claims_parse(view_of(data, size), &c, &f)))
		return 0;
	buf_init(&again, CLAIMS_TEXT_MAX);
	assert(rc_is_ok(claims_encode(&c, &again)));
	assert(view_is_equal(buf_view(&again), view_of(data, size)));
	return 0;
}
