/* Unit tests of the parent's side of the worker: /bin/sh plays the worker. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/proto/worker_run.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static rc run(const char *script, struct worker_job more, struct worker_result *ret)
{
	const char *const args[] = {"-c", script};

	more.path = "/bin/sh";
	more.args = args;
	more.arg_count = 2;
	return worker_run(&more, ret, NULL);
}

static size_t open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

static void ends(void **state)
{
	static const struct {
		const char *script;
		struct worker_job job;
		enum worker_end end;
		int signal;
		const char *json;
	} table[] = {
		{"printf '{}'", {0}, WORKER_OK, 0, "{}"},
		{"printf e; exit 1", {0}, WORKER_FAILED, 0, "e"},
		{"printf u; exit 2", {0}, WORKER_FAILED, 0, "u"},
		{"printf r; exit 5", {0}, WORKER_REFUSED, 0, "r"},
		{"printf x; kill -9 $$", {0}, WORKER_KILLED, SIGKILL, ""},
		{"kill -31 $$", {0}, WORKER_KILLED, SIGSYS, ""},
		{"while :; do :; done", {.deadline_ms = 50}, WORKER_TIMEOUT, 0, ""},
		{"exec 1>&-; while :; do :; done", {.deadline_ms = 50}, WORKER_TIMEOUT, 0, ""},
		{"while :; do echo y; done", {.output_max = 1000}, WORKER_TOO_LONG, 0, ""},
		{"printf 12345678", {.output_max = 8}, WORKER_OK, 0, "12345678"},
		{"printf 123456789", {.output_max = 8}, WORKER_TOO_LONG, 0, ""},
	};
	size_t before = open_descriptors();

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		AUTO(worker_result) struct worker_result r = {0};

		assert_rc(RC_OK, run(table[i].script, table[i].job, &r));
		assert_int_equal(r.end, table[i].end);
		assert_int_equal(r.signal, table[i].signal);
		assert_true(view_is(buf_view(&r.json), table[i].json));
		assert_true(strlen(worker_end_text(r.end)) > 10);
	}
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
	assert_string_equal(worker_end_text((enum worker_end)99), "unknown end");
}

static void refusals(void **state)
{
	const struct worker_fd low[] = {{.number = 2, .fd = 0}};
	const struct worker_fd twice[] = {{.number = 3, .fd = 0}, {.number = 3, .fd = 0}};
	const struct worker_fd high[] = {{.number = 3 + WORKER_FDS_MAX, .fd = 0}};
	const struct worker_fd closed[] = {{.number = 3, .fd = 1000}};
	struct worker_result r = {0};
	const char *const args[] = {"x"};
	struct worker_job job = {.path = "/nonexistent/worker", .args = args, .arg_count = 1};
	struct fault f;

	(void)state;
	assert_rc(RC_USAGE, run("", (struct worker_job){.fds = low, .fd_count = 1}, &r));
	assert_rc(RC_USAGE, run("", (struct worker_job){.fds = twice, .fd_count = 2}, &r));
	assert_rc(RC_USAGE, run("", (struct worker_job){.fds = high, .fd_count = 1}, &r));
	assert_rc(RC_USAGE,
		  run("", (struct worker_job){.fds = low, .fd_count = WORKER_FDS_MAX + 1}, &r));
	assert_rc(RC_IO, run("", (struct worker_job){.fds = closed, .fd_count = 1}, &r));
	assert_rc(RC_PEER, run("exit 3", (struct worker_job){0}, &r));
	assert_rc(RC_NOTFOUND, worker_run(&job, &r, &f));
	job.arg_count = 0;
	assert_rc(RC_USAGE, worker_run(&job, &r, &f));
	job.arg_count = WORKER_ARGS_MAX + 1;
	assert_rc(RC_USAGE, worker_run(&job, &r, &f));
}

/* Numbers that collide with each other's sources, a stray descriptor, no environment, no stdin. */
static void what_it_gets(void **state)
{
	AUTO(worker_result) struct worker_result r = {0};
	AUTO(fd) int a = memfd_create("a", 0);
	AUTO(fd) int b = memfd_create("b", MFD_CLOEXEC);
	AUTO(fd) int stray = dup(a); /* not CLOEXEC, as a careless library makes them */
	const struct worker_fd fds[] = {{.number = b, .fd = a}, {.number = a, .fd = b}};
	char script[300];

	(void)state;
	assert_true(a >= 3 && b >= 3 && b < 3 + WORKER_FDS_MAX && stray >= 0);
	assert_rc(RC_OK, fd_write_full(a, "A", 1, NULL));
	assert_rc(RC_OK, fd_write_full(b, "B", 1, NULL));
	assert_int_equal(lseek(a, 0, SEEK_SET), 0);
	assert_int_equal(lseek(b, 0, SEEK_SET), 0);
	(void)snprintf(script, sizeof(script),
		       "read x; cat <&%d; cat <&%d; echo \"$HOME-$x-$0\"; "
		       "for f in /proc/$$/fd/*; do n=${f##*/}; test $n -gt %d && test $n -lt 10 && "
		       "readlink $f; done; exit 0",
		       a, b, a > b ? a : b);
	assert_int_equal(setenv("HOME", "/root/secret", 1), 0);
	assert_rc(RC_OK, run(script, (struct worker_job){.fds = fds, .fd_count = 2}, &r));
	assert_string_equal(buf_cstr(&r.json), "BA--greatseal-worker\n");
}

static void *one_of_many(void *arg)
{
	bool *good = (bool *)arg;

	for (int i = 0; i < 10; i++) {
		AUTO(worker_result) struct worker_result r = {0};

		if (!rc_is_ok(run("printf '{\"a\":1}'; exit 5", (struct worker_job){0}, &r)) ||
		    r.end != WORKER_REFUSED || strcmp(buf_cstr(&r.json), "{\"a\":1}") != 0)
			return NULL;
	}
	*good = true;
	return NULL;
}

static void from_many_threads(void **state)
{
	pthread_t threads[6];
	bool good[6] = {false};

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, &good[i]), 0);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(good[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends),
		cmocka_unit_test(refusals),
		cmocka_unit_test(what_it_gets),
		cmocka_unit_test(from_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
