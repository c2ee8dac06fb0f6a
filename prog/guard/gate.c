#include "prog/guard/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/crypt/digest.h"
#include "prog/guard/apt_hook.h"
#include "prog/guard/bring.h"
#include "prog/guard/rpm_hook.h"
#include "prog/guard/supervisor.h"

enum verdict { APPROVED, UNAPPROVED, REVOKED, UNKNOWN, UNREADABLE };

/* A package file that is to be installed. */
struct archive {
	char path[PATH_MAX];
	char name[400];		   /* how people know it */
	struct apt_package wanted; /* as apt knows it; empty: not from apt */
	struct digest digest;
	bool script;   /* none, but a script of the rpm before it: of class script */
	bool expanded; /* that rpm expands */
	enum verdict verdict;
};

struct gate {
	const struct conf *conf;
	bool enforce;
	bool silent;		 /* the guard cannot be asked */
	char reason[FAULT_TEXT]; /* why not */
	struct hasher *hasher;
	size_t refused;
	bool can_ask;		      /* something of it can be asked for */
	bool expands;		      /* that is a script which rpm expands */
	char not_brought[FAULT_TEXT]; /* why no record was brought */
	struct archive *archive;
	size_t count, cap;
};

static void gate_release(struct gate *g)
{
	hasher_free(g->hasher);
	free(g->archive);
	g->archive = NULL;
}
AUTO_DEFINE(gate, struct gate, gate_release)

/* ---- Asking the guard -----------------------------------------------------------------------*/

/* The mode that is kept, for when nobody answers. Only a guard that was never told to enforce, or
 * was told to observe, lets pass; a file that cannot be read is no such thing. */
static bool may_enforce(const struct conf *c)
{
	char path[PATH_MAX + 8];
	AUTO(buf) struct buf text = {0};
	rc r;

	(void)snprintf(path, sizeof(path), "%s/mode", c->state);
	buf_init(&text, 64);
	r = file_read(path, &text, NULL);
	if (r.code == RC_NOTFOUND)
		return false;
	return !rc_is_ok(r) || !view_is(buf_view(&text), "observe\n");
}

static void silence(struct gate *g, const struct fault *f)
{
	g->silent = true;
	g->enforce = may_enforce(g->conf);
	(void)snprintf(g->reason, sizeof(g->reason), "%s", f->text);
}

static bool ask(struct gate *g, const char *line, struct buf *answer)
{
	struct fault f = {0};

	buf_init(answer, REPLY_MAX);
	if (g->silent)
		return false;
	if (!rc_is_ok(control_ask(g->conf->socket, line, answer, &f))) {
		silence(g, &f);
		return false;
	}
	if (rc_is_ok(control_agreed(buf_cstr(answer), &f)))
		return true;
	silence(g, &f);
	return false;
}

/* what: "archive" or "script". */
static enum verdict ask_about(struct gate *g, const char *what, const struct digest *digest)
{
	AUTO(buf) struct buf answer = {0};
	char hex[DIGEST_HEX], line[COMMAND_MAX];

	digest_hex(digest, hex);
	(void)snprintf(line, sizeof(line), "%s %s", what, hex);
	if (!ask(g, line, &answer))
		return UNKNOWN;
	g->enforce = strstr(buf_cstr(&answer), "\"mode\":\"observe\"") == NULL;
	if (strstr(buf_cstr(&answer), "\"revoked\":true") != NULL)
		return REVOKED;
	return strstr(buf_cstr(&answer), "\"approved\":true") != NULL ? APPROVED : UNAPPROVED;
}

static enum verdict ask_for(struct gate *g, const struct archive *a)
{
	return ask_about(g, a->script ? "script" : "archive", &a->digest);
}

/* The guard looks whether there is a signature by a key of ours in or beside it. That decides
 * nothing here. */
static void show(const struct gate *g, const char *path)
{
	char whole[PATH_MAX], line[COMMAND_MAX];
	AUTO(buf) struct buf answer = {0};

	if (g->silent || realpath(path, whole) == NULL || strchr(whole, '\n') != NULL)
		return;
	(void)snprintf(line, sizeof(line), "met %s", whole);
	buf_init(&answer, REPLY_MAX);
	rc_ignore(control_ask(g->conf->socket, line, &answer, NULL), "an archive less to look at");
}

/* ---- One archive ----------------------------------------------------------------------------*/

rc gate_hash(struct hasher *h, int fd, struct digest *ret, struct fault *f)
{
	static _Alignas(FD_ALIGN) uint8_t chunk[1 << 18];
	struct hash hash;
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int e = errno;

			rc_ignore(hasher_finish(h, &hash), "it starts anew either way");
			return fault_errno(f, e, "read");
		}
		TRY(hasher_update(h, view_of(chunk, (size_t)n)));
	}
	TRY(hasher_finish(h, &hash));
	memcpy(ret->b, hash.b, DIGEST_SIZE);
	return OK;
}

static rc hash_file(struct gate *g, const char *path, struct digest *ret, struct fault *f)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return fault_errno(f, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return fault_set(f, RC_IO, 0, "%s: not a file", path);
	return gate_hash(g->hasher, fd, ret, f);
}

static rc add(struct gate *g, const char *path, const char *name, struct archive **ret,
	      struct fault *f)
{
	if (g->count == g->cap) {
		size_t cap = g->cap == 0 ? 16 : g->cap * 2;
		struct archive *more =
			(struct archive *)reallocarray(g->archive, cap, sizeof(*more));

		if (more == NULL)
			return fault_set(f, RC_NOMEM, 0, "no memory for so many archives");
		g->archive = more;
		g->cap = cap;
	}
	*ret = &g->archive[g->count++];
	memset(*ret, 0, sizeof(**ret));
	(void)snprintf((*ret)->path, sizeof((*ret)->path), "%s", path);
	(void)snprintf((*ret)->name, sizeof((*ret)->name), "%s", name);
	return OK;
}

/* What each is, and whether it is approved. */
static void look(struct gate *g)
{
	for (size_t i = 0; i < g->count; i++) {
		struct archive *a = &g->archive[i];
		struct fault f = {0};

		if (rc_is_ok(hash_file(g, a->path, &a->digest, &f))) {
			a->verdict = ask_for(g, a);
			show(g, a->path);
			continue;
		}
		(void)fprintf(stderr, "greatseal-guard: %s\n", f.text);
		a->verdict = UNREADABLE;
		g->enforce = g->silent ? g->enforce : may_enforce(g->conf);
	}
}

static bool any_unapproved(const struct gate *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->archive[i].verdict == UNAPPROVED)
			return true;
	return false;
}

/* After the records were read again. */
static void ask_again(struct gate *g)
{
	AUTO(buf) struct buf answer = {0};

	if (!ask(g, "records", &answer))
		return;
	for (size_t i = 0; i < g->count; i++)
		if (g->archive[i].verdict == UNAPPROVED)
			g->archive[i].verdict = ask_for(g, &g->archive[i]);
}

/* Records that may be signed by now, before anything is installed. Without them it goes on with
 * what is loaded. */
static void bring(struct gate *g)
{
	AUTO(buf) struct buf missing = {0};
	struct fault f = {0};
	size_t count = 0;
	rc r;

	buf_init(&missing, g->count * DIGEST_SIZE + 1);
	for (size_t i = 0; i < g->count; i++)
		if (g->archive[i].verdict == UNAPPROVED)
			buf_put_view(&missing, digest_view(&g->archive[i].digest));
	if (missing.len == 0 || !rc_is_ok(buf_done(&missing)) || g->silent ||
	    g->conf->agent[0] == '\0')
		return;
	r = bring_records(g->conf, (const struct digest *)(const void *)missing.ptr,
			  missing.len / DIGEST_SIZE, &count, &f);
	if (!rc_is_ok(r))
		(void)snprintf(g->not_brought, sizeof(g->not_brought), "%s", f.text);
	if (count > 0)
		ask_again(g);
}
_Static_assert(sizeof(struct digest) == DIGEST_SIZE && _Alignof(struct digest) == 1,
	       "digests lie one behind the other");

/* Says of each what people should know. */
static void tell(struct gate *g, bool quiet)
{
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < g->count; i++) {
		const struct archive *a = &g->archive[i];

		digest_hex(&a->digest, hex);
		if (a->verdict == APPROVED) {
			if (!quiet)
				(void)printf("approved: %s %s\n", hex, a->name);
			continue;
		}
		g->refused++;
		g->can_ask |= a->verdict == UNAPPROVED;
		g->expands |= a->verdict == UNAPPROVED && a->expanded;
		if (a->verdict == UNAPPROVED || a->verdict == REVOKED)
			(void)fprintf(stderr, "greatseal-guard: %s: %s (sha256 %s)\n",
				      a->verdict == REVOKED ? "revoked" : "not approved", a->name,
				      hex);
	}
	if (g->can_ask && g->not_brought[0] != '\0')
		(void)fprintf(stderr,
			      "greatseal-guard: no record was brought: %s\n"
			      "Again when that is mended; or bring the record and its proof here, "
			      "and: greatseal-guard take FILE.record\n",
			      g->not_brought);
}

/* After all archives: whether to go on. */
static rc conclude(const struct gate *g, struct fault *f)
{
	if (g->refused == 0)
		return OK;
	if (g->silent && g->enforce)
		return fault_set(f, RC_DENIED, 0,
				 "nothing is installed, for the guard enforces and cannot be "
				 "asked: %.120s",
				 g->reason);
	if (g->enforce)
		return fault_set(f, RC_DENIED, 0, "%zu not approved: nothing is installed",
				 g->refused);
	if (g->silent)
		(void)fprintf(stderr, "greatseal-guard: not checked (%s); it does not enforce\n",
			      g->reason);
	else
		(void)fprintf(stderr, "greatseal-guard: goes on, for the guard only observes; when "
				      "it enforces, this is refused\n");
	return OK;
}

/* ---- The doors ------------------------------------------------------------------------------*/

static rc gate_files(struct gate *g, char *const *paths, int count, bool quiet, struct fault *f)
{
	struct archive *ignored;

	for (int i = 0; i < count; i++) {
		const char *slash = strrchr(paths[i], '/');

		if (strlen(paths[i]) >= PATH_MAX)
			return fault_set(f, RC_LIMIT, 0, "an archive's path is too long");
		TRY(add(g, paths[i], slash == NULL ? paths[i] : slash + 1, &ignored, f));
	}
	look(g);
	/* A record that was put here since. Not read again for each archive that is approved: dpkg
	 * asks for one at a time. */
	if (any_unapproved(g))
		ask_again(g);
	bring(g);
	tell(g, quiet);
	if (g->can_ask)
		(void)fprintf(stderr, "To ask for it: greatseal request-package %s\n",
			      count == 1 ? paths[0] : "FILE...");
	return conclude(g, f);
}

static rc read_hook(struct buf *out, struct fault *f)
{
	const char *number = getenv("APT_HOOK_INFO_FD");
	uint64_t fd = 0;

	if (number != NULL && !rc_is_ok(num_parse_u64(number, strlen(number), 65535, &fd)))
		return fault_set(f, RC_SYNTAX, 0, "APT_HOOK_INFO_FD is not a descriptor");
	return fd_read_all((int)fd, out, f);
}

/* As request-package takes it. */
static void add_wish(struct buf *wishes, const struct apt_package *p)
{
	buf_put_u8(wishes, ' ');
	apt_hook_put_wish(p, wishes);
}

static rc add_package(struct gate *g, const struct apt_package *p, struct fault *f)
{
	char path[PATH_MAX], name[400];
	struct archive *a;

	if (p->path.len >= sizeof(path))
		return fault_set(f, RC_LIMIT, 0, "an archive's path is too long");
	memcpy(path, p->path.ptr, p->path.len);
	path[p->path.len] = '\0';
	(void)snprintf(name, sizeof(name), "%.*s %.*s %.*s", (int)p->name.len,
		       (const char *)p->name.ptr, (int)p->version.len, (const char *)p->version.ptr,
		       (int)p->architecture.len, (const char *)p->architecture.ptr);
	TRY(add(g, path, name, &a, f));
	a->wanted = *p;
	return OK;
}

/* All archives that dpkg is about to get, before it starts. */
static rc gate_apt(struct gate *g, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf wishes = {0};
	AUTO(buf) struct buf answer = {0};
	struct apt_package p;
	struct view rest;
	rc r;

	buf_init(&text, APT_HOOK_BYTES);
	buf_init(&wishes, APT_HOOK_BYTES);
	TRY(read_hook(&text, f));
	rest = buf_view(&text);
	TRY(apt_hook_begin(&rest, f));
	/* Before dpkg starts: so files are approved before they exist. */
	(void)ask(g, "records", &answer);
	while (rc_is_ok(r = apt_hook_next(&rest, &p, f)))
		TRY(add_package(g, &p, f));
	if (r.code != RC_NOTFOUND)
		return r;
	look(g);
	bring(g);
	tell(g, true);
	for (size_t i = 0; i < g->count; i++)
		if (g->archive[i].verdict != APPROVED)
			add_wish(&wishes, &g->archive[i].wanted);
	if (g->can_ask && rc_is_ok(buf_done(&wishes)))
		(void)fprintf(stderr, "To ask for them: greatseal request-package%s\n",
			      buf_cstr(&wishes));
	return conclude(g, f);
}

/* A package, or a script of the last one, as the plugin says it. */
static rc add_rpm_line(struct gate *g, const struct rpm_line *line, size_t *package,
		       struct fault *f)
{
	static const char *const how[] = {[RPM_LINE_PACKAGE] = "",
					  [RPM_LINE_LUA] = " runs inside rpm",
					  [RPM_LINE_EXPANDED] = " is expanded by rpm here"};
	bool script = line->kind != RPM_LINE_PACKAGE;
	char name[400];
	struct archive *a;

	if (script && g->count == 0)
		return fault_set(f, RC_SYNTAX, 0, "a script of no package");
	if (!script)
		*package = g->count;
	(void)snprintf(name, sizeof(name), "%.200s%s%.*s%s",
		       script ? g->archive[*package].name : "", script ? ": its script " : "",
		       line->shown.len > 300 ? 300 : (int)line->shown.len,
		       (const char *)line->shown.ptr, how[line->kind]);
	TRY(add(g, "", name, &a, f));
	a->digest = line->digest;
	a->script = script;
	a->expanded = line->kind == RPM_LINE_EXPANDED;
	/* A script comes with its package's record. */
	a->verdict = script ? UNKNOWN : ask_for(g, a);
	return OK;
}

/* Scripts of packages that are approved. Of the others it is enough that they are not. */
static void look_at_scripts(struct gate *g)
{
	enum verdict of = UNKNOWN;

	for (size_t i = 0; i < g->count; i++) {
		struct archive *a = &g->archive[i];

		if (!a->script)
			of = a->verdict;
		else
			a->verdict = of == APPROVED ? ask_for(g, a) : APPROVED;
	}
}

/* All packages that rpm is about to install: the headers that it has read, since it does not say
 * where the archives lie. */
static rc gate_rpm(struct gate *g, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf answer = {0};
	struct rpm_line line;
	size_t package = 0;
	struct view rest;
	rc r;

	buf_init(&text, RPM_HOOK_BYTES);
	TRY(fd_read_all(STDIN_FILENO, &text, f));
	rest = buf_view(&text);
	TRY(rpm_hook_begin(&rest, f));
	(void)ask(g, "records", &answer);
	while (rc_is_ok(r = rpm_hook_next(&rest, &line, f)))
		TRY(add_rpm_line(g, &line, &package, f));
	if (r.code != RC_NOTFOUND)
		return r;
	bring(g);
	look_at_scripts(g);
	tell(g, true);
	if (g->can_ask)
		(void)fprintf(stderr,
			      "To ask for them: greatseal request-package%s FILE.rpm..., or by "
			      "name: --with dnf NAME...\n",
			      g->expands ? " --expanded" : "");
	return conclude(g, f);
}

rc verb_gate(const struct conf *c, const struct words *w, struct fault *f)
{
	AUTO(gate) struct gate g = {.conf = c};

	if (w->count == 0)
		return fault_set(f, RC_USAGE, 0, "gate: apt, rpm, dpkg FILE, or FILE...");
	if (strcmp(w->at[0], "dpkg") == 0)
		return verb_slot(c, &(struct words){.at = w->at + 1, .count = w->count - 1}, f);
	TRY(hasher_new(HASH_SHA256, &g.hasher));
	if (w->count == 1 && strcmp(w->at[0], "apt") == 0)
		return gate_apt(&g, f);
	if (w->count == 1 && strcmp(w->at[0], "rpm") == 0)
		return gate_rpm(&g, f);
	return gate_files(&g, w->at, w->count, false, f);
}

rc verb_slot(const struct conf *c, const struct words *w, struct fault *f)
{
	AUTO(gate) struct gate g = {.conf = c};
	int first = w->count > 0 && strcmp(w->at[0], "-q") == 0 ? 1 : 0;

	if (w->count - first != 1)
		return fault_set(f, RC_USAGE, 0, "one archive: " GATE_SLOT " -q FILE");
	TRY(hasher_new(HASH_SHA256, &g.hasher));
	return gate_files(&g, w->at + first, 1, true, f);
}

/* ---- take -----------------------------------------------------------------------------------*/

/* One record and its proof. */
static rc take_one(int dir, const char *path, struct fault *f)
{
	struct package_record_header ignored;
	AUTO(buf) struct buf record = {0};
	AUTO(buf) struct buf proof = {0};
	char beside[PATH_MAX + 16];

	buf_init(&record, RECORD_BYTES);
	buf_init(&proof, RECORD_PROOF_BYTES);
	TRY(file_read(path, &record, f));
	(void)snprintf(beside, sizeof(beside), "%s.greatseal", path);
	TRY(file_read(beside, &proof, f));
	return records_keep(dir, buf_view(&record), buf_view(&proof), &ignored, f);
}

static rc read_header(const char *path, struct package_record_header *ret, struct fault *f)
{
	AUTO(buf) struct buf bytes = {0};
	struct package_record record;

	buf_init(&bytes, RECORD_BYTES);
	TRY(file_read(path, &bytes, f));
	TRY(package_record_open(buf_view(&bytes), &record, f));
	*ret = record.header;
	return OK;
}

rc verb_take(const struct conf *c, const struct words *w, struct fault *f)
{
	AUTO(gate) struct gate g = {.conf = c};
	AUTO(fd) int dir = -1;
	AUTO(buf) struct buf answer = {0};
	size_t refused = 0;

	if (w->count == 0)
		return fault_set(f, RC_USAGE, 0, "take: which records? FILE.record...");
	TRY(dir_make(c->records, 0700, f));
	TRY(dir_open(c->records, &dir, f));
	for (int i = 0; i < w->count; i++)
		TRY(take_one(dir, w->at[i], f));
	if (!ask(&g, "records", &answer)) {
		(void)printf("%d in %s; looked at when the guard starts (%s)\n", w->count,
			     c->records, g.reason);
		return OK;
	}
	for (int i = 0; i < w->count; i++) {
		struct package_record_header h;
		enum verdict v;

		TRY(read_header(w->at[i], &h, f));
		v = ask_about(&g, "archive", &h.archive);
		refused += v != APPROVED;
		(void)printf("%s: %s %s %s\n",
			     v == APPROVED  ? "taken"
			     : v == REVOKED ? "revoked by the list"
					    : "not taken",
			     h.name, h.version, h.architecture);
	}
	return refused == 0 ? OK
			    : fault_set(f, RC_DENIED, 0,
					"%zu not taken: the guard's reports say why "
					"(record-refused)",
					refused);
}
