/* greatseal-keeper - the one trusted process: holds keys, decides, logs, signs.
 *
 * Owns: the command line, the sandbox, socket and signals. Everything else: start.c, loop.c. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/num.h"
#include "lib/base/sandbox.h"
#include "lib/crypt/dsse.h"
#include "prog/keeper/loop.h"
#include "prog/keeper/start.h"

#define LISTEN_FD 3 /* sd_listen_fds(3): the first descriptor that is passed */

/* What the keeper asks of the kernel once it serves. A PKCS#11 module lives with the same list. */
static const char *const calls[] = {
	"accept4",
	"access",
	"brk",
	"clock_gettime",
	"clock_nanosleep",
	"clone",
	"clone3",
	"close",
	"connect",
	"dup",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"eventfd2",
	"exit",
	"exit_group",
	"faccessat",
	"faccessat2",
	"fallocate",
	"fchmod",
	"fchown",
	"fcntl",
	"fdatasync",
	"flock",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"futex",
	"getcwd",
	"getdents64",
	"getegid",
	"geteuid",
	"getgid",
	"getpid",
	"getppid",
	"getrandom",
	"getrlimit",
	"getsockopt",
	"gettid",
	"gettimeofday",
	"getuid",
	"lseek",
	"lstat",
	"madvise",
	"membarrier",
	"mincore",
	"mkdir",
	"mkdirat",
	"mlock",
	"mlock2",
	"mmap",
	"mprotect",
	"mremap",
	"munlock",
	"munmap",
	"nanosleep",
	"newfstatat",
	"open",
	"openat",
	"pipe2",
	"poll",
	"ppoll",
	"pread64",
	"prlimit64",
	"pwrite64",
	"read",
	"readlink",
	"readlinkat",
	"readv",
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
	"sched_getaffinity",
	"sched_yield",
	"sendmsg",
	"sendto",
	"set_robust_list",
	"set_tid_address",
	"sigaltstack",
	"socket",
	"stat",
	"statx",
	"sysinfo",
	"tgkill",
	"time",
	"umask",
	"uname",
	"unlink",
	"unlinkat",
	"utimensat",
	"write",
	"writev",
};
/* Probes of libraries that are answered with EPERM and not with the end. */
static const char *const probes[] = {"ioctl", "prctl", "sched_setaffinity", "setrlimit"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* sd_notify(3), without its library: one datagram to $NOTIFY_SOCKET. */
static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = path != NULL ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, len);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

/* The sockets systemd has opened for us, by their names: "jwks", and any other name is the
 * server's. *ret_any: whether there are some, and the paths in the settings are not used. */
static rc passed_sockets(int door[DOOR__COUNT], bool *ret_any, struct fault *f)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	uint64_t n;

	*ret_any = false;
	if (pid == NULL || fds == NULL ||
	    !rc_is_ok(num_parse_u64(pid, strlen(pid), UINT32_MAX, &n)) || n != (uint64_t)getpid())
		return OK;
	if (!rc_is_ok(num_parse_u64(fds, strlen(fds), DOOR__COUNT, &n)) || n == 0)
		return fault_set(f, RC_USAGE, 0, "systemd passes %s sockets", fds);
	for (int fd = LISTEN_FD; fd < LISTEN_FD + (int)n; fd++) {
		size_t len = names != NULL ? strcspn(names, ":") : 0;
		bool jwks = names != NULL && view_is(view_of(names, len), "jwks");
		enum keeper_door d = jwks ? DOOR_JWKS : DOOR_SERVER;

		if (door[d] >= 0)
			return fault_set(f, RC_USAGE, 0, "systemd passes two sockets of one kind");
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		door[d] = fd;
		names = names != NULL && names[len] == ':' ? names + len + 1 : NULL;
	}
	*ret_any = true;
	return door[DOOR_SERVER] >= 0
		       ? OK
		       : fault_set(f, RC_USAGE, 0, "systemd passes no socket for the server");
}

static rc listen_on(const struct conf *c, const char *path, int *ret_fd, struct fault *f)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	mode_t mask;
	int e;

	if (strlen(path) >= sizeof(at.sun_path))
		return fault_set(f, RC_LIMIT, 0, "socket: path longer than %zu bytes",
				 sizeof(at.sun_path) - 1);
	memcpy(at.sun_path, path, strlen(path));
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fault_errno(f, errno, "socket");
	/* The lock on the state says that a socket lying there is a dead keeper's. */
	(void)unlink(path);
	mask = umask(0777 & ~(mode_t)c->socket_mode);
	e = bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 ? 0 : errno;
	(void)umask(mask);
	if (e != 0)
		return fault_errno(f, e, "%s", path);
	if (listen(fd, 64) != 0)
		return fault_errno(f, errno, "listen");
	*ret_fd = fd;
	fd = -1;
	return OK;
}

static rc open_doors(const struct conf *c, int door[DOOR__COUNT], struct fault *f)
{
	bool passed;

	TRY(passed_sockets(door, &passed, f));
	if (passed)
		return OK;
	if (strcmp(c->socket, c->jwks_socket) == 0)
		return fault_set(f, RC_USAGE, 0, "socket and jwks-socket are one path");
	TRY(listen_on(c, c->socket, &door[DOOR_SERVER], f));
	return c->jwks_socket[0] == '\0' ? OK : listen_on(c, c->jwks_socket, &door[DOOR_JWKS], f);
}

static rc signals(int *ret_fd, struct fault *f)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	*ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret_fd >= 0 ? OK : fault_errno(f, errno, "signalfd");
}

/* Paths that are used after the start: state and guard, file tokens elsewhere, a module's files. */
static rc confine_paths(const struct conf *c, const struct parts *p, struct fault *f)
{
	struct sandbox_path paths[3 + KEYRING_TOKENS_MAX + 2 * CONF_LIST_MAX];
	char dir[KEYRING_TOKENS_MAX][TOKEN_PATH_MAX + 1];
	size_t n = 0;
	int abi;

	paths[n++] = (struct sandbox_path){.path = c->state, .write = true};
	paths[n++] = (struct sandbox_path){.path = c->guard, .write = true};
	if (p->zone_fd >= 0)
		paths[n++] = (struct sandbox_path){.path = c->zoneinfo};
	for (size_t i = 0; i < p->token_count; i++) {
		char *slash;

		memcpy(dir[i], p->spec[i].path, sizeof(dir[i]));
		slash = strrchr(dir[i], '/');
		if (slash == NULL || slash == dir[i])
			continue;
		*slash = '\0';
		paths[n++] = (struct sandbox_path){.path = dir[i],
						   .write = p->spec[i].ops == &token_file_ops,
						   .execute = p->spec[i].ops == &token_pkcs11_ops};
	}
	for (size_t i = 0; i < c->read_paths.count; i++)
		paths[n++] = (struct sandbox_path){.path = c->read_paths.text[i]};
	for (size_t i = 0; i < c->write_paths.count; i++)
		paths[n++] = (struct sandbox_path){.path = c->write_paths.text[i], .write = true};
	TRY(sandbox_paths(paths, n, &abi, f));
	if (abi == 0)
		log_warn("this kernel has no Landlock: paths are not confined");
	return OK;
}

static bool has_module(const struct parts *p)
{
	for (size_t i = 0; i < p->token_count; i++)
		if (p->spec[i].ops == &token_pkcs11_ops)
			return true;
	return false;
}

static rc confine(const struct conf *c, const struct parts *p, struct fault *f)
{
	/* A module may be loaded again when its HSM comes back. */
	const struct sandbox_calls list = {.allow = calls,
					   .allow_count = COUNT(calls),
					   .refuse = probes,
					   .refuse_count = COUNT(probes),
					   .no_exec_memory = !has_module(p)};

	dsse_prepare();
	memory_lock();
	TRY(confine_paths(c, p, f));
	return sandbox_filter(&list, f);
}

static rc serve(const struct conf *c, struct parts *p, struct fault *f)
{
	struct loop_config loop = {.keeper = &p->keeper};
	AUTO(unlock) struct unlock unlock = {.count = 0};
	int door[DOOR__COUNT] = {-1, -1}; /* open as long as the process */
	AUTO(fd) int signal_fd = -1;

	TRY(unlock_read(c, &unlock, f));
	TRY(parts_open(c, &unlock, p, f));
	unlock_release(&unlock);
	TRY(signals(&signal_fd, f));
	TRY(open_doors(c, door, f));
	TRY(confine(c, p, f));
	TRY(parts_load(c, p, f));
	TRY(parts_start(p, f));
	loop.listen_fd = door[DOOR_SERVER];
	loop.jwks_fd = door[DOOR_JWKS];
	loop.signal_fd = signal_fd;
	log_info("serving %s, %llu log entries, policy %llu, roster %llu",
		 p->keeper.ledger.id.origin,
		 (unsigned long long)p->keeper.ledger.committed.tree.size,
		 (unsigned long long)p->keeper.policy->version,
		 (unsigned long long)p->keeper.roster->version);
	notify("READY=1");
	TRY(loop_run(&loop, f));
	notify("STOPPING=1");
	log_info("stopped");
	return OK;
}

/* ---- Verbs ---------------------------------------------------------------------------------*/

static rc verb_run(const struct conf *c, struct fault *f)
{
	struct parts *p = calloc(1, sizeof(*p));
	rc r;

	if (p == NULL)
		return fault_set(f, RC_NOMEM, 0, "keeper");
	r = serve(c, p, f);
	if (r.code == RC_STATE)
		log_err("%s: %s", reason_id(REASON_KEEPER_RESTORED),
			reason_remedy(REASON_KEEPER_RESTORED));
	parts_release(p);
	free(p);
	return r;
}

static rc verb_init(const struct conf *c, struct fault *f)
{
	struct journal_identity id;

	TRY(keeper_init(c, &id, f));
	log_info("made the log %s", id.origin);
	log_info("its key is %s", id.vkey);
	return OK;
}

static rc verb_fsck(const struct conf *c, struct fault *f)
{
	uint64_t entries;

	TRY(keeper_fsck(c, &entries, f));
	(void)printf("%llu entries: journal, guard and public log agree\n",
		     (unsigned long long)entries);
	return OK;
}

static rc verb_check(const struct conf *c, struct fault *f)
{
	struct token_spec spec;

	for (size_t i = 0; i < c->tokens.count; i++)
		TRY(token_spec_parse(view_str(c->tokens.text[i]), c->state, &spec, f));
	(void)printf("the configuration is good\n");
	return OK;
}

static const struct {
	const char *name;
	rc (*run)(const struct conf *c, struct fault *f);
	const char *help;
} verbs[] = {
	{"init", verb_init, "make a new keeper: state, guard, tokens, log"},
	{"run", verb_run, "serve the socket"},
	{"check", verb_check, "check the configuration, as -t does"},
	{"fsck", verb_fsck, "check journal, guard and public log; the keeper must be stopped"},
};

static int usage(FILE *out, int status)
{
	(void)fprintf(out,
		      "usage: greatseal-keeper VERB [--config FILE] [--NAME VALUE]... [-t]\n\n");
	for (size_t i = 0; i < COUNT(verbs); i++)
		(void)fprintf(out, "  %-6s %s\n", verbs[i].name, verbs[i].help);
	(void)fprintf(out, "\nsettings, as --NAME VALUE or in the file as NAME = VALUE:\n");
	settings_print(&conf_settings, out);
	return status;
}

int main(int argc, char **argv)
{
	static struct conf conf;
	struct fault f = {0};
	bool test = false;
	size_t v = 0;
	rc r;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("greatseal-keeper %s\n", GS_VERSION) > 0 ? 0 : 1;
	while (argc > 1 && v < COUNT(verbs) && strcmp(argv[1], verbs[v].name) != 0)
		v++;
	if (argc < 2 || v == COUNT(verbs))
		return usage(stderr, 2);
	log_setup("greatseal-keeper", LOG_LEVEL_INFO, getenv("JOURNAL_STREAM") != NULL);
	(void)umask(0022);
	r = sandbox_harden(&f);
	settings_defaults(&conf_settings, &conf);
	if (rc_is_ok(r) && !rc_is_ok(conf_args(&conf, argc - 2, argv + 2, &test, &f))) {
		log_err("%s", f.text);
		return 2;
	}
	if (rc_is_ok(r) && verbs[v].run != verb_fsck)
		r = conf_check(&conf, verbs[v].run == verb_init, &f);
	if (rc_is_ok(r))
		r = test ? verb_check(&conf, &f) : verbs[v].run(&conf, &f);
	if (rc_is_ok(r))
		return 0;
	log_err("%s: %s", rc_name(r), f.text);
	return r.code == RC_USAGE ? 2 : 1;
}
