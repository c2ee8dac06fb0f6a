/* Purpose: see source_words.h. */
#include "lib/policy/source_words.h"

#include "lib/base/clock.h"
#include "lib/model/field.h"
#include "lib/model/reason.h"
#include "lib/policy/cases.h"
#include "lib/policy/policy.h"

static rc put_name(struct view text, struct buf *out, struct fault *f)
{
	struct name n;

	(void)f;
	TRY(name_parse(text, &n));
	buf_put_view(out, text);
	return OK;
}

static rc put_ref(struct view text, struct buf *out, struct fault *f)
{
	struct view name = text;
	struct view prefix;
	struct name n;

	(void)f;
	if (rc_is_ok(view_slice(text, 0, 6, &prefix)) && view_is(prefix, "group:"))
		TRY(view_skip(&name, 6));
	TRY(name_parse(name, &n));
	buf_put_view(out, text);
	return OK;
}

static rc put_seat(struct view text, struct buf *out, struct fault *f)
{
	struct seat s;

	(void)f;
	TRY(seat_parse(text, &s));
	buf_put_view(out, text);
	return OK;
}

/* Two seats for the same group are one with the sum of both. */
static struct view seat_identity(struct view text)
{
	struct view number;

	rc_ignore(view_until(&text, ' ', &number), "put_seat has read it");
	return text;
}

static rc put_format(struct view text, struct buf *out, struct fault *f)
{
	(void)f;
	if (text.len >= sizeof(((struct rule *)0)->formats[0]))
		return RC(RC_LIMIT);
	TRY(token_check(text));
	buf_put_view(out, text);
	return OK;
}

/* A line as in a .pub file; its comment is for people and stays in the source. */
static rc put_key(struct view text, struct buf *out, struct fault *f)
{
	AUTO(sshkey) struct sshkey *key = NULL;
	struct view comment;

	TRY(sshkey_parse_line(text, &key, &comment, f));
	sshkey_put_line(key, view_of(NULL, 0), out);
	return OK;
}

/* The same key with another comment is the same key. */
static struct view key_identity(struct view text)
{
	struct view rest = text;
	struct view part;
	size_t len;

	if (!rc_is_ok(view_until(&rest, ' ', &part)))
		return text;
	len = part.len + 1;
	return view_of(text.ptr,
		       rc_is_ok(view_until(&rest, ' ', &part)) ? len + part.len : text.len);
}

static rc put_reason(struct view text, struct buf *out, struct fault *f)
{
	enum reason r;

	(void)f;
	TRY(reason_parse(text, &r));
	if (r == REASON_NONE)
		return RC(RC_UNKNOWN);
	buf_put_view(out, text);
	return OK;
}

static rc put_time(struct view text, struct buf *out, struct fault *f)
{
	unix_time t;

	(void)f;
	TRY(time_parse(text, &t));
	buf_put_view(out, text);
	return OK;
}

static rc put_title(struct view text, struct buf *out, struct fault *f)
{
	(void)f;
	if (text.len == 0)
		return RC(RC_SYNTAX);
	if (text.len > CASE_NAME_MAX)
		return RC(RC_LIMIT);
	TRY(prose_check(text, false));
	buf_put_view(out, text);
	return OK;
}

static rc put_calendar(struct view text, struct buf *out, struct fault *f)
{
	struct calendar c;

	TRY(calendar_parse(text, &c, f));
	buf_put_view(out, text);
	return OK;
}

static rc put_zone(struct view text, struct buf *out, struct fault *f)
{
	struct zone_name n;

	(void)f;
	TRY(zone_name_parse(text, &n));
	buf_put_view(out, text);
	return OK;
}

static rc put_local(struct view text, struct buf *out, struct fault *f)
{
	int64_t t;

	(void)f;
	TRY(local_time_parse(text, &t));
	buf_put_view(out, text);
	return OK;
}

static rc put_glob(struct view text, struct buf *out, struct fault *f)
{
	struct glob g;

	(void)f;
	TRY(glob_parse(text, &g));
	buf_put_view(out, text);
	return OK;
}

static rc put_rate(struct view text, struct buf *out, struct fault *f)
{
	struct rate r;

	(void)f;
	TRY(rate_parse(text, &r));
	buf_put_view(out, text);
	return OK;
}

static rc put_line(struct view text, struct buf *out, struct fault *f)
{
	if (text.len > FREEZE_REASON_MAX)
		return RC(RC_LIMIT);
	return put_title(text, out, f);
}

static rc put_any(struct view text, struct buf *out, struct fault *f)
{
	(void)f;
	buf_put_view(out, text); /* one of the row's values */
	return OK;
}

const struct source_word word_name = {
	.what = "a name like build-07 (a-z, 0-9, '.', '_', '-')",
	.put = put_name,
	.pattern = "^" NAME_PATTERN "$",
};
const struct source_word word_ref = {
	.what = "a name, or group:NAME",
	.put = put_ref,
	.pattern = "^(group:)?" NAME_PATTERN "$",
};
const struct source_word word_seat = {
	.what = "seats: \"N of GROUP\" with N from 1 to 64, or \"1 of @PERSON\"",
	.put = put_seat,
	.identity = seat_identity,
	.pattern = "^([1-9][0-9]? of |1 of @)" NAME_PATTERN "$",
};
const struct source_word word_format = {
	.what = "a format's name, like cms or pe",
	.put = put_format,
	.pattern = "^[a-z0-9][a-z0-9.-]{0,14}$",
};
const struct source_word word_key = {
	.what = "a public SSH key as in a .pub file: TYPE BASE64 [COMMENT]",
	.put = put_key,
	.identity = key_identity,
	.pattern = "^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?$",
};
const struct source_word word_time = {
	.what = "a time in UTC like 2026-11-24T10:00:00Z",
	.put = put_time,
	.pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
};
const struct source_word word_title = {
	.what = "a line of 1 to 200 bytes",
	.put = put_title,
};

const struct source_word word_calendar = {
	.what = "times like `Mon..Thu 09:00` or `*-*-01` (systemd.time(7))",
	.put = put_calendar,
};
const struct source_word word_zone = {
	.what = "a time zone like Europe/Berlin or UTC",
	.put = put_zone,
	.pattern = "^[A-Za-z0-9+][A-Za-z0-9+._-]*(/[A-Za-z0-9+][A-Za-z0-9+._-]*)*$",
};
const struct source_word word_local = {
	.what = "a local time like 2026-12-18 00:00",
	.put = put_local,
	.pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}$",
};
const struct source_word word_glob = {
	.what = "a pattern of 1 to 64 characters, * for any, ? for one",
	.put = put_glob,
	.pattern = "^[!-~]{1,64}$",
};
const struct source_word word_rate = {
	.what = "\"N per PERIOD\" or \"N per PERIOD per requester\", like 40 per 1h",
	.put = put_rate,
	.pattern = "^[1-9][0-9]* per [1-9][0-9]*[smhd]( per requester)?$",
};
const struct source_word word_line = {
	.what = "a line of 1 to 100 bytes",
	.put = put_line,
};

static const char *const required_values[] = {"required", NULL};
const struct source_word word_required = {
	.what = "`required`", .put = put_any, .values = required_values};

static const char *const mode_values[] = {"observe", NULL};
const struct source_word word_mode = {.what = "`observe`", .put = put_any, .values = mode_values};

static const char *const upload_values[] = {"required", "optional", NULL};
const struct source_word word_upload = {
	.what = "`required` or `optional`", .put = put_any, .values = upload_values};

static const char *const expect_values[] = {"allow", "wait", "deny", NULL};
const struct source_word word_expect = {
	.what = "`allow`, `wait` or `deny`", .put = put_any, .values = expect_values};

static const char *const state_values[] = {"active", "locked", "retired", NULL};
const struct source_word word_state = {
	.what = "`active`, `locked` or `retired`", .put = put_any, .values = state_values};

#define REASON_ID(suffix, id, what, remedy) id,
static const char *const reason_values[] = {REASON_TABLE(REASON_ID) NULL};
const struct source_word word_reason = {
	.what = "a reason, like approve.quorum (docs/reasons.md)",
	.put = put_reason,
	.values = reason_values,
	.pattern = "^[a-z]+\\.[a-z-]+$", /* the schema need not change with each new reason */
};
