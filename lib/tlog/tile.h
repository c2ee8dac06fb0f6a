/* tile - names and bytes of the files of a tlog-tiles log (c2sp.org/tlog-tiles): hash tiles of 256
 * hashes and entry bundles of 256 entries.
 *
 * Owns: paths, widths, encodings, finding a tree node in tiles.
 * Must not own: files or HTTP (struct tile_reader is a callback). */
#ifndef GS_TLOG_TILE_H
#define GS_TLOG_TILE_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/tlog/tree.h"

#define TILE_HEIGHT 8u
#define TILE_WIDTH 256u
#define TILE_BYTES 8192u      /* of a full hash tile */
#define TILE_LEVELS 8u	      /* 0..7 carry hashes while sizes are below 2^63 */
#define TILE_PATH 64u	      /* longest path and NUL */
#define TILE_ENTRIES 255u     /* level that stands for entry bundles */
#define TILE_ENTRY_MAX 65535u /* bytes of one entry */
#define TILE_BUNDLE_MAX (TILE_WIDTH * (2u + TILE_ENTRY_MAX))

/* One file. Entry i of hash tile (level, index) is the perfect subtree of 256^level leaves that
 * starts at leaf (index * 256 + i) * 256^level. */
struct tile_id {
	unsigned level; /* 0..63, or TILE_ENTRIES */
	uint64_t index;
	unsigned width; /* 1..256; 256 is the full tile */
};

/* "tile/<level>/<index>[.p/<width>]", index in groups of three digits, all but the last with an x:
 * 1234067 is "x001/x234/067". The id is our own (asserted). */
void tile_path(const struct tile_id *id, char out[TILE_PATH]);
/* Exactly what tile_path writes, with index <= 2^63 / 256. RC_SYNTAX, RC_NONCANON, RC_RANGE. */
MUST rc tile_path_parse(struct view path, struct tile_id *ret);

/* Width that tile (level, index) has in a tree of that size: 0 if there is none, else 1..256. Entry
 * bundles have the widths of level 0. */
unsigned tile_width(unsigned level, uint64_t index, uint64_t size);
/* Number of full tiles of a level; the partial one, if its width is not 0, has this index. */
uint64_t tile_full(unsigned level, uint64_t size);

/* Appends one entry to a bundle: u16 length, bytes. RC_LIMIT (sticky) above TILE_ENTRY_MAX. */
void bundle_put(struct buf *bundle, struct view entry);
/* Takes the next entry from the front. RC_TRUNCATED. */
MUST rc bundle_next(struct view *bundle, struct view *ret_entry);
/* RC_OK if the bytes are exactly width entries; RC_TRUNCATED, RC_TRAILING. */
MUST rc bundle_check(struct view bundle, unsigned width, struct fault *f);

/* Fills *out (cleared first) with the file: width * 32 bytes, or width entries. A source that has
 * only a wider file of the same tile cuts it to width. RC_NOTFOUND, RC_CORRUPT, RC_IO. */
struct tile_reader {
	rc (*read)(void *ctx, const struct tile_id *id, struct buf *out, struct fault *f);
	void *ctx;
};

/* Nodes of a tree through its tiles; keeps the last tile read of each level and the nodes computed
 * from it. The tree may grow: a proof at the right edge then costs a few hashes, not a tile full.
 * The tiles are not authenticated by this: verify the proof or root made from them. */
struct tile_nodes {
	struct tile_reader reader;
	uint64_t size;
	struct tile_kept {
		uint64_t index; /* of the tile; UINT64_MAX: none */
		struct buf hashes;
		struct buf inner; /* TILE_WIDTH nodes as in a heap: the root is 1, over 2 and 3 */
		uint8_t known[TILE_WIDTH / 8];
	} tile[TILE_LEVELS];
};

/* size as in the checkpoint that vouches for the tiles. */
void tile_nodes_init(struct tile_nodes *t, const struct tile_reader *reader, uint64_t size);
/* The tree has one more leaf. The reader must know it when it is asked for. */
void tile_nodes_append(struct tile_nodes *t, const struct digest *leaf);
/* May be called twice and on a zeroed struct. */
void tile_nodes_release(struct tile_nodes *t);
AUTO_DEFINE(tile_nodes, struct tile_nodes, tile_nodes_release)
/* Borrows t. Its node() fails with RC_RANGE for a node outside the tree, else as the reader does.
 */
struct tree_reader tile_nodes_reader(struct tile_nodes *t);

/* The bytes of entry index. RC_RANGE, RC_CORRUPT, or as the reader does. Appended to out. */
MUST rc tile_entry(const struct tile_reader *reader, uint64_t size, uint64_t index, struct buf *out,
		   struct fault *f);

#endif
