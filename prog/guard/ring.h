/* ring - what the guard has to tell, on its way from the process that decides to the one that
 * writes.
 *
 * In shared memory, of fixed size, one writer and one reader. The writer never waits: what does not
 * fit is dropped and counted, so a reader that hangs (a full disk, a stopped journal) holds no
 * exec. Owns: order and count. Must not own: words (logger.c). */
#ifndef GS_GUARD_RING_H
#define GS_GUARD_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/crypt/digest.h"

#define RING_ROWS 512u /* a power of two */

/* These and the reasons are handed to guards of other versions: new ones come last. */
enum news_kind {
	NEWS_FIRST_SEEN, /* an approved content, for the first time since it is held */
	NEWS_DENIED,
	NEWS_WOULD_DENY, /* the same while observing */
	NEWS_LIST,	 /* another list is in force: serial, count */
	NEWS_LIST_BAD,	 /* one was refused; the last good one stays: why */
	NEWS_FETCH_BAD,	 /* a newer list could not be asked for: why */
	NEWS_RECORDS,	 /* package records were loaded: how many contents */
	NEWS_RECORD_BAD, /* one was refused: why */
	NEWS_MODE,	 /* why: "enforce" or "observe" */
	NEWS_GLASS,	 /* a token lets this host observe, is refused, or is over: text */
	NEWS_WORKER,	 /* the worker was started again; count: how often */
	NEWS_OVERFLOW,	 /* the kernel's queue was full */
	NEWS_MARKED,	 /* a file system is guarded from here on: why */
	NEWS_UPGRADE,	 /* this guard has taken over from another, or stays: text */
	NEWS__COUNT
};

enum why {
	WHY_NONE,
	WHY_UNAPPROVED, /* the list does not have this content */
	WHY_REVOKED,	/* it does, as revoked */
	WHY_WRITER,	/* somebody has it open for writing */
	WHY_NO_LEASE,	/* this file system cannot tell when the file changes */
	WHY_CHANGED,	/* it changed while it was read */
	WHY_UNREADABLE, /* it could not be read, or is not a regular file */
	WHY_TOO_LARGE,	/* LARGEST_BYTES */
	WHY_BUSY,	/* BULKY_BYTES, and too many questions wait */
	WHY__COUNT
};

struct news {
	enum news_kind kind;
	enum why why;
	int fd; /* of the file, the reader's to close; -1: none */
	int32_t pid;
	bool opened; /* not executed */
	uint64_t serial;
	uint64_t count;
	struct digest digest; /* zeros: unknown */
	char text[FAULT_TEXT];
};

struct ring {
	_Atomic uint32_t head; /* written by the writer */
	_Atomic uint32_t tail; /* written by the reader */
	_Atomic uint64_t dropped;
	struct news row[RING_ROWS];
};

/* False, and counted, if there is no room; the descriptor is then still the caller's. */
bool ring_put(struct ring *r, const struct news *n);
/* False if there is none. */
bool ring_take(struct ring *r, struct news *ret);

#endif
