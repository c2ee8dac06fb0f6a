#include "prog/guard/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prog/guard/opener.h"

/* ---- Index ----------------------------------------------------------------------------------*/

static uint32_t place(const struct cache *c, uint64_t dev, uint64_t ino)
{
	uint64_t h = (dev ^ (ino * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd);

	return (uint32_t)(h >> 33) & c->index_mask;
}

static void index_add(struct cache *c, const struct slot *s)
{
	uint32_t at = place(c, s->dev, s->ino);

	while (c->index[at] != 0)
		at = (at + 1) & c->index_mask;
	c->index[at] = (uint32_t)(s - c->slot) + 1;
}

/* Linear probing without tombstones: what follows moves up. */
static void index_remove(struct cache *c, const struct slot *s)
{
	uint32_t at = place(c, s->dev, s->ino), number = (uint32_t)(s - c->slot) + 1, next;

	while (c->index[at] != number) {
		if (c->index[at] == 0)
			return;
		at = (at + 1) & c->index_mask;
	}
	c->index[at] = 0;
	for (next = (at + 1) & c->index_mask; c->index[next] != 0;
	     next = (next + 1) & c->index_mask) {
		const struct slot *other = &c->slot[c->index[next] - 1];
		uint32_t moved = c->index[next];

		if (((next - place(c, other->dev, other->ino)) & c->index_mask) <
		    ((next - at) & c->index_mask))
			continue;
		c->index[at] = moved;
		c->index[next] = 0;
		at = next;
	}
}

struct slot *cache_find(struct cache *c, uint64_t dev, uint64_t ino)
{
	for (uint32_t at = place(c, dev, ino); c->index[at] != 0; at = (at + 1) & c->index_mask) {
		struct slot *s = &c->slot[c->index[at] - 1];

		if (s->dev == dev && s->ino == ino)
			return s;
	}
	return NULL;
}

/* ---- Leases and marks -----------------------------------------------------------------------*/

/* RC_BUSY, RC_UNSUPPORTED. */
static rc lease(const struct cache *c, int fd)
{
	if (fcntl(fd, F_SETSIG, c->signal) != 0 || fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
		return RC(errno == EAGAIN || errno == EBUSY ? RC_BUSY : RC_UNSUPPORTED);
	return OK;
}

bool cache_holds(const struct slot *s)
{
	return fcntl(s->fd, F_GETLEASE) == F_RDLCK;
}

void cache_note(const struct cache *c, struct slot *s)
{
	if (s->noted)
		return;
	/* Before the kernel knows, as with the mark. */
	s->noted = true;
	s->noted = kernel_approve(c->kernel, s->fd);
}

void cache_unnote(const struct cache *c, struct slot *s)
{
	if (s->noted)
		kernel_forget(c->kernel, s->fd);
	s->noted = false;
}

void cache_mark(struct cache *c, struct slot *s, uint64_t events)
{
	uint64_t before = s->marked;

	if ((events & ~before) == 0)
		return;
	/* Before the kernel knows, so that a worker that comes after a crash takes it away. */
	s->marked |= events;
	if (fanotify_mark(c->group, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, events, s->fd, NULL) != 0)
		s->marked = before;
}

void cache_unmark(struct cache *c, struct slot *s)
{
	if (s->marked == 0)
		return;
	/* It fails where the kernel has dropped the mark by itself. */
	(void)fanotify_mark(c->group, FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK, s->marked, s->fd,
			    NULL);
	s->marked = 0;
}

/* ---- Slots ----------------------------------------------------------------------------------*/

static void slot_free(struct cache *c, struct slot *s)
{
	s->state = SLOT_FREE;
	atomic_signal_fence(memory_order_seq_cst);
	(void)close(s->fd);
	c->free_count++;
}

rc cache_take(struct cache *c, int fd, uint64_t dev, uint64_t ino, uint64_t now, struct slot **ret)
{
	int own = c->free_count > 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
	struct slot *s;
	rc r;

	if (own < 0)
		return RC(RC_LIMIT);
	while (c->slot[c->free_hint].state != SLOT_FREE)
		c->free_hint = (c->free_hint + 1) % c->count;
	s = &c->slot[c->free_hint];
	*s = (struct slot){.state = SLOT_FREE, .fd = own, .dev = dev, .ino = ino, .since = now};
	atomic_signal_fence(memory_order_seq_cst);
	/* Before the lease: the next worker must know of every one. */
	s->state = SLOT_HASHING;
	c->free_count--;
	r = lease(c, own);
	if (!rc_is_ok(r)) {
		slot_free(c, s);
		return r;
	}
	index_add(c, s);
	*ret = s;
	return OK;
}

void cache_allowed(struct slot *s, int32_t pid, uint64_t now)
{
	s->recent[s->recent_next % SLOT_RECENT] = (struct recent){.pid = pid, .at = now};
	s->recent_next++;
}

static void out_add(struct cache *c, const struct slot *s)
{
	c->out[c->leaving++] = (uint32_t)(s - c->slot);
}

void cache_leave(struct cache *c, struct slot *s, uint64_t now)
{
	if (s->state == SLOT_FREE || s->state == SLOT_LEAVING)
		return;
	cache_unmark(c, s);
	s->since = now;
	s->state = SLOT_LEAVING;
	out_add(c, s);
}

bool cache_return(struct cache *c, struct slot *s)
{
	if (s->state != SLOT_LEAVING || !s->known || !cache_holds(s))
		return false;
	s->state = SLOT_HELD;
	for (uint32_t i = 0; i < c->leaving; i++)
		if (&c->slot[c->out[i]] == s) {
			c->out[i] = c->out[--c->leaving];
			break;
		}
	return true;
}

void cache_broken(struct cache *c, int fd, uint64_t now)
{
	struct stat st;
	struct slot *s;

	if (fstat(fd, &st) != 0)
		return;
	s = cache_find(c, st.st_dev, st.st_ino);
	/* The signal may be of a slot that has gone since; then the lease stands. */
	if (s != NULL && s->fd == fd && !cache_holds(s))
		cache_leave(c, s, now);
}

void cache_check(struct cache *c, uint64_t now)
{
	for (uint32_t i = 0; i < c->count; i++) {
		struct slot *s = &c->slot[i];

		if ((s->state == SLOT_HASHING || s->state == SLOT_HELD) && !cache_holds(s))
			cache_leave(c, s, now);
	}
}

/* The exec that was let through has its own lock on writers, or will never have. */
static bool finished(const struct slot *s, int32_t pid)
{
	struct opener o;

	opener_exe(pid, &o);
	return !o.has_exe || (o.dev == s->dev && o.ino == s->ino);
}

static bool may_go(const struct slot *s, uint64_t now)
{
	/* Nobody was ever let through: there is nobody to wait for. */
	if (s->recent_next == 0 || now - s->since >= CACHE_CAP_MS)
		return true;
	if (now - s->since < CACHE_FLOOR_MS)
		return false;
	for (uint32_t i = 0; i < SLOT_RECENT; i++) {
		const struct recent *r = &s->recent[i];

		if (r->pid > 0 && r->at + CACHE_CAP_MS > now && !finished(s, r->pid))
			return false;
	}
	return true;
}

static void let_go(struct cache *c, struct slot *s)
{
	index_remove(c, s);
	/* While nobody can write yet. */
	cache_unnote(c, s);
	/* By name: a report on its way may hold the same open file. */
	(void)fcntl(s->fd, F_SETLEASE, F_UNLCK);
	slot_free(c, s);
}

/* Gives up old slots before the last free one is gone: each takes its time to leave. */
static void make_room(struct cache *c, uint64_t now)
{
	uint32_t want = c->count / 16 + 1;

	for (uint32_t seen = 0; seen < c->count && c->free_count + c->leaving < want; seen++) {
		struct slot *s = &c->slot[c->hand];

		c->hand = (c->hand + 1) % c->count;
		if (s->state == SLOT_HELD)
			cache_leave(c, s, now);
	}
}

/* Files that nobody can reach by name any more; held, they would go on filling the disk. */
static void sweep(struct cache *c, uint64_t now)
{
	if (now - c->swept < CACHE_SWEEP_MS)
		return;
	c->swept = now;
	for (uint32_t n = 0; n < CACHE_SWEEP && n < c->count; n++) {
		struct slot *s = &c->slot[c->broom];
		struct stat st;

		c->broom = (c->broom + 1) % c->count;
		if (s->state == SLOT_HELD && fstat(s->fd, &st) == 0 && st.st_nlink == 0)
			cache_leave(c, s, now);
	}
}

bool cache_tick(struct cache *c, uint64_t now)
{
	bool any = false;

	sweep(c, now);
	make_room(c, now);
	for (uint32_t i = 0; i < c->leaving;) {
		struct slot *s = &c->slot[c->out[i]];

		if (!may_go(s, now)) {
			i++;
			continue;
		}
		c->out[i] = c->out[--c->leaving];
		let_go(c, s);
		any = true;
	}
	return any;
}

/* ---- A worker's start -----------------------------------------------------------------------*/

/* A slot that a former worker left: its digest counts if the lease has stood all the time. */
static void adopt(struct cache *c, struct slot *s, uint64_t now)
{
	struct stat st;
	bool same = fstat(s->fd, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino;

	if (!same) {
		s->state = SLOT_FREE;
		return;
	}
	c->free_count--;
	index_add(c, s);
	if (s->state == SLOT_LEAVING) {
		out_add(c, s);
		s->since = now;
		return;
	}
	/* From here on the signals come to this process; one that was lost shows in F_GETLEASE. */
	if (s->state == SLOT_HASHING || fcntl(s->fd, F_SETOWN, getpid()) != 0 || !cache_holds(s))
		cache_leave(c, s, now);
}

rc cache_init(struct cache *c, struct share *s, int group, int signal, uint64_t now,
	      struct fault *f)
{
	uint32_t size = 64;

	while (size < 2 * s->slot_count)
		size *= 2;
	*c = (struct cache){.slot = s->slot,
			    .count = s->slot_count,
			    .free_count = s->slot_count,
			    .group = group,
			    .signal = signal,
			    .index_mask = size - 1};
	c->index = (uint32_t *)calloc(size, sizeof(*c->index));
	c->out = (uint32_t *)calloc(s->slot_count, sizeof(*c->out));
	if (c->index == NULL || c->out == NULL)
		return fault_set(f, RC_NOMEM, 0, "cache: no memory for %u files", s->slot_count);
	for (uint32_t i = 0; i < c->count; i++)
		if (c->slot[i].state != SLOT_FREE)
			adopt(c, &c->slot[i], now);
	return OK;
}

void cache_release(struct cache *c)
{
	free(c->index);
	free(c->out);
	c->index = NULL;
	c->out = NULL;
}
