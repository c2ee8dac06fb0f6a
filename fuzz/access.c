/* Grants and their ends that are accepted encode to the same bytes. */
#include <stdlib.h>

#include "lib/model/access.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_of(data, size);
	struct access_change c;
	struct buf out;

	if (!rc_is_ok(access_change_parse(in, &c, NULL)))
		return 0;
	buf_init(&out, ACCESS_BYTES_MAX);
	if (!rc_is_ok(access_change_encode(&c, &out, NULL)) || !view_is_equal(in, buf_view(&out)))
		abort();
	buf_release(&out);
	return 0;
}
