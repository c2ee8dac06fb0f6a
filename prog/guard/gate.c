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
#include "prog/guard/rpm_hook.h"
#include "prog/guard/supervisor.h"

enum verdict { APPROVED, UNAPPROVED, REVOKED, UNKNOWN };

struct gate {
	const struct conf *conf;
	bool enforce;
	bool silent;		 /* the guard cannot be asked */
	char reason[FAULT_TEXT]; /* why not */
	struct hasher *hasher;
	size_t refused;
	bool can_ask; /* something of it can be asked for */
};

static void gate_release(struct gate *g)
{
	hasher_free(g->hasher);
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
	if (strncmp(buf_cstr(answer), "{\"ok\":true,", 11) == 0)
		return true;
	(void)fault_set(&f, RC_PEER, 0, "the guard says: %.150s", buf_cstr(answer));
	silence(g, &f);
	return false;
}

static enum verdict ask_for(struct gate *g, const struct digest *digest)
{
	AUTO(buf) struct buf answer = {0};
	char hex[DIGEST_HEX], line[COMMAND_MAX];

	digest_hex(digest, hex);
	(void)snprintf(line, sizeof(line), "archive %s", hex);
	if (!ask(g, line, &answer))
		return UNKNOWN;
	g->enforce = strstr(buf_cstr(&answer), "\"mode\":\"observe\"") == NULL;
	if (strstr(buf_cstr(&answer), "\"revoked\":true") != NULL)
		return REVOKED;
	return strstr(buf_cstr(&answer), "\"approved\":true") != NULL ? APPROVED : UNAPPROVED;
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
	static uint8_t chunk[1 << 18];
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

/* False: it must not be installed. What people should know is said. name: how people know it. */
static bool pass_digest(struct gate *g, const struct digest *digest, const char *name, bool quiet)
{
	enum verdict v = ask_for(g, digest);
	char hex[DIGEST_HEX];

	digest_hex(digest, hex);
	if (v == APPROVED) {
		if (!quiet)
			(void)printf("approved: %s %s\n", hex, name);
		return true;
	}
	g->refused++;
	g->can_ask |= v == UNAPPROVED;
	if (v == UNKNOWN)
		return false;
	(void)fprintf(stderr, "greatseal-guard: %s: %s (sha256 %s)\n",
		      v == REVOKED ? "revoked" : "not approved", name, hex);
	return false;
}

static bool pass(struct gate *g, const char *path, const char *name, bool quiet)
{
	struct digest digest;
	struct fault f = {0};

	if (rc_is_ok(hash_file(g, path, &digest, &f))) {
		bool good = pass_digest(g, &digest, name, quiet);

		show(g, path);
		return good;
	}
	(void)fprintf(stderr, "greatseal-guard: %s\n", f.text);
	g->enforce = g->silent ? g->enforce : may_enforce(g->conf);
	g->refused++;
	return false;
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
	for (int i = 0; i < count; i++) {
		const char *slash = strrchr(paths[i], '/');

		(void)pass(g, paths[i], slash == NULL ? paths[i] : slash + 1, quiet);
	}
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

/* "name=version", as apt and request-package take it. */
static void add_wish(struct buf *wishes, const struct apt_package *p)
{
	buf_put_u8(wishes, ' ');
	buf_put_view(wishes, p->name);
	buf_put_u8(wishes, '=');
	buf_put_view(wishes, p->version);
}

static rc gate_package(struct gate *g, const struct apt_package *p, struct buf *wishes,
		       struct fault *f)
{
	char path[PATH_MAX], name[400];

	if (p->path.len >= sizeof(path))
		return fault_set(f, RC_LIMIT, 0, "an archive's path is too long");
	memcpy(path, p->path.ptr, p->path.len);
	path[p->path.len] = '\0';
	(void)snprintf(name, sizeof(name), "%.*s %.*s %.*s", (int)p->name.len,
		       (const char *)p->name.ptr, (int)p->version.len, (const char *)p->version.ptr,
		       (int)p->architecture.len, (const char *)p->architecture.ptr);
	if (!pass(g, path, name, true))
		add_wish(wishes, p);
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
		TRY(gate_package(g, &p, &wishes, f));
	if (r.code != RC_NOTFOUND)
		return r;
	if (g->can_ask && rc_is_ok(buf_done(&wishes)))
		(void)fprintf(stderr, "To ask for them: greatseal request-package%s\n",
			      buf_cstr(&wishes));
	return conclude(g, f);
}

/* All packages that rpm is about to install: the headers that it has read, since it does not say
 * where the archives lie. */
static rc gate_rpm(struct gate *g, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf answer = {0};
	struct rpm_package p;
	struct view rest;
	rc r;

	buf_init(&text, RPM_HOOK_BYTES);
	TRY(fd_read_all(STDIN_FILENO, &text, f));
	rest = buf_view(&text);
	TRY(rpm_hook_begin(&rest, f));
	(void)ask(g, "records", &answer);
	while (rc_is_ok(r = rpm_hook_next(&rest, &p, f))) {
		char name[400];

		(void)snprintf(name, sizeof(name), "%.*s", (int)p.shown.len,
			       (const char *)p.shown.ptr);
		(void)pass_digest(g, &p.header, name, true);
	}
	if (r.code != RC_NOTFOUND)
		return r;
	if (g->can_ask)
		(void)fprintf(stderr, "To ask for them: greatseal request-package FILE.rpm...\n");
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

static rc put(int dir, const char *name, const struct buf *bytes, struct fault *f)
{
	const struct file_spec spec = {.dirfd = dir, .name = name, .mode = 0600, .durable = true};

	return file_replace(&spec, buf_view(bytes), f);
}

/* One record and its proof, under a name that says which archive. */
static rc take_one(int dir, const char *path, struct fault *f)
{
	struct package_record r;
	AUTO(buf) struct buf record = {0};
	AUTO(buf) struct buf proof = {0};
	char beside[PATH_MAX + 16], hex[DIGEST_HEX], name[RECORD_NAME],
		proof_name[RECORD_NAME + 16];

	buf_init(&record, RECORD_BYTES);
	buf_init(&proof, RECORD_PROOF_BYTES);
	TRY(file_read(path, &record, f));
	TRY(package_record_open(buf_view(&record), &r, f));
	(void)snprintf(beside, sizeof(beside), "%s.greatseal", path);
	TRY(file_read(beside, &proof, f));
	digest_hex(&r.header.archive, hex);
	(void)snprintf(name, sizeof(name), "%s_%s" RECORD_SUFFIX, r.header.name, hex);
	(void)snprintf(proof_name, sizeof(proof_name), "%s.greatseal", name);
	TRY(put(dir, proof_name, &proof, f));
	TRY(put(dir, name, &record, f));
	return OK;
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
		v = ask_for(&g, &h.archive);
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
