#include "prog/server/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/secret.h"
#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/crypt/jwt.h"
#include "lib/format/tbs.h"
#include "prog/server/claims.h"
#include "prog/server/later.h"
#include "prog/server/published.h"
#include "prog/server/routes.h"
#include "prog/server/tasks.h"
#include "prog/server/uploads.h"

#define STATUS_MAX 16384u /* of a request that is done: fixed texts, names and times */

rc post_request(struct call_ctx *c)
{
	AUTO(stage1) struct stage1_request request = {0};
	AUTO(stage3) struct stage3_inspected inspected = {0};
	struct stage2_authenticated authenticated;
	struct stage4_kept kept = {0};
	AUTO(stage5) struct stage5_projected projected = {0};
	rc r;

	if (c->later != NULL)
		return later_go_on(c);
	TRY(claims_check(c));
	TRY(stage1_read(c, &request));
	TRY(stage2_authenticate(c, &request, &authenticated));
	if (later_may_leave(c, &request))
		return later_begin(c, &request);
	if (request.request.upload && task_is_slow(c))
		return OK;
	TRY(stage3_inspect(c, &authenticated, &inspected));
	r = stage4_keep(c, &inspected, &kept);
	if (rc_is_ok(r))
		r = stage5_project(c, &kept, &projected);
	if (rc_is_ok(r))
		r = stage6_release(c, &projected);
	keeper_reply_release(&kept.reply);
	return r;
}

void stage1_release(struct stage1_request *s)
{
	request_release(&s->request);
	buf_release(&s->statement);
	secret_buf_release(&s->requester_sig); /* it may be a token */
	buf_release(&s->host_sig);
}

static rc read_base64(struct jcan *j, const char *name, struct buf *out)
{
	struct view text;

	TRY(jcan_key(j, name));
	TRY(jcan_text(j, SIZE_MAX, &text));
	return base64_parse(BASE64_STD, text, out, NULL);
}

/* A body in the form that our own client sends it, without a tree of values: 100 files are 36 KB.
 */
static rc read_canonical(struct view body, struct stage1_request *ret)
{
	struct jcan j;

	jcan_init(&j, body, NULL);
	TRY(jcan_object(&j));
	TRY(read_base64(&j, "host_signature", &ret->host_sig));
	TRY(read_base64(&j, "requester_signature", &ret->requester_sig));
	TRY(jcan_key(&j, "sign"));
	TRY(jcan_bool(&j, &ret->sign));
	TRY(read_base64(&j, "statement", &ret->statement));
	TRY(jcan_object_end(&j));
	return jcan_end(&j);
}

/* Any other JSON. */
static rc read_json(struct call_ctx *c, struct stage1_request *ret)
{
	AUTO(json) json_t *body = NULL;

	buf_clear(&ret->statement);
	buf_clear(&ret->requester_sig);
	buf_clear(&ret->host_sig);
	TRY(call_body(c, &body));
	TRY(call_bytes(c, body, "statement", &ret->statement));
	TRY(call_secret(c, body, "requester_signature", &ret->requester_sig));
	TRY(call_bytes(c, body, "host_signature", &ret->host_sig));
	ret->sign = json_is_true(json_object_get(body, "sign"));
	return OK;
}

rc stage1_read(struct call_ctx *c, struct stage1_request *ret)
{
	struct fault f = {0};

	buf_init(&ret->statement, REQUEST_BYTES_MAX);
	buf_init(&ret->requester_sig, KEEPER_SIG_MAX);
	buf_init(&ret->host_sig, KEEPER_SIG_MAX);
	if (!rc_is_ok(read_canonical(c->body, ret)))
		TRY(read_json(c, ret));
	ret->id = digest_of(buf_view(&ret->statement));
	if (!rc_is_ok(request_parse(buf_view(&ret->statement), &ret->request, &f)))
		return call_refuse(c, REASON_FORM_STATEMENT, "%s", f.text);
	return OK;
}

rc stage2_authenticate(struct call_ctx *c, const struct stage1_request *in,
		       struct stage2_authenticated *ret)
{
	if (!name_is_equal(&c->person, &in->request.requester))
		return call_refuse(c, REASON_WHO_OWNER, "%s cannot submit for %s", c->person.s,
				   in->request.requester.s);
	ret->in = in;
	return OK;
}

void stage3_release(struct stage3_inspected *s)
{
	free(s->notes);
	s->notes = NULL;
}

static rc content_differs(struct call_ctx *c, size_t at)
{
	return call_refuse(c, REASON_ARTIFACT_CONTENT,
			   "file %zu gives another content digest than the request claims", at + 1);
}

/* What the requester claims is recomputed. Where a format signs the whole file, that has been done:
 * the file has its name from the SHA-256 that was computed while it came and once more by the
 * worker, which knows the SHA-512 too. Anything else is a pass of the worker's own. */
static rc check_content(struct call_ctx *c, const struct request_item *item,
			const struct hash *sha512, int fd, size_t at)
{
	const struct format_tbs *format = format_tbs_find(view_str(item->format));
	const char *args[] = {"content",
			      "--in",
			      "3",
			      "--format",
			      item->format,
			      "--digest",
			      hash_name(item->content.alg)};
	const struct worker_call w = {.args = args, .arg_count = 7, .fds = &fd, .fd_count = 1};
	AUTO(json) json_t *answer = NULL;
	char expected[HASH_TEXT];
	const char *found;

	if (format != NULL && format->whole && item->content.alg == HASH_SHA256)
		return memcmp(item->content.b, item->sha256.b, DIGEST_SIZE) == 0
			       ? OK
			       : content_differs(c, at);
	if (format != NULL && format->whole && item->content.alg == HASH_SHA512)
		return hash_is_equal(&item->content, sha512) ? OK : content_differs(c, at);
	TRY(worker_call(c, &w, &answer));
	hash_text(&item->content, expected);
	found = json_string_value(
		json_object_get(json_object_get(json_object_get(answer, "formats"), item->format),
				hash_name(item->content.alg)));
	if (found == NULL)
		return call_refuse(c, REASON_ARTIFACT_FORMAT, "file %zu cannot be read as %s",
				   at + 1, item->format);
	return strcmp(found, strchr(expected, ':') + 1) == 0 ? OK : content_differs(c, at);
}

static rc inspect_item(struct call_ctx *c, const struct request_item *item, size_t at,
		       struct store_note *note)
{
	AUTO(fd) int fd = -1;
	char name[ITEM_NAME_MAX + 1];
	struct hash sha512;
	uint64_t size;

	if (!rc_is_ok(artifact_open(c->server, &item->sha256, &fd, &size)))
		return call_refuse(c, REASON_ARTIFACT_MISSING, "file %zu is not uploaded", at + 1);
	if (size != item->size)
		return call_refuse(c, REASON_ARTIFACT_DIGEST, "file %zu has another size", at + 1);
	TRY(request_item_name(item, name));
	TRY(report_make(c, &item->sha256, name, &sha512, &note->report));
	TRY(check_content(c, item, &sha512, fd, at));
	note->n = (uint32_t)at;
	report_compare(c, item, note);
	return OK;
}

rc stage3_inspect(struct call_ctx *c, const struct stage2_authenticated *in,
		  struct stage3_inspected *ret)
{
	const struct request *r = &in->in->request;

	ret->in = in;
	if (!r->upload)
		return OK;
	ret->notes = calloc(r->count, sizeof(*ret->notes));
	if (ret->notes == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < r->count; i++)
		TRY(inspect_item(c, &r->items[i], i, &ret->notes[i]));
	return OK;
}

void submit_frame(const struct stage1_request *s, uint64_t id, enum keeper_type type,
		  struct buf *frame)
{
	const struct keeper_submit m = {.statement = buf_view(&s->statement),
					.requester_sig = buf_view(&s->requester_sig),
					.host_sig = buf_view(&s->host_sig),
					.sign = s->sign};

	buf_init(frame, KEEPER_FRAME_MAX);
	keeper_put_submit(frame, id, type, &m);
}

rc stage4_keep(struct call_ctx *c, const struct stage3_inspected *in, struct stage4_kept *ret)
{
	uint64_t id = keeper_client_id(c->server->keeper);
	AUTO(secret_buf) struct buf frame = {0};

	ret->in = in;
	submit_frame(in->in->in, id, KEEPER_SUBMIT, &frame);
	return call_keeper(c, id, &frame, KEEPER_R_STATUS, KEEPER_R_RESULT, &ret->reply);
}

/* JSON array of the first three names, from their JSON strings. */
static void first_names(const struct request *r, struct buf *out)
{
	buf_put_str(out, "[");
	for (size_t i = 0; i < r->count && i < 3; i++) {
		if (i > 0)
			buf_put_str(out, ",");
		buf_put_view(out, r->items[i].name_json);
	}
	buf_put_str(out, "]");
}

/* What searches look for: each digest once, and each product once as long as neighbours are alike.
 */
static rc search_words(const struct request *r, struct buf *digests, struct buf *products)
{
	const struct name *last = NULL;

	buf_put_str(products, "\n");
	for (size_t i = 0; i < r->count; i++) {
		const struct request_item *item = &r->items[i];

		buf_put_view(digests, digest_view(&item->sha256));
		if (item->content.alg == HASH_SHA256 &&
		    !view_is_equal(hash_view(&item->content), digest_view(&item->sha256)))
			buf_put_view(digests, hash_view(&item->content));
		if (last == NULL || !name_is_equal(last, &item->product)) {
			buf_put_str(products, item->product.s);
			buf_put_str(products, "\n");
		}
		last = &item->product;
	}
	TRY(buf_done(digests));
	return buf_done(products);
}

rc project_request(struct call_ctx *c, const struct stage1_request *s, struct projection *p,
		   struct fault *f)
{
	const struct request *r = &s->request;
	AUTO(buf) struct buf names = {0};
	AUTO(buf) struct buf digests = {0};
	AUTO(buf) struct buf products = {0};
	struct store_request row = {
		.id = s->id,
		.created = s->created != 0 ? s->created : clock_now(&clock_system),
		.requester = r->requester,
		.host = r->host,
		.key = r->key,
		.not_before = r->not_before,
		.deadline = r->deadline,
		.upload = r->upload,
		.sign = s->sign,
		.items = (uint32_t)r->count,
		.uses = r->uses,
		.statement = buf_view(&s->statement),
		.requester_sig = p->record.len > 0 ? p->record : buf_view(&s->requester_sig),
		.host_sig = buf_view(&s->host_sig),
		.state = "open",
		.missing = view_str("[]"),
		.approvers = view_str("[]"),
		.status = view_str("{}"),
	};

	buf_init(&names, 4096);
	buf_init(&digests, r->count * 2 * DIGEST_SIZE);
	buf_init(&products, r->count * (NAME_MAX_LEN + 1) + 1);
	for (size_t i = 0; i < r->count; i++)
		row.publishes |= r->upload && published_is_kind(r->items[i].format);
	first_names(r, &names);
	TRY(search_words(r, &digests, &products));
	row.names = buf_view(&names);
	row.digests = buf_view(&digests);
	row.products = buf_view(&products);
	row.claims = p->claims;
	if (p->done.len > 0) {
		row.status = p->done;
		row.uses_done = r->uses;
		(void)snprintf(row.state, sizeof(row.state), "done");
		(void)snprintf(row.reason, sizeof(row.reason), "%s", reason_id(REASON_STATE_USES));
	}
	return c->server->store->api->request_put(c->server->store, &row, &p->notes, &p->is_new, f);
}

static void put_string(struct jcan_out *w, const char *name, const char *value)
{
	jcan_out_key(w, name);
	jcan_out_string(w, value);
}

static void put_number(struct jcan_out *w, const char *name, uint64_t value)
{
	jcan_out_key(w, name);
	jcan_out_u64(w, value);
}

/* The status of a request that was signed at once, without asking the keeper again: what the
 * statement and the result say. Rule and checks are left out; GET /v1/requests/{id} has them. */
static rc done_status(const struct stage1_request *s, struct buf *out)
{
	static const char *const empty[] = {"approvals", "checks"};
	const struct request *r = &s->request;
	const struct {
		const char *name;
		const char *value;
	} texts[] = {
		{"outcome", "deny"},
		{"reason", reason_id(REASON_STATE_USES)},
		{"remedy", reason_remedy(REASON_STATE_USES)},
	};
	char not_before[TIME_TEXT] = "";
	char deadline[TIME_TEXT] = "";
	struct jcan_out w;

	TRY(time_format(r->not_before, not_before));
	TRY(time_format(r->deadline, deadline));
	jcan_out_init(&w, out);
	jcan_out_object(&w);
	for (size_t i = 0; i < 2; i++) {
		jcan_out_key(&w, empty[i]);
		jcan_out_array(&w);
		jcan_out_array_end(&w);
	}
	put_string(&w, "deadline", deadline);
	put_string(&w, "host", r->host.s);
	put_number(&w, "items", r->count);
	put_string(&w, "key", r->key.s);
	jcan_out_key(&w, "missing");
	jcan_out_array(&w);
	jcan_out_array_end(&w);
	put_string(&w, "not_before", not_before);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		put_string(&w, texts[i].name, texts[i].value);
	jcan_out_key(&w, "request");
	jcan_out_hex(&w, digest_view(&s->id));
	put_string(&w, "requester", r->requester.s);
	put_string(&w, "state", "done");
	put_string(&w, "text", reason_what(REASON_STATE_USES));
	put_number(&w, "uses", r->uses);
	put_number(&w, "uses_done", r->uses);
	put_number(&w, "uses_spent", r->uses);
	jcan_out_object_end(&w);
	return jcan_out_done(&w);
}

void stage5_release(struct stage5_projected *s)
{
	buf_release(&s->status);
}

rc stage5_project(struct call_ctx *c, const struct stage4_kept *in, struct stage5_projected *ret)
{
	const struct stage1_request *s = in->in->in->in;
	struct projection p = {.notes = {.rows = in->in->notes,
					 .count = in->in->notes == NULL ? 0 : s->request.count}};
	AUTO(buf) struct buf record = {0};
	struct fault f = {0};

	buf_init(&ret->status, STATUS_MAX);
	/* A token is passed on and never stored: readers of the store could use it elsewhere. */
	if (jwt_is_like(buf_view(&s->requester_sig)))
		TRY(request_record(c, &s->id, &record));
	p.record = buf_view(&record);
	p.claims = claims_said(c);
	if (in->reply.type == KEEPER_R_RESULT && s->request.uses == 1 && !s->request.upload)
		TRY(done_status(s, &ret->status));
	p.done = buf_view(&ret->status);
	if (!rc_is_ok(project_request(c, s, &p, &f)))
		return call_refuse(c, REASON_CALL_LIMIT,
				   "the keeper has the request, but the server's store failed: %s",
				   f.text);
	if (!p.is_new)
		buf_clear(&ret->status); /* approvals may have come since: the keeper is asked */
	ret->in = in;
	return OK;
}

rc stage6_release(struct call_ctx *c, const struct stage5_projected *in)
{
	const struct answer_parts parts = {.reply = &in->in->reply,
					   .status = buf_view(&in->status)};

	if (in->status.len > 0)
		return answer_parts(c, &parts);
	return answer_reply(c, &in->in->in->in->in->id, &in->in->reply, NULL);
}

rc post_explain(struct call_ctx *c)
{
	AUTO(stage1) struct stage1_request request = {0};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	AUTO(secret_buf) struct buf frame = {0};
	struct keeper_status status;
	json_t *value = NULL;

	TRY(stage1_read(c, &request));
	submit_frame(&request, id, KEEPER_EXPLAIN, &frame);
	TRY(call_keeper(c, id, &frame, KEEPER_R_STATUS, KEEPER_R_STATUS, &reply));
	TRY(keeper_get_status(buf_view(&reply.body), &status));
	TRY(call_parse(c, status.json, &value));
	return call_json(c, 200, json_pack("{s:o}", "status", value));
}
