/* The nodes of a tree through its tiles, while it grows (lib/tlog/tile.h, struct tile_nodes). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/tlog/tile.h"
#include "lib/tlog/tree.h"

#define SIZE UINT64_C(67000)
#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct tree_mem tree;
static struct tree_reader want;

static struct digest leaf_of(uint64_t i)
{
	return digest_of(view_of(&i, sizeof(i)));
}

static int setup(void **state)
{
	(void)state;
	tree_mem_init(&tree);
	for (uint64_t i = 0; i < SIZE; i++) {
		struct digest leaf = leaf_of(i);

		if (!rc_is_ok(tree_mem_append(&tree, &leaf)))
			return 1;
	}
	want = tree_mem_reader(&tree);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_mem_release(&tree);
	return 0;
}

/* Hash tiles of any width, from the tree itself; *ctx counts them. */
static rc read_tile(void *ctx, const struct tile_id *id, struct buf *out, struct fault *f)
{
	++*(size_t *)ctx;
	buf_clear(out);
	for (uint64_t i = 0; i < id->width; i++) {
		struct digest d;

		TRY(want.node(want.ctx, id->level * TILE_HEIGHT, id->index * TILE_WIDTH + i, &d,
			      f));
		buf_put_view(out, digest_view(&d));
	}
	return buf_done(out);
}

/* Grown leaf by leaf, with reads anywhere in between, it is the tree all the same. */
static void nodes_grow_with_the_tree(void **state)
{
	static const uint64_t from[] = {0, 1, 200, 255, 256, 300, 65400};
	uint64_t seed = 1;
	size_t reads = 0;
	const struct tile_reader reader = {.read = read_tile, .ctx = &reads};

	(void)state;
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		AUTO(tile_nodes) struct tile_nodes nodes;
		struct tree_reader got;

		tile_nodes_init(&nodes, &reader, from[i]);
		got = tile_nodes_reader(&nodes);
		for (uint64_t n = from[i]; n < from[i] + 1500; n++) {
			struct digest leaf = leaf_of(n);
			struct digest a;
			struct digest b;
			unsigned height;
			uint64_t at;

			tile_nodes_append(&nodes, &leaf);
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			height = (unsigned)(seed >> 40) % 17;
			if (seed >> 60 == 0 || (n + 1) >> height == 0)
				continue;
			/* Mostly near the edge, sometimes far away. */
			at = (n + 1) >> height;
			at = seed >> 62 == 0 ? (seed >> 20) % at
					     : at - 1 - (seed >> 33) % (at < 9 ? at : 9);
			assert_rc(RC_OK, want.node(want.ctx, height, at, &a, NULL));
			assert_rc(RC_OK, got.node(got.ctx, height, at, &b, NULL));
			assert_true(digest_is_equal(&a, &b));
		}
		assert_rc(RC_RANGE,
			  got.node(got.ctx, 0, from[i] + 1500, &(struct digest){0}, NULL));
	}
	assert_true(reads > 0);
}

/* A proof of what was appended last asks the reader for nothing. */
static void the_right_edge_needs_no_reader(void **state)
{
	size_t reads = 0;
	const struct tile_reader reader = {.read = read_tile, .ctx = &reads};
	AUTO(tile_nodes) struct tile_nodes nodes;
	struct tree_reader got;
	struct digest d;

	(void)state;
	tile_nodes_init(&nodes, &reader, 0);
	got = tile_nodes_reader(&nodes);
	for (uint64_t n = 0; n < 1000; n++) {
		struct digest leaf = leaf_of(n);
		struct tree_proof proof;

		tile_nodes_append(&nodes, &leaf);
		assert_rc(RC_OK, tree_prove_inclusion(&got, n + 1, n, &proof, NULL));
	}
	assert_int_equal(reads, 0);
	/* What is behind it is read. */
	assert_rc(RC_OK, got.node(got.ctx, 0, 0, &d, NULL));
	assert_int_equal(reads, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_grow_with_the_tree),
		cmocka_unit_test(the_right_edge_needs_no_reader),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
