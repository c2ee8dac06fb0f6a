/* keys - what the keeper holds, as it tells it. */
#include <string.h>

#include "lib/codec/pem.h"
#include "prog/server/routes.h"

rc keys_json(struct call_ctx *c, struct view name, json_t **ret)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);

	buf_init(&frame, 256);
	keeper_put_strings(&frame, id, KEEPER_KEYS, &name, 1);
	TRY(call_keeper(c, id, &frame, KEEPER_R_JSON, KEEPER_R_JSON, &reply));
	return call_parse(c, buf_view(&reply.body), ret);
}

rc get_keys(struct call_ctx *c)
{
	json_t *list = NULL;

	TRY(keys_json(c, view_of("", 0), &list));
	return call_json(c, 200, json_pack("{s:o}", "keys", list));
}

/* The key's name in the path. */
static rc key_name(struct call_ctx *c, struct name *ret)
{
	if (!rc_is_ok(name_parse(c->target.segments[2], ret)))
		return call_refuse(c, REASON_KEY_UNKNOWN, "this is not a key's name");
	return OK;
}

rc get_key(struct call_ctx *c)
{
	json_t *list = NULL;
	json_t *key;
	struct name name;

	TRY(key_name(c, &name));
	TRY(keys_json(c, name_view(&name), &list));
	key = json_incref(json_is_array(list) ? json_array_get(list, 0) : list);
	json_decref(list);
	if (key == NULL)
		return call_refuse(c, REASON_KEY_UNKNOWN, "there is no key %s", name.s);
	return call_json(c, 200, key);
}

static rc answer_pem(struct call_ctx *c, struct view der, const char *label)
{
	const struct pem_kind kind = {.label = label, .columns = PEM_COLUMNS};

	pem_put(&kind, der, &c->out);
	c->status = 200;
	c->content_type = "application/x-pem-file";
	return buf_done(&c->out);
}

rc get_key_csr(struct call_ctx *c)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	struct name name;
	struct view strings[2];

	TRY(key_name(c, &name));
	strings[0] = name_view(&name);
	strings[1] = http_target_param(&c->target, "subject");
	if (strings[1].ptr == NULL)
		return call_refuse(c, REASON_CALL_FORM, "subject is missing");
	buf_init(&frame, 4096);
	keeper_put_strings(&frame, id, KEEPER_CSR, strings, 2);
	TRY(call_keeper(c, id, &frame, KEEPER_R_BYTES, KEEPER_R_BYTES, &reply));
	return answer_pem(c, buf_view(&reply.body), "CERTIFICATE REQUEST");
}

rc keys_certificates(struct call_ctx *c, struct view name, struct keeper_reply *reply,
		     struct keeper_certs *ret)
{
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);

	buf_init(&frame, 256);
	keeper_put_strings(&frame, id, KEEPER_CERTS, &name, 1);
	TRY(call_keeper(c, id, &frame, KEEPER_R_CERTS, KEEPER_R_CERTS, reply));
	if (!rc_is_ok(keeper_get_certs(buf_view(&reply->body), ret)))
		return call_refuse(c, REASON_KEEPER_INTERNAL,
				   "the keeper's certificates cannot be read");
	return OK;
}

rc get_key_certificates(struct call_ctx *c)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	struct keeper_certs certs;
	struct name name;

	TRY(key_name(c, &name));
	TRY(keys_certificates(c, name_view(&name), &reply, &certs));
	for (size_t i = 0; i < certs.count; i++)
		TRY(answer_pem(c, certs.certs[i], "CERTIFICATE"));
	return OK;
}
