/* hosts - enrolment and renewal passed on to the keeper, and what it knows of hosts. */
#include <string.h>

#include "lib/model/enrolment.h"
#include "prog/server/client_hosts.h"
#include "prog/server/routes.h"

/* The last name that there can be: NAME_MAX_LEN times z. */
#define LAST_NAME "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
_Static_assert(sizeof(LAST_NAME) == NAME_MAX_LEN + 1, "as long as a name");

/* Members of the body that have come as bytes. */
struct parts {
	struct buf statement;
	struct buf host_sig;
	struct buf token_sig;
	struct buf attestation;
};

static void parts_release(struct parts *p)
{
	buf_release(&p->statement);
	buf_release(&p->host_sig);
	buf_release(&p->token_sig);
	buf_release(&p->attestation);
}
AUTO_DEFINE(parts, struct parts, parts_release)

static rc read_parts(struct call_ctx *c, enum keeper_type type, struct parts *p)
{
	AUTO(json) json_t *body = NULL;

	buf_init(&p->statement, ENROLMENT_BYTES_MAX);
	buf_init(&p->host_sig, KEEPER_SIG_MAX);
	buf_init(&p->token_sig, KEEPER_SIG_MAX);
	buf_init(&p->attestation, KEEPER_ATTESTATION_MAX);
	TRY(call_body(c, &body));
	TRY(call_bytes(c, body, "statement", &p->statement));
	TRY(call_bytes(c, body, "signature", &p->host_sig));
	if (type == KEEPER_RENEW)
		return OK;
	TRY(call_bytes(c, body, "token_signature", &p->token_sig));
	if (json_object_get(body, "attestation") != NULL)
		TRY(call_bytes(c, body, "attestation", &p->attestation));
	return OK;
}

static rc pass_on(struct call_ctx *c, enum keeper_type type)
{
	AUTO(parts) struct parts p = {0};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	struct keeper_enrol m;
	uint64_t id = keeper_client_id(c->server->keeper);
	json_t *answer = NULL;
	rc r;

	TRY(call_open_rate(c));
	TRY(read_parts(c, type, &p));
	m = (struct keeper_enrol){.statement = buf_view(&p.statement),
				  .host_sig = buf_view(&p.host_sig),
				  .token_sig = buf_view(&p.token_sig),
				  .attestation = buf_view(&p.attestation)};
	buf_init(&frame, KEEPER_FRAME_MAX);
	keeper_put_enrol(&frame, id, type, &m);
	r = call_keeper(c, id, &frame, KEEPER_R_JSON, KEEPER_R_JSON, &reply);
	client_hosts_stale(c->server); /* a refusal may have locked the host */
	TRY(r);
	TRY(call_parse(c, buf_view(&reply.body), &answer));
	return call_json(c, 200, answer);
}

/* {"host","key":HEX,"ek":base64,"certificate":base64?,"ak":base64} */
static rc read_challenge(struct call_ctx *c, const json_t *body, struct parts *p,
			 struct keeper_challenge *ret)
{
	const char *host = json_string_value(json_object_get(body, "host"));
	const char *key = json_string_value(json_object_get(body, "key"));

	buf_init(&p->statement, 2 + TPM_PUBLIC_MAX);
	buf_init(&p->host_sig, EK_CERTIFICATE_MAX);
	buf_init(&p->token_sig, 2 + TPM_PUBLIC_MAX);
	if (host == NULL || strlen(host) > NAME_MAX_LEN || key == NULL ||
	    !rc_is_ok(digest_parse(view_str(key), &ret->key)))
		return call_refuse(c, REASON_CALL_FORM, "host or key is missing");
	TRY(call_bytes(c, body, "ek", &p->statement));
	if (json_object_get(body, "certificate") != NULL)
		TRY(call_bytes(c, body, "certificate", &p->host_sig));
	TRY(call_bytes(c, body, "ak", &p->token_sig));
	ret->host = view_str(host);
	ret->ek = buf_view(&p->statement);
	ret->certificate = buf_view(&p->host_sig);
	ret->ak = buf_view(&p->token_sig);
	return OK;
}

rc post_host_challenge(struct call_ctx *c)
{
	AUTO(parts) struct parts p = {0};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	AUTO(json) json_t *body = NULL;
	uint64_t id = keeper_client_id(c->server->keeper);
	struct keeper_challenge m = {0};
	json_t *answer = NULL;

	TRY(call_open_rate(c));
	TRY(call_body(c, &body));
	TRY(read_challenge(c, body, &p, &m));
	buf_init(&frame, KEEPER_FRAME_MAX);
	keeper_put_challenge(&frame, id, &m);
	TRY(call_keeper(c, id, &frame, KEEPER_R_JSON, KEEPER_R_JSON, &reply));
	TRY(call_parse(c, buf_view(&reply.body), &answer));
	return call_json(c, 200, answer);
}

rc post_host_enrol(struct call_ctx *c)
{
	return pass_on(c, KEEPER_ENROL);
}

rc post_host_renew(struct call_ctx *c)
{
	return pass_on(c, KEEPER_RENEW);
}

rc hosts_ask(struct call_ctx *c, struct view name, struct view after, json_t **ret)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	const struct view strings[] = {name, after};
	uint64_t id = keeper_client_id(c->server->keeper);

	buf_init(&frame, 1024);
	if (name.len > NAME_MAX_LEN || after.len > NAME_MAX_LEN)
		return call_refuse(c, REASON_CALL_FORM, "this is not a host's name");
	keeper_put_strings(&frame, id, KEEPER_HOSTS, strings, 2);
	TRY(call_keeper(c, id, &frame, KEEPER_R_JSON, KEEPER_R_JSON, &reply));
	return call_parse(c, buf_view(&reply.body), ret);
}

rc get_hosts(struct call_ctx *c)
{
	struct view after = http_target_param(&c->target, "after");
	struct name name;
	json_t *answer = NULL;

	if (after.ptr == NULL)
		after = view_of("", 0);
	if (after.len > 0 && !rc_is_ok(name_parse(after, &name)))
		return call_refuse(c, REASON_CALL_FORM, "after is a host's name");
	TRY(hosts_ask(c, view_of("", 0), after, &answer));
	return call_json(c, 200, answer);
}

rc get_host(struct call_ctx *c)
{
	AUTO(json) json_t *answer = NULL;
	json_t *host;

	TRY(hosts_ask(c, c->target.segments[2], view_of("", 0), &answer));
	host = json_array_get(json_object_get(answer, "hosts"), 0);
	if (host == NULL)
		return call_refuse(c, REASON_WHO_HOST, "there is no such host");
	return call_json(c, 200, json_incref(host));
}

rc get_host_ca(struct call_ctx *c)
{
	AUTO(json) json_t *answer = NULL;
	const char *pem;

	/* After the last name there can be: the authority alone. */
	TRY(hosts_ask(c, view_of("", 0), view_str(LAST_NAME), &answer));
	pem = json_string_value(json_object_get(answer, "ca"));
	if (pem == NULL)
		return call_refuse(c, REASON_CALL_NOTFOUND,
				   "the keeper has invited no host yet, so it has no authority");
	buf_put_str(&c->out, pem);
	c->status = 200;
	c->content_type = "application/x-pem-file";
	return buf_done(&c->out);
}
