/* tile_dir - a log as files in a directory: reading it, and publishing new entries into it.
 *
 *	checkpoint, tile/<L>/<N>[.p/<W>], tile/entries/<N>[.p/<W>]
 *
 * The directory is a projection of the journal: publishing may be repeated from any earlier size,
 *and a directory that is missing or damaged at its tail is built again from entry 0. Owns: order
 *and form of what is written: bundles and tiles first, checkpoint last, each by temp file and
 *rename; a full tile's path only ever with exactly 256 entries or hashes. Must not own: the
 *entries, or the signing of the checkpoint. */
#ifndef GS_TLOG_TILE_DIR_H
#define GS_TLOG_TILE_DIR_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/tlog/tile.h"
#include "lib/tlog/tree.h"

/* ---- Reading -------------------------------------------------------------------------------*/

/* A tile_reader over a directory: ctx is the address of the dirfd, which must outlive it. A partial
 * tile that is gone is cut from the full one. RC_NOTFOUND, RC_CORRUPT (wrong length), RC_IO. */
struct tile_reader tile_dir_reader(const int *dirfd);
/* Appends the checkpoint file, at most out's maximum. RC_NOTFOUND, RC_LIMIT, RC_IO. */
MUST rc tile_dir_checkpoint(int dirfd, struct buf *out, struct fault *f);

/* ---- Publishing ----------------------------------------------------------------------------*/

/* Where files go; paths are relative and of our own making. The directory's implementation is
 * tile_dir_store(); tests use others. */
struct tile_store {
	/* Replaces the file whole. durable: must survive power loss when this returns. */
	rc (*write)(void *ctx, const char *path, struct view bytes, bool durable, struct fault *f);
	/* Forgets all partial files of a tile that is now full; best effort. */
	void (*drop_partials)(void *ctx, const struct tile_id *full);
	struct tile_reader reader; /* reads back what was written */
	void *ctx;
};
/* Borrows the dirfd's address. Files are mode 0644, directories 0755. */
struct tile_store tile_dir_store(const int *dirfd);

/* The truth: appends the bytes of entry index (<= TILE_ENTRY_MAX) to out. */
struct entry_source {
	rc (*entry)(void *ctx, uint64_t index, struct buf *out, struct fault *f);
	void *ctx;
};

/* Holds the tail (unfinished bundle and tiles, about 64 KiB and the bundle) in memory, so that a
 * commit of a few entries costs three small files: bundle, level-0 tile, checkpoint. One thread. */
struct tile_pub;

/* Takes up the directory at the head that the journal says was published; reads fewer than 256
 * entries and 256 tiles per level. If what is there does not recompute to that head (missing or
 * damaged files), the publisher starts from 0 and tile_pub_head() says so; the next advance writes
 * all files again. RC_RANGE, RC_NOMEM, or as the source does. */
MUST rc tile_pub_open(const struct tile_store *store, const struct entry_source *source,
		      const struct tree_head *published, struct tile_pub **ret, struct fault *f);
/* NULL is permitted. */
void tile_pub_free(struct tile_pub *p);
static inline void tile_pub_autorelease(struct tile_pub **p)
{
	tile_pub_free(*p);
}

/* Tree of everything handed to the publisher so far. */
struct tree_head tile_pub_head(const struct tile_pub *p);

/* Publishes entries up to head->size, then the checkpoint note (signed over *head, verbatim).
 * The same size again rewrites the tail and the checkpoint. RC_RANGE if head->size is below the
 * published size; RC_MISMATCH if the entries do not lead to head->root (nothing of the checkpoint
 * is written then); RC_STATE after any failure: free it and open again; RC_IO, RC_NOSPACE. */
MUST rc tile_pub_advance(struct tile_pub *p, const struct tree_head *head, struct view checkpoint,
			 struct fault *f);

#endif
