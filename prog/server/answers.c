/* answers - statuses and results of the keeper, as JSON and into the store. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/fd.h"
#include "lib/crypt/x509.h"
#include "prog/server/pipeline.h"
#include "prog/server/tasks.h"

/* People whose approval is live, and what is missing, as the store's lists want them. */
static char *live_approvers(const json_t *status)
{
	AUTO(json) json_t *names = json_array();
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(status, "approvals"), i,
			   row) if (json_is_true(json_object_get(row, "live")))(void)
		json_array_append(names, json_object_get(row, "person"));
	return json_dumps(names, JSON_COMPACT);
}

/* Brings the store up to date; its failure costs only the lists. */
static rc project(struct call_ctx *c, const struct digest *id, const json_t *status,
		  const struct keeper_status *k, struct store_version *ret)
{
	const char *state = json_string_value(json_object_get(status, "state"));
	char *missing = json_dumps(json_object_get(status, "missing"), JSON_COMPACT);
	char *approvers = live_approvers(status);
	AUTO(json) json_t *plain = json_copy((json_t *)(uintptr_t)status);
	char *text;
	struct store_status row;
	rc r = RC(RC_NOMEM);

	(void)json_object_del(plain, "leaf");
	text = json_text(plain);
	if (missing != NULL && approvers != NULL && text != NULL) {
		row = (struct store_status){
			.state = state == NULL ? "open" : state,
			.reason = reason_id(k->reason),
			.uses_done =
				(uint32_t)json_integer_value(json_object_get(status, "uses_done")),
			.missing = view_str(missing),
			.approvers = view_str(approvers),
			.status = view_str(text),
		};
		r = c->server->store->api->request_status(c->server->store, id, &row, ret, NULL);
	}
	free(missing);
	free(approvers);
	free(text);
	if (rc_is_ok(r) && ret->grew)
		tasks_changed(c->server, id);
	return r;
}

/* The notes of one request, 64 at the most. */
struct taken_notes {
	struct store_note rows[64];
	size_t count;
};

static rc take_note(void *ctx, const struct store_note *row)
{
	struct taken_notes *t = ctx;

	if (t->count < sizeof(t->rows) / sizeof(t->rows[0]))
		t->rows[t->count++] = *row;
	return OK;
}

/* Remembers each inspected file as the last signed one of its product. */
static void remember_signed(struct call_ctx *c, const struct digest *request)
{
	struct store *store = c->server->store;
	AUTO(stage1) struct stage1_request stored = {0};
	struct taken_notes notes = {.count = 0};
	rc r = store->api->note_list(store, request, take_note, &notes, NULL);

	if (rc_is_ok(r) && notes.count > 0)
		r = request_stored(c, request, &stored);
	for (size_t i = 0; rc_is_ok(r) && i < notes.count; i++) {
		const struct request_item *item = &stored.request.items[notes.rows[i].n];
		const struct store_last last = {.artifact = item->sha256,
						.report = notes.rows[i].report,
						.request = *request};

		r = store->api->last_set(store, &item->product, &last, NULL);
	}
	rc_ignore(r, "a comparison less");
}

static rc take_uses_done(void *ctx, const struct store_request *row)
{
	*(uint32_t *)ctx = row->uses_done;
	return OK;
}

/* A request that was held is out by whatever looked at it first, and not by a result that passes
 * here: the store did not know it yet. */
static bool came_out(struct call_ctx *c, const struct digest *id, const json_t *status)
{
	struct store *store = c->server->store;
	uint32_t before = 1;

	return json_object_get(status, "release") != NULL &&
	       json_integer_value(json_object_get(status, "uses_done")) > 0 &&
	       rc_is_ok(store->api->request_get(store, id, take_uses_done, &before, NULL)) &&
	       before == 0;
}

static rc take_status(struct call_ctx *c, const struct digest *id, const struct keeper_reply *reply,
		      json_t **ret, uint64_t *ret_version)
{
	struct store_version version = {0};
	struct keeper_status status;

	if (!rc_is_ok(keeper_get_status(buf_view(&reply->body), &status)))
		return call_refuse(c, REASON_KEEPER_INTERNAL, "the keeper's status cannot be read");
	TRY(call_parse(c, status.json, ret));
	if (came_out(c, id, *ret))
		remember_signed(c, id);
	rc_ignore(project(c, id, *ret, &status, &version), "the store is a projection");
	*ret_version = version.version;
	return OK;
}

rc status_fetch(struct call_ctx *c, const struct digest *request, json_t **ret,
		uint64_t *ret_version)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);

	buf_init(&frame, 128);
	keeper_put_digest(&frame, id, KEEPER_SHOW, request);
	TRY(call_keeper(c, id, &frame, KEEPER_R_STATUS, KEEPER_R_STATUS, &reply));
	return take_status(c, request, &reply, ret, ret_version);
}

static rc take_chain(void *ctx, struct view bytes)
{
	buf_put_view(ctx, bytes);
	return buf_done(ctx);
}

static bool is_zero(const struct digest *d)
{
	static const struct digest zero;

	return digest_is_equal(d, &zero);
}

/* Asks the keeper for the chain of the key that signed, and remembers it. */
static rc chain_fetch(struct call_ctx *c, const struct keeper_result *r, struct buf *der)
{
	struct store *store = c->server->store;
	AUTO(json) json_t *status = NULL;
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	struct keeper_certs certs;
	struct digest leaf;
	uint64_t version;
	const char *key;
	struct view name;

	TRY(status_fetch(c, &r->request, &status, &version));
	key = json_string_value(json_object_get(status, "key"));
	if (key == NULL)
		return call_refuse(c, REASON_KEEPER_INTERNAL, "the keeper's status names no key");
	name = view_str(key);
	buf_init(&frame, 256);
	keeper_put_strings(&frame, id, KEEPER_CERTS, &name, 1);
	TRY(call_keeper(c, id, &frame, KEEPER_R_CERTS, KEEPER_R_CERTS, &reply));
	if (!rc_is_ok(keeper_get_certs(buf_view(&reply.body), &certs)) || certs.count == 0)
		return call_refuse(c, REASON_KEEPER_INTERNAL,
				   "the keeper's certificates cannot be read");
	for (size_t i = 0; i < certs.count; i++)
		buf_put_view(der, certs.certs[i]);
	TRY(buf_done(der));
	leaf = digest_of(certs.certs[0]);
	rc_ignore(store->api->certs_put(store, &leaf, buf_view(der), NULL),
		  "it is asked for again");
	if (!digest_is_equal(&leaf, &r->cert))
		return call_refuse(c, REASON_KEY_CERT, "the certificate has been replaced since");
	return OK;
}

rc result_chain(struct call_ctx *c, const struct keeper_result *r, struct buf *der)
{
	struct store *store = c->server->store;

	if (is_zero(&r->cert) ||
	    rc_is_ok(store->api->certs_get(store, &r->cert, take_chain, der, NULL)))
		return OK;
	buf_clear(der);
	return chain_fetch(c, r, der);
}

rc result_put(struct call_ctx *c, const struct keeper_result *r, struct jcan_out *w)
{
	AUTO(x509_chain) struct x509_chain chain = {0};
	AUTO(buf) struct buf der = {0};
	struct view rest = r->signatures;
	char when[TIME_TEXT] = "";
	struct view one;

	buf_init(&der, RESULT_CHAIN_MAX);
	TRY(result_chain(c, r, &der));
	if (der.len > 0)
		TRY(x509_chain_read(buf_view(&der), &chain, NULL));
	TRY(time_format(r->signed_at, when));
	jcan_out_object(w);
	jcan_out_key(w, "authorize_leaf");
	jcan_out_u64(w, r->authorize_leaf);
	jcan_out_key(w, "certificates");
	jcan_out_array(w);
	for (size_t i = 0; i < chain.count; i++)
		jcan_out_base64(w, chain.der[i]);
	jcan_out_array_end(w);
	jcan_out_key(w, "issue_leaf");
	jcan_out_u64(w, r->issue_leaf);
	jcan_out_key(w, "key");
	jcan_out_hex(w, digest_view(&r->key));
	jcan_out_key(w, "leaf");
	jcan_out_view(w, r->leaf);
	jcan_out_key(w, "proof");
	jcan_out_view(w, r->proof);
	jcan_out_key(w, "signatures");
	jcan_out_array(w);
	for (uint32_t i = 0; i < r->count; i++) {
		TRY(keeper_result_next(&rest, &one));
		jcan_out_base64(w, one);
	}
	jcan_out_array_end(w);
	jcan_out_key(w, "signed_at");
	jcan_out_string(w, when);
	jcan_out_key(w, "use");
	jcan_out_u64(w, r->use);
	jcan_out_object_end(w);
	return buf_done(w->buf);
}

/* Into c->out, which holds nothing yet or nothing more after a failure. */
static rc put_parts(struct call_ctx *c, const struct answer_parts *p)
{
	struct keeper_result r;
	struct jcan_out w;

	jcan_out_init(&w, &c->out);
	jcan_out_object(&w);
	if (p->receipt.len > 0) {
		jcan_out_key(&w, "receipt");
		jcan_out_raw(&w, p->receipt);
	}
	if (p->reply->type == KEEPER_R_RESULT) {
		TRY(keeper_get_result(buf_view(&p->reply->body), &r));
		jcan_out_key(&w, "result");
		TRY(result_put(c, &r, &w));
	}
	jcan_out_key(&w, "status");
	jcan_out_raw(&w, p->status);
	jcan_out_object_end(&w);
	return jcan_out_done(&w);
}

rc answer_parts(struct call_ctx *c, const struct answer_parts *p)
{
	rc r = put_parts(c, p);

	if (rc_is_ok(r)) {
		c->status = 200;
		c->content_type = "application/json";
	} else if (c->status == 0) {
		buf_clear(&c->out);
	}
	return r;
}

rc answer_reply(struct call_ctx *c, const struct digest *request, const struct keeper_reply *reply,
		json_t *extra)
{
	AUTO(json) json_t *receipt = extra;
	AUTO(json) json_t *status = NULL;
	AUTO(json_text) char *receipt_text = NULL;
	AUTO(json_text) char *status_text = NULL;
	struct answer_parts parts = {.reply = reply};
	uint64_t version;

	if (reply->type == KEEPER_R_STATUS) {
		TRY(take_status(c, request, reply, &status, &version));
	} else {
		TRY(status_fetch(c, request, &status, &version));
		remember_signed(c, request);
	}
	status_text = json_text(status);
	if (receipt != NULL)
		receipt_text = json_text(receipt);
	if (status_text == NULL || (receipt != NULL && receipt_text == NULL))
		return RC(RC_NOMEM);
	parts.status = view_str(status_text);
	if (receipt_text != NULL)
		parts.receipt = view_str(receipt_text);
	return answer_parts(c, &parts);
}
