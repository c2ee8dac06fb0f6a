#include "lib/model/token.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec/hex.h"
#include "lib/model/field.h"

void token_audience(const char *origin, const struct digest *request, char out[TOKEN_AUDIENCE_MAX])
{
	char hex[2 * DIGEST_SIZE + 1];

	digest_hex(request, hex);
	(void)snprintf(out, TOKEN_AUDIENCE_MAX, "https://%s/request/sha256:%s", origin, hex);
}

void token_call_audience(const char *origin, char out[TOKEN_AUDIENCE_MAX])
{
	(void)snprintf(out, TOKEN_AUDIENCE_MAX, "https://%s/api", origin);
}

bool token_audience_is_bound(const char *origin, const char *audience)
{
	char own[TOKEN_AUDIENCE_MAX];
	int n = snprintf(own, sizeof(own), "https://%s/request/", origin);
	char calls[TOKEN_AUDIENCE_MAX];

	token_call_audience(origin, calls);
	return strcmp(audience, calls) == 0 || strncmp(audience, own, (size_t)n) == 0;
}

/* ---- Writing --------------------------------------------------------------------------------*/

rc token_record_encode(const struct token_record *t, struct buf *out, struct fault *f)
{
	char pair[NAME_MAX_LEN + ROSTER_TEXT_MAX + 2];
	size_t at = out->len;
	struct jcan_out w;
	rc r;

	jcan_out_init(&w, out);
	jcan_out_object(&w);
	if (t->actor[0] != '\0')
		field_out_string(&w, "actor", t->actor);
	if (t->audience[0] != '\0')
		field_out_string(&w, "audience", t->audience);
	field_out_time(&w, "expires", t->expires);
	field_out_string(&w, "issuer", t->issuer);
	field_out_digest(&w, "jwks", &t->jwks);
	jcan_out_key(&w, "match");
	jcan_out_array(&w);
	for (size_t i = 0; i < t->match_count; i++) {
		(void)snprintf(pair, sizeof(pair), "%s=%s", t->match[i].claim, t->match[i].value);
		jcan_out_string(&w, pair);
	}
	jcan_out_array_end(&w);
	field_out_digest(&w, "request", &t->request);
	field_out_string(&w, "service", t->service.s);
	field_out_digest(&w, "token", &t->token);
	jcan_out_object_end(&w);
	r = jcan_out_done(&w);
	if (rc_is_ok(r) && out->len - at > TOKEN_RECORD_MAX)
		r = RC(RC_LIMIT);
	return rc_is_ok(r) ? OK : fault_set(f, r.code, 0, "token record: %s", rc_name(r));
}

/* ---- Reading --------------------------------------------------------------------------------*/

static rc text_value(struct jcan *j, char *out, size_t cap)
{
	size_t at = j->at;
	size_t len;

	TRY(jcan_string(j, out, cap, &len));
	for (size_t i = 0; i < len; i++)
		if (out[i] < 0x20 || out[i] > 0x7e)
			return fault_set(j->fault, RC_SYNTAX, at, "not printable ASCII");
	return len > 0 ? OK : fault_set(j->fault, RC_SYNTAX, at, "empty text");
}

static rc text_field(struct jcan *j, const char *key, bool optional, char *out, size_t cap)
{
	bool found = true;

	if (optional)
		TRY(jcan_key_optional(j, key, &found));
	else
		TRY(jcan_key(j, key));
	return found ? text_value(j, out, cap) : OK;
}

static rc pair_read(struct jcan *j, struct token_record *t)
{
	struct claim_match *m = &t->match[t->match_count];
	char pair[NAME_MAX_LEN + ROSTER_TEXT_MAX + 2];
	size_t at = j->at;
	size_t name;

	if (t->match_count == ROSTER_CLAIMS_MAX)
		return fault_set(j->fault, RC_LIMIT, at, "more than %u claims", ROSTER_CLAIMS_MAX);
	TRY(text_value(j, pair, sizeof(pair)));
	name = strcspn(pair, "=");
	if (name == 0 || name >= sizeof(m->claim) || pair[name] != '=' || pair[name + 1] == '\0' ||
	    strlen(pair + name + 1) >= sizeof(m->value))
		return fault_set(j->fault, RC_SYNTAX, at, "a match has the form CLAIM=VALUE");
	memcpy(m->claim, pair, name);
	memcpy(m->value, pair + name + 1, strlen(pair + name + 1));
	if (t->match_count > 0 && strcmp(t->match[t->match_count - 1].claim, m->claim) >= 0)
		return fault_set(j->fault, RC_DUPLICATE, at, "claims are not in their order");
	t->match_count++;
	return OK;
}

static rc record_read(struct jcan *j, struct token_record *t)
{
	bool more;

	TRY(jcan_object(j));
	TRY(text_field(j, "actor", true, t->actor, sizeof(t->actor)));
	TRY(text_field(j, "audience", true, t->audience, sizeof(t->audience)));
	TRY(field_time(j, "expires", &t->expires));
	TRY(text_field(j, "issuer", false, t->issuer, sizeof(t->issuer)));
	TRY(field_digest(j, "jwks", &t->jwks));
	TRY(jcan_key(j, "match"));
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		TRY(pair_read(j, t));
	}
	TRY(field_digest(j, "request", &t->request));
	TRY(field_name(j, "service", &t->service));
	TRY(field_digest(j, "token", &t->token));
	TRY(jcan_object_end(j));
	return jcan_end(j);
}

rc token_record_parse(struct view bytes, struct token_record *ret, struct fault *f)
{
	struct jcan j;
	rc r;

	if (bytes.len > TOKEN_RECORD_MAX)
		return fault_set(f, RC_LIMIT, 0, "token record: %zu bytes, at most %u", bytes.len,
				 TOKEN_RECORD_MAX);
	*ret = (struct token_record){0};
	jcan_init(&j, bytes, f);
	r = record_read(&j, ret);
	return rc_is_ok(r) ? OK : fault_wrap(f, r, "token record");
}

/* ---- Judging --------------------------------------------------------------------------------*/

rc token_record_fits(const struct token_record *t, const struct principal *service, struct fault *f)
{
	const struct oidc *o = service->oidc;
	size_t at = 0;

	if (o == NULL || !name_is_equal(&t->service, &service->name))
		return fault_set(f, RC_MISMATCH, 0, "%s does not ask by tokens", service->name.s);
	if (strcmp(o->issuer, t->issuer) != 0)
		return fault_set(f, RC_MISMATCH, 0, "the token is of another issuer than %s",
				 o->issuer);
	if (o->bind_audience ? t->audience[0] != '\0' : strcmp(o->audience, t->audience) != 0)
		return fault_set(f, RC_MISMATCH, 0, "the token was for another audience");
	if (o->actor[0] != '\0' && t->actor[0] == '\0')
		return fault_set(f, RC_MISMATCH, 0, "the token's record names no %s", o->actor);
	for (size_t i = 0; i < o->match_count; i++) {
		const struct claim_match *m = &o->match[i];

		while (at < t->match_count && strcmp(t->match[at].claim, m->claim) < 0)
			at++;
		if (at == t->match_count || strcmp(t->match[at].claim, m->claim) != 0 ||
		    strcmp(t->match[at].value, m->value) != 0)
			return fault_set(f, RC_MISMATCH, 0, "the token does not have %s=%s",
					 m->claim, m->value);
	}
	return OK;
}
