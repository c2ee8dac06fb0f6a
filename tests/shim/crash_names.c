/* The names of the power switch: what is made, moved and taken away, written down until the
 * directory is synced. POSIX promises no more: a file may be safe and its name not.
 *
 * A file that loses its name is not gone yet: it is moved to crash->graves, so that the test can
 * give the name back. Where a name is moved onto another, both change places first: whoever looks
 * meanwhile sees the one or the other, as with the real call. */
#undef _FILE_OFFSET_BITS
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/shim/crash_shim.h"

/* ---- The record ----------------------------------------------------------------------------*/

/* Absolute, so that the test finds it from where it is. */
static void absolute(int dirfd, const char *path, char out[NAME_PATH])
{
	char link[40], dir[NAME_PATH];
	ssize_t n;
	int len;

	if (path[0] == '/') {
		len = snprintf(out, NAME_PATH, "%s", path);
	} else {
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
		n = dirfd == AT_FDCWD ? readlink("/proc/self/cwd", dir, sizeof(dir) - 1)
				      : readlink(link, dir, sizeof(dir) - 1);
		if (n <= 0)
			abort();
		dir[n] = '\0';
		len = snprintf(out, NAME_PATH, "%s/%s", dir, path);
	}
	/* What cannot be written down cannot be given back: a test must not pass by that. */
	if (len < 0 || len >= NAME_PATH)
		abort();
}

static void parent_of(const char *path, struct stat *st)
{
	char dir[NAME_PATH];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	slash[slash == dir ? 1 : 0] = '\0';
	if (stat(dir, st) != 0)
		abort();
}

static struct name_op *new_op(enum name_act act, int dirfd, const char *to)
{
	struct name_op *op;
	struct stat dir;

	if (crash->names == NAME_OPS_MAX)
		abort();
	op = &crash->name[crash->names];
	memset(op, 0, sizeof(*op));
	op->act = act;
	absolute(dirfd, to, op->to);
	parent_of(op->to, &dir);
	op->dev = dir.st_dev;
	op->ino = dir.st_ino;
	return op;
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void bury(struct name_op *op, const char *path)
{
	(void)snprintf(op->kept, sizeof(op->kept), "%s/%u", crash->graves, crash->buried++);
	if (syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, op->kept, 0) != 0)
		abort();
}

void names_synced(const struct stat *dir)
{
	for (uint32_t i = 0; i < crash->names; i++)
		if (crash->name[i].dev == dir->st_dev && crash->name[i].ino == dir->st_ino)
			crash->name[i].synced = 1;
}

/* ---- Made ----------------------------------------------------------------------------------*/

static void note_made(int dirfd, const char *path)
{
	if (!names_recorded())
		return;
	(void)new_op(NAME_MADE, dirfd, path);
	crash->names++;
}

static int do_open(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd;

	if (crash == NULL || (flags & O_CREAT) == 0)
		return (int)syscall(SYS_openat, dirfd, path, flags, mode);
	if (faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return (int)syscall(SYS_openat, dirfd, path, flags, mode);
	change_begin();
	fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
	if (fd >= 0)
		note_made(dirfd, path);
	change_end();
	return fd;
}

#define OPEN_MODE(flags)                                                                           \
	va_list ap_;                                                                               \
	mode_t mode = 0;                                                                           \
	va_start(ap_, flags);                                                                      \
	if ((flags & (O_CREAT | O_TMPFILE)) != 0)                                                  \
		mode = va_arg(ap_, mode_t);                                                        \
	va_end(ap_)

int open(const char *path, int flags, ...)
{
	OPEN_MODE(flags);
	return do_open(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	OPEN_MODE(flags);
	return do_open(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int dirfd, const char *path, int flags, ...)
{
	OPEN_MODE(flags);
	return do_open(dirfd, path, flags, mode);
}

int openat64(int dirfd, const char *path, int flags, ...)
{
	OPEN_MODE(flags);
	return do_open(dirfd, path, flags | O_LARGEFILE, mode);
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
	int r;

	if (crash == NULL || faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return (int)syscall(SYS_mkdirat, dirfd, path, mode);
	change_begin();
	r = (int)syscall(SYS_mkdirat, dirfd, path, mode);
	if (r == 0)
		note_made(dirfd, path);
	change_end();
	return r;
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

/* ---- Moved ---------------------------------------------------------------------------------*/

static int move(struct name_op *op, int dirfd, const char *from)
{
	struct stat dir;

	absolute(dirfd, from, op->from);
	parent_of(op->from, &dir);
	/* Between directories the sync of either would be half of it: nothing here does that. */
	if (dir.st_ino != op->ino || dir.st_dev != op->dev)
		abort();
	if (!is_there(op->to))
		return (int)syscall(SYS_renameat2, AT_FDCWD, op->from, AT_FDCWD, op->to, 0);
	if (syscall(SYS_renameat2, AT_FDCWD, op->from, AT_FDCWD, op->to, RENAME_EXCHANGE) != 0)
		return -1;
	bury(op, op->from);
	return 0;
}

int renameat(int fd, const char *from, int to_fd, const char *to)
{
	struct name_op *op;
	int r;

	if (crash == NULL)
		return (int)syscall(SYS_renameat2, fd, from, to_fd, to, 0);
	change_begin();
	if (names_recorded() && faccessat(fd, from, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		op = new_op(NAME_MOVED, to_fd, to);
		r = move(op, fd, from);
		crash->names += r == 0;
	} else {
		r = (int)syscall(SYS_renameat2, fd, from, to_fd, to, 0);
	}
	change_end();
	return r;
}

int rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* ---- Taken away ----------------------------------------------------------------------------*/

int unlinkat(int dirfd, const char *path, int flags)
{
	struct name_op *op = NULL;
	int r = 0;

	if (crash == NULL || faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		return (int)syscall(SYS_unlinkat, dirfd, path, flags);
	change_begin();
	if (names_recorded())
		op = new_op((flags & AT_REMOVEDIR) != 0 ? NAME_RMDIR : NAME_TAKEN, dirfd, path);
	if (op == NULL || op->act == NAME_RMDIR)
		r = (int)syscall(SYS_unlinkat, dirfd, path, flags);
	else
		bury(op, op->to);
	if (op != NULL && r == 0)
		crash->names++;
	change_end();
	return r;
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}
