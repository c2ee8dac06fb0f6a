#include "prog/server/confine.h"

#include "lib/base/sandbox.h"

/* Beside what all networked programs may: to listen, SQLite's files, and what starting and
 * confining a worker takes. In the alphabet's order. */
static const char *const calls[] = {
	"accept",
	"accept4",
	"dup",
	"dup2",
	"dup3",
	"execve",
	"fadvise64",
	"fallocate",
	"fchmod",
	"fchown",
	"fdatasync",
	"flock",
	"fstatfs",
	"fsync",
	"ftruncate",
	"getdents",
	"kill",
	"landlock_add_rule",
	"landlock_create_ruleset",
	"landlock_restrict_self",
	"mkdir",
	"mkdirat",
	"mlock",
	"munlock",
	"pidfd_open",
	"pidfd_send_signal",
	"preadv",
	"pwrite64",
	"pwritev",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"rt_sigtimedwait",
	"seccomp",
	"select",
	"sendfile",
	"setrlimit",
	"statfs",
	"sync_file_range",
	"timerfd_create",
	"timerfd_settime",
	"umask",
	"unlink",
	"unlinkat",
	"utimensat",
	"vfork",
	"wait4",
	"waitid",
};

rc confine_calls(struct fault *f)
{
	/* Soft: a library that asks for more is told no. Ending the process would let whoever finds
	 * such a way stop the service. */
	const struct sandbox_calls list = {.allow = calls,
					   .allow_count = sizeof(calls) / sizeof(calls[0]),
					   .networked = true,
					   .soft = true,
					   .unix_sockets = true};

	return sandbox_filter(&list, f);
}
