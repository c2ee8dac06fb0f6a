/* A call's header that is accepted is written back byte for byte. */
#include <stdlib.h>

#include "lib/model/call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf out;
	struct call c = {0};
	struct fault f;

	buf_init(&sig, CALL_HOST_HEADER_MAX);
	buf_init(&out, CALL_HOST_HEADER_MAX);
	if (!rc_is_ok(call_header_parse(view_of(data, size), &c, &sig, &f)))
		return 0;
	if (!rc_is_ok(call_header_encode(&c, buf_view(&sig), &out)) ||
	    !view_is_equal(buf_view(&out), view_of(data, size)))
		abort();
	return 0;
}
