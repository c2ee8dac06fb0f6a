/* No signed call counts twice: not after a clean end, not after the process was killed, not after a
 * loss of power that took the memory of calls along. The clock is the test's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "tests/lib/front_checks.h"

static struct fixture fx;
static struct front s;

static int setup(void **state)
{
	const struct front_options o = {.clock = true};

	(void)state;
	fx_start(&fx);
	front_start_with(&s, &fx, &o);
	/* A first start follows no clean end: one that does is where the tests begin. */
	front_stop(&s);
	fx_clock(&fx, 1000);
	front_run(&s);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	front_end(&s);
	fx_end(&fx);
	return 0;
}

/* A call that can be sent whenever one likes. */
struct saved {
	struct front_call call;
	struct buf header;
};

static void save(struct saved *c, long skew)
{
	*c = (struct saved){.call = {.method = "GET", .target = "/v1/keys", .skew = skew}};
	buf_init(&c->header, 8192);
	front_authorize(&s, "alice", &c->call, &c->header);
	c->call.authorization = buf_cstr(&c->header);
}

static unsigned send_saved(const struct saved *c)
{
	return front_send(&s, NULL, &c->call);
}

static void drop(struct saved *c)
{
	buf_release(&c->header);
}

/* What was written and not synced is gone; what was synced is there. */
static void lose_power(long clock)
{
	static const char *const lost[] = {"nonces.0", "nonces.1"};
	char path[400];

	front_kill(&s);
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", s.data, lost[i]);
		(void)unlink(path);
	}
	fx_clock(&fx, clock);
	front_run(&s);
}

static void a_clean_end_forgets_nothing(void **state)
{
	struct saved used, unused;

	(void)state;
	save(&used, 0);
	save(&unused, 0);
	answers(200, send_saved(&used));
	front_stop(&s);
	fx_clock(&fx, 1010);
	front_run(&s);
	refuses(401, REASON_CALL_REPLAY, send_saved(&used));
	answers(200, send_saved(&unused)); /* made before the start, and never seen */
	refuses(401, REASON_CALL_REPLAY, send_saved(&unused));
	drop(&used);
	drop(&unused);
}

static void a_kill_forgets_nothing(void **state)
{
	struct saved used, unused, fresh;

	(void)state;
	save(&used, 0);
	save(&unused, 0);
	answers(200, send_saved(&used));
	front_kill(&s);
	fx_clock(&fx, 1010);
	front_run(&s);
	refuses(401, REASON_CALL_REPLAY, send_saved(&used));
	/* The server cannot know that the power did not go. */
	refuses(401, REASON_CALL_TIME, send_saved(&unused));
	assert_non_null(strstr(front_text(&s, "error.text"), "make it again"));
	save(&fresh, 0);
	answers(200, send_saved(&fresh));
	refuses(401, REASON_CALL_REPLAY, send_saved(&fresh));
	/* After a clean end everything is as before. */
	front_stop(&s);
	front_run(&s);
	refuses(401, REASON_CALL_REPLAY, send_saved(&fresh));
	drop(&used);
	drop(&unused);
	drop(&fresh);
}

static void lost_power_replays_nothing(void **state)
{
	struct saved used, behind, fresh;

	(void)state;
	save(&used, 0);
	save(&behind, -30);
	answers(200, send_saved(&used));
	answers(200, send_saved(&behind));
	lose_power(1002);
	refuses(401, REASON_CALL_TIME, send_saved(&used));
	refuses(401, REASON_CALL_TIME, send_saved(&behind));
	save(&fresh, 0);
	answers(200, send_saved(&fresh));
	/* Lost again while nothing was wrong with the mark. */
	lose_power(1004);
	refuses(401, REASON_CALL_TIME, send_saved(&fresh));
	drop(&used);
	drop(&behind);
	drop(&fresh);
}

/* A clock that is a little ahead makes calls that are still young after the next start. */
static void calls_from_the_future_neither(void **state)
{
	struct saved first, second, fresh;

	(void)state;
	save(&first, 4);
	answers(200, send_saved(&first));
	save(&second, 5); /* within what is durable already */
	answers(200, send_saved(&second));
	lose_power(1002);
	refuses(401, REASON_CALL_TIME, send_saved(&first));
	refuses(401, REASON_CALL_TIME, send_saved(&second));
	/* Until that time is over, nobody can tell an old call from a new one. */
	save(&fresh, 0);
	refuses(401, REASON_CALL_TIME, send_saved(&fresh));
	drop(&fresh);
	fx_clock(&fx, 1012);
	save(&fresh, 0);
	answers(200, send_saved(&fresh));
	refuses(401, REASON_CALL_TIME, send_saved(&first));
	drop(&first);
	drop(&second);
	drop(&fresh);
}

/* One whose clock is far ahead is remembered by itself, and holds up nobody after a start. */
static void one_wrong_clock_holds_up_nobody(void **state)
{
	struct saved far, fresh;

	(void)state;
	save(&far, 100);
	answers(200, send_saved(&far));
	front_kill(&s);
	fx_clock(&fx, 1001);
	front_run(&s);
	save(&fresh, 0);
	answers(200, send_saved(&fresh));
	refuses(401, REASON_CALL_REPLAY, send_saved(&far));
	drop(&far);
	drop(&fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_clean_end_forgets_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_kill_forgets_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(lost_power_replays_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(calls_from_the_future_neither, setup, teardown),
		cmocka_unit_test_setup_teardown(one_wrong_clock_holds_up_nobody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
