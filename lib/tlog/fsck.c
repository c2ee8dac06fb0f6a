#include "lib/tlog/fsck.h"

#include <stdlib.h>
#include <string.h>

#include "lib/tlog/tile_build.h"

struct check {
	const struct fsck *c;
	struct fsck_report report;
	struct tile_build build;
	struct compact compact;
	struct buf tile;   /* scratch */
	struct buf bundle; /* scratch */
};

static void check_free(struct check *k)
{
	if (k == NULL)
		return;
	buf_release(&k->tile);
	buf_release(&k->bundle);
	free(k);
}

static void check_autorelease(struct check **k)
{
	check_free(*k);
}

/* The stored tile is what the entries make it. */
static rc compare_tile(void *ctx, const struct tile_id *id, struct view hashes, struct fault *f)
{
	struct check *k = (struct check *)ctx;
	char path[TILE_PATH];

	TRY(k->c->reader.read(k->c->reader.ctx, id, &k->tile, f));
	tile_path(id, path);
	if (!view_is_equal(buf_view(&k->tile), hashes))
		return fault_set(f, RC_CORRUPT, 0, "%s: not the hashes of its entries", path);
	k->report.tiles++;
	return OK;
}

static rc compare_older(const struct check *k, struct fault *f)
{
	const struct tree_head *older = k->c->older;
	struct digest root;

	if (older == NULL || older->size == 0 || older->size != k->compact.size)
		return OK;
	root = compact_root(&k->compact);
	if (!digest_is_equal(&root, &older->root))
		return fault_set(f, RC_MISMATCH, 0,
				 "log: the older checkpoint of size %llu is not a prefix of it",
				 (unsigned long long)older->size);
	return OK;
}

static rc one_entry(struct check *k, struct view entry, struct fault *f)
{
	struct digest leaf = tree_leaf_hash(entry);

	if (k->c->entry != NULL)
		TRY(k->c->entry(k->c->ctx, k->build.size, entry, f));
	TRY(tile_build_add(&k->build, &leaf, f));
	TRY(compact_append(&k->compact, &leaf));
	return compare_older(k, f);
}

static rc one_bundle(struct check *k, const struct tile_id *id, struct fault *f)
{
	struct view rest;
	struct view entry;
	char path[TILE_PATH];

	TRY(k->c->reader.read(k->c->reader.ctx, id, &k->bundle, f));
	rest = buf_view(&k->bundle);
	tile_path(id, path);
	if (!rc_is_ok(bundle_check(rest, id->width, f)))
		return fault_wrap(f, RC(RC_CORRUPT), "%s", path);
	for (unsigned i = 0; i < id->width; i++) {
		TRY(bundle_next(&rest, &entry));
		TRY(one_entry(k, entry, f));
	}
	k->report.bundles++;
	return OK;
}

static rc check_tree(struct check *k, struct fault *f)
{
	const struct tree_head *head = &k->report.checkpoint.head;
	struct tile_id id = {.level = TILE_ENTRIES};
	struct view hashes;
	struct digest root;

	for (;; id.index++) {
		id.width = tile_width(TILE_ENTRIES, id.index, head->size);
		if (id.width == 0)
			break;
		TRY(one_bundle(k, &id, f));
	}
	for (unsigned level = 0; level < TILE_LEVELS; level++)
		if (tile_build_partial(&k->build, level, &id, &hashes))
			TRY(compare_tile(k, &id, hashes, f));
	root = compact_root(&k->compact);
	if (!digest_is_equal(&root, &head->root))
		return fault_set(f, RC_MISMATCH, 0,
				 "log: %llu entries do not lead to the checkpoint's root",
				 (unsigned long long)head->size);
	return OK;
}

static rc not_smaller(const struct tree_head *older, const struct tree_head *head, struct fault *f)
{
	if (older->size > head->size)
		return fault_set(f, RC_RANGE, 0, "log: size %llu, but it was %llu before",
				 (unsigned long long)head->size, (unsigned long long)older->size);
	return OK;
}

rc fsck_run(const struct fsck *c, struct fsck_report *ret, struct fault *f)
{
	__attribute__((cleanup(check_autorelease))) struct check *k =
		(struct check *)calloc(1, sizeof(*k));

	if (k == NULL)
		return fault_set(f, RC_NOMEM, 0, "log: out of memory");
	k->c = c;
	k->build.full = compare_tile;
	k->build.ctx = k;
	buf_init(&k->tile, TILE_BYTES);
	buf_init(&k->bundle, TILE_BUNDLE_MAX);
	TRY(checkpoint_open(c->note, c->log, &k->report.checkpoint, f));
	if (c->older != NULL)
		TRY(not_smaller(c->older, &k->report.checkpoint.head, f));
	TRY(check_tree(k, f));
	*ret = k->report;
	return OK;
}

rc log_follow(const struct tile_reader *reader, struct view note, const struct vkey *log,
	      const struct tree_head *older, struct checkpoint *ret, struct fault *f)
{
	AUTO(tile_nodes) struct tile_nodes nodes = {0};
	struct tree_reader tree;
	struct tree_proof proof;
	struct checkpoint c;

	TRY(checkpoint_open(note, log, &c, f));
	TRY(not_smaller(older, &c.head, f));
	if (older->size > 0) {
		tile_nodes_init(&nodes, reader, c.head.size);
		tree = tile_nodes_reader(&nodes);
		TRY(tree_prove_consistency(&tree, older->size, c.head.size, &proof, f));
		TRY(tree_verify_consistency(older, &c.head, &proof, f));
	}
	*ret = c;
	return OK;
}
