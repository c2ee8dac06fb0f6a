/* Fuzz target: batches of guards' events. What is accepted has one form, event by event too. */
#include <assert.h>

#include "tests/model_echo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf) struct buf again = {0};
	struct guard_batch b;

	if (!rc_is_ok(guard_batch_parse(view_of(data, size), &b, NULL)))
		return 0;
	buf_init(&again, GUARD_BATCH_MAX);
	assert(rc_is_ok(guard_batch_echo(view_of(data, size), &again, NULL)));
	assert(view_is_equal(buf_view(&again), view_of(data, size)));
	return 0;
}
