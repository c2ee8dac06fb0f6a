/* What the guard reads of one file. Byte 0 chooses what the rest is: the file, what lies beside it,
 * its attribute security.ima, the certificates, or what the process that reads it would say: that
 * is taken for what it is or refused, and never writes more than its line may have. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rc hear(void *ctx, const struct met *m)
{
	(void)ctx;
	if (!met_check(m))
		abort();
	return OK;
}

static void say(struct view v)
{
	static struct met_report r;
	static uint8_t memory[32768];
	struct buf line;

	memset(&r, 0, sizeof(r));
	memcpy(&r.met, v.ptr, v.len < sizeof(r.met) ? v.len : sizeof(r.met));
	if (!met_check(&r.met) || r.met.what == MET_END)
		return;
	memset(r.path, 0xff, sizeof(r.path) - 1);
	buf_init_fixed(&line, memory, sizeof(memory));
	met_put(&line, &r, "2026-11-26T20:00:00Z");
	if (!rc_is_ok(buf_done(&line)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(fd) int fd = memfd_create("file", MFD_CLOEXEC);
	AUTO(fd) int beside = memfd_create("beside", MFD_CLOEXEC);
	struct scan_input in = {.fd = fd, .beside = beside};
	struct view rest = view_of(data + 1, size > 0 ? size - 1 : 0);

	if (size == 0 || fd < 0 || beside < 0)
		return 0;
	if (data[0] == 4)
		say(rest);
	else if (data[0] == 3)
		in.pem = rest;
	else if (data[0] == 2)
		in.ima = rest;
	else if (!rc_is_ok(fd_pwrite_full(data[0] == 1 ? beside : fd, rest.ptr, rest.len, 0, NULL)))
		return 0;
	rc_ignore(scan_file(&in, hear, NULL, NULL), "any answer");
	return 0;
}
