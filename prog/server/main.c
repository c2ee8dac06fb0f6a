/* greatseald - the HTTPS API: carries bytes between people and the keeper. See greatseald(8).
 *
 * Owns: starting and ending the parts in order. Whatever happens here can refuse service, never
 * make a signature. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"
#include "lib/net/tls.h"
#include "prog/server/auth.h"
#include "prog/server/conf.h"
#include "prog/server/change_tests.h"
#include "prog/server/client_hosts.h"
#include "prog/server/confine.h"
#include "prog/server/room.h"
#include "prog/server/tasks.h"
#include "prog/server/timer.h"
#include "prog/server/uploads.h"

#define PEM_MAX 65536u
#define CERT_YEARS 10
#define DRAIN_MS 10000u

static int usage(FILE *out, int code)
{
	(void)fprintf(out, "usage: greatseald init --data DIR [--name HOST]\n"
			   "       greatseald run|-t [--config FILE] [--SETTING VALUE ...]\n"
			   "       greatseald --help | --version\n");
	return code;
}

static int fail(const struct fault *f)
{
	(void)fprintf(stderr, "greatseald: %s\n", f->text);
	return 1;
}

static rc write_private(int dirfd, const char *name, struct view bytes, struct fault *f)
{
	const struct file_spec spec = {.dirfd = dirfd, .name = name, .mode = 0600, .durable = true};

	return file_replace(&spec, bytes, f);
}

/* Makes the data directory, the TLS key and its certificate; keeps what is there. */
static rc init(const char *data, const char *name, struct digest *ret_pin, struct fault *f)
{
	unix_time now = clock_now(&clock_system);
	const struct tls_make make = {.name = name,
				      .not_before = now - 3600,
				      .not_after = now + (unix_time)CERT_YEARS * 366 * 86400};
	AUTO(secret) struct secret key = {0};
	AUTO(buf) struct buf cert = {0};
	AUTO(fd) int dirfd = -1;

	buf_init(&cert, PEM_MAX);
	TRY(dir_make(data, 0700, f));
	TRY(dir_open(data, &dirfd, f));
	if (faccessat(dirfd, "tls.key", F_OK, 0) == 0)
		return fault_set(f, RC_EXISTS, 0, "%s/tls.key exists; init is for a new directory",
				 data);
	TRY(tls_self_signed(&make, &key, &cert, f));
	TRY(write_private(dirfd, "tls.crt", buf_view(&cert), f));
	TRY(write_private(dirfd, "tls.key", secret_view(&key), f));
	return tls_pin(buf_view(&cert), ret_pin, f);
}

static int cmd_init(int argc, char **argv)
{
	const char *data = NULL;
	const char *name = "localhost";
	struct fault f = {0};
	char hex[DIGEST_HEX];
	struct digest pin;

	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--data") == 0)
			data = argv[i + 1];
		else if (strcmp(argv[i], "--name") == 0)
			name = argv[i + 1];
		else
			return usage(stderr, 2);
	}
	if (data == NULL || argc % 2 != 0)
		return usage(stderr, 2);
	if (!rc_is_ok(init(data, name, &pin, &f)))
		return fail(&f);
	digest_hex(&pin, hex);
	(void)printf("sha256:%s\n", hex);
	return 0;
}

static rc read_settings(int argc, char **argv, struct conf *c, struct fault *f)
{
	settings_defaults(&conf_settings, c);
	TRY(settings_args(&conf_settings, c, argc - 2, argv + 2, f));
	return conf_check(c, f);
}

/* The parts that need files; what is read here is not read again. */
struct files {
	struct buf cert;
	struct buf ca;
	struct secret key;
};

static void files_release(struct files *s)
{
	buf_release(&s->cert);
	buf_release(&s->ca);
	secret_release(&s->key);
}
AUTO_DEFINE(files, struct files, files_release)

static rc read_tls(struct server *s, struct files *t, struct fault *f)
{
	char path[PATH_MAX];
	AUTO(fd) int fd = -1;
	uint64_t size;

	buf_init(&t->cert, PEM_MAX);
	buf_init(&t->ca, PEM_MAX);
	if ((size_t)snprintf(path, sizeof(path), "%s/tls.crt", s->conf.data) >= sizeof(path))
		return fault_set(f, RC_LIMIT, 0, "data: path is too long");
	TRY(file_read(path, &t->cert, f));
	fd = openat(s->data_fd, "tls.key", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fault_errno(f, errno, "%s/tls.key", s->conf.data);
	TRY(fd_size(fd, &size, f));
	if (size == 0 || size >= PEM_MAX)
		return fault_set(f, RC_SYNTAX, 0, "%s/tls.key is empty or too large", s->conf.data);
	/* One byte more: the TLS library wants a NUL behind the text. */
	TRY(secret_new(&t->key, (size_t)size + 1));
	TRY(fd_read_full(fd, t->key.ptr, (size_t)size, f));
	TRY(tls_check_pair(view_of(t->key.ptr, (size_t)size), buf_view(&t->cert), f));
	if (s->conf.client_file[0] != '\0')
		TRY(file_read(s->conf.client_file, &t->ca, f));
	return tls_pin(buf_view(&t->cert), &s->pin, f);
}

static rc open_store(struct server *s, struct fault *f)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/greatseald.db", s->conf.data) >= sizeof(path))
		return fault_set(f, RC_LIMIT, 0, "data: path is too long");
	return store_sqlite_open(path, &s->store, f);
}

static rc start_http(struct server *s, struct files *t, int fd, const struct http_handler *handler,
		     struct fault *f)
{
	const struct http_server_spec spec = {
		.has_fd = true,
		.fd = fd,
		.key_pem = (const char *)t->key.ptr,
		.cert_pem = buf_cstr(&t->cert),
		.client_ca_pem = t->ca.len > 0 ? buf_cstr(&t->ca) : NULL,
		.client_judged = s->hosts != NULL,
		.threads = (unsigned)s->conf.threads,
		.connections = (unsigned)s->conf.connections,
		.connections_address = (unsigned)s->conf.connections_address,
		.idle_seconds = 75,
		.header_seconds = 10,
		.body_seconds = 120,
		.body_memory = (uint64_t)64 << 20,
		.handler = handler,
	};

	return http_server_start(&spec, &s->http, f);
}

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

/* What the process may open from here on: its data, the log's files, and what starting the worker
 * takes (the worker locks itself in further). No new listening sockets, no outgoing connections but
 * the keeper's. */
static rc lock_in(struct server *s, struct fault *f)
{
	static const char *const loader[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64",
					     "/usr/local/lib"};
	static const char *const readable[] = {"/etc/ld.so.cache", "/proc/self", SERVER_ZONES};
	struct sandbox_path paths[16] = {{.path = s->conf.data, .write = true},
					 {.path = s->conf.worker, .execute = true},
					 {.path = "/dev/null", .write = true}};
	size_t n = 3;
	int abi = 0;

	for (size_t i = 0; i < sizeof(loader) / sizeof(loader[0]); i++)
		if (access(loader[i], F_OK) == 0)
			paths[n++] = (struct sandbox_path){.path = loader[i], .execute = true};
	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++)
		if (access(readable[i], R_OK) == 0)
			paths[n++] = (struct sandbox_path){.path = readable[i]};
	if (access(s->conf.public_log, X_OK) == 0)
		paths[n++] = (struct sandbox_path){.path = s->conf.public_log};
	else
		log_warn("%s is not there: the log is not served until the next start",
			 s->conf.public_log);
	TRY(sandbox_paths(paths, n, &abi, f));
	if (abi == 0)
		log_warn("this kernel has no Landlock: going on without");
	return OK;
}

/* Serves until SIGTERM or SIGINT. */
static rc serve(struct server *s, const sigset_t *ends, struct fault *f)
{
	AUTO(fd) int fd = -1;
	struct http_handler handler = tasks_handler(s);
	AUTO(files) struct files tls = {0};
	struct nonces *nonces = NULL;
	struct timer *timer = NULL;
	char hex[DIGEST_HEX];
	int sig = 0;
	rc r;

	TRY(read_tls(s, &tls, f));
	TRY(http_listen(s->conf.listen, &fd, f));
	TRY(lock_in(s, f));
	TRY(confine_calls(f));
	TRY(uploads_setup(s, f));
	TRY(open_store(s, f));
	if (s->conf.client_hosts)
		TRY(client_hosts_new(&s->hosts, f));
	TRY(room_open(s, f));
	TRY(nonces_open(s->data_fd, clock_now(&clock_system), &nonces, f));
	r = keeper_client_start(s->conf.keeper_socket, KEEPER_PATIENCE, &s->keeper, f);
	if (rc_is_ok(r))
		r = tasks_start(s, nonces, f);
	if (rc_is_ok(r))
		r = timer_start(s, &timer, f);
	if (rc_is_ok(r)) {
		r = start_http(s, &tls, fd, &handler, f);
		fd = -1; /* the HTTP server's */
	}
	if (rc_is_ok(r)) {
		digest_hex(&s->pin, hex);
		log_info("listening on %s, pin sha256:%s", http_server_address(s->http), hex);
		notify("READY=1");
		(void)sigwait(ends, &sig);
		log_info("ending");
		notify("STOPPING=1");
		http_server_quiesce(s->http);
		keeper_client_hurry(s->keeper);
	}
	timer_stop(timer);
	tasks_stop(s);
	if (s->http != NULL && !http_server_drain(s->http, DRAIN_MS))
		log_warn("some answers were cut off");
	http_server_free(s->http);
	tasks_free(s);
	if (rc_is_ok(r))
		nonces_end(nonces);
	keeper_client_stop(s->keeper);
	nonces_free(nonces);
	return r;
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
	struct server s = {.data_fd = -1, .public_fd = -1};
	struct fault f = {0};
	sigset_t ends;
	rc r = read_settings(argc, argv, &s.conf, &f);

	if (!rc_is_ok(r))
		return fail(&f);
	if (only_test) {
		(void)printf("greatseald: the settings are in order\n");
		return 0;
	}
	log_setup("greatseald", LOG_LEVEL_INFO, getenv("JOURNAL_STREAM") != NULL);
	/* Every thread inherits the mask; main takes the two by sigwait. */
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	raise_files();
	(void)pthread_mutex_init(&s.lock, NULL);
	(void)pthread_mutex_init(&s.issued_lock, NULL);
	open_rate_init(&s.open_rate);
	bearers_init(&s.bearers);
	r = sandbox_harden(&f);
	if (rc_is_ok(r))
		r = dir_open(s.conf.data, &s.data_fd, &f);
	if (rc_is_ok(r))
		r = serve(&s, &ends, &f);
	if (s.roster != NULL)
		roster_drop(&s, s.roster);
	room_free(&s);
	client_hosts_free(s.hosts);
	if (s.store != NULL)
		s.store->api->close(s.store);
	fd_close(&s.data_fd);
	fd_close(&s.public_fd);
	return rc_is_ok(r) ? 0 : fail(&f);
}

int main(int argc, char **argv)
{
	(void)umask(0077); /* SQLite makes its files as the mask permits */
	if (argc < 2)
		return usage(stderr, 2);
	if (strcmp(argv[1], "init") == 0)
		return cmd_init(argc, argv);
	if (strcmp(argv[1], "run") == 0)
		return cmd_run(argc, argv, false);
	if (strcmp(argv[1], "-t") == 0)
		return cmd_run(argc, argv, true);
	if (strcmp(argv[1], "--version") == 0) {
		(void)printf("greatseald %s\n", GS_VERSION);
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
