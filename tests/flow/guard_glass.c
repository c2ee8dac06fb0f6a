/* guard_glass - break-glass tokens on a real greatseal-guard: one that is signed, logged, for this
 * host and valid lets it observe for as long as it says; every other one changes nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"

#define DENIED (GW_REFUSED + EPERM)
#define HOST "build-07"

static struct guard_world w;
static const char *const as_host[] = {"--host", HOST, NULL};

static void world(void)
{
	char path[200];

	gw_new(&w);
	gw_program(&w, "good", 'A', "", 0);
	gw_program(&w, "bad", 'B', "", 0);
	gw_path(&w, "good", path);
	gw_approve(&w, path, LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, as_host);
	gw_enforce(&w);
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
}

static struct guard_token token(const char *host, unix_time from, unix_time seconds)
{
	struct guard_token t = {.not_before = from, .not_after = from + seconds};

	fx_ok(name_parse(view_str(host), &t.host));
	(void)snprintf(t.origin, sizeof(t.origin), "%s", w.maker.signer.key.name);
	(void)snprintf(t.reason, sizeof(t.reason), "a test breaks the glass");
	return t;
}

/* Its exit status; what it said is in out. */
static int break_glass(const char *path, char out[2000])
{
	const char *const words[] = {"break-glass", path, "--host", HOST, NULL};

	return gw_words(&w, words, out, 2000);
}

static int give(struct list_maker *m, const struct guard_token *t, char out[2000])
{
	char path[120];

	(void)snprintf(path, sizeof(path), "%s/token", w.top);
	list_maker_token(m, t, path);
	return break_glass(path, out);
}

static void wait_for_mode(const char *mode)
{
	while (!gw_status_has(&w, mode))
		(void)poll(NULL, 0, 5); /* polls a condition */
}

static void a_good_one_suspends(void **state)
{
	unix_time now = clock_now(&clock_system);
	struct guard_token t;
	char out[2000];
	pid_t worker;

	(void)state;
	world();
	t = token(HOST, now - 5, 3600);
	assert_int_equal(0, give(&w.maker, &t, out));
	assert_true(gw_status_has(&w, "\"mode\":\"observe\""));
	assert_false(gw_status_has(&w, "\"glass\":null"));
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "bad"));
	assert_int_equal(1, gw_reports(&w, "\"break-glass\"", "a test breaks the glass", 1));
	/* The next worker, and the next guard, go on like that. */
	worker = (pid_t)gw_number(&w, "worker");
	fx_check(kill(worker, SIGKILL) == 0);
	while (gw_number(&w, "restarts") == 0)
		(void)poll(NULL, 0, 5); /* polls a condition */
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "bad"));
	gw_stop(&w);
	gw_start(&w, as_host);
	wait_for_mode("\"mode\":\"observe\"");
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "bad"));
	/* Root may end it before its time, and a start does not bring it back. */
	gw_enforce(&w);
	assert_true(gw_status_has(&w, "\"glass\":null"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	gw_stop(&w);
	gw_start(&w, as_host);
	wait_for_mode("\"mode\":\"enforce\"");
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	gw_free(&w);
}

static void it_ends_by_itself(void **state)
{
	struct guard_token t;
	char out[2000];
	int status = 1;

	(void)state;
	world();
	/* A machine that is slow gets a longer one. */
	for (unix_time seconds = 4; status != 0; seconds *= 2) {
		t = token(HOST, clock_now(&clock_system), seconds);
		status = give(&w.maker, &t, out);
		assert_true(status == 0 || strstr(out, "was valid until") != NULL);
	}
	assert_true(gw_reports(&w, "\"break-glass\"", "observes only", 1) >= 1);
	wait_for_mode("\"mode\":\"enforce\"");
	assert_true(gw_status_has(&w, "\"glass\":null"));
	assert_true(clock_now(&clock_system) >= t.not_after);
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	assert_int_equal(1, gw_reports(&w, "\"break-glass\"", "it is over", 1));
	/* The same one again is refused, also where it is kept. */
	assert_int_equal(1, give(&w.maker, &t, out));
	assert_non_null(strstr(out, "was valid until"));
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_true(gw_status_has(&w, "\"mode\":\"enforce\""));
	gw_free(&w);
}

static void others_change_nothing(void **state)
{
	unix_time now = clock_now(&clock_system);
	struct list_maker thief;
	struct guard_token t;
	char path[120], proof[140], out[2000];

	(void)state;
	world();
	list_maker_new(&thief, w.maker.signer.key.name, 77);
	t = token("build-08", now - 5, 3600);
	assert_int_equal(1, give(&w.maker, &t, out));
	assert_non_null(strstr(out, "for host build-08"));
	t = token(HOST, now - 7200, 3600);
	assert_int_equal(1, give(&w.maker, &t, out));
	t = token(HOST, now + 3600, 3600);
	assert_int_equal(1, give(&w.maker, &t, out));
	assert_non_null(strstr(out, "not valid before"));
	t = token(HOST, now - 5, 3600);
	assert_int_equal(1, give(&thief, &t, out));
	(void)snprintf(t.origin, sizeof(t.origin), "another.log");
	assert_int_equal(1, give(&w.maker, &t, out));
	/* A list is no token, whoever signed it. */
	assert_int_equal(1, break_glass(w.list, out));
	/* A proof of another token. */
	t = token(HOST, now - 5, 3600);
	(void)snprintf(path, sizeof(path), "%s/token", w.top);
	list_maker_token(&w.maker, &t, path);
	(void)snprintf(proof, sizeof(proof), "%s/other", w.top);
	t.not_after++;
	list_maker_token(&w.maker, &t, proof);
	(void)snprintf(proof, sizeof(proof), "%s/other.greatseal", w.top);
	(void)snprintf(out, sizeof(out), "%s.greatseal", path);
	fx_check(rename(proof, out) == 0);
	assert_int_equal(1, break_glass(path, out));
	/* Put where the guard keeps it, by root, past the command: the loader looks itself. */
	(void)snprintf(path, sizeof(path), "%s/token", w.state);
	t = token("build-08", now - 5, 3600);
	list_maker_token(&w.maker, &t, path);
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(1, gw_reports(&w, "\"break-glass\"", "a token is refused", 1));
	assert_true(gw_status_has(&w, "\"mode\":\"enforce\""));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	list_maker_free(&thief);
	gw_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_one_suspends),
		cmocka_unit_test(it_ends_by_itself),
		cmocka_unit_test(others_change_nothing),
	};

	if (!gw_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
