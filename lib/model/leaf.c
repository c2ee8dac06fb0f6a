#include "lib/model/leaf.h"

#include <stddef.h>

#include "lib/model/field.h"

enum type {
	END,
	KIND,
	TIME,
	DIGEST,
	DIGEST_OPTIONAL, /* left out when zero */
	DIGESTS,	 /* approvals and approval_count */
	INDEX,		 /* u64 from 0 */
	NUMBER,		 /* u64 from 1 */
	ACTION,
	FLAG, /* true, or left out */
};

struct field {
	const char *key;
	enum type type;
	size_t at; /* in struct leaf */
};

#define FIELD(key, type, member)                                                                   \
	{                                                                                          \
		key, type, offsetof(struct leaf, member)                                           \
	}
#define FIELDS_MAX 16

struct form {
	const char *name;
	struct field fields[FIELDS_MAX]; /* sorted by key; ends with a zero row */
};

/* What people did: four kinds with the same fields. */
#define ACT(word)                                                                                  \
	{                                                                                          \
		word,                                                                              \
		{                                                                                  \
			FIELD("kind", KIND, kind), FIELD("request", DIGEST, request),              \
				FIELD("signature", DIGEST, signature),                             \
				FIELD("statement", DIGEST, statement), FIELD("time", TIME, time),  \
		}                                                                                  \
	}

static const struct form forms[] = {
	[LEAF_REQUEST] = {"request",
			  {FIELD("count", NUMBER, count), FIELD("items", DIGEST, items),
			   FIELD("key", DIGEST, key), FIELD("kind", KIND, kind),
			   FIELD("request", DIGEST, request), FIELD("time", TIME, time)}},
	[LEAF_APPROVAL] = ACT("approval"),
	[LEAF_DENIAL] = ACT("denial"),
	[LEAF_WITHDRAWAL] = ACT("withdrawal"),
	[LEAF_CANCEL] = ACT("cancel"),
	[LEAF_AUTHORIZE] = {"authorize",
			    {FIELD("approvals", DIGESTS, approvals),
			     FIELD("break_glass", FLAG, break_glass), FIELD("count", NUMBER, count),
			     FIELD("evidence", DIGEST_OPTIONAL, evidence),
			     FIELD("grant", DIGEST_OPTIONAL, grant), FIELD("items", DIGEST, items),
			     FIELD("key", DIGEST, key), FIELD("kind", KIND, kind),
			     FIELD("policy", DIGEST, policy), FIELD("request", DIGEST, request),
			     FIELD("roster", DIGEST, roster), FIELD("rule", DIGEST, rule),
			     FIELD("time", TIME, time), FIELD("token", DIGEST_OPTIONAL, token),
			     FIELD("use", NUMBER, use)}},
	[LEAF_ISSUE] = {"issue",
			{FIELD("authorize", INDEX, authorize), FIELD("count", NUMBER, count),
			 FIELD("key", DIGEST, key), FIELD("kind", KIND, kind),
			 FIELD("request", DIGEST, request), FIELD("signatures", DIGEST, signatures),
			 FIELD("time", TIME, time), FIELD("use", NUMBER, use)}},
	[LEAF_ADMIN] = {"admin",
			{FIELD("action", ACTION, action), FIELD("kind", KIND, kind),
			 FIELD("object", DIGEST, object), FIELD("signatures", DIGESTS, approvals),
			 FIELD("statement", DIGEST, statement), FIELD("time", TIME, time)}},
	[LEAF_LOG] = {"log",
		      {FIELD("event", ACTION, action), FIELD("kind", KIND, kind),
		       FIELD("note", DIGEST_OPTIONAL, object), FIELD("time", TIME, time)}},
	[LEAF_EVIDENCE] = {"evidence",
			   {FIELD("count", NUMBER, count), FIELD("evidence", ACTION, action),
			    FIELD("kind", KIND, kind), FIELD("signature", DIGEST, signature),
			    FIELD("statement", DIGEST, statement),
			    FIELD("subjects", DIGEST, subjects), FIELD("time", TIME, time)}},
	[LEAF_PREAPPROVAL] = {"preapproval",
			      {FIELD("items", DIGEST, items), FIELD("key", DIGEST, key),
			       FIELD("kind", KIND, kind), FIELD("signature", DIGEST, signature),
			       FIELD("statement", DIGEST, statement), FIELD("time", TIME, time),
			       FIELD("uses", NUMBER, uses)}},
	[LEAF_REVIEW] = {"review",
			 {FIELD("authorize", INDEX, authorize), FIELD("complete", FLAG, complete),
			  FIELD("kind", KIND, kind), FIELD("request", DIGEST, request),
			  FIELD("signature", DIGEST, signature),
			  FIELD("statement", DIGEST, statement), FIELD("time", TIME, time),
			  FIELD("use", NUMBER, use), FIELD("verdict", ACTION, action)}},
};
_Static_assert(sizeof(forms) / sizeof(forms[0]) == LEAF__COUNT, "one form for each kind");

const char *leaf_kind_name(enum leaf_kind k)
{
	return (unsigned)k < LEAF__COUNT ? forms[k].name : "?";
}

static bool is_zero(const struct digest *d)
{
	static const struct digest zero;

	return digest_is_equal(d, &zero);
}

/* ---- Writing --------------------------------------------------------------------------------*/

static rc action_check(const char *s, struct fault *f)
{
	for (size_t i = 0; s[i] != '\0' || i == 0; i++) {
		bool alnum = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9');

		if (!alnum && (i == 0 || (s[i] != '.' && s[i] != '-')))
			return fault_set(f, RC_SYNTAX, 0,
					 "leaf: action is not [a-z0-9][a-z0-9.-]*");
	}
	return OK;
}

static void digests_write(struct jcan_out *w, const char *key, const struct leaf *l)
{
	jcan_out_key(w, key);
	jcan_out_array(w);
	for (size_t i = 0; i < l->approval_count; i++)
		jcan_out_hex(w, digest_view(&l->approvals[i]));
	jcan_out_array_end(w);
}

static rc field_write(struct jcan_out *w, const struct field *field, const struct leaf *l,
		      struct fault *f)
{
	const void *p = (const uint8_t *)l + field->at;

	switch (field->type) {
	case KIND:
		field_out_string(w, field->key, forms[l->kind].name);
		return OK;
	case TIME:
		field_out_time(w, field->key, l->time);
		return OK;
	case DIGEST_OPTIONAL:
		if (is_zero((const struct digest *)p))
			return OK;
		field_out_digest(w, field->key, (const struct digest *)p);
		return OK;
	case DIGEST:
		field_out_digest(w, field->key, (const struct digest *)p);
		return OK;
	case DIGESTS:
		if (l->approval_count > LEAF_APPROVALS_MAX)
			return fault_set(f, RC_LIMIT, 0, "leaf: more than %u %s",
					 LEAF_APPROVALS_MAX, field->key);
		digests_write(w, field->key, l);
		return OK;
	case NUMBER:
		if (*(const uint64_t *)p == 0)
			return fault_set(f, RC_RANGE, 0, "leaf: %s is 0", field->key);
		field_out_u64(w, field->key, *(const uint64_t *)p);
		return OK;
	case INDEX:
		field_out_u64(w, field->key, *(const uint64_t *)p);
		return OK;
	case ACTION:
		TRY(action_check(l->action, f));
		field_out_string(w, field->key, l->action);
		return OK;
	case FLAG:
		if (*(const bool *)p) {
			jcan_out_key(w, field->key);
			jcan_out_bool(w, true);
		}
		return OK;
	case END:
		break;
	}
	return OK;
}

rc leaf_encode(const struct leaf *l, struct buf *out, struct fault *f)
{
	struct jcan_out w;
	rc r;

	if ((unsigned)l->kind >= LEAF__COUNT)
		return fault_set(f, RC_RANGE, 0, "leaf: no such kind");
	jcan_out_init(&w, out);
	jcan_out_object(&w);
	for (const struct field *field = forms[l->kind].fields; field->type != END; field++)
		TRY(field_write(&w, field, l, f));
	jcan_out_object_end(&w);
	r = jcan_out_done(&w);
	return rc_is_ok(r) ? OK : fault_set(f, r.code, 0, "leaf: %s", rc_name(r));
}

/* ---- Reading --------------------------------------------------------------------------------*/

static rc digests_read(struct jcan *j, struct leaf *l)
{
	bool more;

	TRY(jcan_array(j));
	for (;;) {
		struct digest d;

		TRY(jcan_next(j, &more));
		if (!more)
			return OK;
		if (l->approval_count == LEAF_APPROVALS_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %u entries",
					 LEAF_APPROVALS_MAX);
		TRY(field_digest_value(j, &d));
		for (size_t i = 0; i < l->approval_count; i++)
			if (digest_is_equal(&l->approvals[i], &d))
				return fault_set(j->fault, RC_DUPLICATE, j->at, "entry twice");
		l->approvals[l->approval_count++] = d;
	}
}

static rc optional_read(struct jcan *j, const char *key, struct digest *ret)
{
	size_t at = j->at;
	bool found;

	TRY(jcan_key_optional(j, key, &found));
	if (!found)
		return OK;
	TRY(field_digest_value(j, ret));
	if (is_zero(ret))
		return fault_set(j->fault, RC_NONCANON, at, "%s of zeros is left out", key);
	return OK;
}

static rc flag_read(struct jcan *j, const char *key, bool *ret)
{
	size_t at = j->at;
	bool found;

	TRY(jcan_key_optional(j, key, &found));
	if (!found)
		return OK;
	TRY(jcan_bool(j, ret));
	return *ret ? OK : fault_set(j->fault, RC_NONCANON, at, "%s is true or left out", key);
}

static rc field_read(struct jcan *j, const struct field *field, struct leaf *l)
{
	void *p = (uint8_t *)l + field->at;

	switch (field->type) {
	case KIND:
		return field_literal(j, field->key, forms[l->kind].name);
	case TIME:
		return field_time(j, field->key, &l->time);
	case DIGEST:
		return field_digest(j, field->key, (struct digest *)p);
	case DIGEST_OPTIONAL:
		return optional_read(j, field->key, (struct digest *)p);
	case DIGESTS:
		TRY(jcan_key(j, field->key));
		return digests_read(j, l);
	case INDEX:
		return field_u64(j, field->key, 0, JCAN_NUMBER_MAX, (uint64_t *)p);
	case NUMBER:
		return field_u64(j, field->key, 1, JCAN_NUMBER_MAX, (uint64_t *)p);
	case ACTION:
		return field_token(j, field->key, l->action, sizeof(l->action));
	case FLAG:
		return flag_read(j, field->key, (bool *)p);
	case END:
		break;
	}
	return OK;
}

static rc kind_read(struct jcan *j, enum leaf_kind *ret)
{
	struct view kind;
	rc r = jcan_peek(j, "kind", &kind);

	if (r.code == RC_NOTFOUND)
		return fault_set(j->fault, RC_SYNTAX, 0, "field \"kind\" is missing");
	TRY(r);
	for (size_t i = 0; i < LEAF__COUNT; i++)
		if (kind.len >= 2 && kind.ptr[0] == '"' &&
		    view_is(view_of(kind.ptr + 1, kind.len - 2), forms[i].name)) {
			*ret = (enum leaf_kind)i;
			return OK;
		}
	return fault_set(j->fault, RC_UNKNOWN, 0, "unknown kind");
}

static rc leaf_read(struct jcan *j, struct leaf *l)
{
	TRY(jcan_object(j));
	TRY(kind_read(j, &l->kind));
	for (const struct field *field = forms[l->kind].fields; field->type != END; field++)
		TRY(field_read(j, field, l));
	TRY(jcan_object_end(j));
	return jcan_end(j);
}

rc leaf_parse(struct view bytes, struct leaf *ret, struct fault *f)
{
	struct leaf l = {0};
	struct jcan j;
	rc r;

	if (bytes.len > LEAF_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "leaf of %zu bytes, at most %u", bytes.len,
				 LEAF_BYTES_MAX);
	jcan_init(&j, bytes, f);
	r = leaf_read(&j, &l);
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "leaf");
	*ret = l;
	return OK;
}
