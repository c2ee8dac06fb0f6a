#include "lib/model/review.h"

#include "lib/model/field.h"

const char *review_verdict(bool incident)
{
	return incident ? "incident" : "ok";
}

static rc verdict_read(struct jcan *j, bool *ret)
{
	size_t at;
	struct view text;

	TRY(jcan_key(j, "verdict"));
	at = j->at;
	TRY(jcan_text(j, 16, &text));
	*ret = view_is(text, "incident");
	if (!*ret && !view_is(text, "ok"))
		return fault_set(j->fault, RC_UNKNOWN, at, "verdict is \"ok\" or \"incident\"");
	return OK;
}

static rc review_read(struct jcan *j, struct review *r)
{
	uint64_t use;
	size_t at;

	TRY(field_digest(j, "authorize", &r->authorize));
	at = j->at;
	TRY(field_prose(j, "comment", true, r->comment, sizeof(r->comment)));
	if (r->comment[0] == '\0')
		return fault_set(j->fault, RC_RANGE, at, "a review says why: comment is empty");
	TRY(field_hex(j, "nonce", r->nonce, sizeof(r->nonce)));
	TRY(field_token(j, "origin", r->origin, sizeof(r->origin)));
	TRY(field_name(j, "person", &r->person));
	TRY(field_time(j, "time", &r->time));
	TRY(field_u64(j, "use", 1, REQUEST_USES_MAX, &use));
	r->use = (uint32_t)use;
	TRY(verdict_read(j, &r->incident));
	return envelope_end(j, STATEMENT_REVIEW, "request", &r->request);
}

rc review_parse(struct view bytes, struct review *ret, struct fault *f)
{
	struct review o = {.use = 0};
	struct jcan j;
	rc r = envelope_begin(&j, STATEMENT_REVIEW, bytes, f);

	if (rc_is_ok(r)) {
		TRY(envelope_check_kind(bytes, STATEMENT_REVIEW, f));
		r = review_read(&j, &o);
	}
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "review");
	*ret = o;
	return OK;
}

rc review_encode(const struct review *o, struct buf *out, struct fault *f)
{
	struct review check;
	size_t at = out->len;
	struct jcan_out w;
	rc r;

	envelope_out_begin(&w, out);
	field_out_digest(&w, "authorize", &o->authorize);
	field_out_string(&w, "comment", o->comment);
	field_out_hex(&w, "nonce", o->nonce, sizeof(o->nonce));
	field_out_string(&w, "origin", o->origin);
	field_out_string(&w, "person", o->person.s);
	field_out_time(&w, "time", o->time);
	field_out_u64(&w, "use", o->use);
	field_out_string(&w, "verdict", review_verdict(o->incident));
	envelope_out_end(&w, STATEMENT_REVIEW, "request", &o->request);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "review: %s", rc_name(r));
	return review_parse(view_of(out->ptr + at, out->len - at), &check, f);
}
