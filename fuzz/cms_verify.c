/* A CMS object from outside, against an empty file, and its signer judged whatever the digest. */
#include <sys/mman.h>

#include "fuzz/signed_object.h"
#include "lib/format/cms_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int empty = -1;
	struct verify_report report;

	if (empty < 0)
		empty = memfd_create("empty", MFD_CLOEXEC);
	rc_ignore(format_cms_file.verify(empty, view_of(data, size),
					 &(struct verify_trust){NULL, 0, 1800000000}, &report,
					 NULL),
		  "any answer");
	fuzz_object(view_of(data, size));
	return 0;
}
