#include "prog/keeper/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/fd.h"

#define MAGIC "GSGUARD1"
#define BODY (GUARD_SLOT - DIGEST_SIZE)

struct guard {
	int fd;
	uint64_t counter;
	struct guard_mark mark;
};

static rc lock_fd(int fd, const char *what, struct fault *f)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return OK;
	if (errno == EAGAIN || errno == EACCES)
		return fault_set(f, RC_BUSY, 0, "%s is locked by another keeper", what);
	return fault_errno(f, errno, "%s: lock", what);
}

rc lock_take(const char *dir, const char *name, int *ret_fd, struct fault *f)
{
	AUTO(fd) int dirfd = -1;

	TRY(dir_open(dir, &dirfd, f));
	AUTO(fd) int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fault_errno(f, errno, "%s/%s", dir, name);
	TRY(lock_fd(fd, name, f));
	*ret_fd = fd;
	fd = -1;
	return OK;
}

static rc slot_encode(const struct guard_mark *m, uint64_t counter, uint8_t out[GUARD_SLOT])
{
	struct buf b;
	struct digest sum;

	memset(out, 0, GUARD_SLOT);
	buf_init_fixed(&b, out, BODY);
	buf_put_str(&b, MAGIC);
	buf_put_u64be(&b, counter);
	buf_put_u64be(&b, m->epoch);
	buf_put_u64be(&b, m->head.size);
	buf_put_view(&b, digest_view(&m->head.root));
	buf_put_u8(&b, (uint8_t)strlen(m->origin));
	buf_put_str(&b, m->origin);
	TRY(buf_done(&b));
	sum = digest_of(view_of(out, BODY));
	memcpy(out + BODY, sum.b, DIGEST_SIZE);
	return OK;
}

static rc slot_parse(const uint8_t bytes[GUARD_SLOT], struct guard_mark *ret, uint64_t *ret_counter)
{
	struct view v = view_of(bytes, BODY);
	struct digest sum = digest_of(v);
	struct guard_mark m = {0};
	struct view magic;
	uint64_t counter;
	uint8_t len;

	if (memcmp(sum.b, bytes + BODY, DIGEST_SIZE) != 0)
		return RC(RC_CORRUPT);
	TRY(view_take(&v, sizeof(MAGIC) - 1, &magic));
	if (!view_is(magic, MAGIC))
		return RC(RC_CORRUPT);
	TRY(view_u64be(&v, &counter));
	TRY(view_u64be(&v, &m.epoch));
	TRY(view_u64be(&v, &m.head.size));
	TRY(view_copy(&v, m.head.root.b, DIGEST_SIZE));
	TRY(view_u8(&v, &len));
	if (len > ORIGIN_MAX)
		return RC(RC_CORRUPT);
	TRY(view_copy(&v, m.origin, len));
	*ret = m;
	*ret_counter = counter;
	return OK;
}

rc guard_create(const char *dir, const struct guard_mark *mark, struct fault *f)
{
	uint8_t both[2 * GUARD_SLOT];
	AUTO(fd) int dirfd = -1;

	TRY(dir_open(dir, &dirfd, f));
	if (faccessat(dirfd, GUARD_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return fault_set(f, RC_EXISTS, 0, "%s/%s exists", dir, GUARD_FILE);
	/* Slot n holds the even or odd counters; both are whole from the beginning. */
	TRY(slot_encode(mark, 0, both));
	TRY(slot_encode(mark, 1, both + GUARD_SLOT));
	const struct file_spec spec = {
		.dirfd = dirfd, .name = GUARD_FILE, .mode = 0600, .durable = true};
	return file_replace(&spec, view_of(both, sizeof(both)), f);
}

rc guard_open(const char *dir, struct guard **ret, struct fault *f)
{
	AUTO(guard) struct guard *g = calloc(1, sizeof(*g));
	uint8_t both[2 * GUARD_SLOT];
	AUTO(fd) int dirfd = -1;
	bool found = false;

	if (g == NULL)
		return fault_set(f, RC_NOMEM, 0, "guard");
	g->fd = -1;
	TRY(dir_open(dir, &dirfd, f));
	g->fd = openat(dirfd, GUARD_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (g->fd < 0)
		return fault_errno(f, errno, "%s/%s", dir, GUARD_FILE);
	TRY(lock_fd(g->fd, GUARD_FILE, f));
	TRY(fd_pread_full(g->fd, both, sizeof(both), 0, f));
	for (size_t i = 0; i < 2; i++) {
		struct guard_mark mark;
		uint64_t counter;

		if (!rc_is_ok(slot_parse(both + i * GUARD_SLOT, &mark, &counter)))
			continue;
		if (counter % 2 != i)
			continue;
		if (!found || counter > g->counter) {
			g->mark = mark;
			g->counter = counter;
		}
		found = true;
	}
	if (!found)
		return fault_set(f, RC_CORRUPT, 0, "%s/%s: neither slot is whole", dir, GUARD_FILE);
	*ret = g;
	g = NULL;
	return OK;
}

void guard_close(struct guard *g)
{
	if (g == NULL)
		return;
	fd_close(&g->fd);
	free(g);
}

const struct guard_mark *guard_mark(const struct guard *g)
{
	return &g->mark;
}

rc guard_advance(struct guard *g, const struct tree_head *head, struct fault *f)
{
	struct guard_mark next = g->mark;
	uint8_t slot[GUARD_SLOT];

	if (head->size < g->mark.head.size)
		return fault_set(f, RC_RANGE, 0, "guard: head %llu is behind the mark %llu",
				 (unsigned long long)head->size,
				 (unsigned long long)g->mark.head.size);
	if (head->size == g->mark.head.size) {
		if (!digest_is_equal(&head->root, &g->mark.head.root))
			return fault_set(f, RC_MISMATCH, 0, "guard: another root at size %llu",
					 (unsigned long long)head->size);
		return OK;
	}
	next.head = *head;
	TRY(slot_encode(&next, g->counter + 1, slot));
	TRY(fd_pwrite_full(g->fd, slot, sizeof(slot), ((g->counter + 1) % 2) * GUARD_SLOT, f));
	if (fdatasync(g->fd) != 0)
		return fault_errno(f, errno, "guard: fdatasync");
	g->counter++;
	g->mark = next;
	return OK;
}
