#include "lib/model/act.h"

#include "lib/model/field.h"

/* The word in "decision", by kind. */
static const char *decision_of(enum statement_kind kind)
{
	switch ((int)kind) {
	case STATEMENT_APPROVAL:
		return "approve";
	case STATEMENT_DENIAL:
		return "deny";
	case STATEMENT_WITHDRAWAL:
		return "withdraw";
	case STATEMENT_CANCELLATION:
		return "cancel";
	default:
		return NULL;
	}
}

static rc evidence_read(struct jcan *j, struct act *a)
{
	bool more;

	TRY(jcan_key(j, "evidence"));
	TRY(jcan_array(j));
	for (;;) {
		struct digest *d = &a->evidence[a->evidence_count];

		TRY(jcan_next(j, &more));
		if (!more)
			return OK;
		if (a->evidence_count == ACT_EVIDENCE_MAX)
			return fault_set(j->fault, RC_LIMIT, j->at, "more than %d evidence entries",
					 ACT_EVIDENCE_MAX);
		TRY(field_digest_value(j, d));
		for (size_t i = 0; i < a->evidence_count; i++)
			if (digest_is_equal(&a->evidence[i], d))
				return fault_set(j->fault, RC_DUPLICATE, j->at, "evidence twice");
		a->evidence_count++;
	}
}

static rc act_read(struct jcan *j, struct act *a)
{
	bool approval = a->kind == STATEMENT_APPROVAL;

	if (a->kind == STATEMENT_WITHDRAWAL)
		TRY(field_digest(j, "approval", &a->approval));
	if (approval) {
		TRY(field_name(j, "approver", &a->person));
		TRY(field_checkpoint(j, &a->seen_root, &a->seen_size));
	}
	TRY(field_prose(j, "comment", true, a->comment, sizeof(a->comment)));
	TRY(field_literal(j, "decision", decision_of(a->kind)));
	if (approval) {
		TRY(evidence_read(j, a));
		TRY(field_time(j, "expires", &a->expires));
	}
	TRY(field_hex(j, "nonce", a->nonce, sizeof(a->nonce)));
	TRY(field_token(j, "origin", a->origin, sizeof(a->origin)));
	if (approval)
		TRY(field_digest(j, "rule", &a->rule));
	else
		TRY(field_name(j, "person", &a->person));
	return envelope_end(j, a->kind, "request", &a->request);
}

rc act_parse(enum statement_kind kind, struct view bytes, struct act *ret, struct fault *f)
{
	struct act a = {.kind = kind};
	struct jcan j;
	rc r;

	if (decision_of(kind) == NULL)
		return fault_set(f, RC_UNKNOWN, 0, "this kind of statement is not an act");
	r = envelope_begin(&j, kind, bytes, f);
	if (rc_is_ok(r)) {
		TRY(envelope_check_kind(bytes, kind, f));
		r = act_read(&j, &a);
	}
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "%s", statement_info(kind)->name);
	*ret = a;
	return OK;
}

static void act_write(struct jcan_out *w, const struct act *a, struct buf *out)
{
	bool approval = a->kind == STATEMENT_APPROVAL;

	envelope_out_begin(w, out);
	if (a->kind == STATEMENT_WITHDRAWAL)
		field_out_digest(w, "approval", &a->approval);
	if (approval) {
		field_out_string(w, "approver", a->person.s);
		field_out_checkpoint(w, &a->seen_root, a->seen_size);
	}
	field_out_string(w, "comment", a->comment);
	field_out_string(w, "decision", decision_of(a->kind));
	if (approval) {
		jcan_out_key(w, "evidence");
		jcan_out_array(w);
		for (size_t i = 0; i < a->evidence_count; i++)
			jcan_out_hex(w, digest_view(&a->evidence[i]));
		jcan_out_array_end(w);
		field_out_time(w, "expires", a->expires);
	}
	field_out_hex(w, "nonce", a->nonce, sizeof(a->nonce));
	field_out_string(w, "origin", a->origin);
	if (approval)
		field_out_digest(w, "rule", &a->rule);
	else
		field_out_string(w, "person", a->person.s);
	envelope_out_end(w, a->kind, "request", &a->request);
}

rc act_encode(const struct act *a, struct buf *out, struct fault *f)
{
	size_t at = out->len;
	struct act check;
	struct jcan_out w;
	rc r;

	if (decision_of(a->kind) == NULL)
		return fault_set(f, RC_UNKNOWN, 0, "this kind of statement is not an act");
	if (a->evidence_count > ACT_EVIDENCE_MAX)
		return fault_set(f, RC_LIMIT, 0, "more than %d evidence entries", ACT_EVIDENCE_MAX);
	act_write(&w, a, out);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "%s: %s", statement_info(a->kind)->name, rc_name(r));
	return act_parse(a->kind, view_of(out->ptr + at, out->len - at), &check, f);
}
