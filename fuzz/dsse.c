/* Envelopes that are accepted are bounded; what we write of one is read back as the same. */
#include <stdlib.h>

#include "lib/crypt/dsse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(dsse) struct dsse d = {0};
	AUTO(dsse) struct dsse again = {0};
	AUTO(buf) struct buf out = {0};

	if (!rc_is_ok(dsse_parse(view_of(data, size), &d, NULL)))
		return 0;
	buf_init(&out, 4 * DSSE_BYTES_MAX);
	dsse_put(d.type, buf_view(&d.payload), &d.signatures[0], &out);
	if (!rc_is_ok(buf_done(&out)) || out.len > DSSE_BYTES_MAX)
		return 0;
	if (!rc_is_ok(dsse_parse(buf_view(&out), &again, NULL)) || again.count != 1 ||
	    !view_is_equal(buf_view(&d.payload), buf_view(&again.payload)) ||
	    strcmp(d.type, again.type) != 0 ||
	    strcmp(d.signatures[0].keyid, again.signatures[0].keyid) != 0)
		abort();
	return 0;
}
