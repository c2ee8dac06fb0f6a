#include "prog/server/claims.h"

#include "lib/proto/claims.h"

/* The fuzz target of the bodies calls handlers without a connection. */
static const char *header(const struct call_ctx *c)
{
	return c->exchange == NULL ? NULL : http_header(c->exchange, CLAIMS_HEADER);
}

rc claims_check(struct call_ctx *c)
{
	const char *text = header(c);
	struct claims claims;
	struct fault f = {0};

	if (text == NULL || rc_is_ok(claims_parse(view_str(text), &claims, &f)))
		return OK;
	return call_refuse(c, REASON_CALL_FORM, "%s", f.text);
}

struct view claims_said(const struct call_ctx *c)
{
	const char *text = header(c);

	return view_str(text == NULL ? "" : text);
}

static rc take(void *ctx, struct view text)
{
	json_t **ret = ctx;
	struct claims c;
	json_t *o;

	if (!rc_is_ok(claims_parse(text, &c, NULL)))
		return OK;
	o = json_pack("{s:s,s:I,s:I}", "host", c.host.s, "uid", (json_int_t)c.uid, "pid",
		      (json_int_t)c.pid);
	/* A path that is no UTF-8 cannot be shown in JSON. */
	(void)json_object_set_new(o, "user", json_string(c.user));
	(void)json_object_set_new(o, "program", json_string(c.program));
	if (c.has_sha256) {
		char hex[DIGEST_HEX];

		digest_hex(&c.sha256, hex);
		(void)json_object_set_new(o, "sha256", json_string(hex));
	}
	*ret = o;
	return OK;
}

json_t *claims_of(struct call_ctx *c, const struct digest *request)
{
	struct store *s = c->server->store;
	json_t *found = NULL;

	rc_ignore(s->api->claims_get(s, request, take, &found, NULL), "none then");
	return found == NULL ? json_null() : found;
}
