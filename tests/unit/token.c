/* Unit tests of lib/model/token: records come back as they were, and what is not the one form, or
 * not what the roster demands, is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/model/token.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define HEX "abababababababababababababababababababababababababababababababab"
#define HEAD "{\"actor\":\"octo\",\"audience\":\"https://k.test\",\"expires\":"
#define MID                                                                                        \
	"\"2026-11-23T09:00:00Z\",\"issuer\":\"https://ids.test\",\"jwks\":\"" HEX "\",\"match\":" \
	"["
#define TAIL "],\"request\":\"" HEX "\",\"service\":\"ci\",\"token\":\"" HEX "\"}"
#define GOOD HEAD MID "\"a=1\",\"b=x=\\\"y\"" TAIL

static enum rc_code parsed(const char *text)
{
	struct token_record t;

	return token_record_parse(view_str(text), &t, NULL).code;
}

static void records_come_back(void **state)
{
	static const char bound[] =
		"{\"expires\":" MID TAIL; /* neither actor nor audience nor claims */
	const char *const texts[] = {GOOD, bound};
	struct token_record t;
	uint8_t mem[TOKEN_RECORD_MAX];
	struct buf out;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_rc(RC_OK, token_record_parse(view_str(texts[i]), &t, NULL));
		buf_init_fixed(&out, mem, sizeof(mem));
		assert_rc(RC_OK, token_record_encode(&t, &out, NULL));
		assert_true(view_is(buf_view(&out), texts[i]));
	}
	t.expires = -1;
	buf_clear(&out);
	assert_false(rc_is_ok(token_record_encode(&t, &out, NULL)));
}

static void other_forms_are_refused(void **state)
{
	char big[TOKEN_RECORD_MAX + 2];

	(void)state;
	assert_int_equal(RC_OK, parsed(GOOD));
	assert_int_equal(RC_DUPLICATE, parsed(HEAD MID "\"a=1\",\"a=2\"" TAIL));
	assert_int_equal(RC_DUPLICATE, parsed(HEAD MID "\"b=1\",\"a=2\"" TAIL));
	assert_int_equal(RC_SYNTAX, parsed(HEAD MID "\"a\"" TAIL));
	assert_int_equal(RC_SYNTAX, parsed(HEAD MID "\"=a\"" TAIL));
	assert_int_equal(RC_SYNTAX, parsed(HEAD MID "\"a=\"" TAIL));
	assert_int_equal(RC_SYNTAX, parsed(HEAD MID "\"\"" TAIL));
	assert_int_equal(RC_NONCANON, parsed(HEAD MID "\"a=\\u00e9\"" TAIL));
	assert_int_equal(RC_SYNTAX, parsed("{\"actor\":\"\",\"expires\":" MID TAIL));
	assert_int_equal(RC_TRAILING, parsed(GOOD " "));
	assert_int_equal(RC_TRUNCATED, parsed(""));
	for (size_t i = 0; i < strlen(GOOD); i++) {
		struct token_record t;

		assert_false(rc_is_ok(token_record_parse(view_of(GOOD, i), &t, NULL)));
	}
	memset(big, ' ', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(RC_LIMIT, parsed(big));
}

static void records_are_held_against_the_roster(void **state)
{
	struct oidc o = {.issuer = "https://ids.test",
			 .audience = "https://k.test",
			 .match = {{"a", "1"}},
			 .match_count = 1};
	struct principal ci = {.name = {"ci"}, .kind = PRINCIPAL_SERVICE, .oidc = &o};
	struct token_record t;

	(void)state;
	assert_rc(RC_OK, token_record_parse(view_str(GOOD), &t, NULL));
	/* one claim less than there was, and all of them */
	assert_rc(RC_OK, token_record_fits(&t, &ci, NULL));
	o.match[1] = (struct claim_match){"b", "x=\"y"};
	o.match_count = 2;
	assert_rc(RC_OK, token_record_fits(&t, &ci, NULL));
	/* another value, one more */
	o.match[1].value[0] = 'z';
	assert_rc(RC_MISMATCH, token_record_fits(&t, &ci, NULL));
	o.match[1] = (struct claim_match){"c", "1"};
	assert_rc(RC_MISMATCH, token_record_fits(&t, &ci, NULL));
	o.match_count = 1;
	o.issuer[8] = 'x';
	assert_rc(RC_MISMATCH, token_record_fits(&t, &ci, NULL));
	o.issuer[8] = 'i';
	o.audience[8] = 'x';
	assert_rc(RC_MISMATCH, token_record_fits(&t, &ci, NULL));
	o.bind_audience = true;
	assert_rc(RC_MISMATCH, token_record_fits(&t, &ci, NULL));
	t.audience[0] = '\0';
	assert_rc(RC_OK, token_record_fits(&t, &ci, NULL));
	/* nobody had to be named as the one behind the job, and now has to be */
	(void)strcpy(o.actor, "sub");
	assert_rc(RC_OK, token_record_fits(&t, &ci, NULL));
	t.actor[0] = '\0';
	assert_rc(RC_MISMATCH, token_record_fits(&t, &ci, NULL));
	o.actor[0] = '\0';
	assert_rc(RC_OK, token_record_fits(&t, &ci, NULL));
	ci.oidc = NULL;
	assert_rc(RC_MISMATCH, token_record_fits(&t, &ci, NULL));
	ci.oidc = &o;
	ci.name = (struct name){"cj"};
	assert_rc(RC_MISMATCH, token_record_fits(&t, &ci, NULL));
}

static void audiences_name_one_request(void **state)
{
	char out[TOKEN_AUDIENCE_MAX];
	struct digest d;
	char origin[ORIGIN_MAX + 1];

	(void)state;
	memset(&d, 0xab, sizeof(d));
	token_audience("sign.test", &d, out);
	assert_string_equal("https://sign.test/request/sha256:" HEX, out);
	memset(origin, 'a', ORIGIN_MAX);
	origin[ORIGIN_MAX] = '\0';
	token_audience(origin, &d, out);
	assert_string_equal(HEX, out + strlen(out) - 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_back),
		cmocka_unit_test(other_forms_are_refused),
		cmocka_unit_test(records_are_held_against_the_roster),
		cmocka_unit_test(audiences_name_one_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
