/* ledger - the log as the keeper writes it: leaves of a round, one durable commit, the guard, the
 * files that outsiders read; in that order and no other.
 *
 *	ledger_append ... ledger_append     in the open transaction of the round
 *	ledger_commit                       checkpoint signed; durable
 *	ledger_publish                      guard durable, then tiles, then checkpoint
 *
 * Replies carry their own proofs, so under load public/ may be a moment behind what was released
 * (LEDGER_LATER_MS); the guard never is: no checkpoint leaves before it.
 * Owns: the head in memory, the log's signature, inclusion proofs. Must not own: what leaves say.
 */
#ifndef GS_KEEPER_LEDGER_H
#define GS_KEEPER_LEDGER_H

#include "lib/model/leaf.h"
#include "lib/tlog/note.h"
#include "lib/tlog/tile_dir.h"
#include "prog/keeper/guard.h"
#include "prog/keeper/journal.h"

struct ledger {
	struct journal *journal;   /* borrowed */
	struct guard *guard;	   /* borrowed */
	struct note_signer signer; /* borrows the log's key */
	struct journal_identity id;
	struct journal_head head;      /* with the leaves of the open round */
	struct journal_head committed; /* as durable */
	bool open;		       /* a transaction is open */
	int public_fd;
	struct tile_pub *pub;	 /* NULL after a failure, until it is opened again */
	bool lagging;		 /* the guard is behind, or public/ could not be written */
	bool behind;		 /* public/ is older than committed */
	bool urgent;		 /* what people wait for to see is not in public/ yet */
	struct tile_nodes nodes; /* of the tree with the open round; for proofs */
};

/* Loads the head and holds it against guard and public/checkpoint (P5). Refuses with RC_STATE
 * (keeper.restored) if either is ahead of the journal or names another tree. Then publishes what is
 * missing. public_dir must exist. */
struct ledger_config {
	struct journal *journal;
	struct guard *guard;
	struct note_signer signer;
	const char *public_dir;
};
MUST rc ledger_open(const struct ledger_config *c, struct ledger *ret, struct fault *f);
/* May be called twice and on a zeroed struct; rolls back. */
void ledger_close(struct ledger *l);

/* Opens the round's transaction if it is not open. */
MUST rc ledger_begin(struct ledger *l, struct fault *f);
/* Adds the leaf; its time is raised to that of the newest leaf if it is older. */
MUST rc ledger_append(struct ledger *l, struct leaf *leaf, uint64_t *ret_index, struct fault *f);
/* Reads the round's leaves back, computes the tree again, signs, commits. RC_NOSPACE: rolled back,
 * nothing happened. RC_CRYPTO, RC_TOKEN: rolled back. Anything else: exit and load again. Does
 * nothing when no transaction is open. */
MUST rc ledger_commit(struct ledger *l, struct fault *f);
void ledger_rollback(struct ledger *l);
/* How long public/ may be behind while there is more to do: renaming its files in every round costs
 * as much as the commit itself. */
#define LEDGER_LATER_MS 1000
/* Guard, then public/. later: public/ may wait for another call, unless an entry of another kind
 * than request, authorize or issue is to be seen, or the last attempt failed. *ret_fatal: the guard
 * could not be written; exit. Otherwise a failure leaves the ledger lagging, nothing of the round
 * may be released, and the call is to be repeated. */
MUST rc ledger_publish(struct ledger *l, bool later, bool *ret_fatal, struct fault *f);

/* Appends the .tlog-proof file of entry index under the newest checkpoint. RC_RANGE. */
MUST rc ledger_proof(struct ledger *l, uint64_t index, struct buf *out, struct fault *f);
/* The same with the entry itself in the file's "extra" line: all that a receipt needs. */
MUST rc ledger_receipt(struct ledger *l, uint64_t index, struct buf *out, struct fault *f);
/* The root at an earlier size. RC_RANGE if size is over the committed one. */
MUST rc ledger_root_at(struct ledger *l, uint64_t size, struct digest *ret, struct fault *f);

#endif
