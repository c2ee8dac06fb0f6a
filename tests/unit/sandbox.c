/* Unit tests of lib/base/sandbox: a child locks itself in and then tries what it must not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/sandbox.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Runs fn in a child; returns its exit status, or 1000 + the signal that ended it. */
static int in_child(int (*fn)(const char *arg), const char *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}
#define KILLED (1000 + SIGSYS)

static const char *const few[] = {
	"read",	  "write", "close",    "exit_group", "exit",	    "rt_sigreturn",	    "mmap",
	"munmap", "brk",   "mprotect", "futex",	     "sigaltstack", "no_such_call_anywhere"};
static const char *const probes[] = {"open", "openat", "socket"};

static int filtered(bool refuse, bool soft)
{
	const struct sandbox_calls calls = {
		.allow = few,
		.allow_count = COUNT(few),
		.refuse = refuse ? probes : NULL,
		.refuse_count = refuse ? COUNT(probes) : 0,
		.soft = soft,
		.no_exec_memory = true,
	};

	return rc_is_ok(sandbox_filter(&calls, NULL)) ? 0 : 99;
}

static int try_forbidden(const char *what)
{
	char *const argv[] = {(char *)(uintptr_t) "true", NULL};

	if (filtered(false, false) != 0)
		return 99;
	if (strcmp(what, "none") == 0)
		return 0;
	if (strcmp(what, "open") == 0)
		(void)open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	if (strcmp(what, "socket") == 0)
		(void)socket(AF_INET, SOCK_STREAM, 0);
	if (strcmp(what, "exec") == 0)
		(void)execv("/bin/true", argv);
	if (strcmp(what, "ptrace") == 0)
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	if (strcmp(what, "fork") == 0)
		(void)fork();
	if (strcmp(what, "kill") == 0)
		(void)kill(getppid(), 0);
	if (strcmp(what, "code") == 0)
		(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return 1;
}

static void forbidden_calls_kill(void **state)
{
	static const char *const deadly[] = {"open", "socket", "exec", "ptrace",
					     "fork", "kill",   "code"};

	(void)state;
	assert_int_equal(in_child(try_forbidden, "none"), 0);
	for (size_t i = 0; i < COUNT(deadly); i++)
		assert_int_equal(in_child(try_forbidden, deadly[i]), KILLED);
}

static int try_probe(const char *what)
{
	if (filtered(true, false) != 0)
		return 99;
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) != -1 || errno != EPERM)
		return 1;
	if (socket(AF_INET, SOCK_STREAM, 0) != -1 || errno != EPERM)
		return 2;
	if (strcmp(what, "dup") == 0)
		(void)fcntl(0, F_DUPFD, 3);
	return 0;
}

static void refused_calls_fail(void **state)
{
	(void)state;
	assert_int_equal(in_child(try_probe, ""), 0);
	assert_int_equal(in_child(try_probe, "dup"), KILLED);
}

static int try_soft(const char *arg)
{
	(void)arg;
	if (filtered(true, true) != 0)
		return 99;
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) != -1 || errno != EPERM)
		return 1;
	return fcntl(0, F_DUPFD, 3) == -1 && errno == EPERM ? 0 : 2;
}

static int try_short_form(const char *arg)
{
	(void)arg;
	if (!rc_is_ok(sandbox_syscalls(few, COUNT(few), false, NULL)))
		return 99;
	(void)socket(AF_UNIX, SOCK_STREAM, 0);
	return 1;
}

static void filter_forms(void **state)
{
	const struct sandbox_calls both = {
		.allow = few, .allow_count = COUNT(few), .refuse = few, .refuse_count = 1};
	const struct sandbox_calls none = {0};
	struct fault f;

	(void)state;
	assert_rc(RC_DUPLICATE, sandbox_filter(&both, &f));
	assert_rc(RC_USAGE, sandbox_filter(&none, &f));
	assert_int_equal(in_child(try_soft, ""), 0);
	assert_int_equal(in_child(try_short_form, ""), KILLED);
}

static const char *const with_sockets[] = {"socket", "socketpair", "close", "exit_group", "write"};

static int try_unix_sockets(const char *arg)
{
	const struct sandbox_calls calls = {.allow = with_sockets,
					    .allow_count = COUNT(with_sockets),
					    .soft = true,
					    .unix_sockets = true};
	int pair[2];

	(void)arg;
	if (!rc_is_ok(sandbox_filter(&calls, NULL)))
		return 99;
	if (socket(AF_UNIX, SOCK_STREAM, 0) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return 1;
	if (socket(AF_INET, SOCK_STREAM, 0) != -1 || errno != EPERM)
		return 2;
	return socket(AF_NETLINK, SOCK_RAW, 0) == -1 && errno == EPERM ? 0 : 3;
}

static void sockets_by_family(void **state)
{
	(void)state;
	assert_int_equal(in_child(try_unix_sockets, ""), 0);
}

static int try_harden(const char *arg)
{
	struct rlimit core;

	(void)arg;
	if (!rc_is_ok(sandbox_harden(NULL)))
		return 99;
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0)
		return 1;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 2;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 3;
	/* A hardened process leaves no core even when it is told to die with one. */
	(void)signal(SIGQUIT, SIG_DFL); /* a background shell has it ignored */
	(void)raise(SIGQUIT);
	return 4;
}

static void harden_takes_core_and_privileges(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(try_harden(""));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGQUIT);
	assert_false(WCOREDUMP(status));
}

static int try_limits(const char *what)
{
	const struct sandbox_limits l = {
		.cpu_seconds = 1, .file_size = 4096, .open_files = 8, .processes = 1};
	const struct sandbox_limits higher = {.open_files = 4096};
	struct rlimit now;
	uint8_t page[8192] = {0};

	if (!rc_is_ok(sandbox_limit(&l, NULL)) || !rc_is_ok(sandbox_limit(&higher, NULL)))
		return 99;
	if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_max != 8)
		return 1;
	if (getrlimit(RLIMIT_NPROC, &now) != 0 || now.rlim_max > 1)
		return 2;
	if (strcmp(what, "file") == 0) {
		int fd = memfd_create("limit", MFD_CLOEXEC);

		if (fd < 0)
			return 98;
		for (int i = 0; i < 2; i++)
			(void)!write(fd, page, sizeof(page));
		return 3;
	}
	return 0;
}

static void limits_bite(void **state)
{
	(void)state;
	assert_int_equal(in_child(try_limits, ""), 0);
	assert_int_equal(in_child(try_limits, "file"), 1000 + SIGXFSZ);
}

/* dir has "in/" (allowed, read), "rw/" (allowed, write) and "out" (a file, not allowed). */
static int try_paths(const char *dir)
{
	char in[300], rw[300], out[300], path[400];
	int abi = -1;

	(void)snprintf(in, sizeof(in), "%s/in", dir);
	(void)snprintf(rw, sizeof(rw), "%s/rw", dir);
	(void)snprintf(out, sizeof(out), "%s/out", dir);
	const struct sandbox_path paths[] = {{.path = in}, {.path = rw, .write = true}};

	if (!rc_is_ok(sandbox_paths(paths, COUNT(paths), &abi, NULL)))
		return 99;
	if (abi == 0)
		return 77;
	if (open(out, O_RDONLY | O_CLOEXEC) != -1 || errno != EACCES)
		return 1;
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) != -1 || errno != EACCES)
		return 2;
	(void)snprintf(path, sizeof(path), "%s/file", in);
	if (open(path, O_RDONLY | O_CLOEXEC) < 0)
		return 3;
	if (open(path, O_WRONLY | O_CLOEXEC) != -1 || errno != EACCES)
		return 4;
	if (unlink(path) == 0)
		return 5;
	(void)snprintf(path, sizeof(path), "%s/new", rw);
	if (open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 || unlink(path) != 0)
		return 6;
	/* Nothing at all from here on. */
	if (!rc_is_ok(sandbox_paths(NULL, 0, &abi, NULL)))
		return 98;
	if (open(in, O_RDONLY | O_DIRECTORY | O_CLOEXEC) != -1 || errno != EACCES)
		return 7;
	return 0;
}

static void paths_are_confined(void **state)
{
	char dir[200], path[300];
	const struct sandbox_path missing = {.path = "/nonexistent/greatseal"};
	struct fault f;
	int abi;
	int got;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/sandbox-",
		       getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_rc(RC_OK, dir_temp(path, dir, sizeof(dir), NULL));
	for (int i = 0; i < 4; i++) {
		static const char *const names[] = {"in", "rw", "out", "in/file"};

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		if (i < 2)
			assert_int_equal(mkdir(path, 0700), 0);
		else
			assert_int_equal(close(creat(path, 0600)), 0);
	}
	got = in_child(try_paths, dir);
	if (got != 77) {
		assert_int_equal(got, 0);
		assert_rc(RC_NOTFOUND, sandbox_paths(&missing, 1, &abi, &f));
	}
	for (int i = 3; i >= 0; i--) {
		static const char *const names[] = {"in", "rw", "out", "in/file"};

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		assert_int_equal(remove(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}

static int try_close(const char *arg)
{
	int kept = fcntl(0, F_DUPFD, 20);
	int other = fcntl(0, F_DUPFD, 10);
	int last = fcntl(0, F_DUPFD, 40);
	const int keep[] = {kept, -1, 3};

	(void)arg;
	if (kept < 0 || other < 0 || last < 0 || dup2(0, 3) != 3)
		return 98;
	if (!rc_is_ok(sandbox_close_others(keep, COUNT(keep), NULL)))
		return 99;
	if (fcntl(kept, F_GETFD) < 0 || fcntl(3, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0)
		return 1;
	return fcntl(other, F_GETFD) == -1 && fcntl(last, F_GETFD) == -1 ? 0 : 2;
}

static void others_are_closed(void **state)
{
	(void)state;
	assert_int_equal(in_child(try_close, ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forbidden_calls_kill),
		cmocka_unit_test(refused_calls_fail),
		cmocka_unit_test(filter_forms),
		cmocka_unit_test(sockets_by_family),
		cmocka_unit_test(harden_takes_core_and_privileges),
		cmocka_unit_test(limits_bite),
		cmocka_unit_test(paths_are_confined),
		cmocka_unit_test(others_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
