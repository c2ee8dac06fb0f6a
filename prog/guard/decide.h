/* decide - the worker's answers: which exec or open goes on and which does not.
 *
 * One thread. A question about a content that is known is answered at once; others are read in
 * slices between which new questions are looked at, so a large file holds nobody up but those who
 * want it. Here no file is opened but two of /proc that wait for nobody (opener.h), no line is
 * written, no name is looked up, and nothing is allocated: each of these has been the reason for
 * somebody's machine to hang. The guard's own processes exec nothing (their filter of system calls
 * sees to it), so there is no question of their own to wait for. Owns: questions, verdicts,
 * digests. Must not own: leases and marks (cache.h), lists' signatures.
 */
#ifndef GS_GUARD_DECIDE_H
#define GS_GUARD_DECIDE_H

#include <sys/types.h>

#include "lib/crypt/digest.h"
#include "prog/guard/approved.h"
#include "prog/guard/cache.h"
#include "prog/guard/guard.h"
#include "prog/guard/often.h"

#define JOBS_MAX 16u	       /* files that are read at the same time */
#define SLICE_BYTES (1u << 20) /* of one file, before others have their turn */
/* Read at a time: what was just read is hashed before the processor's cache has lost it. */
#define CHUNK_BYTES (1u << 17)
#define OFTEN_BYTES SLICE_BYTES /* a larger file is not read for those who may read it anyway */
#define OFTEN_SETTLED_S 10	/* nor one that was changed since: it may still be made */
#define OFTEN_SPARES 4u		/* nor one where less than this part of the slots is free */
#define OPENER_AWAKE_MS 5000u	/* for so long one that opens may be on its way to sleep */
#define PASSES_MAX 4u		/* over the questions, before leases have their turn */
/* Longer files are not read, and so do not run: anybody can make one whose end never comes. */
#define LARGEST_BYTES ((off_t)4 << 30)
/* Longer ones of other users than root are read in half of the jobs alone, and are refused while
 * half of the questions wait: whoever makes many of them holds up himself. */
#define BULKY_BYTES ((off_t)16 << 20)

struct job {
	struct slot *slot; /* NULL: free */
	struct hasher *hasher;
	uint64_t at;
	off_t size; /* when it began */
	bool bulky;
};

struct decider {
	struct share *share;
	struct cache cache;
	int group;
	const struct guard *guard;
	enum guard_mode mode;
	struct approved approved;
	uint32_t jobs_busy;
	struct job job[JOBS_MAX];
	uint8_t *chunk; /* CHUNK_BYTES */
	bool drained;	/* the last read came to the end of the queue; only with zones */
	bool woken;	/* a question can be answered that could not be before */
	size_t rows;	/* the questions behind these are free */
	struct often often;
	struct slot *looks[JOBS_MAX]; /* were read: for the lookout, after the answers */
	size_t look_count;
};

/* Takes over what a former worker left behind: its questions are asked again. RC_NOMEM, RC_CRYPTO.
 */
MUST rc decider_init(struct decider *d, const struct guard *g, uint64_t now, struct fault *f);
void decider_release(struct decider *d);

/* Mode and list as the supervisor wants them now, for every slot too. */
void decider_apply(struct decider *d);
/* Reads events as long as there is room for what they ask. False: the group gives no more. */
bool decider_read(struct decider *d);
/* Looks at questions, reads a slice of each file, lets leases go. */
void decider_step(struct decider *d, uint64_t now);
/* What the next poll may wait, in ms. */
int decider_patience(const struct decider *d);
/* Whether there is room for another buffer full of questions. */
bool decider_has_room(const struct decider *d);

#endif
