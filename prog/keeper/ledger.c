#include "prog/keeper/ledger.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/proto/keeper.h"
#include "lib/tlog/proof_file.h"
#include "lib/tlog/tile_build.h"

_Static_assert(KEEPER_PROOF_MAX > LEAF_BYTES_MAX / 3 * 4 + 63 * 45 + JOURNAL_NOTE_MAX + 64,
	       "the largest entry fits its receipt");

/* ---- Tiles for proofs ----------------------------------------------------------------------*/

/* A full tile of leaf hashes from public/: one short file, where the journal's leaves lie scattered
 * among all that came with them. Good only if it gives the root that the journal has for it. */
static rc read_public(struct ledger *l, const struct tile_id *id, struct buf *out)
{
	const struct tile_reader files = tile_dir_reader(&l->public_fd);
	struct digest hash[TILE_WIDTH];
	struct digest stored;
	struct digest root;

	TRY(files.read(files.ctx, id, out, NULL));
	TRY(journal_node_get(l->journal, 1, id->index, &stored, NULL));
	memcpy(hash, out->ptr, TILE_BYTES);
	root = tile_build_root(hash, TILE_WIDTH);
	return digest_is_equal(&root, &stored) ? OK : RC(RC_MISMATCH);
}

static rc read_tile(void *ctx, const struct tile_id *id, struct buf *out, struct fault *f)
{
	struct ledger *l = (struct ledger *)ctx;
	const struct tile_reader journal = journal_tiles(l->journal);

	if (id->level == 0 && id->width == TILE_WIDTH && l->public_fd >= 0 &&
	    rc_is_ok(read_public(l, id, out)))
		return OK;
	buf_clear(out);
	return journal.read(journal.ctx, id, out, f);
}

static void nodes_renew(struct ledger *l)
{
	const struct tile_reader reader = {.read = read_tile, .ctx = l};

	tile_nodes_release(&l->nodes);
	tile_nodes_init(&l->nodes, &reader, l->committed.tree.size);
}

/* ---- Start ---------------------------------------------------------------------------------*/

static rc check_prefix(struct ledger *l, const struct tree_head *older, const char *what,
		       struct fault *f)
{
	struct digest root;

	if (older->size > l->committed.tree.size)
		return fault_set(f, RC_STATE, 0,
				 "%s has %llu entries, the journal only %llu: it was restored "
				 "from an older copy",
				 what, (unsigned long long)older->size,
				 (unsigned long long)l->committed.tree.size);
	TRY(ledger_root_at(l, older->size, &root, f));
	if (!digest_is_equal(&root, &older->root))
		return fault_set(f, RC_STATE, 0,
				 "%s names another tree of %llu entries than the journal", what,
				 (unsigned long long)older->size);
	return OK;
}

static rc check_guard(struct ledger *l, struct fault *f)
{
	const struct guard_mark *m = guard_mark(l->guard);

	if (strcmp(m->origin, l->id.origin) != 0 || m->epoch != l->id.epoch)
		return fault_set(f, RC_STATE, 0,
				 "head.guard belongs to another journal (origin %s)", m->origin);
	return check_prefix(l, &m->head, "head.guard", f);
}

/* A missing or torn file is made again; one that somebody else signed is not ours to overwrite. */
static rc check_public(struct ledger *l, struct fault *f)
{
	AUTO(buf) struct buf note = {0};
	struct checkpoint c;
	rc r;

	buf_init(&note, CHECKPOINT_MAX);
	r = tile_dir_checkpoint(l->public_fd, &note, f);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	r = checkpoint_open(buf_view(&note), &l->signer.key, &c, f);
	/* The file is written without fsync, so power loss can leave a torn one. It is no
	 * checkpoint that anybody was shown, and the journal makes it again (P9). */
	if (r.code == RC_SYNTAX || r.code == RC_NONCANON || r.code == RC_TRUNCATED ||
	    r.code == RC_TRAILING)
		return OK;
	if (!rc_is_ok(r))
		return fault_wrap(f, RC(RC_STATE), "public/checkpoint");
	return check_prefix(l, &c.head, "public/checkpoint", f);
}

static rc pub_open(struct ledger *l, struct fault *f)
{
	const struct tile_store store = tile_dir_store(&l->public_fd);
	const struct entry_source source = journal_entries(l->journal);

	return tile_pub_open(&store, &source, &l->committed.published, &l->pub, f);
}

static rc check_identity(struct ledger *l, struct fault *f)
{
	AUTO(buf) struct buf vkey = {0};

	buf_init(&vkey, JOURNAL_VKEY_MAX);
	vkey_put(&l->signer.key, &vkey);
	TRY(buf_done(&vkey));
	if (!view_is(buf_view(&vkey), l->id.vkey))
		return fault_set(f, RC_STATE, 0, "the token's log key is not that of this journal");
	return OK;
}

rc ledger_open(const struct ledger_config *c, struct ledger *ret, struct fault *f)
{
	struct ledger *l = ret;
	bool fatal;

	*l = (struct ledger){.journal = c->journal, .guard = c->guard, .signer = c->signer};
	l->public_fd = -1;
	TRY(journal_identity_get(l->journal, &l->id, f));
	TRY(journal_head_get(l->journal, &l->committed, f));
	l->head = l->committed;
	nodes_renew(l);
	TRY(dir_open(c->public_dir, &l->public_fd, f));
	TRY(check_identity(l, f));
	TRY(check_guard(l, f));
	TRY(check_public(l, f));
	if (l->committed.tree.size == 0)
		return pub_open(l, f);
	l->lagging = true;
	l->behind = true;
	return ledger_publish(l, false, &fatal, f);
}

void ledger_close(struct ledger *l)
{
	if (l->journal == NULL)
		return;
	ledger_rollback(l);
	tile_pub_free(l->pub);
	l->pub = NULL;
	tile_nodes_release(&l->nodes);
	fd_close(&l->public_fd);
	l->journal = NULL;
}

/* ---- A round -------------------------------------------------------------------------------*/

rc ledger_begin(struct ledger *l, struct fault *f)
{
	if (l->open)
		return OK;
	TRY(journal_begin(l->journal, f));
	l->open = true;
	return OK;
}

rc ledger_append(struct ledger *l, struct leaf *leaf, uint64_t *ret_index, struct fault *f)
{
	uint8_t mem[LEAF_BYTES_MAX];
	uint64_t index = l->head.tree.size;
	struct digest hash;
	struct buf body;

	TRY(ledger_begin(l, f));
	if (leaf->time < l->head.time)
		leaf->time = l->head.time;
	buf_init_fixed(&body, mem, sizeof(mem));
	TRY(leaf_encode(leaf, &body, f));
	TRY(buf_done(&body));
	hash = tree_leaf_hash(buf_view(&body));
	TRY(journal_leaf_add(l->journal, index, &hash, buf_view(&body), f));
	TRY(compact_append(&l->head.tree, &hash));
	tile_nodes_append(&l->nodes, &hash);
	l->head.time = leaf->time;
	if (leaf->kind != LEAF_REQUEST && leaf->kind != LEAF_AUTHORIZE && leaf->kind != LEAF_ISSUE)
		l->urgent = true;
	*ret_index = index;
	return OK;
}

/* The tree of the round once more, from what the journal now holds: a flipped bit between hashing
 * and storing must not get under the log's signature. */
static rc recompute(struct ledger *l, struct fault *f)
{
	struct compact tree = l->committed.tree;
	struct digest ours = compact_root(&l->head.tree);
	struct digest again;
	AUTO(buf) struct buf body = {0};

	buf_init(&body, LEAF_BYTES_MAX);
	while (tree.size < l->head.tree.size) {
		struct digest stored;
		struct digest hash;

		buf_clear(&body);
		TRY(journal_leaf_get(l->journal, tree.size, &stored, &body, f));
		hash = tree_leaf_hash(buf_view(&body));
		if (!digest_is_equal(&hash, &stored))
			return fault_set(f, RC_CORRUPT, 0, "ledger: leaf %llu changed in storage",
					 (unsigned long long)tree.size);
		TRY(compact_append(&tree, &hash));
	}
	again = compact_root(&tree);
	if (!digest_is_equal(&again, &ours))
		return fault_set(f, RC_CORRUPT, 0, "ledger: the round gives another root");
	return OK;
}

static rc sign_head(struct ledger *l, struct fault *f)
{
	const struct tree_head head = compact_head(&l->head.tree);
	struct buf note;

	buf_init_fixed(&note, l->head.note, sizeof(l->head.note));
	TRY(checkpoint_sign(&head, &l->signer, &note, f));
	TRY(buf_done(&note));
	l->head.note_len = note.len;
	return OK;
}

rc ledger_commit(struct ledger *l, struct fault *f)
{
	const struct tree_head before = compact_head(&l->committed.tree);
	rc r;

	if (!l->open)
		return OK;
	r = recompute(l, f);
	if (rc_is_ok(r) && l->head.tree.size > l->committed.tree.size)
		r = sign_head(l, f);
	if (!rc_is_ok(r)) {
		ledger_rollback(l);
		return r;
	}
	r = journal_commit(l->journal, &l->head, &before, f);
	l->open = false;
	if (!rc_is_ok(r)) {
		l->head = l->committed;
		nodes_renew(l);
		return r;
	}
	if (l->head.tree.size > l->committed.tree.size)
		l->lagging = l->behind = true;
	l->committed = l->head;
	return OK;
}

void ledger_rollback(struct ledger *l)
{
	if (l->open)
		journal_rollback(l->journal);
	l->open = false;
	l->head = l->committed;
	if (l->nodes.size != l->committed.tree.size)
		nodes_renew(l);
}

rc ledger_publish(struct ledger *l, bool later, bool *ret_fatal, struct fault *f)
{
	const struct tree_head head = compact_head(&l->committed.tree);
	const struct view note = view_of(l->committed.note, l->committed.note_len);
	rc r;

	*ret_fatal = false;
	if (!l->behind)
		return OK;
	r = guard_advance(l->guard, &head, f);
	if (!rc_is_ok(r)) {
		*ret_fatal = true;
		return r;
	}
	if (later && !l->urgent && l->pub != NULL) {
		l->lagging = false;
		return OK;
	}
	l->lagging = true;
	if (l->pub == NULL)
		TRY(pub_open(l, f));
	r = tile_pub_advance(l->pub, &head, note, f);
	if (!rc_is_ok(r)) {
		tile_pub_free(l->pub);
		l->pub = NULL;
		return r;
	}
	/* Stored with the next commit; until then a start publishes a little again. */
	l->committed.published = head;
	l->head.published = head;
	l->lagging = l->behind = l->urgent = false;
	return OK;
}

/* ---- Proofs --------------------------------------------------------------------------------*/

static rc put_proof(struct ledger *l, uint64_t index, struct view extra, struct buf *out,
		    struct fault *f)
{
	const struct tree_head head = compact_head(&l->committed.tree);
	const struct tree_reader reader = tile_nodes_reader(&l->nodes);
	struct proof_file file = {.index = index,
				  .extra = extra,
				  .note = view_of(l->committed.note, l->committed.note_len)};

	TRY(tree_prove_inclusion(&reader, head.size, index, &file.proof, f));
	proof_file_put(&file, out);
	return buf_done(out);
}

rc ledger_proof(struct ledger *l, uint64_t index, struct buf *out, struct fault *f)
{
	return put_proof(l, index, (struct view){0}, out, f);
}

rc ledger_receipt(struct ledger *l, uint64_t index, struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf entry = {0};
	AUTO(buf) struct buf text = {0};

	if (index >= l->committed.tree.size)
		return fault_set(f, RC_RANGE, 0, "the log has %llu entries",
				 (unsigned long long)l->committed.tree.size);
	buf_init(&entry, LEAF_BYTES_MAX);
	buf_init(&text, base64_size(BASE64_STD, LEAF_BYTES_MAX) + 1);
	TRY(journal_leaf_get(l->journal, index, NULL, &entry, f));
	base64_put(BASE64_STD, buf_view(&entry), &text);
	TRY(buf_done(&text));
	return put_proof(l, index, buf_view(&text), out, f);
}

rc ledger_root_at(struct ledger *l, uint64_t size, struct digest *ret, struct fault *f)
{
	const struct tree_reader reader = tile_nodes_reader(&l->nodes);
	struct compact c;

	if (size > l->committed.tree.size)
		return fault_set(f, RC_RANGE, 0, "the log has %llu entries",
				 (unsigned long long)l->committed.tree.size);
	if (size == 0) {
		*ret = tree_empty_root();
		return OK;
	}
	TRY(tree_compact(&reader, size, &c, f));
	*ret = compact_root(&c);
	return OK;
}
