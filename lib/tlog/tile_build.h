/* tile_build - leaf hashes in order become the hash tiles of every level; used by publishing and by
 * fsck, so that both mean the same tiles.
 *
 * Owns: the unfinished tile of each level (64 KiB). Must not own: what happens to finished ones. */
#ifndef GS_TLOG_TILE_BUILD_H
#define GS_TLOG_TILE_BUILD_H

#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/tlog/tile.h"
#include "lib/tlog/tree.h"

struct tile_build {
	uint64_t size; /* leaves so far */
	/* Level l holds (size >> 8l) & 255 hashes of its unfinished tile. */
	struct digest hash[TILE_LEVELS][TILE_WIDTH];
	/* Called with each tile that becomes full, level 0 upward; view of TILE_BYTES. */
	rc (*full)(void *ctx, const struct tile_id *id, struct view hashes, struct fault *f);
	void *ctx;
};

/* RC_LIMIT at TREE_SIZE_MAX, or what full returns; then b must not be used any more. */
MUST rc tile_build_add(struct tile_build *b, const struct digest *leaf, struct fault *f);
/* The unfinished tile of a level: false if it is empty. The view points into b. */
bool tile_build_partial(const struct tile_build *b, unsigned level, struct tile_id *ret_id,
			struct view *ret_hashes);
/* The same tree as a compact range. */
void tile_build_compact(const struct tile_build *b, struct compact *ret);
/* Root of n hashes, n a power of two up to TILE_WIDTH. */
struct digest tile_build_root(const struct digest *hash, size_t n);

#endif
