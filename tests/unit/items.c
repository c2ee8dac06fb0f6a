/* Unit tests of lib/tlog/items: roots against RFC 9162 written out, a proof for each file of a
 * batch. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/tlog/items.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define FILES 7

static struct request_item items[FILES];
static struct view signatures[FILES];
static const struct request batch = {.items = items, .count = FILES};

static void items_make(void)
{
	static const char *const texts[FILES] = {"a", "b", "c", "d", "e", "f", "g"};

	for (size_t i = 0; i < FILES; i++) {
		items[i].sha256 = digest_of(view_str(texts[i]));
		/* Content digests of two lengths: the tree takes them as they are. */
		items[i].content =
			hash_of(i % 2 == 0 ? HASH_SHA256 : HASH_SHA512, view_str("content"));
		signatures[i] = view_str(texts[i]);
	}
}

static void the_root_is_of_rfc_9162(void **state)
{
	const struct request three = {.items = items, .count = 3};
	struct digest leaf[3];
	struct digest left;
	struct digest want;
	struct digest got;

	(void)state;
	items_make();
	for (size_t i = 0; i < 3; i++) {
		const struct view parts[] = {view_of("\0", 1), digest_view(&items[i].sha256),
					     hash_view(&items[i].content)};

		leaf[i] = digest_of_parts(parts, 3);
	}
	left = tree_node_hash(&leaf[0], &leaf[1]);
	want = tree_node_hash(&left, &leaf[2]);
	assert_rc(RC_OK, items_root(&three, &got));
	assert_memory_equal(got.b, want.b, DIGEST_SIZE);
	items[2].content.b[0] ^= 1;
	assert_rc(RC_OK, items_root(&three, &got));
	assert_memory_not_equal(got.b, want.b, DIGEST_SIZE);
}

static void each_file_has_a_proof(void **state)
{
	struct tree_head head = {.size = FILES};
	struct tree_proof proof;
	struct compact c;
	struct fault f;

	(void)state;
	items_make();
	compact_init(&c);
	for (size_t i = 0; i < FILES; i++) {
		const struct digest leaf = items_signature_leaf(&items[i], signatures[i]);

		assert_rc(RC_OK, compact_append(&c, &leaf));
	}
	head.root = compact_root(&c);
	for (uint64_t i = 0; i < FILES; i++) {
		struct digest leaf = items_signature_leaf(&items[i], signatures[i]);

		assert_rc(RC_OK, items_signature_proof(&batch, signatures, i, &proof, &f));
		assert_rc(RC_OK, tree_verify_inclusion(&head, i, &leaf, &proof, &f));
		/* Another signature, another place: no proof. */
		leaf = items_signature_leaf(&items[i], view_str("forged"));
		assert_rc(RC_MISMATCH, tree_verify_inclusion(&head, i, &leaf, &proof, &f));
	}
	assert_rc(RC_RANGE, items_signature_proof(&batch, signatures, FILES, &proof, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_is_of_rfc_9162),
		cmocka_unit_test(each_file_has_a_proof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
