/* guard - the log's high-water mark, kept apart from the journal, so that a restored backup shows.
 *
 * `head.guard` lies in a directory of its own that backups leave out. Two fixed slots are written
 * in turn, each with a checksum, so that one is whole at any instant. It is durable before a
 * checkpoint is published; a journal behind it is refused (P5). Never shared by two keepers: it is
 * locked. Owns: the file, its form and lock. Must not own: what follows from a mismatch (main.c).
 *
 * Slot (GUARD_SLOT bytes): "GSGUARD1", u64 counter, u64 epoch, u64 size, root, u8 length + origin,
 * zeros, SHA-256 over all before; big-endian. */
#ifndef GS_KEEPER_GUARD_H
#define GS_KEEPER_GUARD_H

#include "lib/base/fault.h"
#include "lib/model/request.h"
#include "lib/tlog/tree.h"

#define GUARD_FILE "head.guard"
#define GUARD_SLOT 512u

struct guard_mark {
	char origin[ORIGIN_MAX + 1];
	uint64_t epoch;
	struct tree_head head;
};

struct guard;

/* RC_EXISTS, RC_IO. */
MUST rc guard_create(const char *dir, const struct guard_mark *mark, struct fault *f);
/* RC_NOTFOUND, RC_BUSY (locked by another keeper), RC_CORRUPT (no whole slot), RC_IO. */
MUST rc guard_open(const char *dir, struct guard **ret, struct fault *f);
/* NULL is permitted. */
void guard_close(struct guard *g);
static inline void guard_autorelease(struct guard **g)
{
	guard_close(*g);
}
/* The newest mark; borrowed from g. */
const struct guard_mark *guard_mark(const struct guard *g);
/* Durable when it returns. RC_RANGE if head is smaller, RC_MISMATCH if it has the same size and
 * another root (nothing is written then); RC_IO: the guard must not be used any more. */
MUST rc guard_advance(struct guard *g, const struct tree_head *head, struct fault *f);

/* Makes and locks dir/name (an OFD lock, held until *ret_fd is closed). RC_BUSY if another holds
 * it. */
MUST rc lock_take(const char *dir, const char *name, int *ret_fd, struct fault *f);

#endif
