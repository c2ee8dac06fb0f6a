/* Purpose: see source_words.h. */
#include "lib/policy/source_words.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/codec/base64.h"
#include "lib/model/field.h"
#include "lib/model/reason.h"
#include "lib/model/roster.h"
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
	struct subject_ref s;

	(void)f;
	TRY(subject_ref_parse(text, &s));
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

/* What model/roster.h refuses once more, with the place in the document. */
static rc put_account(struct view text, struct buf *out, struct fault *f)
{
	struct view rest = text;
	struct view issuer;
	struct name n;

	(void)f;
	TRY(view_until(&rest, ':', &issuer));
	TRY(name_parse(issuer, &n));
	if (rest.len == 0 || memchr(rest.ptr, ' ', rest.len) != NULL)
		return RC(RC_SYNTAX);
	buf_put_view(out, text);
	return OK;
}

static rc put_ascii(struct view text, struct buf *out, struct fault *f)
{
	(void)f;
	if (text.len == 0)
		return RC(RC_SYNTAX);
	if (text.len > ROSTER_TEXT_MAX)
		return RC(RC_LIMIT);
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			return RC(RC_SYNTAX);
	buf_put_view(out, text);
	return OK;
}

static rc put_address(struct view text, struct buf *out, struct fault *f)
{
	struct view rest = text;
	struct view part;

	TRY(view_take(&rest, 8, &part));
	if (!view_is(part, "https://") || rest.len == 0)
		return RC(RC_SYNTAX);
	return put_ascii(text, out, f);
}

static rc put_spiffe(struct view text, struct buf *out, struct fault *f)
{
	struct view rest = text;
	struct view part;

	TRY(view_take(&rest, 9, &part));
	if (!view_is(part, "spiffe://") || memchr(rest.ptr, '/', rest.len) == NULL)
		return RC(RC_SYNTAX);
	return put_ascii(text, out, f);
}

static rc put_claim(struct view text, struct buf *out, struct fault *f)
{
	struct view rest = text;
	struct view claim;

	TRY(view_until(&rest, '=', &claim));
	if (claim.len == 0 || claim.len > NAME_MAX_LEN || rest.len == 0 ||
	    memchr(claim.ptr, ' ', claim.len) != NULL)
		return RC(RC_SYNTAX);
	return put_ascii(text, out, f);
}

static struct view claim_identity(struct view text)
{
	struct view claim = text;

	rc_ignore(view_until(&text, '=', &claim), "put_claim has read it");
	return claim;
}

static rc put_claim_name(struct view text, struct buf *out, struct fault *f)
{
	if (text.len > NAME_MAX_LEN)
		return RC(RC_LIMIT);
	return put_ascii(text, out, f);
}

static rc put_long(struct view text, struct buf *out, struct fault *f)
{
	(void)f;
	if (text.len == 0)
		return RC(RC_SYNTAX);
	if (text.len > ROSTER_JWKS_MAX)
		return RC(RC_LIMIT);
	TRY(prose_check(text, false));
	buf_put_view(out, text);
	return OK;
}

static rc put_base64(struct view text, struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf der = {0};

	if (text.len == 0)
		return RC(RC_SYNTAX);
	if (text.len > ROSTER_ROOT_MAX)
		return RC(RC_LIMIT);
	buf_init(&der, ROSTER_ROOT_MAX);
	TRY(base64_parse(BASE64_STD, text, &der, f));
	buf_put_view(out, text);
	return OK;
}

static rc put_approval(struct view text, struct buf *out, struct fault *f)
{
	struct case_approval a;

	(void)f;
	TRY(case_approval_parse(text, &a));
	buf_put_view(out, text);
	return OK;
}

static rc put_requester(struct view text, struct buf *out, struct fault *f)
{
	struct name n;
	bool service;

	(void)f;
	TRY(case_requester_parse(text, &n, &service));
	buf_put_view(out, text);
	return OK;
}

static rc put_granted(struct view text, struct buf *out, struct fault *f)
{
	if (!view_is(text, "*"))
		return put_name(text, out, f);
	buf_put_view(out, text);
	return OK;
}

static rc put_scan(struct view text, struct buf *out, struct fault *f)
{
	struct case_scan s;

	(void)f;
	TRY(case_scan_parse(text, &s));
	buf_put_view(out, text);
	return OK;
}

/* What is behind " by ": of one machine the newest word counts. */
static struct view by_identity(struct view text)
{
	struct view word = text;

	rc_ignore(view_until(&text, ' ', &word), "put_scan or put_provenance has read it");
	rc_ignore(view_until(&text, ' ', &word), "so has it this");
	return rc_is_ok(view_until(&text, ' ', &word)) ? word : text;
}

static rc put_provenance(struct view text, struct buf *out, struct fault *f)
{
	struct case_provenance p;

	(void)f;
	TRY(case_provenance_parse(text, &p));
	buf_put_view(out, text);
	return OK;
}

static rc put_file(struct view text, struct buf *out, struct fault *f)
{
	(void)f;
	if (text.len == 0 || memchr(text.ptr, '/', text.len) != NULL || view_is(text, ".") ||
	    view_is(text, ".."))
		return RC(RC_SYNTAX);
	if (text.len > ITEM_NAME_MAX)
		return RC(RC_LIMIT);
	TRY(prose_check(text, false));
	buf_put_view(out, text);
	return OK;
}

const struct source_word word_scan = {
	.what = "\"VERDICT by NAME\", perhaps with \" AGE ago\": clean by scan-01 2h ago",
	.put = put_scan,
	.identity = by_identity,
	.pattern = "^(clean|infected|suspicious|unknown) by " NAME_PATTERN "( [0-9]+[smhdw] ago)?$",
};
const struct source_word word_provenance = {
	.what = "\"BUILDER by NAME\", perhaps with \" from SOURCE\"",
	.put = put_provenance,
	.identity = by_identity,
	.pattern = "^[!-~]{1,255} by " NAME_PATTERN "( from [!-~]{1,255})?$",
};
const struct source_word word_file = {
	.what = "a file's name without a path",
	.put = put_file,
};
const struct source_word word_granted = {
	.what = "the name of a host, or * for any",
	.put = put_granted,
	.pattern = "^(\\*|" NAME_PATTERN ")$",
};
const struct source_word word_name = {
	.what = "a name like build-07 (a-z, 0-9, '.', '_', '-')",
	.put = put_name,
	.pattern = "^" NAME_PATTERN "$",
};
const struct source_word word_ref = {
	.what = "a name, group:NAME, service:NAME for who asks, issuer:NAME for from",
	.put = put_ref,
	.pattern = "^((group:|service:|issuer:)?" NAME_PATTERN "|service:\\*)$",
};
const struct source_word word_seat = {
	.what = "seats: \"N of GROUP\" with N from 1 to 64, or \"1 of @PERSON\", perhaps with \" "
		"(cli)\"",
	.put = put_seat,
	.identity = seat_identity,
	.pattern = "^([1-9][0-9]? of |1 of @)" NAME_PATTERN "( \\((cli|browser)\\))?$",
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

static const char *const guard_values[] = {"enforcing", "observing", NULL};
const struct source_word word_guard = {
	.what = "`enforcing` or `observing`", .put = put_any, .values = guard_values};

static const char *const expect_values[] = {"allow", "wait", "deny", NULL};
const struct source_word word_expect = {
	.what = "`allow`, `wait` or `deny`", .put = put_any, .values = expect_values};

static const char *const review_values[] = {"owed", "overdue", NULL};
const struct source_word word_review = {
	.what = "`owed` or `overdue`", .put = put_any, .values = review_values};

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

const struct source_word word_account = {
	.what = "ISSUER:ACCOUNT, like github:carol",
	.put = put_account,
	.pattern = "^" NAME_PATTERN ":[!-~]+$",
};
const struct source_word word_issuer = {
	.what = "an address like https://token.actions.githubusercontent.com",
	.put = put_address,
	.pattern = "^https://[!-~]+$",
};
const struct source_word word_text = {
	.what = "1 to 255 characters of printable ASCII",
	.put = put_ascii,
	.pattern = "^[ -~]{1,255}$",
};
const struct source_word word_claim = {
	.what = "CLAIM=VALUE, like repository_id=1234",
	.put = put_claim,
	.identity = claim_identity,
	.pattern = "^[!-<>-~]+=[ -~]+$",
};
const struct source_word word_claim_name = {
	.what = "a claim's name, like actor",
	.put = put_claim_name,
	.pattern = "^[!-~]{1,64}$",
};
const struct source_word word_jwks = {
	.what = "a JSON Web Key Set on one line",
	.put = put_long,
};
const struct source_word word_spiffe = {
	.what = "a SPIFFE ID like spiffe://corp/ci/build-07",
	.put = put_spiffe,
	.pattern = "^spiffe://[a-z0-9._-]+/[A-Za-z0-9._/-]+$",
};
const struct source_word word_domain = {
	.what = "a trust domain like corp.example",
	.put = put_name,
	.pattern = "^[a-z0-9._-]+$",
};
const struct source_word word_root = {
	.what = "a certificate: DER in base64",
	.put = put_base64,
	.pattern = "^[A-Za-z0-9+/]+={0,2}$",
};

static const char *const class_values[] = {"software", "vtpm", "tpm", "attested", NULL};
const struct source_word word_class = {
	.what = "`software`, `vtpm`, `tpm` or `attested`", .put = put_any, .values = class_values};

static const char *const bind_values[] = {"audience", NULL};
const struct source_word word_bind = {.what = "`audience`", .put = put_any, .values = bind_values};

static const char *const synced_values[] = {"false", NULL};
const struct source_word word_synced = {
	.what = "`false`", .put = put_any, .values = synced_values, .is_bool = true};

const struct source_word word_approval = {
	.what = "a person, perhaps with :cli, :early, :browser or :synced behind the name",
	.put = put_approval,
	.pattern = "^" NAME_PATTERN "(:(cli|early|browser|synced))?$",
};
const struct source_word word_requester = {
	.what = "a person or service, or service:NAME",
	.put = put_requester,
	.pattern = "^(service:)?" NAME_PATTERN "$",
};
