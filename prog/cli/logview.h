/* logview - the server's log seen through its tiles: verified, followed, remembered.
 *
 * Owns: reading tiles over the API, and the memory of the newest checkpoint (config.h), so that a
 * log that shrinks or changes its past is refused on every machine that has seen it (P5). */
#ifndef GS_CLI_LOGVIEW_H
#define GS_CLI_LOGVIEW_H

#include "lib/model/leaf.h"
#include "lib/tlog/checkpoint.h"
#include "lib/tlog/tile.h"
#include "prog/cli/cli.h"

/* A tile_reader over /v1/log; ctx is the cli. */
struct tile_reader logview_reader(struct cli *c);
MUST rc logview_vkey(struct cli *c, struct vkey *ret);
/* Fetches the checkpoint, verifies it and that it extends the remembered one, and remembers it.
 * RC_MISMATCH when history was changed: the loudest problem the client knows. note (may be NULL)
 * gets the verbatim note. */
MUST rc logview_follow(struct cli *c, struct checkpoint *ret, struct buf *note);
/* Follows the log until it covers a head that this log's key has signed, and holds the two against
 * each other: RC_MISMATCH if the log is no extension of it, or stays smaller. */
MUST rc logview_holds(struct cli *c, const struct checkpoint *older);
/* Entry index, with a proof against a checkpoint that extends the remembered one. entry and proof
 * (a .tlog-proof file) are appended to. */
MUST rc logview_entry(struct cli *c, uint64_t index, struct buf *entry, struct buf *proof);

#endif
