/* confine - the system calls of each process of the guard; everything else fails with EPERM.
 *
 * None may start a program: a process of the guard that execs would wait for an answer of its own.
 * No Landlock for the three: the kernel opens a question's file with the rights of the worker, and
 * files of other mount namespaces lie beneath nothing that a rule could name. At level strict
 * the worker opens two files of /proc (opener.c), and what lies in directories of data by O_PATH
 * (places.c). The loader, which reads what came from outside, has both (load.c); so have the
 * lookout, which may read all files and change none, and the process that reads one for it. */
#include "lib/base/sandbox.h"
#include "prog/guard/guard.h"

static const char *const worker_calls[] = {
	"bpf",
	"brk",
	"clock_gettime",
	"close",
	"exit",
	"exit_group",
	"fanotify_mark",
	"fcntl",
	"fstat",
	"futex",
	"getpid",
	"madvise",
	"mmap",
	"mprotect",
	"mremap",
	"munmap",
	"newfstatat",
	"open",
	"openat",
	"openat2",
	"pidfd_open",
	"poll",
	"ppoll",
	"pread64",
	"read",
	"readlink",
	"readlinkat",
	"restart_syscall",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sched_yield",
	"sendmsg",
	"stat",
	"statx",
	"write",
};

static const char *const reporter_calls[] = {
	"accept4",	  "brk",	  "clock_gettime", "close",
	"exit",		  "exit_group",	  "fdatasync",	   "fstat",
	"ftruncate",	  "futex",	  "getpid",	   "getrandom",
	"getsockopt",	  "getuid",	  "kill",	   "mmap",
	"mprotect",	  "munmap",	  "newfstatat",	   "poll",
	"ppoll",	  "pread64",	  "pwrite64",	   "read",
	"readlink",	  "readlinkat",	  "recvfrom",	   "restart_syscall",
	"rt_sigprocmask", "rt_sigreturn", "sendto",	   "setsockopt",
	"stat",		  "write",
};

/* It has its connection, and files in memory that it was given: nothing can be opened. */
static const char *const fetcher_calls[] = {
	"brk",	       "clock_gettime",	  "close",	    "exit",
	"exit_group",  "fstat",		  "futex",	    "getpid",
	"getrandom",   "gettid",	  "madvise",	    "mmap",
	"mprotect",    "mremap",	  "munmap",	    "poll",
	"ppoll",       "pread64",	  "pwrite64",	    "read",
	"recvfrom",    "restart_syscall", "rt_sigprocmask", "rt_sigreturn",
	"sched_yield", "sendto",	  "write",
};

/* Its children's, too. */
static const char *const supervisor_calls[] = {
	"accept4",
	"access",
	"bpf",
	"brk",
	"clock_gettime",
	"clone",
	"clone3",
	"close",
	"close_range",
	"connect",
	"exit",
	"exit_group",
	"faccessat",
	"faccessat2",
	"fanotify_mark",
	"fchmod",
	"fcntl",
	"fdatasync",
	"fgetxattr",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"futex",
	"getdents64",
	"getpid",
	"getppid",
	"getrandom",
	"getrlimit",
	"getsockopt",
	"gettid",
	"gettimeofday",
	"getuid",
	"kill",
	"landlock_add_rule",
	"landlock_create_ruleset",
	"landlock_restrict_self",
	"link",
	"linkat",
	"lseek",
	"lstat",
	"madvise",
	"memfd_create",
	"mlockall",
	"mmap",
	"mprotect",
	"mremap",
	"munmap",
	"newfstatat",
	"open",
	"openat",
	"openat2",
	"pidfd_open",
	"pidfd_send_signal",
	"pipe2",
	"poll",
	"ppoll",
	"prctl",
	"pread64",
	"prlimit64",
	"pwrite64",
	"read",
	"readlink",
	"readlinkat",
	"recvfrom",
	"recvmsg",
	"rename",
	"renameat",
	"renameat2",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sched_yield",
	"seccomp",
	"sendmsg",
	"sendto",
	"set_robust_list",
	"setpriority",
	"setrlimit",
	"socket",
	"stat",
	"statfs",
	"statx",
	"sysinfo",
	"uname",
	"unlink",
	"unlinkat",
	"wait4",
	"waitid",
	"write",
	"writev",
};

static const char *const lookout_calls[] = {
	"brk",
	"clock_gettime",
	"clone",
	"clone3",
	"close",
	"close_range",
	"exit",
	"exit_group",
	"fcntl",
	"fgetxattr",
	"fstat",
	"fstatfs",
	"futex",
	"getdents64",
	"getpid",
	"getppid",
	"getrandom",
	"getrlimit",
	"gettid",
	"kill",
	"landlock_add_rule",
	"landlock_create_ruleset",
	"landlock_restrict_self",
	"lseek",
	"lstat",
	"madvise",
	"mmap",
	"mprotect",
	"mremap",
	"munmap",
	"newfstatat",
	"open",
	"openat",
	"openat2",
	"pipe2",
	"poll",
	"ppoll",
	"prctl",
	"pread64",
	"prlimit64",
	"read",
	"readlink",
	"readlinkat",
	"recvmsg",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sched_yield",
	"seccomp",
	"sendto",
	"set_robust_list",
	"setrlimit",
	"stat",
	"statx",
	"uname",
	"wait4",
	"write",
	"writev",
};

static const char *const scan_calls[] = {
	"brk",
	"clock_gettime",
	"close",
	"exit",
	"exit_group",
	"fstat",
	"futex",
	"getpid",
	"getrandom",
	"lseek",
	"madvise",
	"mmap",
	"mprotect",
	"mremap",
	"munmap",
	"newfstatat",
	"pread64",
	"read",
	"rseq",
	"rt_sigprocmask",
	"rt_sigreturn",
	"restart_syscall",
	"set_robust_list",
	"write",
};

#define FILTER(names)                                                                              \
	(&(const struct sandbox_calls){.allow = (names),                                           \
				       .allow_count = sizeof(names) / sizeof((names)[0]),          \
				       .soft = true,                                               \
				       .no_exec_memory = true,                                     \
				       .unix_sockets = true,                                       \
				       .bpf_maps = true})

rc confine_supervisor(struct fault *f)
{
	return sandbox_filter(FILTER(supervisor_calls), f);
}

rc confine_worker(struct fault *f)
{
	return sandbox_filter(FILTER(worker_calls), f);
}

rc confine_fetcher(struct fault *f)
{
	return sandbox_filter(FILTER(fetcher_calls), f);
}

rc confine_reporter(struct fault *f)
{
	return sandbox_filter(FILTER(reporter_calls), f);
}

rc confine_lookout(struct fault *f)
{
	return sandbox_filter(FILTER(lookout_calls), f);
}

rc confine_scan(struct fault *f)
{
	return sandbox_filter(FILTER(scan_calls), f);
}
