/* Unit tests of prog/server/confine: a child under greatseald's list does what greatseald does, and
 * is told no about the rest. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/server/confine.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int in_child(int (*fn)(size_t arg), size_t arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Numbers, not wrappers: arguments do not matter, the filter comes first. */
static const struct {
	const char *name;
	long number;
} dangerous[] = {
#define CALL(n)                                                                                    \
	{                                                                                          \
#n, SYS_##n                                                                        \
	}
	CALL(ptrace),
	CALL(mount),
	CALL(umount2),
	CALL(pivot_root),
	CALL(chroot),
	CALL(bpf),
	CALL(kexec_load),
	CALL(init_module),
	CALL(finit_module),
	CALL(delete_module),
	CALL(keyctl),
	CALL(add_key),
	CALL(request_key),
	CALL(userfaultfd),
	CALL(perf_event_open),
	CALL(process_vm_readv),
	CALL(process_vm_writev),
	CALL(setns),
	CALL(unshare),
	CALL(open_by_handle_at),
	CALL(setuid),
	CALL(setgid),
	CALL(setgroups),
	CALL(capset),
	CALL(personality),
	CALL(reboot),
	CALL(swapon),
	CALL(settimeofday),
	CALL(clock_settime),
	CALL(io_uring_setup),
	CALL(pidfd_getfd),
	CALL(kcmp),
	CALL(memfd_create),
	CALL(execveat),
	CALL(mknodat),
	CALL(symlinkat),
	CALL(linkat),
	CALL(listen),
	CALL(bind),
	CALL(syslog),
#undef CALL
};

static int try_dangerous(size_t i)
{
	if (!rc_is_ok(confine_calls(NULL)))
		return 99;
	errno = 0;
	return syscall(dangerous[i].number, -1, 0, 0, 0, 0, 0) == -1 && errno == EPERM ? 0 : 1;
}

static void dangerous_calls_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(dangerous); i++) {
		int got = in_child(try_dangerous, i);

		if (got != 0)
			fail_msg("%s: %d", dangerous[i].name, got);
	}
}

static int try_socket(size_t family)
{
	int fd;

	if (!rc_is_ok(confine_calls(NULL)))
		return 99;
	fd = socket((int)family, SOCK_STREAM, 0);
	if (family == AF_UNIX)
		return fd >= 0 ? 0 : 1;
	return fd == -1 && errno == EPERM ? 0 : 2;
}

static void only_unix_sockets(void **state)
{
	static const size_t families[] = {AF_UNIX,    AF_INET,	 AF_INET6,
					  AF_NETLINK, AF_PACKET, AF_ALG};

	(void)state;
	for (size_t i = 0; i < COUNT(families); i++)
		assert_int_equal(in_child(try_socket, families[i]), 0);
}

static void *add_one(void *at)
{
	++*(int *)at;
	return NULL;
}

/* Files, threads, descriptors, a program of its own. */
static int try_work(size_t arg)
{
	char *const argv[] = {(char *)(uintptr_t) "true", NULL};
	char *const no_environment[] = {NULL};
	char path[] = "/tmp/confine-XXXXXX";
	pthread_t thread;
	int count = 0;
	int status;
	pid_t pid;
	int fd;

	(void)arg;
	if (!rc_is_ok(confine_calls(NULL)))
		return 99;
	fd = mkstemp(path);
	if (fd < 0 || unlink(path) != 0 || !rc_is_ok(fd_write_full(fd, "x", 1, NULL)) ||
	    fdatasync(fd) != 0)
		return 1;
	/* Hints of upload_sink.c, whose failure nobody would see. */
	if (sync_file_range(fd, 0, 1, SYNC_FILE_RANGE_WRITE) != 0 ||
	    posix_fadvise(fd, 0, 1, POSIX_FADV_DONTNEED) != 0 || close(fd) != 0)
		return 6;
	if (pthread_create(&thread, NULL, add_one, &count) != 0 ||
	    pthread_join(thread, NULL) != 0 || count != 1)
		return 2;
	if (eventfd(0, EFD_CLOEXEC) < 0)
		return 3;
	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, no_environment) != 0 ||
	    waitpid(pid, &status, 0) != pid)
		return 4;
	return status == 0 ? 0 : 5;
}

static void work_is_possible(void **state)
{
	(void)state;
	assert_int_equal(in_child(try_work, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dangerous_calls_are_refused),
		cmocka_unit_test(only_unix_sockets),
		cmocka_unit_test(work_is_possible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
