/* changes - policy, roster and key changes that gather signatures until the keeper accepts them. */
#include <stdlib.h>
#include <string.h>

#include "lib/model/change.h"
#include "prog/server/auth.h"
#include "prog/server/routes.h"

static rc kind_parse(const char *name, enum statement_kind *ret)
{
	static const enum statement_kind kinds[] = {STATEMENT_POLICY, STATEMENT_ROSTER,
						    STATEMENT_KEYADMIN};

	for (size_t i = 0; name != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(statement_info(kinds[i])->name, name) == 0) {
			*ret = kinds[i];
			return OK;
		}
	}
	return RC(RC_UNKNOWN);
}

/* Signatures of a change, gathered for one message to the keeper. */
struct gathered {
	struct keeper_change message;
	struct buf bytes;
	size_t start[CHANGE_SIGNATURES_MAX + 1];
};

static rc gather(void *ctx, struct view sig)
{
	struct gathered *g = ctx;

	if (g->message.sig_count == CHANGE_SIGNATURES_MAX)
		return RC(RC_LIMIT);
	buf_put_view(&g->bytes, sig);
	g->start[++g->message.sig_count] = g->bytes.len;
	return buf_done(&g->bytes);
}

/* Shows the keeper the statement with all signatures there are; *ret is its answer. */
static rc try_change(struct call_ctx *c, enum statement_kind kind, const struct digest *id,
		     struct view statement, json_t **ret)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	struct gathered g = {.message = {.kind = kind, .statement = statement}};
	uint64_t correlation = keeper_client_id(c->server->keeper);
	rc r;

	buf_init(&g.bytes, CHANGE_SIGNATURES_MAX * KEEPER_SIG_MAX);
	buf_init(&frame, KEEPER_FRAME_MAX);
	r = c->server->store->api->change_sigs(c->server->store, id, gather, &g, NULL);
	for (size_t i = 0; i < g.message.sig_count; i++)
		g.message.sigs[i] = view_of(g.bytes.ptr + g.start[i], g.start[i + 1] - g.start[i]);
	if (rc_is_ok(r))
		keeper_put_change(&frame, correlation, &g.message);
	buf_release(&g.bytes);
	TRY(r);
	TRY(call_keeper(c, correlation, &frame, KEEPER_R_CHANGE, KEEPER_R_CHANGE, &reply));
	return call_parse(c, buf_view(&reply.body), ret);
}

/* Keeps the change and this caller's signatures. */
static rc keep(struct call_ctx *c, const struct store_change *row, const json_t *list)
{
	const struct store *s = c->server->store;
	const json_t *value;
	struct fault f = {0};
	size_t i;
	rc r = s->api->change_put(c->server->store, row, &f);

	if (!rc_is_ok(r) && r.code != RC_EXISTS)
		return call_refuse(c, REASON_CALL_LIMIT, "the store: %s", f.text);
	json_array_foreach(list, i, value)
	{
		AUTO(buf) struct buf sig = {0};
		AUTO(json) json_t *one = json_pack("{s:O}", "signature", value);

		buf_init(&sig, KEEPER_SIG_MAX);
		TRY(call_bytes(c, one, "signature", &sig));
		TRY(s->api->change_sign(c->server->store, &row->id, buf_view(&sig), NULL));
	}
	return OK;
}

rc post_change(struct call_ctx *c)
{
	AUTO(json) json_t *body = NULL;
	AUTO(json) json_t *answer = NULL;
	AUTO(buf) struct buf statement = {0};
	enum statement_kind kind = STATEMENT_POLICY;
	struct store_change row = {.state = "pending", .proposer = c->person};
	const json_t *sigs;
	char *word;

	buf_init(&statement, DOCUMENT_BYTES_MAX);
	TRY(call_body(c, &body));
	if (!rc_is_ok(kind_parse(json_string_value(json_object_get(body, "kind")), &kind)))
		return call_refuse(c, REASON_CALL_FORM, "kind must be policy, roster or keyadmin");
	TRY(call_bytes(c, body, "statement", &statement));
	sigs = json_object_get(body, "signatures");
	if (!json_is_array(sigs) || json_array_size(sigs) == 0 ||
	    json_array_size(sigs) > CHANGE_SIGNATURES_MAX)
		return call_refuse(c, REASON_CALL_FORM, "signatures must be a list of 1 to %u",
				   CHANGE_SIGNATURES_MAX);
	row.id = digest_of(buf_view(&statement));
	row.created = row.expires = clock_now(&clock_system);
	row.statement = buf_view(&statement);
	(void)snprintf(row.kind, sizeof(row.kind), "%s", statement_info(kind)->name);
	TRY(keep(c, &row, sigs));
	TRY(try_change(c, kind, &row.id, row.statement, &answer));
	word = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS);
	if (word != NULL)
		rc_ignore(c->server->store->api->change_state(
				  c->server->store, &row.id,
				  json_string_value(json_object_get(answer, "state")) == NULL
					  ? "pending"
					  : json_string_value(json_object_get(answer, "state")),
				  view_str(word), NULL),
			  "the list shows an older word then");
	free(word);
	roster_stale(c->server);
	return call_json(c, 200, json_incref(answer));
}

static json_t *row_json(const struct store_change *row, bool whole)
{
	char id[DIGEST_HEX];
	json_t *o = row->answer.len == 0
			    ? NULL
			    : json_loadb((const char *)row->answer.ptr, row->answer.len, 0, NULL);

	if (!json_is_object(o)) {
		json_decref(o);
		o = json_object();
	}
	digest_hex(&row->id, id);
	(void)json_object_set_new(o, "id", json_string(id));
	(void)json_object_set_new(o, "kind", json_string(row->kind));
	(void)json_object_set_new(o, "state", json_string(row->state));
	(void)json_object_set_new(o, "proposer", json_string(row->proposer.s));
	if (whole)
		(void)json_object_set_new(o, "statement", json_base64(row->statement));
	return o;
}

static rc add_row(void *ctx, const struct store_change *row)
{
	return json_array_append_new(ctx, row_json(row, false)) == 0 ? OK : RC(RC_NOMEM);
}

rc get_changes(struct call_ctx *c)
{
	json_t *list = json_array();
	rc r = c->server->store->api->change_list(c->server->store, "pending", add_row, list, NULL);

	if (!rc_is_ok(r)) {
		json_decref(list);
		return r;
	}
	return call_json(c, 200, json_pack("{s:o}", "changes", list));
}

struct find {
	struct view prefix;
	json_t *found;
	size_t hits;
};

static rc find_row(void *ctx, const struct store_change *row)
{
	struct find *find = ctx;
	char id[DIGEST_HEX];

	digest_hex(&row->id, id);
	if (memcmp(id, find->prefix.ptr, find->prefix.len) != 0)
		return OK;
	find->hits++;
	if (find->found == NULL)
		find->found = row_json(row, true);
	return OK;
}

rc get_change(struct call_ctx *c)
{
	struct find find = {.prefix = c->target.segments[2]};

	if (find.prefix.len < 8 || find.prefix.len > 64)
		return call_refuse(c, REASON_CALL_NOTFOUND,
				   "a change is named by 8 to 64 hex digits");
	TRY(c->server->store->api->change_list(c->server->store, NULL, find_row, &find, NULL));
	if (find.hits != 1) {
		json_decref(find.found);
		return call_refuse(c, REASON_CALL_NOTFOUND, "%zu changes have this id", find.hits);
	}
	return call_json(c, 200, find.found);
}
