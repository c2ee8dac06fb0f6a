/* A PE image from outside: digest, extraction, verification; an image that can be signed must come
 * back the same (insert, restore). */
#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/signed_object.h"
#include "lib/base/fd.h"
#include "lib/format/pe_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(fd) int in = memfd_create("in", MFD_CLOEXEC);
	AUTO(fd) int out = memfd_create("out", MFD_CLOEXEC);
	AUTO(buf) struct buf object = {.max = FILE_OBJECT_MAX};
	const struct verify_trust trust = {NULL, 0, 1800000000};
	struct verify_report report;
	struct hash h;

	if (!rc_is_ok(fd_pwrite_full(in, data, size, 0, NULL)) ||
	    !rc_is_ok(format_pe_file.content(in, HASH_SHA256, &h, NULL)))
		return 0;
	assert(format_pe_file.recognise(in));
	if (rc_is_ok(format_pe_file.extract(in, &object, NULL))) {
		rc_ignore(format_pe_file.verify(in, buf_view(&object), &trust, &report, NULL),
			  "any answer");
		fuzz_object(buf_view(&object));
	} else if (rc_is_ok(format_pe_file.insert(in, view_str("\x30\x03\x02\x01\x05"), out,
						  NULL))) {
		assert(rc_is_ok(format_pe_file.restore(out, in, NULL)));
	}
	return 0;
}
