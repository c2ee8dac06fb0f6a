#include "prog/server/issued.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/crypt/pkey.h"
#include "lib/tlog/items.h"
#include "prog/server/log_bundle.h"
#include "prog/server/pipeline.h"
#include "prog/server/routes.h"

#define MARK_ISSUED "issued" /* the signatures of so many entries are in the index */
#define HELD_AT_ONCE 64u

const json_t *issued_key(const json_t *keys, const struct digest *fingerprint)
{
	char hex[DIGEST_HEX];
	const json_t *key;
	size_t i;

	digest_hex(fingerprint, hex);
	json_array_foreach(keys, i, key)
	{
		const char *text = json_string_value(json_object_get(key, "fingerprint"));

		if (text != NULL && strcmp(text, hex) == 0)
			return key;
	}
	return NULL;
}

static rc alg_of(struct call_ctx *c, const json_t *keys, const struct digest *fingerprint,
		 enum key_alg *ret)
{
	const json_t *key = issued_key(keys, fingerprint);
	const char *text = json_string_value(json_object_get(key, "algorithm"));

	if (text == NULL || !rc_is_ok(key_alg_parse(view_str(text), ret)))
		return call_refuse(
			c, REASON_KEEPER_INTERNAL,
			"the log has a signature by a key that the keeper does not know");
	return OK;
}

/* ---- One issue entry ------------------------------------------------------------------------*/

/* The signatures of the reply, each of request.count. */
static rc read_signatures(struct call_ctx *c, const struct keeper_result *r,
			  const struct request *request, struct view *ret)
{
	struct view rest = r->signatures;

	for (size_t i = 0; i < request->count; i++)
		if (r->count != request->count || !rc_is_ok(keeper_result_next(&rest, &ret[i])))
			return call_refuse(c, REASON_KEEPER_INTERNAL,
					   "the keeper's result cannot be read");
	return OK;
}

/* The log's word is the root; what the keeper gives out must lead to it. */
static rc check_root(struct call_ctx *c, const struct request *request,
		     const struct view *signatures, const struct leaf *leaf)
{
	AUTO(tree_mem) struct tree_mem tree = {0};
	struct digest root;

	TRY(items_signature_tree(request, signatures, &tree));
	root = tree_mem_root(&tree);
	if (!digest_is_equal(&root, &leaf->signatures))
		return call_refuse(c, REASON_KEEPER_INTERNAL,
				   "the keeper's result is not what the log has recorded");
	return OK;
}

static rc put_all(struct call_ctx *c, const struct leaf *leaf, uint64_t at, enum key_alg alg,
		  const struct view *signatures)
{
	const struct store_api *api = c->server->store->api;
	rc r = OK;
	rc end;

	TRY(api->batch_begin(c->server->store, NULL));
	for (uint32_t i = 0; rc_is_ok(r) && i < leaf->count; i++) {
		struct store_issued row = {
			.key = leaf->key, .request = leaf->request, .leaf = at, .item = i};

		r = pkey_signature_id(alg, signatures[i], &row.signature, NULL);
		if (rc_is_ok(r))
			r = api->issued_put(c->server->store, &row, NULL);
	}
	end = api->batch_end(c->server->store, NULL);
	return rc_is_ok(r) ? end : r;
}

static rc take_result(struct call_ctx *c, const struct keeper_reply *reply, const struct leaf *leaf,
		      uint64_t at, const json_t *keys)
{
	AUTO(stage1) struct stage1_request stored = {0};
	struct keeper_result result;
	struct view *signatures;
	enum key_alg alg;
	rc r;

	if (!rc_is_ok(keeper_get_result(buf_view(&reply->body), &result)))
		return call_refuse(c, REASON_KEEPER_INTERNAL, "the keeper's result cannot be read");
	TRY(alg_of(c, keys, &leaf->key, &alg));
	TRY(request_known(c, &leaf->request));
	TRY(request_stored(c, &leaf->request, &stored));
	if (stored.request.count != leaf->count)
		return call_refuse(c, REASON_KEEPER_INTERNAL,
				   "an entry of the log counts %llu "
				   "files, its request has %zu",
				   (unsigned long long)leaf->count, stored.request.count);
	signatures = calloc(stored.request.count, sizeof(*signatures));
	if (signatures == NULL)
		return RC(RC_NOMEM);
	r = read_signatures(c, &result, &stored.request, signatures);
	if (rc_is_ok(r))
		r = check_root(c, &stored.request, signatures, leaf);
	if (rc_is_ok(r))
		r = put_all(c, leaf, at, alg, signatures);
	free(signatures);
	return r;
}

/* *ret_held: the keeper holds the signatures back still. */
static rc add_entry(struct call_ctx *c, const struct leaf *leaf, uint64_t at, const json_t *keys,
		    bool *ret_held)
{
	const struct keeper_commit m = {.request = leaf->request, .use = (uint32_t)leaf->use};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);

	buf_init(&frame, 128);
	keeper_put_commit(&frame, id, KEEPER_RESULT, &m);
	TRY(call_keeper(c, id, &frame, KEEPER_R_RESULT, KEEPER_R_STATUS, &reply));
	*ret_held = reply.type == KEEPER_R_STATUS;
	return *ret_held ? OK : take_result(c, &reply, leaf, at, keys);
}

/* ---- Those that were held back --------------------------------------------------------------*/

struct held {
	struct store_held rows[HELD_AT_ONCE];
	size_t count;
};

static rc take_held(void *ctx, const struct store_held *row)
{
	struct held *h = ctx;

	h->rows[h->count++] = *row;
	return OK;
}

static rc try_held(struct call_ctx *c, const struct held *h, struct log_bundle *b, uint64_t size,
		   const json_t *keys)
{
	const struct store_api *api = c->server->store->api;
	struct fault f = {0};

	for (size_t i = 0; i < h->count; i++) {
		uint64_t at = h->rows[i].leaf;
		bool held = false;
		struct leaf leaf;

		if (!rc_is_ok(log_bundle_read(c->server, b, at / TILE_WIDTH, size, &f)))
			return call_refuse(c, REASON_KEEPER_UNAVAILABLE, "the log: %s", f.text);
		if (log_bundle_leaf(b, at, LEAF_ISSUE, &leaf))
			TRY(add_entry(c, &leaf, at, keys, &held));
		if (!held)
			TRY(api->held_drop(c->server->store, at, NULL));
	}
	return OK;
}

static rc follow_held(struct call_ctx *c, struct log_bundle *b, uint64_t size, const json_t *keys)
{
	const struct store_api *api = c->server->store->api;
	uint64_t after = 0;
	struct held h;

	do {
		h.count = 0;
		TRY(api->held_list(c->server->store, after, HELD_AT_ONCE, take_held, &h, NULL));
		TRY(try_held(c, &h, b, size, keys));
		if (h.count > 0)
			after = h.rows[h.count - 1].leaf;
	} while (h.count == HELD_AT_ONCE);
	return OK;
}

/* ---- The log --------------------------------------------------------------------------------*/

/* The issue entries of one bundle, from next on. */
static rc follow_bundle(struct call_ctx *c, struct log_bundle *b, uint64_t *next, uint64_t size,
			const json_t *keys, unsigned *count)
{
	const struct store_api *api = c->server->store->api;
	uint64_t end = (*next / TILE_WIDTH + 1) * TILE_WIDTH;
	struct fault f = {0};
	struct leaf leaf;

	if (!rc_is_ok(log_bundle_read(c->server, b, *next / TILE_WIDTH, size, &f)))
		return call_refuse(c, REASON_KEEPER_UNAVAILABLE, "the log: %s", f.text);
	for (; *next < end && *next < size; (*next)++) {
		bool held = false;

		if (!log_bundle_leaf(b, *next, LEAF_ISSUE, &leaf))
			continue;
		TRY(add_entry(c, &leaf, *next, keys, &held));
		if (held)
			TRY(api->held_put(c->server->store,
					  &(struct store_held){.leaf = *next,
							       .request = leaf.request,
							       .use = (uint32_t)leaf.use},
					  NULL));
		(*count)++;
	}
	return api->mark_set(c->server->store, MARK_ISSUED, *next, NULL);
}

rc issued_follow(struct call_ctx *c, const json_t *keys, uint64_t *ret_size)
{
	const struct store_api *api = c->server->store->api;
	AUTO(log_bundle) struct log_bundle b = {.width = 0};
	struct keeper_hello hello;
	uint64_t next = 0;
	unsigned count = 0;

	TRY(call_hello(c, &hello));
	rc_ignore(api->mark_get(c->server->store, MARK_ISSUED, &next, NULL), "from the first then");
	/* A log that is shorter than it was is another one: from its beginning. */
	if (next > hello.log_size)
		next = 0;
	TRY(follow_held(c, &b, hello.log_size, keys));
	while (next < hello.log_size) {
		if (count > ISSUED_STEP_MAX)
			return call_refuse(c, REASON_CALL_LIMIT,
					   "the index of signatures is at %llu of %llu entries: "
					   "call again",
					   (unsigned long long)next,
					   (unsigned long long)hello.log_size);
		TRY(follow_bundle(c, &b, &next, hello.log_size, keys, &count));
	}
	*ret_size = hello.log_size;
	return OK;
}
