/* Fuzz target: base64 in three forms and armor. What is accepted encodes to the same text. */
#include <assert.h>

#include "lib/codec/base64.h"
#include "lib/codec/pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pem_kind kind = {.label = "SSH SIGNATURE", .columns = 70};
	struct view text = view_of(data, size);
	AUTO(buf) struct buf bytes;
	AUTO(buf) struct buf back;
	struct fault f;

	buf_init(&bytes, size);
	buf_init(&back, size + 1);
	for (int form = BASE64_STD; form <= BASE64_URL; form++) {
		buf_clear(&bytes);
		buf_clear(&back);
		if (rc_is_ok(base64_parse((enum base64_form)form, text, &bytes, &f))) {
			base64_put((enum base64_form)form, buf_view(&bytes), &back);
			assert(view_is_equal(buf_view(&back), text));
		}
	}
	buf_clear(&bytes);
	buf_clear(&back);
	if (rc_is_ok(pem_parse(&kind, text, &bytes, &f))) {
		pem_put(&kind, buf_view(&bytes), &back);
		assert(view_is_equal(buf_view(&back), text));
	}
	return 0;
}
