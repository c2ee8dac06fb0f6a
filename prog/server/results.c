/* results - what comes out: signature values with their proofs, finished files, artifacts, reports;
 * and the worker that makes the last three. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/crypt/x509.h"
#include "lib/format/tbs.h"
#include "lib/proto/worker_run.h"
#include "prog/server/pipeline.h"
#include "prog/server/routes.h"
#include "prog/server/tasks.h"
#include "prog/server/uploads.h"

#define REPORT_MAX ((size_t)96 << 20)
#define OBJECT_MAX 262144u
#define PATH_BYTES 192

rc worker_call(struct call_ctx *c, const struct worker_call *w, json_t **ret_json)
{
	AUTO(worker_result) struct worker_result result = {0};
	struct worker_fd fds[WORKER_FDS_MAX];
	const struct worker_job job = {.path = c->server->conf.worker,
				       .args = w->args,
				       .arg_count = w->arg_count,
				       .fds = fds,
				       .fd_count = w->fd_count};
	const json_t *error;
	struct fault f = {0};

	for (size_t i = 0; i < w->fd_count; i++)
		fds[i] = (struct worker_fd){.number = 3 + (int)i, .fd = w->fds[i]};
	if (!rc_is_ok(worker_run(&job, &result, &f)))
		return call_refuse(c, REASON_CALL_LIMIT, "the worker cannot be run: %s", f.text);
	if (result.end != WORKER_OK && result.end != WORKER_FAILED && result.end != WORKER_REFUSED)
		return call_refuse(c, REASON_ARTIFACT_FORMAT,
				   "the file was too much for the worker: %s",
				   worker_end_text(result.end));
	TRY(call_parse(c, buf_view(&result.json), ret_json));
	if (result.end == WORKER_OK)
		return OK;
	error = json_object_get(*ret_json, "error");
	return call_refuse(c, REASON_ARTIFACT_FORMAT, "%s",
			   json_string_value(json_object_get(error, "text")) == NULL
				   ? "the worker refuses the file"
				   : json_string_value(json_object_get(error, "text")));
}

/* ---- Reports ---- */

static void report_path(const struct digest *d, char out[PATH_BYTES])
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	(void)snprintf(out, PATH_BYTES, "reports/%s", hex);
}

/* Keeps the canonical bytes under their digest. */
static rc report_keep(struct call_ctx *c, const json_t *report, struct digest *ret)
{
	char *text = json_dumps(report, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
	char path[PATH_BYTES];
	struct file_spec spec = {.dirfd = c->server->data_fd, .name = path, .mode = 0600};
	struct fault f = {0};
	rc r;

	if (text == NULL)
		return RC(RC_NOMEM);
	*ret = digest_of(view_str(text));
	report_path(ret, path);
	/* Two requests may make the same report at once: each renames a temp file of its own. */
	(void)pthread_mutex_lock(&c->server->lock);
	r = file_replace(&spec, view_str(text), &f);
	(void)pthread_mutex_unlock(&c->server->lock);
	free(text);
	return rc_is_ok(r) ? r : call_refuse(c, REASON_CALL_LIMIT, "the server's disk: %s", f.text);
}

rc report_make(struct call_ctx *c, const struct digest *artifact, const char *name,
	       struct digest *ret)
{
	const char *args[] = {"inspect", "--in", "3", "--name", name};
	AUTO(json) json_t *report = NULL;
	AUTO(fd) int fd = -1;
	struct worker_call w = {.args = args, .arg_count = 5, .fds = &fd, .fd_count = 1};
	uint64_t size;

	if (!rc_is_ok(artifact_open(c->server, artifact, &fd, &size)))
		return call_refuse(c, REASON_ARTIFACT_MISSING, "%s is not uploaded", name);
	TRY(worker_call(c, &w, &report));
	return report_keep(c, report, ret);
}

rc report_compare(struct call_ctx *c, const struct digest *old, const struct digest *new,
		  struct digest *ret)
{
	const struct digest *sides[2] = {old, new};
	int fds[2] = {-1, -1};
	const char *args[] = {"diff", "--in", "3", "--object", "4"};
	const struct worker_call w = {.args = args, .arg_count = 5, .fds = fds, .fd_count = 2};
	AUTO(json) json_t *diff = NULL;
	char path[PATH_BYTES];
	rc r = OK;

	for (int i = 0; i < 2; i++) {
		report_path(sides[i], path);
		fds[i] = openat(c->server->data_fd, path, O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			r = RC(RC_NOTFOUND);
	}
	if (rc_is_ok(r))
		r = worker_call(c, &w, &diff);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
	if (!rc_is_ok(r)) {
		/* A missing comparison is no reason to refuse the request. */
		buf_clear(&c->out);
		c->status = 0;
		return RC(RC_NOTFOUND);
	}
	return report_keep(c, diff, ret);
}

/* Answers with a file of the data directory. */
static rc answer_file(struct call_ctx *c, const char *path, const char *type)
{
	c->file = openat(c->server->data_fd, path, O_RDONLY | O_CLOEXEC);
	if (c->file < 0)
		return call_refuse(c, REASON_CALL_NOTFOUND, "it is not here");
	c->has_file = true;
	c->status = 200;
	c->content_type = type;
	return fd_size(c->file, &c->file_size, NULL);
}

rc get_report(struct call_ctx *c)
{
	struct digest d;
	char path[PATH_BYTES];

	TRY(call_digest(c, 2, &d));
	report_path(&d, path);
	return answer_file(c, path, "application/json");
}

static rc answer_artifact(struct call_ctx *c, const struct digest *d)
{
	char hex[DIGEST_HEX];
	char path[PATH_BYTES];

	digest_hex(d, hex);
	(void)snprintf(path, sizeof(path), "artifacts/%s", hex);
	return answer_file(c, path, "application/octet-stream");
}

rc get_artifact(struct call_ctx *c)
{
	struct digest d;

	TRY(call_digest(c, 2, &d));
	return answer_artifact(c, &d);
}

/* The item that the path names. */
struct one_item {
	struct digest sha256;
	struct hash content;
	char format[16];
};

static rc take_item(void *ctx, const struct store_item *row)
{
	struct one_item *i = ctx;

	i->sha256 = row->sha256;
	i->content = row->content;
	memcpy(i->format, row->format, sizeof(i->format));
	return OK;
}

static rc path_item(struct call_ctx *c, struct digest *request, uint64_t *n, struct one_item *ret)
{
	struct view segment = c->target.segments[4];
	rc r;

	TRY(call_digest(c, 2, request));
	TRY(request_known(c, request));
	if (!rc_is_ok(num_parse_u64((const char *)segment.ptr, segment.len, REQUEST_ITEMS_MAX, n)))
		return call_refuse(c, REASON_CALL_NOTFOUND, "files are counted from 0");
	r = c->server->store->api->item_get(c->server->store, request, (uint32_t)*n, take_item, ret,
					    NULL);
	return rc_is_ok(r) ? r
			   : call_refuse(c, REASON_CALL_NOTFOUND, "the request has no such file");
}

rc get_item_artifact(struct call_ctx *c)
{
	struct one_item item;
	struct digest request;
	uint64_t n;

	TRY(path_item(c, &request, &n, &item));
	return answer_artifact(c, &item.sha256);
}

/* ---- Results ---- */

static rc result_fetch(struct call_ctx *c, const struct digest *request, uint32_t use,
		       struct keeper_reply *reply, struct keeper_result *ret)
{
	const struct keeper_commit m = {.request = *request, .use = use};
	uint64_t id = keeper_client_id(c->server->keeper);
	AUTO(buf) struct buf frame = {0};

	buf_init(&frame, 128);
	keeper_put_commit(&frame, id, KEEPER_RESULT, &m);
	TRY(call_keeper(c, id, &frame, KEEPER_R_RESULT, KEEPER_R_RESULT, reply));
	return keeper_get_result(buf_view(&reply->body), ret);
}

static rc use_param(struct call_ctx *c, uint32_t *ret)
{
	uint64_t use;

	TRY(call_number(c, "use", REQUEST_USES_MAX, 1, &use));
	if (use == 0)
		return call_refuse(c, REASON_CALL_FORM, "uses are counted from 1");
	*ret = (uint32_t)use;
	return OK;
}

rc get_result(struct call_ctx *c)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	struct keeper_result result;
	struct digest request;
	json_t *value = NULL;
	uint32_t use;
	rc r;

	TRY(call_digest(c, 2, &request));
	TRY(use_param(c, &use));
	TRY(result_fetch(c, &request, use, &reply, &result));
	r = result_json(c, &result, &value);
	if (!rc_is_ok(r)) {
		json_decref(value);
		return r;
	}
	return call_json(c, 200, value);
}

/* ---- Finished files ---- */

struct request_bytes {
	struct buf statement;
};

static rc take_statement(void *ctx, const struct store_request *row)
{
	struct request_bytes *b = ctx;

	buf_put_view(&b->statement, row->statement);
	return buf_done(&b->statement);
}

/* The signature object of item n: the same pure code as keeper and clients use. */
static rc build_object(struct call_ctx *c, const struct digest *request, uint64_t n,
		       const struct keeper_result *result, struct buf *out)
{
	struct request_bytes bytes;
	AUTO(request) struct request r = {0};
	AUTO(json) json_t *json = NULL;
	AUTO(x509_chain) struct x509_chain chain = {0};
	AUTO(buf) struct buf der = {0};
	AUTO(pkey) struct pkey *key = NULL;
	struct view rest = result->signatures;
	struct view signature = {0};
	struct tbs_input in = {.when = result->signed_at};
	const struct format_tbs *format;
	struct tbs_key certs;
	struct x509 leaf = {0};
	const json_t *row;
	struct fault f = {0};
	size_t i;
	rc ok;

	buf_init(&bytes.statement, REQUEST_BYTES_MAX);
	buf_init(&der, (size_t)X509_CHAIN_MAX * X509_DER_MAX);
	ok = c->server->store->api->request_get(c->server->store, request, take_statement, &bytes,
						NULL);
	if (rc_is_ok(ok))
		ok = request_parse(buf_view(&bytes.statement), &r, &f);
	if (rc_is_ok(ok))
		ok = result_json(c, result, &json);
	for (uint64_t k = 0; rc_is_ok(ok) && k <= n; k++)
		ok = keeper_result_next(&rest, &signature);
	json_array_foreach(json_object_get(json, "certificates"), i, row)
	{
		AUTO(json) json_t *one = json_pack("{s:O}", "c", row);

		if (rc_is_ok(ok))
			ok = call_bytes(c, one, "c", &der);
	}
	if (rc_is_ok(ok))
		ok = x509_chain_read(buf_view(&der), &chain, &f);
	if (rc_is_ok(ok))
		ok = x509_parse(chain.der[0], &leaf, &f);
	if (rc_is_ok(ok))
		ok = pkey_from_spki(leaf.spki, &key, &f);
	if (rc_is_ok(ok))
		ok = tbs_key_init(&certs, pkey_alg(key), chain.der[0], chain.der + 1,
				  chain.count - 1, &f);
	if (rc_is_ok(ok) && n < r.count) {
		in.content = r.items[n].content;
		in.params = r.items[n].params;
		in.key = &certs;
		format = format_tbs_find(view_str(r.items[n].format));
		ok = format == NULL ? RC(RC_UNKNOWN) : format->finish(&in, signature, out, &f);
	}
	buf_release(&bytes.statement);
	if (!rc_is_ok(ok) && c->status == 0)
		return call_refuse(c, REASON_CALL_LIMIT, "the signature object cannot be built: %s",
				   f.text);
	return ok;
}

/* An unnamed file of the data directory that holds the bytes. */
static rc scratch(struct call_ctx *c, struct view bytes, int *ret)
{
	AUTO(fd)
	int fd = openat(c->server->data_fd, "signed", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct fault f = {0};

	if (fd < 0)
		return call_refuse(c, REASON_CALL_LIMIT, "the server's disk: %s", strerror(errno));
	if (!rc_is_ok(fd_pwrite_full(fd, bytes.ptr, bytes.len, 0, &f)))
		return call_refuse(c, REASON_CALL_LIMIT, "the server's disk: %s", f.text);
	*ret = fd;
	fd = -1;
	return OK;
}

/* The worker inserts the object, verifies the result and compares what is left with the input. */
static rc insert(struct call_ctx *c, const struct one_item *item, struct view object)
{
	const char *args[] = {"insert",	  "--format", item->format, "--in", "3",
			      "--object", "4",	      "--out",	    "5"};
	AUTO(json) json_t *answer = NULL;
	AUTO(fd) int object_fd = -1;
	AUTO(fd) int out_fd = -1;
	AUTO(fd) int in_fd = -1;
	int fds[3];
	const struct worker_call w = {.args = args, .arg_count = 9, .fds = fds, .fd_count = 3};
	uint64_t size;

	if (!rc_is_ok(artifact_open(c->server, &item->sha256, &in_fd, &size)))
		return call_refuse(c, REASON_ARTIFACT_MISSING, "the file is not uploaded");
	TRY(scratch(c, object, &object_fd));
	TRY(scratch(c, view_of("", 0), &out_fd));
	fds[0] = in_fd;
	fds[1] = object_fd;
	fds[2] = out_fd;
	TRY(worker_call(c, &w, &answer));
	c->file = out_fd;
	out_fd = -1;
	c->has_file = true;
	c->status = 200;
	c->content_type = "application/octet-stream";
	return fd_size(c->file, &c->file_size, NULL);
}

rc get_signed(struct call_ctx *c)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf object = {0};
	struct keeper_result result;
	struct one_item item;
	struct digest request;
	uint64_t n;
	uint32_t use;

	buf_init(&object, OBJECT_MAX);
	TRY(path_item(c, &request, &n, &item));
	TRY(use_param(c, &use));
	if (strcmp(item.format, "cms") != 0 && task_is_slow(c))
		return OK;
	TRY(result_fetch(c, &request, use, &reply, &result));
	TRY(build_object(c, &request, n, &result, &object));
	if (strcmp(item.format, "cms") != 0)
		return insert(c, &item, buf_view(&object));
	buf_put_view(&c->out, buf_view(&object));
	c->status = 200;
	c->content_type = "application/pkcs7-signature";
	return buf_done(&c->out);
}
