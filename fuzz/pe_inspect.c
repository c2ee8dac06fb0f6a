/* PE inspection: the input is put behind a header that leads to it, so that every run gets there.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/inspect_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t dos[64] = {[0] = 'M', [1] = 'Z', [0x3c] = 64};
	AUTO(fd) int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct inspection in = {.fd = fd,
				.size = sizeof(dos) + size,
				.limits = &inspect_limits_default,
				.report = json_object(),
				.findings = json_array()};

	if (fd >= 0 && rc_is_ok(fd_write_full(fd, dos, sizeof(dos), NULL)) &&
	    rc_is_ok(fd_write_full(fd, data, size, NULL)) && !rc_is_ok(pe_inspect(&in, NULL)))
		abort();
	json_decref(in.report);
	json_decref(in.findings);
	return 0;
}
