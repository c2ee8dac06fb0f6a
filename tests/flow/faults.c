/* The disk fills up or breaks, the clock is turned back: the keeper refuses with its reason, signs
 * nothing, and goes on when the fault is over. Restored backups and second keepers: keeper_life.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/power.h"

static struct fixture fx;
static struct crash *power;

static int group_setup(void **state)
{
	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "release", "ecdsa-p256");
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	power = power_new(&fx, "crash", "state/.graves");
	/* From here on with the shim. */
	fx_stop(&fx);
	fx_run(&fx);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	fx_end(&fx);
	power_end(power);
	return 0;
}

static void disk_full(void **state)
{
	struct fx_request q;
	struct fx_request n;

	(void)state;
	fx_request_new(&fx, "release", 1, &q);
	fx_request_new(&fx, "nightly", 1, &n);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_STATUS);
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_STATUS);
	power->disk = DISK_FULL;
	/* Neither an approval nor an unattended request gets in; nothing is signed. */
	assert_int_equal(fx_approve(&fx, "carol", &q, true), KEEPER_R_ERROR);
	assert_string_equal(reason_id(fx_reason(&fx)), reason_id(REASON_KEEPER_STORAGE));
	assert_int_equal(fx_submit(&fx, &n, true), KEEPER_R_ERROR);
	assert_string_equal(reason_id(fx_reason(&fx)), reason_id(REASON_KEEPER_STORAGE));
	power->disk = DISK_GOOD;
	/* The same keeper, once there is room. */
	assert_int_equal(fx_submit(&fx, &n, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &n);
	assert_int_equal(fx_approve(&fx, "carol", &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	fx_stop(&fx);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	fx_run(&fx);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	fx_request_release(&q);
	fx_request_release(&n);
}

/* A start with a full disk says so and changes nothing. */
static void start_on_a_full_disk(void **state)
{
	(void)state;
	fx_stop(&fx);
	power->disk = DISK_FULL;
	assert_int_equal(fx_verb(&fx, "run", NULL), 1);
	power->disk = DISK_GOOD;
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	fx_run(&fx);
	assert_true(fx.fd >= 0);
}

/* After a failed sync nobody knows what the disk holds: the keeper ends without an answer, and the
 * next one finds out. */
static void sync_fails(void **state)
{
	struct fx_request n;
	struct keeper_result first;
	struct keeper_result again;
	AUTO(buf) struct buf copy;

	(void)state;
	buf_init(&copy, FX_BODY_MAX);
	fx_request_new(&fx, "nightly", 1, &n);
	power->disk = DISK_BROKEN;
	fx.may_die = true;
	assert_int_equal(fx_submit(&fx, &n, true), 0);
	assert_int_equal(fx_wait(&fx), 1);
	power->disk = DISK_GOOD;
	fx.may_die = false;
	fx_run(&fx);
	assert_int_equal(fx_submit(&fx, &n, true), KEEPER_R_RESULT);
	buf_put_view(&copy, buf_view(&fx.body));
	fx_check_result(&fx, &n);
	assert_int_equal(fx_submit(&fx, &n, true), KEEPER_R_RESULT);
	fx_ok(keeper_get_result(buf_view(&copy), &first));
	fx_ok(keeper_get_result(buf_view(&fx.body), &again));
	assert_int_equal(first.issue_leaf, again.issue_leaf);
	assert_true(view_is_equal(first.signatures, again.signatures));
	fx_request_release(&n);
	fx_stop(&fx);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	fx_run(&fx);
}

static void clock_turned_back(void **state)
{
	struct fx_request q;

	(void)state;
	/* The log learns the later time; then the clock goes back by more than it forgives. */
	fx_clock(&fx, 7200);
	fx_request_new(&fx, "nightly", 1, &q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	fx_request_release(&q);
	fx_clock(&fx, 0);
	fx_request_new(&fx, "nightly", 1, &q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_ERROR);
	assert_string_equal(reason_id(fx_reason(&fx)), reason_id(REASON_TIME_CLOCK));
	/* Also after a restart. */
	fx_stop(&fx);
	fx_run(&fx);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_ERROR);
	assert_string_equal(reason_id(fx_reason(&fx)), reason_id(REASON_TIME_CLOCK));
	fx_request_release(&q);
	fx_clock(&fx, 7200);
	fx_request_new(&fx, "nightly", 1, &q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	fx_request_release(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disk_full),
		cmocka_unit_test(start_on_a_full_disk),
		cmocka_unit_test(sync_fails),
		cmocka_unit_test(clock_turned_back),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
