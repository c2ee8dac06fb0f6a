/* list_rpm_signature - what `rpmsign` has put into a package: a signature, by OpenPGP, over the
 * bytes of its main header, which name all else of it by digest. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/codec/rpm.h"
#include "prog/cli/list_rpm.h"

/* RPMSIGTAG_RSA, _DSA: of the header alone; in the latter are those of elliptic curves, too. */
#define TAG_RSA 268u
#define TAG_DSA 267u

static rc read_header(int fd, uint64_t at, struct buf *out, struct fault *f)
{
	uint8_t intro[RPM_INTRO];
	uint64_t size;
	uint8_t *space;

	TRY(fd_pread_full(fd, intro, sizeof(intro), at, f));
	TRY(rpm_header_size(view_of(intro, sizeof(intro)), &size, f));
	buf_init(out, (size_t)size);
	space = buf_space(out, (size_t)size);
	TRY(buf_done(out));
	return fd_pread_full(fd, space, (size_t)size, at, f);
}

/* *ret borrows from first. */
static rc read_both(int fd, struct buf *first, struct buf *main, struct view *ret, struct fault *f)
{
	struct rpm_header h;
	uint8_t lead[RPM_LEAD];

	TRY(fd_pread_full(fd, lead, sizeof(lead), 0, f));
	TRY(rpm_lead_check(view_of(lead, sizeof(lead)), f));
	TRY(read_header(fd, RPM_LEAD, first, f));
	TRY(rpm_header_open(buf_view(first), RPM_REGION_SIGNATURE, &h, f));
	if (!rc_is_ok(rpm_header_bytes(&h, TAG_RSA, ret)))
		TRY(rpm_header_bytes(&h, TAG_DSA, ret));
	TRY(read_header(fd, RPM_LEAD + (first->len + 7) / 8 * 8, main, f));
	return rpm_header_open(buf_view(main), RPM_REGION_MAIN, &h, f);
}

static rc put(const char *dir, const char *name, struct view bytes, struct fault *f)
{
	char path[PATH_MAX];
	const struct file_spec spec = {
		.dirfd = AT_FDCWD, .name = path, .mode = 0600, .durable = false};

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return file_replace(&spec, bytes, f);
}

rc list_rpm_signature(struct cli *c, const char *path, const char *dir, struct digest *ret)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	AUTO(buf) struct buf first = {0};
	AUTO(buf) struct buf main = {0};
	struct view signature;
	struct fault f = {0};

	if (fd < 0)
		return cli_problem(c, RC_IO, "", "%s: %s", path, strerror(errno));
	if (!rc_is_ok(read_both(fd, &first, &main, &signature, &f)))
		return RC(RC_NOTFOUND);
	CLI_TRY(c, &f, put(dir, "header", buf_view(&main), &f));
	CLI_TRY(c, &f, put(dir, "header.sig", signature, &f));
	*ret = digest_of(buf_view(&main));
	return OK;
}
