/* The publishing half of tile_dir.h. */
#include "lib/tlog/tile_dir.h"

#include <stdlib.h>

#include "lib/tlog/tile_build.h"

struct tile_pub {
	struct tile_store store;
	struct entry_source source;
	struct tile_build build;
	struct compact compact; /* the same tree */
	struct buf bundle;	/* the unfinished one */
	struct buf entry;	/* scratch */
	bool rewrite;		/* the tail's files may be missing: write them all next time */
	bool broken;		/* an advance failed half-way */
};

static rc write_id(const struct tile_pub *p, const struct tile_id *id, struct view bytes,
		   struct fault *f)
{
	char path[TILE_PATH];

	tile_path(id, path);
	/* Full files are never written again, so they must survive; partial ones are rewritten when
	 * the publisher is opened. */
	return p->store.write(p->store.ctx, path, bytes, id->width == TILE_WIDTH, f);
}

static rc full_tile(void *ctx, const struct tile_id *id, struct view hashes, struct fault *f)
{
	return write_id((const struct tile_pub *)ctx, id, hashes, f);
}

/* ---- Opening
 * -----------------------------------------------------------------------------------*/

/* Fetches entry index, appends it to the bundle, gives its leaf hash. */
static rc take_entry(struct tile_pub *p, uint64_t index, struct digest *ret, struct fault *f)
{
	rc r;

	buf_clear(&p->entry);
	TRY(p->source.entry(p->source.ctx, index, &p->entry, f));
	r = buf_done(&p->entry);
	bundle_put(&p->bundle, buf_view(&p->entry));
	if (rc_is_ok(r))
		r = buf_done(&p->bundle);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "log: entry %llu is longer than %u bytes",
				 (unsigned long long)index, TILE_ENTRY_MAX);
	*ret = tree_leaf_hash(buf_view(&p->entry));
	return OK;
}

/* Fills the unfinished tile of a level above 0 from the full tiles below it. */
static rc load_level(struct tile_pub *p, unsigned level, struct fault *f)
{
	uint64_t index = tile_full(level, p->build.size);
	unsigned width = tile_width(level, index, p->build.size);
	AUTO(buf) struct buf tile = {0};

	buf_init(&tile, TILE_BYTES);
	for (unsigned i = 0; i < width; i++) {
		struct tile_id id = {
			.level = level - 1, .index = index * TILE_WIDTH + i, .width = TILE_WIDTH};
		struct digest hash[TILE_WIDTH];

		TRY(p->store.reader.read(p->store.reader.ctx, &id, &tile, f));
		if (tile.len != TILE_BYTES)
			return RC(RC_CORRUPT);
		memcpy(hash, tile.ptr, TILE_BYTES);
		p->build.hash[level][i] = tile_build_root(hash, TILE_WIDTH);
	}
	return OK;
}

static void start_at_0(struct tile_pub *p)
{
	p->build.size = 0;
	compact_init(&p->compact);
	buf_clear(&p->bundle);
}

static rc load(struct tile_pub *p, const struct tree_head *published, struct fault *f)
{
	uint64_t first = published->size / TILE_WIDTH * TILE_WIDTH;
	struct digest root;
	rc r = OK;

	for (uint64_t i = first; i < published->size; i++)
		TRY(take_entry(p, i, &p->build.hash[0][i - first], f));
	p->build.size = published->size;
	for (unsigned level = 1; rc_is_ok(r) && level < TILE_LEVELS; level++)
		r = load_level(p, level, f);
	if (r.code == RC_NOTFOUND || r.code == RC_CORRUPT) {
		start_at_0(p);
		return OK;
	}
	TRY(r);
	tile_build_compact(&p->build, &p->compact);
	root = compact_root(&p->compact);
	if (!digest_is_equal(&root, &published->root))
		start_at_0(p);
	return OK;
}

rc tile_pub_open(const struct tile_store *store, const struct entry_source *source,
		 const struct tree_head *published, struct tile_pub **ret, struct fault *f)
{
	struct tile_pub *p;
	rc r;

	if (published->size > TREE_SIZE_MAX)
		return fault_set(f, RC_RANGE, 0, "log: size is not below 2^63");
	p = (struct tile_pub *)calloc(1, sizeof(*p));
	if (p == NULL)
		return fault_set(f, RC_NOMEM, 0, "log: out of memory");
	p->store = *store;
	p->source = *source;
	p->rewrite = true;
	p->build.full = full_tile;
	p->build.ctx = p;
	buf_init(&p->bundle, TILE_BUNDLE_MAX);
	buf_init(&p->entry, TILE_ENTRY_MAX);
	r = load(p, published, f);
	if (!rc_is_ok(r)) {
		tile_pub_free(p);
		return r;
	}
	*ret = p;
	return OK;
}

void tile_pub_free(struct tile_pub *p)
{
	if (p == NULL)
		return;
	buf_release(&p->bundle);
	buf_release(&p->entry);
	free(p);
}

struct tree_head tile_pub_head(const struct tile_pub *p)
{
	return compact_head(&p->compact);
}

/* ---- Advancing
 * ---------------------------------------------------------------------------------*/

static rc add_entry(struct tile_pub *p, struct fault *f)
{
	uint64_t index = p->build.size;
	struct tile_id id = {
		.level = TILE_ENTRIES, .index = index / TILE_WIDTH, .width = TILE_WIDTH};
	struct digest leaf;

	TRY(take_entry(p, index, &leaf, f));
	if (index % TILE_WIDTH == TILE_WIDTH - 1) {
		TRY(write_id(p, &id, buf_view(&p->bundle), f));
		buf_clear(&p->bundle);
	}
	TRY(tile_build_add(&p->build, &leaf, f));
	return compact_append(&p->compact, &leaf);
}

/* The unfinished bundle, and the unfinished tiles of the levels that have grown since size old. */
static rc write_tail(const struct tile_pub *p, uint64_t old, struct fault *f)
{
	uint64_t size = p->build.size;
	struct tile_id id;
	struct view hashes;

	for (unsigned level = 0; level < TILE_LEVELS; level++) {
		unsigned shift = TILE_HEIGHT * level;

		if (!p->rewrite && old >> shift == size >> shift)
			break;
		if (!tile_build_partial(&p->build, level, &id, &hashes))
			continue;
		if (level == 0) {
			struct tile_id bundle = id;

			bundle.level = TILE_ENTRIES;
			TRY(write_id(p, &bundle, buf_view(&p->bundle), f));
		}
		TRY(write_id(p, &id, hashes, f));
	}
	return OK;
}

/* Partial files may go as soon as the full one is there: readers fall back to it. */
static void drop_level(const struct tile_pub *p, unsigned level, uint64_t old)
{
	for (uint64_t i = tile_full(level, old); i < tile_full(level, p->build.size); i++) {
		const struct tile_id id = {.level = level, .index = i, .width = TILE_WIDTH};

		p->store.drop_partials(p->store.ctx, &id);
	}
}

static rc advance(struct tile_pub *p, const struct tree_head *head, struct view checkpoint,
		  struct fault *f)
{
	uint64_t old = p->build.size;
	struct digest root;

	while (p->build.size < head->size)
		TRY(add_entry(p, f));
	root = compact_root(&p->compact);
	if (!digest_is_equal(&root, &head->root))
		return fault_set(f, RC_MISMATCH, 0,
				 "log: entries up to %llu do not lead to the checkpoint's root",
				 (unsigned long long)head->size);
	TRY(write_tail(p, old, f));
	TRY(p->store.write(p->store.ctx, "checkpoint", checkpoint, false, f));
	drop_level(p, TILE_ENTRIES, old);
	for (unsigned level = 0; level < TILE_LEVELS; level++)
		drop_level(p, level, old);
	return OK;
}

rc tile_pub_advance(struct tile_pub *p, const struct tree_head *head, struct view checkpoint,
		    struct fault *f)
{
	if (p->broken)
		return fault_set(f, RC_STATE, 0, "log: publishing failed before, open it again");
	if (head->size < p->build.size || head->size > TREE_SIZE_MAX)
		return fault_set(f, RC_RANGE, 0, "log: size %llu after size %llu",
				 (unsigned long long)head->size, (unsigned long long)p->build.size);
	p->broken = true;
	TRY(advance(p, head, checkpoint, f));
	p->broken = false;
	p->rewrite = false;
	return OK;
}
