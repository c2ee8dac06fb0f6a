/* Unit tests of lib/crypt/jwt: every vector, and hostile tokens, each refused for its own reason.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/codec/base64.h"
#include "lib/crypt/jwt.h"
#include "tests/support/token_maker.h"
#include "tests/unit/vectors.h"

#define NOW 1795416600
#define ISSUER "https://token.actions.githubusercontent.com"
#define AUDIENCE "https://sign.example/sha256:abc"

/* All that a keeper asks of a token, in its order; which of them said no. */
enum verdict { GOOD, FORM, WRONG_ISSUER, KEYS, ALG, SIGNATURE, WRONG_AUDIENCE, TIME };
static struct fault why;
static enum rc_code form;

static enum verdict judge(struct view token, const struct jwks *keys, unix_time now)
{
	AUTO(jwt) struct jwt *t = NULL;
	rc r;

	why = (struct fault){0};
	r = jwt_parse(token, &t, &why);
	form = r.code;
	if (!rc_is_ok(r))
		return FORM;
	if (strcmp(jwt_issuer(t), ISSUER) != 0)
		return WRONG_ISSUER;
	r = jwt_verify(t, keys, &why);
	if (r.code == RC_NOTFOUND)
		return KEYS;
	if (r.code == RC_MISMATCH)
		return ALG;
	if (!rc_is_ok(r))
		return SIGNATURE;
	if (!jwt_is_for(t, AUDIENCE))
		return WRONG_AUDIENCE;
	return rc_is_ok(jwt_check_time(t, now, &why)) ? GOOD : TIME;
}

static void vectors_are_judged(void **state)
{
	static const struct {
		const char *name;
		enum verdict verdict;
	} rows[] = {
		{"ok_rs.jwt", GOOD},	 {"ok_es.jwt", GOOD},
		{"ok_ed.jwt", GOOD},	 {"aud_array.jwt", GOOD},
		{"bad_algmix.jwt", ALG}, {"bad_aud.jwt", WRONG_AUDIENCE},
		{"bad_crit.jwt", FORM},	 {"bad_dup.jwt", FORM},
		{"bad_exp.jwt", TIME},	 {"bad_iss.jwt", WRONG_ISSUER},
		{"bad_kid.jwt", KEYS},	 {"bad_noexp.jwt", FORM},
		{"bad_none.jwt", FORM},	 {"bad_sig.jwt", SIGNATURE},
	};
	AUTO(buf) struct buf set = {0};
	AUTO(jwks) struct jwks *keys = NULL;

	(void)state;
	assert_rc(RC_OK, jwks_parse(vector_read(&set, "jwt", "jwks.json"), &keys, NULL));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(buf) struct buf b = {0};
		struct view token = vector_read(&b, "jwt", rows[i].name);
		enum verdict v = judge(token, keys, NOW);

		if (v != rows[i].verdict)
			print_message("%s: %d %s\n", rows[i].name, (int)v, why.text);
		assert_int_equal(rows[i].verdict, v);
	}
}

/* ---- An issuer of our own ---------------------------------------------------------------------*/

static struct world {
	struct token_key *rsa;
	struct token_key *ec;
	struct token_key *ed;
	struct token_key *other; /* not in the set */
	struct jwks *keys;
	struct buf token;
} w;

static int world_init(void **state)
{
	AUTO(buf) struct buf set = {0};

	(void)state;
	w.rsa = token_key_new(TOKEN_RSA);
	w.ec = token_key_new(TOKEN_P256);
	w.ed = token_key_new(TOKEN_ED25519);
	w.other = token_key_new(TOKEN_ED25519);
	buf_init(&set, 8192);
	buf_init(&w.token, 1 << 20);
	buf_put_str(&set, "{\"keys\":[");
	token_put_jwk(w.rsa, "rsa", "", &set);
	buf_put_u8(&set, ',');
	token_put_jwk(w.ec, "ec", ",\"alg\":\"ES256\"", &set);
	buf_put_u8(&set, ',');
	token_put_jwk(w.ed, "ed", ",\"use\":\"sig\"", &set);
	buf_put_str(&set, "]}");
	return rc_is_ok(jwks_parse(buf_view(&set), &w.keys, NULL)) ? 0 : -1;
}

static int world_release(void **state)
{
	(void)state;
	token_key_free(w.rsa);
	token_key_free(w.ec);
	token_key_free(w.ed);
	token_key_free(w.other);
	jwks_free(w.keys);
	buf_release(&w.token);
	return 0;
}

#define HEAD "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}"
#define ISS "\"iss\":\"" ISSUER "\""
#define AUD "\"aud\":\"" AUDIENCE "\""
#define EXP "\"exp\":1795416857"
#define BODY "{" ISS "," AUD "," EXP "}"

static struct view made(const struct token_key *k, const char *header, const char *claims)
{
	buf_clear(&w.token);
	token_put(k, header, claims, &w.token);
	return buf_view(&w.token);
}

static void good_tokens_are_taken(void **state)
{
	(void)state;
	assert_int_equal(GOOD, judge(made(w.ed, HEAD, BODY), w.keys, NOW));
	assert_int_equal(GOOD, judge(made(w.rsa,
					  "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"jwt\","
					  "\"x5t\":\"abc\",\"cty\":\"x\"}",
					  BODY),
				     w.keys, NOW));
	/* R or S with leading zeros comes every 128 signatures or so. */
	for (int i = 0; i < 600; i++)
		assert_int_equal(GOOD, judge(made(w.ec, "{\"alg\":\"ES256\",\"kid\":\"ec\"}", BODY),
					     w.keys, NOW));
}

static void hostile_headers_are_refused(void **state)
{
	static const struct {
		const char *header;
		enum verdict verdict;
		enum rc_code code;
		const char *word;
	} rows[] = {
		{"{\"alg\":\"none\",\"kid\":\"ed\"}", FORM, RC_UNSUPPORTED, "none"},
		{"{\"alg\":\"NONE\",\"kid\":\"ed\"}", FORM, RC_UNSUPPORTED, "NONE"},
		{"{\"alg\":\"HS256\",\"kid\":\"ed\"}", FORM, RC_UNSUPPORTED, "HS256"},
		{"{\"alg\":\"RS512\",\"kid\":\"ed\"}", FORM, RC_UNSUPPORTED, "RS512"},
		{"{\"alg\":\"PS256\",\"kid\":\"ed\"}", FORM, RC_UNSUPPORTED, "PS256"},
		{"{\"alg\":\"eddsa\",\"kid\":\"ed\"}", FORM, RC_UNSUPPORTED, "eddsa"},
		{"{\"alg\":\"\",\"kid\":\"ed\"}", FORM, RC_SYNTAX, "alg"},
		{"{\"alg\":[\"EdDSA\"],\"kid\":\"ed\"}", FORM, RC_SYNTAX, "alg"},
		{"{\"kid\":\"ed\"}", FORM, RC_SYNTAX, "alg"},
		{"{\"alg\":\"EdDSA\"}", FORM, RC_SYNTAX, "kid"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"\"}", FORM, RC_SYNTAX, "kid"},
		{"{\"alg\":\"EdDSA\",\"kid\":1}", FORM, RC_SYNTAX, "kid"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"e\\u0000d\"}", FORM, RC_SYNTAX, "\\u0000"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ED\"}", KEYS, RC_OK, "ED"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"../../dev/null\"}", KEYS, RC_OK, "no key"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ec\"}", ALG, RC_OK, "ES256"},
		{"{\"alg\":\"RS256\",\"kid\":\"ed\"}", ALG, RC_OK, "RS256"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"crit\":[]}", FORM, RC_UNSUPPORTED, "crit"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"crit\":[\"exp\"]}", FORM, RC_UNSUPPORTED,
		 "crit"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"b64\":false}", FORM, RC_UNSUPPORTED, "b64"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"jwk\":{}}", FORM, RC_UNSUPPORTED, "jwk"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"jku\":\"https://evil/\"}", FORM,
		 RC_UNSUPPORTED, "jku"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"x5u\":\"https://evil/\"}", FORM,
		 RC_UNSUPPORTED, "x5u"},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"typ\":\"at+jwt\"}", FORM, RC_SYNTAX, "typ"},
		{"{\"alg\":\"none\",\"alg\":\"EdDSA\",\"kid\":\"ed\"}", FORM, RC_DUPLICATE,
		 "duplicate"},
		{"[]", FORM, RC_SYNTAX, "not an object"},
		{"\"x\"", FORM, RC_SYNTAX, ""},
		{"", FORM, RC_SYNTAX, ""},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\"}{}", FORM, RC_SYNTAX, ""},
		{"{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"x\":[[[[[[[[0]]]]]]]]}", FORM, RC_LIMIT,
		 "nested"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum verdict v = judge(made(w.ed, rows[i].header, BODY), w.keys, NOW);

		if (v != rows[i].verdict || form != rows[i].code)
			print_message("%s: %d %s\n", rows[i].header, (int)v, why.text);
		assert_int_equal(rows[i].verdict, v);
		assert_int_equal(rows[i].code, form);
		assert_non_null(strstr(why.text, rows[i].word));
	}
}

static void hostile_claims_are_refused(void **state)
{
	static const struct {
		const char *claims;
		enum verdict verdict;
		enum rc_code code;
	} rows[] = {
		{"{" AUD "," EXP "}", FORM, RC_SYNTAX},
		{"{" ISS "," EXP "}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD "}", FORM, RC_SYNTAX},
		{"{\"iss\":[\"" ISSUER "\"]," AUD "," EXP "}", FORM, RC_SYNTAX},
		{"{\"iss\":\"" ISSUER "/\"," AUD "," EXP "}", WRONG_ISSUER, RC_OK},
		{"{\"iss\":\"" ISSUER "\\u0000\"," AUD "," EXP "}", FORM, RC_SYNTAX},
		{"{" ISS "," ISS "," AUD "," EXP "}", FORM, RC_DUPLICATE},
		{"{" ISS "," AUD "," EXP ",\"a\":{\"b\":1,\"b\":2}}", FORM, RC_DUPLICATE},
		{"{" ISS "," AUD "," EXP ",\"ex\\u0070\":9999999999}", FORM, RC_DUPLICATE},
		{"{" ISS ",\"aud\":[]," EXP "}", FORM, RC_SYNTAX},
		{"{" ISS ",\"aud\":\"\"," EXP "}", FORM, RC_SYNTAX},
		{"{" ISS ",\"aud\":[\"" AUDIENCE "\",7]," EXP "}", FORM, RC_SYNTAX},
		{"{" ISS ",\"aud\":{\"" AUDIENCE "\":1}," EXP "}", FORM, RC_SYNTAX},
		{"{" ISS ",\"aud\":true," EXP "}", FORM, RC_SYNTAX},
		{"{" ISS ",\"aud\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\","
		 "\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"" AUDIENCE "\"]," EXP "}",
		 FORM, RC_LIMIT},
		{"{" ISS ",\"aud\":\"" AUDIENCE "d\"," EXP "}", WRONG_AUDIENCE, RC_OK},
		{"{" ISS ",\"aud\":\"https://sign.example/sha256:ABC\"," EXP "}", WRONG_AUDIENCE,
		 RC_OK},
		{"{" ISS ",\"aud\":[[\"" AUDIENCE "\"]]," EXP "}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD ",\"exp\":\"1795416857\"}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD ",\"exp\":1795416857.5}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD ",\"exp\":1e300}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD ",\"exp\":99999999999999999999}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD ",\"exp\":9223372036854775807}", FORM, RC_RANGE},
		{"{" ISS "," AUD ",\"exp\":-1}", FORM, RC_RANGE},
		{"{" ISS "," AUD ",\"exp\":0}", FORM, RC_RANGE},
		{"{" ISS "," AUD ",\"exp\":null}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD ",\"exp\":true}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD "," EXP ",\"nbf\":\"now\"}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD "," EXP ",\"jti\":5}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD "," EXP ",\"jti\":\"\"}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD "," EXP ",\"x\":\"\xc3\"}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD "," EXP ",\"x\":\"\\ud800\"}", FORM, RC_SYNTAX},
		{"{" ISS "," AUD "," EXP ",\"x\":[[[[[[[[1]]]]]]]]}", FORM, RC_LIMIT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum verdict v = judge(made(w.ed, HEAD, rows[i].claims), w.keys, NOW);

		if (v != rows[i].verdict || form != rows[i].code)
			print_message("%s: %d %s\n", rows[i].claims, (int)v, why.text);
		assert_int_equal(rows[i].verdict, v);
		assert_int_equal(rows[i].code, form);
	}
}

/* Each bound of time, a second to either side. */
static void times_have_bounds(void **state)
{
	static const struct {
		const char *claims;
		unix_time first; /* good from here.. */
		unix_time last;	 /* ..to here */
	} rows[] = {
		{"{" ISS "," AUD "," EXP "}", 1795416857 - JWT_LIFE_MAX, 1795416857 + 29},
		{"{" ISS "," AUD "," EXP ",\"nbf\":1795416500}", 1795416470, 1795416886},
		{"{" ISS "," AUD "," EXP ",\"iat\":1795416500}", 1795416470, 1795416886},
		{"{" ISS "," AUD ",\"exp\":1795416500,\"nbf\":1795416557}", 1795416527, 1795416529},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct view t = made(w.ed, HEAD, rows[i].claims);

		assert_int_equal(TIME, judge(t, w.keys, rows[i].first - 1));
		assert_int_equal(GOOD, judge(t, w.keys, rows[i].first));
		assert_int_equal(GOOD, judge(t, w.keys, rows[i].last));
		assert_int_equal(TIME, judge(t, w.keys, rows[i].last + 1));
	}
	assert_int_equal(TIME, judge(made(w.ed, HEAD, "{" ISS "," AUD ",\"exp\":253402300799}"),
				     w.keys, NOW));
}

static void forged_signatures_are_refused(void **state)
{
	AUTO(buf) struct buf pem = {0};
	AUTO(buf) struct buf b = {0};
	struct view t;
	size_t dots = 0;

	(void)state;
	/* by somebody else's key, and by one of another kind under the other's name */
	assert_int_equal(SIGNATURE, judge(made(w.other, HEAD, BODY), w.keys, NOW));
	assert_int_equal(SIGNATURE, judge(made(w.ec, HEAD, BODY), w.keys, NOW));
	/* HMAC by the public key (RFC 8725 2.1), honest about it and not */
	buf_init(&pem, 4096);
	buf_init(&b, 1 << 16);
	token_put_public_pem(w.rsa, &pem);
	token_put_hmac(buf_view(&pem), "{\"alg\":\"HS256\",\"kid\":\"rsa\"}", BODY, &b);
	assert_int_equal(FORM, judge(buf_view(&b), w.keys, NOW));
	buf_clear(&b);
	token_put_hmac(buf_view(&pem), "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", BODY, &b);
	assert_int_equal(SIGNATURE, judge(buf_view(&b), w.keys, NOW));
	/* no signature, zeros (CVE-2022-21449) */
	t = made(w.ec, "{\"alg\":\"ES256\",\"kid\":\"ec\"}", BODY);
	assert_int_equal(GOOD, judge(t, w.keys, NOW));
	buf_clear(&b);
	buf_put_view(&b, t);
	memset(b.ptr + b.len - 86, 'A', 86);
	assert_int_equal(SIGNATURE, judge(buf_view(&b), w.keys, NOW));
	assert_int_equal(SIGNATURE, judge(view_of(b.ptr, b.len - 86), w.keys, NOW));
	/* every byte of a good one: never taken, and never for another token */
	t = made(w.ed, HEAD, BODY);
	for (size_t i = 0; i < t.len; i++) {
		for (unsigned bit = 1; bit < 0x100; bit <<= 1) {
			w.token.ptr[i] ^= (uint8_t)bit;
			assert_int_not_equal(GOOD, judge(t, w.keys, NOW));
			w.token.ptr[i] ^= (uint8_t)bit;
		}
		assert_int_not_equal(GOOD, judge(view_of(t.ptr, i), w.keys, NOW));
		dots += t.ptr[i] == '.';
	}
	assert_int_equal(2, dots);
	assert_int_equal(GOOD, judge(t, w.keys, NOW));
}

static void encodings_are_strict(void **state)
{
	AUTO(buf) struct buf b = {0};
	struct view t;

	(void)state;
	t = made(w.ed, HEAD, BODY);
	buf_init(&b, 1 << 16);
	buf_put_view(&b, t);
	buf_put_str(&b, "\n");
	assert_int_equal(FORM, judge(buf_view(&b), w.keys, NOW));
	b.ptr[b.len - 1] = '=';
	assert_int_equal(FORM, judge(buf_view(&b), w.keys, NOW));
	b.ptr[b.len - 1] = '.';
	assert_int_equal(FORM, judge(buf_view(&b), w.keys, NOW));
	b.ptr[b.len - 1] = '\0';
	assert_int_equal(FORM, judge(buf_view(&b), w.keys, NOW));
	/* five parts are JWE; two are none */
	buf_clear(&b);
	buf_put_view(&b, t);
	buf_put_str(&b, ".AAAA.AAAA");
	assert_int_equal(FORM, judge(buf_view(&b), w.keys, NOW));
	assert_int_equal(FORM, judge(view_str("AAAA.AAAA"), w.keys, NOW));
	assert_int_equal(FORM, judge(view_str(".."), w.keys, NOW));
	assert_int_equal(FORM, judge(view_of("", 0), w.keys, NOW));
	/* spare bits: 64 bytes are 86 characters of which the last has 4 spare */
	buf_clear(&b);
	buf_put_view(&b, t);
	b.ptr[b.len - 1] = (uint8_t)(b.ptr[b.len - 1] == 'A' ? 'B' : b.ptr[b.len - 1] + 1);
	assert_int_equal(FORM, judge(buf_view(&b), w.keys, NOW));
	assert_int_equal(RC_NONCANON, form);
	assert_true(jwt_is_like(t));
	assert_false(jwt_is_like(view_str("SSHSIG")));
}

static void sizes_are_bounded(void **state)
{
	AUTO(buf) struct buf claims = {0};
	AUTO(buf) struct buf header = {0};

	(void)state;
	buf_init(&claims, 1 << 16);
	buf_init(&header, 1 << 16);
	buf_put_str(&claims, "{" ISS "," AUD "," EXP ",\"x\":\"");
	while (claims.len < JWT_CLAIMS_MAX - 2)
		buf_put_u8(&claims, 'x');
	buf_put_str(&claims, "\"}");
	buf_put_str(&header, "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"x\":\"");
	while (header.len < JWT_HEADER_MAX)
		buf_put_u8(&header, 'x');
	buf_put_str(&header, "\"}");
	assert_int_equal(RC_LIMIT, (judge(made(w.ed, buf_cstr(&header), BODY), w.keys, NOW), form));
	/* base64 of the largest claims is over the largest token, with room for small ones */
	assert_int_equal(RC_LIMIT, (judge(made(w.ed, HEAD, buf_cstr(&claims)), w.keys, NOW), form));
	claims.len -= 400;
	buf_put_str(&claims, "\"}");
	assert_int_equal(GOOD, judge(made(w.ed, HEAD, buf_cstr(&claims)), w.keys, NOW));
}

static void claims_are_compared_as_texts(void **state)
{
	static const struct {
		const char *name;
		enum rc_code code;
		const char *value;
	} rows[] = {
		{"s", RC_OK, "refs/tags/v1"}, {"n", RC_OK, "1234"},	 {"m", RC_OK, "-5"},
		{"t", RC_OK, "true"},	      {"f", RC_OK, "false"},	 {"e", RC_OK, ""},
		{"r", RC_UNSUPPORTED, ""},    {"z", RC_UNSUPPORTED, ""}, {"a", RC_UNSUPPORTED, ""},
		{"o", RC_UNSUPPORTED, ""},    {"u", RC_UNSUPPORTED, ""}, {"c", RC_UNSUPPORTED, ""},
		{"x", RC_NOTFOUND, ""},	      {"o.p", RC_NOTFOUND, ""},
	};
	AUTO(jwt) struct jwt *t = NULL;
	char value[JWT_TEXT_MAX + 1];

	(void)state;
	assert_rc(RC_OK,
		  jwt_parse(made(w.ed, HEAD,
				 "{" ISS "," AUD "," EXP
				 ",\"s\":\"refs/tags/v1\",\"n\":1234,\"m\":-5,\"t\":true,"
				 "\"f\":false,\"e\":\"\",\"r\":1.0,\"z\":null,\"a\":[\"1234\"],"
				 "\"o\":{\"p\":1},\"u\":\"caf\\u00e9\",\"c\":\"a\\nb\"}"),
			    &t, NULL));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_rc(rows[i].code, jwt_claim(t, rows[i].name, value));
		assert_string_equal(rows[i].value, value);
	}
	assert_string_equal("", jwt_id(t));
	assert_int_equal(1795416857, jwt_expires(t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_are_judged),
		cmocka_unit_test(good_tokens_are_taken),
		cmocka_unit_test(hostile_headers_are_refused),
		cmocka_unit_test(hostile_claims_are_refused),
		cmocka_unit_test(times_have_bounds),
		cmocka_unit_test(forged_signatures_are_refused),
		cmocka_unit_test(encodings_are_strict),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(claims_are_compared_as_texts),
	};

	return cmocka_run_group_tests(tests, world_init, world_release);
}
