/* fd - descriptors and files: whole reads and writes, durable replacement, directories made
 * durable.
 *
 * Every descriptor made here is CLOEXEC. EINTR is handled inside. Paths in fault texts are the
 * caller's own, never a peer's. */
#ifndef GS_BASE_FD_H
#define GS_BASE_FD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

/* Memory that whole files are read into begins at a multiple of this. A page of the page cache is
 * copied to its user by one instruction (rep movsb), which on AMD's Zen 3 to 5 is ten times slower
 * when the target lies 1 to 31 bytes further into its page than the source into its own. That is
 * where malloc(3) puts everything large. */
#define FD_ALIGN 64

/* Closes *fd if it is >= 0 and sets it to -1. */
void fd_close(int *fd);
AUTO_DEFINE(fd, int, fd_close)

/* Reads exactly n bytes; RC_TRUNCATED at end of file, RC_IO. */
MUST rc fd_read_full(int fd, void *out, size_t n, struct fault *f);
/* Writes all n bytes (also to pipes and sockets that are blocking). RC_IO, RC_NOSPACE. */
MUST rc fd_write_full(int fd, const void *p, size_t n, struct fault *f);
MUST rc fd_pread_full(int fd, void *out, size_t n, uint64_t at, struct fault *f);
MUST rc fd_pwrite_full(int fd, const void *p, size_t n, uint64_t at, struct fault *f);

/* Size of the regular file behind fd. */
MUST rc fd_size(int fd, uint64_t *ret, struct fault *f);

/* Appends the rest of fd to b; RC_LIMIT when the file is larger than b's maximum. */
MUST rc fd_read_all(int fd, struct buf *b, struct fault *f);

/* Opens and reads a whole file of at most b's maximum. RC_NOTFOUND, RC_LIMIT, RC_IO. */
MUST rc file_read(const char *path, struct buf *b, struct fault *f);
/* The same below a directory; anything but a regular file is RC_NOTFOUND, and opening it never
 * waits.
 */
MUST rc file_read_at(int dirfd, const char *name, struct buf *b, struct fault *f);

/* Replaces dir/name with the bytes: temp file in dir, write, (fsync), rename, (fsync dir).
 * durable = false leaves the two fsyncs out, for files that can be rebuilt. mode as for open(2). */
struct file_spec {
	int dirfd; /* or AT_FDCWD */
	const char *name;
	unsigned mode;
	bool durable;
};
MUST rc file_replace(const struct file_spec *spec, struct view bytes, struct fault *f);

/* Makes every missing directory of path, one level at a time, each parent fsynced. */
MUST rc dir_make(const char *path, unsigned mode, struct fault *f);
MUST rc dir_open(const char *path, int *ret_fd, struct fault *f);

/* A unique directory under $prefix like mkdtemp(3); path is written to out (cap bytes). */
MUST rc dir_temp(const char *prefix, char *out, size_t cap, struct fault *f);

#endif
