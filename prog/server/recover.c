/* recover - what the store has lost comes back from the keeper, request by request, as they are
 * asked for by their id. The wish to have it signed at once is not among the keeper's facts: who
 * approves or asks for a use says so again. */
#include <stdlib.h>

#include "prog/server/pipeline.h"
#include "prog/server/uploads.h"

static rc is_there(void *ctx, const struct store_request *row)
{
	(void)ctx;
	(void)row;
	return OK;
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

/* Reports are made again where the file is still here; without one there is none. */
static rc inspect_again(struct call_ctx *c, const struct request *r, struct store_note **ret,
			size_t *ret_count)
{
	struct store_note *notes = calloc(r->count, sizeof(*notes));
	char name[ITEM_NAME_MAX + 1];
	size_t n = 0;

	if (notes == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; r->upload && i < r->count; i++) {
		notes[n].n = (uint32_t)i;
		if (rc_is_ok(request_item_name(&r->items[i], name)) &&
		    rc_is_ok(report_make(c, &r->items[i].sha256, name, &notes[n].report)))
			n++;
		buf_clear(&c->out);
		c->status = 0;
	}
	*ret = notes;
	*ret_count = n;
	return OK;
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

rc request_known(struct call_ctx *c, const struct digest *id)
{
	AUTO(stage1) struct stage1_request request = {0};
	struct store *s = c->server->store;
	AUTO(json) json_t *status = NULL;
	struct store_note *rows = NULL;
	struct projection p = {0};
	uint64_t version;
	struct fault f = {0};
	rc r = s->api->request_get(s, id, is_there, NULL, &f);

	if (r.code != RC_NOTFOUND)
		return r;
	TRY(status_fetch(c, id, &status, &version)); /* refuses with state.unknown */
	TRY(fetch(c, id, &request));
	TRY(inspect_again(c, &request.request, &rows, &p.notes.count));
	p.notes.rows = rows;
	r = project_request(c, &request, &p, &f);
	free(rows);
	return rc_is_ok(r) ? OK : call_refuse(c, REASON_CALL_LIMIT, "the store: %s", f.text);
}
