/* control - root's commands to a running guard: one line in, one line of JSON out, then the end.
 *
 *	status | observe | enforce SERIAL | reload | checked SERIAL | records | archive SHA256 |
 *	script SHA256 | glass | met PATH | fetch | take-over FORMAT VERSION (handover.h)
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "prog/guard/fetch.h"
#include "prog/guard/supervisor.h"

#define BACKLOG 8 /* connections that wait, and one more */

static void reply(struct client *c, const char *text)
{
	(void)send(c->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	fd_close(&c->fd);
	fd_close(&c->given);
	c->len = 0;
	c->waits = c->records = c->glass = c->saves = false;
	c->loads = c->fetches = 0;
}

void control_printable(char *out, size_t cap, const char *text)
{
	(void)snprintf(out, cap, "%s", text);
	for (char *p = out; *p != '\0'; p++)
		if (*p == '"' || *p == '\\')
			*p = '\'';
		else if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}

static uint64_t sum(const uint64_t of[KERNEL__COUNT])
{
	uint64_t n = 0;

	for (size_t i = 0; i < KERNEL__COUNT; i++)
		n += of[i];
	return n;
}

void control_refuse(struct client *c, rc r, const struct fault *f)
{
	char text[REPLY_MAX], why[FAULT_TEXT];

	control_printable(why, sizeof(why), f->text);
	(void)snprintf(text, sizeof(text), "{\"ok\":false,\"code\":\"%s\",\"text\":\"%s\"}\n",
		       rc_name(r), why);
	reply(c, text);
}

/* Of the lookout, as members. */
static void put_looked(const struct supervisor *s, char *out, size_t cap)
{
	static struct looked none;
	const struct looked *n = s->g.looks.looked != NULL ? s->g.looks.looked : &none;

	(void)snprintf(out, cap,
		       "\"lookout\":%d,\"certificates\":%" PRIu64 ",\"looked_at\":%" PRIu64
		       ",\"scanned\":%" PRIu64 ",\"scans_failed\":%" PRIu64
		       ",\"signatures\":%" PRIu64 ",\"signatures_bad\":%" PRIu64
		       ",\"signatures_unjudged\":%" PRIu64 ",\"passed_over\":%" PRIu64
		       ",\"walks\":%" PRIu64,
		       (int)s->lookout, atomic_load(&n->certs), atomic_load(&n->files),
		       atomic_load(&n->scanned), atomic_load(&n->failed), atomic_load(&n->told),
		       atomic_load(&n->bad), atomic_load(&n->unjudged),
		       atomic_load(&n->passed_over), atomic_load(&n->walks));
}

static void reply_status(const struct supervisor *s, struct client *c)
{
	const struct share *m = s->g.share;
	const struct kernel *k = &s->g.kernel;
	struct kernel_counts counts;
	char text[REPLY_MAX], list[512] = "null", until[TIME_TEXT], kernel[FAULT_TEXT],
			      glass[TIME_TEXT + 2] = "null", looked[512], fetch[FETCHING_STATUS];

	if (s->has_list && rc_is_ok(time_format(s->list.not_after, until)))
		(void)snprintf(list, sizeof(list),
			       "{\"name\":\"%s\",\"serial\":%" PRIu64 ",\"count\":%" PRIu64
			       ",\"not_after\":\"%s\"}",
			       s->list.name.s, s->list.serial, s->list.count, until);
	if (s->glass && rc_is_ok(time_format(s->glass_until, until)))
		(void)snprintf(glass, sizeof(glass), "\"%s\"", until);
	kernel_read_counts(k, &counts);
	fetching_status(s, fetch);
	control_printable(kernel, sizeof(kernel),
			  !k->active	       ? k->why
			  : kernel_enforces(k) ? "enforce"
					       : "observe");
	put_looked(s, looked, sizeof(looked));
	(void)snprintf(
		text, sizeof(text),
		"{\"ok\":true,\"version\":\"%s\",\"pid\":%d,\"level\":\"%s\",\"mode\":\"%s\","
		"\"glass\":%s,\"ready\":%s,\"list\":%"
		"s,\"fetch\":%s,"
		"\"packages\":%" PRIu64 ",\"records_refused\":%" PRIu64 ",\"checked\":%" PRIu64
		",\"file_systems\":%zu,\"not_guarded\":%zu,"
		"\"spaces_passed\":%zu,\"mounts_cut\":%zu,"
		"\"worker\":%d,\"restarts\":%" PRIu64 ",\"allowed\":%" PRIu64 ",\"denied\":%" PRIu64
		",\"would_deny\":%" PRIu64 ",\"hashed\":%" PRIu64 ",\"held\":%" PRIu64
		",\"opens\":%" PRIu64 ",\"strangers\":%" PRIu64
		",\"zones\":%zu,\"outputs\":%" PRIu64 ",\"outputs_ran\":%" PRIu64
		",\"outputs_dropped\":%" PRIu64 ",\"files\":%u,\"dropped\":%" PRIu64
		",\"kernel\":\"%s\""
		",\"kernel_refused\":%" PRIu64 ",\"kernel_would_refuse\":%" PRIu64 ",%s}\n",
		GS_VERSION, (int)s->g.supervisor, level_name(s->g.level),
		atomic_load(&m->mode) == GUARD_ENFORCE ? "enforce" : "observe", glass,
		s->marked && s->loader == 0 && atomic_load(&m->applied) == atomic_load(&m->wanted)
			? "true"
			: "false",
		list, fetch, s->records.packages, s->records.refused, s->checked, s->marks,
		s->marks_failed, s->spaces.passed, s->spaces.cut, (int)s->worker,
		s->starts > 0 ? s->starts - 1 : 0, atomic_load(&m->allowed),
		atomic_load(&m->denied), atomic_load(&m->would_deny), atomic_load(&m->hashed),
		atomic_load(&m->held), atomic_load(&m->opens), atomic_load(&m->strangers),
		s->g.conf->zone_count, atomic_load(&m->zone.outputs), atomic_load(&m->zone.ran),
		atomic_load(&m->zone.dropped), m->slot_count,
		atomic_load(&m->decided.dropped) + atomic_load(&m->ruled.dropped) + counts.dropped,
		kernel, sum(counts.refused), sum(counts.would_refuse), looked);
	reply(c, text);
}

/* May this package file be installed here, or this script be run: not whether it is there, or
 * whole. */
static void reply_approved(const struct supervisor *s, struct client *c, unsigned class,
			   const char *hex)
{
	bool enforce = atomic_load(&s->g.share->mode) == GUARD_ENFORCE;
	struct digest digest;
	struct fault f = {0};
	char text[REPLY_MAX];
	unsigned classes;

	if (!rc_is_ok(digest_parse(view_str(hex), &digest))) {
		control_refuse(c, fault_set(&f, RC_SYNTAX, 0, "64 hex digits"), &f);
		return;
	}
	classes = approved_find(&s->approved, digest.b);
	(void)snprintf(text, sizeof(text),
		       "{\"ok\":true,\"approved\":%s,\"revoked\":%s,\"mode\":\"%s\"}\n",
		       (classes & class) != 0 ? "true" : "false",
		       (classes & LIST_REVOKED) != 0 ? "true" : "false",
		       enforce ? "enforce" : "observe");
	reply(c, text);
}

/* "WORD N" */
static bool has_number(const char *line, const char *word, uint64_t *ret)
{
	size_t n = strlen(word);

	return strncmp(line, word, n) == 0 && line[n] == ' ' &&
	       rc_is_ok(num_parse_u64(line + n + 1, strlen(line + n + 1), INT64_MAX, ret));
}

static void run_command(struct supervisor *s, struct client *c, const char *line)
{
	struct fault f = {0};
	uint64_t serial = 0;
	rc r;

	if (strcmp(line, "status") == 0) {
		reply_status(s, c);
		return;
	}
	if (has_number(line, "checked", &serial)) {
		s->checked = serial;
		reply(c, "{\"ok\":true}\n");
		return;
	}
	if (strncmp(line, "take-over ", 10) == 0) {
		s->heir = c;
		return;
	}
	if (strncmp(line, "met ", 4) == 0) {
		looks_put_path(&s->g.looks, line + 4);
		reply(c, "{\"ok\":true}\n");
		return;
	}
	if (strncmp(line, "archive ", 8) == 0) {
		reply_approved(s, c, LIST_ARCHIVE, line + 8);
		return;
	}
	if (strncmp(line, "script ", 7) == 0) {
		reply_approved(s, c, LIST_SCRIPT, line + 7);
		return;
	}
	if (strcmp(line, "reload") == 0 || strcmp(line, "records") == 0 ||
	    strcmp(line, "glass") == 0) {
		r = supervisor_load(s, LOAD_FILE, &c->loads, &f);
		c->records = strcmp(line, "records") == 0;
		c->glass = strcmp(line, "glass") == 0;
	} else if (strcmp(line, "fetch") == 0) {
		r = fetching_start(s, &c->fetches, &f);
	} else if (strcmp(line, "observe") == 0 || has_number(line, "enforce", &serial)) {
		r = supervisor_set_mode(s, line[0] == 'e', serial, &f);
		c->saves = rc_is_ok(r);
	} else {
		r = fault_set(&f, RC_UNKNOWN, 0, "no such command");
	}
	if (!rc_is_ok(r))
		control_refuse(c, r, &f);
	else
		control_applied(s);
}

/* ---- Connections ----------------------------------------------------------------------------*/

static rc address(const char *path, struct sockaddr_un *ret, struct fault *f)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret->sun_path))
		return fault_set(f, RC_LIMIT, 0, "socket %s: the path is too long", path);
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return OK;
}

rc control_listen(struct supervisor *s, struct fault *f)
{
	struct sockaddr_un a;

	TRY(address(s->g.conf->socket, &a, f));
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener < 0)
		return fault_errno(f, errno, "socket");
	(void)unlink(a.sun_path);
	/* main has set a umask that leaves it to root alone. */
	if (bind(s->listener, (const struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(s->listener, BACKLOG) != 0)
		return fault_errno(f, errno, "socket %s", a.sun_path);
	return OK;
}

static bool is_root(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == getuid();
}

/* False: none waits. */
static bool accept_one(struct supervisor *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED;
	s->connections++;
	for (size_t i = 0; i < CLIENTS_MAX && is_root(fd); i++) {
		if (s->client[i].fd >= 0)
			continue;
		s->client[i] = (struct client){
			.fd = fd, .number = s->connections, .given = -1, .since = guard_now()};
		return true;
	}
	(void)close(fd);
	return true;
}

void control_accept(struct supervisor *s)
{
	(void)accept_one(s);
}

void control_accept_all(struct supervisor *s)
{
	for (int i = 0; i < 2 * BACKLOG && accept_one(s); i++)
		;
}

void control_read(struct supervisor *s, struct client *c)
{
	int given;
	ptrdiff_t n =
		handover_recv(c->fd, c->command + c->len, sizeof(c->command) - 1 - c->len, &given);
	char *end;

	if (c->given < 0)
		c->given = given;
	else
		fd_close(&given);

	if (n <= 0 || c->waits || c->loads != 0 || c->fetches != 0 || c->saves) {
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			reply(c, "");
		return;
	}
	c->len += (size_t)n;
	c->command[c->len] = '\0';
	end = strchr(c->command, '\n');
	if (end != NULL) {
		*end = '\0';
		run_command(s, c, c->command);
	} else if (c->len == sizeof(c->command) - 1) {
		reply(c, "");
	}
}

static void reply_records(const struct supervisor *s, struct client *c)
{
	char text[REPLY_MAX];

	(void)snprintf(text, sizeof(text),
		       "{\"ok\":true,\"packages\":%" PRIu64 ",\"refused\":%" PRIu64 "}\n",
		       s->records.packages, s->records.refused);
	reply(c, text);
}

void control_applied(struct supervisor *s)
{
	uint32_t applied = atomic_load(&s->g.share->applied);

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &s->client[i];

		if (c->fd < 0 || !c->waits || (int32_t)(applied - c->wanted) < 0)
			continue;
		if (c->records)
			reply_records(s, c);
		else
			reply(c, "{\"ok\":true}\n");
	}
}

void control_saved(struct supervisor *s, bool saved)
{
	struct fault f = {0};
	rc r = saved ? OK : fault_set(&f, RC_IO, 0, "the mode cannot be written down");

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &s->client[i];

		if (c->fd < 0 || !c->saves)
			continue;
		c->saves = false;
		c->waits = saved;
		c->wanted = atomic_load(&s->g.share->wanted);
		if (!saved)
			control_refuse(c, r, &f);
	}
	control_applied(s);
}

/* What the loader says of the part that this client waits for. */
static rc part_of(const struct client *c, const struct load_result *r, struct fault *f)
{
	enum rc_code code = c->glass ? r->glass.code : c->records ? r->records.code : r->code;

	return code == RC_OK ? OK
			     : fault_set(f, code, 0, "%s",
					 c->glass     ? r->glass.text
					 : c->records ? r->records.text
						      : r->text);
}

void control_loaded(struct supervisor *s, const struct load_result *r)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &s->client[i];
		struct fault f = {0};
		rc part;

		if (c->fd < 0 || c->loads != s->load_number)
			continue;
		c->loads = 0;
		part = part_of(c, r, &f);
		if (rc_is_ok(part)) {
			c->waits = true;
			c->wanted = atomic_load(&s->g.share->wanted);
			continue;
		}
		control_refuse(c, part, &f);
	}
	control_applied(s);
}

void control_fetched(struct supervisor *s, uint32_t number, const struct fetch_result *r)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &s->client[i];
		struct fault f = {0};

		if (c->fd < 0 || c->fetches != number)
			continue;
		if (r->code == RC_OK)
			reply(c, "{\"ok\":true,\"current\":true}\n");
		else
			control_refuse(c, fault_set(&f, (enum rc_code)r->code, 0, "%s", r->text),
				       &f);
	}
}

void control_fetch_loads(struct supervisor *s, uint32_t number, uint32_t load)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &s->client[i];

		if (c->fd < 0 || c->fetches != number)
			continue;
		c->fetches = 0;
		c->loads = load;
	}
}

void control_tick(struct supervisor *s, uint64_t now)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (s->client[i].fd >= 0 && s->client[i].loads == 0 && s->client[i].fetches == 0 &&
		    !s->client[i].waits && !s->client[i].saves &&
		    now - s->client[i].since > CLIENT_MS)
			reply(&s->client[i], "");
}

rc control_connect(const char *path, int *ret_fd, struct fault *f)
{
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un a;

	TRY(address(path, &a, f));
	if (fd < 0)
		return fault_errno(f, errno, "socket");
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return errno == ENOENT || errno == ECONNREFUSED
			       ? fault_set(f, RC_NOTFOUND, 0, "%s: no guard is running", path)
			       : fault_errno(f, errno, "%s", path);
	*ret_fd = fd;
	fd = -1;
	return OK;
}

rc control_ask(const char *path, const char *line, struct buf *out, struct fault *f)
{
	/* A guard that stands still must not hold a package manager for ever. */
	const struct timeval patience = {.tv_sec = ASK_SECONDS};
	AUTO(fd) int fd = -1;

	TRY(control_connect(path, &fd, f));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
		return fault_errno(f, errno, "socket");
	TRY(fd_write_full(fd, line, strlen(line), f));
	TRY(fd_write_full(fd, "\n", 1, f));
	TRY(fd_read_all(fd, out, f));
	return out->len > 0 ? OK : fault_set(f, RC_PEER, 0, "%s: no answer", path);
}

/* As control_refuse writes it: no text has quotes in it. */
static int member(const char *answer, const char *name, const char **ret)
{
	*ret = strstr(answer, name);
	if (*ret == NULL)
		return 0;
	*ret += strlen(name);
	return (int)strcspn(*ret, "\"");
}

rc control_agreed(const char *answer, struct fault *f)
{
	const char *code = NULL, *text = NULL;
	int code_len, text_len;

	if (strncmp(answer, "{\"ok\":true", 10) == 0)
		return OK;
	code_len = member(answer, "\"code\":\"", &code);
	text_len = member(answer, "\"text\":\"", &text);
	if (code_len == 0 || text_len == 0)
		return fault_set(f, RC_DENIED, 0, "the guard gives no reason");
	return fault_set(f, RC_DENIED, 0, "%.*s: %.*s", code_len, code, text_len, text);
}
