#include "prog/server/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "prog/server/routes.h"
#include "prog/server/tasks.h"
#include "prog/server/uploads.h"

rc post_request(struct call_ctx *c)
{
	AUTO(stage1) struct stage1_request request = {0};
	AUTO(stage3) struct stage3_inspected inspected = {0};
	struct stage2_authenticated authenticated;
	struct stage4_kept kept = {0};
	AUTO(stage5) struct stage5_projected projected = {0};
	rc r;

	TRY(stage1_read(c, &request));
	TRY(stage2_authenticate(c, &request, &authenticated));
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
	buf_release(&s->requester_sig);
	buf_release(&s->host_sig);
}

rc stage1_read(struct call_ctx *c, struct stage1_request *ret)
{
	AUTO(json) json_t *body = NULL;
	struct fault f = {0};

	buf_init(&ret->statement, REQUEST_BYTES_MAX);
	buf_init(&ret->requester_sig, KEEPER_SIG_MAX);
	buf_init(&ret->host_sig, KEEPER_SIG_MAX);
	TRY(call_body(c, &body));
	TRY(call_bytes(c, body, "statement", &ret->statement));
	TRY(call_bytes(c, body, "requester_signature", &ret->requester_sig));
	TRY(call_bytes(c, body, "host_signature", &ret->host_sig));
	ret->sign = json_is_true(json_object_get(body, "sign"));
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
	free(s->items);
	s->items = NULL;
}

/* The worker recomputes what the requester claims. */
static rc check_content(struct call_ctx *c, const struct request_item *item, int fd, size_t at)
{
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

	TRY(worker_call(c, &w, &answer));
	hash_text(&item->content, expected);
	found = json_string_value(
		json_object_get(json_object_get(json_object_get(answer, "formats"), item->format),
				hash_name(item->content.alg)));
	if (found == NULL)
		return call_refuse(c, REASON_ARTIFACT_FORMAT, "file %zu cannot be read as %s",
				   at + 1, item->format);
	if (strcmp(found, strchr(expected, ':') + 1) != 0)
		return call_refuse(c, REASON_ARTIFACT_CONTENT,
				   "file %zu gives another content digest than the request claims",
				   at + 1);
	return OK;
}

static rc inspect_item(struct call_ctx *c, const struct request_item *item, size_t at,
		       struct store_item *row)
{
	AUTO(fd) int fd = -1;
	char name[ITEM_NAME_MAX + 1];
	struct store_last last;
	uint64_t size;

	if (!rc_is_ok(artifact_open(c->server, &item->sha256, &fd, &size)))
		return call_refuse(c, REASON_ARTIFACT_MISSING, "file %zu is not uploaded", at + 1);
	if (size != item->size)
		return call_refuse(c, REASON_ARTIFACT_DIGEST, "file %zu has another size", at + 1);
	TRY(check_content(c, item, fd, at));
	TRY(request_item_name(item, name));
	TRY(report_make(c, &item->sha256, name, &row->report));
	row->has_report = true;
	if (rc_is_ok(c->server->store->api->last_get(c->server->store, &item->product, &last,
						     NULL)) &&
	    !digest_is_equal(&last.artifact, &item->sha256) &&
	    rc_is_ok(report_compare(c, &last.report, &row->report, &row->diff))) {
		row->has_diff = row->has_previous = true;
		row->previous = last.artifact;
	}
	return OK;
}

rc item_rows(const struct request *r, struct store_item **ret)
{
	struct store_item *rows = calloc(r->count, sizeof(*rows));

	if (rows == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < r->count; i++) {
		rows[i].n = (uint32_t)i;
		rows[i].sha256 = r->items[i].sha256;
		rows[i].content = r->items[i].content;
		rows[i].size = r->items[i].size;
		rows[i].product = r->items[i].product;
		memcpy(rows[i].format, r->items[i].format, sizeof(rows[i].format));
		rows[i].name = r->items[i].name_json;
	}
	*ret = rows;
	return OK;
}

rc stage3_inspect(struct call_ctx *c, const struct stage2_authenticated *in,
		  struct stage3_inspected *ret)
{
	const struct request *r = &in->in->request;

	ret->in = in;
	TRY(item_rows(r, &ret->items));
	for (size_t i = 0; r->upload && i < r->count; i++)
		TRY(inspect_item(c, &r->items[i], i, &ret->items[i]));
	return OK;
}

static void submit_frame(const struct stage1_request *s, uint64_t id, enum keeper_type type,
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
	AUTO(buf) struct buf frame = {0};

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

rc project_request(struct call_ctx *c, const struct stage1_request *s,
		   const struct store_item *items, const json_t *done, struct fault *f)
{
	const struct request *r = &s->request;
	AUTO(buf) struct buf names = {0};
	struct store_request row = {
		.id = s->id,
		.created = clock_now(&clock_system),
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
		.requester_sig = buf_view(&s->requester_sig),
		.host_sig = buf_view(&s->host_sig),
		.state = "open",
		.missing = view_str("[]"),
		.approvers = view_str("[]"),
		.status = view_str("{}"),
	};
	char *text = NULL;
	rc put;

	buf_init(&names, 4096);
	first_names(r, &names);
	row.names = buf_view(&names);
	if (done != NULL) {
		text = json_dumps(done, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
		if (text == NULL)
			return RC(RC_NOMEM);
		row.status = view_str(text);
		row.uses_done = r->uses;
		(void)snprintf(row.state, sizeof(row.state), "done");
		(void)snprintf(row.reason, sizeof(row.reason), "%s", reason_id(REASON_STATE_USES));
	}
	put = c->server->store->api->request_put(c->server->store, &row, items, f);
	free(text);
	return put;
}

/* The status of a request that was signed at once, without asking the keeper again: what the
 * statement and the result say. Rule and checks are left out; GET /v1/requests/{id} has them. */
static json_t *done_status(const struct stage1_request *s)
{
	const struct request *r = &s->request;
	char not_before[TIME_TEXT] = "";
	char deadline[TIME_TEXT] = "";
	char id[DIGEST_HEX];

	digest_hex(&s->id, id);
	rc_ignore(time_format(r->not_before, not_before), "parsed from such a text");
	rc_ignore(time_format(r->deadline, deadline), "parsed from such a text");
	return json_pack(
		"{s:[],s:[],s:s,s:s,s:i,s:s,s:[],s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:i,s:i}",
		"approvals", "checks", "deadline", deadline, "host", r->host.s, "items",
		(int)r->count, "key", r->key.s, "missing", "not_before", not_before, "outcome",
		"deny", "reason", reason_id(REASON_STATE_USES), "remedy",
		reason_remedy(REASON_STATE_USES), "request", id, "requester", r->requester.s,
		"state", "done", "text", reason_what(REASON_STATE_USES), "uses", (int)r->uses,
		"uses_done", (int)r->uses, "uses_spent", (int)r->uses);
}

void stage5_release(struct stage5_projected *s)
{
	json_decref(s->status);
	s->status = NULL;
}

rc stage5_project(struct call_ctx *c, const struct stage4_kept *in, struct stage5_projected *ret)
{
	const struct stage1_request *s = in->in->in->in;
	struct fault f = {0};

	if (in->reply.type == KEEPER_R_RESULT && s->request.uses == 1 && !s->request.upload &&
	    !request_is_stored(c, &s->id))
		ret->status = done_status(s);
	if (!rc_is_ok(project_request(c, s, in->in->items, ret->status, &f)))
		return call_refuse(c, REASON_CALL_LIMIT,
				   "the keeper has the request, but the server's store failed: %s",
				   f.text);
	ret->in = in;
	return OK;
}

rc stage6_release(struct call_ctx *c, const struct stage5_projected *in)
{
	if (in->status != NULL)
		return answer_result(c, &in->in->reply, json_incref(in->status));
	return answer_reply(c, &in->in->in->in->in->id, &in->in->reply, NULL);
}

rc post_explain(struct call_ctx *c)
{
	AUTO(stage1) struct stage1_request request = {0};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	AUTO(buf) struct buf frame = {0};
	struct keeper_status status;
	json_t *value = NULL;

	TRY(stage1_read(c, &request));
	submit_frame(&request, id, KEEPER_EXPLAIN, &frame);
	TRY(call_keeper(c, id, &frame, KEEPER_R_STATUS, KEEPER_R_STATUS, &reply));
	TRY(keeper_get_status(buf_view(&reply.body), &status));
	TRY(call_parse(c, status.json, &value));
	return call_json(c, 200, json_pack("{s:o}", "status", value));
}
