#include "lib/model/objection.h"

#include "lib/model/field.h"

static rc objection_read(struct jcan *j, struct objection *o)
{
	TRY(field_prose(j, "comment", true, o->comment, sizeof(o->comment)));
	TRY(field_time(j, "expires", &o->expires));
	return envelope_end(j, STATEMENT_OBJECTION, "change", &o->change);
}

rc objection_parse(struct view bytes, struct objection *ret, struct fault *f)
{
	struct objection o = {.expires = 0};
	struct jcan j;
	rc r = envelope_begin(&j, STATEMENT_OBJECTION, bytes, f);

	if (rc_is_ok(r)) {
		TRY(envelope_check_kind(bytes, STATEMENT_OBJECTION, f));
		r = objection_read(&j, &o);
	}
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "objection");
	*ret = o;
	return OK;
}

rc objection_encode(const struct objection *o, struct buf *out, struct fault *f)
{
	struct objection check;
	size_t at = out->len;
	struct jcan_out w;
	rc r;

	envelope_out_begin(&w, out);
	field_out_string(&w, "comment", o->comment);
	field_out_time(&w, "expires", o->expires);
	envelope_out_end(&w, STATEMENT_OBJECTION, "change", &o->change);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "objection: %s", rc_name(r));
	return objection_parse(view_of(out->ptr + at, out->len - at), &check, f);
}
