/* inspect - looking into files: the server's report, or a fresh one made here in a sandboxed
 * worker.
 *
 * Owns: running the local worker, fetching files to look at. Must not own: parsing of artifacts. */
#include "prog/cli/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/format/diff.h"
#include "lib/format/file.h"
#include "lib/format/inspect.h"
#include "lib/format/report_text.h"
#include "prog/cli/api.h"
#include "prog/cli/evidence.h"

#define REPORT_MAX ((size_t)96 << 20)
#define TEXT_MAX ((size_t)64 << 20)

/* The worker: $GREATSEAL_WORKER, or beside this program, or where it is installed. */
static void worker_path(char out[PATH_MAX])
{
	const char *named = getenv("GREATSEAL_WORKER");
	char self[PATH_MAX];
	ssize_t len;
	char *slash;

	(void)snprintf(out, PATH_MAX, "%s", GS_LIBEXECDIR "/greatseal-worker");
	if (named != NULL && named[0] == '/') {
		(void)snprintf(out, PATH_MAX, "%s", named);
		return;
	}
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len <= 0)
		return;
	self[len] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		return;
	*slash = '\0';
	if (strlen(self) + sizeof("/greatseal-worker") > PATH_MAX)
		return;
	strcat(self, "/greatseal-worker");
	if (access(self, X_OK) == 0)
		memcpy(out, self, strlen(self) + 1);
}

rc local_worker(struct cli *c, const struct worker_job *wanted, const char *name, json_t **ret)
{
	struct worker_job job = *wanted;
	char path[PATH_MAX];
	AUTO(worker_result) struct worker_result result = {0};
	struct fault f = {0};
	rc r;

	worker_path(path);
	job.path = path;
	r = worker_run(&job, &result, &f);
	if (!rc_is_ok(r))
		return cli_problem(c, RC_PEER, "install greatseal-worker, or set GREATSEAL_WORKER",
				   "%s: %s", path, f.text);
	if (result.end != WORKER_OK)
		return cli_problem(c, RC_PEER, "", "%s cannot be inspected: %s: %.*s", name,
				   worker_end_text(result.end),
				   (int)(result.json.len > 200 ? 200 : result.json.len),
				   (const char *)result.json.ptr);
	*ret = json_loadb((const char *)result.json.ptr, result.json.len, JSON_REJECT_DUPLICATES,
			  NULL);
	return *ret != NULL ? OK : cli_problem(c, RC_PEER, "", "the worker's report is not JSON");
}

/* Runs the inspection of fd in a worker; *ret is the report. */
static rc run_worker(struct cli *c, int fd, const char *name, json_t **ret)
{
	const char *args[] = {"inspect", "--in", "3", "--name", name};
	const struct worker_fd fds[] = {{.number = 3, .fd = fd}};
	const struct worker_job job = {.args = args,
				       .arg_count = sizeof(args) / sizeof(args[0]),
				       .fds = fds,
				       .fd_count = 1};

	return local_worker(c, &job, name, ret);
}

static struct text_style style_of(const struct cli *c, const struct args *a)
{
	return (struct text_style){.colour = c->colour, .all = args_has(a, "all")};
}

static rc print_text(struct cli *c, const json_t *value, bool is_diff)
{
	AUTO(buf) struct buf text = {0};
	struct fault f = {0};

	if (cli_print_json(c, value))
		return OK;
	buf_init(&text, TEXT_MAX);
	if (is_diff)
		CLI_TRY(c, &f, diff_print_text(value, style_of(c, c->args), &text, &f));
	else
		CLI_TRY(c, &f, report_print_text(value, style_of(c, c->args), &text, &f));
	(void)fwrite(text.ptr, 1, text.len, stdout);
	return OK;
}

rc inspect_path(struct cli *c, const char *path, json_t **ret)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *base = strrchr(path, '/');

	if (fd < 0)
		return cli_no_file(c, path, errno);
	return run_worker(c, fd, base == NULL ? path : base + 1, ret);
}

/* A report or diff of the server, checked against its name. */
static rc fetch_report(struct cli *c, const struct digest *name, json_t **ret)
{
	AUTO(buf) struct buf bytes = {0};
	char hex[DIGEST_HEX];
	struct digest digest;

	buf_init(&bytes, REPORT_MAX);
	digest_hex(name, hex);
	TRY(api_bytes(c, false, &bytes, "/v1/reports/%s", hex));
	digest = digest_of(buf_view(&bytes));
	if (!digest_is_equal(&digest, name))
		return cli_problem(c, RC_MISMATCH, "",
				   "the server's report is not the one it names");
	*ret = json_loadb((const char *)bytes.ptr, bytes.len, JSON_REJECT_DUPLICATES, NULL);
	return *ret != NULL ? OK : cli_problem(c, RC_PEER, "", "the report is not JSON");
}

/* --item N, counted from 1; all items without it. */
static rc chosen_item(struct cli *c, const struct args *a, const struct wish *w, size_t *ret_from,
		      size_t *ret_to)
{
	const char *item = args_value(a, "item");
	uint64_t n;

	*ret_from = 0;
	*ret_to = w->request.count;
	if (item == NULL)
		return OK;
	if (!rc_is_ok(num_parse_u64(item, strlen(item), w->request.count, &n)) || n == 0)
		return cli_problem(c, RC_USAGE, "", "--item %s: the request has %zu files", item,
				   w->request.count);
	*ret_from = (size_t)n - 1;
	*ret_to = (size_t)n;
	return OK;
}

/* Why the server has no report, or no diff, of a file. */
static void say_missing(const struct cli *c, const struct wish *w, size_t item, const char *kind)
{
	struct digest previous;
	char hex[DIGEST_HEX];

	if (strcmp(kind, "diff") != 0) {
		cli_say(c, "file %zu: there is no %s", item + 1, kind);
	} else if (!rc_is_ok(wish_report(w, item, "previous", &previous))) {
		cli_say(c,
			"file %zu: there is no diff: no other file of this product was signed "
			"before",
			item + 1);
	} else {
		digest_hex(&previous, hex);
		cli_say(c,
			"file %zu: there is no diff: the server could not compare it with the one "
			"that was signed before\n"
			"  to find that:     greatseal search %s\n"
			"  with both files:  greatseal diff --local OLD NEW",
			item + 1, hex);
	}
}

/* Prints the server's reports or diffs of the chosen items; the number shown. */
static rc show_server(struct cli *c, const struct args *a, const char *kind)
{
	AUTO(wish) struct wish w = {0};
	AUTO(json) json_t *all = json_array();
	size_t from;
	size_t to;

	TRY(wish_fetch(c, a->words[0], &w));
	TRY(chosen_item(c, a, &w, &from, &to));
	for (size_t i = from; i < to; i++) {
		AUTO(json) json_t *value = NULL;
		struct digest name;

		if (!rc_is_ok(wish_report(&w, i, kind, &name))) {
			say_missing(c, &w, i, kind);
			continue;
		}
		TRY(fetch_report(c, &name, &value));
		if (c->json)
			(void)json_array_append(all, value);
		else
			TRY(print_text(c, value, strcmp(kind, "diff") == 0));
	}
	(void)cli_print_json(c, all);
	return OK;
}

rc cmd_inspect(struct cli *c, const struct args *a)
{
	AUTO(json) json_t *report = NULL;

	if (!args_has(a, "local"))
		return show_server(c, a, "report");
	TRY(inspect_path(c, a->words[0], &report));
	return print_text(c, report, false);
}

static rc scratch_file(struct cli *c, int *ret);

/* What the builder made, fetched, held against its digest, and inspected here. */
static rc inspect_artifact(struct cli *c, const struct digest *sha256, const char *name,
			   json_t **ret)
{
	AUTO(fd) int fd = -1;
	char hex[DIGEST_HEX];
	struct digest got;

	digest_hex(sha256, hex);
	TRY(scratch_file(c, &fd));
	TRY(api_download(c, fd, &got, "/v1/artifacts/%s", hex));
	if (!digest_is_equal(&got, sha256))
		return cli_problem(c, RC_MISMATCH, "call the security team",
				   "the server's file is not %.16s", hex);
	return run_worker(c, fd, name, ret);
}

/* The request's files against those that a builder made under the same names. */
static rc diff_rebuild(struct cli *c, const struct args *a)
{
	const char *builder = args_value(a, "rebuild");
	AUTO(wish) struct wish w = {0};
	size_t shown = 0;

	TRY(wish_fetch(c, a->words[0], &w));
	for (size_t i = 0; i < w.request.count; i++) {
		AUTO(json) json_t *old = NULL;
		AUTO(json) json_t *new = NULL;
		AUTO(json) json_t *diff = NULL;
		char name[ITEM_NAME_MAX + 1];
		struct fault f = {0};
		struct digest d;
		rc r = evidence_rebuilt_by(c, &w, i, builder, &d);

		if (r.code == RC_NOTFOUND)
			continue;
		TRY(r);
		TRY(request_item_name(&w.request.items[i], name));
		TRY(inspect_artifact(c, &d, name, &old));
		TRY(inspect_artifact(c, &w.request.items[i].sha256, name, &new));
		CLI_TRY(c, &f, report_diff(old, new, &diff, &f));
		TRY(print_text(c, diff, true));
		shown++;
	}
	if (shown == 0)
		return cli_problem(c, RC_NOTFOUND, "", "%s made no other file of these names",
				   builder);
	return OK;
}

rc cmd_diff(struct cli *c, const struct args *a)
{
	AUTO(json) json_t *old = NULL;
	AUTO(json) json_t *new = NULL;
	AUTO(json) json_t *diff = NULL;
	struct fault f = {0};

	if (!args_has(a, "local")) {
		if (a->word_count != 1)
			return cli_problem(c, RC_USAGE, "", "name one request, or --local OLD NEW");
		if (args_has(a, "rebuild"))
			return diff_rebuild(c, a);
		return show_server(c, a, "diff");
	}
	if (a->word_count != 2)
		return cli_problem(c, RC_USAGE, "", "usage: greatseal diff --local OLD NEW");
	TRY(inspect_path(c, a->words[0], &old));
	TRY(inspect_path(c, a->words[1], &new));
	CLI_TRY(c, &f, report_diff(old, new, &diff, &f));
	return print_text(c, diff, true);
}

/* Holds one downloaded file against the statement. */
static rc check_item(struct cli *c, const struct request_item *item, int fd,
		     const struct digest *sha256)
{
	const struct format_file *format = format_file_find(view_str(item->format));
	struct fault f = {0};
	struct hash content;
	uint64_t size;

	CLI_TRY(c, &f, fd_size(fd, &size, &f));
	if (size != item->size || !digest_is_equal(sha256, &item->sha256))
		return cli_problem(c, RC_MISMATCH, "do not approve",
				   "the server's file is not the one in the request");
	if (format == NULL)
		return cli_problem(c, RC_UNSUPPORTED, "update this program",
				   "format %s is not known here", item->format);
	CLI_TRY(c, &f, format->content(fd, item->content.alg, &content, &f));
	if (!hash_is_equal(&content, &item->content))
		return cli_problem(c, RC_MISMATCH, "do not approve",
				   "the request's content digest is not what the file gives");
	return OK;
}

static rc compare_report(struct cli *c, const struct wish *w, size_t i, const json_t *mine)
{
	AUTO(buf) struct buf bytes = {0};
	struct digest digest;
	struct digest theirs;

	buf_init(&bytes, REPORT_MAX);
	if (!rc_is_ok(inspect_dump(mine, &bytes)))
		return cli_problem(c, RC_LIMIT, "", "the report is too large");
	digest = digest_of(buf_view(&bytes));
	if (!rc_is_ok(wish_report(w, i, "report", &theirs)))
		return cli_problem(c, RC_NOTFOUND, "", "the server has no report of file %zu",
				   i + 1);
	if (!digest_is_equal(&digest, &theirs))
		return cli_problem(
			c, RC_MISMATCH, "do not approve before the difference is understood",
			"the server's report of file %zu is not what this machine finds", i + 1);
	return OK;
}

/* A nameless file in memory or on disk, gone when closed. */
static rc scratch_file(struct cli *c, int *ret)
{
	const char *dir = getenv("TMPDIR");

	*ret = open(dir != NULL ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*ret < 0)
		return cli_problem(c, RC_IO, "set TMPDIR to a directory with room",
				   "no scratch file: %s", strerror(errno));
	return OK;
}

rc inspect_request_locally(struct cli *c, const struct wish *w)
{
	if (!w->request.upload)
		return cli_problem(c, RC_UNSUPPORTED, "ask the requester for the files",
				   "the request has digests only: there is nothing to inspect");
	for (size_t i = 0; i < w->request.count; i++) {
		const struct request_item *item = &w->request.items[i];
		AUTO(json) json_t *report = NULL;
		AUTO(fd) int fd = -1;
		char name[ITEM_NAME_MAX + 1];
		struct digest sha256;

		TRY(scratch_file(c, &fd));
		TRY(api_download(c, fd, &sha256, "/v1/requests/%s/items/%zu/artifact", w->id, i));
		TRY(check_item(c, item, fd, &sha256));
		TRY(request_item_name(item, name));
		TRY(run_worker(c, fd, name, &report));
		TRY(compare_report(c, w, i, report));
		if (!c->json)
			TRY(print_text(c, report, false));
		cli_say(c,
			"file %zu: fetched, digests recomputed, inspected here: all as the request "
			"and the server say",
			i + 1);
	}
	return OK;
}
