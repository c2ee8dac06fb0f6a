/* results - what comes out: signature values with their proofs, finished files, artifacts, reports;
 * and the worker that makes the last three. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/codec/hex.h"
#include "lib/crypt/x509.h"
#include "lib/format/tbs.h"
#include "lib/proto/worker_run.h"
#include "prog/server/pipeline.h"
#include "prog/server/room.h"
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
	char *text = json_text(report);
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

/* The file that the worker has read is the one that was uploaded under this name. */
static rc report_check(struct call_ctx *c, const json_t *report, const struct digest *artifact,
		       struct hash *ret_sha512)
{
	const char *sha256 = json_string_value(json_object_get(report, "sha256"));
	const char *sha512 = json_string_value(json_object_get(report, "sha512"));
	struct hash whole = {.alg = HASH_SHA512, .size = (uint8_t)hash_size(HASH_SHA512)};
	struct digest found;

	if (sha256 == NULL || !rc_is_ok(digest_parse(view_str(sha256), &found)) || sha512 == NULL ||
	    !rc_is_ok(hex_parse(view_str(sha512), whole.b, whole.size)))
		return call_refuse(c, REASON_ARTIFACT_FORMAT, "the worker's report has no digests");
	if (!digest_is_equal(&found, artifact))
		return call_refuse(c, REASON_ARTIFACT_DIGEST,
				   "the file in the server's store has changed; upload it again");
	if (ret_sha512 != NULL)
		*ret_sha512 = whole;
	return OK;
}

rc report_make(struct call_ctx *c, const struct digest *artifact, const char *name,
	       struct hash *ret_sha512, struct digest *ret)
{
	const char *args[] = {"inspect", "--in", "3", "--name", name};
	AUTO(json) json_t *report = NULL;
	AUTO(fd) int fd = -1;
	struct worker_call w = {.args = args, .arg_count = 5, .fds = &fd, .fd_count = 1};
	uint64_t size;

	if (!rc_is_ok(room_claim(c->server, artifact, &fd, &size)))
		return call_refuse(c, REASON_ARTIFACT_MISSING, "%s is not uploaded", name);
	TRY(worker_call(c, &w, &report));
	TRY(report_check(c, report, artifact, ret_sha512));
	return report_keep(c, report, ret);
}

static rc compare_reports(struct call_ctx *c, const struct digest *old, const struct digest *new,
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

void report_compare(struct call_ctx *c, const struct request_item *item, struct store_note *note)
{
	struct store *s = c->server->store;
	struct store_last last;

	if (!rc_is_ok(s->api->last_get(s, &item->product, &last, NULL)) ||
	    digest_is_equal(&last.artifact, &item->sha256))
		return;
	note->has_previous = true;
	note->previous = last.artifact;
	note->has_diff = rc_is_ok(compare_reports(c, &last.report, &note->report, &note->diff));
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

rc artifact_answer(struct call_ctx *c, const struct digest *d)
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
	return artifact_answer(c, &d);
}

/* The request and the file of it that the path names. */
static rc path_item(struct call_ctx *c, struct stage1_request *ret, uint64_t *ret_n)
{
	struct view segment = c->target.segments[4];
	struct digest request;
	uint64_t n;

	TRY(call_digest(c, 2, &request));
	TRY(request_known(c, &request));
	if (!rc_is_ok(num_parse_u64((const char *)segment.ptr, segment.len, REQUEST_ITEMS_MAX, &n)))
		return call_refuse(c, REASON_CALL_NOTFOUND, "files are counted from 0");
	TRY(request_stored(c, &request, ret));
	if (n >= ret->request.count)
		return call_refuse(c, REASON_CALL_NOTFOUND, "the request has no such file");
	*ret_n = n;
	return OK;
}

rc get_item_artifact(struct call_ctx *c)
{
	AUTO(stage1) struct stage1_request stored = {0};
	uint64_t n = 0;

	TRY(path_item(c, &stored, &n));
	return artifact_answer(c, &stored.request.items[n].sha256);
}

/* ---- Results ---- */

rc result_fetch(struct call_ctx *c, const struct digest *request, uint32_t use,
		struct keeper_reply *reply, struct keeper_result *ret)
{
	const struct keeper_commit m = {.request = *request, .use = use};
	uint64_t id = keeper_client_id(c->server->keeper);
	AUTO(buf) struct buf frame = {0};
	struct keeper_status status;

	buf_init(&frame, 128);
	keeper_put_commit(&frame, id, KEEPER_RESULT, &m);
	TRY(call_keeper(c, id, &frame, KEEPER_R_STATUS, KEEPER_R_RESULT, reply));
	if (reply->type == KEEPER_R_STATUS) {
		TRY(keeper_get_status(buf_view(&reply->body), &status));
		return call_refuse(c, status.reason, "%s", "");
	}
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
	struct jcan_out w;
	uint32_t use = 0;

	TRY(call_digest(c, 2, &request));
	TRY(use_param(c, &use));
	TRY(result_fetch(c, &request, use, &reply, &result));
	jcan_out_init(&w, &c->out);
	TRY(result_put(c, &result, &w));
	TRY(jcan_out_done(&w));
	c->status = 200;
	c->content_type = "application/json";
	return OK;
}

/* ---- Finished files ---- */

/* The signature object of a file: the same pure code as keeper and clients use. */
static rc make_object(const struct request_item *item, struct view chain_der,
		      const struct keeper_result *result, struct view signature, struct buf *out)
{
	const struct format_tbs *format = format_tbs_find(view_str(item->format));
	AUTO(x509_chain) struct x509_chain chain = {0};
	AUTO(pkey) struct pkey *key = NULL;
	struct tbs_key certs;
	struct tbs_input in = {.content = item->content,
			       .params = item->params,
			       .when = result->signed_at,
			       .key = &certs};
	struct x509 leaf;

	if (format == NULL)
		return RC(RC_UNKNOWN);
	TRY(x509_chain_read(chain_der, &chain, NULL));
	TRY(x509_parse(chain.der[0], &leaf, NULL));
	TRY(pkey_from_spki(leaf.spki, &key, NULL));
	TRY(tbs_key_init(&certs, pkey_alg(key), chain.der[0], chain.der + 1, chain.count - 1,
			 NULL));
	return format->finish(&in, signature, out, NULL);
}

static rc build_object(struct call_ctx *c, const struct request *request, uint64_t n,
		       const struct keeper_result *result, struct buf *out)
{
	AUTO(buf) struct buf der = {0};
	struct view rest = result->signatures;
	struct view signature = {0};
	rc r = OK;

	buf_init(&der, RESULT_CHAIN_MAX);
	TRY(result_chain(c, result, &der));
	for (uint64_t k = 0; rc_is_ok(r) && k <= n; k++)
		r = keeper_result_next(&rest, &signature);
	if (rc_is_ok(r))
		r = make_object(&request->items[n], buf_view(&der), result, signature, out);
	return rc_is_ok(r) ? OK
			   : call_refuse(c, REASON_CALL_LIMIT,
					 "the signature object cannot be built: %s", rc_name(r));
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

/* Answers with a finished file; takes the descriptor. */
static rc answer_signed(struct call_ctx *c, int *fd)
{
	c->file = *fd;
	*fd = -1;
	c->has_file = true;
	c->status = 200;
	c->content_type = "application/octet-stream";
	return fd_size(c->file, &c->file_size, NULL);
}

/* The worker inserts the object, verifies the result and compares what is left with the input. */
static rc insert(struct call_ctx *c, const struct request_item *item, struct view object,
		 int out_fd)
{
	const char *args[] = {"insert",	  "--format", item->format, "--in", "3",
			      "--object", "4",	      "--out",	    "5"};
	AUTO(json) json_t *answer = NULL;
	AUTO(fd) int object_fd = -1;
	AUTO(fd) int in_fd = -1;
	int fds[3];
	const struct worker_call w = {.args = args, .arg_count = 9, .fds = fds, .fd_count = 3};
	uint64_t size;

	if (!rc_is_ok(artifact_open(c->server, &item->sha256, &in_fd, &size)))
		return call_refuse(c, REASON_ARTIFACT_MISSING, "the file is not uploaded");
	TRY(scratch(c, object, &object_fd));
	fds[0] = in_fd;
	fds[1] = object_fd;
	fds[2] = out_fd;
	return worker_call(c, &w, &answer);
}

/* Made, kept for the next time where there is room, and handed out. */
static rc make_signed(struct call_ctx *c, const struct room_signed *what,
		      const struct request_item *item, struct view object)
{
	AUTO(fd) int fd = -1;
	char path[ROOM_SIGNED_PATH];
	bool named = rc_is_ok(room_signed_begin(c->server, what, path, &fd));
	rc r;

	if (!named)
		TRY(scratch(c, view_of("", 0), &fd));
	r = insert(c, item, object, fd);
	if (named)
		room_signed_end(c->server, what, path, fd, rc_is_ok(r));
	TRY(r);
	return answer_signed(c, &fd);
}

rc get_signed(struct call_ctx *c)
{
	AUTO(stage1) struct stage1_request stored = {0};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf object = {0};
	const struct request_item *item;
	struct keeper_result result;
	struct room_signed what;
	AUTO(fd) int fd = -1;
	uint64_t n = 0;
	const struct format_tbs *format;
	bool detached;

	buf_init(&object, OBJECT_MAX);
	TRY(path_item(c, &stored, &n));
	TRY(use_param(c, &what.use));
	item = &stored.request.items[n];
	what.request = stored.id;
	what.item = n;
	what.artifact = item->sha256;
	format = format_tbs_find(view_str(item->format));
	detached = format != NULL && format->detached;
	if (!detached && rc_is_ok(room_signed_open(c->server, &what, &fd)))
		return answer_signed(c, &fd);
	if (!detached && task_is_slow(c))
		return OK;
	TRY(result_fetch(c, &stored.id, what.use, &reply, &result));
	TRY(build_object(c, &stored.request, n, &result, &object));
	if (!detached)
		return make_signed(c, &what, item, buf_view(&object));
	buf_put_view(&c->out, buf_view(&object));
	c->status = 200;
	c->content_type = "application/pkcs7-signature";
	return buf_done(&c->out);
}
