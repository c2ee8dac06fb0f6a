/* Unit tests of prog/jwksd/confine: a child under its list is told no about what it never does, and
 * reaches the network and its files, and no others. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prog/jwksd/confine.h"

static int in_child(int (*fn)(long arg), long arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int is_refused(long number)
{
	if (!rc_is_ok(confine_calls(NULL)))
		return 1;
	errno = 0;
	/* Numbers, not wrappers: arguments do not matter, the filter comes first. */
	return syscall(number, -1, 0, 0, 0, 0, 0) == -1 && errno == EPERM ? 0 : 2;
}

static void dangerous_calls_are_refused(void **state)
{
	static const long dangerous[] = {
		SYS_ptrace,
		SYS_process_vm_readv,
		SYS_process_vm_writev,
		SYS_pidfd_getfd,
		SYS_kill,
		SYS_mount,
		SYS_chroot,
		SYS_unshare,
		SYS_setns,
		SYS_setuid,
		SYS_setgroups,
		SYS_capset,
		SYS_execve,
		SYS_execveat,
		SYS_memfd_create,
		SYS_bpf,
		SYS_keyctl,
		SYS_perf_event_open,
		SYS_userfaultfd,
		SYS_io_uring_setup,
		SYS_listen,
		SYS_accept4,
		SYS_mknodat,
		SYS_symlinkat,
		SYS_linkat,
		SYS_renameat2,
		SYS_unlinkat,
		SYS_fchmod,
		SYS_ftruncate,
		SYS_pwrite64,
		SYS_settimeofday,
		SYS_init_module,
		SYS_reboot,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++)
		if (in_child(is_refused, dangerous[i]) != 0)
			fail_msg("system call %ld", dangerous[i]);
}

static int connects(long arg)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(1)};
	struct conf c;
	int abi;
	int fd;

	(void)arg;
	settings_defaults(&conf_settings, &c);
	if (!rc_is_ok(confine_paths(&c, &abi, NULL)) || !rc_is_ok(confine_calls(NULL)))
		return 1;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 2;
	return connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 || errno == ECONNREFUSED
		       ? 0
		       : 3;
}

/* Where the kernel has Landlock: nothing is written, and only some places are read. */
static int has_few_files(long arg)
{
	char path[] = "/tmp/greatseal-jwksd.XXXXXX";
	struct conf c;
	int abi = 0;
	int fd = mkstemp(path);

	(void)arg;
	if (fd < 0)
		return 1;
	(void)unlink(path);
	settings_defaults(&conf_settings, &c);
	if (!rc_is_ok(confine_paths(&c, &abi, NULL)))
		return 2;
	if (abi == 0)
		return 0;
	if (open(path, O_RDWR | O_CREAT, 0600) >= 0 || open("/tmp", O_RDONLY) >= 0)
		return 3;
	return open("/etc/hosts", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 4;
}

static void it_can_do_its_work(void **state)
{
	(void)state;
	assert_int_equal(in_child(connects, 0), 0);
	assert_int_equal(in_child(has_few_files, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dangerous_calls_are_refused),
		cmocka_unit_test(it_can_do_its_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
