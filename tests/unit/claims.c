/* Unit tests of lib/proto/claims: one form, both ways. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/proto/claims.h"

#define HEX64 "0000000000000000000000000000000000000000000000000000000000000007"

static void forms_are_strict(void **state)
{
	static const struct {
		const char *text;
		enum rc_code code;
	} cases[] = {
		{"v1 host=build-07 uid=1001 pid=4711", RC_OK},
		{"v1 host=h uid=0 pid=0 user=ci", RC_OK},
		{"v1 host=h uid=4294967295 pid=1 program=/usr/bin/make sha256=" HEX64, RC_OK},
		{"v1 host=h uid=1 pid=1 user=a%20b program=/x%25 sha256=" HEX64, RC_OK},
		{"", RC_SYNTAX},
		{"v1", RC_SYNTAX},
		{"v2 host=h uid=1 pid=1", RC_SYNTAX},
		{"v1 host=H uid=1 pid=1", RC_SYNTAX},
		{"v1 host=h uid=-1 pid=1", RC_SYNTAX},
		{"v1 host=h uid=01 pid=1", RC_SYNTAX},
		{"v1 host=h uid=4294967296 pid=1", RC_RANGE},
		{"v1 host=h pid=1 uid=1", RC_SYNTAX},
		{"v1 host=h uid=1 pid=1 user=", RC_SYNTAX},
		{"v1 host=h uid=1 pid=1 user=a%00", RC_SYNTAX},
		{"v1 host=h uid=1 pid=1 user=a%0", RC_SYNTAX},
		{"v1 host=h uid=1 pid=1 user=a%2f", RC_SYNTAX},
		{"v1 host=h uid=1 pid=1 user=a%41", RC_NONCANON},
		{"v1 host=h uid=1 pid=1 user=a\xc3\xa4", RC_NONCANON},
		{"v1 host=h uid=1 pid=1 user=a\x1b[31m", RC_NONCANON},
		{"v1 host=h uid=1 pid=1 sha256=00", RC_SYNTAX},
		{"v1 host=h uid=1 pid=1 program=/x user=a", RC_SYNTAX},
		{"v1 host=h uid=1 pid=1 user=a user=a", RC_SYNTAX},
		{"v1 host=h uid=1 pid=1 ", RC_NONCANON},
		{"v1  host=h uid=1 pid=1", RC_SYNTAX},
		{"v1 host=h uid=1 pid=1 evil=1", RC_SYNTAX},
		{"v1 host=h uid=1 pid=1\r\nX: y", RC_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct claims c;
		struct fault f = {0};
		rc r = claims_parse(view_str(cases[i].text), &c, &f);

		if (r.code != cases[i].code)
			fail_msg("%s: %s", cases[i].text, rc_name(r));
	}
}

static void whatever_the_kernel_says(void **state)
{
	struct claims c = {.host = {"build-07"}, .uid = 7, .pid = 9};
	struct claims back;
	char bytes[CLAIMS_TEXT_MAX + 1];
	struct buf b;

	(void)state;
	memset(c.program, '\xff', CLAIMS_PROGRAM_MAX);
	(void)snprintf(c.user, sizeof(c.user), "a b\n\"\\");
	buf_init_fixed(&b, bytes, sizeof(bytes));
	assert_int_equal(claims_encode(&c, &b).code, RC_OK);
	assert_null(memchr(b.ptr, '\n', b.len));
	assert_int_equal(claims_parse(buf_view(&b), &back, NULL).code, RC_OK);
	assert_string_equal(back.program, c.program);
	assert_string_equal(back.user, c.user);
	assert_false(back.has_sha256);
	/* A path that is longer, and a header that is. */
	buf_put_str(&b, "41");
	assert_int_equal(claims_parse(buf_view(&b), &back, NULL).code, RC_LIMIT);
	buf_init_fixed(&b, bytes, 40);
	assert_int_equal(claims_encode(&c, &b).code, RC_LIMIT);
	memset(bytes, 'a', sizeof(bytes));
	assert_int_equal(claims_parse(view_of(bytes, sizeof(bytes)), &back, NULL).code, RC_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_strict),
		cmocka_unit_test(whatever_the_kernel_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
