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
	text = json_dumps(plain, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
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

static rc take_status(struct call_ctx *c, const struct digest *id, const struct keeper_reply *reply,
		      json_t **ret, uint64_t *ret_version)
{
	struct store_version version = {0};
	struct keeper_status status;

	if (!rc_is_ok(keeper_get_status(buf_view(&reply->body), &status)))
		return call_refuse(c, REASON_KEEPER_INTERNAL, "the keeper's status cannot be read");
	TRY(call_parse(c, status.json, ret));
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

static rc split_chain(void *ctx, struct view bytes)
{
	AUTO(x509_chain) struct x509_chain chain = {0};
	json_t *list = ctx;

	TRY(x509_chain_read(bytes, &chain, NULL));
	for (size_t i = 0; i < chain.count; i++)
		if (json_array_append_new(list, json_base64(chain.der[i])) != 0)
			return RC(RC_NOMEM);
	return OK;
}

static bool is_zero(const struct digest *d)
{
	static const struct digest zero;

	return digest_is_equal(d, &zero);
}

/* The chain of the certificate that was used: remembered, or asked for by the key's name. */
static rc chain_json(struct call_ctx *c, const struct keeper_result *r, json_t *list)
{
	AUTO(json) json_t *status = NULL;
	struct store *store = c->server->store;
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	AUTO(buf) struct buf all = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	struct keeper_certs certs;
	struct digest leaf;
	uint64_t version;
	const char *key;
	struct view name;

	if (is_zero(&r->cert))
		return OK;
	if (rc_is_ok(store->api->certs_get(store, &r->cert, split_chain, list, NULL)))
		return OK;
	TRY(status_fetch(c, &r->request, &status, &version));
	key = json_string_value(json_object_get(status, "key"));
	if (key == NULL)
		return call_refuse(c, REASON_KEEPER_INTERNAL, "the keeper's status names no key");
	name = view_str(key);
	buf_init(&frame, 256);
	buf_init(&all, 1u << 20);
	keeper_put_strings(&frame, id, KEEPER_CERTS, &name, 1);
	TRY(call_keeper(c, id, &frame, KEEPER_R_CERTS, KEEPER_R_CERTS, &reply));
	if (!rc_is_ok(keeper_get_certs(buf_view(&reply.body), &certs)) || certs.count == 0)
		return call_refuse(c, REASON_KEEPER_INTERNAL,
				   "the keeper's certificates cannot be read");
	for (size_t i = 0; i < certs.count; i++)
		buf_put_view(&all, certs.certs[i]);
	TRY(buf_done(&all));
	leaf = digest_of(certs.certs[0]);
	rc_ignore(store->api->certs_put(store, &leaf, buf_view(&all), NULL),
		  "it is asked for again");
	if (!digest_is_equal(&leaf, &r->cert))
		return call_refuse(c, REASON_KEY_CERT, "the certificate has been replaced since");
	return split_chain(list, buf_view(&all));
}

rc result_json(struct call_ctx *c, const struct keeper_result *r, json_t **ret)
{
	json_t *signatures = json_array();
	json_t *certs = json_array();
	struct view rest = r->signatures;
	char when[TIME_TEXT] = "";
	char key[DIGEST_HEX];
	struct view one;

	*ret = json_pack("{s:o,s:o}", "signatures", signatures, "certificates", certs);
	if (*ret == NULL)
		return RC(RC_NOMEM);
	for (uint32_t i = 0; i < r->count; i++) {
		TRY(keeper_result_next(&rest, &one));
		(void)json_array_append_new(signatures, json_base64(one));
	}
	TRY(chain_json(c, r, certs));
	TRY(time_format(r->signed_at, when));
	digest_hex(&r->key, key);
	if (json_object_update_new(*ret, json_pack("{s:i,s:s,s:s,s:I,s:I,s:s%,s:s%}", "use",
						   (int)r->use, "signed_at", when, "key", key,
						   "authorize_leaf", (json_int_t)r->authorize_leaf,
						   "issue_leaf", (json_int_t)r->issue_leaf, "leaf",
						   (const char *)r->leaf.ptr, r->leaf.len, "proof",
						   (const char *)r->proof.ptr, r->proof.len)) != 0)
		return RC(RC_NOMEM);
	return OK;
}

/* Remembers each file as the last signed one of its product. */
struct signed_items {
	struct call_ctx *c;
	const struct digest *request;
	struct name product[64];
	struct store_last last[64];
	size_t count;
};

static rc note_item(void *ctx, const struct store_item *row)
{
	struct signed_items *s = ctx;

	if (!row->has_report || s->count == 64)
		return OK;
	s->product[s->count] = row->product;
	s->last[s->count++] = (struct store_last){
		.artifact = row->sha256, .report = row->report, .request = *s->request};
	return OK;
}

static void remember_signed(struct call_ctx *c, const struct digest *request)
{
	struct store *store = c->server->store;
	struct signed_items items = {.c = c, .request = request};

	rc_ignore(store->api->item_list(store, request, note_item, &items, NULL),
		  "a comparison less");
	for (size_t i = 0; i < items.count; i++)
		rc_ignore(store->api->last_set(store, &items.product[i], &items.last[i], NULL),
			  "a comparison less");
}

rc answer_result(struct call_ctx *c, const struct keeper_reply *reply, json_t *status)
{
	struct keeper_result r;
	json_t *result = NULL;
	rc ok = keeper_get_result(buf_view(&reply->body), &r);

	if (rc_is_ok(ok))
		ok = result_json(c, &r, &result);
	if (!rc_is_ok(ok)) {
		json_decref(result);
		json_decref(status);
		return ok;
	}
	return call_json(c, 200, json_pack("{s:o,s:o}", "result", result, "status", status));
}

rc answer_reply(struct call_ctx *c, const struct digest *request, const struct keeper_reply *reply,
		json_t *extra)
{
	json_t *answer = json_object();
	json_t *status = NULL;
	json_t *result = NULL;
	struct keeper_result r;
	uint64_t version;
	rc ok;

	if (extra != NULL)
		(void)json_object_set_new(answer, "receipt", extra);
	if (reply->type == KEEPER_R_STATUS) {
		ok = take_status(c, request, reply, &status, &version);
	} else {
		ok = keeper_get_result(buf_view(&reply->body), &r);
		if (rc_is_ok(ok))
			ok = result_json(c, &r, &result);
		if (rc_is_ok(ok))
			ok = status_fetch(c, request, &status, &version);
		if (result != NULL)
			(void)json_object_set_new(answer, "result", result);
		if (rc_is_ok(ok))
			remember_signed(c, request);
	}
	if (!rc_is_ok(ok)) {
		json_decref(answer);
		json_decref(status);
		return ok;
	}
	(void)json_object_set_new(answer, "status", status);
	return call_json(c, 200, answer);
}
