/* greatseal-guard's reports as greatseal-agent fetches them: a real guard over a file system of the
 * test's own, and the agent's own reader. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/agent/guard_feed.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"

#define DENIED (GW_REFUSED + EPERM)
#define NOBODY 65534u

static struct guard_world w;
static char feed_path[100];
static struct guard_event events[GUARD_EVENTS_MAX];
static struct guard_feed feed = {.events = events};

static void start(void)
{
	const char *const more[] = {"--reports-socket", feed_path, "--reader", "65533", NULL};

	gw_start(&w, more);
}

static void fetch(void)
{
	struct fault f = {0};

	if (!rc_is_ok(guard_feed_fetch(feed_path, &feed, &f)))
		fail_msg("%s", f.text);
}

static const struct guard_event *find(const char *kind, const char *tail)
{
	for (size_t i = 0; i < feed.count; i++) {
		size_t have = strlen(events[i].path), want = strlen(tail);

		if (strcmp(events[i].kind, kind) == 0 && have >= want &&
		    strcmp(events[i].path + have - want, tail) == 0)
			return &events[i];
	}
	return NULL;
}

static void world(void)
{
	char path[200];

	gw_new(&w);
	(void)snprintf(feed_path, sizeof(feed_path), "%s/feed", w.top);
	gw_program(&w, "good", 'A', "", 0);
	gw_program(&w, "bad", 'B', "", 0);
	gw_path(&w, "good", path);
	gw_approve(&w, path, LIST_PROGRAM);
	gw_publish(&w);
	start();
	gw_enforce(&w);
}

static void state_and_events_are_given_out(void **state)
{
	const struct guard_event *e;
	AUTO(buf) struct buf bytes = {0};
	struct digest want;
	char path[200];

	(void)state;
	world();
	assert_int_equal(0, gw_run_name(&w, "good"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	(void)gw_reports(&w, "\"denied\"", "/bad\"", 1); /* waits until it is told */
	fetch();
	assert_string_equal(feed.state.mode, "enforce");
	assert_string_equal(feed.state.level, "base");
	assert_true(feed.state.has_list);
	assert_int_equal(feed.state.serial, w.serial);
	e = find("denied", "/bad");
	assert_non_null(e);
	gw_path(&w, "bad", path);
	buf_init(&bytes, 64 << 20);
	fx_ok(file_read(path, &bytes, NULL));
	want = digest_of(buf_view(&bytes));
	assert_true(digest_is_equal(&want, &e->sha256));
	assert_string_equal(e->reason, "unapproved");
	assert_true((e->has & GUARD_UID) != 0 || (e->has & GUARD_PID) != 0);
	assert_non_null(find("first-seen", "/good"));
	assert_non_null(find("mode", ""));
	/* Until somebody says that they are there, they are given out again. */
	fetch();
	assert_non_null(find("denied", "/bad"));
	fx_ok(guard_feed_ack(feed_path, feed.run, events[feed.count - 1].seq, NULL));
	fetch();
	assert_null(find("denied", "/bad"));
	gw_free(&w);
}

/* The backlog outlives the guard: what was denied before is fetched after. */
static void events_outlive_the_guard(void **state)
{
	uint8_t run[GUARD_RUN];
	uint64_t seq;

	(void)state;
	world();
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	(void)gw_reports(&w, "\"denied\"", "/bad\"", 1);
	fetch();
	memcpy(run, feed.run, sizeof(run));
	seq = events[feed.count - 1].seq;
	gw_stop(&w);
	assert_int_equal(guard_feed_fetch(feed_path, &feed, NULL).code, RC_NOTFOUND);
	start();
	fetch();
	assert_memory_equal(run, feed.run, sizeof(run));
	assert_non_null(find("denied", "/bad"));
	assert_true(events[feed.count - 1].seq >= seq);
	gw_free(&w);
}

/* Runs as another user: what it is told. */
static int asks_as(void *ctx)
{
	const uint32_t *uid = (const uint32_t *)ctx;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char text[64];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, feed_path, strlen(feed_path) + 1);
	if (fd < 0 || setresuid(*uid, *uid, *uid) != 0)
		return 9;
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return 8;
	if (send(fd, "state\n", 6, MSG_NOSIGNAL) != 6)
		return 2;
	return read(fd, text, sizeof(text)) > 0 ? 1 : 2;
}

static void strangers_are_told_nothing(void **state)
{
	uint32_t reader = 65533, stranger = NOBODY;

	(void)state;
	world();
	(void)chmod(w.top, 0711);
	assert_int_equal(gw_child(asks_as, &reader), 1);
	assert_int_equal(gw_child(asks_as, &stranger), 2);
	gw_free(&w);
}

/* Lines that are none, too long, or never end: the guard goes on, and answers the next one. */
static void bad_clients_hold_nobody_up(void **state)
{
	static const char *const bad[] = {"",	       "\n",	   "batch",  "ack\n",
					  "ack x 1\n", "reload\n", "BATCH\n"};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int open[8];

	(void)state;
	world();
	memcpy(a.sun_path, feed_path, strlen(feed_path) + 1);
	for (size_t i = 0; i < 8; i++) {
		char large[4096];

		open[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(open[i], (const struct sockaddr *)&a, sizeof(a)), 0);
		memset(large, 'x', sizeof(large));
		if (i < 7)
			(void)!send(open[i], bad[i], strlen(bad[i]), MSG_NOSIGNAL);
		else
			(void)!send(open[i], large, sizeof(large), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	for (size_t i = 0; i < 8; i++)
		(void)close(open[i]);
	while (!rc_is_ok(guard_feed_fetch(feed_path, &feed, NULL)))
		(void)usleep(50000); /* polls a condition */
	assert_string_equal(feed.state.mode, "enforce");
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	gw_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_and_events_are_given_out),
		cmocka_unit_test(events_outlive_the_guard),
		cmocka_unit_test(strangers_are_told_nothing),
		cmocka_unit_test(bad_clients_hold_nobody_up),
	};

	if (!gw_possible())
		return MOUNTS_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
