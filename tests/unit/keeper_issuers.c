/* Unit tests of prog/keeper/issuers and its rows: which keys count, and for how long. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/keeper/issuers.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define ISSUER "https://issuer.example"
#define NOW 1764000000

static char dir[200];
static char path[240];
static struct keeper k;

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char prefix[150];
	struct journal_identity id = {.origin = "log.example", .epoch = 7, .vkey = "v"};

	(void)state;
	(void)snprintf(prefix, sizeof(prefix), "%s/issuers-", tmp != NULL ? tmp : "/tmp");
	assert_rc(RC_OK, dir_temp(prefix, dir, sizeof(dir), NULL));
	(void)snprintf(path, sizeof(path), "%s/keeper.db", dir);
	assert_rc(RC_OK, name_parse(view_str("main"), &id.token));
	assert_rc(RC_OK, journal_create(path, &id, NULL));
	assert_rc(RC_OK, journal_open(path, false, &k.journal, NULL));
	assert_rc(RC_OK, journal_begin(k.journal, NULL)); /* a round that does not end */
	k.round.now = NOW;
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};

	(void)state;
	journal_close(k.journal);
	k.journal = NULL;
	for (size_t i = 0; i < 3; i++) {
		char name[260];

		(void)snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		(void)unlink(name);
	}
	return rmdir(dir);
}

static void put(struct view set, uint64_t leaf, unix_time confirmed)
{
	struct journal_issuer row = {
		.issuer = ISSUER, .set = digest_of(set), .leaf = leaf, .confirmed = confirmed};

	assert_rc(RC_OK, journal_jwks_add(k.journal, &row, set, NULL));
	assert_rc(RC_OK, journal_issuer_put(k.journal, &row, NULL));
}

static void read_set(struct buf *set)
{
	char name[400];

	(void)snprintf(name, sizeof(name), "%s/fuzz/corpus/jwks/github-like", getenv("SRCDIR"));
	buf_init(set, KEEPER_JWKS_MAX);
	assert_rc(RC_OK, file_read(name, set, NULL));
}

static enum rc_code keys(unix_time now, enum reason *ret_reason)
{
	AUTO(jwks) struct jwks *set = NULL;
	struct refusal why = {0};
	rc r;

	k.round.now = now;
	r = issuer_keys(&k, ISSUER, &set, &why);
	assert_true(rc_is_ok(r) == (set != NULL));
	*ret_reason = why.reason;
	return r.code;
}

static void keys_count_for_a_day(void **state)
{
	AUTO(buf) struct buf set = {0};
	enum reason why;

	(void)state;
	read_set(&set);
	assert_int_equal(keys(NOW, &why), RC_DENIED);
	assert_int_equal(why, REASON_TOKEN_KEYS);
	put(buf_view(&set), 5, NOW);
	assert_int_equal(keys(NOW, &why), RC_OK);
	assert_int_equal(keys(NOW + ISSUER_AGE_MAX, &why), RC_OK);
	assert_int_equal(keys(NOW + ISSUER_AGE_MAX + 1, &why), RC_DENIED);
	assert_int_equal(why, REASON_TOKEN_KEYS);
	/* The clock was set back: how old they are is not known. */
	assert_int_equal(keys(NOW - CLOCK_JUMP, &why), RC_OK);
	assert_int_equal(keys(NOW - CLOCK_JUMP - 1, &why), RC_DENIED);
	assert_int_equal(why, REASON_TOKEN_KEYS);
}

static void the_newest_set_counts_and_all_are_kept(void **state)
{
	AUTO(buf) struct buf set = {0};
	AUTO(buf) struct buf back = {0};
	struct journal_issuer row;
	struct digest old;
	enum reason why;

	(void)state;
	read_set(&set);
	old = digest_of(buf_view(&set));
	put(buf_view(&set), 5, NOW);
	put(view_str("{\"keys\":[]}"), 6, NOW);
	assert_int_equal(keys(NOW, &why), RC_DENIED);
	assert_int_equal(why, REASON_TOKEN_KEYS);
	buf_init(&back, KEEPER_JWKS_MAX);
	assert_rc(RC_OK, journal_jwks_get(k.journal, &old, &back, NULL));
	assert_true(view_is_equal(buf_view(&back), buf_view(&set)));
	assert_rc(RC_OK, journal_issuer_get(k.journal, view_str(ISSUER), &row, NULL));
	assert_int_equal(row.leaf, 6);
	assert_string_equal(row.issuer, ISSUER);
	assert_rc(RC_NOTFOUND,
		  journal_issuer_get(k.journal, view_str("https://issuer.exampl"), &row, NULL));
	memset(&old, 7, sizeof(old));
	assert_rc(RC_NOTFOUND, journal_jwks_get(k.journal, &old, &back, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keys_count_for_a_day, setup, teardown),
		cmocka_unit_test_setup_teardown(the_newest_set_counts_and_all_are_kept, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
