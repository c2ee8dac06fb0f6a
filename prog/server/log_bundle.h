/* log_bundle - entries of the log, 256 at a time, from the files that the keeper publishes. */
#ifndef GS_SERVER_LOG_BUNDLE_H
#define GS_SERVER_LOG_BUNDLE_H

#include "lib/model/leaf.h"
#include "lib/tlog/tile_dir.h"
#include "prog/server/server.h"

/* All zero: nothing has been read. */
struct log_bundle {
	struct buf bytes;
	struct view entries[TILE_WIDTH];
	uint64_t index;
	unsigned width; /* entries; 0: none */
};
void log_bundle_release(struct log_bundle *b);
AUTO_DEFINE(log_bundle, struct log_bundle, log_bundle_release)

/* The entries from index * TILE_WIDTH on, of a log of that size; nothing is read if they are in b.
 * RC_NOTFOUND, RC_IO, and as bundle_check. */
MUST rc log_bundle_read(struct server *s, struct log_bundle *b, uint64_t index, uint64_t size,
			struct fault *f);
/* Entry at of the log, which b holds. False: another kind, or not ours to read. */
bool log_bundle_leaf(const struct log_bundle *b, uint64_t at, enum leaf_kind kind,
		     struct leaf *ret);

#endif
