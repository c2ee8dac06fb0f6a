/* The process, the people and the documents. What is said to the keeper: fixture_say.c. */
#include "tests/lib/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/jcan.h"
#include "lib/crypt/sshsig.h"

#define PASSPHRASE "not a secret\n"

void fx_die(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
	(void)fflush(NULL);
	abort();
}

/* ---- Keys ----------------------------------------------------------------------------------*/

static void put_point(const struct pkey *k, struct buf *out)
{
	struct view spki = pkey_spki(k);

	/* RFC 5480: an uncompressed P-256 point is the last 65 bytes. */
	buf_put_string(out, view_of(spki.ptr + spki.len - 65, 65));
}

void fx_key_new(struct fx_key *k, bool p256)
{
	AUTO(secret) struct secret seed = {0};
	AUTO(buf) struct buf blob;
	uint8_t public[ED25519_PUBLIC];

	memset(k, 0, sizeof(*k));
	buf_init(&blob, 1000);
	if (p256) {
		fx_ok(pkey_soft_generate(KEY_P256, &k->soft, NULL));
		buf_put_string(&blob, view_str("ecdsa-sha2-nistp256"));
		buf_put_string(&blob, view_str("nistp256"));
		put_point(pkey_soft_public(k->soft), &blob);
	} else {
		fx_ok(secret_new(&seed, ED25519_SEED));
		fx_ok(rng_fill(&rng_system, seed.ptr, seed.len));
		fx_ok(ed25519_key_new(&seed, &k->ed, NULL));
		ed25519_key_public(k->ed, public);
		buf_put_string(&blob, view_str("ssh-ed25519"));
		buf_put_string(&blob, view_of(public, sizeof(public)));
	}
	fx_ok(buf_done(&blob));
	fx_ok(sshkey_parse_blob(buf_view(&blob), &k->ssh, NULL));
}

/* In the shape of a signer; ctx: the key. */
static rc sign_value(void *ctx, enum sign_scheme scheme, enum hash_alg alg, struct view input,
		     struct buf *out, struct fault *f)
{
	const struct fx_key *k = (const struct fx_key *)ctx;
	const struct sign_input in = {.scheme = scheme, .hash = alg, .input = input};
	AUTO(pkey_soft_ctx) struct pkey_soft_ctx *soft = NULL;
	uint8_t value[ED25519_SIGNATURE];

	if (k->ed == NULL) {
		TRY(pkey_soft_ctx_new(k->soft, &soft, f));
		return pkey_soft_sign(soft, &in, out, f);
	}
	TRY(ed25519_sign(k->ed, input, value, f));
	buf_put(out, value, sizeof(value));
	return OK;
}

void fx_sign(const struct fx_key *k, const char *ns, struct view message, struct buf *out)
{
	const struct signer s = {.sign = sign_value, .ctx = (void *)(uintptr_t)k};

	fx_ok(sshsig_sign(k->ssh, &s, ns, message, out, NULL));
}

static struct fx_who *find(struct fx_who *list, const char *name)
{
	for (; list->name != NULL; list++)
		if (strcmp(list->name, name) == 0)
			return list;
	fx_die(__FILE__, __LINE__, name);
}

struct fx_who *fx_person(struct fixture *fx, const char *name)
{
	return find(fx->people, name);
}

struct fx_who *fx_host(struct fixture *fx, const char *name)
{
	return find(fx->hosts, name);
}

void fx_sign_as(struct fixture *fx, const char *person, enum statement_kind kind,
		struct view statement, struct buf *out)
{
	fx_sign(&fx_person(fx, person)->key[0], statement_info(kind)->ns, statement, out);
}

/* ---- Documents -----------------------------------------------------------------------------*/

static void put_who(struct jcan_out *w, const char *list, const struct fx_who *who)
{
	jcan_out_key(w, list);
	jcan_out_array(w);
	for (; who->name != NULL; who++) {
		if (who->gone)
			continue;
		jcan_out_object(w);
		jcan_out_key(w, "groups");
		jcan_out_array(w);
		for (size_t i = 0; i < 3 && who->groups[i] != NULL; i++)
			jcan_out_string(w, who->groups[i]);
		jcan_out_array_end(w);
		jcan_out_key(w, "keys");
		jcan_out_array(w);
		for (size_t i = 0; i < who->key_count; i++) {
			AUTO(buf) struct buf line;

			buf_init(&line, SSHKEY_LINE_MAX);
			sshkey_put_line(who->key[i].ssh, view_of(NULL, 0), &line);
			jcan_out_view(w, buf_view(&line));
		}
		jcan_out_array_end(w);
		jcan_out_key(w, "name");
		jcan_out_string(w, who->name);
		jcan_out_object_end(w);
	}
	jcan_out_array_end(w);
}

void fx_roster_doc(struct fixture *fx, uint64_t version, struct buf *out)
{
	struct jcan_out w;

	buf_clear(out);
	jcan_out_init(&w, out);
	jcan_out_object(&w);
	put_who(&w, "hosts", fx->hosts);
	put_who(&w, "people", fx->people);
	jcan_out_key(&w, "version");
	jcan_out_u64(&w, version);
	jcan_out_object_end(&w);
	fx_ok(jcan_out_done(&w));
}

void fx_policy_doc(struct fixture *fx, uint64_t version, const char *extra_rules, struct buf *out)
{
	(void)fx;
	buf_clear(out);
	buf_printf(out,
		   "{\"admin\":{\"approve\":[\"2 of admins\"]},"
		   "\"change\":{\"approve\":[\"2 of admins\"]},\"rules\":["
		   "{\"approve\":[\"2 of security\"],\"formats\":[\"cms\",\"pe\"],"
		   "\"from\":[\"group:builders\"],\"keys\":[\"release\"],\"max_uses\":3,"
		   "\"name\":\"release\",\"request\":[\"group:developers\"],"
		   "\"upload\":\"optional\"},"
		   "{\"formats\":[\"cms\"],\"from\":[\"build1\"],\"keys\":[\"nightly\"],"
		   "\"name\":\"nightly\",\"request\":[\"group:robots\"],\"unattended\":true,"
		   "\"upload\":\"optional\"}%s],"
		   "\"unlock\":{\"approve\":[\"2 of admins\"]},\"version\":%llu}",
		   extra_rules, (unsigned long long)version);
	fx_ok(buf_done(out));
}

void fx_zone(struct fixture *fx, bool there)
{
	const char *dir = getenv("SRCDIR");
	AUTO(buf) struct buf bytes;
	AUTO(fd) int fd = -1;
	char path[600];

	buf_init(&bytes, 1 << 16);
	(void)snprintf(path, sizeof(path), "%s/fuzz/corpus/tzif/UTC", dir != NULL ? dir : ".");
	fx_ok(file_read(path, &bytes, NULL));
	(void)snprintf(path, sizeof(path), "%s/zones", fx->dir);
	fx_ok(dir_open(path, &fd, NULL));
	if (there)
		fx_ok(file_replace(&(struct file_spec){fd, "UTC", 0600, false}, buf_view(&bytes),
				   NULL));
	else
		fx_check(unlinkat(fd, "UTC", 0) == 0);
}

static void write_file(struct fixture *fx, const char *name, struct view bytes)
{
	char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	fx_check(fd >= 0);
	fx_ok(fd_write_full(fd, bytes.ptr, bytes.len, NULL));
	fx_check(close(fd) == 0);
}

/* ---- The process ---------------------------------------------------------------------------*/

static const char *build_path(const char *name, char out[400])
{
	const char *build = getenv("BUILD");

	(void)snprintf(out, 400, "%s/%s", build != NULL ? build : "build", name);
	return out;
}

/* For builds with sanitizers. The keeper's sandbox hides it from LeakSanitizer, which would end it
 * with an error of its own; undefined behaviour ends it instead of being told to its log alone. */
static void sanitizer_options(void)
{
	const char *given = getenv("ASAN_OPTIONS");
	char all[500];

	(void)snprintf(all, sizeof(all), "%s%sdetect_leaks=0", given != NULL ? given : "",
		       given != NULL && given[0] != '\0' ? ":" : "");
	(void)setenv("ASAN_OPTIONS", all, 1);
	(void)setenv("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1", 0);
}

/* The clock, and what the test has made the file of. */
static void preload(const struct fixture *fx)
{
	static const struct {
		const char *file; /* in the fixture's directory */
		const char *variable;
		const char *library;
	} shims[] = {
		{"gate", "GS_GATE_FILE", "tests/libgate-shim.so"}, /* before the clock */
		{"clock", "GS_CLOCK_OFFSET_FILE", "tests/libclock-shim.so"},
		{"crash", "GS_CRASH_FILE", "tests/libcrash-shim.so"},
	};
	char all[1300] = "", library[400], path[300];

	for (size_t i = 0; i < sizeof(shims) / sizeof(shims[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", fx->dir, shims[i].file);
		if (access(path, R_OK) != 0 ||
		    access(build_path(shims[i].library, library), R_OK) != 0)
			continue;
		(void)setenv(shims[i].variable, path, 1);
		(void)strcat(strcat(all, all[0] == '\0' ? "" : ":"), library);
	}
	if (all[0] != '\0')
		(void)setenv("LD_PRELOAD", all, 1);
}

void fx_preload_clock(const struct fixture *fx)
{
	char clock[400], offset[300];

	if (access(build_path("tests/libclock-shim.so", clock), R_OK) != 0)
		_exit(97);
	(void)snprintf(offset, sizeof(offset), "%s/clock", fx->dir);
	(void)setenv("GS_CLOCK_OFFSET_FILE", offset, 1);
	(void)setenv("LD_PRELOAD", clock, 1);
	(void)setenv("ASAN_OPTIONS", "detect_leaks=0:verify_asan_link_order=0", 1);
}

static void exec_keeper(struct fixture *fx, const char *verb, const char *const *extra)
{
	char program[400], log[300], state[300], guard[300], token[700], zones[300];
	const char *argv[40];
	size_t n = 0;
	int fd;

	(void)snprintf(log, sizeof(log), "%s/log", fx->dir);
	(void)snprintf(state, sizeof(state), "%s/state", fx->dir);
	(void)snprintf(guard, sizeof(guard), "%s/guard", fx->dir);
	(void)snprintf(zones, sizeof(zones), "%s/zones", fx->dir);
	(void)snprintf(token, sizeof(token),
		       "file:main,passphrase=%s/passphrase,scrypt=10,parallel=3", fx->dir);
	argv[n++] = build_path("prog/keeper/greatseal-keeper", program);
	argv[n++] = verb;
	argv[n++] = "--state";
	argv[n++] = state;
	argv[n++] = "--guard";
	argv[n++] = guard;
	argv[n++] = "--socket";
	argv[n++] = fx->socket;
	argv[n++] = "--token";
	argv[n++] = token;
	argv[n++] = "--zoneinfo";
	argv[n++] = zones;
	argv[n++] = "--self-sign";
	argv[n++] = "yes";
	for (; extra != NULL && *extra != NULL; extra++)
		argv[n++] = *extra;
	argv[n] = NULL;
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, 2) < 0 || dup2(fd, 1) < 0)
		_exit(99);
	sanitizer_options();
	preload(fx);
	(void)execv(program, (char *const *)(uintptr_t)argv);
	_exit(98);
}

static pid_t spawn(struct fixture *fx, const char *verb, const char *const *extra)
{
	pid_t pid = fork();

	fx_check(pid >= 0);
	if (pid == 0)
		exec_keeper(fx, verb, extra);
	return pid;
}

static int reap(pid_t pid)
{
	int status;

	fx_check(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int fx_verb(struct fixture *fx, const char *verb, const char *const *extra)
{
	return reap(spawn(fx, verb, extra));
}

int fx_connect(struct fixture *fx)
{
	return fx_connect_to(fx, fx->socket);
}

int fx_connect_to(struct fixture *fx, const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const struct timespec pause = {.tv_nsec = 5000000};

	fx_check(strlen(path) < sizeof(to.sun_path));
	memcpy(to.sun_path, path, strlen(path));
	/* The keeper listens before it has loaded: until then there is no socket, or nobody at it.
	 */
	for (;;) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int status;

		fx_check(fd >= 0);
		if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
			return fd;
		(void)close(fd);
		if (waitpid(fx->pid, &status, WNOHANG) == fx->pid) {
			fx->pid = 0;
			return -1;
		}
		(void)nanosleep(&pause, NULL);
	}
}

void fx_run(struct fixture *fx)
{
	(void)unlink(fx->socket);
	fx->pid = spawn(fx, "run", fx->run_with);
	fx->fd = fx_connect(fx);
}

int fx_wait(struct fixture *fx)
{
	int status;

	fd_close(&fx->fd);
	if (fx->pid == 0)
		return -1;
	status = reap(fx->pid);
	fx->pid = 0;
	return status;
}

void fx_stop(struct fixture *fx)
{
	fx_check(fx->pid > 0 && kill(fx->pid, SIGTERM) == 0);
	fx_check(fx_wait(fx) == 0);
}

void fx_kill(struct fixture *fx)
{
	fx_check(fx->pid > 0 && kill(fx->pid, SIGKILL) == 0);
	fx_check(fx_wait(fx) == 1000 + SIGKILL);
}

/* Over the old text, which is as long: a keeper that reads meanwhile must not find nothing. */
static void set_clock(struct fixture *fx, const char *sign, long seconds)
{
	char path[300], text[32];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/clock", fx->dir);
	(void)snprintf(text, sizeof(text), "%s%-20ld", sign, seconds);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	fx_check(fd >= 0);
	fx_check(pwrite(fd, text, 20, 0) == 20);
	fx_check(close(fd) == 0);
}

void fx_clock(struct fixture *fx, long offset)
{
	fx->clock = offset;
	fx->still = 0;
	set_clock(fx, "", offset);
}

void fx_clock_at(struct fixture *fx, unix_time t)
{
	fx->still = t;
	set_clock(fx, "=", (long)t);
}

unix_time fx_now(const struct fixture *fx)
{
	return fx->still != 0 ? fx->still : clock_now(&clock_system) + fx->clock;
}

static const struct fx_who cast[] = {
	{.name = "alice", .groups = {"developers", "security"}, .key_count = 1},
	{.name = "bob", .groups = {"security"}, .key_count = 2},
	{.name = "carol", .groups = {"security"}, .key_count = 1},
	{.name = "dave", .groups = {"security"}, .key_count = 1},
	{.name = "erin", .groups = {"admins"}, .key_count = 1},
	{.name = "frank", .groups = {"admins"}, .key_count = 1},
	{.name = "robot", .groups = {"robots"}, .key_count = 1},
	{.name = NULL},
};
_Static_assert(sizeof(cast) / sizeof(cast[0]) == FX_PEOPLE, "the whole cast");

static void make_people(struct fixture *fx)
{
	memcpy(fx->people, cast, sizeof(cast));
	/* Every second key is a P-256 key, so that both kinds are always in play. */
	for (size_t i = 0; fx->people[i].name != NULL; i++)
		for (size_t k = 0; k < fx->people[i].key_count; k++)
			fx_key_new(&fx->people[i].key[k], (i + k) % 2 == 1);
	fx->hosts[0] = (struct fx_who){.name = "build1", .groups = {"builders"}, .key_count = 1};
	fx->hosts[1] = (struct fx_who){.name = "laptop", .key_count = 1};
	fx_key_new(&fx->hosts[0].key[0], false);
	fx_key_new(&fx->hosts[1].key[0], true);
}

void fx_in_memory(void)
{
	if (access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 0);
}

void fx_prepare(struct fixture *fx)
{
	const char *tmp = getenv("TMPDIR");
	char prefix[150], zones[300];

	memset(fx, 0, sizeof(*fx));
	fx->fd = -1;
	buf_init(&fx->roster, DOCUMENT_BYTES_MAX);
	buf_init(&fx->policy, DOCUMENT_BYTES_MAX);
	buf_init(&fx->body, FX_BODY_MAX);
	(void)snprintf(prefix, sizeof(prefix), "%s/keeper-", tmp != NULL ? tmp : "/tmp");
	fx_ok(dir_temp(prefix, fx->dir, sizeof(fx->dir), NULL));
	(void)snprintf(fx->socket, sizeof(fx->socket), "%s/socket", fx->dir);
	(void)snprintf(zones, sizeof(zones), "%s/zones", fx->dir);
	fx_check(mkdir(zones, 0700) == 0);
	make_people(fx);
	fx->roster_version = 1;
	fx->policy_version = 1;
	fx_roster_doc(fx, 1, &fx->roster);
	fx_policy_doc(fx, 1, "", &fx->policy);
	write_file(fx, "roster", buf_view(&fx->roster));
	write_file(fx, "policy", buf_view(&fx->policy));
	write_file(fx, "passphrase", view_str(PASSPHRASE));
	write_file(fx, "log", view_of(NULL, 0));
	fx_clock(fx, 0);
}

void fx_init(struct fixture *fx)
{
	char policy[300], roster[300];
	const char *const init[] = {"--origin", "keeper.test", "--policy", policy,
				    "--roster", roster,	       NULL};

	(void)snprintf(policy, sizeof(policy), "%s/policy", fx->dir);
	(void)snprintf(roster, sizeof(roster), "%s/roster", fx->dir);
	fx_check(fx_verb(fx, "init", init) == 0);
	fx_run(fx);
	fx_check(fx->fd >= 0);
}

void fx_start(struct fixture *fx)
{
	fx_prepare(fx);
	fx_init(fx);
}

static void remove_all(const char *dir)
{
	pid_t pid = fork();

	fx_check(pid >= 0);
	if (pid == 0) {
		(void)execl("/bin/rm", "rm", "-rf", "--", dir, (char *)NULL);
		_exit(99);
	}
	fx_check(reap(pid) == 0);
}

void fx_key_release(struct fx_key *k)
{
	ed25519_key_free(k->ed);
	pkey_soft_free(k->soft);
	sshkey_free(k->ssh);
	*k = (struct fx_key){.ssh = NULL};
}

static void keys_free(struct fx_who *w)
{
	for (; w->name != NULL; w++)
		for (size_t i = 0; i < w->key_count; i++)
			fx_key_release(&w->key[i]);
}

void fx_end(struct fixture *fx)
{
	if (fx->pid > 0)
		fx_stop(fx);
	fd_close(&fx->fd);
	keys_free(fx->people);
	keys_free(fx->hosts);
	buf_release(&fx->roster);
	buf_release(&fx->policy);
	buf_release(&fx->body);
	remove_all(fx->dir);
}

size_t fx_logged(struct fixture *fx, enum reason reason)
{
	char path[300];
	char want[80];
	AUTO(buf) struct buf text;
	size_t n = 0;

	buf_init(&text, 16u << 20);
	(void)snprintf(path, sizeof(path), "%s/log", fx->dir);
	(void)snprintf(want, sizeof(want), ": %s: ", reason_id(reason));
	fx_ok(file_read(path, &text, NULL));
	for (const char *at = buf_cstr(&text); (at = strstr(at, want)) != NULL; at++)
		n++;
	return n;
}
