/* Unit tests of enrolments, changes of hosts, and tokens. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/crypt/sshsig.h"
#include "lib/model/enrolment.h"
#include "lib/model/host_token.h"
#include "lib/model/hostadmin.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct enrolment an_enrolment(void)
{
	struct enrolment e = {.klass = "software",
			      .counter = 3,
			      .host = {"build-07"},
			      .origin = "sign.example",
			      .time = 1700000000};

	e.key.b[0] = 7;
	return e;
}

static void test_enrolment(void **state)
{
	struct enrolment e = an_enrolment();
	struct enrolment back;
	struct buf b;
	(void)state;

	buf_init(&b, ENROLMENT_BYTES_MAX);
	assert_rc(RC_OK, enrolment_encode(&e, &b, NULL));
	assert_rc(RC_OK, enrolment_parse(buf_view(&b), &back, NULL));
	assert_int_equal(3, back.counter);
	assert_true(name_is(&back.host, "build-07"));
	assert_string_equal("software", back.klass);
	assert_memory_equal(e.key.b, back.key.b, DIGEST_SIZE);
	/* no byte may be taken out or changed to a control character */
	for (size_t i = 0; i < b.len; i++) {
		uint8_t was = b.ptr[i];

		b.ptr[i] = 0;
		assert_false(rc_is_ok(enrolment_parse(buf_view(&b), &back, NULL)));
		b.ptr[i] = was;
		assert_false(rc_is_ok(enrolment_parse(view_of(b.ptr, i), &back, NULL)));
	}
	buf_clear(&b);
	e.counter = ENROLMENT_COUNTER_MAX + 1;
	assert_rc(RC_RANGE, enrolment_encode(&e, &b, NULL));
	buf_clear(&b);
	e = an_enrolment();
	memcpy(e.klass, "Soft ware", 10);
	assert_rc(RC_SYNTAX, enrolment_encode(&e, &b, NULL));
	buf_clear(&b);
	e = an_enrolment();
	e.host = (struct name){"Build-07"};
	assert_rc(RC_SYNTAX, enrolment_encode(&e, &b, NULL));
	buf_release(&b);
}

static void test_hostadmin(void **state)
{
	struct host_change c = {
		.host = {"build-07"}, .origin = "sign.example", .expires = 1700000000};
	struct host_change back;
	enum host_action action;
	struct enrolment e;
	struct buf b;
	(void)state;

	buf_init(&b, HOSTADMIN_BYTES_MAX);
	for (unsigned a = 0; a < HOST_ACTION__COUNT; a++) {
		buf_clear(&b);
		c.action = (enum host_action)a;
		c.lifetime = INVITE_DEFAULT;
		(void)snprintf(c.comment, sizeof(c.comment), "why");
		assert_rc(RC_OK, host_change_encode(&c, &b, NULL));
		assert_rc(RC_OK, host_change_parse(buf_view(&b), &back, NULL));
		assert_int_equal(a, back.action);
		assert_rc(RC_OK, host_action_parse(view_str(host_action_name(c.action)), &action));
		assert_int_equal(a, action);
	}
	assert_rc(RC_MISMATCH, enrolment_parse(buf_view(&b), &e, NULL));
	c.action = HOST_INVITE;
	for (size_t i = 0; i < 2; i++) {
		buf_clear(&b);
		c.lifetime = i == 0 ? INVITE_MIN - 1 : INVITE_MAX + 1;
		assert_rc(RC_RANGE, host_change_encode(&c, &b, NULL));
	}
	c.lifetime = INVITE_MIN;
	buf_clear(&b);
	assert_rc(RC_OK, host_change_encode(&c, &b, NULL));
	/* other params under the same subject */
	for (size_t i = 0; i + 5 < b.len; i++)
		if (memcmp(b.ptr + i, ":60,", 4) == 0)
			b.ptr[i + 2] = '1';
	assert_rc(RC_MISMATCH, host_change_parse(buf_view(&b), &back, NULL));
	c.ek.b[0] = 9;
	buf_clear(&b);
	assert_rc(RC_OK, host_change_encode(&c, &b, NULL));
	assert_rc(RC_OK, host_change_parse(buf_view(&b), &back, NULL));
	assert_memory_equal(c.ek.b, back.ek.b, DIGEST_SIZE);
	assert_rc(RC_UNKNOWN, host_action_parse(view_str("adopt"), &action));
	buf_release(&b);
}

static void test_token_text(void **state)
{
	struct name host = {"build-07"};
	struct secret seed = {0};
	struct secret text = {0};
	struct secret again = {0};
	struct name named;
	char *s;
	(void)state;

	assert_rc(RC_OK, host_token_make(&seed));
	assert_rc(RC_OK, host_token_format(&host, &seed, &text));
	s = (char *)text.ptr;
	assert_int_equal(8 + 1 + HOST_TOKEN_CODE, strlen(s));
	assert_rc(RC_OK, host_token_parse(view_str(s), &named, &again, NULL));
	assert_true(name_is_equal(&host, &named));
	assert_true(ct_equal(secret_view(&seed), secret_view(&again)));
	secret_release(&again);
	assert_rc(RC_SYNTAX, host_token_parse(view_of(s, strlen(s) - 1), &named, &again, NULL));
	assert_rc(RC_SYNTAX, host_token_parse(view_of(s, strlen(s) + 1), &named, &again, NULL));
	s[0] = 'B';
	assert_rc(RC_SYNTAX, host_token_parse(view_str(s), &named, &again, NULL));
	s[0] = 'b';
	s[20] = '+';
	assert_rc(RC_SYNTAX, host_token_parse(view_str(s), &named, &again, NULL));
	assert_rc(RC_SYNTAX, host_token_parse(view_str("-"), &named, &again, NULL));
	secret_release(&text);
	secret_release(&seed);
}

/* Whoever sees an enrolment pass cannot make another of it. */
static void test_token_signature(void **state)
{
	struct secret seed = {0};
	struct secret other = {0};
	struct digest token;
	struct digest wrong;
	struct buf sig;
	(void)state;

	buf_init(&sig, SSHSIG_BLOB_MAX);
	assert_rc(RC_OK, host_token_make(&seed));
	assert_rc(RC_OK, host_token_make(&other));
	assert_rc(RC_OK, host_token_digest(&seed, &token, NULL));
	assert_rc(RC_OK, host_token_digest(&other, &wrong, NULL));
	assert_rc(RC_OK, host_token_sign(&seed, view_str("statement"), &sig, NULL));
	assert_rc(RC_OK, host_token_verify(&token, view_str("statement"), buf_view(&sig), NULL));
	assert_rc(RC_BADSIG,
		  host_token_verify(&token, view_str("Statement"), buf_view(&sig), NULL));
	assert_rc(RC_BADSIG,
		  host_token_verify(&wrong, view_str("statement"), buf_view(&sig), NULL));
	for (size_t i = 0; i < sig.len; i++) {
		sig.ptr[i] ^= 1;
		assert_false(rc_is_ok(
			host_token_verify(&token, view_str("statement"), buf_view(&sig), NULL)));
		sig.ptr[i] ^= 1;
	}
	buf_release(&sig);
	secret_release(&other);
	secret_release(&seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enrolment),
		cmocka_unit_test(test_hostadmin),
		cmocka_unit_test(test_token_text),
		cmocka_unit_test(test_token_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
