/* guard_trouble - a guard to whom the machine, or somebody, gives trouble: files that have no end,
 * a flood of large ones, a full disk, no memory, few descriptors. What is approved goes on, what is
 * not does not run. Killed and stopped workers and a log that nobody reads are in guard.c. */
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
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"

#define DENIED (GW_REFUSED + EPERM)
#define SOMEBODY 65534

static struct guard_world w;

static void settle(const char *const *more)
{
	char path[200];

	gw_program(&w, "good", 'A', "", 0);
	gw_program(&w, "bad", 'B', "", 0);
	gw_path(&w, "good", path);
	gw_approve(&w, path, LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, more);
	gw_enforce(&w);
}

static void world(void)
{
	gw_new(&w);
	settle(NULL);
}

/* A program that is not approved, with zeros behind it that lie nowhere. */
static void make_long(const char *name, off_t size, uid_t owner)
{
	char path[200];

	gw_program(&w, name, 'B', "", 0);
	gw_path(&w, name, path);
	fx_check(chown(path, owner, owner) == 0 && truncate(path, size) == 0);
}

static int run_it(void *ctx)
{
	(void)execl((const char *)ctx, "x", (char *)NULL);
	return errno == EPERM ? 1 : 2;
}

static pid_t start(const char *name)
{
	char path[200];
	pid_t pid = fork();

	fx_check(pid >= 0);
	if (pid > 0)
		return pid;
	gw_path(&w, name, path);
	_exit(run_it(path));
}

/* ---- Files ----------------------------------------------------------------------------------*/

#define ENDLESS 40 /* more than are read at a time */

/* Each would be read for centuries: none is begun, and new programs run as before. */
static void endless_files_hold_nobody_up(void **state)
{
	pid_t pid[ENDLESS];
	char name[20];
	int status;

	(void)state;
	world();
	for (int i = 0; i < ENDLESS; i++) {
		(void)snprintf(name, sizeof(name), "endless%d", i);
		make_long(name, (off_t)1 << 60, i % 2 == 0 ? SOMEBODY : 0);
		pid[i] = start(name);
	}
	gw_program(&w, "new", 'A', "", 0);
	assert_int_equal(0, gw_run_name(&w, "new"));
	for (int i = 0; i < ENDLESS; i++) {
		fx_check(waitpid(pid[i], &status, 0) == pid[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	}
	assert_int_equal(ENDLESS, gw_reports(&w, "\"reason\":\"too-large\"", "/endless", ENDLESS));
	gw_free(&w);
}

#define FLOOD 400 /* more than there are questions */

/* How many have not ended. */
static int waiting(const pid_t *pid, int count)
{
	int n = 0;

	for (int i = 0; i < count; i++) {
		siginfo_t ended = {.si_pid = 0};

		fx_check(waitid(P_PID, (id_t)pid[i], &ended, WEXITED | WNOHANG | WNOWAIT) == 0);
		n += ended.si_pid == 0;
	}
	return n;
}

/* Somebody starts more large files than can be asked about at a time. Others have their turn. */
static void a_flood_holds_up_its_maker(void **state)
{
	static pid_t pid[FLOOD];
	char name[20];

	(void)state;
	world();
	for (int i = 0; i < FLOOD; i++) {
		(void)snprintf(name, sizeof(name), "large%d", i);
		make_long(name, (off_t)3 << 30, SOMEBODY);
	}
	for (int i = 0; i < FLOOD; i++) {
		(void)snprintf(name, sizeof(name), "large%d", i);
		pid[i] = start(name);
	}
	(void)gw_reports(&w, "\"reason\":\"busy\"", "/large", 1);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "new%d", i);
		gw_program(&w, name, i % 2 == 0 ? 'A' : 'B', "", 0);
		assert_int_equal(i % 2 == 0 ? 0 : DENIED, gw_run_name(&w, name));
	}
	/* The flood is there still: it was not that it had passed. Which of them are refused
	 * depends on who came first; those that are not have some hundred GB to be read. */
	assert_true(waiting(pid, FLOOD) > 0);
	for (int i = 0; i < FLOOD; i++) {
		(void)kill(pid[i], SIGKILL);
		fx_check(waitpid(pid[i], NULL, 0) == pid[i]);
	}
	gw_free(&w);
}

/* ---- Disk -----------------------------------------------------------------------------------*/

/* Where lists, mode and reports are kept there is no room. Decisions need none. */
static void a_full_disk_lets_nothing_through(void **state)
{
	char path[200];

	(void)state;
	gw_new(&w);
	mount_small(w.state, 9216); /* the backlog's own room, and a list's */
	settle(NULL);
	disk_fill(w.state);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(0, gw_run_name(&w, "good"));
		assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	}
	/* Another list, which cannot be kept: whether it counts is said, and nothing else runs. */
	gw_program(&w, "next", 'A', "next", 0);
	gw_path(&w, "next", path);
	gw_approve(&w, path, LIST_PROGRAM);
	list_maker_write(&w.maker, w.serial + 1, w.record, w.count, w.list);
	(void)gw_verb(&w, "reload");
	(void)printf("guard: a list on a full disk: %s\n",
		     gw_run_name(&w, "next") == 0 ? "taken" : "not taken");
	assert_int_equal(0, gw_run_name(&w, "good"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	/* Started anew on the full disk it still enforces. */
	gw_stop(&w);
	gw_start(&w, NULL);
	assert_true(gw_status_has(&w, "\"mode\":\"enforce\""));
	assert_int_equal(0, gw_run_name(&w, "good"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	/* With room again the list is taken. */
	disk_free(w.state);
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(0, gw_run_name(&w, "next"));
	gw_stop(&w);
	mount_end(w.state);
	gw_free(&w);
}

/* ---- Memory ---------------------------------------------------------------------------------*/

#define GROUPS_AT "/sys/fs/cgroup/memory" /* cgroups of version 1 */

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		(void)close(fd);
	return done;
}

static void group_file(const char *group, const char *name, char out[300])
{
	(void)snprintf(out, 300, "%s/%s", group, name);
}

/* The kernel ends the worker for want of memory, as it does when the whole machine has none. */
static void a_worker_without_memory_is_replaced(void **state)
{
	char group[200], path[300], text[40], name[20];
	uint64_t before;

	(void)state;
	(void)snprintf(group, sizeof(group), GROUPS_AT "/greatseal-test-%d", (int)getpid());
	if (access(GROUPS_AT "/memory.limit_in_bytes", R_OK) != 0 || mkdir(group, 0755) != 0) {
		(void)printf("no memory: skipped: no group of memory can be made here\n");
		return;
	}
	world();
	before = gw_number(&w, "restarts");
	group_file(group, "memory.limit_in_bytes", path);
	fx_check(write_text(path, "16384"));
	group_file(group, "cgroup.procs", path);
	(void)snprintf(text, sizeof(text), "%d", (int)gw_number(&w, "worker"));
	fx_check(write_text(path, text));
	for (int i = 0; gw_number(&w, "restarts") == before; i++) {
		int good, bad;

		(void)snprintf(name, sizeof(name), "good%d", i);
		gw_program(&w, name, 'A', "", 0);
		good = gw_run_name(&w, name);
		(void)snprintf(name, sizeof(name), "bad%d", i);
		gw_program(&w, name, 'B', "", 0);
		bad = gw_run_name(&w, name);
		/* Without memory even what is approved may be refused; nothing else runs. */
		assert_true(good == 0 || good == DENIED);
		assert_int_equal(DENIED, bad);
	}
	gw_program(&w, "after", 'A', "", 0);
	assert_int_equal(0, gw_run_name(&w, "after"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	gw_free(&w);
	/* Its last process has ended; the group learns that a moment later. */
	while (rmdir(group) != 0 && errno == EBUSY)
		(void)poll(NULL, 0, 10);
}

/* ---- Descriptors: last, they do not come back -----------------------------------------------*/

static void few_descriptors_are_enough(void **state)
{
	/* What the guard needs beside the files that it holds, and 16. */
	const struct rlimit few = {.rlim_cur = 1040, .rlim_max = 1040};
	const struct rlimit fewer = {.rlim_cur = 1039, .rlim_max = 1039};
	char name[20];

	(void)state;
	gw_new(&w);
	fx_check(setrlimit(RLIMIT_NOFILE, &few) == 0);
	settle(NULL);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 200; i++) {
			(void)snprintf(name, sizeof(name), "f%d", i);
			if (round == 0)
				gw_program(&w, name, i % 4 == 0 ? 'B' : 'A', "", 0);
			assert_int_equal(i % 4 == 0 ? DENIED : 0, gw_run_name(&w, name));
		}
	assert_true(gw_number(&w, "held") <= 16);
	gw_stop(&w);
	/* With less it does not begin. */
	fx_check(setrlimit(RLIMIT_NOFILE, &fewer) == 0);
	assert_int_not_equal(0, gw_verb(&w, "run"));
	gw_free(&w);
}

/* ---- Nobody answers ------------------------------------------------------------------------*/

/* Opens it for writing, and stores through a mapping: it is "bad" then. */
static int store(void *ctx)
{
	const char *path = (const char *)ctx;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	char *map, *at;

	if (fd < 0 || fstat(fd, &st) != 0)
		return 1;
	map = (char *)mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return 2;
	at = (char *)memmem(map, (size_t)st.st_size, "GREATSEAL-LETTER:", 17);
	if (at == NULL)
		return 3;
	at[17] = 'B';
	return munmap(map, (size_t)st.st_size) + close(fd);
}

/* A writer waits for a guard that stands still. Worker alone: until it is replaced. All of it, for
 * longer than /proc/sys/fs/lease-break-time: then the kernel takes the lease away by force and
 * leaves the mark; the guard sees that as soon as it goes on. */
static void a_writer_waits_for_who_stands_still(void **state)
{
	static const char *const soon[] = {"--patience", "1", NULL};
	char path[200];

	(void)state;
	gw_new(&w);
	settle(soon);
	gw_path(&w, "good", path);
	for (int all = 0; all < 2; all++) {
		pid_t worker;

		assert_int_equal(0, gw_run_name(&w, "good"));
		worker = (pid_t)gw_number(&w, "worker");
		if (all != 0)
			fx_check(kill(w.guard, SIGSTOP) == 0);
		fx_check(kill(worker, SIGSTOP) == 0);
		assert_int_equal(0, gw_child(store, path));
		if (all != 0) {
			(void)printf("guard: all of it stopped, a lease broken by force: what was "
				     "held %s\n",
				     gw_run(path) == GW_UNAPPROVED ? "ran changed" : "did not run");
			fx_check(kill(worker, SIGCONT) == 0 && kill(w.guard, SIGCONT) == 0);
		}
		while (gw_run(path) != DENIED)
			(void)poll(NULL, 0, 10);
		fx_check(unlink(path) == 0);
		gw_program(&w, "good", 'A', "", 0);
	}
	assert_int_equal(0, gw_run_name(&w, "good"));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	gw_free(&w);
}

/* The kernel drops what does not fit into a queue of the usual size (max_queued_events, 16,384),
 * and lets run what it would have asked for. The guard's has no such limit: whatever is closed
 * while nobody reads, what is asked behind it is answered. */
static void no_queue_is_too_full(void **state)
{
	char zone[200], path[200];
	const char *const more[] = {"--zone", zone, "--patience", "30", NULL};
	pid_t worker, bad, good;
	int status;

	(void)state;
	gw_new(&w);
	(void)snprintf(zone, sizeof(zone), "uid:1000 %s 1h", w.mount);
	settle(more);
	worker = (pid_t)gw_number(&w, "worker");
	fx_check(kill(worker, SIGSTOP) == 0);
	for (int i = 0; i < 20000; i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "%s/f%d", w.mount, i);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		fx_check(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
	}
	bad = start("bad");
	good = start("good");
	fx_check(kill(worker, SIGCONT) == 0);
	fx_check(waitpid(bad, &status, 0) == bad && WIFEXITED(status));
	assert_int_equal(1, WEXITSTATUS(status));
	fx_check(waitpid(good, &status, 0) == good && WIFEXITED(status));
	assert_int_equal(0, WEXITSTATUS(status));
	assert_int_equal(0, gw_reports(&w, "\"overflow\"", "", 0));
	assert_int_equal(DENIED, gw_run_name(&w, "bad"));
	gw_free(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endless_files_hold_nobody_up),
		cmocka_unit_test(a_flood_holds_up_its_maker),
		cmocka_unit_test(a_full_disk_lets_nothing_through),
		cmocka_unit_test(a_worker_without_memory_is_replaced),
		cmocka_unit_test(a_writer_waits_for_who_stands_still),
		cmocka_unit_test(no_queue_is_too_full),
		/* It leaves few of them. */
		cmocka_unit_test(few_descriptors_are_enough),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!gw_possible())
		return MOUNTS_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
