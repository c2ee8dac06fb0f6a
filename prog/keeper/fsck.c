/* Offline check: journal against its own tree, guard and public/. */
#include "prog/keeper/start.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/tlog/fsck.h"

static rc check_row(rc r, const char *what, uint64_t index, struct fault *f)
{
	if (r.code != RC_NOTFOUND)
		return r;
	return fault_set(f, RC_CORRUPT, 0, "journal: leaf %llu: %s", (unsigned long long)index,
			 what);
}

/* A use that broke the glass owes a review, or has one that the log says is complete. */
static rc check_review(struct journal *j, uint64_t index, const struct leaf *leaf, struct fault *f)
{
	struct journal_statement st;
	struct journal_owed owed;

	if (leaf->kind == LEAF_AUTHORIZE && leaf->break_glass)
		return check_row(journal_owed_get(j, index, &owed, f), "no review of it is owed",
				 index, f);
	if (leaf->kind != LEAF_REVIEW)
		return OK;
	TRY(check_row(journal_statement_get(j, &leaf->statement, &st, NULL, NULL, f),
		      "its statement is missing", index, f));
	TRY(check_row(journal_owed_get(j, leaf->authorize, &owed, f), "it reviews no use", index,
		      f));
	if (leaf->complete != (owed.done == index) || st.leaf != index || owed.use != leaf->use)
		return fault_set(f, RC_CORRUPT, 0, "journal: leaf %llu: the review is another",
				 (unsigned long long)index);
	return OK;
}

/* Every leaf again, from its body; seen is a head that the tree must have gone through. */
static rc check_leaves(struct journal *j, const struct journal_head *head,
		       const struct tree_head *seen, struct fault *f)
{
	struct compact tree;
	struct digest root;
	struct digest want = compact_root(&head->tree);
	AUTO(buf) struct buf body = {0};

	buf_init(&body, LEAF_BYTES_MAX);
	compact_init(&tree);
	while (tree.size < head->tree.size) {
		struct digest stored;
		struct digest hash;
		struct leaf leaf;

		buf_clear(&body);
		TRY(journal_leaf_get(j, tree.size, &stored, &body, f));
		TRY(leaf_parse(buf_view(&body), &leaf, f));
		hash = tree_leaf_hash(buf_view(&body));
		if (!digest_is_equal(&hash, &stored))
			return fault_set(f, RC_CORRUPT, 0, "journal: hash of leaf %llu",
					 (unsigned long long)tree.size);
		TRY(check_review(j, tree.size, &leaf, f));
		TRY(compact_append(&tree, &hash));
		if (tree.size != seen->size)
			continue;
		root = compact_root(&tree);
		if (!digest_is_equal(&root, &seen->root))
			return fault_set(f, RC_STATE, 0, "head.guard has seen another log");
	}
	root = compact_root(&tree);
	return digest_is_equal(&root, &want)
		       ? OK
		       : fault_set(f, RC_CORRUPT, 0, "journal: the leaves give another root");
}

struct compare {
	struct journal *journal;
	struct buf body;
};

static rc same_entry(void *ctx, uint64_t index, struct view entry, struct fault *f)
{
	struct compare *c = (struct compare *)ctx;

	buf_clear(&c->body);
	TRY(journal_leaf_get(c->journal, index, NULL, &c->body, f));
	if (!view_is_equal(buf_view(&c->body), entry))
		return fault_set(f, RC_MISMATCH, 0, "public entry %llu is not that of the journal",
				 (unsigned long long)index);
	return OK;
}

static rc check_public(const struct conf *c, struct journal *j, const struct vkey *log,
		       struct fsck_report *ret, struct fault *f)
{
	AUTO(fd) int dirfd = -1;
	AUTO(buf) struct buf note = {0};
	struct compare compare = {.journal = j};
	struct fsck check = {.log = log, .entry = same_entry, .ctx = &compare};
	char path[2 * CONF_TEXT];
	rc r;

	(void)snprintf(path, sizeof(path), "%s/public", c->state);
	TRY(dir_open(path, &dirfd, f));
	buf_init(&note, CHECKPOINT_MAX);
	TRY(tile_dir_checkpoint(dirfd, &note, f));
	check.reader = tile_dir_reader(&dirfd);
	check.note = buf_view(&note);
	buf_init(&compare.body, LEAF_BYTES_MAX);
	r = fsck_run(&check, ret, f);
	buf_release(&compare.body);
	return r;
}

rc keeper_fsck(const struct conf *c, uint64_t *ret_entries, struct fault *f)
{
	AUTO(journal) struct journal *j = NULL;
	AUTO(guard) struct guard *g = NULL;
	AUTO(fd) int lock = -1;
	struct journal_identity id;
	struct journal_head head;
	struct fsck_report report;
	struct vkey log;
	char path[2 * CONF_TEXT];

	TRY(lock_take(c->state, "keeper.lock", &lock, f));
	(void)snprintf(path, sizeof(path), "%s/keeper.db", c->state);
	TRY(journal_open(path, false, &j, f));
	TRY(journal_check(j, f));
	TRY(journal_identity_get(j, &id, f));
	TRY(journal_head_get(j, &head, f));
	TRY(vkey_parse(view_str(id.vkey), &log, f));
	TRY(guard_open(c->guard, &g, f));
	if (guard_mark(g)->epoch != id.epoch || guard_mark(g)->head.size > head.tree.size)
		return fault_set(f, RC_STATE, 0, "head.guard is ahead of the journal");
	TRY(check_leaves(j, &head, &guard_mark(g)->head, f));
	TRY(check_public(c, j, &log, &report, f));
	if (report.checkpoint.head.size > head.tree.size)
		return fault_set(f, RC_STATE, 0, "public/ is ahead of the journal");
	*ret_entries = head.tree.size;
	return OK;
}
