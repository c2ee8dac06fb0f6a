/* Receipts are files in a home directory: what is read is written again as the same act, and a
 * check stays within its bounds. */
#include <stdlib.h>

#include "prog/cli/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vkey log = {.name = "log.example", .id = {1, 2, 3, 4}};
	AUTO(receipt) struct receipt r = {0};
	AUTO(receipt) struct receipt again = {0};
	AUTO(buf) struct buf text = {0};
	struct fault f;

	buf_init(&text, RECEIPT_BYTES_MAX * 2);
	if (!rc_is_ok(receipt_parse(view_of(data, size), &r, &f)))
		return 0;
	if (!rc_is_ok(receipt_encode(&r, &text, &f)) ||
	    !rc_is_ok(receipt_parse(buf_view(&text), &again, &f)) ||
	    !digest_is_equal(&r.digest, &again.digest) || r.sent != again.sent)
		abort();
	if (r.proof.len > 0 && rc_is_ok(receipt_check(&r, &log, r.sent, &f)))
		abort(); /* no signature by chance */
	return 0;
}
