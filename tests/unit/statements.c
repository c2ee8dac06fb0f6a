/* Unit tests of lib/model: names, reasons, and every statement and leaf: vectors, mutations,
 * limits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/fd.h"
#include "lib/model/call.h"
#include "lib/model/field.h"
#include "lib/model/reason.h"
#include "tests/model_echo.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

typedef rc echo_fn(struct view bytes, struct buf *out, struct fault *f);

static const char *source_dir(void)
{
	const char *dir = getenv("SRCDIR");

	return dir != NULL ? dir : ".";
}

/* A vector into b, e.g. "act/approval". */
static struct view vector(const char *name, struct buf *b)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/fuzz/corpus/%s", source_dir(), name);
	buf_init(b, 1 << 20);
	assert_rc(RC_OK, file_read(path, b, NULL));
	return buf_view(b);
}

/* Each vector comes back as it was. Every bit of it flipped, every byte taken out and every byte
 * doubled is refused, or is itself the one encoding of something else (in a text, digest, number).
 */
static void mutate(echo_fn *echo, struct view v)
{
	uint8_t *copy = (uint8_t *)malloc(v.len + 1);

	assert_non_null(copy);
	for (size_t i = 0; i < v.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(copy, v.ptr, v.len);
			copy[i] ^= (uint8_t)(1u << bit);
			assert_true(echo_is_exact(echo, view_of(copy, v.len), v.len + 16));
		}
		memcpy(copy, v.ptr, i);
		memcpy(copy + i, v.ptr + i + 1, v.len - i - 1);
		assert_true(echo_is_exact(echo, view_of(copy, v.len - 1), v.len + 16));
		memcpy(copy, v.ptr, i + 1);
		memcpy(copy + i + 1, v.ptr + i, v.len - i);
		assert_true(echo_is_exact(echo, view_of(copy, v.len + 1), v.len + 16));
	}
	free(copy);
}

static void round_trips(const char *target, echo_fn *echo, size_t expected)
{
	char path[600];
	size_t count = 0;
	const struct dirent *e;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/fuzz/corpus/%s", source_dir(), target);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		AUTO(buf) struct buf in = {0};
		AUTO(buf) struct buf out = {0};
		struct fault f = {0};
		struct view v;

		/* Those with a dash and more than 20 characters were found by fuzzing. */
		if (e->d_name[0] == '.' || strlen(e->d_name) > 20)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", target, e->d_name);
		v = vector(path, &in);
		buf_init(&out, 1 << 20);
		if (!rc_is_ok(echo(v, &out, &f)))
			fail_msg("%s: %s", path, f.text);
		assert_true(view_is_equal(v, buf_view(&out)));
		for (size_t cut = 0; cut < v.len; cut++) {
			buf_clear(&out);
			assert_false(rc_is_ok(echo(view_of(v.ptr, cut), &out, &f)));
		}
		mutate(echo, v);
		count++;
	}
	(void)closedir(dir);
	assert_int_equal(count, expected);
}

static void requests_round_trip(void **state)
{
	(void)state;
	round_trips("request", request_echo, 4);
}

static void acts_round_trip(void **state)
{
	(void)state;
	round_trips("act", act_echo, 7);
}

static void changes_round_trip(void **state)
{
	(void)state;
	round_trips("change", change_echo, 11);
}

static void access_round_trips(void **state)
{
	(void)state;
	round_trips("access", access_echo, 3);
}

static void guard_batches_round_trip(void **state)
{
	(void)state;
	round_trips("guard_batch", guard_batch_echo, 4);
}

static rc parse_guard(const char *text)
{
	struct guard_batch b;

	return guard_batch_parse(view_str(text), &b, NULL);
}

static void guard_batches_are_strict(void **state)
{
	static const struct {
		const char *state;
		const char *events;
		enum rc_code code;
	} rows[] = {
#define GOOD "\"level\":\"base\",\"mode\":\"observe\""
#define EVENT(kind, seq) "{\"kind\":\"" kind "\",\"seq\":" seq ",\"time\":\"2026-11-26T20:00:00Z\"}"
		{GOOD, "", RC_OK},
		{GOOD, EVENT("denied", "1") "," EVENT("some-other", "2"), RC_OK},
#define MET(evidence)                                                                              \
	"{\"fits\":1,\"hash\":\"sha256\",\"kind\":\"signature\",\"seq\":1," evidence               \
	",\"time\":\"2026-11-26T20:00:00Z\"}"
		{GOOD, MET("\"signature\":\"AAAA\",\"signed\":\"AQID\",\"spki\":\"AAA=\""), RC_OK},
		{GOOD, MET("\"signed\":\"AQID\",\"signature\":\"AAAA\""), RC_NONCANON},
		{GOOD, MET("\"signature\":\"AAA\""), RC_SYNTAX},
		{GOOD, MET("\"signature\":\"AAB=\""), RC_SYNTAX},
		{GOOD, MET("\"signature\":\"A A=\""), RC_SYNTAX},
		{GOOD, MET("\"signature\":1"), RC_SYNTAX},
		{GOOD, EVENT("denied", "2") "," EVENT("denied", "2"), RC_RANGE},
		{GOOD, EVENT("denied", "2") "," EVENT("denied", "1"), RC_RANGE},
		{GOOD, EVENT("denied", "0"), RC_RANGE},
		{GOOD, EVENT("Denied", "1"), RC_SYNTAX},
		{GOOD, EVENT("a-kind-that-is-far-too-long", "1"), RC_LIMIT},
		{GOOD, "{\"kind\":\"denied\",\"seq\":1}", RC_SYNTAX},
		{GOOD, "{\"kind\":\"denied\",\"more\":1,\"seq\":1}", RC_UNKNOWN},
		{"\"level\":\"base\",\"mode\":\"perhaps\"", "", RC_RANGE},
		{GOOD ",\"serial\":1", "", RC_MISMATCH},
		{"\"level\":\"base\",\"list\":\"base\",\"mode\":\"observe\"", "", RC_MISMATCH},
	};
	static char large[GUARD_BATCH_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[2048];

		(void)snprintf(
			text, sizeof(text),
			"{\"batch\":{\"dropped\":0,\"host\":\"h\",\"origin\":\"log.example\","
			"\"run\":\"00112233445566778899aabbccddeeff\",\"state\":{%s},"
			"\"time\":\"2026-11-26T20:00:00Z\"},\"events\":[%s]}",
			rows[i].state, rows[i].events);
		if (parse_guard(text).code != rows[i].code)
			fail_msg("row %zu: %s", i, rc_name(parse_guard(text)));
	}
	memset(large, ' ', sizeof(large) - 1);
	assert_rc(RC_LIMIT, parse_guard(large));
}

static void evidence_round_trips(void **state)
{
	(void)state;
	round_trips("evidence", evidence_echo, 4);
}

static void leaves_round_trip(void **state)
{
	(void)state;
	round_trips("leaf", leaf_echo, 15);
}

/* The vector with one text in it replaced by another; the rc of its echo. */
static rc with(echo_fn *echo, const char *name, const char *old, const char *new)
{
	AUTO(buf) struct buf in = {0};
	AUTO(buf) struct buf changed;
	AUTO(buf) struct buf out;
	struct view v = vector(name, &in);
	const char *hit = (const char *)memmem(v.ptr, v.len, old, strlen(old));
	size_t at;
	struct fault f;

	assert_non_null(hit);
	at = (size_t)((const uint8_t *)hit - v.ptr);
	buf_init(&changed, 1 << 20);
	buf_init(&out, 1 << 20);
	buf_put(&changed, v.ptr, at);
	buf_put_str(&changed, new);
	buf_put(&changed, v.ptr + at + strlen(old), v.len - at - strlen(old));
	return echo(buf_view(&changed), &out, &f);
}

#define ONE "request/one"
#define FILE1 "\"name\":\"acme-2.4.0.tar.gz\""

static void requests_are_strict(void **state)
{
	(void)state;
	assert_rc(RC_OK, with(request_echo, ONE, "\"uses\":1", "\"uses\":1000"));
	assert_rc(RC_RANGE, with(request_echo, ONE, "\"uses\":1", "\"uses\":0"));
	assert_rc(RC_RANGE, with(request_echo, ONE, "\"uses\":1", "\"uses\":1001"));
	assert_rc(RC_NONCANON, with(request_echo, ONE, "\"uses\":1", "\"uses\":01"));
	assert_rc(RC_NONCANON, with(request_echo, ONE, "\"uses\":1", "\"uses\": 1"));
	assert_rc(RC_UNKNOWN, with(request_echo, ONE, "\"uses\":1", "\"uses\":1,\"x\":1"));
	assert_rc(RC_DUPLICATE, with(request_echo, ONE, "\"uses\":1", "\"uses\":1,\"uses\":1"));
	assert_rc(RC_SYNTAX, with(request_echo, ONE, ",\"uses\":1", ""));
	assert_rc(RC_SYNTAX, with(request_echo, ONE, "\"upload\":true", "\"upload\":1"));
	assert_rc(RC_SYNTAX, with(request_echo, ONE, "\"carol\"", "\"Carol\""));
	assert_rc(RC_SYNTAX, with(request_echo, ONE, "\"carol\"", "\"\""));
	assert_rc(RC_SYNTAX, with(request_echo, ONE, "\"cms\"", "\"CMS\""));
	assert_rc(RC_LIMIT, with(request_echo, ONE, "\"cms\"", "\"abcdefghijklmnop\""));
	assert_rc(RC_SYNTAX, with(request_echo, ONE, "\"keeper.example\"", "\"a/b\""));
	assert_rc(RC_UNKNOWN, with(request_echo, ONE, "\"sha256:", "\"sha1:"));
	assert_rc(RC_SYNTAX, with(request_echo, ONE, "{\"digest\":\"sha256\"}", "1"));
	assert_rc(RC_EXPIRED, with(request_echo, ONE, "2026-11-26", "2026-11-22")); /* deadline */
	assert_rc(RC_RANGE, with(request_echo, ONE, "2026-11-26", "2026-02-30"));
	assert_rc(RC_MISMATCH, with(request_echo, ONE, "urn:greatseal:request:v1", "urn:x"));
	assert_rc(RC_MISMATCH, with(request_echo, ONE, "Statement/v1", "Statement/v2"));
	assert_rc(RC_MISMATCH,
		  with(request_echo, ONE, ",\"subject\":[{",
		       ",\"subject\":[{\"digest\":{\"sha256\":\"00000000000000000000000000"
		       "00000000000000000000000000000000000000\"},\"name\":\"b\"},{"));
	assert_rc(RC_TRAILING, with(request_echo, ONE, "gz\"}]}", "gz\"}]}\n"));
}

/* Between not_before and deadline, and given or not there. */
static void releases_are_in_time(void **state)
{
	static const char held[] = "request/held";
	static const char release[] = "\"release\":\"2026-11-26T09:00:00Z\",";
	static const struct {
		const char *text;
		enum rc_code code;
	} cases[] = {
		{"", RC_OK},
		{"\"release\":\"2026-11-23T09:00:00Z\",", RC_OK},
		{"\"release\":\"2026-11-23T08:59:59Z\",", RC_EXPIRED},
		{"\"release\":\"2026-11-26T09:00:01Z\",", RC_EXPIRED},
		{"\"release\":\"1970-01-01T00:00:00Z\",", RC_EXPIRED},
		{"\"release\":\"2026-11-26\",", RC_TRUNCATED},
		{"\"release\":0,", RC_SYNTAX},
		{"\"release\":null,", RC_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_rc(cases[i].code, with(request_echo, held, release, cases[i].text));
	assert_rc(RC_DUPLICATE, with(request_echo, held, release,
				     "\"release\":\"2026-11-26T09:00:00Z\","
				     "\"release\":\"2026-11-26T09:00:00Z\","));
}

static void names_of_files_are_plain(void **state)
{
	static const char *const bad[] = {
		"\"name\":\"\"",
		"\"name\":\".\"",
		"\"name\":\"..\"",
		"\"name\":\"a/b\"",
		"\"name\":\"a\\nb\"",
		"\"name\":\"a\\u007F\"",
		"\"name\":\"a\\u202Eb\"",
		"\"name\":\"a\\u200Bb\"",
		"\"name\":\"a\\u0085\"",
		"\"name\":\"\\uFEFFa\"",
		"\"name\":7",
		"\"name\":\"\\u2028\"",
	};
	char longest[300] = "\"name\":\"";
	size_t at = strlen(longest);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(RC_OK, with(request_echo, ONE, FILE1, bad[i]).code);
	assert_rc(RC_OK, with(request_echo, ONE, FILE1, "\"name\":\"...\""));
	assert_rc(RC_OK, with(request_echo, ONE, FILE1, "\"name\":\"\\u05D0\\u4E2D\""));
	memset(longest + at, 'x', ITEM_NAME_MAX);
	longest[at + ITEM_NAME_MAX] = '"';
	assert_rc(RC_OK, with(request_echo, ONE, FILE1, longest));
	memset(longest + at, 'x', ITEM_NAME_MAX + 1);
	longest[at + ITEM_NAME_MAX + 1] = '"';
	assert_rc(RC_LIMIT, with(request_echo, ONE, FILE1, longest));
	assert_rc(RC_DUPLICATE, with(request_echo, "request/several", "\"b.exe\"", "\"a.exe\""));
}

/* What came before params have a digest is refused for what it is; what fits is another text. */
static void access_is_strict(void **state)
{
	static const struct {
		const char *old;
		const char *new;
		enum rc_code code;
	} rows[] = {
		{"41}", "42}", RC_MISMATCH},
		{"41}", "9007199254740992}", RC_RANGE},
		{"41}", "-1}", RC_RANGE},
		{"41}", "0}", RC_RANGE},
		{"41}", "41,\"time\":1}", RC_UNKNOWN},
		{",\"size\":41}", "}", RC_SYNTAX},
		{"\"host\":\"build-07\"", "\"host\":\"\"", RC_SYNTAX},
		{"\"requester\"", "\"approver\"", RC_UNKNOWN},
	};
	/* as grants were before they named the log */
	static const char seen[] = "\"checkpoint\":{\"root\":"
				   "\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdc"
				   "dcd\",\"size\":41},";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rc r = with(access_echo, "access/grant", rows[i].old, rows[i].new);

		if (r.code != rows[i].code)
			fail_msg("row %zu: %s", i, rc_name(r));
	}
	assert_rc(RC_SYNTAX, with(access_echo, "access/grant", seen, ""));
}

static void acts_are_strict(void **state)
{
	AUTO(buf) struct buf in = {0};
	struct view v = vector("act/denial", &in);
	struct fault f;
	struct act a;

	(void)state;
	assert_rc(RC_MISMATCH, act_parse(STATEMENT_CANCELLATION, v, &a, &f));
	assert_rc(RC_MISMATCH, act_parse(STATEMENT_APPROVAL, v, &a, &f));
	assert_non_null(strstr(f.text, "approval"));
	assert_rc(RC_UNKNOWN, act_parse(STATEMENT_REQUEST, v, &a, &f));
	assert_rc(RC_OK, act_parse(STATEMENT_DENIAL, v, &a, &f));
	assert_true(name_is(&a.person, "dave"));
	assert_string_equal(a.origin, "keeper.example");
	a.comment[0] = '\x1b';
	{
		AUTO(buf) struct buf out;

		buf_init(&out, ACT_BYTES_MAX);
		assert_rc(RC_SYNTAX, act_encode(&a, &out, &f));
		a.kind = STATEMENT_POLICY;
		assert_rc(RC_UNKNOWN, act_encode(&a, &out, &f));
		a = (struct act){.kind = STATEMENT_APPROVAL,
				 .evidence_count = ACT_EVIDENCE_MAX + 1};
		assert_rc(RC_LIMIT, act_encode(&a, &out, &f));
		a.evidence_count = 2; /* twice the same */
		(void)snprintf(a.origin, sizeof(a.origin), "o");
		assert_rc(RC_OK, name_parse(view_str("alice"), &a.person));
		buf_clear(&out);
		assert_rc(RC_DUPLICATE, act_encode(&a, &out, &f));
	}
	assert_rc(RC_MISMATCH, with(act_echo, "act/denial", "\"deny\"", "\"approve\""));
	assert_rc(RC_RANGE, with(act_echo, "act/approval", "\"size\":48121", "\"size\":0"));
	assert_rc(RC_MISMATCH,
		  with(act_echo, "act/denial", "\"name\":\"request\"", "\"name\":\"x\""));
}

/* The largest of each kind fits into the kind's maximum. */
static void the_longest_act_fits(void **state)
{
	struct act a = {.kind = STATEMENT_APPROVAL, .evidence_count = ACT_EVIDENCE_MAX};
	AUTO(buf) struct buf out;
	struct fault f;

	(void)state;
	memset(a.origin, 'o', ORIGIN_MAX);
	memset(a.person.s, 'p', NAME_MAX_LEN);
	for (size_t i = 0; i < ACT_COMMENT_MAX; i += 2) /* U+00A1: six characters for two bytes */
		memcpy(a.comment + i, "\xc2\xa1", 2);
	for (size_t i = 0; i < ACT_EVIDENCE_MAX; i++)
		a.evidence[i].b[0] = (uint8_t)i;
	a.seen_size = JCAN_NUMBER_MAX;
	buf_init(&out, ACT_BYTES_MAX);
	assert_rc(RC_OK, act_encode(&a, &out, &f));
	memset(a.comment, '\n', ACT_COMMENT_MAX);
	buf_clear(&out);
	assert_rc(RC_OK, act_encode(&a, &out, &f));
	out.max = 1 << 20;
	buf_put(&out, "                ", 16);
	while (out.len <= ACT_BYTES_MAX)
		buf_put_u8(&out, ' ');
	assert_rc(RC_LIMIT, act_parse(STATEMENT_APPROVAL, buf_view(&out), &a, &f));
}

static void changes_are_strict(void **state)
{
	struct key_change k = {.certificate_count = CHANGE_CERTIFICATES_MAX + 1};
	AUTO(buf) struct buf out;
	struct document_change d = {.kind = STATEMENT_CALL, .document = view_str("{}")};
	enum key_action action;
	struct fault f;

	(void)state;
	buf_init(&out, DOCUMENT_BYTES_MAX);
	/* Whatever changes in params or document no longer fits the subject. */
	assert_rc(RC_MISMATCH, with(change_echo, "change/lock", "leaked?", "leaked!"));
	assert_rc(RC_UNKNOWN, with(change_echo, "change/lock", "\"lock\"", "\"steal\""));
	assert_rc(RC_UNKNOWN, with(change_echo, "change/create", "ecdsa-p256", "rsa-1024"));
	assert_rc(RC_RANGE, with(change_echo, "change/self-sign", "365", "0"));
	assert_rc(RC_SYNTAX, with(change_echo, "change/import", "MAMCAQA=", "MAMCAQA?"));
	assert_rc(RC_NONCANON, with(change_echo, "change/import", "MAMCAQA=", "MAMCAQB="));
	assert_rc(RC_DUPLICATE, with(change_echo, "change/import", "MAMCAQA=", "MAMCAQE="));
	assert_rc(RC_LIMIT, key_change_encode(&k, &out, &f));
	assert_rc(RC_UNKNOWN, document_change_encode(&d, &out, &f));
	d.kind = STATEMENT_POLICY;
	d.document = view_str("[]");
	assert_rc(RC_SYNTAX, document_change_encode(&d, &out, &f));
	buf_clear(&out);
	d.document = view_str("{ }");
	assert_rc(RC_NONCANON, document_change_encode(&d, &out, &f));
	assert_rc(RC_UNKNOWN, document_change_parse(STATEMENT_KEYADMIN, buf_view(&out), &d, &f));
	assert_rc(RC_UNKNOWN, key_action_parse(view_str("x"), &action));
	assert_string_equal(key_action_name(KEY_ACTION__COUNT), "?");
	for (int i = 0; i < KEY_ACTION__COUNT; i++) {
		const char *name = key_action_name((enum key_action)i);

		assert_rc(RC_OK, key_action_parse(view_str(name), &action));
		assert_int_equal(action, i);
	}
}

static void reviews_are_strict(void **state)
{
	static const struct {
		enum rc_code code;
		const char *old;
		const char *new;
	} rows[] = {
		{RC_UNKNOWN, "\"verdict\":\"ok\"", "\"verdict\":\"fine\""},
		{RC_RANGE, "\"use\":2", "\"use\":0"},
		{RC_RANGE, "\"use\":2", "\"use\":1001"},
		{RC_RANGE, "\"comment\":\"", "\"comment\":\"\",\"comment\":\""},
		{RC_SYNTAX, ",\"use\":2", ""},
		{RC_MISMATCH, "greatseal:review:v1", "greatseal:scan:v1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_rc(rows[i].code, with(act_echo, "act/review", rows[i].old, rows[i].new));
	assert_string_equal(review_verdict(true), "incident");
	assert_rc(RC_NONCANON, with(leaf_echo, "leaf/review-complete", "true", "false"));
	assert_rc(RC_RANGE, with(leaf_echo, "leaf/review", "\"use\":1", "\"use\":0"));
}

static void leaves_are_strict(void **state)
{
	struct leaf l = {.kind = LEAF_REQUEST};
	AUTO(buf) struct buf out;
	struct fault f;

	(void)state;
	buf_init(&out, LEAF_BYTES_MAX);
	assert_rc(RC_UNKNOWN, with(leaf_echo, "leaf/log", "\"log\"", "\"lag\""));
	assert_rc(RC_RANGE, with(leaf_echo, "leaf/request", "\"count\":2", "\"count\":0"));
	assert_rc(RC_OK,
		  with(leaf_echo, "leaf/authorize", "\"count\"", "\"break_glass\":true,\"count\""));
	assert_rc(RC_NONCANON, with(leaf_echo, "leaf/authorize", "\"count\"",
				    "\"break_glass\":false,\"count\""));
	assert_rc(RC_RANGE, leaf_encode(&l, &out, &f)); /* count 0 */
	l.kind = LEAF__COUNT;
	assert_rc(RC_RANGE, leaf_encode(&l, &out, &f));
	assert_string_equal(leaf_kind_name(LEAF__COUNT), "?");
	l = (struct leaf){.kind = LEAF_LOG, .action = "Start"};
	assert_rc(RC_SYNTAX, leaf_encode(&l, &out, &f));
	buf_clear(&out);
	l = (struct leaf){
		.kind = LEAF_ADMIN, .action = "a", .approval_count = LEAF_APPROVALS_MAX + 1};
	assert_rc(RC_LIMIT, leaf_encode(&l, &out, &f));
	l.approval_count = LEAF_APPROVALS_MAX;
	for (size_t i = 0; i < LEAF_APPROVALS_MAX; i++)
		l.approvals[i].b[0] = (uint8_t)i;
	buf_clear(&out);
	assert_rc(RC_OK, leaf_encode(&l, &out, &f));
	assert_rc(RC_OK, leaf_parse(buf_view(&out), &l, &f));
	l.approvals[1] = l.approvals[0];
	buf_clear(&out);
	assert_rc(RC_OK, leaf_encode(&l, &out, &f));
	assert_rc(RC_DUPLICATE, leaf_parse(buf_view(&out), &l, &f));
	assert_rc(RC_SYNTAX, leaf_parse(view_str("{}"), &l, &f));
	assert_rc(RC_LIMIT, leaf_parse(view_of(out.ptr, (size_t)LEAF_BYTES_MAX + 1), &l, &f));
}

/* count items named by i (descending, so that they must be sorted), encoded. */
static rc make_batch(size_t count, struct buf *out)
{
	struct request_item *items = (struct request_item *)calloc(count, sizeof(*items));
	char(*text)[32] = (char(*)[32])calloc(count, sizeof(*text));
	const char **names = (const char **)calloc(count, sizeof(*names));
	struct request r = {.uses = 1, .count = count, .items = items, .origin = "o"};
	struct fault f;
	rc result;

	assert_true(items != NULL && text != NULL && names != NULL);
	assert_rc(RC_OK, name_parse(view_str("x"), &r.key));
	r.requester = r.key;
	r.host = r.key;
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "file-%05zu", count - i);
		names[i] = text[i];
		items[i] = (struct request_item){.product = r.key,
						 .format = "cms",
						 .content = {.alg = HASH_SHA256, .size = 32},
						 .params = view_str("{\"digest\":\"sha256\"}")};
	}
	result = request_encode(&r, names, out, &f);
	free(items);
	free(text);
	free(names);
	return result;
}

static void batches_are_bounded(void **state)
{
	AUTO(buf) struct buf out;
	AUTO(request) struct request r = {0};
	struct digest id;
	struct fault f;

	(void)state;
	buf_init(&out, 1 << 23);
	assert_rc(RC_LIMIT, make_batch(REQUEST_ITEMS_MAX + 1, &out));
	buf_clear(&out);
	assert_rc(RC_RANGE, make_batch(0, &out));
	buf_clear(&out);
	assert_rc(RC_OK, make_batch(REQUEST_ITEMS_MAX, &out));
	assert_true(REQUEST_ITEMS_MAX * sizeof(struct request_item) <= 4u << 20);
	assert_rc(RC_OK, request_parse(buf_view(&out), &r, &f));
	assert_int_equal(r.count, REQUEST_ITEMS_MAX);
	id = request_id(buf_view(&out));
	assert_memory_equal(id.b, digest_of(buf_view(&out)).b, DIGEST_SIZE);
}

static void calls_are_exact(void **state)
{
	static const uint8_t large[CALL_HEADER_MAX];
	struct call c = {.method = view_str("POST"), .target = view_str("/v1/requests?limit=5")};
	AUTO(buf) struct buf out;
	AUTO(buf) struct buf sig;
	struct fault f;

	(void)state;
	buf_init(&out, 1 << 16);
	buf_init(&sig, 1 << 16);
	c.time = 1795424400;
	assert_rc(RC_OK, call_text(&c, &out));
	assert_string_equal(buf_cstr(&out),
			    "greatseal-call-v1\nPOST\n/v1/requests?limit=5\n-\n"
			    "2026-11-23T09:00:00Z\n00000000000000000000000000000000\n"
			    "0000000000000000000000000000000000000000000000000000000000000000\n");
	c.method = view_str("post");
	assert_rc(RC_SYNTAX, call_text(&c, &out));
	c.method = view_str("GET");
	c.target = view_str("/a b");
	assert_rc(RC_SYNTAX, call_text(&c, &out));
	c.target = view_str("/a\n");
	assert_rc(RC_SYNTAX, call_text(&c, &out));
	buf_clear(&out);
	c.has_body_digest = true;
	c.body.b[0] = 0xab;
	assert_rc(RC_OK, call_header_encode(&c, view_str("SSHSIG"), &out));
	c.has_body_digest = false;
	assert_rc(RC_OK, call_header_parse(buf_view(&out), &c, &sig, &f));
	assert_true(c.has_body_digest && c.body.b[0] == 0xab);
	assert_true(view_is(buf_view(&sig), "SSHSIG"));
	for (size_t i = 0; i < out.len; i++) {
		/* Cut between two groups of base64, what is left is a header with a shorter
		 * signature. */
		bool whole = out.len - i == 4;

		assert_int_equal(whole,
				 rc_is_ok(call_header_parse(view_of(out.ptr, i), &c, &sig, &f)));
	}
	while (out.len <= CALL_HEADER_MAX)
		buf_put_u8(&out, 'A');
	assert_rc(RC_LIMIT, call_header_parse(view_of(out.ptr, CALL_HEADER_MAX + 1), &c, &sig, &f));
	assert_rc(RC_LIMIT, call_header_encode(&c, view_of(large, sizeof(large)), &out));
	c.time = -1;
	c.target = view_str("/");
	assert_rc(RC_RANGE, call_text(&c, &out));
}

/* A host says who it is; a header of the one kind is none of the other. */
static void calls_of_hosts_are_exact(void **state)
{
	static const uint8_t large[CALL_HOST_HEADER_MAX];
	struct call c = {.host = {.s = "build-07"}, .time = 1795424400};
	struct call person = {.time = 1795424400};
	AUTO(buf) struct buf out;
	AUTO(buf) struct buf sig;

	(void)state;
	buf_init(&out, 1 << 16);
	buf_init(&sig, 1 << 16);
	assert_rc(RC_OK, call_header_encode(&c, view_of(large, CALL_HEADER_MAX), &out));
	c = (struct call){0};
	assert_rc(RC_OK, call_header_parse(buf_view(&out), &c, &sig, NULL));
	assert_string_equal(c.host.s, "build-07");
	assert_int_equal(sig.len, CALL_HEADER_MAX);
	buf_clear(&out);
	buf_clear(&sig);
	assert_rc(RC_OK, call_header_encode(&person, view_str("SSHSIG"), &out));
	assert_rc(RC_OK, call_header_parse(buf_view(&out), &c, &sig, NULL));
	assert_string_equal(c.host.s, "");
	assert_rc(RC_SYNTAX,
		  call_header_parse(view_str("Greatseal-Host h=A B,t="), &c, &sig, NULL));
	assert_rc(RC_SYNTAX, call_header_parse(view_str("Greatseal-Host t=2026-11-23T09:00:00Z,n="),
					       &c, &sig, NULL));
	buf_clear(&out);
	assert_rc(RC_OK, name_parse(view_str("build-07"), &c.host));
	assert_rc(RC_LIMIT, call_header_encode(&c, view_of(large, sizeof(large)), &out));
}

static void names_are_checked(void **state)
{
	char text[NAME_MAX_LEN + 2];
	struct name a;
	struct name b;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_rc(RC_OK, name_parse(view_of(text, NAME_MAX_LEN), &a));
	assert_rc(RC_LIMIT, name_parse(view_of(text, NAME_MAX_LEN + 1), &a));
	assert_rc(RC_SYNTAX, name_parse(view_str(""), &a));
	assert_rc(RC_SYNTAX, name_parse(view_str(".a"), &a));
	assert_rc(RC_SYNTAX, name_parse(view_str("a b"), &a));
	assert_rc(RC_SYNTAX, name_parse(view_str("a\xc3\xa9"), &a));
	assert_rc(RC_SYNTAX, name_parse(view_of("a\0b", 3), &a));
	assert_rc(RC_OK, name_parse(view_str("build-07.example_x"), &a));
	assert_rc(RC_OK, name_parse(view_str("build-08"), &b));
	assert_true(name_compare(&a, &b) < 0 && !name_is_equal(&a, &b));
	assert_true(name_is(&b, "build-08"));
}

static void kinds_have_their_own_namespace(void **state)
{
	enum statement_kind kind;

	(void)state;
	for (int i = 0; i < STATEMENT__COUNT; i++) {
		const struct statement_info *info = statement_info((enum statement_kind)i);

		assert_rc(RC_OK, statement_kind_parse(view_str(info->name), &kind));
		assert_int_equal(kind, i);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(info->ns,
						statement_info((enum statement_kind)k)->ns);
	}
	assert_rc(RC_UNKNOWN, statement_kind_parse(view_str("nothing"), &kind));
}

/* Ids are unique and documented: docs/reasons.md has a row for each, with the table's own words. */
static void reasons_are_documented(void **state)
{
	AUTO(buf) struct buf doc;
	char path[600];
	char row[600];
	size_t rows = 0;

	(void)state;
	buf_init(&doc, 1 << 20);
	(void)snprintf(path, sizeof(path), "%s/docs/reasons.md", source_dir());
	assert_rc(RC_OK, file_read(path, &doc, NULL));
	for (int i = 0; i < REASON__COUNT; i++) {
		enum reason r = (enum reason)i;
		enum reason back;

		assert_rc(RC_OK, reason_parse(view_str(reason_id(r)), &back));
		assert_int_equal(back, r);
		if (r == REASON_NONE)
			continue;
		assert_true(reason_remedy(r)[0] != '\0'); /* explain says it of every check */
		(void)snprintf(row, sizeof(row), "| `%s` | %s | %s |\n", reason_id(r),
			       reason_what(r), reason_remedy(r));
		if (strstr(buf_cstr(&doc), row) == NULL)
			fail_msg("docs/reasons.md lacks: %s", row);
	}
	for (const char *s = buf_cstr(&doc); (s = strstr(s, "\n| `")) != NULL; s++)
		rows++;
	assert_int_equal(rows, REASON__COUNT - 1);
}

static void refusals_are_words(void **state)
{
	struct refusal r;
	enum reason reason;

	(void)state;
	assert_rc(RC_DENIED, refuse(&r, REASON_WHO_SELF, "%s\nasked", "carol"));
	assert_string_equal(r.text, "carol?asked");
	assert_int_equal(r.reason, REASON_WHO_SELF);
	assert_rc(RC_WAIT, refuse(NULL, REASON_APPROVE_QUORUM, "x"));
	assert_rc(RC_UNKNOWN, reason_parse(view_str("no.such"), &reason));
	assert_string_equal(reason_id((enum reason)9999), "keeper.internal");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_round_trip),
		cmocka_unit_test(acts_round_trip),
		cmocka_unit_test(changes_round_trip),
		cmocka_unit_test(access_round_trips),
		cmocka_unit_test(access_is_strict),
		cmocka_unit_test(guard_batches_round_trip),
		cmocka_unit_test(guard_batches_are_strict),
		cmocka_unit_test(evidence_round_trips),
		cmocka_unit_test(leaves_round_trip),
		cmocka_unit_test(requests_are_strict),
		cmocka_unit_test(releases_are_in_time),
		cmocka_unit_test(names_of_files_are_plain),
		cmocka_unit_test(acts_are_strict),
		cmocka_unit_test(the_longest_act_fits),
		cmocka_unit_test(changes_are_strict),
		cmocka_unit_test(reviews_are_strict),
		cmocka_unit_test(leaves_are_strict),
		cmocka_unit_test(batches_are_bounded),
		cmocka_unit_test(calls_are_exact),
		cmocka_unit_test(calls_of_hosts_are_exact),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(kinds_have_their_own_namespace),
		cmocka_unit_test(reasons_are_documented),
		cmocka_unit_test(refusals_are_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
