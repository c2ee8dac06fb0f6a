#include "lib/tlog/tile_build.h"

#include <string.h>

struct digest tile_build_root(const struct digest *hash, size_t n)
{
	struct digest h[TILE_WIDTH];

	memcpy(h, hash, n * sizeof(h[0]));
	for (; n > 1; n /= 2)
		for (size_t i = 0; i < n / 2; i++)
			h[i] = tree_node_hash(&h[2 * i], &h[2 * i + 1]);
	return h[0];
}

rc tile_build_add(struct tile_build *b, const struct digest *leaf, struct fault *f)
{
	struct digest h = *leaf;
	uint64_t n = b->size; /* number of the hash at its level */

	if (b->size >= TREE_SIZE_MAX)
		return fault_set(f, RC_LIMIT, 0, "tree: full");
	for (unsigned level = 0;; level++, n /= TILE_WIDTH) {
		struct digest *tile = b->hash[level];
		struct tile_id id = {.level = level, .index = n / TILE_WIDTH, .width = TILE_WIDTH};

		tile[n % TILE_WIDTH] = h;
		if (n % TILE_WIDTH != TILE_WIDTH - 1)
			break;
		TRY(b->full(b->ctx, &id, view_of(tile, TILE_BYTES), f));
		h = tile_build_root(tile, TILE_WIDTH);
	}
	b->size++;
	return OK;
}

bool tile_build_partial(const struct tile_build *b, unsigned level, struct tile_id *ret_id,
			struct view *ret_hashes)
{
	uint64_t index = tile_full(level, b->size);
	unsigned width = tile_width(level, index, b->size);

	*ret_id = (struct tile_id){.level = level, .index = index, .width = width};
	*ret_hashes = view_of(b->hash[level], (size_t)width * DIGEST_SIZE);
	return width != 0;
}

void tile_build_compact(const struct tile_build *b, struct compact *ret)
{
	compact_init(ret);
	ret->size = b->size;
	for (unsigned bit = 63; bit-- > 0;) {
		unsigned level = bit / TILE_HEIGHT;
		unsigned up = bit % TILE_HEIGHT;
		/* Hashes of that level that larger subtrees of the same tile have taken. */
		uint64_t before = b->size >> (TILE_HEIGHT * level) & (TILE_WIDTH - 1);

		if ((b->size >> bit & 1) == 0)
			continue;
		before &= ~((UINT64_C(2) << up) - 1);
		ret->hash[ret->count++] = tile_build_root(&b->hash[level][before], (size_t)1 << up);
	}
}
