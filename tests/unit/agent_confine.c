/* Unit tests of prog/agent/confine: a child under the agent's list, and one under the prober's, is
 * told no about what neither ever does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prog/agent/confine.h"

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
	bool prober_may;
} dangerous[] = {
	{"ptrace", SYS_ptrace, false},
	{"process_vm_readv", SYS_process_vm_readv, false},
	{"process_vm_writev", SYS_process_vm_writev, false},
	{"pidfd_getfd", SYS_pidfd_getfd, false},
	{"kcmp", SYS_kcmp, false},
	{"kill", SYS_kill, true}, /* of its own children that take too long */
	{"mount", SYS_mount, false},
	{"chroot", SYS_chroot, false},
	{"unshare", SYS_unshare, false},
	{"setns", SYS_setns, false},
	{"setuid", SYS_setuid, false},
	{"setgroups", SYS_setgroups, false},
	{"capset", SYS_capset, false},
	{"execve", SYS_execve, false},
	{"execveat", SYS_execveat, false},
	{"memfd_create", SYS_memfd_create, false},
	{"bpf", SYS_bpf, false},
	{"keyctl", SYS_keyctl, false},
	{"perf_event_open", SYS_perf_event_open, false},
	{"userfaultfd", SYS_userfaultfd, false},
	{"io_uring_setup", SYS_io_uring_setup, false},
	{"listen", SYS_listen, false},
	{"mknodat", SYS_mknodat, false},
	{"symlinkat", SYS_symlinkat, false},
	{"linkat", SYS_linkat, false},
	{"settimeofday", SYS_settimeofday, false},
	{"init_module", SYS_init_module, false},
	{"reboot", SYS_reboot, false},
};

static bool is_refused(size_t i)
{
	errno = 0;
	return syscall(dangerous[i].number, -1, 0, 0, 0, 0, 0) == -1 && errno == EPERM;
}

static int try_agent(size_t i)
{
	return rc_is_ok(confine_calls(NULL)) && is_refused(i) ? 0 : 1;
}

static int try_prober(size_t i)
{
	return rc_is_ok(confine_prober(NULL)) && (dangerous[i].prober_may || is_refused(i)) ? 0 : 1;
}

static void dangerous_calls_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(dangerous); i++) {
		if (in_child(try_agent, i) != 0)
			fail_msg("agent: %s", dangerous[i].name);
		if (in_child(try_prober, i) != 0)
			fail_msg("prober: %s", dangerous[i].name);
	}
}

/* The prober reads, and has no way to anybody else. */
static int prober_sockets(size_t family)
{
	if (!rc_is_ok(confine_prober(NULL)))
		return 1;
	return socket((int)family, SOCK_STREAM, 0) == -1 && errno == EPERM ? 0 : 2;
}

static int prober_reads(size_t arg)
{
	char c;
	int fd;

	(void)arg;
	if (!rc_is_ok(confine_prober(NULL)))
		return 1;
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &c, 1) == 1 ? 0 : 2;
}

static int agent_connects(size_t arg)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(1)};
	int fd;

	(void)arg;
	if (!rc_is_ok(confine_calls(NULL)))
		return 1;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 2;
	return connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 || errno == ECONNREFUSED
		       ? 0
		       : 3;
}

static void each_can_do_its_work(void **state)
{
	(void)state;
	assert_int_equal(in_child(prober_sockets, AF_UNIX), 0);
	assert_int_equal(in_child(prober_sockets, AF_INET), 0);
	assert_int_equal(in_child(prober_reads, 0), 0);
	assert_int_equal(in_child(agent_connects, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dangerous_calls_are_refused),
		cmocka_unit_test(each_can_do_its_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
