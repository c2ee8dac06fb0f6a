/* One rule: how it is read. */
#include "lib/model/field.h"
#include "lib/policy/artifact.h"
#include "lib/policy/policy_read.h"

static rc attended_check(const struct jcan *j, const struct rule *r)
{
	if (r->unattended && r->approve.count > 0)
		return fault_set(j->fault, RC_RANGE, j->at, "both approve and unattended");
	if (!r->unattended && r->approve.count == 0)
		return fault_set(j->fault, RC_RANGE, j->at, "neither approve nor unattended");
	/* What passes windows and freezes is decided by people, who can say which incident it is.
	 */
	if (r->break_glass && r->unattended)
		return fault_set(j->fault, RC_RANGE, j->at, "both break_glass and unattended");
	if (r->break_glass && r->ticket.s[0] == '\0')
		return fault_set(j->fault, RC_RANGE, j->at, "break_glass without ticket");
	/* What people let pass in a hurry, people look at afterwards. */
	if (r->break_glass != (r->review.approve.count > 0))
		return fault_set(j->fault, RC_RANGE, j->at,
				 r->break_glass ? "break_glass without review"
						: "review without break_glass");
	if (r->hold > 0 && r->unattended)
		return fault_set(j->fault, RC_RANGE, j->at, "both hold and unattended");
	if (r->hold > 0 && (r->hold >= r->approval_lifetime || r->hold >= r->max_deadline))
		return fault_set(j->fault, RC_RANGE, j->at,
				 "hold is not shorter than approval_lifetime and max_deadline");
	return OK;
}

static rc upload_read(struct jcan *j, struct rule *r)
{
	size_t at = j->at;
	struct view text;
	bool found;

	r->upload_required = true;
	TRY(jcan_key_optional(j, "upload", &found));
	if (!found)
		return OK;
	TRY(jcan_text(j, 16, &text));
	r->upload_required = view_is(text, "required");
	if (!r->upload_required && !view_is(text, "optional"))
		return fault_set(j->fault, RC_UNKNOWN, at,
				 "upload is \"required\" or \"optional\"");
	return OK;
}

static rc guard_read(struct jcan *j, struct rule *r)
{
	size_t at = j->at;
	struct view text;
	bool found;

	TRY(jcan_key_optional(j, "guard", &found));
	if (!found)
		return OK;
	TRY(jcan_text(j, 16, &text));
	if (view_is(text, "enforcing"))
		r->guard = GUARD_ENFORCING;
	else if (view_is(text, "observing"))
		r->guard = GUARD_OBSERVING;
	else
		return fault_set(j->fault, RC_UNKNOWN, at,
				 "guard is \"enforcing\" or \"observing\"");
	return OK;
}

static rc ticket_read(struct jcan *j, struct rule *r)
{
	size_t at = j->at;
	struct view text;
	bool found;

	TRY(jcan_key_optional(j, "ticket", &found));
	if (!found)
		return OK;
	TRY(jcan_text(j, GLOB_MAX, &text));
	if (!rc_is_ok(glob_parse(text, &r->ticket)))
		return fault_set(j->fault, RC_SYNTAX, at, "ticket \"%.*s\" is no pattern",
				 (int)text.len, (const char *)text.ptr);
	return OK;
}

rc artifact_field(struct jcan *j, struct view *ret)
{
	struct artifact_rule r;
	size_t at;
	bool found;
	rc e;

	TRY(jcan_key_optional(j, "artifact", &found));
	if (!found)
		return OK;
	at = j->at;
	e = artifact_rule_read(j, &r);
	if (!rc_is_ok(e))
		return fault_wrap(j->fault, e, "artifact");
	*ret = view_of(j->in.ptr + at, j->at - at);
	return OK;
}

rc preapproved_field(struct jcan *j, uint64_t least, bool *ret_has, uint64_t *ret)
{
	TRY(jcan_key_optional(j, "preapproved", ret_has));
	if (!*ret_has)
		return OK;
	TRY(jcan_object(j));
	TRY(field_u64(j, "max_age", least, POLICY_SECONDS_MAX, ret));
	return jcan_object_end(j);
}

static rc rule_read(struct jcan *j, void *row)
{
	struct rule *r = (struct rule *)row;
	size_t start = j->at;
	uint64_t uses;

	TRY(jcan_object(j));
	TRY(number_field(j, "approval_lifetime", POLICY_SECONDS_MAX, 259200,
			 &r->approval_lifetime));
	TRY(seats_field(j, &r->approve));
	TRY(artifact_field(j, &r->artifact));
	TRY(flag_field(j, "break_glass", &r->break_glass));
	TRY(classes_field(j, &r->classes));
	TRY(list_field(j, "formats", &list_formats, (void **)&r->formats, &r->format_count));
	TRY(list_field(j, "from", &list_refs, (void **)&r->from, &r->from_count));
	TRY(guard_read(j, r));
	TRY(number_field(j, "hold", POLICY_SECONDS_MAX, 0, &r->hold));
	TRY(list_field(j, "keys", &list_names, (void **)&r->keys, &r->key_count));
	TRY(number_field(j, "max_deadline", POLICY_SECONDS_MAX, 1209600, &r->max_deadline));
	TRY(number_field(j, "max_uses", 1000, 1, &uses));
	r->max_uses = (uint32_t)uses;
	TRY(word_field(j, "mode", "observe", &r->observe));
	TRY(field_name(j, "name", &r->name));
	TRY(preapproved_field(j, 1, &r->has_preapproved, &r->preapproved_max_age));
	TRY(word_field(j, "reason", "required", &r->reason_required));
	r->reason_required |= r->break_glass;
	TRY(list_field(j, "request", &list_refs, (void **)&r->request, &r->request_count));
	TRY(review_field(j, &r->review));
	TRY(word_field(j, "synced", "false", &r->unsynced));
	TRY(ticket_read(j, r));
	TRY(flag_field(j, "unattended", &r->unattended));
	TRY(upload_read(j, r));
	TRY(list_field_optional(j, "windows", &list_names, (void **)&r->windows, &r->window_count));
	TRY(attended_check(j, r));
	for (size_t i = 0; i < r->from_count; i++)
		if (r->from[i].is_service)
			return fault_set(j->fault, RC_SYNTAX, j->at, "from names a service");
	for (size_t i = 0; i < r->request_count; i++)
		if (r->request[i].is_issuer)
			return fault_set(j->fault, RC_SYNTAX, j->at, "request names an issuer");
	TRY(jcan_object_end(j));
	r->json = view_of(j->in.ptr + start, j->at - start);
	r->json_digest = digest_of(r->json);
	return OK;
}

const struct rows_kind rows_rules = {"rules", "rule", sizeof(struct rule), POLICY_RULES_MAX,
				     rule_read};
