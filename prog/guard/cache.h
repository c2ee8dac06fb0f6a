/* cache - files whose content the guard knows without reading them again, and which the kernel then
 * runs without asking.
 *
 * A slot holds a read lease on the file: whoever opens it for writing waits until the slot has let
 * go (fcntl(2), "Leases"). Under the lease the digest is what the file contains; an ignore mark on
 * top makes an allowed exec free. The mark alone would miss a store through a shared mapping.
 * Release, in this order: mark away, then wait until no exec that was let through can still be
 * between the kernel's question and its own lock on writers, then the lease.
 * Owns: leases, marks, the slots' states. Must not own: verdicts, questions, answers. */
#ifndef GS_GUARD_CACHE_H
#define GS_GUARD_CACHE_H

#include "prog/guard/kernel.h"
#include "prog/guard/share.h"

#define CACHE_FLOOR_MS 20u /* the least that a slot stays leased after it was unmarked */
#define CACHE_SWEEP 64u	   /* slots looked at in a round: is their file deleted? */
#define CACHE_SWEEP_MS 10u /* no round sooner than that after the last */
#define CACHE_CAP_MS 1000u /* the longest that it waits for execs it allowed */

struct cache {
	struct slot *slot;
	uint32_t count;
	uint32_t free_count;
	uint32_t leaving;
	uint32_t hand; /* where the search for a slot to give up goes on */
	uint32_t free_hint;
	uint32_t broom; /* where the search for deleted files goes on */
	uint64_t swept; /* ms: when it last did */
	uint32_t *out;	/* `leaving` slots' numbers: those on their way out, and no others */
	int group;
	uint64_t asks; /* what the file systems are marked for: FAN_* */
	int signal;    /* the real-time signal of a broken lease */
	const struct kernel *kernel;
	/* Open addressing over (dev, ino): slot number + 1. */
	uint32_t *index;
	uint32_t index_mask;
};

/* Over the shared slots, with those of a former worker: each is kept if its lease still holds, and
 * else on its way out. now in ms of a clock that never goes back. RC_NOMEM. */
MUST rc cache_init(struct cache *c, struct share *s, int group, int signal, uint64_t now,
		   struct fault *f);
void cache_release(struct cache *c);

/* NULL if there is none. */
struct slot *cache_find(struct cache *c, uint64_t dev, uint64_t ino);

/* Takes a lease on the file, through a descriptor of the slot's own. RC_BUSY: somebody has the file
 * open for writing, or waits to; RC_UNSUPPORTED: no leases here; RC_LIMIT: no slot is free (the
 * oldest are on their way out: ask again after cache_tick). On failure fd is the caller's. */
MUST rc cache_take(struct cache *c, int fd, uint64_t dev, uint64_t ino, uint64_t now,
		   struct slot **ret);
/* Whether the lease on a slot still stands with nobody waiting for it. */
bool cache_holds(const struct slot *s);
/* What the slot holds is approved in the kernel, too; only for a HELD slot whose content is
 * approved.
 */
void cache_note(const struct cache *c, struct slot *s);
void cache_unnote(const struct cache *c, struct slot *s);
/* The kernel no longer asks for these events; only for a HELD slot. */
void cache_mark(struct cache *c, struct slot *s, uint64_t events);
void cache_unmark(struct cache *c, struct slot *s);
/* An exec of the file by pid is let through; pid 0: an open. */
void cache_allowed(struct slot *s, int32_t pid, uint64_t now);
/* The slot is on its way out. Idempotent. */
void cache_leave(struct cache *c, struct slot *s, uint64_t now);
/* Takes a slot back that was on its way out only to make room: its lease stands. */
bool cache_return(struct cache *c, struct slot *s);
/* A lease on this descriptor is being broken. */
void cache_broken(struct cache *c, int fd, uint64_t now);
/* Looks at every lease: after signals were lost, or a long stop. */
void cache_check(struct cache *c, uint64_t now);
/* Frees the slots whose time has come; true if any was. */
bool cache_tick(struct cache *c, uint64_t now);

#endif
