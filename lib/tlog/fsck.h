/* fsck - checks a whole log directory: everything is computed again from the entry bundles.
 *
 * Owns: the comparison of every tile with the entries, of the root with the checkpoint, of the
 * checkpoint with the log's key, and of an older checkpoint with this log. Reads only.
 * Must not own: the meaning of entries (they are handed to a callback). Memory does not grow with
 * the number of entries. */
#ifndef GS_TLOG_FSCK_H
#define GS_TLOG_FSCK_H

#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/tlog/checkpoint.h"
#include "lib/tlog/tile.h"
#include "lib/tlog/tree.h"

struct fsck {
	struct tile_reader reader;
	struct view note; /* the checkpoint file */
	const struct vkey *log;
	const struct tree_head
		*older; /* NULL, or a head that must be a prefix; size 0 is one always */
	/* Called for each entry in order; may be NULL. A failure ends the check with it. */
	rc (*entry)(void *ctx, uint64_t index, struct view entry, struct fault *f);
	void *ctx;
};

struct fsck_report {
	struct checkpoint checkpoint;
	uint64_t tiles;	  /* hash tiles compared */
	uint64_t bundles; /* entry bundles read */
};

/* RC_CORRUPT: a tile or bundle contradicts the entries (the fault names its path); RC_MISMATCH: the
 * root is not the checkpoint's, or older is no prefix; RC_NOTFOUND: a file is missing; otherwise as
 * checkpoint_open, the reader and the callback. */
MUST rc fsck_run(const struct fsck *c, struct fsck_report *ret, struct fault *f);

/* Cheap check for those who follow a log: the checkpoint is signed by log, and older is a prefix of
 * it, by a consistency proof made from tiles. older->size 0 passes. RC_RANGE if the log has become
 * smaller; RC_MISMATCH if history was rewritten; RC_NOTFOUND, RC_CORRUPT. */
MUST rc log_follow(const struct tile_reader *reader, struct view note, const struct vkey *log,
		   const struct tree_head *older, struct checkpoint *ret, struct fault *f);

#endif
