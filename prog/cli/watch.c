/* watch - see watch.h. Owns: which files are looked into, and the rows for the server. Must not
 * own: parsing (greatseal-worker, lib/format/seen.h), the verdict (the server, by the log). */
#include "prog/cli/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/pem.h"
#include "lib/format/seen_near.h"
#include "prog/cli/api.h"
#include "prog/cli/inspect.h"
#include "prog/cli/shown.h"

#define ROWS_MAX 64 /* of one call */
#define CERTS_MAX (1 << 20)
#define TRIES 1000 /* while the server brings its index up to date */

struct watch {
	struct cli *c;
	bool all;
	json_t *keys;  /* set of fingerprints -> name */
	int certs;     /* PEM file of their certificates, or -1 */
	json_t *rows;  /* for the server, not sent yet */
	json_t *paths; /* of those rows */
	json_t *found; /* what --json prints */
	size_t files;
	size_t looked;
	size_t alarms;
	size_t bad;
	size_t unjudged;
	size_t unreadable;
	bool missing; /* a path that the command names */
};

static void watch_release(struct watch *w)
{
	json_decref(w->keys);
	json_decref(w->rows);
	json_decref(w->paths);
	json_decref(w->found);
	fd_close(&w->certs);
}
AUTO_DEFINE(watch, struct watch, watch_release)

/* ---- Our keys -------------------------------------------------------------------------------*/

static rc memory_file(struct cli *c, struct view bytes, int *ret)
{
	AUTO(fd) int fd = memfd_create("greatseal", MFD_CLOEXEC);
	struct fault f = {0};

	if (fd < 0)
		return cli_problem(c, RC_IO, "", "memfd_create: %s", strerror(errno));
	CLI_TRY(c, &f, fd_write_full(fd, bytes.ptr, bytes.len, &f));
	*ret = fd;
	fd = -1;
	return OK;
}

/* The leaf of the key's chain, which comes first; in PEM. */
static rc add_certificate(struct watch *w, const char *name, struct buf *pem)
{
	const struct pem_kind kind = {.label = "CERTIFICATE", .columns = PEM_COLUMNS};
	AUTO(buf) struct buf text;
	AUTO(buf) struct buf der;
	struct fault f = {0};
	struct view rest;

	buf_init(&text, CERTS_MAX);
	buf_init(&der, CERTS_MAX);
	TRY(api_bytes(w->c, false, &text, "/v1/keys/%s/certificates", name));
	rest = buf_view(&text);
	CLI_TRY(w->c, &f, pem_next(&kind, &rest, &der, &f));
	pem_put(&kind, buf_view(&der), pem);
	return rc_is_ok(buf_done(pem)) ? OK
				       : cli_problem(w->c, RC_LIMIT, "", "too many certificates");
}

/* Names by fingerprint, and the certificates of those that have one. */
static rc ask_keys(struct watch *w, struct buf *pem)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *answer = NULL;
	const json_t *key;
	size_t i;

	buf_init(pem, CERTS_MAX);
	TRY(api_json(w->c, &get, &answer, "/v1/keys"));
	json_array_foreach(json_object_get(answer, "keys"), i, key)
	{
		const char *name = json_text(key, "name");
		struct name n;

		if (!rc_is_ok(name_parse(view_str(name), &n)))
			return cli_problem(w->c, RC_PEER, "",
					   "the server's list of keys is broken");
		(void)json_object_set_new(w->keys, json_text(key, "fingerprint"), json_string(n.s));
		if (json_is_object(json_object_get(key, "certificate")))
			TRY(add_certificate(w, n.s, pem));
	}
	return OK;
}

static rc learn_keys(struct watch *w)
{
	AUTO(buf) struct buf pem = {0};

	TRY(ask_keys(w, &pem));
	if (json_object_size(w->keys) == 0)
		return cli_problem(w->c, RC_STATE, "", "the keeper holds no key to watch");
	return pem.len == 0 ? OK : memory_file(w->c, buf_view(&pem), &w->certs);
}

/* ---- What the server says -------------------------------------------------------------------*/

static void print_verdict(const struct watch *w, const char *path, const json_t *row,
			  const json_t *verdict)
{
	const struct cli *c = w->c;
	const char *word = json_text(verdict, "verdict");
	const char *key = json_text(w->keys, json_text(row, "key"));
	bool alarm = strcmp(word, "alarm") == 0;

	if (c->json || (!alarm && !w->all))
		return;
	(void)printf("%s%s%s  %s: %s by key %s", alarm ? cli_red(c) : "", alarm ? "ALARM" : word,
		     alarm ? cli_plain(c) : "", path, json_text(row, "kind"), key);
	if (strcmp(word, "issued") == 0)
		(void)printf(", request %.16s, log entry %" JSON_INTEGER_FORMAT "\n",
			     json_text(verdict, "request"), json_number(verdict, "leaf"));
	else if (alarm)
		(void)printf(": the log does not have it\n  greatseal alarms show %.16s\n",
			     json_text(verdict, "signature"));
	else
		(void)printf("\n");
}

/* A server that is busy with its index is asked again: each call brings it further. */
static rc ask(struct watch *w, json_t **ret)
{
	AUTO(json) json_t *body = json_pack("{s:O}", "seen", w->rows);
	const struct api_call post = {.method = "POST", .body = body};
	rc r = RC(RC_BUSY);

	for (unsigned n = 0; n < TRIES && r.code == RC_BUSY; n++)
		r = api_json(w->c, &post, ret, "/v1/signatures/seen");
	return r;
}

static rc flush(struct watch *w)
{
	AUTO(json) json_t *answer = NULL;
	const json_t *list;
	size_t i;
	const json_t *row;

	if (json_array_size(w->rows) == 0)
		return OK;
	TRY(ask(w, &answer));
	list = json_object_get(answer, "verdicts");
	if (json_array_size(list) != json_array_size(w->rows))
		return cli_problem(w->c, RC_PEER, "", "the server has not judged every signature");
	json_array_foreach(w->rows, i, row)
	{
		json_t *verdict = json_array_get(list, i);
		const char *path = json_string_value(json_array_get(w->paths, i));
		const char *word = json_text(verdict, "verdict");

		print_verdict(w, path, row, verdict);
		w->alarms += strcmp(word, "alarm") == 0;
		w->bad += strcmp(word, "bad") == 0;
		(void)json_object_set_new(verdict, "path", json_string(path));
		(void)json_array_append(w->found, verdict);
	}
	(void)json_array_clear(w->rows);
	(void)json_array_clear(w->paths);
	return OK;
}

/* ---- One file -------------------------------------------------------------------------------*/

/* Rows by our keys; the names are the user's own, made fit to be shown and told. */
static rc take_rows(struct watch *w, const char *path, const json_t *report)
{
	char shown[1024];
	const json_t *s;
	size_t i;

	(void)snprintf(shown, sizeof(shown), "%.1000s", path);
	shown_text(shown, sizeof(shown));
	w->unreadable += json_number(report, "unreadable") > 0;
	json_array_foreach(json_object_get(report, "signatures"), i, s)
	{
		AUTO(json) json_t *row = NULL;

		if (json_object_get(w->keys, json_text(s, "key")) == NULL)
			continue;
		if (strcmp(json_text(s, "state"), "unjudged") == 0 ||
		    json_object_get(s, "signature") == NULL) {
			w->unjudged++;
			(void)fprintf(stderr,
				      "%s: a signature that names key %s cannot be judged: %s\n",
				      shown, json_text(w->keys, json_text(s, "key")),
				      json_text(s, "why"));
			continue;
		}
		row = json_copy((json_t *)(uintptr_t)s);
		(void)json_object_set(row, "file", json_object_get(report, "sha256"));
		(void)json_object_set_new(row, "name", json_string(shown));
		if (json_array_append(w->rows, row) != 0 ||
		    json_array_append_new(w->paths, json_string(shown)) != 0)
			return cli_problem(w->c, RC_NOMEM, "", "no memory");
		if (json_array_size(w->rows) == ROWS_MAX)
			TRY(flush(w));
	}
	return OK;
}

/* beside, ima: -1 for none. */
static rc look_into(struct watch *w, const char *path, int fd, int beside, int ima)
{
	const char *args[9] = {"signatures", "--in", "3"};
	struct worker_fd fds[4] = {{.number = 3, .fd = fd}};
	struct worker_job job = {.args = args, .arg_count = 3, .fds = fds, .fd_count = 1};
	const struct {
		const char *option;
		const char *number;
		int fd;
	} more[] = {{"--roots", "4", w->certs}, {"--object", "5", beside}, {"--ima", "6", ima}};
	AUTO(json) json_t *report = NULL;

	for (int i = 0; i < 3; i++) {
		if (more[i].fd < 0)
			continue;
		args[job.arg_count++] = more[i].option;
		args[job.arg_count++] = more[i].number;
		fds[job.fd_count++] = (struct worker_fd){.number = 4 + i, .fd = more[i].fd};
	}
	w->looked++;
	/* One file that is too much for the worker must not hide the others. */
	if (!rc_is_ok(local_worker(w->c, &job, path, &report))) {
		w->unreadable++;
		cli_say(w->c, "%s", w->c->problem.text);
		memset(&w->c->problem, 0, sizeof(w->c->problem));
		return OK;
	}
	return take_rows(w, path, report);
}

static rc open_ima(struct watch *w, int fd, int *ret)
{
	uint8_t value[SEEN_IMA_MAX];
	size_t n = seen_read_ima(fd, value);

	*ret = -1;
	return n == 0 ? OK : memory_file(w->c, view_of(value, n), ret);
}

/* What a name leads to, if it is a regular file of at most max bytes. A device is never opened:
 * that alone does something to some of them. */
static int open_regular(const char *path, off_t max)
{
	AUTO(fd) int at = open(path, O_PATH | O_CLOEXEC);
	char self[32];
	struct stat st;

	if (at < 0 || fstat(at, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > max)
		return -1;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	return open(self, O_RDONLY | O_CLOEXEC);
}

/* The next signature file beside it, from *at on; -1: no more. */
static int open_beside(const char *path, size_t *at)
{
	char name[PATH_MAX + 8];
	int fd = -1;

	while (fd < 0 && seen_beside_name(path, at, name, sizeof(name)))
		fd = open_regular(name, SEEN_BESIDE_MAX);
	return fd;
}

static rc watch_file(struct watch *w, const char *path)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	AUTO(fd) int ima = -1;
	size_t at = 0;
	uint64_t size;
	bool carries;
	int beside;

	if (fd < 0 || !rc_is_ok(fd_size(fd, &size, NULL))) {
		w->unreadable++;
		cli_say(w->c, "%s: %s", path, fd < 0 ? strerror(errno) : "not a regular file");
		return OK;
	}
	w->files++;
	TRY(open_ima(w, fd, &ima));
	carries = seen_may_carry(fd, size) || ima >= 0;
	beside = open_beside(path, &at);
	while (carries || beside >= 0) {
		rc r = look_into(w, path, fd, beside, carries ? ima : -1);

		fd_close(&beside);
		TRY(r);
		carries = false;
		beside = open_beside(path, &at);
	}
	return OK;
}

/* ---- All of them ----------------------------------------------------------------------------*/

static rc walk(struct watch *w, char *path)
{
	char *const paths[] = {path, NULL};
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	rc r = OK;
	FTSENT *e;

	if (tree == NULL)
		return cli_problem(w->c, RC_IO, "", "%s", strerror(errno));
	while (rc_is_ok(r) && (e = fts_read(tree)) != NULL) {
		if (e->fts_info == FTS_F) {
			r = watch_file(w, e->fts_path);
		} else if (e->fts_info == FTS_NS || e->fts_info == FTS_DNR ||
			   e->fts_info == FTS_ERR ||
			   (e->fts_info == FTS_SLNONE && e->fts_level == FTS_ROOTLEVEL)) {
			w->unreadable++;
			w->missing |= e->fts_level == FTS_ROOTLEVEL;
			cli_say(w->c, "%s: %s", e->fts_path,
				strerror(e->fts_errno != 0 ? e->fts_errno : ENOENT));
		}
	}
	(void)fts_close(tree);
	return r;
}

static enum exit_code exit_of(const struct watch *w)
{
	if (w->alarms > 0)
		return EXIT_ALARM;
	if (w->unjudged > 0)
		return EXIT_UNVERIFIED;
	return w->missing ? EXIT_ERROR : EXIT_DONE;
}

rc cmd_watch(struct cli *c, const struct args *a)
{
	AUTO(watch)
	struct watch w = {.c = c,
			  .all = args_has(a, "all"),
			  .keys = json_object(),
			  .certs = -1,
			  .rows = json_array(),
			  .paths = json_array(),
			  .found = json_array()};
	AUTO(json) json_t *out = NULL;

	TRY(learn_keys(&w));
	for (int i = 0; i < a->word_count; i++)
		TRY(walk(&w, a->words[i]));
	TRY(flush(&w));
	out = json_pack("{s:O,s:I,s:I,s:I,s:I,s:I}", "signatures", w.found, "files",
			(json_int_t)w.files, "alarms", (json_int_t)w.alarms, "bad",
			(json_int_t)w.bad, "unjudged", (json_int_t)w.unjudged, "unreadable",
			(json_int_t)w.unreadable);
	if (!cli_print_json(c, out))
		(void)printf(
			"%zu files, %zu signatures by our keys, %zu alarms, %zu do not verify, "
			"%zu not judged, %zu not readable\n",
			w.files, json_array_size(w.found), w.alarms, w.bad, w.unjudged,
			w.unreadable);
	c->exit = exit_of(&w);
	return OK;
}

rc cmd_key_certificates(struct cli *c, const struct args *a)
{
	AUTO(watch) struct watch w = {.c = c, .keys = json_object(), .certs = -1};
	AUTO(buf) struct buf pem = {0};
	AUTO(json) json_t *out = NULL;

	(void)a;
	TRY(ask_keys(&w, &pem));
	if (pem.len == 0)
		return cli_problem(c, RC_NOTFOUND, "", "no key has a certificate");
	out = json_pack("{s:s}", "certificates", buf_cstr(&pem));
	if (!cli_print_json(c, out))
		(void)printf("%s", buf_cstr(&pem));
	return OK;
}
