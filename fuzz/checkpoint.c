/* Checkpoint text: put(parse(x)) == x. */
#include <stdlib.h>

#include "lib/tlog/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct checkpoint c;
	struct fault f;
	AUTO(buf) struct buf b;

	buf_init(&b, 4096);
	if (!rc_is_ok(checkpoint_parse(view_of(data, size), &c, &f)))
		return 0;
	checkpoint_put(&c, &b);
	if (!view_is_equal(buf_view(&b), view_of(data, size)))
		abort();
	return 0;
}
