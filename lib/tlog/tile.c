#include "lib/tlog/tile.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/num.h"

#define LEVEL_MAX 63u /* that a path may name (tlog-tiles, "Merkle Tree") */

/* ---- Paths
 * -------------------------------------------------------------------------------------*/

void tile_path(const struct tile_id *id, char out[TILE_PATH])
{
	char index[32];
	uint64_t n = id->index;
	size_t at = sizeof(index);
	int len;

	assert(id->width >= 1 && id->width <= TILE_WIDTH && n <= TREE_SIZE_MAX / TILE_WIDTH);
	assert(id->level <= LEVEL_MAX || id->level == TILE_ENTRIES);
	index[--at] = '\0';
	for (bool last = true; last || n > 0; last = false) {
		unsigned group = (unsigned)(n % 1000);

		n /= 1000;
		index[--at] = (char)('0' + group % 10);
		index[--at] = (char)('0' + group / 10 % 10);
		index[--at] = (char)('0' + group / 100);
		if (!last)
			index[--at] = 'x';
		if (n > 0)
			index[--at] = '/';
	}
	len = id->level == TILE_ENTRIES
		      ? snprintf(out, TILE_PATH, "tile/entries/%s", index + at)
		      : snprintf(out, TILE_PATH, "tile/%u/%s", id->level, index + at);
	if (id->width < TILE_WIDTH)
		len += snprintf(out + len, TILE_PATH - (size_t)len, ".p/%u", id->width);
	assert(len > 0 && (size_t)len < TILE_PATH);
}

/* Takes one group of digits; *ret_last if it had no x. */
static rc group_next(struct view *v, uint64_t *n, bool *ret_last)
{
	struct view digits;
	uint64_t group = 0;

	*ret_last = v->len == 0 || v->ptr[0] != 'x';
	if (!*ret_last)
		TRY(view_skip(v, 1));
	TRY(view_take(v, 3, &digits));
	for (size_t i = 0; i < 3; i++) {
		if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
			return RC(RC_SYNTAX);
		group = group * 10 + (uint64_t)(digits.ptr[i] - '0');
	}
	TRY(num_mul_u64(*n, 1000, n));
	return num_add_u64(*n, group, n);
}

static rc index_parse(struct view *v, uint64_t *ret)
{
	uint64_t n = 0;
	bool last;
	struct view slash;

	for (bool first = true;; first = false) {
		TRY(group_next(v, &n, &last));
		if (n > TREE_SIZE_MAX / TILE_WIDTH)
			return RC(RC_RANGE);
		if (last)
			break;
		if (first && n == 0)
			return RC(RC_NONCANON); /* x000/... */
		TRY(view_take(v, 1, &slash));
		if (!view_is(slash, "/"))
			return RC(RC_SYNTAX);
	}
	*ret = n;
	return OK;
}

static rc path_parse(struct view v, struct tile_id *ret)
{
	struct view part;
	uint64_t n;

	TRY(view_until(&v, '/', &part));
	if (!view_is(part, "tile"))
		return RC(RC_SYNTAX);
	TRY(view_until(&v, '/', &part));
	ret->level = TILE_ENTRIES;
	if (!view_is(part, "entries")) {
		TRY(num_parse_u64((const char *)part.ptr, part.len, LEVEL_MAX, &n));
		ret->level = (unsigned)n;
	}
	TRY(index_parse(&v, &ret->index));
	ret->width = TILE_WIDTH;
	if (v.len == 0)
		return OK;
	TRY(view_take(&v, 3, &part));
	if (!view_is(part, ".p/"))
		return RC(RC_SYNTAX);
	TRY(num_parse_u64((const char *)v.ptr, v.len, TILE_WIDTH - 1, &n));
	if (n == 0)
		return RC(RC_RANGE);
	ret->width = (unsigned)n;
	return OK;
}

rc tile_path_parse(struct view path, struct tile_id *ret)
{
	struct tile_id id;
	rc r = path_parse(path, &id);

	if (r.code == RC_TRUNCATED)
		return RC(RC_SYNTAX);
	TRY(r);
	*ret = id;
	return OK;
}

/* ---- Widths
 * ------------------------------------------------------------------------------------*/

/* Hashes at that level of a tree of that size. */
static uint64_t level_count(unsigned level, uint64_t size)
{
	if (level == TILE_ENTRIES)
		return size;
	return level >= TILE_LEVELS ? 0 : size >> (TILE_HEIGHT * level);
}

unsigned tile_width(unsigned level, uint64_t index, uint64_t size)
{
	uint64_t count = level_count(level, size);

	if (index > count / TILE_WIDTH)
		return 0;
	return index < count / TILE_WIDTH ? TILE_WIDTH : (unsigned)(count % TILE_WIDTH);
}

uint64_t tile_full(unsigned level, uint64_t size)
{
	return level_count(level, size) / TILE_WIDTH;
}

/* ---- Bundles
 * -----------------------------------------------------------------------------------*/

void bundle_put(struct buf *bundle, struct view entry)
{
	if (entry.len > TILE_ENTRY_MAX) {
		buf_fail(bundle, RC_LIMIT);
		return;
	}
	buf_put_u16be(bundle, (uint16_t)entry.len);
	buf_put_view(bundle, entry);
}

rc bundle_next(struct view *bundle, struct view *ret_entry)
{
	struct view rest = *bundle;
	uint16_t len;

	TRY(view_u16be(&rest, &len));
	TRY(view_take(&rest, len, ret_entry));
	*bundle = rest;
	return OK;
}

rc bundle_check(struct view bundle, unsigned width, struct fault *f)
{
	const uint8_t *start = bundle.ptr;
	struct view entry;

	for (unsigned i = 0; i < width; i++)
		if (!rc_is_ok(bundle_next(&bundle, &entry)))
			return fault_set(f, RC_TRUNCATED, (uint64_t)(bundle.ptr - start),
					 "bundle: ends in entry %u of %u", i, width);
	if (bundle.len != 0)
		return fault_set(f, RC_TRAILING, (uint64_t)(bundle.ptr - start),
				 "bundle: %zu bytes after %u entries", bundle.len, width);
	return OK;
}

/* ---- Nodes through tiles
 * -----------------------------------------------------------------------*/

void tile_nodes_init(struct tile_nodes *t, const struct tile_reader *reader, uint64_t size)
{
	*t = (struct tile_nodes){.reader = *reader, .size = size};
	for (unsigned i = 0; i < TILE_LEVELS; i++) {
		buf_init(&t->tile[i].hashes, TILE_BYTES);
		buf_init(&t->tile[i].inner, TILE_BYTES);
		t->tile[i].index = UINT64_MAX;
	}
}

void tile_nodes_release(struct tile_nodes *t)
{
	for (unsigned i = 0; i < TILE_LEVELS; i++) {
		buf_release(&t->tile[i].hashes);
		buf_release(&t->tile[i].inner);
	}
}

static void keep_none(struct tile_kept *k)
{
	k->index = UINT64_MAX;
	buf_clear(&k->hashes);
	memset(k->known, 0, sizeof(k->known));
}

/* Makes t->tile[level] the tile with that index. */
static rc load(struct tile_nodes *t, unsigned level, uint64_t index, struct fault *f)
{
	struct tile_id id = {.level = level, .index = index};
	struct tile_kept *k = &t->tile[level];
	char path[TILE_PATH];

	id.width = tile_width(level, index, t->size);
	assert(id.width > 0); /* the caller has checked the node */
	if (k->index == index && k->hashes.len >= (size_t)id.width * DIGEST_SIZE)
		return OK;
	keep_none(k);
	if (k->inner.len == 0 && buf_space(&k->inner, TILE_BYTES) == NULL)
		return buf_done(&k->inner);
	TRY(t->reader.read(t->reader.ctx, &id, &k->hashes, f));
	tile_path(&id, path);
	if (k->hashes.len != (size_t)id.width * DIGEST_SIZE)
		return fault_set(f, RC_CORRUPT, 0, "%s: %zu bytes, not %u hashes", path,
				 k->hashes.len, id.width);
	k->index = index;
	return OK;
}

/* The node that stands at `at` of the heap; those from TILE_WIDTH on are the tile's own hashes. Its
 * subtree is complete. The depth is at most TILE_HEIGHT. */
static struct digest inner(struct tile_kept *k, size_t at)
{
	struct digest d;

	if (at >= TILE_WIDTH) {
		memcpy(d.b, k->hashes.ptr + (at - TILE_WIDTH) * DIGEST_SIZE, DIGEST_SIZE);
		return d;
	}
	if ((k->known[at / 8] >> at % 8 & 1) == 0) {
		const struct digest left = inner(k, 2 * at);
		const struct digest right = inner(k, 2 * at + 1);

		d = tree_node_hash(&left, &right);
		memcpy(k->inner.ptr + at * DIGEST_SIZE, d.b, DIGEST_SIZE);
		k->known[at / 8] |= (uint8_t)(1u << at % 8);
		return d;
	}
	memcpy(d.b, k->inner.ptr + at * DIGEST_SIZE, DIGEST_SIZE);
	return d;
}

/* The tile at the right edge goes on from the hashes before; one that was not read stays unread. */
void tile_nodes_append(struct tile_nodes *t, const struct digest *leaf)
{
	struct digest hash = *leaf;
	uint64_t n = t->size++;

	for (unsigned level = 0; level < TILE_LEVELS; level++, n /= TILE_WIDTH) {
		struct tile_kept *k = &t->tile[level];
		bool follows =
			k->index == n / TILE_WIDTH && k->hashes.len == n % TILE_WIDTH * DIGEST_SIZE;

		if (!follows && n % TILE_WIDTH == 0 &&
		    (k->inner.len > 0 || buf_space(&k->inner, TILE_BYTES) != NULL)) {
			keep_none(k);
			k->index = n / TILE_WIDTH;
			follows = true;
		}
		if (!follows)
			return;
		buf_put_view(&k->hashes, digest_view(&hash));
		if (!rc_is_ok(buf_done(&k->hashes)))
			keep_none(k); /* read again when it is asked for */
		if ((n + 1) % TILE_WIDTH != 0 || k->index == UINT64_MAX)
			return;
		hash = inner(k, 1);
	}
}

static rc node(void *ctx, unsigned height, uint64_t index, struct digest *ret, struct fault *f)
{
	struct tile_nodes *t = (struct tile_nodes *)ctx;
	unsigned level = height / TILE_HEIGHT;
	unsigned up = height % TILE_HEIGHT;
	uint64_t first;

	if (height >= 63 || t->size > TREE_SIZE_MAX || index >= t->size >> height)
		return fault_set(f, RC_RANGE, 0, "tree: node %u/%llu is not in size %llu", height,
				 (unsigned long long)index, (unsigned long long)t->size);
	first = index << up;
	TRY(load(t, level, first / TILE_WIDTH, f));
	*ret = inner(&t->tile[level], (TILE_WIDTH >> up) + (size_t)(index % (TILE_WIDTH >> up)));
	return OK;
}

struct tree_reader tile_nodes_reader(struct tile_nodes *t)
{
	return (struct tree_reader){.node = node, .ctx = t};
}

rc tile_entry(const struct tile_reader *reader, uint64_t size, uint64_t index, struct buf *out,
	      struct fault *f)
{
	struct tile_id id = {.level = TILE_ENTRIES, .index = index / TILE_WIDTH};
	AUTO(buf) struct buf bundle = {0};
	struct view rest;
	struct view entry = {0};
	char path[TILE_PATH];

	if (size > TREE_SIZE_MAX || index >= size)
		return fault_set(f, RC_RANGE, 0, "tree: entry %llu is not in size %llu",
				 (unsigned long long)index, (unsigned long long)size);
	id.width = tile_width(TILE_ENTRIES, id.index, size);
	buf_init(&bundle, TILE_BUNDLE_MAX);
	TRY(reader->read(reader->ctx, &id, &bundle, f));
	rest = buf_view(&bundle);
	tile_path(&id, path);
	for (uint64_t i = 0; i <= index % TILE_WIDTH; i++)
		if (!rc_is_ok(bundle_next(&rest, &entry)))
			return fault_set(f, RC_CORRUPT, 0, "%s: ends before entry %llu", path,
					 (unsigned long long)index);
	buf_put_view(out, entry);
	return buf_done(out);
}
