#include "lib/policy/source_schema.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/codec/jcan.h"
#include "lib/model/field.h"
#include "lib/model/reason.h"
#include "lib/policy/cases.h"
#include "lib/policy/policy.h"

/* ---- Forms of text --------------------------------------------------------------------------*/

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

#define NAME_PATTERN "[a-z0-9][a-z0-9._-]{0,63}"

static const struct source_word word_name = {
	.what = "a name like build-07 (a-z, 0-9, '.', '_', '-')",
	.put = put_name,
	.pattern = "^" NAME_PATTERN "$",
};
static const struct source_word word_ref = {
	.what = "a name, or group:NAME",
	.put = put_ref,
	.pattern = "^(group:)?" NAME_PATTERN "$",
};
static const struct source_word word_seat = {
	.what = "seats: \"N of GROUP\" with N from 1 to 64, or \"1 of @PERSON\"",
	.put = put_seat,
	.identity = seat_identity,
	.pattern = "^([1-9][0-9]? of |1 of @)" NAME_PATTERN "$",
};
static const struct source_word word_format = {
	.what = "a format's name, like cms or pe",
	.put = put_format,
	.pattern = "^[a-z0-9][a-z0-9.-]{0,14}$",
};
static const struct source_word word_key = {
	.what = "a public SSH key as in a .pub file: TYPE BASE64 [COMMENT]",
	.put = put_key,
	.identity = key_identity,
	.pattern = "^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?$",
};
static const struct source_word word_time = {
	.what = "a time in UTC like 2026-11-24T10:00:00Z",
	.put = put_time,
	.pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
};
static const struct source_word word_title = {
	.what = "a line of 1 to 200 bytes",
	.put = put_title,
};

static const struct source_word word_calendar = {
	.what = "times like `Mon..Thu 09:00` or `*-*-01` (systemd.time(7))",
	.put = put_calendar,
};
static const struct source_word word_zone = {
	.what = "a time zone like Europe/Berlin or UTC",
	.put = put_zone,
	.pattern = "^[A-Za-z0-9+][A-Za-z0-9+._-]*(/[A-Za-z0-9+][A-Za-z0-9+._-]*)*$",
};
static const struct source_word word_local = {
	.what = "a local time like 2026-12-18 00:00",
	.put = put_local,
	.pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}$",
};
static const struct source_word word_glob = {
	.what = "a pattern of 1 to 64 characters, * for any, ? for one",
	.put = put_glob,
	.pattern = "^[!-~]{1,64}$",
};
static const struct source_word word_rate = {
	.what = "\"N per PERIOD\" or \"N per PERIOD per requester\", like 40 per 1h",
	.put = put_rate,
	.pattern = "^[1-9][0-9]* per [1-9][0-9]*[smhd]( per requester)?$",
};
static const struct source_word word_line = {
	.what = "a line of 1 to 100 bytes",
	.put = put_line,
};

static const char *const required_values[] = {"required", NULL};
static const struct source_word word_required = {
	.what = "`required`", .put = put_any, .values = required_values};

static const char *const mode_values[] = {"observe", NULL};
static const struct source_word word_mode = {
	.what = "`observe`", .put = put_any, .values = mode_values};

static const char *const upload_values[] = {"required", "optional", NULL};
static const struct source_word word_upload = {
	.what = "`required` or `optional`", .put = put_any, .values = upload_values};

static const char *const expect_values[] = {"allow", "wait", "deny", NULL};
static const struct source_word word_expect = {
	.what = "`allow`, `wait` or `deny`", .put = put_any, .values = expect_values};

static const char *const state_values[] = {"active", "locked", "retired", NULL};
static const struct source_word word_state = {
	.what = "`active`, `locked` or `retired`", .put = put_any, .values = state_values};

#define REASON_ID(suffix, id, what, remedy) id,
static const char *const reason_values[] = {REASON_TABLE(REASON_ID) NULL};
static const struct source_word word_reason = {
	.what = "a reason, like approve.quorum (docs/reasons.md)",
	.put = put_reason,
	.values = reason_values,
	.pattern = "^[a-z]+\\.[a-z-]+$", /* the schema need not change with each new reason */
};

/* ---- Objects --------------------------------------------------------------------------------*/

#define OBJECT(name, text, ...)                                                                    \
	static const struct source_object name = {.what = (text),                                  \
						  .fields = name##_fields,                         \
						  .count = sizeof(name##_fields) /                 \
							   sizeof(name##_fields[0]),               \
						  __VA_ARGS__}

#define VERSION_ROW                                                                                \
	{                                                                                          \
		.name = "version", .type = SOURCE_NUMBER, .required = true, .min = 1,              \
		.max = JCAN_NUMBER_MAX, .help = "grows by one with each change"                    \
	}
#define NAME_ROW(text)                                                                             \
	{                                                                                          \
		.name = "name", .type = SOURCE_TEXT, .required = true, .word = &word_name,         \
		.help = (text)                                                                     \
	}
#define LIST_ROW(field, word_type, limit, text)                                                    \
	{                                                                                          \
		.name = (field), .type = SOURCE_TEXTS, .required = true, .min = 1, .max = (limit), \
		.word = &(word_type), .help = (text)                                               \
	}

static const struct source_field quorum_fields[] = {
	LIST_ROW("approve", word_seat, POLICY_SEATS_MAX,
		 "the seats, each filled by a person of its own"),
};
OBJECT(quorum, "a quorum");

static const struct source_field rule_fields[] = {
	NAME_ROW("shown to people"),
	LIST_ROW("keys", word_name, POLICY_LIST_MAX, "the signing keys it is for"),
	LIST_ROW("formats", word_format, POLICY_FORMATS_MAX, "the formats it permits: cms, pe"),
	LIST_ROW("request", word_ref, POLICY_LIST_MAX, "who may ask: people, or group:NAME"),
	LIST_ROW("from", word_ref, POLICY_LIST_MAX, "from which hosts: hosts, or group:NAME"),
	{.name = "approve",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = POLICY_SEATS_MAX,
	 .word = &word_seat,
	 .help = "who has to approve: the seats, each filled by a person of its own"},
	{.name = "unattended", .type = SOURCE_FLAG, .help = "true: nobody has to approve"},
	{.name = "upload",
	 .type = SOURCE_TEXT,
	 .word = &word_upload,
	 .help = "optional: digests alone may be sent (default: required)"},
	{.name = "max_uses",
	 .type = SOURCE_NUMBER,
	 .min = 1,
	 .max = 1000,
	 .help = "how often one request may be signed (default 1)"},
	{.name = "max_deadline",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "how long a request may stay open (default 14d)"},
	{.name = "approval_lifetime",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "how long an approval counts (default 72h)"},
	{.name = "windows",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = POLICY_LIST_MAX,
	 .word = &word_name,
	 .help = "outside all of these windows the request waits (default: always open)"},
	{.name = "reason",
	 .type = SOURCE_TEXT,
	 .word = &word_required,
	 .help = "required: the request gives a reason"},
	{.name = "ticket",
	 .type = SOURCE_TEXT,
	 .word = &word_glob,
	 .help = "a pattern that a word of the request's reason matches, like INC-*"},
	{.name = "break_glass",
	 .type = SOURCE_FLAG,
	 .help = "true: passes windows and freezes; needs approve and ticket"},
	{.name = "mode",
	 .type = SOURCE_TEXT,
	 .word = &word_mode,
	 .help = "observe: on trial, evaluated and shown, permits nothing"},
};
OBJECT(rule, "a rule", .one_of = {"approve", "unattended"});

#define ZONE_ROW                                                                                   \
	{                                                                                          \
		.name = "zone", .type = SOURCE_TEXT, .required = true, .word = &word_zone,         \
		.help = "whose local time it is"                                                   \
	}

static const struct source_field window_fields[] = {
	NAME_ROW("what rules name"),
	{.name = "open",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_calendar,
	 .help = "when it opens, like Mon..Thu 09:00"},
	{.name = "length",
	 .type = SOURCE_SECONDS,
	 .required = true,
	 .min = 1,
	 .max = POLICY_WINDOW_LENGTH_MAX,
	 .help = "for how long, at most 31d"},
	ZONE_ROW,
};
OBJECT(window, "a window");

#define LOCAL_ROW(field, text)                                                                     \
	{                                                                                          \
		.name = (field), .type = SOURCE_TEXT, .required = true, .word = &word_local,       \
		.help = (text)                                                                     \
	}

static const struct source_field freeze_fields[] = {
	NAME_ROW("shown to those who wait"),
	LOCAL_ROW("from", "its first second"),
	LOCAL_ROW("to", "its end, which is not part of it"),
	ZONE_ROW,
	LIST_ROW("keys", word_glob, POLICY_LIST_MAX, "patterns of the keys that are not used"),
	{.name = "reason",
	 .type = SOURCE_TEXT,
	 .word = &word_line,
	 .help = "shown to those who wait"},
};
OBJECT(freeze, "a freeze");

static const struct source_field tier_fields[] = {
	NAME_ROW("what keys name"),
	{.name = "approve",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = POLICY_TIER_CLAUSES_MAX,
	 .word = &word_seat,
	 .help = "seats that whoever fills a rule's seats fills, too"},
	{.name = "upload",
	 .type = SOURCE_TEXT,
	 .word = &word_required,
	 .help = "required: no rule says optional"},
	{.name = "max_uses",
	 .type = SOURCE_NUMBER,
	 .min = 1,
	 .max = 1000,
	 .help = "no rule permits more"},
	{.name = "max_deadline",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "no rule permits a longer one"},
	{.name = "approval_lifetime",
	 .type = SOURCE_SECONDS,
	 .min = 1,
	 .max = POLICY_SECONDS_MAX,
	 .help = "no rule permits a longer one"},
};
OBJECT(tier, "a tier");

static const struct source_field key_fields[] = {
	NAME_ROW("the signing key"),
	{.name = "tier",
	 .type = SOURCE_TEXT,
	 .word = &word_name,
	 .help = "the least that every rule for this key demands"},
	{.name = "formats",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = POLICY_FORMATS_MAX,
	 .word = &word_format,
	 .help = "the formats it is used for, whatever a rule permits"},
	{.name = "rate",
	 .type = SOURCE_TEXTS,
	 .min = 1,
	 .max = POLICY_RATES_MAX,
	 .word = &word_rate,
	 .help = "how often it is used: 40 per 1h, 10 per 1d per requester"},
};
OBJECT(key, "a key");

#define PART_ROW(field, part, limit, text)                                                         \
	{                                                                                          \
		.name = (field), .type = SOURCE_MAPS, .min = 1, .max = (limit), .object = &(part), \
		.help = (text)                                                                     \
	}

#define QUORUM_ROW(field, text)                                                                    \
	{                                                                                          \
		.name = (field), .type = SOURCE_MAP, .required = true, .object = &quorum,          \
		.help = (text)                                                                     \
	}

static const struct source_field policy_fields[] = {
	VERSION_ROW,
	QUORUM_ROW("change", "who may replace policy or roster, asked of the policy in force"),
	QUORUM_ROW("admin", "who creates, certifies and retires keys"),
	QUORUM_ROW("unlock", "who unlocks a key that anybody may lock"),
	PART_ROW("windows", window, POLICY_WINDOWS_MAX, "when rules that name them may be used"),
	PART_ROW("freezes", freeze, POLICY_FREEZES_MAX, "when keys are not used"),
	PART_ROW("tiers", tier, POLICY_TIERS_MAX, "floors that the rules for keys keep to"),
	PART_ROW("keys", key, POLICY_KEYS_MAX, "what holds for a key, whichever rule is used"),
	{.name = "rules",
	 .type = SOURCE_MAPS,
	 .required = true,
	 .min = 0,
	 .max = POLICY_RULES_MAX,
	 .object = &rule,
	 .help = "a request needs one that fits; what none permits is denied"},
};
OBJECT(policy, "a policy");

#define PRINCIPAL_FIELDS(who)                                                                      \
	{                                                                                          \
		NAME_ROW("who it is"),                                                             \
			{.name = "groups",                                                         \
			 .type = SOURCE_TEXTS,                                                     \
			 .max = ROSTER_GROUPS_MAX,                                                 \
			 .word = &word_name,                                                       \
			 .absent = "[]",                                                           \
			 .help = "the groups of " who " it belongs to"},                           \
			{.name = "keys",                                                           \
			 .type = SOURCE_TEXTS,                                                     \
			 .required = true,                                                         \
			 .min = 1,                                                                 \
			 .max = ROSTER_KEYS_MAX,                                                   \
			 .word = &word_key,                                                        \
			 .once = true,                                                             \
			 .help = "public SSH keys, as in a .pub file"},                            \
	}

static const struct source_field person_fields[] = PRINCIPAL_FIELDS("people");
OBJECT(person, "a person");
static const struct source_field host_fields[] = PRINCIPAL_FIELDS("hosts");
OBJECT(host, "a host");

static const struct source_field roster_fields[] = {
	VERSION_ROW,
	{.name = "people",
	 .type = SOURCE_MAPS,
	 .max = ROSTER_PEOPLE_MAX,
	 .object = &person,
	 .absent = "[]",
	 .help = "those who ask and approve"},
	{.name = "hosts",
	 .type = SOURCE_MAPS,
	 .max = ROSTER_HOSTS_MAX,
	 .object = &host,
	 .absent = "[]",
	 .help = "the machines that requests come from"},
};
OBJECT(roster, "a roster");

#define SPAN_ROW(field, least, text)                                                               \
	{                                                                                          \
		.name = (field), .type = SOURCE_SECONDS, .min = (least),                           \
		.max = POLICY_SECONDS_MAX, .help = (text)                                          \
	}

static const struct source_field request_fields[] = {
	{.name = "key",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_name,
	 .help = "the signing key"},
	{.name = "key_state",
	 .type = SOURCE_TEXT,
	 .word = &word_state,
	 .help = "how the keeper holds that key (default active)"},
	{.name = "format",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_format,
	 .help = "the file's format"},
	{.name = "by",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_name,
	 .help = "who asks"},
	{.name = "from",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_name,
	 .help = "the host that the request comes from"},
	{.name = "no_upload", .type = SOURCE_FLAG, .help = "true: digests alone are sent"},
	{.name = "uses",
	 .type = SOURCE_NUMBER,
	 .min = 1,
	 .max = REQUEST_USES_MAX,
	 .help = "how often it is to be signed (default 1)"},
	{.name = "reason",
	 .type = SOURCE_TEXT,
	 .word = &word_title,
	 .help = "the request's reason, with its ticket"},
	SPAN_ROW("not_before", 0, "earliest signature, counted from `at` (default 0)"),
	SPAN_ROW("deadline", 1, "how long it stays open from `at` (default 7d)"),
};
OBJECT(request, "a test's request");

static const struct source_field one_case_fields[] = {
	{.name = "name",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_title,
	 .help = "what the test says"},
	{.name = "at",
	 .type = SOURCE_TEXT,
	 .word = &word_time,
	 .help = "when it is decided (default 2026-01-05T10:00:00Z)"},
	{.name = "request",
	 .type = SOURCE_MAP,
	 .required = true,
	 .object = &request,
	 .help = "what is asked for"},
	{.name = "approvals",
	 .type = SOURCE_TEXTS,
	 .max = CASE_APPROVALS_MAX,
	 .word = &word_name,
	 .help = "the people who have approved"},
	SPAN_ROW("approved_before", 0, "how long before `at` they did (default 0)"),
	{.name = "expect",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_expect,
	 .help = "the decision"},
	{.name = "because",
	 .type = SOURCE_TEXT,
	 .word = &word_reason,
	 .help = "a reason of that decision"},
	{.name = "rule", .type = SOURCE_TEXT, .word = &word_name, .help = "the rule that decides"},
};
OBJECT(one_case, "a test");

static const struct source_field tests_fields[] = {
	{.name = "policy",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_title,
	 .help = "the policy's file, beside this one"},
	{.name = "roster",
	 .type = SOURCE_TEXT,
	 .required = true,
	 .word = &word_title,
	 .help = "the roster's file, beside this one"},
	{.name = "tests",
	 .type = SOURCE_MAPS,
	 .required = true,
	 .min = 1,
	 .max = CASES_MAX,
	 .object = &one_case,
	 .help = "requests and what is to become of them"},
};
OBJECT(tests, "a test file");

static const struct {
	const char *name;
	const struct source_object *object;
} kinds[SOURCE_KINDS] = {
	[SOURCE_POLICY] = {"policy", &policy},
	[SOURCE_ROSTER] = {"roster", &roster},
	[SOURCE_TESTS] = {"tests", &tests},
};

const struct source_object *source_object(enum source_kind kind)
{
	return kinds[kind].object;
}

const char *source_kind_name(enum source_kind kind)
{
	return kinds[kind].name;
}

rc source_kind_parse(struct view name, enum source_kind *ret)
{
	for (unsigned i = 0; i < SOURCE_KINDS; i++)
		if (view_is(name, kinds[i].name)) {
			*ret = (enum source_kind)i;
			return OK;
		}
	return RC(RC_UNKNOWN);
}

const struct source_field *source_field_find(const struct source_object *o, struct view name)
{
	for (size_t i = 0; i < o->count; i++)
		if (view_is(name, o->fields[i].name))
			return &o->fields[i];
	return NULL;
}

const struct source_field *source_field_after(const struct source_object *o, const char *last)
{
	const struct source_field *next = NULL;

	for (size_t i = 0; i < o->count; i++)
		if (strcmp(o->fields[i].name, last) > 0 &&
		    (next == NULL || strcmp(o->fields[i].name, next->name) < 0))
			next = &o->fields[i];
	return next;
}

/* ---- Nearest words --------------------------------------------------------------------------*/

#define NEAR_MAX 32u /* longer words are not compared */

/* Edits (insert, delete, replace, swap of neighbours) from a to b. */
static size_t distance(struct view a, struct view b)
{
	size_t d[3][NEAR_MAX + 1];

	for (size_t k = 0; k <= b.len; k++)
		d[0][k] = k;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *row = d[i % 3];
		const size_t *up = d[(i + 2) % 3];
		const size_t *two_up = d[(i + 1) % 3];

		row[0] = i;
		for (size_t k = 1; k <= b.len; k++) {
			size_t best = up[k - 1] + (a.ptr[i - 1] != b.ptr[k - 1]);

			if (up[k] + 1 < best)
				best = up[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			if (i > 1 && k > 1 && a.ptr[i - 1] == b.ptr[k - 2] &&
			    a.ptr[i - 2] == b.ptr[k - 1] && two_up[k - 2] + 1 < best)
				best = two_up[k - 2] + 1;
			row[k] = best;
		}
	}
	return d[a.len % 3][b.len];
}

/* Keeps word if it is nearer to text than *best; at most a third of it may differ. */
static void nearer(struct view text, const char *word, const char **best, size_t *best_distance)
{
	struct view w = view_str(word);
	size_t n;

	if (text.len > NEAR_MAX || w.len > NEAR_MAX)
		return;
	n = distance(text, w);
	if (n <= (w.len + 2) / 3 && n < *best_distance) {
		*best = word;
		*best_distance = n;
	}
}

const char *source_field_nearest(const struct source_object *o, struct view name)
{
	const char *best = NULL;
	size_t n = SIZE_MAX;

	for (size_t i = 0; i < o->count; i++)
		nearer(name, o->fields[i].name, &best, &n);
	return best;
}

const char *source_word_nearest(const char *const *words, struct view text)
{
	const char *best = NULL;
	size_t n = SIZE_MAX;

	for (size_t i = 0; words[i] != NULL; i++)
		nearer(text, words[i], &best, &n);
	return best;
}
