/* A guard token from outside: what is accepted is encoded to the same bytes. */
#include <stdlib.h>

#include "lib/model/guard_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf) struct buf again;
	struct guard_token t;

	buf_init(&again, GUARD_TOKEN_BYTES_MAX);
	if (rc_is_ok(guard_token_parse(view_of(data, size), &t, NULL)) &&
	    (!rc_is_ok(guard_token_encode(&t, &again, NULL)) ||
	     !view_is_equal(buf_view(&again), view_of(data, size))))
		abort();
	return 0;
}
