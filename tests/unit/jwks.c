/* Unit tests of lib/crypt/jwks: sets of real issuers' shape, keys that are passed over, sets that
 * are refused, each for its own reason. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/crypt/jwks.h"
#include "tests/support/token_maker.h"
#include "tests/unit/vectors.h"

/* From the vectors: a good one of each kind. */
#define N2048                                                                                      \
	"rcGKnPBWGEU9bCmtoW5ANZYg3gu4cR5o9B4lkla9pjnt5KTSaGB5U77FU9Zxjy9KxCZDD99O4bsIafrUSAY2Z5jq" \
	"uoACPzHbWUJrs-9YcVUJpq4Quk8X5yhqrjgQv-NUw5QoU_TSTPt9ll7oI0RLU8rgpDD8dvvM1-_c-"            \
	"UK_LHo791Ak4QGVBAFBVPY5wh011Ec2eZLlgCRaRtUeqKRnyn2d-D1fO-7ZNfL-PFzMhmKyPfU-"              \
	"PWfAKOB97SvDp9nVsaGBu0RACf-E10b8E2iD225X0EihUJd1PyfPtFEha2-"                              \
	"5igpp6n4sDyV3H-Rr1z3uNi6HcUZg8DUnEqSpmK8XjQ"
#define RSA "\"kty\":\"RSA\",\"n\":\"" N2048 "\",\"e\":\"AQAB\""
#define EC                                                                                         \
	"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"WcG5RrHwKqdQ-i7Ja45LQ74L-Nc-xPZB6H0Fc7irFAg\","  \
	"\"y\":\"aHywMMJlJpQXf7nLk-BjTQ2UAgt-yX-ffNnSx34XeD0\""
#define ED                                                                                         \
	"\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"j7pruatlzLgjtzzp1TEr2hQoaYTxC99QoFsFw4Y_"     \
	"bnQ\""

static struct fault why;

static enum rc_code parsed(const char *text)
{
	struct jwks *s = NULL;
	rc r;

	why = (struct fault){0};
	r = jwks_parse(view_str(text), &s, &why);
	jwks_free(s);
	return r.code;
}

/* One key with these members. */
static enum rc_code key(const char *members)
{
	char text[4096];

	(void)snprintf(text, sizeof(text), "{\"keys\":[{%s}]}", members);
	return parsed(text);
}

static void sets_of_issuers_are_read(void **state)
{
	AUTO(buf) struct buf b = {0};
	AUTO(jwks) struct jwks *s = NULL;

	(void)state;
	assert_rc(RC_OK, jwks_parse(vector_read(&b, "jwt", "jwks.json"), &s, NULL));
	assert_int_equal(3, jwks_count(s));
	assert_string_equal("r1", jwks_kid(s, 0));
	assert_string_equal("RS256", jwks_alg(s, 0));
	assert_string_equal("ES256", jwks_alg(s, 1));
	assert_string_equal("EdDSA", jwks_alg(s, 2));
	assert_int_equal(RC_OK, key(RSA ",\"kid\":\"a\""));
	assert_int_equal(RC_OK, key(RSA ",\"kid\":\"a\",\"x5t\":\"x\",\"x5c\":[\"MIIB\"],"
					"\"key_ops\":[\"verify\"],\"issuer\":{\"a\":[1,null]}"));
	assert_int_equal(RC_OK, key(EC ",\"kid\":\"a\""));
	assert_int_equal(RC_OK, key(ED ",\"kid\":\"a\""));
}

/* RFC 7517 5: what one does not understand, or is not for this, is no error; alone it is no set. */
static void keys_for_other_things_are_passed_over(void **state)
{
	AUTO(jwks) struct jwks *s = NULL;
	static const char *const others[] = {
		"\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AA\",\"kid\":\"o\"",
		"\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\",\"kid\":\"o\"",
		"\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\",\"kid\":\"o\"",
		RSA ",\"kid\":\"o\",\"use\":\"enc\"",
		RSA ",\"kid\":\"o\",\"alg\":\"PS256\"",
		RSA ",\"kid\":\"o\",\"alg\":\"RS512\"",
		RSA ",\"kid\":\"o\",\"alg\":\"RSA-OAEP\"",
		EC ",\"kid\":\"o\",\"alg\":\"ECDH-ES+A128KW\"",
		RSA ",\"kid\":\"o\",\"key_ops\":[\"encrypt\"]",
		RSA,
	};
	char text[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(RC_RANGE, key(others[i]));
		assert_non_null(strstr(why.text, "no key for"));
		(void)snprintf(text, sizeof(text), "{\"keys\":[{%s},{%s,\"kid\":\"o\"}]}",
			       others[i], ED);
		assert_rc(RC_OK, jwks_parse(view_str(text), &s, NULL));
		assert_int_equal(1, jwks_count(s));
		jwks_free(s);
		s = NULL;
	}
}

static void sets_are_refused(void **state)
{
	static const struct {
		enum rc_code code;
		const char *members;
		const char *word; /* of the fault */
	} rows[] = {
		{RC_DENIED, "\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"a\"", "shared"},
		{RC_DENIED, RSA ",\"kid\":\"a\",\"d\":\"AAAA\"", "private"},
		{RC_DENIED, ED ",\"kid\":\"a\",\"d\":\"AAAA\"", "private"},
		{RC_DENIED, "\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"priv\":\"AAAA\"", "private"},
		{RC_MISMATCH, RSA ",\"kid\":\"a\",\"alg\":\"HS256\"", "HS256"},
		{RC_MISMATCH, RSA ",\"kid\":\"a\",\"alg\":\"ES256\"", "ES256"},
		{RC_MISMATCH, EC ",\"kid\":\"a\",\"alg\":\"RS256\"", "RS256"},
		{RC_MISMATCH, ED ",\"kid\":\"a\",\"alg\":\"none\"", "none"},
		{RC_SYNTAX, "\"n\":\"AQAB\"", "kty"},
		{RC_SYNTAX, "\"kty\":1", "kty"},
		{RC_SYNTAX, RSA ",\"kid\":7", "kid"},
		{RC_SYNTAX, RSA ",\"kid\":\"a\\u0000b\"", "\\u0000"},
		{RC_SYNTAX, RSA ",\"kid\":\"a\\nb\"", "control"},
		{RC_SYNTAX, "\"kty\":\"RSA\",\"n\":\"" N2048 "=\",\"e\":\"AQAB\",\"kid\":\"a\"",
		 "\"n\""},
		{RC_SYNTAX, "\"kty\":\"RSA\",\"n\":\"+" N2048 "\",\"e\":\"AQAB\",\"kid\":\"a\"",
		 "\"n\""},
		{RC_RANGE, "\"kty\":\"RSA\",\"n\":\"" N2048 "\",\"e\":\"Aw\",\"kid\":\"a\"",
		 "exponent"},
		{RC_RANGE, "\"kty\":\"RSA\",\"n\":\"" N2048 "\",\"e\":\"AQ\",\"kid\":\"a\"",
		 "exponent"},
		{RC_NONCANON, "\"kty\":\"RSA\",\"n\":\"" N2048 "\",\"e\":\"AAEAAQ\",\"kid\":\"a\"",
		 "leading"},
		{RC_RANGE, "\"kty\":\"RSA\",\"n\":\"rcGK\",\"e\":\"AQAB\",\"kid\":\"a\"", "2048"},
		{RC_RANGE,
		 "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\",\"kid\":\"a\"",
		 "not 32"},
		{RC_CRYPTO,
		 "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"WcG5RrHwKqdQ-i7Ja45LQ74L-Nc-"
		 "xPZB6H0Fc7irFAg\",\"y\":\"aHywMMJlJpQXf7nLk-BjTQ2UAgt-yX-ffNnSx34XeDw\","
		 "\"kid\":\"a\"",
		 "public key"},
		{RC_RANGE, "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\",\"kid\":\"a\"",
		 "not 32"},
		{RC_DUPLICATE, RSA ",\"kid\":\"a\",\"kid\":\"b\"", "duplicate"},
		{RC_LIMIT, RSA ",\"kid\":\"a\",\"x\":[[[[[[[[1]]]]]]]]", "nested"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum rc_code code = key(rows[i].members);

		if (code != rows[i].code || strstr(why.text, rows[i].word) == NULL)
			print_message("row %zu: %s\n", i, why.text);
		assert_int_equal(rows[i].code, code);
		assert_non_null(strstr(why.text, rows[i].word));
	}
	assert_int_equal(RC_DUPLICATE,
			 parsed("{\"keys\":[{" RSA ",\"kid\":\"a\"},{" ED ",\"kid\":\"a\"}]}"));
	assert_int_equal(RC_DUPLICATE, parsed("{\"keys\":[],\"keys\":[{" RSA ",\"kid\":\"a\"}]}"));
	assert_int_equal(RC_SYNTAX, parsed(""));
	assert_int_equal(RC_SYNTAX, parsed("[]"));
	assert_int_equal(RC_SYNTAX, parsed("{}"));
	assert_int_equal(RC_SYNTAX, parsed("{\"keys\":{}}"));
	assert_int_equal(RC_SYNTAX, parsed("{\"keys\":[1]}"));
	assert_int_equal(RC_SYNTAX, parsed("{\"keys\":[{" RSA ",\"kid\":\"a\"}]} x"));
	assert_int_equal(RC_SYNTAX, parsed("{\"keys\":[{" RSA ",\"kid\":\"\xff\"}]}"));
	assert_int_equal(RC_RANGE, parsed("{\"keys\":[]}"));
}

static void sizes_are_bounded(void **state)
{
	AUTO(buf) struct buf b = {0};
	AUTO(buf) struct buf weak = {0};
	struct token_key *k = token_key_new(TOKEN_RSA_SHORT);
	struct jwks *s;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_put_str(&b, "{\"keys\":[");
	for (unsigned i = 0; i <= JWKS_KEYS_MAX; i++)
		buf_printf(&b, "%s{\"kty\":\"x\",\"kid\":\"%u\"}", i == 0 ? "" : ",", i);
	buf_put_str(&b, "]}");
	assert_rc(RC_LIMIT, jwks_parse(buf_view(&b), &s, NULL));
	buf_clear(&b);
	buf_put_str(&b, "{\"keys\":[{" RSA ",\"kid\":\"a\"}]}");
	while (b.len <= JWKS_BYTES_MAX)
		buf_put_u8(&b, ' ');
	assert_rc(RC_LIMIT, jwks_parse(buf_view(&b), &s, NULL));
	/* Half of a set, wherever it is cut. */
	for (size_t n = 0; n < 300; n += 7)
		assert_false(rc_is_ok(jwks_parse(view_of(b.ptr, n), &s, NULL)));
	buf_init(&weak, 4096);
	buf_put_str(&weak, "{\"keys\":[");
	token_put_jwk(k, "w", "", &weak);
	buf_put_str(&weak, "]}");
	assert_rc(RC_RANGE, jwks_parse(buf_view(&weak), &s, NULL));
	token_key_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_of_issuers_are_read),
		cmocka_unit_test(keys_for_other_things_are_passed_over),
		cmocka_unit_test(sets_are_refused),
		cmocka_unit_test(sizes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
