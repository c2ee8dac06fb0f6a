#include "lib/model/access.h"

#include "lib/model/field.h"

static const char *const action_names[] = {
	[ACCESS_GRANT] = "grant",
	[ACCESS_REVOKE] = "revoke",
};
_Static_assert(sizeof(action_names) / sizeof(action_names[0]) == ACCESS_ACTION__COUNT,
	       "one name for each action");

static const char *const role_names[] = {
	[ACCESS_REQUESTER] = "requester",
};
_Static_assert(sizeof(role_names) / sizeof(role_names[0]) == ACCESS_ROLE__COUNT,
	       "one name for each role");

const char *access_action_name(enum access_action a)
{
	return (unsigned)a < ACCESS_ACTION__COUNT ? action_names[a] : "?";
}

const char *access_role_name(enum access_role r)
{
	return (unsigned)r < ACCESS_ROLE__COUNT ? role_names[r] : "?";
}

rc access_role_parse(struct view name, enum access_role *ret)
{
	for (size_t i = 0; i < ACCESS_ROLE__COUNT; i++)
		if (view_is(name, role_names[i])) {
			*ret = (enum access_role)i;
			return OK;
		}
	return RC(RC_UNKNOWN);
}

static rc action_read(struct jcan *j, enum access_action *ret)
{
	struct view text;
	size_t at;

	TRY(jcan_key(j, "action"));
	at = j->at;
	TRY(jcan_text(j, 32, &text));
	for (size_t i = 0; i < ACCESS_ACTION__COUNT; i++)
		if (view_is(text, action_names[i])) {
			*ret = (enum access_action)i;
			return OK;
		}
	return fault_set(j->fault, RC_UNKNOWN, at, "unknown action");
}

static rc role_read(struct jcan *j, enum access_role *ret)
{
	struct view text;
	size_t at;

	TRY(jcan_key(j, "role"));
	at = j->at;
	TRY(jcan_text(j, 32, &text));
	if (!rc_is_ok(access_role_parse(text, ret)))
		return fault_set(j->fault, RC_UNKNOWN, at, "unknown role");
	return OK;
}

static rc grant_read(struct jcan *j, struct access_change *c)
{
	bool has_host;
	size_t at;

	TRY(field_checkpoint(j, &c->seen_root, &c->seen_size));
	TRY(jcan_key_optional(j, "host", &has_host));
	if (has_host)
		TRY(field_name_value(j, &c->host));
	TRY(field_name(j, "person", &c->person));
	at = j->at;
	TRY(field_prose(j, "reason", true, c->comment, sizeof(c->comment)));
	if (c->comment[0] == '\0')
		return fault_set(j->fault, RC_SYNTAX, at, "reason is empty");
	TRY(role_read(j, &c->role));
	return field_time(j, "until", &c->until);
}

static rc params_read(struct jcan *j, struct access_change *c)
{
	TRY(jcan_object(j));
	if (c->action == ACCESS_GRANT) {
		TRY(grant_read(j, c));
	} else {
		TRY(field_prose(j, "comment", true, c->comment, sizeof(c->comment)));
		TRY(field_digest(j, "grant", &c->grant));
		TRY(field_name(j, "person", &c->person));
	}
	return jcan_object_end(j);
}

static rc access_change_read(struct jcan *j, struct access_change *c)
{
	size_t at;

	TRY(action_read(j, &c->action));
	TRY(field_time(j, "expires", &c->expires));
	TRY(field_name(j, "key", &c->key));
	TRY(field_hex(j, "nonce", c->nonce, sizeof(c->nonce)));
	TRY(field_token(j, "origin", c->origin, sizeof(c->origin)));
	TRY(jcan_key(j, "params"));
	at = j->at;
	TRY(params_read(j, c));
	return envelope_end_over(j, STATEMENT_ACCESS, "params", view_of(j->in.ptr + at, j->at - at),
				 NULL);
}

rc access_change_parse(struct view bytes, struct access_change *ret, struct fault *f)
{
	struct access_change c = {0};
	struct jcan j;
	rc r = envelope_begin(&j, STATEMENT_ACCESS, bytes, f);

	if (rc_is_ok(r)) {
		TRY(envelope_check_kind(bytes, STATEMENT_ACCESS, f));
		r = access_change_read(&j, &c);
	}
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "access");
	*ret = c;
	return OK;
}

static rc params_write(const struct access_change *c, struct buf *out)
{
	struct jcan_out w;

	jcan_out_init(&w, out);
	jcan_out_object(&w);
	if (c->action == ACCESS_GRANT) {
		field_out_checkpoint(&w, &c->seen_root, c->seen_size);
		if (c->host.s[0] != '\0')
			field_out_string(&w, "host", c->host.s);
		field_out_string(&w, "person", c->person.s);
		field_out_string(&w, "reason", c->comment);
		field_out_string(&w, "role", access_role_name(c->role));
		field_out_time(&w, "until", c->until);
	} else {
		field_out_string(&w, "comment", c->comment);
		field_out_digest(&w, "grant", &c->grant);
		field_out_string(&w, "person", c->person.s);
	}
	jcan_out_object_end(&w);
	return jcan_out_done(&w);
}

rc access_change_encode(const struct access_change *c, struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf params = {0};
	struct access_change check;
	size_t at = out->len;
	struct digest digest;
	struct jcan_out w;
	rc r;

	buf_init(&params, ACCESS_BYTES_MAX);
	r = params_write(c, &params);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "access: params: %s", rc_name(r));
	digest = digest_of(buf_view(&params));
	envelope_out_begin(&w, out);
	field_out_string(&w, "action", access_action_name(c->action));
	field_out_time(&w, "expires", c->expires);
	field_out_string(&w, "key", c->key.s);
	field_out_hex(&w, "nonce", c->nonce, sizeof(c->nonce));
	field_out_string(&w, "origin", c->origin);
	jcan_out_key(&w, "params");
	jcan_out_raw(&w, buf_view(&params));
	envelope_out_end(&w, STATEMENT_ACCESS, "params", &digest);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "access: %s", rc_name(r));
	return access_change_parse(view_of(out->ptr + at, out->len - at), &check, f);
}
