#include "lib/model/guard_token.h"

#include <string.h>

#include "lib/model/field.h"

#define TYPE "greatseal-guard-token-1"

static rc read_token(struct jcan *j, struct guard_token *t, struct fault *f)
{
	TRY(jcan_object(j));
	TRY(field_literal(j, "_type", TYPE));
	TRY(field_name(j, "host", &t->host));
	TRY(field_literal(j, "mode", "observe"));
	TRY(field_time(j, "not_after", &t->not_after));
	TRY(field_time(j, "not_before", &t->not_before));
	TRY(field_token(j, "origin", t->origin, sizeof(t->origin)));
	TRY(field_prose(j, "reason", true, t->reason, sizeof(t->reason)));
	TRY(jcan_object_end(j));
	TRY(jcan_end(j));
	if (t->reason[0] == '\0')
		return fault_set(f, RC_SYNTAX, 0, "it says no reason");
	if (t->not_before > t->not_after || t->not_after - t->not_before > GUARD_TOKEN_LIFE_MAX)
		return fault_set(f, RC_RANGE, 0,
				 "not_before comes first, and not_after at most %d "
				 "days later",
				 (int)(GUARD_TOKEN_LIFE_MAX / 86400));
	return OK;
}

rc guard_token_parse(struct view bytes, struct guard_token *ret, struct fault *f)
{
	struct guard_token t = {.not_before = 0};
	struct fault mine = {.code = RC_OK};
	struct jcan j;
	rc r;

	if (bytes.len > GUARD_TOKEN_BYTES_MAX)
		return fault_set(f, RC_LIMIT, 0, "guard token: more than %u bytes",
				 GUARD_TOKEN_BYTES_MAX);
	jcan_init(&j, bytes, &mine);
	r = read_token(&j, &t, &mine);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, mine.offset, "guard token: %.150s", mine.text);
	*ret = t;
	return OK;
}

rc guard_token_encode(const struct guard_token *t, struct buf *out, struct fault *f)
{
	struct guard_token check;
	size_t at = out->len;
	struct jcan_out w;
	rc r;

	jcan_out_init(&w, out);
	jcan_out_object(&w);
	field_out_string(&w, "_type", TYPE);
	field_out_string(&w, "host", t->host.s);
	field_out_string(&w, "mode", "observe");
	field_out_time(&w, "not_after", t->not_after);
	field_out_time(&w, "not_before", t->not_before);
	field_out_string(&w, "origin", t->origin);
	field_out_string(&w, "reason", t->reason);
	jcan_out_object_end(&w);
	r = jcan_out_done(&w);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0, "guard token: %s", rc_name(r));
	return guard_token_parse(view_of(out->ptr + at, out->len - at), &check, f);
}

rc guard_token_check(const struct guard_token *t, const char *origin, const struct name *host,
		     unix_time now, struct fault *f)
{
	char when[TIME_TEXT] = "?";

	if (strcmp(t->origin, origin) != 0)
		return fault_set(f, RC_MISMATCH, 0, "guard token: for log %s", t->origin);
	if (name_compare(&t->host, host) != 0)
		return fault_set(f, RC_DENIED, 0, "guard token: for host %s", t->host.s);
	if (now < t->not_before) {
		rc_ignore(time_format(t->not_before, when), "then it shows a ?");
		return fault_set(f, RC_WAIT, 0, "guard token: not valid before %s", when);
	}
	if (now >= t->not_after) {
		rc_ignore(time_format(t->not_after, when), "then it shows a ?");
		return fault_set(f, RC_EXPIRED, 0, "guard token: was valid until %s", when);
	}
	return OK;
}
