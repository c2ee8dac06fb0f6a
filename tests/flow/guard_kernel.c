/* guard_kernel - a real greatseal-guard of level kernel in a machine of its own (guard_kernel.sh):
 * what only that level stops, what it must let be, and what stays in the kernel when the guard is
 * gone. The hostile cases of all levels are in guard_hostile.c, which runs in the same machine. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"

#define DENIED (GW_REFUSED + EPERM)
#define NOBODY 65534

static struct guard_world w;
static char good[200], bad[200], lib[200];
#define HOST "vm-07"
static const char *const kernel[] = {"--level", "kernel", "--host", HOST, NULL};

/* ---- The machine ----------------------------------------------------------------------------*/

static void copy(const char *from, char path[200], const char *name)
{
	AUTO(buf) struct buf bytes = {0};
	char full[500];
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0755};

	(void)snprintf(full, sizeof(full), "%s/tests/%s", getenv("BUILD"), from);
	gw_path(&w, name, path);
	buf_init(&bytes, (size_t)64 << 20);
	fx_ok(file_read(full, &bytes, NULL));
	fx_ok(file_replace(&spec, buf_view(&bytes), NULL));
	fx_check(chmod(path, 0755) == 0);
}

static void wait_for(const char *text)
{
	while (!gw_status_has(&w, text))
		(void)poll(NULL, 0, 20);
}

static void enforce(void)
{
	gw_enforce(&w);
	wait_for("\"kernel\":\"enforce\"");
}

static int world(void **state)
{
	(void)state;
	gw_new_root(&w);
	fx_check(mkdir("/hostile", 0755) == 0 || errno == EEXIST);
	gw_program(&w, "hostile/good", 'A', "", 0);
	gw_program(&w, "hostile/bad", 'B', "", 0);
	gw_path(&w, "hostile/good", good);
	gw_path(&w, "hostile/bad", bad);
	copy("libguard-lib.so", lib, "hostile/lib.so");
	gw_approve_machine(&w);
	gw_approve(&w, good, LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, kernel);
	enforce();
	return 0;
}

static int world_end(void **state)
{
	(void)state;
	gw_free(&w);
	return 0;
}

static int become_nobody(void)
{
	return setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0 ||
	       prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0; /* or only root may look at it */
}

/* ---- What it stops --------------------------------------------------------------------------*/

static int maps_executable(void *path)
{
	int fd = open((const char *)path, O_RDONLY | O_CLOEXEC);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int attaches_shared_memory(void *unused)
{
	int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600), e;
	void *p = shmat(id, NULL, SHM_EXEC);

	(void)unused;
	e = p == (void *)-1 ? errno : 0; /* NOLINT(performance-no-int-to-ptr): shmat(2) */
	(void)shmctl(id, IPC_RMID, NULL);
	return e;
}

static void only_what_is_approved_is_mapped(void **state)
{
	(void)state;
	assert_true(gw_status_has(&w, "\"level\":\"kernel\""));
	assert_int_equal(0, gw_run(good));
	assert_int_equal(DENIED, gw_run(bad));
	assert_int_equal(0, gw_child(maps_executable, good));
	assert_int_equal(EPERM, gw_child(maps_executable, bad));
	assert_int_equal(EPERM, gw_child(maps_executable, lib));
	assert_int_equal(1, gw_reports(&w, "\"reason\":\"kernel-map\"", "\"path\":\"lib.so\"", 1));
	assert_int_equal(EPERM, gw_child(attaches_shared_memory, NULL));
	/* Reading what is not approved is not running it. */
	assert_int_equal(0, access(bad, R_OK));
	assert_int_equal(0, system("cat \"$BUILD/tests/guard-dynamic\" >/dev/null"));
}

/* As a program that runs: a new content comes by a new file. */
static void approved_files_are_not_written(void **state)
{
	char path[200], other[200];
	int fd;

	(void)state;
	gw_program(&w, "hostile/mine", 'A', "", 0);
	gw_path(&w, "hostile/mine", path);
	assert_int_equal(0, gw_run(path));
	errno = 0;
	assert_int_equal(-1, open(path, O_WRONLY | O_CLOEXEC));
	assert_int_equal(ETXTBSY, errno);
	assert_int_equal(-1, open(path, O_RDONLY | O_TRUNC | O_CLOEXEC));
	assert_int_equal(ETXTBSY, errno);
	assert_int_equal(2, gw_reports(&w, "\"reason\":\"kernel-write\"", "\"path\":\"mine\"", 2));
	gw_program(&w, "hostile/next", 'B', "", 0);
	gw_path(&w, "hostile/next", other);
	assert_int_equal(0, rename(other, path));
	assert_int_equal(DENIED, gw_run(path));
	/* What is not approved is written like any file. */
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	(void)close(fd);
	/* Cut short by name, which asks for no descriptor: then it is another content. */
	gw_program(&w, "hostile/cut", 'A', "", 0);
	gw_path(&w, "hostile/cut", path);
	assert_int_equal(0, gw_run(path));
	assert_int_equal(0, truncate(path, 100));
	assert_int_equal(DENIED, gw_run(path));
}

/* ---- Other processes' memory ----------------------------------------------------------------*/

static long victim_word = 1;

static int writes_into(pid_t pid)
{
	long word = 2;
	const struct iovec mine = {&word, sizeof(word)}, theirs = {&victim_word, sizeof(word)};
	char path[40];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return 0;
	return process_vm_writev(pid, &mine, 1, &theirs, 1, 0) == sizeof(word) ? 0 : 1;
}

/* A child that waits; the caller, with the same user, tries to change it. */
static int injects(void *asked)
{
	bool child_asks = asked != NULL;
	int ends[2], status, result;
	char c;
	pid_t pid;

	if (become_nobody() != 0 || pipe(ends) != 0)
		return 99;
	pid = fork();
	if (pid == 0) {
		if (child_asks && ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(1);
		if (child_asks)
			(void)raise(SIGSTOP);
		(void)close(ends[1]);
		_exit(read(ends[0], &c, 1) == 0 ? 0 : 1);
	}
	if (child_asks && (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)))
		return 98;
	result = writes_into(pid);
	if (child_asks && (ptrace(PTRACE_POKEDATA, pid, &victim_word, 3L) != 0 ||
			   ptrace(PTRACE_DETACH, pid, NULL, NULL) != 0))
		return 97;
	if (!child_asks && ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0)
		return 0;
	(void)close(ends[1]);
	return waitpid(pid, &status, 0) == pid ? result : 96;
}

static int root_injects(void *unused)
{
	pid_t pid = fork();
	int result;

	(void)unused;
	if (pid == 0)
		for (;;)
			(void)pause();
	result = writes_into(pid);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return result;
}

static void processes_are_left_alone(void **state)
{
	(void)state;
	assert_int_equal(1, gw_child(injects, NULL));
	assert_true(gw_reports(&w, "\"reason\":\"kernel-trace\"", "\"uid\":65534", 1) >= 1);
	/* A debugger has what it started itself; root has all. */
	assert_int_equal(0, gw_child(injects, &w));
	assert_int_equal(0, gw_child(root_injects, NULL));
}

/* ---- Modules --------------------------------------------------------------------------------*/

#define MODULE "/usr/lib/modules/crc7.ko"

static int loads_module(void *path)
{
	int fd = open((const char *)path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && syscall(SYS_finit_module, fd, "", 0) == 0 ? 0 : errno;
}

static int loads_module_bytes(void *unused)
{
	AUTO(buf) struct buf bytes = {0};

	(void)unused;
	buf_init(&bytes, 1 << 20);
	fx_ok(file_read(MODULE, &bytes, NULL));
	return syscall(SYS_init_module, bytes.ptr, bytes.len, "") == 0 ? 0 : errno;
}

static void copy_module(const char *to, const char *tail)
{
	AUTO(buf) struct buf bytes = {0};
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = to, .mode = 0644};

	buf_init(&bytes, 1 << 20);
	fx_ok(file_read(MODULE, &bytes, NULL));
	buf_put_str(&bytes, tail);
	fx_ok(file_replace(&spec, buf_view(&bytes), NULL));
}

static void unload(void)
{
	fx_check(syscall(SYS_delete_module, "crc7", O_NONBLOCK) == 0);
}

/* Root is who loads them, and is not exempt. */
static void only_approved_modules_are_loaded(void **state)
{
	char other[] = "/hostile/other.ko", nameless[] = "/hostile/nameless";
	char module[] = MODULE;

	(void)state;
	if (access(MODULE, R_OK) != 0) {
		(void)printf("kernel modules: skipped: tools/fetch-kernel has brought none\n");
		return;
	}
	assert_int_equal(0, gw_child(loads_module, module));
	unload();
	assert_int_equal(EPERM, gw_child(loads_module_bytes, NULL));
	copy_module(other, "x");
	assert_int_equal(EPERM, gw_child(loads_module, other));
	assert_int_equal(
		1, gw_reports(&w, "\"reason\":\"kernel-module\"", "\"path\":\"other.ko\"", 1));
	/* One that does not call itself a module was not looked at when it was opened. */
	copy_module(nameless, "");
	assert_int_equal(EPERM, gw_child(loads_module, nameless));
	assert_int_equal(0, gw_child(loads_module, module));
	unload();
}

/* ---- What the kernel starts itself ----------------------------------------------------------*/

#define HELPER "/hostile/helper"

static void put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	fx_check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	(void)close(fd);
}

static int crashes(void *unused)
{
	(void)unused;
	abort();
}

/* The program of core_pattern (core(5)), which no process executes. */
static void the_kernels_helpers_are_asked_for(void **state)
{
	(void)state;
	put_text(HELPER, "#!/bin/sh\n: > /hostile/helped\n");
	put_text("/proc/sys/kernel/core_pattern", "|" HELPER);
	(void)gw_child(crashes, NULL);
	(void)gw_reports(&w, "\"denied\"", HELPER, 1);
	assert_int_not_equal(0, access("/hostile/helped", F_OK));
	gw_approve(&w, HELPER, LIST_SCRIPT);
	gw_publish(&w);
	(void)gw_child(crashes, NULL);
	while (access("/hostile/helped", F_OK) != 0)
		(void)poll(NULL, 0, 20); /* polls a condition */
	put_text("/proc/sys/kernel/core_pattern", "core");
}

/* ---- Break-glass ----------------------------------------------------------------------------*/

/* A token suspends what is in the kernel, too. */
static void a_token_suspends_it(void **state)
{
	const char *const words[] = {"break-glass", "/tmp/token", "--host", HOST, NULL};
	unix_time now = clock_now(&clock_system);
	struct guard_token t = {.not_before = now - 5, .not_after = now + 3600};
	char out[2000];

	(void)state;
	fx_ok(name_parse(view_str(HOST), &t.host));
	(void)snprintf(t.origin, sizeof(t.origin), "%s", w.maker.signer.key.name);
	(void)snprintf(t.reason, sizeof(t.reason), "a test breaks the glass");
	list_maker_token(&w.maker, &t, "/tmp/token");
	assert_int_equal(0, gw_words(&w, words, out, sizeof(out)));
	wait_for("\"kernel\":\"observe\"");
	assert_int_equal(GW_UNAPPROVED, gw_run(bad));
	assert_int_equal(0, gw_child(maps_executable, lib));
	enforce();
	assert_int_equal(DENIED, gw_run(bad));
	assert_int_equal(EPERM, gw_child(maps_executable, lib));
}

/* ---- Without the guard ----------------------------------------------------------------------*/

static void kill_guard(void)
{
	(void)kill(w.guard, SIGKILL);
	fx_check(waitpid(w.guard, NULL, 0) == w.guard);
	w.guard = 0;
}

static void it_outlives_the_guard(void **state)
{
	char path[200];

	(void)state;
	gw_program(&w, "hostile/late", 'A', "", 0);
	gw_path(&w, "hostile/late", path);
	assert_int_equal(0, gw_run(good));
	kill_guard();
	assert_int_equal(DENIED, gw_run(bad));
	assert_int_equal(EPERM, gw_child(maps_executable, lib));
	/* What it had approved goes on; what nobody asked for yet does not. */
	assert_int_equal(0, gw_run(good));
	assert_int_equal(DENIED, gw_run(path));
	gw_start(&w, kernel);
	wait_for("\"kernel\":\"enforce\"");
	assert_int_equal(0, gw_run(path));
	assert_int_equal(DENIED, gw_run(bad));
	/* Not while it runs. */
	assert_int_equal(1, gw_verb(&w, "release"));
}

/* The next guard takes back what the list does not have any more, though it never saw the file. */
static void another_list_counts_from_its_first_moment(void **state)
{
	char path[200];

	(void)state;
	gw_program(&w, "hostile/old", 'A', "old", 0);
	gw_path(&w, "hostile/old", path);
	gw_approve(&w, path, LIST_PROGRAM);
	gw_publish(&w);
	assert_int_equal(0, gw_run(path));
	kill_guard();
	assert_int_equal(0, gw_run(path));
	w.count--;
	gw_publish(&w);
	gw_start(&w, kernel);
	wait_for("\"kernel\":\"enforce\"");
	/* The last good one until it is told. */
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(DENIED, gw_run(path));
	assert_int_equal(EPERM, gw_child(maps_executable, path));
	assert_int_equal(0, gw_run(good));
}

static void a_worker_that_dies_takes_nothing_along(void **state)
{
	uint64_t starts = gw_number(&w, "restarts");

	(void)state;
	assert_int_equal(0, kill((pid_t)gw_number(&w, "worker"), SIGKILL));
	while (gw_number(&w, "restarts") == starts)
		(void)poll(NULL, 0, 20);
	assert_int_equal(0, gw_run(good));
	assert_int_equal(DENIED, gw_run(bad));
	assert_int_equal(EPERM, gw_child(maps_executable, lib));
}

static void observing_counts(void **state)
{
	uint64_t before;

	(void)state;
	assert_int_equal(0, gw_verb(&w, "observe"));
	wait_for("\"kernel\":\"observe\"");
	before = gw_number(&w, "kernel_would_refuse");
	assert_int_equal(0, gw_child(maps_executable, lib));
	assert_true(gw_number(&w, "kernel_would_refuse") > before);
	assert_int_equal(GW_UNAPPROVED, gw_run(bad));
	enforce();
	assert_int_equal(DENIED, gw_run(bad));
}

static void release_ends_it(void **state)
{
	(void)state;
	gw_stop(&w);
	assert_int_equal(DENIED, gw_run(bad));
	assert_int_equal(0, gw_verb(&w, "release"));
	assert_int_equal(GW_UNAPPROVED, gw_run(bad));
	assert_int_equal(1, gw_verb(&w, "release"));
	assert_int_equal(0, access("/sys/fs/bpf", X_OK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_approved_is_mapped),
		cmocka_unit_test(approved_files_are_not_written),
		cmocka_unit_test(processes_are_left_alone),
		cmocka_unit_test(only_approved_modules_are_loaded),
		cmocka_unit_test(the_kernels_helpers_are_asked_for),
		cmocka_unit_test(a_token_suspends_it),
		cmocka_unit_test(it_outlives_the_guard),
		cmocka_unit_test(another_list_counts_from_its_first_moment),
		cmocka_unit_test(a_worker_that_dies_takes_nothing_along),
		cmocka_unit_test(observing_counts),
		cmocka_unit_test(release_ends_it),
	};

	if (!gw_is_machine() || !gw_possible())
		return MOUNTS_SKIP;
	return cmocka_run_group_tests(tests, world, world_end);
}
