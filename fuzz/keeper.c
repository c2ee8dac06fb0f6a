/* Whatever the keeper's decoders accept, the encoders write back byte for byte. */
#include <stdlib.h>

#include "tests/keeper_echo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf) struct buf out;
	struct view in = view_of(data, size);
	struct keeper_header h;
	struct view body;

	buf_init(&out, KEEPER_FRAME_MAX);
	if (!rc_is_ok(keeper_header_parse(in, &h)) ||
	    !rc_is_ok(view_slice(in, KEEPER_HEADER, h.body_len, &body)) ||
	    !rc_is_ok(keeper_echo(&h, body, &out)))
		return 0;
	if (h.type == KEEPER_HELLO)
		return 0; /* a client of another protocol is answered, so its number is not fixed */
	if (!rc_is_ok(buf_done(&out)) ||
	    !view_is_equal(buf_view(&out), view_of(data, KEEPER_HEADER + h.body_len)))
		abort();
	return 0;
}
