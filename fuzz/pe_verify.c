/* An Authenticode object from outside, against a small image, and its signer judged whatever the
 * digest. */
#include <sys/mman.h>

#include "fuzz/signed_object.h"
#include "lib/base/fd.h"
#include "lib/format/pe_file.h"
#include "tests/support/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int image = -1;
	uint8_t bytes[PE_SIZE];
	struct verify_report report;

	if (image < 0) {
		image = memfd_create("image", MFD_CLOEXEC);
		pe_make(bytes, true);
		if (!rc_is_ok(fd_pwrite_full(image, bytes, sizeof(bytes), 0, NULL)))
			__builtin_trap();
	}
	rc_ignore(format_pe_file.verify(image, view_of(data, size),
					&(struct verify_trust){NULL, 0, 1800000000}, &report, NULL),
		  "any answer");
	fuzz_object(view_of(data, size));
	return 0;
}
