#include "lib/model/enrolment.h"

#include "lib/model/field.h"

#define SUBJECT "host-key"

static rc enrolment_read(struct jcan *j, struct enrolment *e)
{
	TRY(field_token(j, "class", e->klass, sizeof(e->klass)));
	TRY(field_u64(j, "counter", 0, ENROLMENT_COUNTER_MAX, &e->counter));
	TRY(field_name(j, "host", &e->host));
	TRY(field_hex(j, "nonce", e->nonce, sizeof(e->nonce)));
	TRY(field_token(j, "origin", e->origin, sizeof(e->origin)));
	TRY(field_time(j, "time", &e->time));
	return envelope_end(j, STATEMENT_ENROLMENT, SUBJECT, &e->key);
}

rc enrolment_parse(struct view bytes, struct enrolment *ret, struct fault *f)
{
	struct enrolment e = {0};
	struct jcan j;
	rc r = envelope_begin(&j, STATEMENT_ENROLMENT, bytes, f);

	if (rc_is_ok(r)) {
		TRY(envelope_check_kind(bytes, STATEMENT_ENROLMENT, f));
		r = enrolment_read(&j, &e);
	}
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "enrolment");
	*ret = e;
	return OK;
}

rc enrolment_encode(const struct enrolment *e, struct buf *out, struct fault *f)
{
	struct enrolment check;
	size_t at = out->len;
	struct jcan_out w;
	rc r;

	envelope_out_begin(&w, out);
	field_out_string(&w, "class", e->klass);
	field_out_u64(&w, "counter", e->counter);
	field_out_string(&w, "host", e->host.s);
	field_out_hex(&w, "nonce", e->nonce, sizeof(e->nonce));
	field_out_string(&w, "origin", e->origin);
	field_out_time(&w, "time", e->time);
	envelope_out_end(&w, STATEMENT_ENROLMENT, SUBJECT, &e->key);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "enrolment: %s", rc_name(r));
	return enrolment_parse(view_of(out->ptr + at, out->len - at), &check, f);
}
