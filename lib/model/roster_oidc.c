/* oidc - reading which tokens are a service. */
#include <stdlib.h>

#include "lib/model/field.h"
#include "lib/model/roster_read.h"

/* Texts that are compared with those of a token: printable ASCII, so that nothing looks like
 * another. */
static rc take_text(struct jcan *j, char *out, size_t cap)
{
	struct view text;

	TRY(jcan_text(j, cap - 1, &text));
	if (text.len == 0)
		return fault_set(j->fault, RC_SYNTAX, j->at, "empty text");
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			return fault_set(j->fault, RC_SYNTAX, j->at, "not printable ASCII");
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return OK;
}

static rc optional_text(struct jcan *j, const char *field, char *out, size_t cap)
{
	bool found;

	TRY(jcan_key_optional(j, field, &found));
	return found ? take_text(j, out, cap) : OK;
}

static rc issuer_read(struct jcan *j, struct oidc *o)
{
	TRY(jcan_key(j, "issuer"));
	TRY(take_text(j, o->issuer, sizeof(o->issuer)));
	if (strncmp(o->issuer, "https://", 8) != 0 || o->issuer[8] == '\0' ||
	    strpbrk(o->issuer, " ?#") != NULL)
		return fault_set(j->fault, RC_SYNTAX, j->at, "an issuer is an https:// address");
	return OK;
}

/* The key set as the issuer gives it. Whether it is one is seen when a token comes. */
static rc jwks_read(struct jcan *j, struct oidc *o)
{
	bool found;

	TRY(jcan_key_optional(j, "jwks", &found));
	if (!found)
		return OK;
	o->jwks = (char *)malloc(ROSTER_JWKS_MAX + 1);
	if (o->jwks == NULL)
		return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
	return jcan_string(j, o->jwks, ROSTER_JWKS_MAX + 1, NULL);
}

static int claims_order(const void *a, const void *b)
{
	return strcmp(((const struct claim_match *)a)->claim,
		      ((const struct claim_match *)b)->claim);
}

static rc claim_read(struct jcan *j, struct claim_match *m)
{
	char text[sizeof(m->claim) + sizeof(m->value)];
	const char *value;

	TRY(take_text(j, text, sizeof(text)));
	value = strchr(text, '=');
	if (value == NULL || value == text || value[1] == '\0' ||
	    (size_t)(value - text) >= sizeof(m->claim) || strlen(value + 1) >= sizeof(m->value) ||
	    memchr(text, ' ', (size_t)(value - text)) != NULL)
		return fault_set(j->fault, RC_SYNTAX, j->at, "a match has the form CLAIM=VALUE");
	*m = (struct claim_match){0};
	memcpy(m->claim, text, (size_t)(value - text));
	memcpy(m->value, value + 1, strlen(value + 1));
	return OK;
}

static rc match_read(struct jcan *j, struct oidc *o)
{
	bool more;

	TRY(jcan_key(j, "match"));
	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			break;
		if (o->match_count == ROSTER_CLAIMS_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %u claims",
					 ROSTER_CLAIMS_MAX);
		TRY(claim_read(j, &o->match[o->match_count]));
		o->match_count++;
	}
	if (o->match_count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "match is empty");
	qsort(o->match, o->match_count, sizeof(o->match[0]), claims_order);
	for (size_t i = 1; i < o->match_count; i++)
		if (claims_order(&o->match[i - 1], &o->match[i]) == 0)
			return fault_set(j->fault, RC_DUPLICATE, j->at, "claim %s twice",
					 o->match[i].claim);
	return OK;
}

static rc fields_read(struct jcan *j, struct oidc *o)
{
	bool found;

	TRY(jcan_object(j));
	TRY(optional_text(j, "actor", o->actor, sizeof(o->actor)));
	TRY(optional_text(j, "audience", o->audience, sizeof(o->audience)));
	TRY(jcan_key_optional(j, "bind", &found));
	if (found)
		TRY(jcan_literal(j, "audience"));
	o->bind_audience = found;
	TRY(issuer_read(j, o));
	TRY(jwks_read(j, o));
	TRY(match_read(j, o));
	TRY(field_name(j, "name", &o->name));
	TRY(jcan_object_end(j));
	if (!o->bind_audience && o->audience[0] == '\0')
		return fault_set(j->fault, RC_RANGE, j->at, "oidc has audience, or bind: audience");
	return OK;
}

rc oidc_read(struct jcan *j, struct oidc **ret)
{
	*ret = (struct oidc *)calloc(1, sizeof(**ret));
	if (*ret == NULL)
		return fault_set(j->fault, RC_NOMEM, j->at, "out of memory");
	return fields_read(j, *ret);
}
