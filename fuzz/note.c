/* Notes and vkeys: what is accepted has one spelling, and nobody signs without the key. */
#include <stdlib.h>

#include "lib/tlog/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void vkey(struct view text)
{
	struct vkey k;
	struct fault f;
	AUTO(buf) struct buf b;

	buf_init(&b, 4096);
	if (!rc_is_ok(vkey_parse(text, &k, &f)))
		return;
	vkey_put(&k, &b);
	if (!view_is_equal(buf_view(&b), text))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vkey k = {.name = "log.example", .id = {1, 2, 3, 4}};
	struct checkpoint c;
	struct note n;
	struct fault f;

	vkey(view_of(data, size));
	if (!rc_is_ok(note_parse(view_of(data, size), &n, &f)))
		return 0;
	if (n.count == 0 || n.text.len == 0 || n.text.ptr[n.text.len - 1] != '\n')
		abort();
	/* The key is 32 zero bytes: a point of small order, for which forgeries exist; not by
	 * chance. */
	rc_ignore(checkpoint_open(view_of(data, size), &k, &c, &f), "only memory errors count");
	return 0;
}
