#include "prog/jwksd/confine.h"

#include <unistd.h>

#include "lib/base/sandbox.h"

/* What TLS, libcurl with its resolver and the C library ask for. Nothing here writes a file,
 * listens, or starts a program. In the alphabet's order. */
static const char *const calls[] = {
	"access",
	"arch_prctl",
	"bind", /* of netlink and datagram sockets, by the resolver */
	"brk",
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"clone",
	"clone3",
	"close",
	"close_range",
	"connect",
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_wait",
	"eventfd2",
	"exit",
	"exit_group",
	"faccessat",
	"faccessat2",
	"fcntl",
	"fstat",
	"futex",
	"getcwd",
	"getdents64",
	"getegid",
	"geteuid",
	"getgid",
	"getpeername",
	"getpid",
	"getppid",
	"getrandom",
	"getrlimit",
	"getrusage",
	"getsockname",
	"getsockopt",
	"gettid",
	"gettimeofday",
	"getuid",
	"ioctl",
	"lseek",
	"lstat",
	"madvise",
	"membarrier",
	"mmap",
	"mprotect",
	"mremap",
	"munmap",
	"nanosleep",
	"newfstatat",
	"open",
	"openat",
	"pipe2",
	"poll",
	"ppoll",
	"prctl",
	"pread64",
	"prlimit64",
	"pselect6",
	"read",
	"readlink",
	"readlinkat",
	"readv",
	"recvfrom",
	"recvmmsg",
	"recvmsg",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sched_getaffinity",
	"sched_yield",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"set_robust_list",
	"set_tid_address",
	"setsockopt",
	"shutdown",
	"sigaltstack",
	"socket",
	"socketpair",
	"stat",
	"statx",
	"sysinfo",
	"tgkill",
	"time",
	"uname",
	"write",
	"writev",
};

rc confine_calls(struct fault *f)
{
	const struct sandbox_calls list = {
		.allow = calls, .allow_count = sizeof(calls) / sizeof(calls[0]), .soft = true};

	return sandbox_filter(&list, f);
}

rc confine_paths(const struct conf *c, int *ret_abi, struct fault *f)
{
	static const char *const readable[] = {"/etc",
					       "/run/systemd/resolve",
					       "/usr/share/zoneinfo",
					       "/usr/share/ca-certificates",
					       "/usr/local/share/ca-certificates",
					       "/dev/urandom",
					       "/proc/self"};
	/* Name service modules are loaded when a name is looked up. */
	static const char *const loader[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64"};
	struct sandbox_path paths[16];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		if (access(readable[i], R_OK) == 0)
			paths[n++] = (struct sandbox_path){.path = readable[i]};
	for (size_t i = 0; i < sizeof(loader) / sizeof(loader[0]); i++)
		if (access(loader[i], F_OK) == 0)
			paths[n++] = (struct sandbox_path){.path = loader[i], .execute = true};
	if (c->ca_file[0] != '\0')
		paths[n++] = (struct sandbox_path){.path = c->ca_file};
	return sandbox_paths_online(paths, n, ret_abi, f);
}
