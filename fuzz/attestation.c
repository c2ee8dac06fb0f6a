/* Whatever of an attestation is read is written back byte for byte. */
#include <stdlib.h>

#include "lib/model/attestation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf) struct buf out = {0};
	struct attestation a;
	struct fault f = {0};

	buf_init(&out, ATTESTATION_BYTES_MAX);
	if (!rc_is_ok(attestation_parse(view_of(data, size), &a, &f)))
		return 0;
	if (!rc_is_ok(attestation_encode(&a, &out, &f)) ||
	    !view_is_equal(buf_view(&out), view_of(data, size)))
		abort();
	return 0;
}
