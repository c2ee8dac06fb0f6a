/* Unit tests of statements about access. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/model/access.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct access_change a_grant(void)
{
	struct access_change c = {.action = ACCESS_GRANT,
				  .key = {"release"},
				  .person = {"dave"},
				  .host = {"build-07"},
				  .origin = "sign.example",
				  .expires = 1700000000,
				  .seen_size = 41,
				  .seen_root = {.b = {7}},
				  .until = 1700086400,
				  .comment = "carol is on leave"};

	c.nonce[0] = 9;
	return c;
}

static void test_round_trip(void **state)
{
	struct access_change c = a_grant();
	struct access_change back;
	struct buf b;
	(void)state;

	buf_init(&b, ACCESS_BYTES_MAX);
	for (size_t i = 0; i < 3; i++) {
		buf_clear(&b);
		c.action = i == 2 ? ACCESS_REVOKE : ACCESS_GRANT;
		c.host.s[0] = i == 1 ? '\0' : 'b';
		c.grant.b[3] = 4;
		assert_rc(RC_OK, access_change_encode(&c, &b, NULL));
		assert_rc(RC_OK, access_change_parse(buf_view(&b), &back, NULL));
		assert_int_equal(c.action, back.action);
		assert_true(name_is(&back.person, "dave"));
		assert_true(name_is(&back.key, "release"));
		assert_string_equal("carol is on leave", back.comment);
		assert_string_equal(i == 0 ? "build-07" : "", back.host.s);
		assert_int_equal(i == 2 ? 0 : 1700086400, back.until);
		assert_int_equal(i == 2 ? 0 : 41, back.seen_size);
		assert_int_equal(i == 2 ? 0 : 7, back.seen_root.b[0]);
		assert_int_equal(i == 2 ? 4 : 0, back.grant.b[3]);
	}
	buf_release(&b);
}

static void test_every_byte_counts(void **state)
{
	struct access_change c = a_grant();
	struct access_change back;
	struct buf b;
	(void)state;

	buf_init(&b, ACCESS_BYTES_MAX);
	assert_rc(RC_OK, access_change_encode(&c, &b, NULL));
	for (size_t i = 0; i < b.len; i++) {
		uint8_t was = b.ptr[i];

		b.ptr[i] = 0;
		assert_false(rc_is_ok(access_change_parse(buf_view(&b), &back, NULL)));
		b.ptr[i] = was;
		assert_false(rc_is_ok(access_change_parse(view_of(b.ptr, i), &back, NULL)));
	}
	/* another year under the same subject */
	for (size_t i = 0; i + 9 < b.len; i++)
		if (memcmp(b.ptr + i, "\"until\":\"2", 10) == 0)
			b.ptr[i + 9] = '9';
	assert_rc(RC_MISMATCH, access_change_parse(buf_view(&b), &back, NULL));
	buf_release(&b);
}

static void test_refusals(void **state)
{
	struct access_change c = a_grant();
	struct access_change back;
	enum access_role role;
	char *at;
	struct buf b;
	(void)state;

	buf_init(&b, ACCESS_BYTES_MAX);
	c.role = ACCESS_ROLE__COUNT;
	assert_rc(RC_UNKNOWN, access_change_encode(&c, &b, NULL));
	buf_clear(&b);
	c = a_grant();
	c.action = ACCESS_ACTION__COUNT;
	assert_rc(RC_UNKNOWN, access_change_encode(&c, &b, NULL));
	buf_clear(&b);
	c = a_grant();
	c.comment[0] = '\0';
	assert_rc(RC_SYNTAX, access_change_encode(&c, &b, NULL));
	buf_clear(&b);
	c = a_grant();
	c.seen_size = 0;
	assert_rc(RC_RANGE, access_change_encode(&c, &b, NULL));
	buf_clear(&b);
	c = a_grant();
	c.until = TIME_MAX + 1;
	assert_false(rc_is_ok(access_change_encode(&c, &b, NULL)));
	buf_clear(&b);
	c = a_grant();
	c.person = (struct name){"Dave"};
	assert_rc(RC_SYNTAX, access_change_encode(&c, &b, NULL));
	buf_clear(&b);
	c = a_grant();
	(void)snprintf(c.comment, sizeof(c.comment), "\xe2\x80\xae");
	assert_rc(RC_SYNTAX, access_change_encode(&c, &b, NULL));
	buf_clear(&b);
	c = a_grant();
	assert_rc(RC_OK, access_change_encode(&c, &b, NULL));
	at = memmem(b.ptr, b.len, ":access:", 8);
	assert_non_null(at);
	memcpy(at, ":roster:", 8);
	assert_rc(RC_MISMATCH, access_change_parse(buf_view(&b), &back, NULL));
	assert_rc(RC_UNKNOWN, access_role_parse(view_str("approver"), &role));
	assert_string_equal("?", access_role_name(ACCESS_ROLE__COUNT));
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
