/* A preloaded power switch: counts the calls by which a process changes its files, and ends the
 * process at the n-th, with or without what it had not synced. Also a disk that is full.
 *
 * Counted: write, pwrite, pwritev on regular files (not stdio), fsync, fdatasync, ftruncate, and
 * what changes names (crash_names.c), once `at` is set. Undone is what files contain, by a record
 * of each write since the last sync of its inode; names are undone by the test. The end is
 * exit_group without anything before it: for files that is what SIGKILL does, and a seccomp filter
 * lets it through. Programs that the server starts get no environment, and with it no shim. */
/* The names are to be defined here, all of them: no redirection to the 64-bit ones. */
#undef _FILE_OFFSET_BITS
#include <errno.h>
#include <fcntl.h>
#include <dlfcn.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/shim/crash_shim.h"

#define STATUS 137

/* One file that has unsynced writes. Our descriptor stays open to the end: closing it would drop
 * the POSIX locks that the process holds on the file. */
struct file {
	dev_t dev;
	ino_t ino;
	int fd;
	struct file *next;
};

struct undo {
	struct file *file;
	off_t at;
	size_t len;  /* bytes that were there */
	off_t size;  /* of the file, before */
	size_t want; /* bytes written over them; 0: ftruncate */
	struct undo *next;
	unsigned char old[];
};

struct crash *crash;
static struct file *files;
static struct undo *undos; /* newest first */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void crash_open(void)
{
	const char *path = getenv("GS_CRASH_FILE");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*crash), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		crash = p;
	(void)close(fd);
}

static bool is_regular(int fd, struct stat *st)
{
	return fd > 2 && fstat(fd, st) == 0 && S_ISREG(st->st_mode);
}

static bool loses_writes(void)
{
	return crash->mode != CRASH_PLAIN && crash->mode != CRASH_TORN;
}

static void undo_one(const struct undo *u, bool keep_size)
{
	size_t done = 0;

	if (!keep_size)
		(void)syscall(SYS_ftruncate, u->file->fd, u->size);
	while (done < u->len) {
		long n = syscall(SYS_pwrite64, u->file->fd, u->old + done, u->len - done,
				 u->at + (off_t)done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	/* Blocks that never reached the disk read as zeros. */
	for (size_t i = u->len; keep_size && i < u->want; i++)
		(void)syscall(SYS_pwrite64, u->file->fd, "", 1, u->at + (off_t)i);
}

static void power_loss(bool scatter)
{
	unsigned i = 0;

	for (const struct undo *u = undos; u != NULL; u = u->next, i++) {
		if (scatter && i % 2 == 1)
			continue;
		undo_one(u, scatter && u->want > 0);
		crash->undone++;
	}
}

/* Counts one call; true if it is the last. The lock is held. */
static bool is_last(void)
{
	if (crash->at == 0)
		return false;
	return ++crash->count == crash->at;
}

static void end(void)
{
	if (loses_writes())
		power_loss(crash->mode == CRASH_SCATTER || crash->mode == CRASH_MIXED);
	(void)syscall(SYS_exit_group, STATUS);
}

static struct file *file_of(int fd, const struct stat *st)
{
	char path[40];
	struct file *f;

	for (f = files; f != NULL; f = f->next)
		if (f->dev == st->st_dev && f->ino == st->st_ino)
			return f;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		abort();
	f->dev = st->st_dev;
	f->ino = st->st_ino;
	/* Opened anew: a duplicate would hold the process's flock(), and may be for writing alone.
	 */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	f->fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	if (f->fd < 0)
		abort();
	f->next = files;
	files = f;
	return f;
}

static void remember(int fd, const struct stat *st, off_t at, size_t want)
{
	size_t there = at < st->st_size ? (size_t)(st->st_size - at) : 0;
	size_t len = want != 0 && there > want ? want : there;
	struct undo *u;

	if (crash->at == 0 || !loses_writes())
		return;
	u = calloc(1, sizeof(*u) + len);
	if (u == NULL)
		abort();
	u->file = file_of(fd, st);
	u->at = at;
	u->size = st->st_size;
	u->want = want;
	u->len = len > 0 && pread(u->file->fd, u->old, len, at) == (ssize_t)len ? len : 0;
	/* What cannot be read cannot be given back: a test must not pass by that. */
	if (u->len != len)
		abort();
	u->next = undos;
	undos = u;
}

static void forget(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return;
	if (S_ISDIR(st.st_mode)) {
		names_synced(&st);
		return;
	}
	for (struct undo **at = &undos; *at != NULL;) {
		struct undo *u = *at;

		if (u->file->dev == st.st_dev && u->file->ino == st.st_ino) {
			*at = u->next;
			free(u);
		} else {
			at = &u->next;
		}
	}
}

/* at < 0: at the file's own offset. */
static ssize_t do_write(int fd, const void *p, size_t n, off_t at)
{
	bool own = at < 0;
	struct stat st;
	ssize_t r;

	if (crash == NULL || !is_regular(fd, &st))
		return own ? syscall(SYS_write, fd, p, n) : syscall(SYS_pwrite64, fd, p, n, at);
	(void)pthread_mutex_lock(&lock);
	if (own)
		at = lseek(fd, 0, SEEK_CUR);
	if (crash->disk == DISK_FULL && at + (off_t)n > st.st_size) {
		(void)pthread_mutex_unlock(&lock);
		errno = ENOSPC;
		return -1;
	}
	if (is_last()) {
		if (crash->mode == CRASH_TORN)
			(void)syscall(SYS_pwrite64, fd, p, n / 2, at);
		end();
	}
	remember(fd, &st, at, n);
	r = own ? syscall(SYS_write, fd, p, n) : syscall(SYS_pwrite64, fd, p, n, at);
	(void)pthread_mutex_unlock(&lock);
	return r;
}

ssize_t write(int fd, const void *p, size_t n)
{
	return do_write(fd, p, n, -1);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return do_write(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return do_write(fd, p, n, at);
}

ssize_t pwritev(int fd, const struct iovec *v, int count, off_t at)
{
	ssize_t all = 0;

	for (int i = 0; i < count; i++) {
		ssize_t n = do_write(fd, v[i].iov_base, v[i].iov_len, at + all);

		if (n < 0)
			return all > 0 ? all : n;
		all += n;
		if ((size_t)n != v[i].iov_len)
			break;
	}
	return all;
}

static int do_truncate(int fd, off_t size)
{
	struct stat st;
	int r;

	if (crash == NULL || !is_regular(fd, &st))
		return (int)syscall(SYS_ftruncate, fd, size);
	(void)pthread_mutex_lock(&lock);
	if (is_last())
		end();
	if (size < st.st_size)
		remember(fd, &st, size, 0);
	r = (int)syscall(SYS_ftruncate, fd, size);
	(void)pthread_mutex_unlock(&lock);
	return r;
}

int ftruncate(int fd, off_t size)
{
	return do_truncate(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	return do_truncate(fd, size);
}

/* Not really done: the records say what would be safe, and nobody cuts the power of the machine. */
static int do_sync(long call, int fd)
{
	if (crash == NULL)
		return (int)syscall(call, fd);
	(void)pthread_mutex_lock(&lock);
	if (is_last())
		end();
	if (crash->disk == DISK_BROKEN) {
		(void)pthread_mutex_unlock(&lock);
		errno = EIO;
		return -1;
	}
	forget(fd);
	(void)pthread_mutex_unlock(&lock);
	return 0;
}

int fsync(int fd)
{
	return do_sync(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return do_sync(SYS_fdatasync, fd);
}

/* ---- For the names -------------------------------------------------------------------------*/

void change_begin(void)
{
	(void)pthread_mutex_lock(&lock);
	if (is_last())
		end();
}

void change_end(void)
{
	(void)pthread_mutex_unlock(&lock);
}

bool names_recorded(void)
{
	return crash->at != 0 && (crash->mode == CRASH_NAMES || crash->mode == CRASH_MIXED);
}

/* ---- What others see -----------------------------------------------------------------------*/

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	ssize_t r;

	if (crash == NULL || crash->wide == 0)
		return syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
	change_begin();
	r = syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
	change_end();
	return r;
}

/* Ended before the operation, or with it begun: signs then says so. */
int EVP_PKEY_sign(EVP_PKEY_CTX *ctx, unsigned char *sig, size_t *len, const unsigned char *tbs,
		  size_t tbs_len)
{
	int (*real)(EVP_PKEY_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);
	void *symbol = dlsym(RTLD_NEXT, "EVP_PKEY_sign");

	if (symbol == NULL)
		abort();
	memcpy(&real, &symbol, sizeof(real));
	if (crash != NULL && crash->wide != 0 && sig != NULL) {
		change_begin();
		crash->signs++;
		change_end();
	}
	return real(ctx, sig, len, tbs, tbs_len);
}
