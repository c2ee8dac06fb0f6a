/* Unit tests of the policy's change and recovery: what is read, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/policy.h"
#include "tests/organisation.h"

#define RULES ",\"rules\":["

static struct roster *roster;
static char key[3][SSHKEY_LINE_MAX + 3]; /* of people of the roster, quoted */

static int setup(void **state)
{
	(void)state;
	roster = roster_read();
	for (size_t i = 0; i < 3; i++) {
		AUTO(buf) struct buf line;

		buf_init(&line, SSHKEY_LINE_MAX);
		sshkey_put_line(roster->people[i].keys[0], view_of(NULL, 0), &line);
		(void)snprintf(key[i], sizeof(key[i]), "\"%s\"", buf_cstr(&line));
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	roster_free(roster);
	return 0;
}

static rc parse(const char *old, const char *new, struct policy **ret, struct fault *f)
{
	AUTO(buf) struct buf b;

	*ret = NULL;
	replaced("policy.json", old, new, &b);
	return policy_parse(buf_view(&b), ret, f);
}

/* A recovery with these members, in the policy. */
static rc with(const char *delay, const char *keys, const char *need, struct policy **ret,
	       struct fault *f)
{
	AUTO(buf) struct buf text;

	buf_init(&text, DOCUMENT_BYTES_MAX);
	buf_printf(&text, ",\"recovery\":{\"delay\":%s,\"keys\":[%s],\"need\":%s}" RULES, delay,
		   keys, need);
	return parse(RULES, buf_cstr(&text), ret, f);
}

static void delay(void **state)
{
	static const struct {
		enum rc_code code;
		const char *new;
	} rows[] = {
		{RC_OK, "],\"delay\":86400}" RULES},	   {RC_RANGE, "],\"delay\":0}" RULES},
		{RC_RANGE, "],\"delay\":31622401}" RULES}, {RC_SYNTAX, "],\"delay\":\"1\"}" RULES},
		{RC_UNKNOWN, "],\"later\":1}" RULES},
	};
	AUTO(policy) struct policy *plain = policy_read();
	struct fault f;

	(void)state;
	assert_int_equal(plain->change_delay, 0);
	assert_int_equal(plain->recovery.need, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(policy) struct policy *p = NULL;

		assert_rc(rows[i].code, parse("]}" RULES, rows[i].new, &p, &f));
		if (p != NULL)
			assert_int_equal(p->change_delay, 86400);
	}
}

static void recovery(void **state)
{
	AUTO(policy) struct policy *p = NULL;
	struct policy *no = NULL;
	char two[2 * sizeof(key[0])];
	struct fault f;

	(void)state;
	(void)snprintf(two, sizeof(two), "%s,%s", key[0], key[1]);
	assert_rc(RC_OK, with("60", two, "2", &p, &f));
	assert_int_equal(p->recovery.need, 2);
	assert_int_equal(p->recovery.key_count, 2);
	assert_int_equal(p->recovery.delay, 60);
	/* These are keys of people. */
	assert_rc(RC_DENIED, policy_check(p, roster, &f));
	assert_non_null(strstr(f.text, roster->people[0].name.s));
	assert_rc(RC_RANGE, with("60", two, "3", &no, &f));
	assert_rc(RC_RANGE, with("60", two, "0", &no, &f));
	assert_rc(RC_RANGE, with("0", two, "2", &no, &f));
	assert_rc(RC_RANGE, with("60", "", "1", &no, &f));
	(void)snprintf(two, sizeof(two), "%s,%s", key[0], key[0]);
	assert_rc(RC_DUPLICATE, with("60", two, "2", &no, &f));
	assert_rc(RC_UNKNOWN, with("60", "\"none AAAA\"", "1", &no, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delay),
		cmocka_unit_test(recovery),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
