/* Unit tests of prog/server/bearers: how long the keeper's word counts, under which roster, and
 * what happens when there is no room. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "prog/server/bearers.h"

static struct bearers table;
static struct digest roster;
static struct digest other;

static int setup(void **state)
{
	(void)state;
	bearers_init(&table);
	roster = digest_of(view_str("roster"));
	other = digest_of(view_str("another roster"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bearers_release(&table);
	return 0;
}

static struct digest token(size_t n)
{
	return digest_of(view_of(&n, sizeof(n)));
}

static bool has(size_t n, unix_time now)
{
	struct digest id = token(n);

	return bearers_have(&table, &id, &roster, now);
}

static void add(size_t n, unix_time now, unix_time expires)
{
	struct digest id = token(n);

	bearers_add(&table, &id, &roster, now, expires);
}

static void some_minutes_and_never_beyond_its_end(void **state)
{
	(void)state;
	assert_false(has(1, 5000));
	add(1, 5000, 100000);
	add(2, 5000, 5100);
	assert_true(has(1, 5000));
	assert_true(has(1, 5000 + BEARER_SECONDS - 1));
	assert_false(has(1, 5000 + BEARER_SECONDS));
	assert_true(has(2, 5099));
	assert_false(has(2, 5100));
	assert_false(has(3, 5000));
	/* a clock that was set back says nothing */
	assert_false(has(1, 4999));
}

static void said_again_it_counts_anew(void **state)
{
	(void)state;
	add(1, 5000, 100000);
	add(1, 6000, 100000);
	assert_int_equal(table.count, 1);
	assert_true(has(1, 6200));
}

static void under_the_roster_by_which_it_was_said(void **state)
{
	struct digest id = token(1);

	(void)state;
	add(1, 5000, 100000);
	assert_false(bearers_have(&table, &id, &other, 5000));
	bearers_add(&table, &id, &other, 5000, 100000);
	assert_false(has(1, 5000));
	assert_true(bearers_have(&table, &id, &other, 5000));
}

static void the_one_that_ends_first_makes_room(void **state)
{
	(void)state;
	for (size_t n = 0; n < BEARERS_MAX; n++)
		add(n, 5000, n == 7 ? 5050 : 5100);
	assert_int_equal(table.count, BEARERS_MAX);
	add(BEARERS_MAX, 5000, 5100);
	assert_int_equal(table.count, BEARERS_MAX);
	assert_false(has(7, 5000));
	for (size_t n = 0; n <= BEARERS_MAX; n++)
		assert_true(n == 7 || has(n, 5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(some_minutes_and_never_beyond_its_end),
		T(said_again_it_counts_anew),
		T(under_the_roster_by_which_it_was_said),
		T(the_one_that_ends_first_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
