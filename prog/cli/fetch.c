/* fetch - from the server's answers to files and bundles on disk. */
#include "prog/cli/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/crypt/sshsig.h"
#include "lib/format/file.h"
#include "lib/model/change.h"
#include "lib/tlog/items.h"
#include "lib/tlog/proof_file.h"
#include "prog/cli/api.h"
#include "prog/cli/bundle.h"
#include "prog/cli/answer.h"
#include "prog/cli/encode.h"
#include "prog/cli/logview.h"
#include "prog/cli/outputs.h"
#include "prog/cli/policy_file.h"
#include "prog/cli/wish.h"

#define SIGNATURES_BYTES_MAX (REQUEST_ITEMS_MAX * 512u)

/* One use of a request: everything that its bundles have in common, and all signature values. */
struct finished {
	struct wish wish;
	struct bundle common;
	struct bundle_report report; /* of the first file's bundle */
	struct buf values;	     /* the signature values, one after the other */
	struct view *value;
	struct tree_mem tree; /* over all of them */
	struct bundle_batch batch;
	const char *const *sources;
};

static void finished_release(struct finished *d)
{
	bundle_report_release(&d->report);
	tree_mem_release(&d->tree);
	wish_release(&d->wish);
	bundle_release(&d->common);
	buf_release(&d->values);
	free(d->value);
}
AUTO_DEFINE(finished, struct finished, finished_release)

static rc take_values(struct cli *c, const json_t *list, struct finished *d)
{
	size_t count = d->wish.request.count;
	size_t *start = calloc(count + 1, sizeof(*start));
	const json_t *row;
	size_t i;
	rc r = OK;

	d->value = calloc(count, sizeof(*d->value));
	if (start == NULL || d->value == NULL || json_array_size(list) != count) {
		free(start);
		return cli_problem(c, RC_PEER, "",
				   "the server's result has not one signature a file");
	}
	json_array_foreach(list, i, row)
	{
		start[i] = d->values.len;
		r = json_base64(c, row, &d->values);
		if (!rc_is_ok(r))
			break;
	}
	start[count] = d->values.len;
	/* The buffer moves while it grows; views are made when it is whole. */
	for (i = 0; rc_is_ok(r) && i < count; i++)
		d->value[i] = view_of(d->values.ptr + start[i], start[i + 1] - start[i]);
	free(start);
	return r;
}

static rc take_certificates(struct cli *c, const json_t *list, struct bundle *b)
{
	AUTO(buf) struct buf all = {0};
	struct fault f = {0};
	const json_t *row;
	size_t i;

	buf_init(&all, (size_t)X509_CHAIN_MAX * X509_DER_MAX);
	json_array_foreach(list, i, row) TRY(json_base64(c, row, &all));
	CLI_TRY(c, &f, x509_chain_read(buf_view(&all), &b->certs, &f));
	return OK;
}

/* If the server still has it. */
static rc take_document(struct cli *c, enum source_kind kind, const struct digest *want,
			struct buf *out)
{
	rc r = policy_bytes_of(c, kind, want, out);

	return r.code == RC_NOTFOUND ? OK : r;
}

rc fetch_approval(struct cli *c, const struct digest *statement, struct signed_bytes *ret)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *answer = NULL;
	char hex[DIGEST_HEX];

	digest_hex(statement, hex);
	TRY(api_json(c, &get, &answer, "/v1/statements/%s", hex));
	TRY(json_get_base64(c, answer, "statement", &ret->bytes));
	TRY(json_base64(c, json_array_get(json_object_get(answer, "signatures"), 0), &ret->sig));
	if (!json_is_integer(json_object_get(answer, "leaf")) || json_number(answer, "leaf") < 0)
		return cli_problem(c, RC_PEER, "", "the server names no entry of an approval");
	return logview_entry(c, (uint64_t)json_number(answer, "leaf"), &ret->entry, &ret->proof);
}

static rc take_approvals(struct cli *c, const struct leaf *authorize, struct bundle *b)
{
	for (size_t i = 0; i < authorize->approval_count; i++) {
		TRY(fetch_approval(c, &authorize->approvals[i], &b->approvals[i]));
		b->approval_count++;
	}
	return OK;
}

/* What bound the key of a host that has enrolled. */
static rc take_enrolment(struct cli *c, const struct wish *w, struct bundle *b)
{
	const struct api_call get = {.method = "GET", .exact = true};
	const json_t *status = wish_status(w);
	AUTO(json) json_t *answer = NULL;
	struct digest statement;
	char hex[DIGEST_HEX];

	if (json_object_get(status, "host_enrolment") == NULL)
		return OK;
	TRY(json_get_digest(c, status, "host_enrolment", &statement));
	digest_hex(&statement, hex);
	TRY(logview_entry(c, (uint64_t)json_number(status, "host_leaf"), &b->enrolment_entry,
			  &b->enrolment_proof));
	TRY(api_json(c, &get, &answer, "/v1/statements/%s", hex));
	TRY(json_get_base64(c, answer, "statement", &b->enrolment.bytes));
	return json_base64(c, json_array_get(json_object_get(answer, "signatures"), 0),
			   &b->enrolment.sig);
}

static rc take_evidence_of(struct cli *c, const json_t *list, struct bundle *b)
{
	const struct api_call get = {.method = "GET", .exact = true};
	const json_t *row;
	size_t i;

	if (!rc_is_ok(bundle_evidence_new(b, json_array_size(list))))
		return cli_problem(c, RC_PEER, "", "the server's list of evidence is too long");
	json_array_foreach(list, i, row)
	{
		AUTO(json) json_t *answer = NULL;
		const json_t *sigs;
		struct digest d;
		char hex[DIGEST_HEX];

		if (!json_is_string(row) ||
		    !rc_is_ok(digest_parse(view_str(json_string_value(row)), &d)))
			return cli_problem(c, RC_PEER, "", "the server's list has no digest");
		digest_hex(&d, hex);
		TRY(api_json(c, &get, &answer, "/v1/statements/%s", hex));
		TRY(json_get_base64(c, answer, "statement", &b->evidence[i].bytes));
		sigs = json_object_get(answer, "signatures");
		if (json_array_size(sigs) > 0)
			TRY(json_base64(c, json_array_get(sigs, 0), &b->evidence[i].sig));
	}
	return OK;
}

/* What counted of what machines have said; a list that is too long is left out, and verify says so.
 */
static rc take_evidence(struct cli *c, const struct leaf *authorize, struct bundle *b)
{
	static const struct digest none;
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *answer = NULL;
	char hex[DIGEST_HEX];

	if (digest_is_equal(&authorize->evidence, &none))
		return OK;
	digest_hex(&authorize->evidence, hex);
	TRY(api_json(c, &get, &answer, "/v1/counted/%s", hex));
	if (json_is_true(json_object_get(answer, "more")))
		return OK;
	return take_evidence_of(c, json_object_get(answer, "counted"), b);
}

/* The grant of access that let the request in, if one was needed. */
static rc take_grant(struct cli *c, const struct leaf *authorize, struct bundle *b)
{
	const struct api_call get = {.method = "GET", .exact = true};
	static const struct digest none;
	AUTO(json) json_t *answer = NULL;
	const json_t *row;
	char hex[DIGEST_HEX];
	size_t i;

	if (digest_is_equal(&authorize->grant, &none))
		return OK;
	digest_hex(&authorize->grant, hex);
	TRY(api_json(c, &get, &answer, "/v1/statements/%s", hex));
	TRY(json_get_base64(c, answer, "statement", &b->grant));
	json_array_foreach(json_object_get(answer, "signatures"), i, row)
	{
		AUTO(buf) struct buf sig = {0};

		buf_init(&sig, SSHSIG_BLOB_MAX);
		TRY(json_base64(c, row, &sig));
		buf_put_string(&b->grant_sigs, buf_view(&sig));
	}
	return logview_entry(c, (uint64_t)json_number(answer, "leaf"), &b->grant_entry,
			     &b->grant_proof);
}

static rc take_log(struct cli *c, const json_t *result, struct bundle *b)
{
	struct fault f = {0};
	struct leaf authorize;

	buf_put_str(&b->issue_entry, json_text(result, "leaf"));
	buf_put_str(&b->issue_proof, json_text(result, "proof"));
	TRY(logview_entry(c, (uint64_t)json_number(result, "authorize_leaf"), &b->authorize_entry,
			  &b->authorize_proof));
	CLI_TRY(c, &f, leaf_parse(buf_view(&b->authorize_entry), &authorize, &f));
	TRY(take_approvals(c, &authorize, b));
	TRY(take_evidence(c, &authorize, b));
	TRY(take_grant(c, &authorize, b));
	TRY(take_document(c, SOURCE_POLICY, &authorize.policy, &b->policy));
	return take_document(c, SOURCE_ROSTER, &authorize.roster, &b->roster);
}

/* Use n is signed, or being signed; one that is granted and not yet made is ordered here. */
static rc order_use(struct cli *c, const struct wish *w, uint32_t use)
{
	const json_t *status = wish_status(w);
	AUTO(json) json_t *body = json_pack("{s:i}", "use", (int)use);
	const struct api_call post = {.method = "POST", .body = body};
	AUTO(json) json_t *answer = NULL;
	bool closed = strcmp(json_text(status, "state"), "closed") == 0;

	if (use > w->request.uses)
		return cli_problem(c, RC_USAGE, "", "--use %u: the request is for %u", use,
				   w->request.uses);
	if ((json_int_t)use <= json_number(status, "uses_spent") && !answer_is_held(status))
		return OK;
	if (!closed && strcmp(json_text(status, "outcome"), "allow") == 0)
		return api_json(c, &post, &answer, "/v1/requests/%s/sign", w->id);
	(void)cli_problem(c, RC_WAIT, json_text(status, "remedy"), "request %.16s is not %s: %s",
			  w->id, answer_is_held(status) ? "given out" : "signed",
			  json_text(status, "text"));
	(void)snprintf(c->problem.code, sizeof(c->problem.code), "%s", json_text(status, "reason"));
	return RC(closed || strcmp(json_text(status, "outcome"), "deny") == 0 ? RC_DENIED
									      : RC_WAIT);
}

static rc fetch_finished(struct cli *c, const char *request, uint32_t use, struct finished *d)
{
	const struct api_call get = {.method = "GET", .exact = true};
	AUTO(json) json_t *result = NULL;
	const json_t *sigs;
	struct bundle *b = &d->common;

	bundle_init(b);
	buf_init(&d->values, SIGNATURES_BYTES_MAX);
	TRY(wish_fetch(c, request, &d->wish));
	TRY(order_use(c, &d->wish, use));
	TRY(api_json(c, &get, &result, "/v1/requests/%s/result?use=%u", d->wish.id, use));
	b->use = use;
	if (!rc_is_ok(time_parse(view_str(json_text(result, "signed_at")), &b->signed_at)))
		return cli_problem(c, RC_PEER, "", "the server's result has no time");
	TRY(take_values(c, json_object_get(result, "signatures"), d));
	TRY(take_certificates(c, json_object_get(result, "certificates"), b));
	buf_put_view(&b->request.bytes, buf_view(&d->wish.statement));
	sigs = json_object_get(d->wish.answer, "signatures");
	TRY(json_get_base64(c, sigs, "requester", &b->request.sig));
	TRY(json_get_base64(c, sigs, "host", &b->host_sig));
	TRY(take_enrolment(c, &d->wish, b));
	return take_log(c, result, b);
}

static rc make_path(struct cli *c, const char *dir, const char *name, const char *suffix,
		    char out[PATH_MAX])
{
	if ((size_t)snprintf(out, PATH_MAX, "%s/%s%s", dir, name, suffix) >= PATH_MAX)
		return cli_problem(c, RC_LIMIT, "", "%s/%s%s: path is too long", dir, name, suffix);
	return OK;
}

static bool is_large(const struct finished *d)
{
	return d->wish.request.count > BUNDLE_WHOLE_MAX;
}

/* Thousands of small files are made durable together, at the end. */
static rc write_file(struct cli *c, const struct finished *d, const char *path, struct view bytes)
{
	const struct file_spec spec = {
		.dirfd = AT_FDCWD, .name = path, .mode = 0644, .durable = !is_large(d)};
	struct fault f = {0};
	rc r = file_replace(&spec, bytes, &f);

	if (r.code == RC_NOSPACE)
		return cli_problem(c, r.code, "make room there, or write elsewhere: -o DIR", "%s",
				   f.text);
	return rc_is_ok(r) ? OK : cli_fault(c, r, &f);
}

static rc write_json(struct cli *c, const struct finished *d, const char *path, const json_t *value,
		     struct digest *ret)
{
	char *text = json_dumps(value, JSON_INDENT(1) | JSON_SORT_KEYS);
	rc r;

	if (text == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	if (ret != NULL)
		*ret = digest_of(view_str(text));
	r = write_file(c, d, path, view_str(text));
	free(text);
	return r;
}

static rc write_bundle(struct cli *c, const struct finished *d, const char *path)
{
	AUTO(json) json_t *value = NULL;
	struct fault f = {0};

	if (is_large(d))
		CLI_TRY(c, &f, bundle_encode_part(&d->common, &d->batch, &value, &f));
	else
		CLI_TRY(c, &f, bundle_encode(&d->common, &value, &f));
	return write_json(c, d, path, value, NULL);
}

/* What the proofs of a large batch have in common. */
static rc write_batch(struct cli *c, struct finished *d, const char *dir)
{
	AUTO(json) json_t *value = NULL;
	char path[PATH_MAX];
	struct fault f = {0};

	if (!is_large(d))
		return OK;
	(void)snprintf(d->batch.name, sizeof(d->batch.name), "%.16s-%u.greatseal-batch", d->wish.id,
		       d->common.use);
	TRY(make_path(c, dir, d->batch.name, "", path));
	CLI_TRY(c, &f, bundle_encode_batch(&d->common, &value, &f));
	return write_json(c, d, path, value, &d->batch.sha256);
}

/* A signed file that comes from the server's worker, too, must carry our object, and be the file
 * that was approved in everything that a signature covers. */
static rc check_signed(struct cli *c, int fd, const struct format_file *format, struct view object,
		       const struct request_item *item)
{
	AUTO(buf) struct buf theirs = {0};
	struct fault f = {0};
	struct hash content;

	buf_init(&theirs, FILE_OBJECT_MAX);
	CLI_TRY(c, &f, format->extract(fd, &theirs, &f));
	if (!view_is_equal(buf_view(&theirs), object))
		return cli_problem(c, RC_MISMATCH, "call the security team",
				   "the signed file carries another signature");
	CLI_TRY(c, &f, format->content(fd, item->content.alg, &content, &f));
	if (!hash_is_equal(&content, &item->content))
		return cli_problem(c, RC_MISMATCH, "call the security team",
				   "the signed file is not the one that was approved");
	return OK;
}

/* Without an upload there is nothing that the server could put a signature into. */
static rc insert_here(struct cli *c, const struct finished *d, size_t at, int out_fd,
		      struct view object)
{
	const struct request_item *item = &d->wish.request.items[at];
	const struct format_file *format = format_file_find(view_str(item->format));
	const char *source = d->sources == NULL ? NULL : d->sources[at];
	AUTO(fd) int in_fd = -1;
	struct fault f = {0};

	if (source == NULL)
		return cli_problem(c, RC_NOTFOUND, "repeat greatseal sign with the same files",
				   "the file was not uploaded: its signature can be put into it "
				   "where it is");
	in_fd = open(source, O_RDONLY | O_CLOEXEC);
	if (in_fd < 0)
		return cli_problem(c, RC_IO, "", "%s: %s", source, strerror(errno));
	CLI_TRY(c, &f, format->insert(in_fd, object, out_fd, &f));
	CLI_TRY(c, &f, format->restore(out_fd, in_fd, &f));
	return OK;
}

static rc make_signed(struct cli *c, const struct finished *d, size_t at, const char *path,
		      struct view object)
{
	const struct request_item *item = &d->wish.request.items[at];
	char temp[PATH_MAX];
	AUTO(fd) int fd = -1;
	struct digest ignored;
	rc r;

	if ((size_t)snprintf(temp, sizeof(temp), "%s" OUTPUT_PART, path) >= sizeof(temp))
		return cli_problem(c, RC_LIMIT, "", "%s: path is too long", path);
	/* Left by a run that was cut off. What somebody else puts there now is not written to. */
	(void)unlink(temp);
	fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return cli_problem(c, RC_IO, "", "%s: %s", temp, strerror(errno));
	r = d->wish.request.upload
		    ? api_download(c, fd, &ignored, "/v1/requests/%s/items/%zu/signed?use=%u",
				   d->wish.id, at, d->common.use)
		    : insert_here(c, d, at, fd, object);
	if (rc_is_ok(r))
		r = check_signed(c, fd, format_file_find(view_str(item->format)), object, item);
	if (rc_is_ok(r) && (fsync(fd) != 0 || rename(temp, path) != 0))
		r = cli_problem(c, RC_IO, "", "%s: %s", path, strerror(errno));
	if (!rc_is_ok(r))
		(void)unlink(temp);
	return r;
}

/* The first file's bundle in full; of the others what is their own. */
static rc check_bundle(struct cli *c, struct finished *d, size_t at)
{
	struct fault f = {0};
	struct vkey log;

	if (at == 0) {
		TRY(logview_vkey(c, &log));
		CLI_TRY(c, &f, bundle_prove(&d->common, &log, &d->report, &f));
		return OK;
	}
	CLI_TRY(c, &f, bundle_prove_next(&d->common, &d->report, &f));
	return OK;
}

/* Fills the parts of the common bundle that belong to file `at`, and writes everything. */
static rc write_item(struct cli *c, struct finished *d, size_t at, const char *dir, json_t *done)
{
	const struct request_item *item = &d->wish.request.items[at];
	const struct format_file *format = format_file_find(view_str(item->format));
	const struct tree_reader reader = tree_mem_reader(&d->tree);
	AUTO(buf) struct buf object = {0};
	char name[ITEM_NAME_MAX + 1];
	char path[PATH_MAX];
	char bundle_path[PATH_MAX];
	struct fault f = {0};

	buf_init(&object, FILE_OBJECT_MAX);
	if (format == NULL)
		return cli_problem(c, RC_UNSUPPORTED, "update this program", "format %s",
				   item->format);
	TRY(request_item_name(item, name));
	d->common.item = at;
	buf_clear(&d->common.signature);
	buf_put_view(&d->common.signature, d->value[at]);
	CLI_TRY(c, &f,
		tree_prove_inclusion(&reader, d->wish.request.count, at, &d->common.inner, &f));
	TRY(check_bundle(c, d, at));
	if (at == 0)
		TRY(write_batch(c, d, dir));
	CLI_TRY(c, &f, bundle_object(&d->common, item, &object, &f));
	TRY(make_path(c, dir, name, format->detached ? OUTPUT_SIGNATURE : "", path));
	TRY(make_path(c, dir, name, OUTPUT_PROOF, bundle_path));
	if (format->detached)
		TRY(write_file(c, d, path, buf_view(&object)));
	else
		TRY(make_signed(c, d, at, path, buf_view(&object)));
	TRY(write_bundle(c, d, bundle_path));
	(void)json_array_append_new(done, json_pack("{s:s,s:s,s:s}", "name", name, "file", path,
						    "bundle", bundle_path));
	cli_say(c, "wrote %s and its proof %s", path, bundle_path);
	return OK;
}

static rc make_durable(struct cli *c, const char *dir)
{
	AUTO(fd) int fd = -1;
	struct fault f = {0};

	CLI_TRY(c, &f, dir_open(dir, &fd, &f));
	return syncfs(fd) == 0 ? OK : cli_problem(c, RC_IO, "", "%s: %s", dir, strerror(errno));
}

rc fetch_request(struct cli *c, const struct fetch_order *o, json_t *done)
{
	AUTO(finished) struct finished d = {.sources = o->sources};
	const char *dir = o->output == NULL ? FETCH_DIR : o->output;
	struct fault f = {0};

	TRY(fetch_finished(c, o->request, o->use, &d));
	tree_mem_init(&d.tree);
	TRY(outputs_check(c, &d.wish.request));
	CLI_TRY(c, &f, items_signature_tree(&d.wish.request, d.value, &d.tree));
	CLI_TRY(c, &f, dir_make(dir, 0755, &f));
	for (size_t i = 0; i < d.wish.request.count; i++)
		TRY(write_item(c, &d, i, dir, done));
	return is_large(&d) ? make_durable(c, dir) : OK;
}

rc cmd_fetch(struct cli *c, const struct args *a)
{
	struct fetch_order order = {.request = a->words[0], .output = args_value(a, "output")};
	AUTO(json) json_t *done = json_array();
	const char *use = args_value(a, "use");
	uint64_t n = 1;

	if (use != NULL &&
	    (!rc_is_ok(num_parse_u64(use, strlen(use), REQUEST_USES_MAX, &n)) || n == 0))
		return cli_problem(c, RC_USAGE, "", "--use %s: a number from 1", use);
	order.use = (uint32_t)n;
	TRY(fetch_request(c, &order, done));
	(void)cli_print_json(c, done);
	return OK;
}
