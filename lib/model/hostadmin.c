#include "lib/model/hostadmin.h"

#include "lib/model/field.h"

static const char *const action_names[] = {
	[HOST_INVITE] = "invite",
	[HOST_LOCK] = "lock",
	[HOST_UNLOCK] = "unlock",
	[HOST_FORGET] = "forget",
};
_Static_assert(sizeof(action_names) / sizeof(action_names[0]) == HOST_ACTION__COUNT,
	       "one name for each action");

const char *host_action_name(enum host_action a)
{
	return (unsigned)a < HOST_ACTION__COUNT ? action_names[a] : "?";
}

rc host_action_parse(struct view name, enum host_action *ret)
{
	for (size_t i = 0; i < HOST_ACTION__COUNT; i++)
		if (view_is(name, action_names[i])) {
			*ret = (enum host_action)i;
			return OK;
		}
	return RC(RC_UNKNOWN);
}

static const struct digest none;

/* Zeros would say that none is named, in other bytes. */
static rc ek_read(struct jcan *j, struct host_change *c)
{
	bool found;

	TRY(jcan_key_optional(j, "ek", &found));
	if (!found)
		return OK;
	TRY(field_digest_value(j, &c->ek));
	return digest_is_equal(&c->ek, &none) ? fault_set(j->fault, RC_RANGE, j->at, "ek is zeros")
					      : OK;
}

static rc params_read(struct jcan *j, struct host_change *c)
{
	uint64_t lifetime;

	TRY(jcan_object(j));
	if (c->action == HOST_INVITE) {
		TRY(ek_read(j, c));
		TRY(field_u64(j, "lifetime", INVITE_MIN, INVITE_MAX, &lifetime));
		c->lifetime = (uint32_t)lifetime;
		TRY(field_digest(j, "token", &c->token));
	} else {
		TRY(field_prose(j, "comment", true, c->comment, sizeof(c->comment)));
	}
	return jcan_object_end(j);
}

static rc host_change_read(struct jcan *j, struct host_change *c)
{
	struct view text;
	size_t at;

	TRY(jcan_key(j, "action"));
	at = j->at;
	TRY(jcan_text(j, 32, &text));
	if (!rc_is_ok(host_action_parse(text, &c->action)))
		return fault_set(j->fault, RC_UNKNOWN, at, "unknown action");
	TRY(field_time(j, "expires", &c->expires));
	TRY(field_name(j, "host", &c->host));
	TRY(field_hex(j, "nonce", c->nonce, sizeof(c->nonce)));
	TRY(field_token(j, "origin", c->origin, sizeof(c->origin)));
	TRY(jcan_key(j, "params"));
	at = j->at;
	TRY(params_read(j, c));
	return envelope_end_over(j, STATEMENT_HOSTADMIN, "params",
				 view_of(j->in.ptr + at, j->at - at), NULL);
}

rc host_change_parse(struct view bytes, struct host_change *ret, struct fault *f)
{
	struct host_change c = {0};
	struct jcan j;
	rc r = envelope_begin(&j, STATEMENT_HOSTADMIN, bytes, f);

	if (rc_is_ok(r)) {
		TRY(envelope_check_kind(bytes, STATEMENT_HOSTADMIN, f));
		r = host_change_read(&j, &c);
	}
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "hostadmin");
	*ret = c;
	return OK;
}

static rc params_write(const struct host_change *c, struct buf *out)
{
	struct jcan_out w;

	jcan_out_init(&w, out);
	jcan_out_object(&w);
	if (c->action == HOST_INVITE) {
		if (!digest_is_equal(&c->ek, &none))
			field_out_digest(&w, "ek", &c->ek);
		field_out_u64(&w, "lifetime", c->lifetime);
		field_out_digest(&w, "token", &c->token);
	} else {
		field_out_string(&w, "comment", c->comment);
	}
	jcan_out_object_end(&w);
	return jcan_out_done(&w);
}

rc host_change_encode(const struct host_change *c, struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf params = {0};
	struct host_change check;
	size_t at = out->len;
	struct digest digest;
	struct jcan_out w;
	rc r;

	buf_init(&params, HOSTADMIN_BYTES_MAX);
	r = params_write(c, &params);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "hostadmin: params: %s", rc_name(r));
	digest = digest_of(buf_view(&params));
	envelope_out_begin(&w, out);
	field_out_string(&w, "action", host_action_name(c->action));
	field_out_time(&w, "expires", c->expires);
	field_out_string(&w, "host", c->host.s);
	field_out_hex(&w, "nonce", c->nonce, sizeof(c->nonce));
	field_out_string(&w, "origin", c->origin);
	jcan_out_key(&w, "params");
	jcan_out_raw(&w, buf_view(&params));
	envelope_out_end(&w, STATEMENT_HOSTADMIN, "params", &digest);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "hostadmin: %s", rc_name(r));
	return host_change_parse(view_of(out->ptr + at, out->len - at), &check, f);
}
