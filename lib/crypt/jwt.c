#include "lib/crypt/jwt.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "lib/base/secret.h"
#include "lib/codec/base64.h"
#include "lib/crypt/jose.h"

struct jwt {
	json_t *header;
	json_t *claims;
	struct view alg; /* in header */
	struct view kid;
	char issuer[JWT_TEXT_MAX + 1];
	char id[JWT_TEXT_MAX + 1];
	unix_time expires;
	unix_time not_before; /* 0: not given */
	unix_time issued;
	size_t signed_len; /* of text: header and claims, as they came */
	uint8_t text[JWT_BYTES_MAX];
	struct buf sig; /* in sig_mem */
	uint8_t sig_mem[1024];
};

/* ---- Reading --------------------------------------------------------------------------------*/

static rc part_object(const char *what, struct view text, size_t max, json_t **ret, struct fault *f)
{
	uint8_t mem[JWT_CLAIMS_MAX];
	struct buf bytes;
	rc r;

	_Static_assert(JWT_HEADER_MAX <= JWT_CLAIMS_MAX, "one buffer for both");
	buf_init_fixed(&bytes, mem, max);
	r = base64_parse(BASE64_URL, text, &bytes, f);
	if (!rc_is_ok(r))
		return r.code == RC_LIMIT
			       ? fault_set(f, RC_LIMIT, 0, "%s: more than %zu bytes", what, max)
			       : fault_wrap(f, r, "%s", what);
	return jose_object(what, buf_view(&bytes), max, ret, f);
}

static bool claim_is_given(const struct jwt *t, const char *name)
{
	return json_object_get(t->claims, name) != NULL;
}

/* The header. Members that are not named here change nothing that is checked. */
static rc header_read(struct jwt *t, struct fault *f)
{
	static const char *const refused[] = {"crit", "b64", "jwk", "jku", "x5c", "x5u"};
	struct view typ;
	rc r;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (json_object_get(t->header, refused[i]) != NULL)
			return fault_set(f, RC_UNSUPPORTED, 0, "token header: has \"%s\"",
					 refused[i]);
	TRY(jose_text("token header", t->header, "alg", 32, &t->alg, f));
	r = RC(RC_UNSUPPORTED);
	for (enum jose_alg a = 0; a < JOSE_ALGS; a++)
		if (view_is(t->alg, jose_alg_name(a)))
			r = OK;
	if (!rc_is_ok(r))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "token header: alg %.*s is none of RS256, ES256, EdDSA",
				 (int)t->alg.len, (const char *)t->alg.ptr);
	TRY(jose_text("token header", t->header, "kid", JWKS_KID_MAX, &t->kid, f));
	if (json_object_get(t->header, "typ") == NULL)
		return OK;
	TRY(jose_text("token header", t->header, "typ", 32, &typ, f));
	/* Access tokens and others are not for us (RFC 8725 3.11); the case is free (RFC 7519 5.1).
	 */
	if (typ.len != 3 || strncasecmp((const char *)typ.ptr, "JWT", 3) != 0)
		return fault_set(f, RC_SYNTAX, 0, "token header: typ %.*s, not JWT", (int)typ.len,
				 (const char *)typ.ptr);
	return OK;
}

static rc claim_text(const struct jwt *t, const char *name, char out[JWT_TEXT_MAX + 1],
		     struct fault *f)
{
	struct view text;

	TRY(jose_text("token", t->claims, name, JWT_TEXT_MAX, &text, f));
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return OK;
}

/* NumericDate (RFC 7519 2), whole seconds alone. */
static rc claim_time(const struct jwt *t, const char *name, unix_time *ret, struct fault *f)
{
	const json_t *v = json_object_get(t->claims, name);

	if (v == NULL)
		return fault_set(f, RC_SYNTAX, 0, "token: there is no \"%s\"", name);
	if (!json_is_integer(v))
		return fault_set(f, RC_SYNTAX, 0, "token: \"%s\" is not a whole number", name);
	if (json_integer_value(v) < 1 || json_integer_value(v) > TIME_MAX)
		return fault_set(f, RC_RANGE, 0, "token: \"%s\" is no time", name);
	*ret = json_integer_value(v);
	return OK;
}

static rc audience_check(const json_t *v, struct fault *f)
{
	size_t n = json_array_size(v);

	if (v == NULL)
		return fault_set(f, RC_SYNTAX, 0, "token: there is no \"aud\"");
	if (json_is_string(v) && json_string_length(v) > 0)
		return OK;
	if (n == 0)
		return fault_set(f, RC_SYNTAX, 0, "token: \"aud\" names nobody");
	if (n > JWT_AUDIENCES_MAX)
		return fault_set(f, RC_LIMIT, 0, "token: %zu audiences, at most %u", n,
				 JWT_AUDIENCES_MAX);
	for (size_t i = 0; i < n; i++)
		if (!json_is_string(json_array_get(v, i)))
			return fault_set(f, RC_SYNTAX, 0, "token: \"aud\" has what is not a text");
	return OK;
}

static rc claims_read(struct jwt *t, struct fault *f)
{
	TRY(claim_text(t, "iss", t->issuer, f));
	TRY(audience_check(json_object_get(t->claims, "aud"), f));
	TRY(claim_time(t, "exp", &t->expires, f));
	if (claim_is_given(t, "nbf"))
		TRY(claim_time(t, "nbf", &t->not_before, f));
	if (claim_is_given(t, "iat"))
		TRY(claim_time(t, "iat", &t->issued, f));
	return claim_is_given(t, "jti") ? claim_text(t, "jti", t->id, f) : OK;
}

static rc parts_read(struct view compact, struct jwt *t, struct fault *f)
{
	struct view rest = compact;
	struct view header;
	struct view claims;
	rc r;

	if (!rc_is_ok(view_until(&rest, '.', &header)) ||
	    !rc_is_ok(view_until(&rest, '.', &claims)) || memchr(rest.ptr, '.', rest.len) != NULL)
		return fault_set(f, RC_SYNTAX, 0, "token: not three parts (RFC 7515 7.1)");
	TRY(part_object("token header", header, JWT_HEADER_MAX, &t->header, f));
	TRY(header_read(t, f));
	TRY(part_object("token", claims, JWT_CLAIMS_MAX, &t->claims, f));
	TRY(claims_read(t, f));
	buf_init_fixed(&t->sig, t->sig_mem, sizeof(t->sig_mem));
	r = base64_parse(BASE64_URL, rest, &t->sig, f);
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "token signature");
	t->signed_len = header.len + 1 + claims.len;
	memcpy(t->text, compact.ptr, t->signed_len);
	return OK;
}

rc jwt_parse(struct view compact, struct jwt **ret, struct fault *f)
{
	struct jwt *t;
	rc r;

	if (compact.len > JWT_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "token: %zu bytes, at most %u", compact.len,
				 JWT_BYTES_MAX);
	t = (struct jwt *)calloc(1, sizeof(*t));
	r = t == NULL ? fault_set(f, RC_NOMEM, 0, "token: out of memory")
		      : parts_read(compact, t, f);
	if (rc_is_ok(r))
		*ret = t;
	else
		jwt_free(t);
	return r;
}

void jwt_free(struct jwt *t)
{
	if (t == NULL)
		return;
	json_decref(t->header);
	json_decref(t->claims);
	secret_wipe(t, sizeof(*t));
	free(t);
}

/* ---- Judging --------------------------------------------------------------------------------*/

const char *jwt_issuer(const struct jwt *t)
{
	return t->issuer;
}

const char *jwt_id(const struct jwt *t)
{
	return t->id;
}

unix_time jwt_expires(const struct jwt *t)
{
	return t->expires;
}

rc jwt_verify(const struct jwt *t, const struct jwks *keys, struct fault *f)
{
	return jwks_verify(keys, t->kid, t->alg, view_of(t->text, t->signed_len), buf_view(&t->sig),
			   f);
}

bool jwt_is_for(const struct jwt *t, const char *audience)
{
	const json_t *v = json_object_get(t->claims, "aud");

	if (json_is_string(v))
		return strcmp(json_string_value(v), audience) == 0;
	for (size_t i = 0; i < json_array_size(v); i++)
		if (strcmp(json_string_value(json_array_get(v, i)), audience) == 0)
			return true;
	return false;
}

rc jwt_check_time(const struct jwt *t, unix_time now, struct fault *f)
{
	/* Every time is within TIME_MAX, so nothing here can wrap. */
	if (now >= t->expires + JWT_SKEW)
		return fault_set(f, RC_EXPIRED, 0, "the token ended %lld seconds ago",
				 (long long)(now - t->expires));
	if (t->not_before > now + JWT_SKEW)
		return fault_set(f, RC_EXPIRED, 0, "the token begins in %lld seconds",
				 (long long)(t->not_before - now));
	if (t->issued > now + JWT_SKEW)
		return fault_set(f, RC_EXPIRED, 0, "the token is of a future in %lld seconds",
				 (long long)(t->issued - now));
	if (t->expires - now > JWT_LIFE_MAX)
		return fault_set(f, RC_EXPIRED, 0, "the token is good for more than %d seconds",
				 JWT_LIFE_MAX);
	return OK;
}

rc jwt_claim(const struct jwt *t, const char *name, char ret[JWT_TEXT_MAX + 1])
{
	const json_t *v = json_object_get(t->claims, name);
	struct view text;

	ret[0] = '\0';
	if (v == NULL)
		return RC(RC_NOTFOUND);
	if (json_is_boolean(v)) {
		(void)snprintf(ret, JWT_TEXT_MAX + 1, "%s", json_is_true(v) ? "true" : "false");
		return OK;
	}
	if (json_is_integer(v)) {
		(void)snprintf(ret, JWT_TEXT_MAX + 1, "%lld", (long long)json_integer_value(v));
		return OK;
	}
	if (!json_is_string(v))
		return RC(RC_UNSUPPORTED);
	text = view_of(json_string_value(v), json_string_length(v));
	if (text.len > JWT_TEXT_MAX)
		return RC(RC_LIMIT);
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			return RC(RC_UNSUPPORTED);
	memcpy(ret, text.ptr, text.len);
	ret[text.len] = '\0';
	return OK;
}
