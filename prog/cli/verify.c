#include "prog/cli/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/codec/jcan.h"
#include "lib/format/file.h"
#include "lib/format/list_file.h"
#include "lib/model/list.h"
#include "prog/cli/bundle.h"
#include "prog/cli/fetch.h"
#include "prog/cli/logview.h"

#define ROOTS_BYTES_MAX ((size_t)X509_CHAIN_MAX * X509_DER_MAX * 2)

struct inputs {
	int fd;
	struct bundle bundle;
	struct buf object; /* the detached signature as found beside the file */
	bool has_object;
	struct x509_chain roots;
	struct vkey log;
	uint64_t after; /* serial that a list must be newer than; 0: any */
};

static void inputs_release(struct inputs *in)
{
	fd_close(&in->fd);
	bundle_release(&in->bundle);
	buf_release(&in->object);
	x509_chain_release(&in->roots);
}
AUTO_DEFINE(inputs, struct inputs, inputs_release)

static rc read_named(struct cli *c, const char *option, const char *path, const char *suffix,
		     struct buf *out)
{
	char beside[PATH_MAX];
	const char *named = args_value(c->args, option);
	struct fault f = {0};
	rc r;

	if (named == NULL) {
		if ((size_t)snprintf(beside, sizeof(beside), "%s%s", path, suffix) >=
		    sizeof(beside))
			return cli_problem(c, RC_LIMIT, "", "%s: path is too long", path);
		named = beside;
	}
	r = file_read(named, out, &f);
	return rc_is_ok(r) ? r : cli_fault(c, r, &f);
}

static bool is_beside(const char *stem, const char *suffix)
{
	char path[PATH_MAX];

	return (size_t)snprintf(path, sizeof(path), "%s%s", stem, suffix) < sizeof(path) &&
	       access(path, F_OK) == 0;
}

/* Beside what the proof and a detached signature lie: the file itself, or, for one that stayed
 * where it was, the name that fetch has given them in its directory. */
static const char *find_stem(const char *path, char in_signed[static PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;

	if (is_beside(path, ".greatseal") ||
	    (size_t)snprintf(in_signed, PATH_MAX, "%.*s%s/%s", (int)(base - path), path, FETCH_DIR,
			     base) >= PATH_MAX)
		return path;
	return is_beside(in_signed, ".greatseal") && is_beside(in_signed, ".p7s") ? in_signed
										  : path;
}

/* The log's key: --vkey, or the one in the client's configuration. */
static rc read_vkey(struct cli *c, struct vkey *ret)
{
	const char *text = args_value(c->args, "vkey");
	struct fault f = {0};

	if (text == NULL) {
		rc r = logview_vkey(c, ret);

		if (r.code == RC_NOTFOUND)
			(void)snprintf(
				c->problem.remedy, sizeof(c->problem.remedy),
				"--vkey KEY, the log's key as its administrator gives it out");
		return r;
	}
	CLI_TRY(c, &f, vkey_parse(view_str(text), ret, &f));
	return OK;
}

/* A proof of a large batch names a file that lies beside it. */
static rc read_bundle(struct cli *c, const char *path, struct view text, struct bundle *b)
{
	const char *proof =
		args_value(c->args, "bundle") != NULL ? args_value(c->args, "bundle") : path;
	const char *slash = strrchr(proof, '/');
	AUTO(buf) struct buf common = {0};
	struct bundle_batch batch;
	char beside[PATH_MAX];
	struct fault f = {0};
	bool found;

	CLI_TRY(c, &f, bundle_find_batch(text, &batch, &found, &f));
	if (!found) {
		CLI_TRY(c, &f, bundle_parse(text, b, &f));
		return OK;
	}
	if ((size_t)snprintf(beside, sizeof(beside), "%.*s%s",
			     slash == NULL ? 0 : (int)(slash - proof + 1), proof,
			     batch.name) >= sizeof(beside))
		return cli_problem(c, RC_LIMIT, "", "%s: path is too long", path);
	buf_init(&common, BUNDLE_BYTES_MAX);
	if (!rc_is_ok(file_read(beside, &common, &f)))
		return cli_problem(c, f.code, "fetch writes it beside the proofs of a large batch",
				   "%s", f.text);
	CLI_TRY(c, &f, bundle_parse_part(text, buf_view(&common), b, &f));
	return OK;
}

static rc read_inputs(struct cli *c, const char *path, struct inputs *in)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf roots = {0};
	char in_signed[PATH_MAX];
	const char *stem = find_stem(path, in_signed);
	struct fault f = {0};
	rc r;

	buf_init(&text, BUNDLE_BYTES_MAX);
	buf_init(&roots, ROOTS_BYTES_MAX);
	buf_init(&in->object, FILE_OBJECT_MAX);
	TRY(read_vkey(c, &in->log));
	r = read_named(c, "bundle", stem, ".greatseal", &text);
	if (r.code == RC_NOTFOUND)
		(void)snprintf(
			c->problem.remedy, sizeof(c->problem.remedy),
			"--bundle FILE, if the proof lies elsewhere; greatseal fetch writes it");
	TRY(r);
	TRY(read_bundle(c, stem, buf_view(&text), &in->bundle));
	if (args_value(c->args, "roots") != NULL) {
		CLI_TRY(c, &f, file_read(args_value(c->args, "roots"), &roots, &f));
		CLI_TRY(c, &f, x509_chain_read(buf_view(&roots), &in->roots, &f));
	}
	in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (in->fd < 0)
		return cli_no_file(c, path, errno);
	r = read_named(c, "signature", stem, ".p7s", &in->object);
	in->has_object = rc_is_ok(r);
	if (!in->has_object && r.code != RC_NOTFOUND)
		return r;
	return OK;
}

/* The signature that goes with the file is byte for byte the one that the bundle proves. */
static rc check_file(struct cli *c, struct inputs *in, const struct request_item *item,
		     struct verify_report *ret, struct fault *f)
{
	const struct format_file *format = format_file_find(view_str(item->format));
	struct verify_trust trust = {.roots = in->roots.der,
				     .root_count = in->roots.count,
				     .when = in->bundle.signed_at};
	AUTO(buf) struct buf proven = {0};
	AUTO(buf) struct buf found = {0};

	buf_init(&proven, FILE_OBJECT_MAX);
	buf_init(&found, FILE_OBJECT_MAX);
	(void)c;
	if (format == NULL)
		return fault_set(f, RC_UNSUPPORTED, 0, "format %s is not known here", item->format);
	TRY(bundle_object(&in->bundle, item, &proven, f));
	if (!format->detached)
		TRY(format->extract(in->fd, &found, f));
	else if (in->has_object)
		buf_put_view(&found, buf_view(&in->object));
	else
		buf_put_view(&found, buf_view(&proven));
	TRY(buf_done(&found));
	if (!view_is_equal(buf_view(&found), buf_view(&proven)))
		return fault_set(f, RC_MISMATCH, 0,
				 "the file's signature is not the one in the log");
	TRY(format->verify(in->fd, buf_view(&found), &trust, ret, f));
	if (!hash_is_equal(&ret->content, &item->content))
		return fault_set(f, RC_MISMATCH, 0, "the file is not the one that was approved");
	return OK;
}

static void add_check(json_t *list, const char *name, bool ok, const char *text)
{
	(void)json_array_append_new(
		list, json_pack("{s:s,s:b,s:s}", "check", name, "ok", (int)ok, "text", text));
}

static void print_checks(const struct cli *c, const json_t *list)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		bool ok = json_is_true(json_object_get(row, "ok"));

		(void)printf("  %s%-6s%s %-10s %s\n", ok ? cli_green(c) : cli_red(c),
			     ok ? "ok" : "FAILED", cli_plain(c), json_text(row, "check"),
			     json_text(row, "text"));
	}
}

/* Who approved, and when by the log. */
static json_t *approvers_json(const struct bundle_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->approver_count; i++) {
		const struct bundle_approver *a = &report->approvers[i];
		char when[TIME_TEXT] = "";
		char hex[DIGEST_HEX];
		json_t *row;

		digest_hex(&a->statement, hex);
		row = json_pack("{s:s,s:s}", "person", a->person.s, "statement", hex);
		if (a->early)
			(void)json_object_set_new(row, "early", json_true());
		rc_ignore(time_format(a->given, when), "what was parsed can be formatted");
		if (a->dated)
			(void)json_object_set_new(row, "given", json_string(when));
		(void)json_array_append_new(list, row);
	}
	return list;
}

static void print_approvers(const json_t *list)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		const char *given = json_text(row, "given");

		(void)printf("  approved by %s%s%s%s\n", json_text(row, "person"),
			     json_is_true(json_object_get(row, "early")) ? ", beforehand," : "",
			     given[0] != '\0' ? " at " : "; when is the keeper's word", given);
	}
}

/* Of an allowlist: it names the log that its signature is in, and is newer than the one that the
 * host has. Whether it is valid yet, or still, is told; a host judges that by its own clock. */
static rc check_list(struct inputs *in, char *text, size_t cap, struct fault *f)
{
	AUTO(file_map) struct file_map map = {0};
	char until[TIME_TEXT];
	struct list l;

	TRY(file_map_open(in->fd, &map, f));
	TRY(list_open(map.bytes, &l, f));
	if (strcmp(l.header.origin, in->log.name) != 0)
		return fault_set(f, RC_MISMATCH, 0, "the list is for log %s", l.header.origin);
	if (l.header.serial <= in->after)
		return fault_set(f, RC_STATE, 0, "serial %llu is not newer than %llu",
				 (unsigned long long)l.header.serial,
				 (unsigned long long)in->after);
	TRY(time_format(l.header.not_after, until));
	(void)snprintf(text, cap, "list %s, serial %llu, %zu contents, valid to %s",
		       l.header.name.s, (unsigned long long)l.header.serial, l.contents.count,
		       until);
	return OK;
}

/* All checks; list gets a row for each, *ret_approvers those who approved if that is proven. */
static rc verify_all(struct cli *c, struct inputs *in, json_t *list, json_t **ret_approvers,
		     struct fault *f)
{
	AUTO(bundle_report) struct bundle_report report = {0};
	struct verify_report file = {0};
	char text[FAULT_TEXT * 2];
	rc bundle = bundle_prove(&in->bundle, &in->log, &report, f);
	rc r;

	for (size_t i = 0; i < report.count; i++)
		add_check(list, report.checks[i].name, report.checks[i].ok, report.checks[i].text);
	TRY(bundle);
	*ret_approvers = approvers_json(&report);
	r = check_file(c, in, report.item, &file, f);
	(void)snprintf(text, sizeof(text), "signed by %s%s", file.subject,
		       file.trusted ? ", certificate path verified"
				    : "; certificate path not checked (--roots does)");
	add_check(list, "file", rc_is_ok(r), rc_is_ok(r) ? text : f->text);
	if (!rc_is_ok(r) || strcmp(report.item->format, LIST_FORMAT) != 0)
		return r;
	r = check_list(in, text, sizeof(text), f);
	add_check(list, "list", rc_is_ok(r), rc_is_ok(r) ? text : f->text);
	return r;
}

rc cmd_verify(struct cli *c, const struct args *a)
{
	const char *after = args_value(a, "after");
	AUTO(inputs) struct inputs in = {.fd = -1};
	AUTO(json) json_t *list = json_array();
	AUTO(json) json_t *answer = NULL;
	AUTO(json) json_t *approvers = NULL;
	struct fault f = {0};
	rc r;

	bundle_init(&in.bundle);
	if (after != NULL &&
	    !rc_is_ok(num_parse_u64(after, strlen(after), JCAN_NUMBER_MAX, &in.after)))
		return cli_problem(c, RC_USAGE, "", "--after %s: a serial number", after);
	TRY(read_inputs(c, a->words[0], &in));
	r = verify_all(c, &in, list, &approvers, &f);
	answer = json_pack("{s:s,s:b,s:O}", "file", a->words[0], "verified", (int)rc_is_ok(r),
			   "checks", list);
	if (approvers != NULL)
		(void)json_object_set(answer, "approvals", approvers);
	if (!cli_print_json(c, answer)) {
		(void)printf("%s: %s%s%s\n", a->words[0], rc_is_ok(r) ? cli_green(c) : cli_red(c),
			     rc_is_ok(r) ? "verified" : "NOT VERIFIED", cli_plain(c));
		print_checks(c, list);
		print_approvers(approvers);
	}
	/* Every failed check means the same to a script; the words are in the list. */
	c->exit = rc_is_ok(r) ? EXIT_DONE : EXIT_UNVERIFIED;
	return OK;
}
