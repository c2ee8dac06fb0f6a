#include "prog/guard/exes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"

_Static_assert((EXES_ROWS & (EXES_ROWS - 1)) == 0, "rows are chosen by a mask");

static struct exe *row_of(struct exes *e, uint64_t dev, uint64_t ino)
{
	uint64_t h = (dev ^ (ino * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd);

	return e->row[(h >> 40) & (EXES_ROWS - 1)];
}

static struct exe *find(struct exes *e, uint64_t dev, uint64_t ino)
{
	struct exe *row = row_of(e, dev, ino);

	for (size_t i = 0; i < EXES_WIDE; i++)
		if (row[i].set && row[i].dev == dev && row[i].ino == ino)
			return &row[i];
	return NULL;
}

void exes_note(struct exes *e, uint64_t dev, uint64_t ino, const struct digest *digest, bool zone)
{
	struct exe *row = row_of(e, dev, ino), *to = find(e, dev, ino);

	for (size_t i = 0; to == NULL && i < EXES_WIDE; i++)
		if (!row[i].set)
			to = &row[i];
	if (to == NULL) {
		to = &row[0];
		for (size_t i = 1; i < EXES_WIDE; i++)
			if (row[i].at < to->at)
				to = &row[i];
	}
	/* A worker that is killed in between leaves no half entry. */
	to->set = false;
	atomic_signal_fence(memory_order_seq_cst);
	to->dev = dev;
	to->ino = ino;
	to->at = ++e->clock;
	to->digest = *digest;
	to->zone = zone;
	atomic_signal_fence(memory_order_seq_cst);
	to->set = true;
}

const struct exe *exes_find(struct exes *e, uint64_t dev, uint64_t ino)
{
	struct exe *x = find(e, dev, ino);

	if (x == NULL)
		return NULL;
	x->at = ++e->clock;
	return x;
}

/* ---- What runs already ----------------------------------------------------------------------*/

static rc digest_file(struct hasher *h, int fd, struct digest *ret)
{
	static _Alignas(FD_ALIGN) uint8_t chunk[1 << 16];
	struct hash hash;
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		TRY(hasher_update(h, view_of(chunk, (size_t)n)));
	}
	TRY(hasher_finish(h, &hash));
	memcpy(ret->b, hash.b, DIGEST_SIZE);
	return n == 0 ? OK : RC(RC_IO);
}

static rc note_process(struct exes *e, struct hasher *h, const char *pid)
{
	AUTO(fd) int fd = -1;
	struct digest digest;
	struct stat st;
	char path[300];
	rc r;

	(void)snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	/* A kernel thread, or one that has ended. */
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    exes_find(e, st.st_dev, st.st_ino) != NULL)
		return OK;
	r = digest_file(h, fd, &digest);
	if (rc_is_ok(r))
		exes_note(e, st.st_dev, st.st_ino, &digest, false);
	return r.code == RC_IO ? OK : r;
}

rc exes_seed(struct exes *e, struct fault *f)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	struct hasher *h = NULL;
	rc r = OK;

	if (proc == NULL)
		return fault_errno(f, errno, "/proc");
	r = hasher_new(HASH_SHA256, &h);
	while (rc_is_ok(r) && (entry = readdir(proc)) != NULL)
		if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name))
			r = note_process(e, h, entry->d_name);
	hasher_free(h);
	(void)closedir(proc);
	return rc_is_ok(r) ? OK : fault_set(f, r.code, 0, "a running program could not be read");
}
