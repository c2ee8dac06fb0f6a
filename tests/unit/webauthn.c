/* Unit tests of lib/crypt/webauthn.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/crypt/webauthn.h"

#define GET "{\"type\":\"webauthn.get\","
#define HEAD GET "\"challenge\":\"YQ\",\"origin\":\"https://a.example\","
#define GOOD HEAD "\"crossOrigin\":false"

static const struct {
	const char *json;
	enum rc_code code;
} cases[] = {
	{GOOD "}", RC_OK},
	{GOOD ",\"other_keys_can_be_added_here\":\"do not compare \\\"data\\\" \\u00e9\"}", RC_OK},
	{GOOD ",\"a\":{},\"b\":[],\"c\":[1,-2,0],\"d\":{\"e\":null,\"f\":[true,false]}}", RC_OK},
	{GOOD ",\"a\":[[[1]]]}", RC_OK},
	{GOOD ",\"a\":[[[[1]]]]}", RC_LIMIT},
	{"", RC_TRUNCATED},
	{"{}", RC_SYNTAX},
	{GOOD, RC_TRUNCATED},
	{GOOD ",", RC_TRUNCATED},
	{GOOD "} ", RC_TRAILING},
	{GOOD "}}", RC_TRAILING},
	{" " GOOD "}", RC_SYNTAX},
	{GOOD " }", RC_SYNTAX},
	{GOOD ",}", RC_SYNTAX},
	{GOOD ",\"a\" :1}", RC_SYNTAX},
	{GOOD ", \"a\":1}", RC_SYNTAX},
	{GOOD ",\"a\": 1}", RC_SYNTAX},
	{GOOD ",\"a\":01}", RC_SYNTAX},
	{GOOD ",\"a\":1.5}", RC_SYNTAX},
	{GOOD ",\"a\":-}", RC_SYNTAX},
	{GOOD ",\"a\":}", RC_SYNTAX},
	{GOOD ",\"a\":tru}", RC_SYNTAX},
	{GOOD ",\"a\":[1,]}", RC_SYNTAX},
	{GOOD ",\"a\":[1}", RC_SYNTAX},
	{GOOD ",\"a\":{\"b\"}}", RC_SYNTAX},
	{GOOD ",\"a\":{b:1}}", RC_SYNTAX},
	{GOOD ",\"a\":\"\\x\"}", RC_SYNTAX},
	{GOOD ",\"a\":\"\\u12g4\"}", RC_SYNTAX},
	{GOOD ",\"a\":\"\x01\"}", RC_SYNTAX},
	{GOOD ",\"a\":\"\xc3\xa9\"}", RC_SYNTAX},
	{GOOD ",\"a\":\"unfinished}", RC_TRUNCATED},
	{GOOD ",\"t\\u0079pe\":1}", RC_SYNTAX},
	{GOOD ",\"type\":\"webauthn.get\"}", RC_DUPLICATE},
	{GOOD ",\"challenge\":\"YQ\"}", RC_DUPLICATE},
	{GOOD ",\"origin\":\"https://b.example\"}", RC_DUPLICATE},
	{GOOD ",\"crossOrigin\":true}", RC_DUPLICATE},
	{GOOD ",\"a\":1,\"crossOrigin\":false}", RC_DUPLICATE},
	{GOOD ",\"topOrigin\":\"https://b.example\"}", RC_DENIED},
	{HEAD "\"crossOrigin\":true}", RC_DENIED},
	{HEAD "\"crossOrigin\":null}", RC_SYNTAX},
	{HEAD "\"crossOrigin\":\"false\"}", RC_SYNTAX},
	{GET "\"challenge\":\"YQ\",\"origin\":\"https://a.example\"}", RC_SYNTAX},
	{GET "\"origin\":\"https://a.example\",\"challenge\":\"YQ\",\"crossOrigin\":false}",
	 RC_SYNTAX},
	{GET "\"challenge\":\"Y\\u0051\",\"origin\":\"https://a\",\"crossOrigin\":false}",
	 RC_SYNTAX},
	{GET "\"challenge\":\"YQ\",\"origin\":\"https:\\/\\/a\",\"crossOrigin\":false}", RC_SYNTAX},
	{"{\"type\":\"webauthn.create\",\"challenge\":\"YQ\",\"origin\":\"a\",\"crossOrigin\":"
	 "false}",
	 RC_MISMATCH},
	{"{\"type\":\"payment.get\",\"challenge\":\"YQ\",\"origin\":\"a\",\"crossOrigin\":false}",
	 RC_MISMATCH},
	{"{\"challenge\":\"YQ\",\"type\":\"webauthn.get\",\"origin\":\"a\",\"crossOrigin\":false}",
	 RC_SYNTAX},
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct webauthn_client_data d = {0};
		struct fault f = {0};
		rc r = webauthn_parse_client_data(view_str(cases[i].json), &d, &f);

		if (r.code != cases[i].code || f.code != cases[i].code)
			fail_msg("case %zu %s: %s", i, cases[i].json, f.text);
		assert_true(view_is(d.challenge, r.code == RC_OK ? "YQ" : ""));
		assert_true(view_is(d.origin, r.code == RC_OK ? "https://a.example" : ""));
	}
}

static void every_prefix_is_refused(void **state)
{
	static const char json[] = GOOD ",\"a\":{\"b\":[1,\"\\u0041\",null]}}";
	struct webauthn_client_data d;

	(void)state;
	for (size_t n = 0; n < sizeof(json) - 1; n++)
		assert_false(rc_is_ok(webauthn_parse_client_data(view_of(json, n), &d, NULL)));
	assert_true(rc_is_ok(webauthn_parse_client_data(view_str(json), &d, NULL)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(every_prefix_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
