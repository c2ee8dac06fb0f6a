/* Two reports as JSON, parted by a zero byte, compared and shown: they may come from a peer. */
#include <string.h>

#include "lib/format/diff.h"
#include "lib/format/report_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *zero = size == 0 ? NULL : (const uint8_t *)memchr(data, 0, size);
	size_t first = zero == NULL ? size : (size_t)(zero - data);
	json_t *a = json_loadb((const char *)data, first, JSON_REJECT_DUPLICATES, NULL);
	json_t *b = zero == NULL ? json_incref(a)
				 : json_loadb((const char *)zero + 1, size - first - 1,
					      JSON_REJECT_DUPLICATES, NULL);
	AUTO(buf) struct buf out = {0};
	json_t *diff = NULL;

	buf_init(&out, 4 << 20);
	if (rc_is_ok(report_diff(a, b, &diff, NULL)))
		rc_ignore(diff_print_text(diff, (struct text_style){.colour = true}, &out, NULL),
			  "only that it ends");
	rc_ignore(report_print_text(a, (struct text_style){.all = true}, &out, NULL),
		  "only that it ends");
	json_decref(diff);
	json_decref(a);
	json_decref(b);
	return 0;
}
