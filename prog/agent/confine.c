#include "prog/agent/confine.h"

#include "lib/base/sandbox.h"

/* Beside what all networked programs may: to listen, and to keep a state. Nothing here starts a
 * program. In the alphabet's order. */
static const char *const calls[] = {
	"accept",	  "accept4",	     "bind",	 "fchmod",	    "fdatasync", "flock",
	"fsync",	  "ftruncate",	     "getdents", "mlock",	    "munlock",	 "pwrite64",
	"recvmmsg",	  "rename",	     "renameat", "rt_sigtimedwait", "sendfile",	 "sendmmsg",
	"timerfd_create", "timerfd_settime", "umask",	 "unlink",	    "unlinkat",	 "wait4",
};

rc confine_calls(struct fault *f)
{
	/* Soft: a library that asks for more is told no. Ending the process would let whoever finds
	 * such a way stop the service. */
	const struct sandbox_calls list = {.allow = calls,
					   .allow_count = sizeof(calls) / sizeof(calls[0]),
					   .networked = true,
					   .soft = true};

	return sandbox_filter(&list, f);
}

/* "Who is process N, and what program does it run": files are read, children read them. */
static const char *const probing[] = {
	"brk",		"clock_gettime",  "clone",	  "close",
	"exit",		"exit_group",	  "fcntl",	  "fstat",
	"futex",	"getpid",	  "getrandom",	  "gettid",
	"getuid",	"kill",		  "lseek",	  "madvise",
	"mmap",		"mprotect",	  "munmap",	  "newfstatat",
	"openat",	"pipe2",	  "poll",	  "prctl",
	"pread64",	"read",		  "readlinkat",	  "rseq",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "set_robust_list",
	"sigaltstack",	"statx",	  "wait4",	  "write",
};

rc confine_prober(struct fault *f)
{
	const struct sandbox_calls list = {.allow = probing,
					   .allow_count = sizeof(probing) / sizeof(probing[0]),
					   .soft = true};

	return sandbox_filter(&list, f);
}
