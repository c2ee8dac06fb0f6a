/* Unit tests of lib/tlog/tree: known answers, published vectors, and every pair of sizes up to 300
 * against a tree computed as the RFC defines it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/codec/base64.h"
#include "lib/tlog/tree.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define SIZES 300u

static struct digest leaf_of(uint64_t i)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "leaf %llu", (unsigned long long)i);
	return tree_leaf_hash(view_str(text));
}

/* RFC 9162 2.1.1, word for word. */
static struct digest naive(const struct digest *leaf, uint64_t n)
{
	struct digest left;
	struct digest right;
	uint64_t k = 1;

	if (n == 0)
		return digest_of(view_of("", 0));
	if (n == 1)
		return leaf[0];
	while (k * 2 < n)
		k *= 2;
	left = naive(leaf, k);
	right = naive(leaf + k, n - k);
	return tree_node_hash(&left, &right);
}

static struct tree_mem tree;
static struct digest leaves[SIZES];
static struct tree_head heads[SIZES + 1];

static int setup(void **state)
{
	(void)state;
	tree_mem_init(&tree);
	for (unsigned i = 0; i <= SIZES; i++) {
		heads[i] = (struct tree_head){.size = i, .root = naive(leaves, i)};
		if (i == SIZES)
			return 0;
		leaves[i] = leaf_of(i);
		assert_rc(RC_OK, tree_mem_append(&tree, &leaves[i]));
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_mem_release(&tree);
	return 0;
}

static void known_roots(void **state)
{
	static const uint8_t bytes[] =
		"\x00\x10\x20\x21\x30\x31\x40\x41\x42\x43\x50\x51\x52\x53\x54\x55\x56"
		"\x57\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f";
	static const size_t lengths[] = {0, 1, 1, 2, 2, 4, 8, 16};
	/* Sizes 0..8; of 1, 2, 3 and 8 the ends are in the literature, the rest follow from them.
	 */
	static const char *const begins[] = {"e3b0c442", "6e340b9c", "fac54203", "aeb6bcfe", NULL,
					     NULL,	 NULL,	     NULL,	 "5dc9da79"};
	struct compact c;
	size_t at = 0;

	(void)state;
	compact_init(&c);
	for (size_t i = 0; i <= 8; i++) {
		struct digest root = compact_root(&c);
		struct digest leaf;
		char hex[DIGEST_HEX];

		digest_hex(&root, hex);
		if (begins[i] != NULL)
			assert_memory_equal(hex, begins[i], 8);
		if (i == 8)
			break;
		leaf = tree_leaf_hash(view_of(bytes + at, lengths[i]));
		at += lengths[i];
		assert_rc(RC_OK, compact_append(&c, &leaf));
	}
}

static void compact_is_naive(void **state)
{
	struct tree_reader r = tree_mem_reader(&tree);
	struct compact c;
	AUTO(buf) struct buf b;

	(void)state;
	buf_init(&b, 4096);
	compact_init(&c);
	for (unsigned i = 0; i <= SIZES; i++) {
		struct compact read;
		struct digest root = compact_root(&c);

		assert_true(digest_is_equal(&root, &heads[i].root));
		assert_rc(RC_OK, tree_compact(&r, i, &read, NULL));
		root = compact_root(&read);
		assert_true(digest_is_equal(&root, &heads[i].root));
		buf_clear(&b);
		compact_encode(&c, &b);
		assert_rc(RC_OK, buf_done(&b));
		assert_rc(RC_OK, compact_parse(buf_view(&b), &read));
		assert_int_equal(read.size, i);
		root = compact_root(&read);
		assert_true(digest_is_equal(&root, &heads[i].root));
		assert_rc(RC_TRUNCATED, compact_parse(view_of(b.ptr, b.len - 1), &read));
		buf_put_u8(&b, 0);
		assert_rc(RC_TRAILING, compact_parse(buf_view(&b), &read));
		if (i < SIZES)
			assert_rc(RC_OK, compact_append(&c, &leaves[i]));
	}
	c.size = TREE_SIZE_MAX;
	assert_rc(RC_LIMIT, compact_append(&c, &leaves[0]));
	assert_rc(RC_RANGE, compact_parse(view_of("\x80\0\0\0\0\0\0\0", 8), &c));
}

/* A proof damaged in one way; false if there are not enough hashes for it. */
static bool damage(struct tree_proof *p, unsigned how, unsigned salt)
{
	size_t at = p->count == 0 ? 0 : salt % p->count;
	struct digest swap;

	switch (how) {
	case 0: /* one bit */
		if (p->count == 0)
			return false;
		p->hash[at].b[salt / 8 % DIGEST_SIZE] ^= (uint8_t)(1u << salt % 8);
		return true;
	case 1: /* one dropped */
		if (p->count == 0)
			return false;
		memmove(&p->hash[at], &p->hash[at + 1], (p->count - at - 1) * sizeof(p->hash[0]));
		p->count--;
		return true;
	case 2: /* one doubled */
		memmove(&p->hash[at + 1], &p->hash[at], (p->count - at) * sizeof(p->hash[0]));
		if (p->count == 0)
			p->hash[0] = leaves[0];
		p->count++;
		return true;
	default: /* two neighbours swapped */
		if (p->count < 2)
			return false;
		at = salt % (p->count - 1);
		swap = p->hash[at];
		p->hash[at] = p->hash[at + 1];
		p->hash[at + 1] = swap;
		return true;
	}
}

static void every_inclusion(void **state)
{
	struct tree_reader r = tree_mem_reader(&tree);
	unsigned salt = 1;

	(void)state;
	for (unsigned size = 1; size <= SIZES; size++) {
		for (unsigned i = 0; i < size; i++) {
			struct tree_proof p;
			struct tree_proof bad;
			struct tree_head head = heads[size];

			assert_rc(RC_OK, tree_prove_inclusion(&r, size, i, &p, NULL));
			assert_rc(RC_OK, tree_verify_inclusion(&head, i, &leaves[i], &p, NULL));
			if (++salt % 7 != 0) /* damage a part of them, to stay below a second */
				continue;
			for (unsigned how = 0; how < 4; how++) {
				bad = p;
				if (damage(&bad, how, salt))
					assert_rc(how == 1 || how == 2 ? RC_SYNTAX : RC_MISMATCH,
						  tree_verify_inclusion(&head, i, &leaves[i], &bad,
									NULL));
			}
			head.root.b[salt % DIGEST_SIZE] ^= 1;
			assert_rc(RC_MISMATCH,
				  tree_verify_inclusion(&head, i, &leaves[i], &p, NULL));
			assert_rc(RC_MISMATCH,
				  tree_verify_inclusion(&heads[size], i, &heads[0].root, &p, NULL));
			assert_false(rc_is_ok(tree_verify_inclusion(&heads[size], i ^ 1, &leaves[i],
								    &p, NULL)) &&
				     size > 1);
		}
	}
}

static void every_consistency(void **state)
{
	struct tree_reader r = tree_mem_reader(&tree);
	unsigned salt = 1;

	(void)state;
	for (unsigned b = 1; b <= SIZES; b++) {
		for (unsigned a = 1; a <= b; a++) {
			struct tree_proof p;
			struct tree_proof bad;
			struct tree_head wrong = heads[a];

			assert_rc(RC_OK, tree_prove_consistency(&r, a, b, &p, NULL));
			assert_rc(RC_OK, tree_verify_consistency(&heads[a], &heads[b], &p, NULL));
			if (++salt % 7 != 0)
				continue;
			for (unsigned how = 0; how < 4; how++) {
				bad = p;
				if (damage(&bad, how, salt))
					assert_rc(how == 1 || how == 2 ? RC_SYNTAX : RC_MISMATCH,
						  tree_verify_consistency(&heads[a], &heads[b],
									  &bad, NULL));
			}
			wrong.root.b[salt % DIGEST_SIZE] ^= 1;
			assert_rc(RC_MISMATCH,
				  tree_verify_consistency(&wrong, &heads[b], &p, NULL));
			wrong = heads[b];
			wrong.root.b[salt % DIGEST_SIZE] ^= 1;
			assert_rc(RC_MISMATCH,
				  tree_verify_consistency(&heads[a], &wrong, &p, NULL));
			if (a < b)
				assert_rc(RC_RANGE,
					  tree_verify_consistency(&heads[b], &heads[a], &p, NULL));
		}
	}
}

static rc no_node(void *ctx, unsigned height, uint64_t index, struct digest *ret, struct fault *f)
{
	(void)ctx;
	(void)height;
	(void)index;
	(void)ret;
	return fault_set(f, RC_IO, 0, "no such node");
}

static void edges_are_refused(void **state)
{
	const struct tree_reader mem = tree_mem_reader(&tree);
	const struct tree_reader none = {.node = no_node};
	struct tree_head huge = {.size = TREE_SIZE_MAX + 1};
	struct tree_proof p = {0};
	struct compact c;
	struct fault f;

	(void)state;
	assert_rc(RC_RANGE, tree_verify_inclusion(&heads[0], 0, &leaves[0], &p, &f));
	assert_rc(RC_RANGE, tree_verify_inclusion(&heads[5], 5, &leaves[0], &p, &f));
	assert_rc(RC_RANGE, tree_verify_inclusion(&huge, 5, &leaves[0], &p, &f));
	assert_rc(RC_RANGE, tree_verify_consistency(&heads[0], &heads[5], &p, &f));
	assert_rc(RC_RANGE, tree_verify_consistency(&heads[0], &heads[0], &p, &f));
	assert_rc(RC_RANGE, tree_verify_consistency(&heads[1], &huge, &p, &f));
	assert_rc(RC_RANGE, tree_prove_inclusion(&mem, 5, 5, &p, &f));
	assert_rc(RC_RANGE, tree_prove_inclusion(&mem, TREE_SIZE_MAX + 1, 5, &p, &f));
	assert_rc(RC_RANGE, tree_prove_consistency(&mem, 0, 5, &p, &f));
	assert_rc(RC_RANGE, tree_prove_consistency(&mem, 6, 5, &p, &f));
	assert_rc(RC_RANGE, tree_compact(&mem, TREE_SIZE_MAX + 1, &c, &f));
	assert_rc(RC_RANGE, tree_compact(&mem, 2 * SIZES, &c, &f)); /* not in the tree */
	assert_rc(RC_IO, tree_prove_inclusion(&none, 5, 1, &p, &f));
	assert_rc(RC_IO, tree_prove_consistency(&none, 3, 5, &p, &f));
	assert_rc(RC_IO, tree_compact(&none, 5, &c, &f));
	assert_string_equal(f.text, "no such node");
	p.count = 63; /* the largest sizes do not wrap: a wrong root, not a crash */
	huge.size = TREE_SIZE_MAX;
	assert_rc(RC_MISMATCH, tree_verify_inclusion(&huge, 0, &leaves[0], &p, &f));
	p.count = 62;
	assert_rc(RC_SYNTAX, tree_verify_inclusion(&huge, 0, &leaves[0], &p, &f));
	p.count = 64;
	assert_rc(RC_SYNTAX, tree_verify_consistency(&heads[1], &huge, &p, &f));
	p.count = 63;
	assert_rc(RC_MISMATCH, tree_verify_consistency(&heads[1], &huge, &p, &f));
}

/* ---- Vectors of transparency-dev/merkle
 * ---------------------------------------------------------*/

/* False if it is not exactly 32 bytes, which our types cannot even hold. */
static bool hash_from(const json_t *j, struct digest *ret)
{
	AUTO(buf) struct buf b;

	buf_init(&b, 256);
	if (j == NULL ||
	    !rc_is_ok(base64_parse(BASE64_STD, view_str(json_string_value(j)), &b, NULL)) ||
	    b.len != DIGEST_SIZE)
		return false;
	memcpy(ret->b, b.ptr, DIGEST_SIZE);
	return true;
}

static uint64_t number_from(const json_t *t, const char *name)
{
	/* Read as a real, since two vectors have 2^64 - 1, which is more than jansson's integers
	 * hold. */
	double n = json_real_value(json_object_get(t, name));

	return n >= 9e18 ? UINT64_MAX : (uint64_t)n;
}

static bool accepted(const json_t *t, bool inclusion)
{
	const json_t *list = json_object_get(t, "proof");
	struct tree_proof p = {.count = json_array_size(list)};
	struct tree_head a = {.size = number_from(t, "size1")};
	struct tree_head b = {.size = number_from(t, inclusion ? "treeSize" : "size2")};
	struct digest leaf;

	assert_true(p.count <= TREE_HASHES_MAX);
	for (size_t i = 0; i < p.count; i++)
		if (!hash_from(json_array_get(list, i), &p.hash[i]))
			return false;
	if (!hash_from(json_object_get(t, inclusion ? "root" : "root2"), &b.root))
		return false;
	if (!hash_from(json_object_get(t, inclusion ? "leafHash" : "root1"),
		       inclusion ? &leaf : &a.root))
		return false;
	if (inclusion)
		return rc_is_ok(
			tree_verify_inclusion(&b, number_from(t, "leafIdx"), &leaf, &p, NULL));
	return rc_is_ok(tree_verify_consistency(&a, &b, &p, NULL));
}

static void one_vector(const char *path, bool inclusion, unsigned *run)
{
	json_t *t = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
	bool wanted;

	assert_non_null(t);
	wanted = !json_is_true(json_object_get(t, "wantErr"));
	if (accepted(t, inclusion) != wanted)
		fail_msg("%s: verdict differs", path);
	(*run)++;
	json_decref(t);
}

static void vectors_in(const char *dir, bool inclusion, unsigned *run)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort);
	char path[1200];

	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		if (list[i]->d_name[0] != '.' && list[i]->d_type == DT_DIR)
			vectors_in(path, inclusion, run);
		else if (strstr(list[i]->d_name, ".json") != NULL)
			one_vector(path, inclusion, run);
		free(list[i]);
	}
	free((void *)list);
}

static void published_vectors(void **state)
{
	const char *root = getenv("SRCDIR") == NULL ? "." : getenv("SRCDIR");
	unsigned run = 0;
	char path[1000];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/tests/vectors/merkle/testdata/inclusion", root);
	vectors_in(path, true, &run);
	assert_int_equal(run, 68);
	(void)snprintf(path, sizeof(path), "%s/tests/vectors/merkle/testdata/consistency", root);
	vectors_in(path, false, &run);
	assert_int_equal(run, 68 + 63);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_roots),	     cmocka_unit_test(compact_is_naive),
		cmocka_unit_test(every_inclusion),   cmocka_unit_test(every_consistency),
		cmocka_unit_test(edges_are_refused), cmocka_unit_test(published_vectors),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
