/* Signatures in and beside a file from outside. Byte 0 chooses what the rest is: the file, what
 * lies beside it, or its attribute security.ima. Whatever is said to be good is good. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/seen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rc check(void *ctx, const struct seen *s)
{
	struct pkey *key = NULL;

	(void)ctx;
	if (!rc_is_ok(pkey_from_spki(s->spki, &key, NULL)) ||
	    !digest_is_equal(pkey_fingerprint(key), &s->key))
		abort();
	if (s->state == SEEN_GOOD && s->message.len > 0) {
		struct hash h = hash_of(s->hash, s->message);

		if (!hash_is_equal(&h, &s->digest))
			abort();
	}
	pkey_destroy(key);
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(fd) int fd = memfd_create("file", MFD_CLOEXEC);
	struct seen_input in = {.fd = fd};
	struct seen_count count;

	if (size == 0 || fd < 0)
		return 0;
	if (data[0] == 1)
		in.beside = view_of(data + 1, size - 1);
	else if (data[0] == 2)
		in.ima = view_of(data + 1, size - 1);
	else if (!rc_is_ok(fd_pwrite_full(fd, data + 1, size - 1, 0, NULL)))
		return 0;
	rc_ignore(seen_scan(&in, check, NULL, &count, NULL), "any answer");
	return 0;
}
