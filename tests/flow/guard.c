/* guard - a real greatseal-guard over a file system of the test's own: what runs and what does not,
 * lists, modes, and what happens to its processes. Changes and races are in guard_change.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"

#define DENIED (GW_REFUSED + EPERM)

/* A guard that enforces a list of one program, "good". */
static void world(struct guard_world *w, const char *const *more)
{
	char path[200];

	gw_new(w);
	gw_program(w, "good", 'A', "", 0);
	gw_program(w, "bad", 'B', "", 0);
	gw_path(w, "good", path);
	gw_approve(w, path, LIST_PROGRAM);
	gw_publish(w);
	gw_start(w, more);
	gw_enforce(w);
}

static struct guard_world w;

static void approved_runs_unapproved_does_not(void **state)
{
	(void)state;
	world(&w, NULL);
	assert_int_equal(0, gw_number(&w, "restarts")); /* the first worker serves */
	assert_int_equal(0, gw_run_name(&w, "good"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	assert_int_equal(1, gw_reports(&w, "\"denied\"", "/bad\"", 1));
	assert_int_equal(1, gw_reports(&w, "\"reason\":\"unapproved\"", "\"pid\":", 1));
	assert_int_equal(1, gw_reports(&w, "\"first-seen\"", "/good\"", 1));
	/* By content: under another name, as another file, as a link. */
	gw_program(&w, "copy", 'A', "", 0);
	assert_int_equal(0, gw_run_name(&w, "copy"));
	gw_program(&w, "longer", 'A', "x", 0);
	assert_int_equal(DENIED, gw_run_name(&w, "longer"));
	gw_free(&w);
}

/* The second exec of a file is not asked for, and chmod does not change that. */
static void what_is_known_is_not_asked_again(void **state)
{
	char path[200];
	uint64_t allowed;

	(void)state;
	world(&w, NULL);
	assert_int_equal(0, gw_run_name(&w, "good"));
	allowed = gw_number(&w, "allowed");
	gw_path(&w, "good", path);
	assert_int_equal(0, chmod(path, 0700));
	for (int i = 0; i < 100; i++)
		assert_int_equal(0, gw_run(path));
	assert_int_equal(allowed, gw_number(&w, "allowed"));
	assert_int_equal(1, gw_number(&w, "hashed"));
	/* A refused one is asked for each time, and not read again. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	assert_int_equal(2, gw_number(&w, "hashed"));
	assert_int_equal(20, gw_number(&w, "denied"));
	gw_free(&w);
}

static void observing_lets_everything_run(void **state)
{
	(void)state;
	gw_new(&w);
	gw_program(&w, "bad", 'B', "", 0);
	gw_start(&w, NULL);
	assert_true(gw_status_has(&w, "\"mode\":\"observe\""));
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "bad"));
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "bad"));
	assert_int_equal(1, gw_reports(&w, "\"would-deny\"", "/bad\"", 1));
	assert_int_equal(1, gw_number(&w, "would_deny"));
	assert_int_equal(0, gw_number(&w, "denied"));
	gw_free(&w);
}

/* Never an empty list, never one that was not checked here, never when something that runs is not
 * in it; and the mode outlives the guard. */
static void enforcing_takes_a_check(void **state)
{
	char path[200];
	struct stat st;
	int ends[2];
	pid_t pid;

	(void)state;
	gw_new(&w);
	gw_program(&w, "good", 'A', "", 0);
	gw_program(&w, "bad", 'B', "", 0);
	gw_start(&w, NULL);
	assert_int_equal(1, gw_verb(&w, "enforce")); /* no list */
	gw_publish(&w);				     /* an empty one */
	assert_int_equal(1, gw_verb(&w, "enforce"));
	gw_path(&w, "good", path);
	gw_approve(&w, path, LIST_PROGRAM);
	gw_publish(&w);
	/* A process of an unapproved program. */
	fx_check(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		(void)dup2(ends[0], 0);
		(void)close(ends[0]);
		(void)close(ends[1]);
		gw_path(&w, "bad", path);
		(void)execl(path, path, "wait", (char *)NULL);
		_exit(99);
	}
	(void)close(ends[0]);
	(void)gw_reports(&w, "\"would-deny\"", "/bad\"", 1);
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	for (struct stat bad;
	     stat(path, &st) != 0 || stat("/proc/self/exe", &bad) != 0 || st.st_dev == bad.st_dev;)
		(void)poll(NULL, 0, 5);
	assert_int_equal(1, gw_verb(&w, "check"));
	assert_int_equal(1, gw_verb(&w, "enforce"));
	assert_true(gw_status_has(&w, "\"mode\":\"observe\""));
	(void)close(ends[1]);
	fx_check(waitpid(pid, NULL, 0) == pid);
	assert_int_equal(0, gw_verb(&w, "check"));
	assert_int_equal(0, gw_verb(&w, "enforce"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	gw_stop(&w);
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "bad")); /* nobody guards */
	gw_start(&w, NULL);
	assert_true(gw_status_has(&w, "\"mode\":\"enforce\""));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	assert_int_equal(0, gw_verb(&w, "observe"));
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "bad"));
	gw_free(&w);
}

/* A guard that is told to mark what the machine stands on refuses and ends. */
static void the_root_is_not_marked(void **state)
{
	static const char *const roots[] = {"/", "/tmp", "/proc", NULL};

	(void)state;
	gw_new(&w);
	for (size_t i = 0; roots[i] != NULL; i++) {
		char guarded[80];
		int status;
		pid_t pid;

		(void)snprintf(guarded, sizeof(guarded), "%s", w.mount);
		(void)snprintf(w.mount, sizeof(w.mount), "%s", roots[i]);
		pid = fork();
		if (pid == 0) {
			const char *const argv[] = {
				w.guard_path, "run",	 "--mount",    w.mount,	   "--list",
				w.list,	      "--state", w.state,      "--socket", w.socket,
				"--log-key",  w.log_key, "--list-key", w.list_key, "--group",
				"g",	      NULL};
			int fd = open(w.log, O_WRONLY | O_CREAT | O_APPEND, 0600);

			(void)dup2(fd, 2);
			(void)execv(argv[0], (char *const *)(uintptr_t)argv);
			_exit(99);
		}
		fx_check(waitpid(pid, &status, 0) == pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) > 0 &&
			    WEXITSTATUS(status) < 3);
		(void)snprintf(w.mount, sizeof(w.mount), "%s", guarded);
	}
	gw_free(&w);
}

/* ---- Lists ----------------------------------------------------------------------------------*/

static void write_file(const char *path, struct view bytes)
{
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0644};

	fx_ok(file_replace(&spec, bytes, NULL));
}

/* What was in force before goes on after each of these. */
static void bad_lists_change_nothing(void **state)
{
	AUTO(buf) struct buf list = {0};
	AUTO(buf) struct buf proof = {0};
	static struct content copy[GW_RECORDS];
	static struct list_maker other;
	char beside[100], path[200];

	(void)state;
	world(&w, NULL);
	(void)snprintf(beside, sizeof(beside), "%s.greatseal", w.list);
	gw_path(&w, "bad", path);
	gw_approve(&w, path, LIST_PROGRAM);
	memcpy(copy, w.record, sizeof(copy));
	buf_init(&list, 1 << 20);
	buf_init(&proof, 1 << 20);
	/* Without a proof; with that of another file; cut; with one byte changed. */
	list_maker_list(&w.maker, 2, copy, w.count, &list);
	write_file(w.list, buf_view(&list));
	assert_int_equal(1, gw_verb(&w, "reload"));
	list_maker_prove(&w.maker, buf_view(&list), LIST_FORMAT, &proof);
	write_file(beside, buf_view(&proof));
	write_file(w.list, view_of(list.ptr, list.len - 1));
	assert_int_equal(1, gw_verb(&w, "reload"));
	for (size_t i = 0; i < list.len; i += 7) {
		list.ptr[i] ^= 1;
		write_file(w.list, buf_view(&list));
		assert_int_equal(1, gw_verb(&w, "reload"));
		list.ptr[i] ^= 1;
	}
	/* By another organisation: its log and key. */
	list_maker_new(&other, "log.example", 9);
	list_maker_write(&other, 2, copy, w.count, w.list);
	assert_int_equal(1, gw_verb(&w, "reload"));
	list_maker_free(&other);
	/* Signed in order, as something else than a list. */
	buf_clear(&proof);
	list_maker_prove(&w.maker, buf_view(&list), "cms", &proof);
	write_file(w.list, buf_view(&list));
	write_file(beside, buf_view(&proof));
	assert_int_equal(1, gw_verb(&w, "reload"));
	/* Not a list at all, but signed as one. */
	buf_clear(&proof);
	list_maker_prove(&w.maker, view_str("hello"), LIST_FORMAT, &proof);
	write_file(w.list, view_str("hello"));
	write_file(beside, buf_view(&proof));
	assert_int_equal(1, gw_verb(&w, "reload"));
	/* Larger than any list. */
	fx_check(truncate(w.list, (off_t)1 << 30) == 0);
	assert_int_equal(1, gw_verb(&w, "reload"));
	fx_check(unlink(w.list) == 0);
	assert_int_equal(1, gw_verb(&w, "reload"));

	assert_int_equal(1, gw_number(&w, "serial"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	assert_int_equal(0, gw_run_name(&w, "good"));
	/* And the good one is taken. */
	gw_publish(&w);
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "bad"));
	gw_free(&w);
}

/* An older list with a perfect signature is not taken, also by a guard that was started anew. */
static void older_lists_are_refused(void **state)
{
	static struct content copy[GW_RECORDS];
	char path[200];

	(void)state;
	world(&w, NULL);
	w.serial = 4;
	gw_path(&w, "bad", path);
	gw_publish(&w); /* 5 */
	gw_approve(&w, path, LIST_PROGRAM);
	for (int again = 0; again < 2; again++) {
		for (uint64_t serial = 1; serial <= 5; serial++) {
			memcpy(copy, w.record, sizeof(copy));
			list_maker_write(&w.maker, serial, copy, w.count, w.list);
			assert_int_equal(1, gw_verb(&w, "reload"));
		}
		assert_int_equal(DENIED, gw_run_name(&w, "bad"));
		gw_stop(&w);
		gw_start(&w, NULL);
		assert_int_equal(5, gw_number(&w, "serial"));
		assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	}
	gw_publish(&w); /* 6 */
	assert_int_equal(GW_UNAPPROVED, gw_run_name(&w, "bad"));
	gw_free(&w);
}

/* What ran unasked is asked for again when a list takes it back. */
static void a_list_takes_back_what_another_gave(void **state)
{
	(void)state;
	world(&w, NULL);
	assert_int_equal(0, gw_run_name(&w, "good"));
	w.record[0].classes = LIST_REVOKED;
	gw_publish(&w);
	assert_int_equal(DENIED, gw_run_name(&w, "good"));
	assert_true(gw_reports(&w, "\"reason\":\"revoked\"", "/good\"", 1) >= 1);
	w.record[0].classes = LIST_PROGRAM;
	gw_publish(&w);
	assert_int_equal(0, gw_run_name(&w, "good"));
	w.count = 0;
	gw_publish(&w); /* taken while enforcing: it revokes everything */
	assert_int_equal(DENIED, gw_run_name(&w, "good"));
	gw_free(&w);
}

/* ---- The guard's own processes --------------------------------------------------------------*/

static void kill_worker(int sig)
{
	pid_t pid = (pid_t)gw_number(&w, "worker");

	if (pid > 0)
		(void)kill(pid, sig);
}

/* Execs of every kind go on, with the right answers, while the worker is killed again and again. */
static void killed_workers_lose_nothing(void **state)
{
	const struct gw_runner runner[] = {{&w, "good", 0, 300, false},
					   {&w, "bad", DENIED, 300, false},
					   {&w, "good", 0, 200, true},
					   {&w, "bad", DENIED, 200, true}};
	pid_t pid[4];
	int status;

	(void)state;
	world(&w, NULL);
	assert_int_equal(0, gw_run_name(&w, "good"));
	for (size_t i = 0; i < 4; i++)
		pid[i] = gw_start_runner(&runner[i]);
	for (uint64_t i = 1; i <= 30; i++) {
		kill_worker(SIGKILL);
		while (gw_number(&w, "restarts") < i)
			(void)poll(NULL, 0, 5);
	}
	for (size_t i = 0; i < 4; i++) {
		fx_check(waitpid(pid[i], &status, 0) == pid[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_true(gw_number(&w, "restarts") >= 30);
	assert_int_equal(0, gw_run_name(&w, "good"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	gw_free(&w);
}

/* A worker that stands still: what is known runs, what is new waits, until the supervisor replaces
 * it. */
static void a_stopped_worker_is_replaced(void **state)
{
	static const char *const soon[] = {"--patience", "1", NULL};

	(void)state;
	world(&w, soon);
	assert_int_equal(0, gw_run_name(&w, "good"));
	gw_program(&w, "new", 'A', "", 0);
	kill_worker(SIGSTOP);
	assert_int_equal(0, gw_run_name(&w, "good"));
	assert_int_equal(0, gw_run_name(&w, "new"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	assert_true(gw_number(&w, "restarts") >= 1);
	gw_free(&w);
}

/* Far more files than it may hold: each gets its right answer. */
static void more_files_than_descriptors(void **state)
{
	static const char *const few[] = {"--files", "16", NULL};
	char name[20];

	(void)state;
	world(&w, few);
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 80; i++) {
			(void)snprintf(name, sizeof(name), "f%d", i);
			if (round == 0)
				gw_program(&w, name, i % 4 == 0 ? 'B' : 'A', "", 0);
			assert_int_equal(i % 4 == 0 ? DENIED : 0, gw_run_name(&w, name));
		}
	assert_true(gw_number(&w, "held") <= 16);
	gw_free(&w);
}

/* By a handle (open_by_handle_at(2)), which names no directory; root alone may. */
static void a_handle_is_the_same_file(void **state)
{
	struct {
		struct file_handle head;
		unsigned char room[MAX_HANDLE_SZ];
	} h = {.head = {.handle_bytes = MAX_HANDLE_SZ}};
	AUTO(fd) int top = -1;
	int flags[] = {O_RDONLY, O_PATH}, mount_id;
	char path[200];

	(void)state;
	world(&w, NULL);
	gw_path(&w, "bad", path);
	top = open(w.mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fx_check(top >= 0 && name_to_handle_at(AT_FDCWD, path, &h.head, &mount_id, 0) == 0);
	for (size_t i = 0; i < 2; i++) {
		AUTO(fd) int fd = open_by_handle_at(top, &h.head, flags[i]);

		if (fd < 0) {
			(void)printf("by a handle: skipped: not to be had here (%s)\n",
				     strerror(errno));
			break;
		}
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
		assert_int_equal(DENIED, gw_run(path));
	}
	gw_free(&w);
}

/* Nobody reads what it says: execs go on, and what was not said is counted. */
static void reports_hold_nobody_up(void **state)
{
	char fifo[100];
	uint64_t dropped;
	int fd;

	(void)state;
	gw_new(&w);
	gw_program(&w, "good", 'A', "", 0);
	gw_program(&w, "bad", 'B', "", 0);
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", w.top);
	fx_check(mkfifo(fifo, 0600) == 0);
	fd = open(fifo, O_RDWR | O_CLOEXEC);
	fx_check(fd >= 0);
	(void)snprintf(w.log, sizeof(w.log), "%s", fifo);
	{
		char path[200];

		gw_path(&w, "good", path);
		gw_approve(&w, path, LIST_PROGRAM);
	}
	gw_publish(&w);
	gw_start(&w, NULL);
	gw_enforce(&w);
	do {
		for (int i = 0; i < 100; i++)
			assert_int_equal(DENIED, gw_run_name(&w, "bad"));
		assert_int_equal(0, gw_run_name(&w, "good"));
		dropped = gw_number(&w, "dropped");
	} while (dropped == 0);
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	(void)close(fd);
	gw_free(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(approved_runs_unapproved_does_not),
		cmocka_unit_test(what_is_known_is_not_asked_again),
		cmocka_unit_test(observing_lets_everything_run),
		cmocka_unit_test(enforcing_takes_a_check),
		cmocka_unit_test(the_root_is_not_marked),
		cmocka_unit_test(bad_lists_change_nothing),
		cmocka_unit_test(older_lists_are_refused),
		cmocka_unit_test(a_list_takes_back_what_another_gave),
		cmocka_unit_test(killed_workers_lose_nothing),
		cmocka_unit_test(a_stopped_worker_is_replaced),
		cmocka_unit_test(more_files_than_descriptors),
		cmocka_unit_test(a_handle_is_the_same_file),
		cmocka_unit_test(reports_hold_nobody_up),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!gw_possible())
		return MOUNTS_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
