/* guard_hostile - what an ordinary user may try in order to run code that nobody approved, one case
 * after the other, against a guard of each level that enforces. Prints the table; docs/guard.md
 * says the same in words. A case that is caught where it should not be is as much a failure as the
 * other way round: then the documentation is wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_world.h"
#include "tests/lib/mounts.h"

#define CASES 28 /* of the comparison in the literature: the first rows of the table */
#define BASE_LEAST 7
#define STRICT_LEAST 18
#define KERNEL_LEAST 24
#define SKIP 254 /* this machine does not have what the case needs */

static struct guard_world w;
static bool strict;   /* else base */
static bool kernel;   /* in a virtual machine (guard_kernel.sh): strict, and level kernel */
static char dir[100]; /* where the hostile files are, for those who try */
static char ran[200]; /* the trace */
static char bad[200], dynamic[200], lib[200];

/* ---- Cases in C: 0 is "went through" where no trace can be left -----------------------------*/

static int exec_fd(int flags)
{
	char *argv[] = {bad, NULL};
	int fd = open(bad, flags);

	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return 1;
}

static int by_path_fd(void)
{
	return exec_fd(O_PATH);
}

static int by_fd(void)
{
	return exec_fd(O_RDONLY);
}

static int memory_copy(const char *path)
{
	AUTO(buf) struct buf bytes = {0};
	int fd = memfd_create("x", 0);

	buf_init(&bytes, (size_t)64 << 20);
	if (fd < 0 || !rc_is_ok(file_read(path, &bytes, NULL)) ||
	    !rc_is_ok(fd_write_full(fd, bytes.ptr, bytes.len, NULL)))
		_exit(SKIP);
	return fd;
}

static int memfd_exec(const char *path)
{
	char *argv[] = {bad, NULL};

	(void)syscall(SYS_execveat, memory_copy(path), "", argv, environ, AT_EMPTY_PATH);
	return 1;
}

static int memfd_dynamic(void)
{
	return memfd_exec(dynamic);
}

static int memfd_static(void)
{
	return memfd_exec(bad);
}

static int memfd_dlopen(void)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", memory_copy(lib));
	return dlopen(path, RTLD_NOW) == NULL;
}

static int by_dlopen(void)
{
	return dlopen(lib, RTLD_NOW) == NULL;
}

static int mapped(bool later)
{
	int fd = open(bad, O_RDONLY | O_CLOEXEC);
	void *p = mmap(NULL, 4096, PROT_READ | (later ? 0 : PROT_EXEC), MAP_PRIVATE, fd, 0);

	return p == MAP_FAILED || (later && mprotect(p, 4096, PROT_READ | PROT_EXEC) != 0);
}

static int map_exec(void)
{
	return mapped(false);
}

static int map_then_protect(void)
{
	return mapped(true);
}

static int anonymous(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED;
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	(void)close(fd);
	return done;
}

/* Root in namespaces of their own, as any user may be. */
static bool become_root(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       write_text("/proc/self/setgroups", "deny") &&
	       write_text("/proc/self/uid_map", "0 65534 1") &&
	       write_text("/proc/self/gid_map", "0 65534 1");
}

static int own_namespace(void)
{
	if (!become_root())
		return SKIP;
	(void)execl(bad, bad, (char *)NULL);
	return 1;
}

static int own_tmpfs(void)
{
	AUTO(buf) struct buf bytes = {0};
	int fd;

	buf_init(&bytes, (size_t)64 << 20);
	if (!rc_is_ok(file_read(bad, &bytes, NULL)) || !become_root() ||
	    mount("tmpfs", dir, "tmpfs", 0, NULL) != 0)
		return SKIP;
	fd = open(bad, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (fd < 0 || !rc_is_ok(fd_write_full(fd, bytes.ptr, bytes.len, NULL)))
		return SKIP;
	(void)close(fd);
	(void)execl(bad, bad, (char *)NULL);
	return 1;
}

/* ---- Beyond the 28 --------------------------------------------------------------------------*/

#define EXECVE_CHECK 0x10000 /* AT_EXECVE_CHECK, Linux 6.14 */

static int execve_check(void)
{
	char *argv[] = {bad, NULL};
	char good[200];

	(void)snprintf(good, sizeof(good), "%s/good", dir);
	if (syscall(SYS_execveat, AT_FDCWD, good, argv, environ, EXECVE_CHECK) != 0)
		return SKIP;
	return syscall(SYS_execveat, AT_FDCWD, bad, argv, environ, EXECVE_CHECK) == 0 ? 0 : 1;
}

static int bind_mount(void)
{
	if (!become_root() || mount(dir, "/mnt", NULL, MS_BIND, NULL) != 0)
		return SKIP;
	(void)execl("/mnt/bad", "bad", (char *)NULL);
	return 1;
}

static int opened_then_deleted(void)
{
	char *argv[] = {bad, NULL};
	char copy[200];
	int fd;

	(void)snprintf(copy, sizeof(copy), "%s/gone", dir);
	fd = open(copy, O_RDONLY);
	(void)unlink(copy);
	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return 1;
}

/* ---- The table ------------------------------------------------------------------------------*/

static const struct {
	const char *name;
	bool base, strict; /* caught at that level */
	const char *shell; /* $M is where the files are, $GUARD_RAN the trace; NULL: fn */
	int (*fn)(void);   /* 0: went through, 1: not, SKIP; or it leaves the trace */
} cases[] = {
	{"exec", true, true, "$M/dynamic", NULL},
	{"exec of a static program", true, true, "$M/bad", NULL},
	{"O_PATH and execveat", true, true, NULL, by_path_fd},
	{"descriptor and execveat", true, true, NULL, by_fd},
	{"shell script, executed", true, true, "$M/script.sh", NULL},
	{"Python script, executed", true, true, "$M/script.py", NULL},
	{"user and mount namespace, exec", true, true, NULL, own_namespace},
	{"memory file, dynamic program", false, false, NULL, memfd_dynamic},
	{"memory file, static program", false, false, NULL, memfd_static},
	{"memory file, dlopen", false, false, NULL, memfd_dlopen},
	{"dlopen", false, true, NULL, by_dlopen},
	{"LD_PRELOAD", false, true, "LD_PRELOAD=$M/lib.so /bin/true", NULL},
	{"LD_AUDIT", false, true, "LD_AUDIT=$M/lib.so /bin/true", NULL},
	{"ld.so as launcher", false, true, "/lib64/ld-linux-x86-64.so.2 $M/dynamic", NULL},
	{"mmap, executable", false, false, NULL, map_exec},
	{"mmap, then mprotect", false, false, NULL, map_then_protect},
	{"anonymous memory", false, false, NULL, anonymous},
	{"sh FILE", false, true, "sh $M/script.sh", NULL},
	{"sh < FILE", false, true, "sh < $M/script.sh", NULL},
	{". FILE", false, true, ". $M/script.sh", NULL},
	{"cat FILE | sh", false, false, "cat $M/script.sh | sh", NULL},
	{"python3 FILE", false, true, "python3 $M/script.py", NULL},
	{"python3 FILE without #!", false, true, "python3 $M/plain.py", NULL},
	{"python3 import", false, true, "PYTHONPATH=$M python3 -c 'import plain'", NULL},
	{"perl FILE", false, true, "perl $M/script.pl", NULL},
	{"sh -c", false, false, "sh -c ': > $GUARD_RAN'", NULL},
	{"python3 -c", false, false,
	 "python3 -c 'import os; open(os.environ[\"GUARD_RAN\"], \"w\")'", NULL},
	{"user namespace, tmpfs of one's own", false, false, NULL, own_tmpfs},
	{"AT_EXECVE_CHECK", true, true, NULL, execve_check},
	{"user namespace, bind mount", true, true, NULL, bind_mount},
	{"deleted but open", true, true, NULL, opened_then_deleted},
	{"Python, ctypes", false, true, "python3 -c 'import ctypes; ctypes.CDLL(\"'$M'/lib.so\")'",
	 NULL},
	{"Python, mmap", false, true,
	 "python3 -c 'import mmap, os; mmap.mmap(os.open(\"'$M'/bad\", 0), 4096, 2, 5); "
	 "open(os.environ[\"GUARD_RAN\"], \"w\")'",
	 NULL},
	{"LD_PRELOAD by descriptor", false, true,
	 "LD_PRELOAD=/proc/self/fd/3 /bin/true 3< $M/lib.so", NULL},
	{"ld.so by descriptor", false, true,
	 "/lib64/ld-linux-x86-64.so.2 /proc/self/fd/3 3< $M/dynamic", NULL},
	{"awk -f FILE", false, true, "awk -f $M/script.awk", NULL},
	{"make -f FILE", false, true, "make -s -f $M/script.mk", NULL},
	{"perl -I, module", false, true, "perl -I$M -e 'require Plain'", NULL},
};
#define ROWS (sizeof(cases) / sizeof(cases[0]))
_Static_assert(ROWS >= CASES, "the comparison's cases are all here");

/* Level kernel stops what strict does, and these. */
static bool only_kernel(size_t i)
{
	int (*const fn[])(void) = {memfd_dynamic, memfd_static,	    memfd_dlopen,
				   map_exec,	  map_then_protect, own_tmpfs};

	for (size_t k = 0; k < sizeof(fn) / sizeof(fn[0]); k++)
		if (cases[i].fn == fn[k])
			return true;
	return false;
}

static bool caught(size_t i)
{
	if (kernel && only_kernel(i))
		return true;
	return strict ? cases[i].strict : cases[i].base;
}

static const char *level(void)
{
	return kernel ? "kernel" : strict ? "strict" : "base";
}

static int attempt(void *ctx)
{
	size_t i = *(const size_t *)ctx;

	if (setenv("GUARD_RAN", ran, 1) != 0 || setenv("M", dir, 1) != 0 ||
	    setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0 ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) /* or its own uid_map is root's */
		return SKIP;
	if (cases[i].fn != NULL)
		return cases[i].fn();
	(void)execl("/bin/sh", "sh", "-c", cases[i].shell, (char *)NULL);
	return SKIP;
}

static void place(const char *name, char path[200])
{
	(void)snprintf(path, 200, "%s/%s", dir, name);
}

static void put(const char *name, const char *text)
{
	char path[200];
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0755};

	place(name, path);
	fx_ok(file_replace(&spec, view_str(text), NULL));
	fx_check(chmod(path, 0755) == 0);
}

static void copy(const char *from, const char *name, char path[200])
{
	AUTO(buf) struct buf bytes = {0};
	char full[500];
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0755};

	(void)snprintf(full, sizeof(full), "%s/tests/%s", getenv("BUILD"), from);
	place(name, path);
	buf_init(&bytes, (size_t)64 << 20);
	fx_ok(file_read(full, &bytes, NULL));
	fx_ok(file_replace(&spec, buf_view(&bytes), NULL));
	fx_check(chmod(path, 0755) == 0);
}

static void program(const char *name, char letter)
{
	char full[100];

	(void)snprintf(full, sizeof(full), "%s%s", strict ? "hostile/" : "", name);
	gw_program(&w, full, letter, "", 0);
}

static void files(void)
{
	program("good", 'A');
	program("bad", 'B');
	copy("guard-dynamic", "dynamic", dynamic);
	copy("libguard-lib.so", "lib.so", lib);
	place("bad", bad);
	put("script.sh", "#!/bin/sh\n: > $GUARD_RAN\n");
	put("script.py", "#!/usr/bin/python3\nimport os\nopen(os.environ['GUARD_RAN'], 'w')\n");
	put("plain.py", "import os\nopen(os.environ['GUARD_RAN'], 'w')\n");
	put("script.pl", "open(my $f, '>', $ENV{GUARD_RAN});\n");
	put("Plain.pm", "open(my $f, '>', $ENV{GUARD_RAN}); 1;\n");
	put("script.awk", "BEGIN { printf \"\" > ENVIRON[\"GUARD_RAN\"] }\n");
	put("script.mk", "all:\n\t: > $$GUARD_RAN\n");
}

static void world(void)
{
	const char *const more[] = {"--level", level(), NULL};
	char path[200];

	if (strict)
		gw_new_root(&w);
	else
		gw_new(&w);
	(void)snprintf(dir, sizeof(dir), "%s", strict ? "/hostile" : w.mount);
	(void)snprintf(path, sizeof(path), "%s/open", w.top);
	(void)snprintf(ran, sizeof(ran), "%s/open/ran", w.top);
	fx_check(mkdir(path, 0777) == 0 && chmod(path, 0777) == 0);
	if (strict) {
		fx_check(mkdir(dir, 0777) == 0 && chmod(dir, 0777) == 0);
		/* Who tries is a program that may run: it is its means that count. */
		if (kernel)
			gw_approve_machine(&w);
		else
			gw_approve(&w, "/proc/self/exe", LIST_PROGRAM);
	}
	files();
	place("good", path);
	gw_approve(&w, path, LIST_PROGRAM);
	gw_publish(&w);
	gw_start(&w, strict ? more : NULL);
}

static bool works[ROWS]; /* where nobody stops it */

/* True if the case's code ran; false if not; *ret_skip: it could not be tried. */
static bool went_through(size_t i, bool *ret_skip)
{
	bool trace;
	int status;

	if (cases[i].fn == opened_then_deleted)
		program("gone", 'B');
	status = gw_child(attempt, &i);
	trace = access(ran, F_OK) == 0;
	(void)unlink(ran);
	*ret_skip = status == SKIP || (status == 127 && !trace && !works[i]);
	return trace || (status == 0 && cases[i].fn != NULL);
}

/* Each case must work where nobody stops it, or it shows nothing. */
static void observe(void)
{
	bool skip;

	for (size_t i = 0; i < ROWS; i++) {
		works[i] = went_through(i, &skip);
		if (!works[i] && !skip)
			fail_msg("%s does not work without a guard either", cases[i].name);
	}
}

static void table(bool at_strict, unsigned at_least)
{
	unsigned stopped = 0, skipped = 0, wrong = 0, least = 0;
	bool skip, through;

	strict = at_strict;
	memset(works, 0, sizeof(works));
	world();
	observe();
	/* The shells, interpreters and libraries that the cases go by are approved: first what is
	 * executed, then what these open. */
	if (strict && !kernel) {
		while (gw_learn(&w, "hostile", true) > 0) {
			gw_publish(&w);
			observe();
		}
		while (gw_learn(&w, "hostile", false) > 0) {
			gw_publish(&w);
			observe();
		}
		gw_learn_needed(&w);
	}
	gw_enforce(&w);
	while (kernel && !gw_status_has(&w, "\"kernel\":\"enforce\""))
		(void)poll(NULL, 0, 20);
	for (size_t i = 0; i < ROWS; i++) {
		through = went_through(i, &skip);
		(void)printf("guard: %-6s %-36s %s\n", level(), cases[i].name,
			     skip	? "skipped: not to be had here"
			     : !through ? "caught"
					: "not caught, documented");
		skipped += skip;
		stopped += i < CASES && !skip && !through;
		least += i < CASES && !skip && caught(i);
		wrong += !skip && through == caught(i);
	}
	(void)printf("guard: level %s caught %u of %d (%u skipped)\n", level(), stopped, CASES,
		     skipped);
	assert_int_equal(0, wrong);
	assert_int_equal(least, stopped);
	assert_true(skipped > 0 || stopped >= at_least);
	if (kernel) {
		/* It stays without the guard: rm, too, would be refused. */
		gw_stop(&w);
		assert_int_equal(0, gw_verb(&w, "release"));
	}
	gw_free(&w);
}

static void level_base(void **state)
{
	(void)state;
	table(false, BASE_LEAST);
}

static void level_strict(void **state)
{
	(void)state;
	if (gw_enter_root())
		table(true, STRICT_LEAST);
}

static void level_kernel(void **state)
{
	(void)state;
	kernel = true;
	table(true, KERNEL_LEAST);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest machine[] = {cmocka_unit_test(level_kernel)};
	const struct CMUnitTest tests[] = {cmocka_unit_test(level_base),
					   cmocka_unit_test(level_strict)};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!gw_possible())
		return MOUNTS_SKIP;
	if (gw_is_machine())
		return cmocka_run_group_tests(machine, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
