/* The whole inspection in-process on one file, with limits small enough for many runs a second. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/inspect.h"
#include "lib/format/report_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct inspect_limits limits = {.expanded = 1 << 20,
					      .ratio = 100,
					      .report = 1 << 20,
					      .entries = 200,
					      .findings = 50,
					      .script_text = 1000};
	AUTO(fd) int fd = memfd_create("fuzz", MFD_CLOEXEC);
	AUTO(buf) struct buf b = {0};
	json_t *report = NULL;
	struct fault f;

	if (fd < 0 || !rc_is_ok(fd_write_full(fd, data, size, NULL)))
		return 0;
	/* Whatever the bytes are, there is a report. */
	if (!rc_is_ok(inspect_file(fd, "fuzz", &limits, &report, &f)))
		abort();
	buf_init(&b, 16 << 20);
	if (!rc_is_ok(report_print_text(report, (struct text_style){0}, &b, &f)))
		abort();
	json_decref(report);
	return 0;
}
