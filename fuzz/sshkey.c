/* Fuzz target: public key blobs and lines. What is accepted writes itself back byte for byte. */
#include <assert.h>

#include "lib/crypt/sshkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(sshkey) struct sshkey *blob = NULL;
	AUTO(sshkey) struct sshkey *line = NULL;
	AUTO(buf) struct buf out;
	struct view comment;
	struct fault f;

	buf_init(&out, SSHKEY_LINE_MAX);
	if (rc_is_ok(sshkey_parse_blob(view_of(data, size), &blob, &f)))
		assert(view_is_equal(sshkey_blob(blob), view_of(data, size)));
	if (rc_is_ok(sshkey_parse_line(view_of(data, size), &line, &comment, &f))) {
		sshkey_put_line(line, comment, &out);
		if (data[size - 1] == '\n')
			buf_put_u8(&out, '\n');
		assert(view_is_equal(buf_view(&out), view_of(data, size)));
	}
	return 0;
}
