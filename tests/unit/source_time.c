/* Unit tests of the parts of a policy source that say when, how often and at least: windows,
 * freezes, tiers, keys, and the fields of rules that go with them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/source.h"
#include "tests/organisation.h"

/* Every field once, laid out as fmt does. */
static const char text[] = "version: 7\n"
			   "change:\n"
			   "  approve: [1 of security]\n"
			   "admin:\n"
			   "  approve: [1 of security]\n"
			   "unlock:\n"
			   "  approve: [1 of security]\n"
			   "windows:\n"
			   "  - name: hours\n"
			   "    open: Mon..Thu 09:00\n"
			   "    length: 7h\n"
			   "    zone: Europe/Berlin\n"
			   "freezes:\n"
			   "  - name: year-end\n"
			   "    from: 2026-12-18 00:00\n"
			   "    to: 2027-01-04 06:00\n"
			   "    zone: UTC\n"
			   "    keys: [\"rel*\", \"ke?\"]\n"
			   "    reason: holidays\n"
			   "tiers:\n"
			   "  - name: production\n"
			   "    approve: [1 of security]\n"
			   "    upload: required\n"
			   "    max_uses: 3\n"
			   "    max_deadline: 14d\n"
			   "    approval_lifetime: 72h\n"
			   "keys:\n"
			   "  - name: release\n"
			   "    tier: production\n"
			   "    formats: [pe]\n"
			   "    rate: [40 per 1h, 5 per 1d per requester]\n"
			   "rules:\n"
			   "  - name: release\n"
			   "    keys: [release]\n"
			   "    formats: [pe]\n"
			   "    request: [carol]\n"
			   "    from: [build-07]\n"
			   "    approve: [2 of security]\n"
			   "    windows: [hours]\n"
			   "    reason: required\n"
			   "    ticket: \"INC-*\"\n"
			   "    break_glass: true\n"
			   "    review:\n"
			   "      approve: [1 of security]\n"
			   "      within: 24h\n"
			   "    mode: observe\n";

static const char json[] =
	"{\"admin\":{\"approve\":[\"1 of security\"]},\"change\":{\"approve\":[\"1 of security\"]},"
	"\"freezes\":[{\"from\":\"2026-12-18 00:00\",\"keys\":[\"rel*\",\"ke?\"],\"name\":\"year-"
	"end\",\"reason\":\"holidays\",\"to\":\"2027-01-04 06:00\",\"zone\":\"UTC\"}],"
	"\"keys\":[{\"formats\":[\"pe\"],\"name\":\"release\",\"rate\":[\"40 per 1h\",\"5 per 1d "
	"per requester\"],\"tier\":\"production\"}],"
	"\"rules\":[{\"approve\":[\"2 of security\"],\"break_glass\":true,\"formats\":[\"pe\"],"
	"\"from\":[\"build-07\"],\"keys\":[\"release\"],\"mode\":\"observe\",\"name\":\"release\","
	"\"reason\":\"required\",\"request\":[\"carol\"],\"review\":{\"approve\":[\"1 of "
	"security\"],\"within\":86400},\"ticket\":\"INC-*\",\"windows\":["
	"\"hours\"]}],"
	"\"tiers\":[{\"approval_lifetime\":259200,\"approve\":[\"1 of security\"],\"max_deadline\":"
	"1209600,\"max_uses\":3,\"name\":\"production\",\"upload\":\"required\"}],"
	"\"unlock\":{\"approve\":[\"1 of security\"]},\"version\":7,"
	"\"windows\":[{\"length\":25200,\"name\":\"hours\",\"open\":\"Mon..Thu "
	"09:00\",\"zone\":\"Europe/Berlin\"}]}";

static void compile(const char *from, struct buf *out)
{
	AUTO(source) struct source *s = NULL;
	struct fault f = {0};

	if (!rc_is_ok(source_read(SOURCE_POLICY, view_str(from), &s, &f)))
		fail_msg("%s", f.text);
	buf_init(out, DOCUMENT_BYTES_MAX);
	assert_rc(RC_OK, source_compile(s, out, &f));
}

/* The text with the first old in it replaced by new. */
static void edit(const char *old, const char *new, struct buf *out)
{
	const char *hit = strstr(text, old);

	if (hit == NULL)
		fail_msg("there is no %s", old);
	buf_init(out, SOURCE_BYTES_MAX);
	buf_put(out, text, (size_t)(hit - text));
	buf_put_str(out, new);
	buf_put_str(out, hit + strlen(old));
	assert_rc(RC_OK, buf_done(out));
}

static void every_field_compiles(void **state)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(buf) struct buf once = {0};
	AUTO(buf) struct buf again = {0};
	struct fault f = {0};

	(void)state;
	compile(text, &once);
	assert_string_equal(buf_cstr(&once), json);
	compile(json, &again);
	assert_string_equal(buf_cstr(&again), json);
	if (!rc_is_ok(policy_parse(buf_view(&once), &p, &f)))
		fail_msg("%s", f.text);
	assert_int_equal(p->windows[0].length, 7 * 3600);
	assert_int_equal(p->keys[0].rate_count, 2);
	assert_true(p->rules[0].observe && p->rules[0].break_glass && p->rules[0].reason_required);
}

static void layout_keeps_what_is_laid_out(void **state)
{
	AUTO(source) struct source *s = NULL;
	AUTO(source) struct source *other = NULL;
	AUTO(buf) struct buf same = {0};
	AUTO(buf) struct buf sorted = {0};
	struct fault f = {0};

	(void)state;
	buf_init(&same, SOURCE_BYTES_MAX);
	buf_init(&sorted, SOURCE_BYTES_MAX);
	assert_rc(RC_OK, source_read(SOURCE_POLICY, view_str(text), &s, &f));
	assert_rc(RC_OK, source_fmt(s, &same));
	assert_string_equal(buf_cstr(&same), text);
	/* From the canonical document, whose spans are in seconds. */
	assert_rc(RC_OK, source_read(SOURCE_POLICY, view_str(json), &other, &f));
	assert_rc(RC_OK, source_fmt(other, &sorted));
	assert_non_null(strstr(buf_cstr(&sorted), "  - name: hours\n    open: Mon..Thu 09:00\n"));
}

static void every_form_is_checked(void **state)
{
	static const struct {
		const char *old;
		const char *new;
		enum rc_code code;
		const char *words; /* how the fault begins */
	} list[] = {
		{"Mon..Thu 09:00", "Mon..Thu 25:00", RC_RANGE,
		 "10:11: expected times like `Mon..Thu 09:00`"},
		{"Mon..Thu 09:00", "daily", RC_SYNTAX, "10:11: expected times like"},
		{"length: 7h", "length: 32d", RC_RANGE, "11:13: expected 1 to 2678400 seconds"},
		{"length: 7h", "length: 0", RC_RANGE, "11:13: expected 1 to 2678400 seconds"},
		{"    length: 7h\n", "", RC_NOTFOUND, "9:5: a window has no `length`"},
		{"length: 7h", "lenght: 7h", RC_UNKNOWN,
		 "11:5: unknown field `lenght` in a window; did you mean `length`?"},
		{"zone: Europe/Berlin", "zone: ../Berlin", RC_SYNTAX,
		 "12:11: expected a time zone like"},
		{"    zone: Europe/Berlin\n", "", RC_NOTFOUND, "9:5: a window has no `zone`"},
		{"2026-12-18 00:00", "2026-02-30 00:00", RC_RANGE,
		 "15:11: expected a local time like"},
		{"2027-01-04 06:00", "2027-01-04T06:00", RC_SYNTAX,
		 "16:9: expected a local time like"},
		{"[\"rel*\", \"ke?\"]", "[]", RC_RANGE, "18:11: `keys` is an empty list"},
		{"[\"rel*\", \"ke?\"]", "[rel*, rel*]", RC_DUPLICATE,
		 "18:18: `rel*` is in `keys` twice"},
		{"[\"rel*\", \"ke?\"]", "[a b]", RC_SYNTAX, "18:12: expected a pattern"},
		{"reason: holidays", "reason: \"\"", RC_SYNTAX, "19:13: expected a line"},
		{"upload: required", "upload: optional", RC_UNKNOWN, "23:13: expected `required`"},
		{"tier: production", "tier: Production", RC_SYNTAX, "29:11: expected a name"},
		{"40 per 1h", "40 per hour", RC_SYNTAX, "31:12: expected \"N per PERIOD\""},
		{"40 per 1h", "0 per 1h", RC_RANGE, "31:12: expected \"N per PERIOD\""},
		{"[40 per 1h", "[1 per 1m, 1 per 2m, 1 per 3m, 40 per 1h", RC_LIMIT,
		 "31:11: `rate` has 5 entries, at most 4"},
		{"reason: required", "reason: wanted", RC_UNKNOWN, "40:13: expected `required`"},
		{"break_glass: true", "break_glass: yes", RC_UNKNOWN,
		 "42:18: expected `true` or `false`"},
		{"      within: 24h\n", "", RC_NOTFOUND, "44:7: a review has no `within`"},
		{"within: 24h", "within: soon", RC_RANGE, "45:15: expected"},
		{"mode: observe", "mode: trial", RC_UNKNOWN, "46:11: expected `observe`"},
		{"keys:\n  - name: release\n", "keys:\n  - name: release\n  - name: release\n",
		 RC_DUPLICATE, "29:11: a key `release` is in `keys` twice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		AUTO(buf) struct buf b = {0};
		struct source *s = NULL;
		struct fault f = {0};
		rc r;

		edit(list[i].old, list[i].new, &b);
		r = source_read(SOURCE_POLICY, buf_view(&b), &s, &f);
		if (r.code != list[i].code ||
		    strncmp(f.text, list[i].words, strlen(list[i].words)) != 0)
			fail_msg("%s \"%s\" instead of \"%s\"", rc_name(r), f.text, list[i].words);
		assert_null(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_compiles),
		cmocka_unit_test(layout_keeps_what_is_laid_out),
		cmocka_unit_test(every_form_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
