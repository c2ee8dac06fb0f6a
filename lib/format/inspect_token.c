/* Guard tokens: which host, for how long and why, as approvers read it. Owns: the report's "token"
 * object. Must not own: the file's form (lib/model/guard_token.h). */
#include <string.h>

#include "lib/format/inspect_impl.h"
#include "lib/format/token_file.h"

static rc put_time(json_t *o, const char *key, unix_time t)
{
	char text[TIME_TEXT];

	TRY(time_format(t, text));
	return report_set(o, key, json_string_nocheck(text));
}

rc token_inspect(struct inspection *in, struct fault *f)
{
	struct guard_token t;
	json_t *o;
	rc r = guard_token_read(in->fd, NULL, &t, f);

	if (r.code == RC_IO || r.code == RC_NOMEM)
		return r;
	if (!rc_is_ok(r))
		return finding(in, SEVERITY_ERROR, "token-malformed", NO_PATH,
			       "no guard would take it: %s", f == NULL ? rc_name(r) : f->text);
	o = json_object();
	TRY(report_set(in->report, "token", o));
	TRY(report_set_text(o, "host", view_str(t.host.s), NAME_MAX_LEN));
	TRY(report_set_text(o, "mode", view_str("observe"), 16));
	TRY(put_time(o, "not_after", t.not_after));
	TRY(put_time(o, "not_before", t.not_before));
	TRY(report_set_text(o, "origin", view_str(t.origin), ORIGIN_MAX));
	return report_set_text(o, "reason", view_str(t.reason), GUARD_TOKEN_REASON_MAX);
}
