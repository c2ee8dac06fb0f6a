#include "lib/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

rc fd_read_full(int fd, void *out, size_t n, struct fault *f)
{
	uint8_t *p = (uint8_t *)out;

	while (n > 0) {
		ssize_t got = read(fd, p, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(f, errno, "read");
		if (got == 0)
			return fault_set(f, RC_TRUNCATED, 0,
					 "read: end of input, %zu bytes missing", n);
		p += got;
		n -= (size_t)got;
	}
	return OK;
}

rc fd_write_full(int fd, const void *p, size_t n, struct fault *f)
{
	const uint8_t *at = (const uint8_t *)p;

	while (n > 0) {
		ssize_t put = write(fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return fault_errno(f, errno, "write");
		at += put;
		n -= (size_t)put;
	}
	return OK;
}

rc fd_pread_full(int fd, void *out, size_t n, uint64_t at, struct fault *f)
{
	uint8_t *p = (uint8_t *)out;

	if (at > (uint64_t)INT64_MAX - n)
		return fault_set(f, RC_RANGE, at, "read: offset out of range");
	while (n > 0) {
		ssize_t got = pread(fd, p, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(f, errno, "read");
		if (got == 0)
			return fault_set(f, RC_TRUNCATED, at,
					 "read: end of file, %zu bytes missing", n);
		p += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return OK;
}

rc fd_pwrite_full(int fd, const void *p, size_t n, uint64_t at, struct fault *f)
{
	const uint8_t *from = (const uint8_t *)p;

	if (at > (uint64_t)INT64_MAX - n)
		return fault_set(f, RC_RANGE, at, "write: offset out of range");
	while (n > 0) {
		ssize_t put = pwrite(fd, from, n, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return fault_errno(f, errno, "write");
		from += put;
		at += (uint64_t)put;
		n -= (size_t)put;
	}
	return OK;
}

rc fd_size(int fd, uint64_t *ret, struct fault *f)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "stat");
	if (!S_ISREG(st.st_mode))
		return fault_set(f, RC_UNSUPPORTED, 0, "not a regular file");
	*ret = (uint64_t)st.st_size;
	return OK;
}

rc fd_read_all(int fd, struct buf *b, struct fault *f)
{
	uint8_t chunk[16384];

	for (;;) {
		ssize_t got = read(fd, chunk, sizeof(chunk));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(f, errno, "read");
		if (got == 0)
			return OK;
		buf_put(b, chunk, (size_t)got);
		if (!rc_is_ok(buf_done(b)))
			return fault_set(f, buf_done(b).code, b->len, "larger than %zu bytes",
					 b->max);
	}
}

rc file_read(const char *path, struct buf *b, struct fault *f)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	rc r;

	if (fd < 0)
		return fault_errno(f, errno, "%s", path);
	r = fd_read_all(fd, b, f);
	return rc_is_ok(r) ? r : fault_wrap(f, r, "%s", path);
}

rc file_read_at(int dirfd, const char *name, struct buf *b, struct fault *f)
{
	AUTO(fd) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	rc r;

	if (fd < 0)
		return fault_errno(f, errno, "%s", name);
	if (fstat(fd, &st) != 0)
		return fault_errno(f, errno, "%s", name);
	if (!S_ISREG(st.st_mode))
		return fault_set(f, RC_NOTFOUND, 0, "%s is not a file", name);
	r = fd_read_all(fd, b, f);
	return rc_is_ok(r) ? r : fault_wrap(f, r, "%s", name);
}

/* Writes the bytes to the open temp file and moves it to its name. */
static rc fill_and_rename(const struct file_spec *spec, const char *temp, struct view bytes,
			  struct fault *f)
{
	AUTO(fd) int fd = -1;
	rc r;

	/* Left by a run that was cut off; what somebody else puts there now is not written to. */
	(void)unlinkat(spec->dirfd, temp, 0);
	fd = openat(spec->dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)spec->mode);
	if (fd < 0 && errno == EEXIST)
		return fault_set(f, RC_IO, 0, "%s is in the way", temp);
	if (fd < 0)
		return fault_errno(f, errno, "%s", temp);
	r = fd_write_full(fd, bytes.ptr, bytes.len, f);
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "%s", spec->name);
	if (spec->durable && fsync(fd) != 0)
		return fault_errno(f, errno, "%s: fsync", temp);
	if (renameat(spec->dirfd, temp, spec->dirfd, spec->name) != 0)
		return fault_errno(f, errno, "%s: rename", spec->name);
	return OK;
}

static rc sync_parent(const struct file_spec *spec, struct fault *f)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(spec->name, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - spec->name);

	if (len >= sizeof(dir))
		return fault_set(f, RC_LIMIT, 0, "path too long");
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)len, spec->name);
	AUTO(fd)
	int fd = openat(spec->dirfd,
			slash == NULL ? "."
			: len == 0    ? "/"
				      : dir,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return fault_errno(f, errno, "%s: fsync of its directory", spec->name);
	return OK;
}

rc file_replace(const struct file_spec *spec, struct view bytes, struct fault *f)
{
	char temp[PATH_MAX];
	rc r;

	if ((size_t)snprintf(temp, sizeof(temp), "%s.tmp", spec->name) >= sizeof(temp))
		return fault_set(f, RC_LIMIT, 0, "path too long");
	r = fill_and_rename(spec, temp, bytes, f);
	if (!rc_is_ok(r)) {
		(void)unlinkat(spec->dirfd, temp, 0);
		return r;
	}
	return spec->durable ? sync_parent(spec, f) : OK;
}

rc dir_make(const char *path, unsigned mode, struct fault *f)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return fault_set(f, RC_LIMIT, 0, "path empty or too long");
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		char keep = part[i];
		struct file_spec made = {.dirfd = AT_FDCWD, .name = part};

		if (keep != '/' && keep != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, (mode_t)mode) == 0)
			TRY(sync_parent(&made, f));
		else if (errno != EEXIST)
			return fault_errno(f, errno, "%s", part);
		part[i] = keep;
	}
	return OK;
}

rc dir_open(const char *path, int *ret_fd, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fault_errno(f, errno, "%s", path);
	*ret_fd = fd;
	return OK;
}

rc dir_temp(const char *prefix, char *out, size_t cap, struct fault *f)
{
	if ((size_t)snprintf(out, cap, "%sXXXXXX", prefix) >= cap)
		return fault_set(f, RC_LIMIT, 0, "path too long");
	if (mkdtemp(out) == NULL)
		return fault_errno(f, errno, "%s", prefix);
	return OK;
}
