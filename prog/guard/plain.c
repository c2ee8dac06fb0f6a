#include "prog/guard/plain.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/fd.h"

#define RESOLVE (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)

static int open_by(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	const struct open_how how = {.flags = flags, .resolve = resolve};

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

/* What the name leads to is looked at before it is opened: that alone does something to some
 * devices and FIFOs. */
static int open_regular(int dir, const char *name, uint64_t resolve, struct stat *st)
{
	int at = open_by(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, resolve);
	char self[32];
	int fd = -1;

	if (at < 0)
		return -1;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	if (fstat(at, st) == 0 && S_ISREG(st->st_mode))
		fd = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	(void)close(at);
	return fd;
}

bool plain_works(void)
{
	AUTO(fd) int fd = open_by(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, RESOLVE);

	return fd >= 0;
}

int plain_open(const char *path, struct stat *st)
{
	return open_regular(AT_FDCWD, path, RESOLVE, st);
}

int plain_open_at(int dir, const char *name, struct stat *st)
{
	return open_regular(dir, name, RESOLVE | RESOLVE_BENEATH | RESOLVE_NO_XDEV, st);
}

static bool look(int dir, const char *name, struct statx *x)
{
	return statx(dir, name,
		     AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		     STATX_BASIC_STATS | STATX_MNT_ID, x) == 0;
}

bool plain_stat(int dir, const char *name, struct stat *st)
{
	struct statx x;

	if (!look(dir, name, &x))
		return false;
	memset(st, 0, sizeof(*st));
	st->st_dev = makedev(x.stx_dev_major, x.stx_dev_minor);
	st->st_ino = x.stx_ino;
	st->st_mode = x.stx_mode;
	st->st_size = (off_t)x.stx_size;
	st->st_ctim.tv_sec = x.stx_ctime.tv_sec;
	st->st_ctim.tv_nsec = x.stx_ctime.tv_nsec;
	return true;
}

/* By device; an overlay's files may have another than its directories, but are on one mount. */
static bool is_together(int dir, int fd)
{
	struct statx a, b;

	if (!look(dir, "", &a) || !look(fd, "", &b))
		return false;
	return (a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor) ||
	       ((a.stx_mask & b.stx_mask & STATX_MNT_ID) != 0 && a.stx_mnt_id == b.stx_mnt_id);
}

int plain_parent(const char *path, int fd)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);
	int dir;

	if (slash == NULL || n >= sizeof(parent))
		return -1;
	memcpy(parent, path, n);
	parent[n] = '\0';
	dir = open_by(AT_FDCWD, n == 0 ? "/" : parent, O_PATH | O_DIRECTORY | O_CLOEXEC, RESOLVE);
	if (dir >= 0 && is_together(dir, fd))
		return dir;
	if (dir >= 0)
		(void)close(dir);
	return -1;
}
