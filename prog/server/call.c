/* call - what handlers use: answers, refusals, parts of the request, the keeper. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/secret.h"
#include "lib/base/num.h"
#include "lib/codec/base64.h"
#include "prog/server/server.h"

#define ANSWER_MAX ((size_t)64 << 20)

/* HTTP status of a reason, by the part of its id before the dot; single reasons first. */
static const struct {
	const char *prefix;
	unsigned status;
} statuses[] = {
	{"call.not-found", 404}, {"call.method", 405},	 {"call.limit", 429}, {"call.form", 400},
	{"call.quota", 507},	 {"call.", 401},	 {"form.limit", 413}, {"form.", 422},
	{"artifact.", 422},	 {"state.unknown", 404}, {"state.", 409},     {"keeper.", 503},
	{"key.token", 503},	 {"key.unknown", 404},	 {"", 403},
};

static unsigned status_of(enum reason r)
{
	const char *id = reason_id(r);

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strncmp(id, statuses[i].prefix, strlen(statuses[i].prefix)) == 0)
			return statuses[i].status;
	return 403;
}

rc call_refuse(struct call_ctx *c, enum reason reason, const char *fmt, ...)
{
	char text[REASON_TEXT];
	json_t *error;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (text[0] == '\0')
		(void)snprintf(text, sizeof(text), "%s", reason_what(reason));
	error = json_pack("{s:{s:s,s:s,s:s}}", "error", "code", reason_id(reason), "text", text,
			  "remedy", reason_remedy(reason));
	buf_clear(&c->out);
	rc_ignore(call_json(c, status_of(reason), error), "an empty answer then");
	return RC(RC_DENIED);
}

rc call_json(struct call_ctx *c, unsigned status, json_t *value)
{
	size_t n = value == NULL ? 0 : json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_SORT_KEYS);
	uint8_t *p = n == 0 ? NULL : buf_space(&c->out, n);

	if (p != NULL)
		(void)json_dumpb(value, (char *)p, n, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(value);
	c->status = p == NULL ? 500 : status;
	c->content_type = "application/json";
	return p == NULL ? RC(RC_NOMEM) : OK;
}

rc call_parse(struct call_ctx *c, struct view bytes, json_t **ret)
{
	*ret = json_loadb((const char *)bytes.ptr, bytes.len, JSON_REJECT_DUPLICATES, NULL);
	if (*ret == NULL)
		return call_refuse(c, REASON_KEEPER_INTERNAL, "the keeper's answer is not JSON");
	return OK;
}

rc call_body(struct call_ctx *c, json_t **ret)
{
	json_error_t e;
	json_t *value =
		json_loadb((const char *)c->body.ptr, c->body.len, JSON_REJECT_DUPLICATES, &e);

	if (!json_is_object(value)) {
		json_decref(value);
		return call_refuse(c, REASON_CALL_FORM, "the body is not a JSON object: %s",
				   value == NULL ? e.text : "another type");
	}
	*ret = value;
	return OK;
}

rc call_bytes(struct call_ctx *c, const json_t *body, const char *name, struct buf *out)
{
	const char *text = json_string_value(json_object_get(body, name));

	if (text == NULL || !rc_is_ok(base64_parse(BASE64_STD, view_str(text), out, NULL)))
		return call_refuse(c, REASON_CALL_FORM, "\"%s\" is missing, too long or not base64",
				   name);
	return OK;
}

rc call_secret(struct call_ctx *c, const json_t *body, const char *name, struct buf *out)
{
	const json_t *value = json_object_get(body, name);
	rc r = call_bytes(c, body, name, out);

	if (json_is_string(value))
		secret_wipe((char *)json_string_value(value), json_string_length(value));
	return r;
}

char *json_text(const json_t *value)
{
	return json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
}

json_t *json_base64(struct view bytes)
{
	AUTO(buf) struct buf text = {0};

	buf_init(&text, base64_size(BASE64_STD, bytes.len) + 1);
	base64_put(BASE64_STD, bytes, &text);
	return json_stringn(text.len == 0 ? "" : (const char *)text.ptr, text.len);
}

rc call_digest(struct call_ctx *c, size_t segment, struct digest *ret)
{
	if (segment >= c->target.segment_count ||
	    !rc_is_ok(digest_parse(c->target.segments[segment], ret)))
		return call_refuse(c, REASON_CALL_NOTFOUND, "an id is 64 lower-case hex digits");
	return OK;
}

rc call_number(struct call_ctx *c, const char *name, uint64_t max, uint64_t fallback, uint64_t *ret)
{
	struct view v = http_target_param(&c->target, name);

	*ret = fallback;
	if (v.ptr != NULL && !rc_is_ok(num_parse_u64((const char *)v.ptr, v.len, max, ret)))
		return call_refuse(c, REASON_CALL_FORM, "%s must be a number up to %llu", name,
				   (unsigned long long)max);
	return OK;
}

rc call_open_rate(struct call_ctx *c)
{
	if (call_rate_take(c))
		return OK;
	return call_refuse(c, REASON_CALL_LIMIT,
			   "more than %u enrolments, renewals and recoveries from one address",
			   OPEN_RATE_BURST);
}

rc call_keeper_away(struct call_ctx *c)
{
	return call_refuse(c, REASON_KEEPER_UNAVAILABLE, "the keeper does not answer");
}

rc call_keeper(struct call_ctx *c, uint64_t id, const struct buf *frame, enum keeper_type want,
	       enum keeper_type want2, struct keeper_reply *ret)
{
	*ret = (struct keeper_reply){0};
	if (c->in_reader)
		return RC(RC_STATE); /* it would wait for itself */
	if (!rc_is_ok(keeper_client_call(c->server->keeper, id, frame, ret)))
		return call_keeper_away(c);
	return call_keeper_reply(c, ret, want, want2);
}

rc call_keeper_reply(struct call_ctx *c, const struct keeper_reply *reply, enum keeper_type want,
		     enum keeper_type want2)
{
	struct keeper_error error;

	if (reply->type == want || reply->type == want2)
		return OK;
	if (reply->type == KEEPER_R_ERROR &&
	    rc_is_ok(keeper_get_error(buf_view(&reply->body), &error)))
		return call_refuse(c, error.reason, "%s", error.text);
	return call_refuse(c, REASON_KEEPER_INTERNAL, "the keeper answered something unexpected");
}

bool call_rate_take(struct call_ctx *c)
{
	uint8_t address[16];
	size_t len = http_address(c->exchange, address);
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return open_rate_take(&c->server->open_rate, view_of(address, len),
			      (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

void call_rate_give(struct call_ctx *c)
{
	uint8_t address[16];
	size_t len = http_address(c->exchange, address);

	open_rate_give(&c->server->open_rate, view_of(address, len));
}
