/* access - who may ask for which key for a while: the keeper's list, and what waits for signatures.
 */
#include <string.h>

#include "lib/model/access.h"
#include "prog/server/routes.h"

#define FROM_MAX 0xffffffffffffull /* an entry of the log */

static rc ask(struct call_ctx *c, const struct keeper_grants *m, json_t **ret)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);

	buf_init(&frame, 1024);
	keeper_put_grants(&frame, id, m);
	TRY(call_keeper(c, id, &frame, KEEPER_R_JSON, KEEPER_R_JSON, &reply));
	return call_parse(c, buf_view(&reply.body), ret);
}

/* A grant that somebody has asked for and that lacks signatures. */
static rc add_pending(void *ctx, const struct store_change *row)
{
	json_t *answer;
	json_t *one;
	char id[DIGEST_HEX];

	if (strcmp(row->kind, statement_info(STATEMENT_ACCESS)->name) != 0 ||
	    row->expires < clock_now(&clock_system))
		return OK;
	digest_hex(&row->id, id);
	one = json_pack("{s:s,s:s,s:o}", "grant", id, "state", "pending", "statement",
			json_base64(row->statement));
	answer = row->answer.len == 0
			 ? NULL
			 : json_loadb((const char *)row->answer.ptr, row->answer.len, 0, NULL);
	if (json_object_get(answer, "missing") != NULL)
		(void)json_object_set(one, "missing", json_object_get(answer, "missing"));
	json_decref(answer);
	return json_array_append_new(ctx, one) == 0 ? OK : RC(RC_NOMEM);
}

static bool read_name(struct view v, struct view *ret)
{
	struct name n;

	*ret = v.ptr == NULL ? view_of("", 0) : v;
	return ret->len == 0 || rc_is_ok(name_parse(*ret, &n));
}

rc get_access(struct call_ctx *c)
{
	struct store *s = c->server->store;
	json_t *answer = NULL;
	struct keeper_grants m = {0};
	json_t *pending;
	rc r;

	if (!read_name(http_target_param(&c->target, "key"), &m.key) ||
	    !read_name(http_target_param(&c->target, "person"), &m.person))
		return call_refuse(c, REASON_CALL_FORM, "key and person are names");
	TRY(call_number(c, "from", FROM_MAX, 0, &m.from));
	TRY(ask(c, &m, &answer));
	pending = json_array();
	r = m.from > 0 ? OK : s->api->change_list(s, "pending", add_pending, pending, NULL);
	if (!rc_is_ok(r)) {
		json_decref(pending);
		json_decref(answer);
		return r;
	}
	(void)json_object_set_new(answer, "pending", pending);
	return call_json(c, 200, answer);
}
