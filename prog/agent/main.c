/* greatseal-agent - says for its host which host it is, and speaks to the server for local clients.
 * See greatseal-agent(8).
 *
 * Owns: starting and ending the parts in order. Whoever takes the agent over can ask for signatures
 * in the name of this host, never in the name of a person. */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"
#include "prog/agent/agent.h"
#include "prog/agent/confine.h"
#include "prog/agent/enrol.h"
#include "prog/agent/guard_post.h"
#include "prog/agent/prober.h"
#include "prog/agent/renewal.h"
#include "prog/agent/svid_source.h"

#define DRAIN_MS 5000u
#define ARGS_MAX 64

static int usage(FILE *out, int code)
{
	(void)fprintf(
		out,
		"usage: greatseal-agent run|-t [--user] [--config FILE] [--SETTING VALUE ...]\n"
		"       greatseal-agent enrol URL --pin sha256:HEX --token TOKEN|- [--name NAME] "
		"[--tpm auto|require|none] [--again]\n"
		"       greatseal-agent renew | status [--json] | tpm [--json]\n"
		"       greatseal-agent --help | --version\n");
	return code;
}

static int fail(const struct fault *f)
{
	(void)fprintf(stderr, "greatseal-agent: %s\n", f->text);
	return 1;
}

/* ---- Settings ---- */

static rc read_settings(int argc, char **argv, struct conf *c, struct fault *f)
{
	char *rest[ARGS_MAX];
	bool user = false;
	int n = 0;

	if (argc > ARGS_MAX)
		return fault_set(f, RC_USAGE, 0, "too many arguments");
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], "--user") == 0)
			user = true;
		else
			rest[n++] = argv[i];
	TRY(conf_defaults(c, user, f));
	TRY(settings_args(&conf_settings, c, n, rest, f));
	return conf_check(c, f);
}

/* Who we are by the settings: a key that the roster holds, or an SVID. */
static rc become_static(struct agent *a, struct fault *f)
{
	const struct conf *c = &a->conf;
	unix_time end = 0;
	struct hash pin;

	if (c->svid_dir[0] != '\0') {
		TRY(svid_source_new(c->svid_dir, &a->svid));
		TRY(svid_source_look(a->svid, clock_now(&a->clock), &a->first, &end, f));
		TRY(host_key_svid(c->svid_dir, &a->key, f));
		atomic_store(&a->expires, end);
	} else {
		TRY(host_key_import(c->key_file, &a->key, f));
	}
	TRY(hash_parse(view_str(c->pin), &pin));
	memcpy(a->who.pin.b, pin.b, DIGEST_SIZE);
	(void)snprintf(a->who.server, sizeof(a->who.server), "%s", c->server);
	(void)snprintf(a->who.origin, sizeof(a->who.origin), "%s", c->origin);
	return name_parse(view_str(c->host), &a->who.host);
}

/* Who enrolment made us. */
static rc become_enrolled(struct agent *a, struct fault *f)
{
	AUTO(state) struct state s;
	rc r;

	state_init(&s);
	TRY(state_dir(a->conf.state, &a->dirfd, &a->lock, f));
	r = state_load(a->dirfd, &s, f);
	if (r.code == RC_NOTFOUND)
		return fault_set(f, RC_USAGE, 0,
				 "this host is not enrolled, and there is no key-file or svid-dir");
	TRY(r);
	TRY(host_key_open(a->dirfd, a->conf.tpm, &a->key, f));
	TRY(host_key_identity(a->key, buf_view(&s.certificate), &a->first, f));
	a->who = s.who;
	atomic_store(&a->expires, s.not_after);
	return OK;
}

static rc become(struct agent *a, struct fault *f)
{
	return conf_is_enrolled(&a->conf) ? become_enrolled(a, f) : become_static(a, f);
}

/* ---- Running ---- */

/* systemd's readiness datagram, where it asks for one. */
static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	AUTO(fd) int fd = -1;

	if (path == NULL || strlen(path) >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}

/* Where the unit grants it, CAP_SYS_PTRACE is for the prober, to see other users' programs. */
static rc drop_tracing(struct fault *f)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	const uint32_t bit = 1U << CAP_SYS_PTRACE;

	if (syscall(SYS_capget, &head, data) != 0)
		return fault_errno(f, errno, "capget");
	if (((data[0].effective | data[0].permitted | data[0].inheritable) & bit) == 0)
		return OK; /* the usual case; capset may be forbidden there */
	data[0].effective &= ~bit;
	data[0].permitted &= ~bit;
	data[0].inheritable &= ~bit;
	if (syscall(SYS_capset, &head, data) != 0)
		return fault_errno(f, errno, "capset");
	return OK;
}

/* What the process may open from here on: what finding the server's address takes. */
static rc lock_in(const struct agent *a, struct fault *f)
{
	static const char *const readable[] = {"/etc/resolv.conf",     "/etc/hosts",
					       "/etc/nsswitch.conf",   "/etc/host.conf",
					       "/etc/gai.conf",	       "/etc/ssl/openssl.cnf",
					       "/run/systemd/resolve", "/etc/ld.so.cache",
					       "/dev/urandom",	       "/proc/self"};
	static const char *const loader[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64"};
	struct sandbox_path paths[20];
	size_t n = 0;
	int abi = 0;

	if (a->svid != NULL)
		paths[n++] = (struct sandbox_path){.path = a->conf.svid_dir};
	if (conf_is_enrolled(&a->conf))
		paths[n++] = (struct sandbox_path){.path = a->conf.state, .write = true};
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		if (access(readable[i], R_OK) == 0)
			paths[n++] = (struct sandbox_path){.path = readable[i]};
	/* A TPM that comes back is opened again. */
	if (host_key_chip(a->key) != NULL && strncmp(a->conf.tpm, "device:", 7) == 0)
		paths[n++] = (struct sandbox_path){.path = a->conf.tpm + 7, .write = true};
	/* Name service modules are loaded when a name is looked up. */
	for (size_t i = 0; i < sizeof(loader) / sizeof(loader[0]); i++)
		if (access(loader[i], F_OK) == 0)
			paths[n++] = (struct sandbox_path){.path = loader[i], .execute = true};
	TRY(sandbox_paths_online(paths, n, &abi, f));
	if (abi == 0)
		log_warn("this kernel has no Landlock: going on without");
	return OK;
}

static rc start_http(struct agent *a, int fd, const struct http_handler *handler, struct fault *f)
{
	const struct http_server_spec spec = {
		.has_fd = true,
		.fd = fd,
		.local = true,
		.connections = (unsigned)a->conf.connections,
		.connections_user = (unsigned)a->conf.connections_user,
		.idle_seconds = 300, /* more than RELAY_PATIENCE: it counts while we wait, too */
		.header_seconds = 10,
		.body_seconds = 120,
		.body_memory = (uint64_t)64 << 20,
		.handler = handler,
	};

	return http_server_start(&spec, &a->http, f);
}

/* Serves until SIGTERM or SIGINT. */
static rc serve(struct agent *a, const sigset_t *ends, struct fault *f)
{
	const struct http_handler handler = talk_handler(a);
	int fd = -1;
	int sig = 0;

	TRY(become(a, f));
	if (!rc_is_ok(https_setup()))
		return fault_set(f, RC_NOMEM, 0, "libcurl cannot be set up");
	TRY(prober_start(a->conf.program_max, &a->prober, f));
	TRY(drop_tracing(f));
	TRY(pool_new(a->who.server, &a->who.pin, &a->pool));
	pool_identity(a->pool, a->first);
	TRY(http_listen_local(a->conf.socket, (unsigned)a->conf.socket_mode, &fd, f));
	TRY(lock_in(a, f));
	TRY(confine_calls(f));
	if (a->dirfd >= 0)
		TRY(renewal_start(a, a->dirfd, &a->renewal, f));
	if (a->conf.guard[0] != '\0')
		TRY(guard_post_start(a, &a->guard, f));
	TRY(start_http(a, fd, &handler, f));
	log_info("host %s, %s, listening on %s", a->who.host.s, a->who.server, a->conf.socket);
	notify("READY=1");
	(void)sigwait(ends, &sig);
	log_info("ending");
	notify("STOPPING=1");
	http_server_quiesce(a->http);
	if (!http_server_drain(a->http, DRAIN_MS)) {
		atomic_store(&a->ending, true);
		if (!http_server_drain(a->http, DRAIN_MS))
			log_warn("some answers were cut off");
	}
	return OK;
}

/* One descriptor per connection and some: the soft limit is a default for other programs. */
static void raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		log_warn("the limit of open files stays as it is: %s", strerror(errno));
}

static int cmd_run(int argc, char **argv, bool only_test)
{
	struct agent a = {.clock = clock_system, .dirfd = -1, .lock = -1};
	struct fault f = {0};
	sigset_t ends;
	rc r = read_settings(argc, argv, &a.conf, &f);

	if (!rc_is_ok(r))
		return fail(&f);
	if (only_test) {
		(void)printf("greatseal-agent: the settings are in order\n");
		return 0;
	}
	log_setup("greatseal-agent", LOG_LEVEL_INFO, getenv("JOURNAL_STREAM") != NULL);
	/* Every thread inherits the mask; main takes the two by sigwait. */
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	raise_files();
	r = sandbox_harden(&f);
	if (rc_is_ok(r))
		r = serve(&a, &ends, &f);
	http_server_free(a.http);
	renewal_stop(a.renewal);
	guard_post_stop(a.guard);
	tls_identity_free(a.first);
	svid_source_free(a.svid);
	pool_free(a.pool);
	prober_stop(a.prober);
	host_key_free(a.key);
	fd_close(&a.dirfd);
	fd_close(&a.lock);
	return rc_is_ok(r) ? 0 : fail(&f);
}

/* ---- The other verbs ---- */

/* Takes what is the verb's own out of the arguments; the rest are settings. false: no such option.
 */
static bool own_option(struct enrol_order *o, int argc, char **argv, int *i)
{
	const struct {
		const char *name;
		const char **to;
	} own[] = {{"--pin", &o->pin},
		   {"--name", &o->name},
		   {"--tpm", &o->tpm},
		   {"--token", &o->token},
		   {"--token-file", &o->token_file}};

	if (strncmp(argv[*i], "--", 2) != 0 && o->server == NULL) {
		o->server = argv[*i];
		return true;
	}
	for (size_t k = 0; k < sizeof(own) / sizeof(own[0]); k++)
		if (strcmp(argv[*i], own[k].name) == 0 && *i + 1 < argc) {
			*own[k].to = argv[++*i];
			return true;
		}
	return false;
}

static rc verb(int argc, char **argv, struct fault *f)
{
	struct enrol_order o = {0};
	bool enrol = strcmp(argv[1], "enrol") == 0;
	bool json = false;
	char *rest[ARGS_MAX] = {argv[0], argv[1]};
	struct conf c;
	int n = 2;

	if (argc > ARGS_MAX)
		return fault_set(f, RC_USAGE, 0, "too many arguments");
	for (int i = 2; i < argc; i++) {
		if (enrol && strcmp(argv[i], "--again") == 0) {
			o.again = true;
			continue;
		}
		if (enrol && own_option(&o, argc, argv, &i))
			continue;
		if (strcmp(argv[i], "--json") == 0) {
			json = true;
			continue;
		}
		rest[n++] = argv[i];
		/* The value of a setting is none of the verb's own. */
		if (strcmp(argv[i], "--user") != 0 && i + 1 < argc)
			rest[n++] = argv[++i];
	}
	TRY(read_settings(n, rest, &c, f));
	if (enrol)
		return cmd_enrol(&c, &o, f);
	if (strcmp(argv[1], "tpm") == 0)
		return cmd_tpm(&c, json, f);
	return strcmp(argv[1], "renew") == 0 ? cmd_renew(&c, f) : cmd_status(&c, json, f);
}

static int cmd_verb(int argc, char **argv)
{
	struct fault f = {0};
	rc r = sandbox_harden(&f);

	(void)signal(SIGPIPE, SIG_IGN);
	if (rc_is_ok(r))
		r = verb(argc, argv, &f);
	return rc_is_ok(r) ? 0 : fail(&f);
}

int main(int argc, char **argv)
{
	/* Its library speaks for itself otherwise; we say what failed. */
	(void)setenv("TSS2_LOG", "all+none", 0);
	if (argc < 2)
		return usage(stderr, 2);
	if (strcmp(argv[1], "enrol") == 0 || strcmp(argv[1], "renew") == 0 ||
	    strcmp(argv[1], "status") == 0 || strcmp(argv[1], "tpm") == 0)
		return cmd_verb(argc, argv);
	if (strcmp(argv[1], "run") == 0)
		return cmd_run(argc, argv, false);
	if (strcmp(argv[1], "-t") == 0)
		return cmd_run(argc, argv, true);
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("greatseal-agent %s\n", GS_VERSION);
		return 0;
	}
	if (strcmp(argv[1], "--help") == 0) {
		(void)usage(stdout, 0);
		(void)printf("settings:\n");
		settings_print(&conf_settings, stdout);
		return 0;
	}
	return usage(stderr, 2);
}
