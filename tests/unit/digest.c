/* Unit tests of lib/crypt/digest.h: FIPS 180-4 examples, text forms and their refusals, streaming.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/crypt/digest.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

#define ABC256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC384                                                                                     \
	"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca1" \
	"34c825a7"
#define ABC512                                                                                     \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23" \
	"a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static const struct {
	enum hash_alg alg;
	const char *name;
	const char *abc;
} rows[] = {
	{HASH_SHA256, "sha256", ABC256},
	{HASH_SHA384, "sha384", ABC384},
	{HASH_SHA512, "sha512", ABC512},
};

static void digest_text_round_trips(void **state)
{
	struct digest d = digest_of(view_str("abc"));
	struct digest back = {0};
	const struct view parts[] = {view_str("a"), view_str(""), view_str("bc")};
	char hex[DIGEST_HEX];

	(void)state;
	digest_hex(&d, hex);
	assert_string_equal(hex, ABC256);
	assert_rc(RC_OK, digest_parse(view_str(hex), &back));
	assert_true(digest_is_equal(&d, &back));
	back = digest_of_parts(parts, 3);
	assert_true(digest_is_equal(&d, &back));
	assert_int_equal(digest_view(&d).len, 32);
	back.b[31] ^= 1;
	assert_false(digest_is_equal(&d, &back));
}

static void digest_refuses(void **state)
{
	struct digest d = digest_of(view_str("abc"));
	struct digest kept = d;
	char hex[DIGEST_HEX];

	(void)state;
	digest_hex(&d, hex);
	assert_rc(RC_SYNTAX, digest_parse(view_of(hex, 63), &d));
	assert_rc(RC_SYNTAX, digest_parse(view_of(hex, 65), &d));
	assert_rc(RC_SYNTAX, digest_parse(view_str(""), &d));
	for (size_t i = 0; i < 64; i++)
		for (const char *c = "GgAF/: "; *c != '\0'; c++) {
			char bad[DIGEST_HEX];

			memcpy(bad, hex, sizeof(bad));
			bad[i] = *c;
			assert_rc(RC_SYNTAX, digest_parse(view_of(bad, 64), &d));
		}
	assert_true(digest_is_equal(&d, &kept));
}

static void hash_text_round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct hash h = hash_of(rows[i].alg, view_str("abc"));
		struct hash back;
		enum hash_alg alg;
		char text[HASH_TEXT];

		assert_string_equal(hash_name(rows[i].alg), rows[i].name);
		assert_rc(RC_OK, hash_alg_parse(view_str(rows[i].name), &alg));
		assert_int_equal(alg, rows[i].alg);
		assert_int_equal(h.size, hash_size(alg));
		assert_int_equal(hash_view(&h).len, h.size);
		hash_text(&h, text);
		assert_memory_equal(text, rows[i].name, 6);
		assert_int_equal(text[6], ':');
		assert_string_equal(text + 7, rows[i].abc);
		assert_rc(RC_OK, hash_parse(view_str(text), &back));
		assert_true(hash_is_equal(&h, &back));
		assert_memory_equal(&h, &back, sizeof(h));
		back.b[h.size - 1] ^= 0x80;
		assert_false(hash_is_equal(&h, &back));
	}
}

static void hash_refuses(void **state)
{
	struct hash h = {0};
	struct hash sha256 = hash_of(HASH_SHA256, view_str("abc"));
	struct hash other = sha256;
	enum hash_alg alg;

	(void)state;
	assert_rc(RC_UNKNOWN, hash_alg_parse(view_str("sha1"), &alg));
	assert_rc(RC_UNKNOWN, hash_alg_parse(view_str("SHA256"), &alg));
	assert_rc(RC_UNKNOWN, hash_alg_parse(view_str(""), &alg));
	assert_rc(RC_UNKNOWN, hash_parse(view_str("md5:" ABC256), &h));
	assert_rc(RC_SYNTAX, hash_parse(view_str(ABC256), &h));
	assert_rc(RC_SYNTAX, hash_parse(view_str("sha512:" ABC256), &h));
	assert_rc(RC_SYNTAX, hash_parse(view_str("sha256:" ABC512), &h));
	assert_rc(RC_SYNTAX, hash_parse(view_str("sha256: " ABC256), &h));
	assert_int_equal(h.size, 0);
	/* Same bytes, other algorithm: not the same digest. */
	other.alg = HASH_SHA384;
	assert_false(hash_is_equal(&sha256, &other));
}

static void hasher_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(hasher) struct hasher *h = NULL;
		AUTO(hasher) struct hasher *copy = NULL;
		struct hash whole = hash_of(rows[i].alg, view_str("abc"));
		struct hash empty = hash_of(rows[i].alg, view_str(""));
		struct hash got;

		assert_rc(RC_OK, hasher_new(rows[i].alg, &h));
		assert_rc(RC_OK, hasher_update(h, view_str("a")));
		assert_rc(RC_OK, hasher_copy(h, &copy));
		assert_rc(RC_OK, hasher_update(h, view_str("bc")));
		assert_rc(RC_OK, hasher_finish(h, &got));
		assert_true(hash_is_equal(&got, &whole));
		assert_rc(RC_OK, hasher_finish(h, &got)); /* it started anew */
		assert_true(hash_is_equal(&got, &empty));
		assert_rc(RC_OK, hasher_update(copy, view_str("bc")));
		assert_rc(RC_OK, hasher_finish(copy, &got));
		assert_true(hash_is_equal(&got, &whole));
	}
	hasher_free(NULL);
}

/* RFC 4231, test case 2. */
static void test_mac(void **state)
{
	char hex[DIGEST_HEX];
	struct digest d;

	(void)state;
	assert_int_equal(
		RC_OK,
		digest_mac(view_str("Jefe"), view_str("what do ya want for nothing?"), &d).code);
	digest_hex(&d, hex);
	assert_string_equal(hex,
			    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mac),	  cmocka_unit_test(digest_text_round_trips),
		cmocka_unit_test(digest_refuses), cmocka_unit_test(hash_text_round_trips),
		cmocka_unit_test(hash_refuses),	  cmocka_unit_test(hasher_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
