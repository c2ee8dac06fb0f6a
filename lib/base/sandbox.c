#include "lib/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/fd.h"

/* AddressSanitizer reserves terabytes of address space; a limit on it would end every process. What
 * differs with it is in this file alone. */
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifndef WITH_ASAN
#define WITH_ASAN 0
#endif

rc sandbox_harden(struct fault *f)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return fault_errno(f, errno, "sandbox: RLIMIT_CORE");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return fault_errno(f, errno, "sandbox: PR_SET_DUMPABLE");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fault_errno(f, errno, "sandbox: PR_SET_NO_NEW_PRIVS");
	return OK;
}

static rc limit_one(__rlimit_resource_t which, uint64_t value, const char *name, struct fault *f)
{
	struct rlimit now;

	if (value == 0)
		return OK;
	if (getrlimit(which, &now) != 0)
		return fault_errno(f, errno, "sandbox: %s", name);
	/* Only ever downwards: an administrator's lower limit stays. */
	if (now.rlim_max < value)
		value = now.rlim_max;
	now = (struct rlimit){.rlim_cur = value, .rlim_max = value};
	if (setrlimit(which, &now) != 0)
		return fault_errno(f, errno, "sandbox: %s", name);
	return OK;
}

rc sandbox_limit(const struct sandbox_limits *l, struct fault *f)
{
	if (!WITH_ASAN)
		TRY(limit_one(RLIMIT_AS, l->address_space, "RLIMIT_AS", f));
	TRY(limit_one(RLIMIT_CPU, l->cpu_seconds, "RLIMIT_CPU", f));
	TRY(limit_one(RLIMIT_FSIZE, l->file_size, "RLIMIT_FSIZE", f));
	TRY(limit_one(RLIMIT_NOFILE, l->open_files, "RLIMIT_NOFILE", f));
	TRY(limit_one(RLIMIT_NPROC, l->processes, "RLIMIT_NPROC", f));
	return OK;
}

/* The rule set of ABI 6, spelled out because older <linux/landlock.h> end at ABI 2 or 3
 * (linux/landlock.h, struct landlock_ruleset_attr; fields after a kernel's own are not passed). */
struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};
#define FS_TRUNCATE (1ULL << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define NET_BIND 1ULL		  /* ABI 4 */
#define NET_BIND_CONNECT 3ULL	  /* likewise */
#define SCOPED_ALL 3ULL		  /* ABI 6: abstract unix sockets, signals */

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_ABI1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
/* What may be asked for on a file that is not a directory. */
#define FS_ON_FILE                                                                                 \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
	 LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

static void ruleset_for(int abi, struct ruleset *ret, size_t *ret_size)
{
	*ret = (struct ruleset){.fs = FS_ABI1};
	*ret_size = sizeof(uint64_t);
	if (abi >= 2)
		ret->fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		ret->fs |= FS_TRUNCATE;
	if (abi >= 4) {
		ret->net = NET_BIND_CONNECT;
		*ret_size = 2 * sizeof(uint64_t);
	}
	if (abi >= 5)
		ret->fs |= FS_IOCTL_DEV;
	if (abi >= 6) {
		ret->scoped = SCOPED_ALL;
		*ret_size = 3 * sizeof(uint64_t);
	}
}

static rc allow_path(int ruleset, const struct sandbox_path *p, uint64_t handled, struct fault *f)
{
	AUTO(fd) int fd = open(p->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.parent_fd = fd};
	uint64_t want = FS_READ;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return fault_errno(f, errno, "sandbox: %s", p->path);
	if (p->write)
		want |= handled & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE;
	if (p->execute)
		want |= LANDLOCK_ACCESS_FS_EXECUTE;
	if (!S_ISDIR(st.st_mode))
		want &= FS_ON_FILE;
	rule.allowed_access = want & handled;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
		return fault_errno(f, errno, "sandbox: landlock rule for %s", p->path);
	return OK;
}

static rc restrict_paths(const struct sandbox_path *paths, size_t count, bool online, int *ret_abi,
			 struct fault *f)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset set;
	size_t size;

	if (abi <= 0) {
		*ret_abi = 0;
		return OK;
	}
	ruleset_for((int)abi, &set, &size);
	if (online && set.net != 0)
		set.net = NET_BIND;
	AUTO(fd) int fd = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
	if (fd < 0)
		return fault_errno(f, errno, "sandbox: landlock_create_ruleset, ABI %ld", abi);
	for (size_t i = 0; i < count; i++)
		TRY(allow_path(fd, &paths[i], set.fs, f));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fault_errno(f, errno, "sandbox: PR_SET_NO_NEW_PRIVS");
	if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		return fault_errno(f, errno, "sandbox: landlock_restrict_self");
	*ret_abi = (int)abi;
	return OK;
}

rc sandbox_paths(const struct sandbox_path *paths, size_t count, int *ret_abi, struct fault *f)
{
	return restrict_paths(paths, count, false, ret_abi, f);
}

rc sandbox_paths_online(const struct sandbox_path *paths, size_t count, int *ret_abi,
			struct fault *f)
{
	return restrict_paths(paths, count, true, ret_abi, f);
}

static void filter_release(scmp_filter_ctx *ctx)
{
	if (*ctx != NULL)
		seccomp_release(*ctx);
	*ctx = NULL;
}
AUTO_DEFINE(filter, scmp_filter_ctx, filter_release)

/* Names whose arguments count, too. */
static int rule_for(scmp_filter_ctx ctx, uint32_t action, const char *name, int number,
		    const struct sandbox_calls *c)
{
	if (c->no_exec_memory && (strcmp(name, "mmap") == 0 || strcmp(name, "mprotect") == 0))
		return seccomp_rule_add(ctx, action, number, 1,
					SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (c->unix_sockets && strcmp(name, "socket") == 0)
		return seccomp_rule_add(ctx, action, number, 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (c->bpf_maps && strcmp(name, "bpf") == 0)
		/* The three commands of elements come first in the enumeration. */
		return seccomp_rule_add(ctx, action, number, 1,
					SCMP_A0(SCMP_CMP_LE, BPF_MAP_DELETE_ELEM));
	return seccomp_rule_add(ctx, action, number, 0);
}

static rc rule_add(scmp_filter_ctx ctx, uint32_t action, const char *name,
		   const struct sandbox_calls *c, struct fault *f)
{
	int number = seccomp_syscall_resolve_name(name);
	int e;

	if (number == __NR_SCMP_ERROR)
		return OK;
	e = rule_for(ctx, action, name, number, c);
	if (e != 0)
		return fault_errno(f, -e, "sandbox: seccomp rule for %s", name);
	return OK;
}

static bool listed(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* In the alphabet's order. */
static const char *const networked[] = {
	"access",
	"arch_prctl",
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
	"recvmsg",
	"restart_syscall",
	"rseq",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sched_getaffinity",
	"sched_yield",
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
#define NETWORKED (sizeof(networked) / sizeof(networked[0]))

rc sandbox_filter(const struct sandbox_calls *c, struct fault *f)
{
	static const struct sandbox_calls plain;
	AUTO(filter) scmp_filter_ctx ctx = NULL;
	int e;

	if (c->allow_count == 0 && !c->networked)
		return fault_set(f, RC_USAGE, 0, "sandbox: empty list of system calls");
	for (size_t i = 0; i < c->refuse_count; i++)
		if (listed(c->refuse[i], c->allow, c->allow_count) ||
		    (c->networked && listed(c->refuse[i], networked, NETWORKED)))
			return fault_set(f, RC_DUPLICATE, 0, "sandbox: %s allowed and refused",
					 c->refuse[i]);
	ctx = seccomp_init(c->soft ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL)
		return fault_set(f, RC_NOMEM, 0, "sandbox: seccomp_init");
	/* A filter with the default action EPERM refuses to hold rules with the same action. */
	for (size_t i = 0; i < c->refuse_count && !c->soft; i++)
		TRY(rule_add(ctx, SCMP_ACT_ERRNO(EPERM), c->refuse[i], &plain, f));
	for (size_t i = 0; i < c->allow_count; i++)
		TRY(rule_add(ctx, SCMP_ACT_ALLOW, c->allow[i], c, f));
	for (size_t i = 0; i < NETWORKED && c->networked; i++)
		TRY(rule_add(ctx, SCMP_ACT_ALLOW, networked[i], c, f));
	/* LeakSanitizer stops the threads of its own process with it. */
	if (WITH_ASAN && c->soft)
		TRY(rule_add(ctx, SCMP_ACT_ALLOW, "ptrace", &plain, f));
	e = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (e == 0)
		e = seccomp_load(ctx);
	if (e != 0)
		return fault_errno(f, -e, "sandbox: seccomp_load");
	return OK;
}

rc sandbox_syscalls(const char *const *names, size_t count, bool soft, struct fault *f)
{
	const struct sandbox_calls calls = {.allow = names, .allow_count = count, .soft = soft};

	return sandbox_filter(&calls, f);
}

rc sandbox_close_others(const int *keep, size_t count, struct fault *f)
{
	unsigned from = 3;

	/* Closes the gaps between the kept numbers in rising order; the lists are short. */
	for (;;) {
		unsigned next = ~0U;

		for (size_t i = 0; i < count; i++)
			if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next > from && close_range(from, next == ~0U ? ~0U : next - 1, 0) != 0)
			return fault_errno(f, errno, "sandbox: close_range");
		if (next == ~0U)
			return OK;
		from = next + 1;
	}
}
