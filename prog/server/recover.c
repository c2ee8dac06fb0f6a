/* recover - what the store has lost comes back from the keeper: by id when it is asked for, and all
 * of it when rebuild.c walks the log. The wish to have it signed at once is not among the keeper's
 * facts: who approves or asks for a use says so again. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "prog/server/pipeline.h"
#include "prog/server/uploads.h"

static rc is_there(void *ctx, const struct store_request *row)
{
	(void)ctx;
	(void)row;
	return OK;
}

bool request_is_stored(struct call_ctx *c, const struct digest *id)
{
	struct store *s = c->server->store;

	return rc_is_ok(s->api->request_get(s, id, is_there, NULL, NULL));
}

static rc take_stored(void *ctx, const struct store_request *row)
{
	struct stage1_request *s = ctx;

	buf_put_view(&s->statement, row->statement);
	buf_put_view(&s->requester_sig, row->requester_sig);
	buf_put_view(&s->host_sig, row->host_sig);
	s->sign = row->sign;
	return buf_done(&s->statement);
}

static void init_parts(struct stage1_request *s, const struct digest *id)
{
	buf_init(&s->statement, REQUEST_BYTES_MAX);
	buf_init(&s->requester_sig, KEEPER_SIG_MAX);
	buf_init(&s->host_sig, KEEPER_SIG_MAX);
	s->id = *id;
}

rc request_stored(struct call_ctx *c, const struct digest *id, struct stage1_request *ret)
{
	struct store *s = c->server->store;

	init_parts(ret, id);
	TRY(s->api->request_get(s, id, take_stored, ret, NULL));
	return request_parse(buf_view(&ret->statement), &ret->request, NULL);
}

static rc fetch(struct call_ctx *c, const struct digest *id, struct stage1_request *ret)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t correlation = keeper_client_id(c->server->keeper);
	struct keeper_document doc;

	buf_init(&frame, 128);
	init_parts(ret, id);
	keeper_put_digest(&frame, correlation, KEEPER_STATEMENT, id);
	TRY(call_keeper(c, correlation, &frame, KEEPER_R_DOCUMENT, KEEPER_R_DOCUMENT, &reply));
	if (!rc_is_ok(keeper_get_document(buf_view(&reply.body), &doc)))
		return call_refuse(c, REASON_KEEPER_INTERNAL,
				   "the keeper's statement cannot be read");
	if (doc.kind != STATEMENT_REQUEST || doc.sig_count != 2)
		return call_refuse(c, REASON_CALL_NOTFOUND, "this is no request");
	buf_put_view(&ret->statement, doc.statement);
	buf_put_view(&ret->requester_sig, doc.sigs[0]);
	buf_put_view(&ret->host_sig, doc.sigs[1]);
	TRY(buf_done(&ret->statement));
	if (!rc_is_ok(request_parse(buf_view(&ret->statement), &ret->request, NULL)))
		return call_refuse(c, REASON_KEEPER_INTERNAL,
				   "the keeper's request cannot be read");
	return OK;
}

rc request_record(struct call_ctx *c, const struct digest *id, struct buf *out)
{
	AUTO(stage1) struct stage1_request kept = {0};

	TRY(fetch(c, id, &kept));
	buf_init(out, KEEPER_SIG_MAX);
	buf_put_view(out, buf_view(&kept.requester_sig));
	return buf_done(out);
}

static rc show(struct call_ctx *c, const struct digest *id, struct keeper_reply *ret)
{
	AUTO(buf) struct buf frame = {0};
	uint64_t correlation = keeper_client_id(c->server->keeper);

	buf_init(&frame, 128);
	keeper_put_digest(&frame, correlation, KEEPER_SHOW, id);
	return call_keeper(c, correlation, &frame, KEEPER_R_STATUS, KEEPER_R_STATUS, ret);
}

/* Row and status together: a row without its status would look open after an end in between. */
static rc put_whole(struct call_ctx *c, const struct stage1_request *request,
		    const struct keeper_reply *reply, struct fault *f)
{
	struct store *s = c->server->store;
	struct projection p = {0};
	rc r, end;

	TRY(s->api->batch_begin(s, f));
	r = project_request(c, request, &p, f);
	if (rc_is_ok(r))
		r = answer_reply(c, &request->id, reply, NULL);
	end = s->api->batch_end(s, f);
	return rc_is_ok(r) ? end : r;
}

/* A refusal on the way is not the answer of the call. */
static rc forget(struct call_ctx *c, rc r)
{
	buf_clear(&c->out);
	c->status = 0;
	return r;
}

rc request_restore(struct call_ctx *c, const struct digest *id, unix_time created)
{
	AUTO(stage1) struct stage1_request request = {.created = created};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	struct fault f = {0};
	rc r;

	TRY(show(c, id, &reply)); /* refuses with state.unknown */
	TRY(fetch(c, id, &request));
	r = put_whole(c, &request, &reply, &f);
	return rc_is_ok(r) ? forget(c, OK)
			   : call_refuse(c, REASON_CALL_LIMIT, "the store: %s", f.text);
}

rc request_known(struct call_ctx *c, const struct digest *id)
{
	struct store *s = c->server->store;
	rc r = s->api->request_get(s, id, is_there, NULL, NULL);

	return r.code == RC_NOTFOUND ? request_restore(c, id, 0) : r;
}

/* ---- Reports -------------------------------------------------------------------------------*/

/* What reports hang on, copied out of the store. */
struct facts {
	struct stage1_request stored;
	bool open;
	struct store_note *notes; /* one for each file ... */
	bool *has;		  /* ... that has a report */
};

static void facts_release(struct facts *f)
{
	stage1_release(&f->stored);
	free(f->notes);
	free(f->has);
	f->notes = NULL;
	f->has = NULL;
}
AUTO_DEFINE(facts, struct facts, facts_release)

static rc take_state(void *ctx, const struct store_request *row)
{
	*(bool *)ctx = strcmp(row->state, "open") == 0;
	return OK;
}

static rc take_note(void *ctx, const struct store_note *row)
{
	struct facts *f = ctx;

	if (row->n >= f->stored.request.count)
		return RC(RC_CORRUPT);
	f->notes[row->n] = *row;
	f->has[row->n] = true;
	return OK;
}

/* Without upload there is no file to report on: count is 0 then. */
static rc facts_get(struct call_ctx *c, const struct digest *id, struct facts *ret)
{
	struct store *s = c->server->store;
	struct request *q = &ret->stored.request;

	TRY(request_stored(c, id, &ret->stored));
	TRY(s->api->request_get(s, id, take_state, &ret->open, NULL));
	if (!q->upload)
		q->count = 0;
	ret->notes = calloc(q->count + 1, sizeof(*ret->notes));
	ret->has = calloc(q->count + 1, sizeof(*ret->has));
	if (ret->notes == NULL || ret->has == NULL)
		return RC(RC_NOMEM);
	return s->api->note_list(s, id, take_note, ret, NULL);
}

/* File n has no report, but could have one. */
static bool is_missing(const struct server *s, const struct facts *f, size_t n)
{
	AUTO(fd) int fd = -1;
	uint64_t size;

	return !f->has[n] &&
	       rc_is_ok(artifact_open(s, &f->stored.request.items[n].sha256, &fd, &size));
}

bool reports_are_missing(struct call_ctx *c, const struct digest *id)
{
	AUTO(facts) struct facts facts = {0};

	if (!rc_is_ok(facts_get(c, id, &facts)))
		return false;
	for (size_t i = 0; i < facts.stored.request.count; i++)
		if (is_missing(c->server, &facts, i))
			return true;
	return false;
}

static rc report_again(struct call_ctx *c, struct facts *facts, size_t n, bool compare)
{
	const struct request_item *item = &facts->stored.request.items[n];
	struct store_note *note = &facts->notes[n];
	struct store *s = c->server->store;
	char name[ITEM_NAME_MAX + 1];

	*note = (struct store_note){.n = (uint32_t)n};
	TRY(request_item_name(item, name));
	TRY(report_make(c, &item->sha256, name, NULL, &note->report));
	if (compare)
		report_compare(c, item, note);
	TRY(s->api->note_set(s, &facts->stored.id, note, NULL));
	facts->has[n] = true;
	return OK;
}

void reports_restore(struct call_ctx *c, const struct digest *id)
{
	AUTO(facts) struct facts facts = {0};

	if (!rc_is_ok(facts_get(c, id, &facts)))
		return;
	for (size_t i = 0; i < facts.stored.request.count; i++)
		if (is_missing(c->server, &facts, i))
			rc_ignore(forget(c, report_again(c, &facts, i, facts.open)),
				  "there is no report to show then");
}

rc products_restore(struct call_ctx *c, const struct digest *id, json_t *seen, bool *ret_slow)
{
	AUTO(facts) struct facts facts = {0};
	struct store *s = c->server->store;

	TRY(facts_get(c, id, &facts));
	for (size_t i = 0; i < facts.stored.request.count; i++) {
		const struct request_item *item = &facts.stored.request.items[i];
		struct store_last last;

		if (json_object_get(seen, item->product.s) != NULL)
			continue;
		if (json_object_set_new(seen, item->product.s, json_true()) != 0)
			return RC(RC_NOMEM);
		if (is_missing(c->server, &facts, i)) {
			*ret_slow = true;
			rc_ignore(forget(c, report_again(c, &facts, i, false)),
				  "a comparison less");
		}
		/* One that was signed while the log was walked is the younger one. */
		if (facts.has[i] &&
		    s->api->last_get(s, &item->product, &last, NULL).code == RC_NOTFOUND) {
			last = (struct store_last){.artifact = item->sha256,
						   .report = facts.notes[i].report,
						   .request = *id};
			TRY(s->api->last_set(s, &item->product, &last, NULL));
		}
	}
	return OK;
}
