/* Unit tests of policy and roster sources: what is refused, with its words and its place; that no
 * scalar has a type of its own; compiling and layout. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>

#include "lib/codec/jcan.h"
#include "lib/model/statement.h"
#include "lib/policy/source.h"
#include "tests/organisation.h"

#define KEY_A "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJWfHy/2vYZpSMQbqn6S8loUJibjfdJ8zV7f4Ir4hH2z"
#define KEY_B "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIR9B1Lzw3qrLwlMzZ6SlfDuT+NvdnVHw8125T3nx/8N"

static const char policy_text[] = "version: 7\n"
				  "admin:\n"
				  "  approve: [1 of security]\n"
				  "change:\n"
				  "  approve: [1 of release-managers, 1 of @dave]\n"
				  "unlock:\n"
				  "  approve: [1 of security]\n"
				  "rules:\n"
				  "  - name: release\n"
				  "    keys: [release, other]\n"
				  "    formats: [cms, pe]\n"
				  "    request: [group:developers, ci]\n"
				  "    from: [group:build-farm]\n"
				  "    approve: [2 of release-managers, 1 of security]\n"
				  "    max_uses: 3\n"
				  "    approval_lifetime: 72h\n";
#define POLICY_JSON                                                                                \
	"{\"admin\":{\"approve\":[\"1 of security\"]},"                                            \
	"\"change\":{\"approve\":[\"1 of release-managers\",\"1 of @dave\"]},"                     \
	"\"rules\":[{\"approval_lifetime\":259200,"                                                \
	"\"approve\":[\"2 of release-managers\",\"1 of security\"],\"formats\":[\"cms\",\"pe\"],"  \
	"\"from\":[\"group:build-farm\"],\"keys\":[\"release\",\"other\"],\"max_uses\":3,"         \
	"\"name\":\"release\",\"request\":[\"group:developers\",\"ci\"]}],"                        \
	"\"unlock\":{\"approve\":[\"1 of security\"]},\"version\":7}"

static const char roster_text[] = "version: 1\n"
				  "people:\n"
				  "  - name: alice\n"
				  "    groups: [release-managers]\n"
				  "    keys:\n"
				  "      - " KEY_A " alice laptop\n"
				  "hosts:\n"
				  "  - name: build-07\n"
				  "    keys: [" KEY_B "]\n";
#define ROSTER_JSON                                                                                \
	"{\"hosts\":[{\"groups\":[],\"keys\":[\"" KEY_B "\"],\"name\":\"build-07\"}],"             \
	"\"people\":[{\"groups\":[\"release-managers\"],\"keys\":[\"" KEY_A                        \
	"\"],\"name\":\"alice\"}],\"version\":1}"

static const char tests_text[] =
	"policy: policy.yaml\n"
	"roster: roster.yaml\n"
	"tests:\n"
	"  - name: it waits\n"
	"    request: {key: release, format: cms, by: carol, from: build-07}\n"
	"    expect: wait\n"
	"    because: approve.quorum\n";

static const struct {
	const char *text;
	const char *json;
} whole[SOURCE_KINDS] = {
	[SOURCE_POLICY] = {policy_text, POLICY_JSON},
	[SOURCE_ROSTER] = {roster_text, ROSTER_JSON},
	[SOURCE_TESTS] = {tests_text, NULL},
};

/* The text of this kind with the first old in it replaced by new. */
static void edit(enum source_kind kind, const char *old, const char *new, struct buf *out)
{
	const char *text = whole[kind].text;
	const char *hit = strstr(text, old);

	if (hit == NULL)
		fail_msg("there is no %s", old);
	buf_init(out, 2 * SOURCE_BYTES_MAX);
	buf_put(out, text, (size_t)(hit - text));
	buf_put_str(out, new);
	buf_put_str(out, hit + strlen(old));
	assert_rc(RC_OK, buf_done(out));
}

static void compile(enum source_kind kind, struct view text, struct buf *out)
{
	AUTO(source) struct source *s = NULL;
	struct fault f = {0};

	if (!rc_is_ok(source_read(kind, text, &s, &f)))
		fail_msg("%s", f.text);
	buf_init(out, DOCUMENT_BYTES_MAX);
	assert_rc(RC_OK, source_compile(s, out, &f));
	assert_rc(RC_OK, jcan_check(buf_view(out), &f));
}

static void refuse(enum source_kind kind, struct view text, enum rc_code code, const char *words)
{
	struct source *s = NULL;
	struct fault f = {0};
	rc r = source_read(kind, text, &s, &f);

	if (r.code != code || strncmp(f.text, words, strlen(words)) != 0)
		fail_msg("%s \"%s\" instead of \"%s\"", rc_name(r), f.text, words);
	assert_null(s);
}

struct refusal_case {
	enum source_kind kind;
	const char *old;
	const char *new;
	enum rc_code code;
	const char *words; /* how the fault begins */
};

static void refuse_all(const struct refusal_case *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO(buf) struct buf b = {0};

		edit(list[i].kind, list[i].old, list[i].new, &b);
		refuse(list[i].kind, buf_view(&b), list[i].code, list[i].words);
	}
}
#define REFUSE_ALL(list) refuse_all(list, sizeof(list) / sizeof(list[0]))

/* ---- What a source compiles to --------------------------------------------------------------*/

static void sources_compile_to_canonical_documents(void **state)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = NULL;
	AUTO(buf) struct buf policy = {0};
	AUTO(buf) struct buf roster = {0};
	struct fault f;

	(void)state;
	compile(SOURCE_POLICY, view_str(policy_text), &policy);
	assert_string_equal(buf_cstr(&policy), POLICY_JSON);
	assert_rc(RC_OK, policy_parse(buf_view(&policy), &p, &f));
	compile(SOURCE_ROSTER, view_str(roster_text), &roster);
	assert_string_equal(buf_cstr(&roster), ROSTER_JSON);
	assert_rc(RC_OK, roster_parse(buf_view(&roster), &r, &f));
}

/* JSON is YAML in flow style, and the canonical form compiles to itself. */
static void canonical_documents_compile_to_themselves(void **state)
{
	(void)state;
	for (unsigned k = 0; whole[k].json != NULL; k++) {
		AUTO(buf) struct buf b = {0};

		compile((enum source_kind)k, view_str(whole[k].json), &b);
		assert_string_equal(buf_cstr(&b), whole[k].json);
	}
}

/* Whether these characters are this group's name, plain and in both kinds of quotes. */
static void expect_group(const char *word)
{
	static const char *const quotes[] = {"", "\"", "'"};

	for (size_t i = 0; i < 3; i++) {
		AUTO(buf) struct buf b = {0};
		AUTO(buf) struct buf out = {0};
		char list[64];
		char json[64];

		(void)snprintf(list, sizeof(list), "[%s%s%s]", quotes[i], word, quotes[i]);
		(void)snprintf(json, sizeof(json), "\"groups\":[\"%s\"]", word);
		edit(SOURCE_ROSTER, "[release-managers]", list, &b);
		compile(SOURCE_ROSTER, buf_view(&b), &out);
		if (strstr(buf_cstr(&out), json) == NULL)
			fail_msg("no %s in %s", json, buf_cstr(&out));
	}
}

static void no_scalar_has_a_type_of_its_own(void **state)
{
	static const char *const words[] = {"no", "yes",  "on",	  "off",   "true",  "null",
					    "y",  "010",  "0x1f", "1_000", "1e3",   "1.5",
					    "12", "0o17", "nope", "1.2.3", "false", "2026-11-24"};
	static const struct refusal_case numbers[] = {
		{SOURCE_POLICY, "max_uses: 3", "max_uses: 010", RC_RANGE,
		 "15:15: expected a whole number from 1 to 1000 for `max_uses`, found `010`"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: 1_000", RC_RANGE,
		 "15:15: expected a whole"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: 0x1f", RC_RANGE,
		 "15:15: expected a whole"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: 1e1", RC_RANGE,
		 "15:15: expected a whole"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: +3", RC_RANGE, "15:15: expected a whole"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: -3", RC_RANGE, "15:15: expected a whole"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: 3.0", RC_RANGE,
		 "15:15: expected a whole"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: ~", RC_RANGE, "15:15: expected a whole"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: null", RC_RANGE,
		 "15:15: expected a whole"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses:", RC_RANGE, "15:14: expected a whole"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: 3h", RC_RANGE, "15:15: expected a whole"},
		{SOURCE_POLICY, "name: release", "name: ~", RC_SYNTAX, "9:11: expected a name"},
	};
	AUTO(buf) struct buf b = {0};
	AUTO(buf) struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		expect_group(words[i]);
	REFUSE_ALL(numbers);
	edit(SOURCE_POLICY, "max_uses: 3", "max_uses: \"3\"", &b);
	compile(SOURCE_POLICY, buf_view(&b), &out);
	assert_string_equal(buf_cstr(&out), POLICY_JSON);
}

static void seconds_have_units(void **state)
{
	static const struct {
		const char *text;
		const char *seconds;
	} good[] = {{"90s", "90"},     {"30m", "1800"},	     {"72h", "259200"},	 {"14d", "1209600"},
		    {"2w", "1209600"}, {"259200", "259200"}, {"\"3h\"", "10800"}};
	static const struct refusal_case bad[] = {
		{SOURCE_POLICY, "72h", "1.5h", RC_SYNTAX,
		 "16:24: expected whole units for `approval_lifetime`, found `1.5h`: write 90m"},
		{SOURCE_POLICY, "72h", "0.25d", RC_SYNTAX,
		 "16:24: expected whole units for `approval_lifetime`, found `0.25d`: write 6h"},
		{SOURCE_POLICY, "72h", "1.2345678h", RC_RANGE,
		 "16:24: expected 1 to 31622400 seconds"},
		{SOURCE_POLICY, "72h", "72 h", RC_RANGE, "16:24: expected 1 to 31622400 seconds"},
		{SOURCE_POLICY, "72h", "72H", RC_RANGE, "16:24: expected"},
		{SOURCE_POLICY, "72h", "h", RC_RANGE, "16:24: expected"},
		{SOURCE_POLICY, "72h", "0", RC_RANGE, "16:24: expected"},
		{SOURCE_POLICY, "72h", "072h", RC_RANGE, "16:24: expected"},
		{SOURCE_POLICY, "72h", "-1h", RC_RANGE, "16:24: expected"},
		{SOURCE_POLICY, "72h", "1h30m", RC_RANGE, "16:24: expected"},
		{SOURCE_POLICY, "72h", "367d", RC_RANGE, "16:24: expected"},
		{SOURCE_POLICY, "72h", "99999999999999999999w", RC_RANGE, "16:24: expected"},
		{SOURCE_POLICY, "72h", "18446744073709551615w", RC_RANGE, "16:24: expected"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		AUTO(buf) struct buf b = {0};
		AUTO(buf) struct buf out = {0};
		char json[64];

		edit(SOURCE_POLICY, "72h", good[i].text, &b);
		compile(SOURCE_POLICY, buf_view(&b), &out);
		(void)snprintf(json, sizeof(json), "\"approval_lifetime\":%s,", good[i].seconds);
		if (strstr(buf_cstr(&out), json) == NULL)
			fail_msg("%s: no %s", good[i].text, json);
	}
	REFUSE_ALL(bad);
}

static void a_flag_that_is_false_is_left_out(void **state)
{
	AUTO(buf) struct buf b = {0};
	AUTO(buf) struct buf out = {0};

	(void)state;
	edit(SOURCE_POLICY, "max_uses: 3", "max_uses: 3\n    unattended: false", &b);
	compile(SOURCE_POLICY, buf_view(&b), &out);
	assert_string_equal(buf_cstr(&out), POLICY_JSON);
}

/* ---- Refusals of the schema -----------------------------------------------------------------*/

static void unknown_words_get_the_nearest_known_one(void **state)
{
	static const struct refusal_case list[] = {
		{SOURCE_POLICY, "    approve: [2", "    aprove: [2", RC_UNKNOWN,
		 "14:5: unknown field `aprove` in a rule; did you mean `approve`?"},
		{SOURCE_POLICY, "max_uses", "uses_max", RC_UNKNOWN,
		 "15:5: unknown field `uses_max` in a rule; there are name, keys, "},
		{SOURCE_POLICY, "max_uses", "max_sues", RC_UNKNOWN,
		 "15:5: unknown field `max_sues` in a rule; did you mean `max_uses`?"},
		{SOURCE_POLICY, "version", "Version", RC_UNKNOWN,
		 "1:1: unknown field `Version` in a policy; did you mean `version`?"},
		{SOURCE_POLICY, "version", "''", RC_UNKNOWN, "1:1: unknown field `` in a policy"},
		{SOURCE_ROSTER, "people", "peopel", RC_UNKNOWN,
		 "2:1: unknown field `peopel` in a roster; did you mean `people`?"},
		{SOURCE_POLICY, "max_uses: 3", "upload: optinal", RC_UNKNOWN,
		 "15:13: expected `required` or `optional` for `upload`, found `optinal`; did you "
		 "mean `optional`?"},
		{SOURCE_TESTS, "approve.quorum", "approve.quroum", RC_UNKNOWN,
		 "7:14: expected a reason, like approve.quorum (docs/reasons.md) for `because`, "
		 "found "
		 "`approve.quroum`; did you mean `approve.quorum`?"},
		{SOURCE_TESTS, "approve.quorum", "ok", RC_UNKNOWN, "7:14: expected a reason"},
		{SOURCE_TESTS, "expect: wait", "expect: ok", RC_UNKNOWN,
		 "6:13: expected `allow`, `wait` or `deny` for `expect`, found `ok`"},
		{SOURCE_POLICY, "max_uses: 3", "unattended: yes", RC_UNKNOWN,
		 "15:17: expected `true` or `false` for `unattended`, found `yes`"},
	};

	(void)state;
	REFUSE_ALL(list);
}

static void values_have_the_form_that_the_schema_says(void **state)
{
	static const struct refusal_case list[] = {
		{SOURCE_POLICY, "[cms, pe]", "cms", RC_SYNTAX,
		 "11:14: expected a list for `formats`: write [cms]"},
		{SOURCE_POLICY, "[cms, pe]", "", RC_SYNTAX,
		 "11:13: `formats` has no value; expected a list"},
		{SOURCE_POLICY, "[cms, pe]", "{cms: pe}", RC_SYNTAX,
		 "11:14: expected a list for `formats`, found a map"},
		{SOURCE_POLICY, "[cms, pe]", "[[cms], pe]", RC_SYNTAX,
		 "11:15: expected a text for `formats`, found a list"},
		{SOURCE_POLICY, "[cms, pe]", "[]", RC_RANGE, "11:14: `formats` is an empty list"},
		{SOURCE_POLICY, "[cms, pe]", "[CMS]", RC_SYNTAX, "11:15: expected a format's name"},
		{SOURCE_POLICY, "[cms, pe]", "[sixteen-letters-]", RC_LIMIT,
		 "11:15: expected a format's name"},
		{SOURCE_POLICY, "[cms, pe]", "[cms, pe, cms]", RC_DUPLICATE,
		 "11:24: `cms` is in `formats` twice; first in line 11"},
		{SOURCE_POLICY, "2 of release-managers, 1 of security",
		 "2 of security, 1 of security", RC_DUPLICATE,
		 "14:30: `of security` is in `approve` twice"},
		{SOURCE_POLICY, "2 of release-managers", "two of release-managers", RC_SYNTAX,
		 "14:15: expected seats: \"N of GROUP\""},
		{SOURCE_POLICY, "2 of release-managers", "65 of release-managers", RC_RANGE,
		 "14:15: expected seats"},
		{SOURCE_POLICY, "2 of release-managers", "2 of @alice", RC_RANGE,
		 "14:15: expected seats"},
		{SOURCE_POLICY, "group:developers", "groups:developers", RC_SYNTAX,
		 "12:15: expected a name, group:NAME, service:NAME for who asks, issuer:NAME for "
		 "from for `request`"},
		{SOURCE_POLICY, "version: 7\n", "", RC_NOTFOUND, "1:1: a policy has no `version`"},
		{SOURCE_POLICY, "    keys: [release, other]\n", "", RC_NOTFOUND,
		 "9:5: a rule has no `keys`"},
		{SOURCE_POLICY, "version: 7", "version: 0", RC_RANGE,
		 "1:10: expected a whole number"},
		{SOURCE_POLICY, "version: 7", "version: 9007199254740992", RC_RANGE,
		 "1:10: expected a whole number"},
		{SOURCE_POLICY, "max_uses: 3", "unattended: true", RC_STATE,
		 "15:5: a rule has either `approve` or `unattended`, this one has both"},
		{SOURCE_POLICY, "    approve: [2 of release-managers, 1 of security]\n", "",
		 RC_STATE,
		 "9:5: a rule has either `approve` or `unattended`, this one has neither"},
		{SOURCE_POLICY, "rules:\n",
		 "rules:\n  - {name: release, keys: [k], formats: [cms], "
		 "request: [a], from: [b], unattended: true}\n",
		 RC_DUPLICATE, "10:11: a rule `release` is in `rules` twice; first in line 9"},
		{SOURCE_POLICY, "rules:\n", "rules: {}\nother:\n", RC_SYNTAX,
		 "8:8: expected a list for `rules`, found a map"},
		{SOURCE_ROSTER, KEY_A, "ssh-ed25519 AAAA", RC_TRUNCATED,
		 "6:9: expected a public SSH key as in a .pub file"},
		{SOURCE_ROSTER, KEY_A " alice laptop", KEY_A " one\n      - " KEY_A " two",
		 RC_DUPLICATE,
		 "7:9: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJWf` is in `keys` twice"},
		{SOURCE_ROSTER, KEY_B, KEY_A, RC_DUPLICATE,
		 "9:12: `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJWf` is there twice; first in line "
		 "6"},
		{SOURCE_ROSTER, "name: alice", "name: Alice", RC_SYNTAX,
		 "3:11: expected a name like build-07"},
		{SOURCE_TESTS, "it waits", "\"\"", RC_SYNTAX,
		 "4:11: expected a line of 1 to 200 bytes"},
		{SOURCE_TESTS, "expect: wait", "at: 2026-02-30T00:00:00Z", RC_RANGE,
		 "6:9: expected a time in UTC"},
	};

	(void)state;
	REFUSE_ALL(list);
}

/* ---- Hostile YAML ---------------------------------------------------------------------------*/

static void yaml_is_a_strict_subset(void **state)
{
	static const struct refusal_case list[] = {
		{SOURCE_POLICY, "[cms, pe]", "&f [cms, pe]", RC_UNSUPPORTED,
		 "11:14: an anchor (&)"},
		{SOURCE_POLICY, "[cms, pe]", "[&f cms, pe]", RC_UNSUPPORTED,
		 "11:15: an anchor (&)"},
		{SOURCE_POLICY, "[cms, pe]", "*f", RC_UNSUPPORTED, "11:14: an alias (*)"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: !!int 3", RC_UNSUPPORTED,
		 "15:15: a tag (!)"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: ! 3", RC_UNSUPPORTED, "15:15: a tag (!)"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: ! \"3\"", RC_UNSUPPORTED,
		 "15:15: a tag (!)"},
		{SOURCE_POLICY, "[cms, pe]", "!!set [cms, pe]", RC_UNSUPPORTED, "11:14: a tag (!)"},
		{SOURCE_POLICY, "max_uses: 3", "!!str max_uses: 3", RC_UNSUPPORTED,
		 "15:5: a tag (!)"},
		{SOURCE_POLICY, "max_uses: 3", "<<: {max_uses: 3}", RC_UNSUPPORTED,
		 "15:5: a merge key (<<)"},
		{SOURCE_POLICY, "max_uses: 3", "[max_uses]: 3", RC_UNSUPPORTED,
		 "15:5: a key that is a map or a list"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: 3\n    max_uses: 4", RC_DUPLICATE,
		 "16:5: `max_uses` is there twice; first in line 15"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses: 3\n    \"max_uses\": 3", RC_DUPLICATE,
		 "16:5: `max_uses` is there twice"},
		{SOURCE_POLICY, "version", "%YAML 1.1\n---\nversion", RC_UNSUPPORTED,
		 "1:1: a directive (%)"},
		{SOURCE_POLICY, "version", "%TAG ! tag:x,2026:\n---\nversion", RC_UNSUPPORTED,
		 "1:1: a directive (%)"},
		{SOURCE_POLICY, "rules:", "---\nrules:", RC_UNSUPPORTED, "8:1: a second document"},
		{SOURCE_POLICY, "name: release", "name: |\n      release", RC_UNSUPPORTED,
		 "9:11: a block text (| or >)"},
		{SOURCE_POLICY, "name: release", "name: >-\n      release", RC_UNSUPPORTED,
		 "9:11: a block text (| or >)"},
		{SOURCE_POLICY, "name: release", "name: rel\n      ease", RC_UNSUPPORTED,
		 "9:11: a text of several lines"},
		{SOURCE_POLICY, "name: release", "name: \"rel\\\n      ease\"", RC_UNSUPPORTED,
		 "9:11: a text of several lines"},
		{SOURCE_POLICY, "name: release", "name: \"rel\\0ease\"", RC_UNSUPPORTED,
		 "9:11: an escape for a character that is not permitted"},
		{SOURCE_POLICY, "name: release", "name: \"rel\\u202eease\"", RC_UNSUPPORTED,
		 "9:11: an escape for a character that is not permitted"},
		{SOURCE_POLICY, "max_uses: 3", "max_uses:\t3", RC_UNSUPPORTED,
		 "15:14: a tab; indent with spaces (U+0009)"},
		{SOURCE_POLICY, "max_uses: 3\n", "max_uses: 3\r\n", RC_UNSUPPORTED,
		 "15:16: a carriage return; lines end with LF alone (U+000D)"},
		{SOURCE_POLICY, "version", "\xef\xbb\xbfversion", RC_UNSUPPORTED,
		 "1:1: a byte order mark; save it as UTF-8 without one (U+FEFF)"},
		{SOURCE_POLICY, "version", "v\x1bion", RC_UNSUPPORTED, "1:2: a control character"},
		{SOURCE_POLICY, "version: 7", "version: 7 # \xe2\x80\xae", RC_UNSUPPORTED,
		 "1:14: a control character, or one that hides or turns round"},
		{SOURCE_POLICY, "version: 7", "version: 7 # \xc2\x85", RC_UNSUPPORTED,
		 "1:14: a line separator that is no LF (U+0085)"},
		{SOURCE_POLICY, "version: 7", "version: 7 # \xe2\x80\xa8", RC_UNSUPPORTED,
		 "1:14: a line separator that is no LF (U+2028)"},
		{SOURCE_POLICY, "version: 7", "version: 7 # \xc3\xa4\xff", RC_SYNTAX,
		 "1:15: this is not UTF-8"},
		{SOURCE_POLICY, "version: 7", "version: 7 # \xc0\xaf", RC_SYNTAX,
		 "1:14: this is not UTF-8"},
		{SOURCE_POLICY, "rules:", "rules: [", RC_SYNTAX, "9:3: not YAML: "},
		{SOURCE_POLICY, "rules:", "rules: \"", RC_SYNTAX, "17:1: not YAML: "},
	};

	(void)state;
	REFUSE_ALL(list);
	refuse(SOURCE_POLICY, view_str(""), RC_SYNTAX, "1:1: the file holds nothing");
	refuse(SOURCE_POLICY, view_str("# nothing\n"), RC_SYNTAX, "1:1: the file holds nothing");
	refuse(SOURCE_POLICY, view_str("[]\n"), RC_SYNTAX, "1:1: expected a map for `policy`");
	refuse(SOURCE_POLICY, view_str("policy\n"), RC_SYNTAX, "1:1: expected a map for `policy`");
	refuse(SOURCE_POLICY, view_str("v\0: 1\n"), RC_SYNTAX, "1:1: expected a map");
	refuse(SOURCE_POLICY, view_of("v\0: 1\n", 6), RC_UNSUPPORTED, "1:2: a control character");
}

/* Nine levels of ten aliases each: a thousand million values, were they followed. */
static void an_alias_bomb_does_not_go_off(void **state)
{
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, SOURCE_BYTES_MAX);
	buf_put_str(&b, "a: &a [x, x]\n");
	for (char c = 'b'; c <= 'j'; c++)
		buf_printf(&b, "%c: &%c [*%c, *%c, *%c, *%c, *%c]\n", c, c, c - 1, c - 1, c - 1,
			   c - 1, c - 1);
	refuse(SOURCE_POLICY, buf_view(&b), RC_UNSUPPORTED, "1:4: an anchor (&)");
}

static void repeat(struct buf *b, const char *text, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_put_str(b, text);
}

static void every_size_has_a_limit(void **state)
{
	static const struct {
		const char *head;
		const char *unit;
		size_t count;
		enum rc_code code;
		const char *words;
	} list[] = {
		{"version: ", "x", 10 << 20, RC_LIMIT,
		 "1:1: a file of 10485769 bytes, at most 4194304"},
		{"version: ", "x", SOURCE_SCALAR_MAX + 1, RC_LIMIT, "1:10: a text of 16385 bytes"},
		{"version: ", "x", SOURCE_SCALAR_MAX, RC_RANGE, "1:10: expected a whole number"},
		{"", "x", SOURCE_SCALAR_MAX + 1, RC_LIMIT,
		 "1:1: a text of 16385 bytes, at most 16384"},
		{"version: ", "[", SOURCE_DEPTH_MAX, RC_LIMIT, "1:17: nested deeper than 8 levels"},
		{"version: ", "[", 1 << 20, RC_LIMIT, "1:17: nested deeper than 8 levels"},
		{"version: ", "{a: ", 100000, RC_LIMIT, "1:38: nested deeper than 8 levels"},
		{"- ", "- ", 100000, RC_LIMIT, "1:17: nested deeper than 8 levels"},
		{"version: [", "a,", SOURCE_NODES_MAX, RC_LIMIT,
		 "1:524295: more than 262144 values"},
		{"", "? ", 100000, RC_UNSUPPORTED, "1:3: a key that is a map or a list"},
	};
	AUTO(buf) struct buf many = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		AUTO(buf) struct buf b = {0};

		buf_init(&b, (size_t)16 << 20);
		buf_put_str(&b, list[i].head);
		repeat(&b, list[i].unit, list[i].count);
		assert_rc(RC_OK, buf_done(&b));
		refuse(SOURCE_POLICY, buf_view(&b), list[i].code, list[i].words);
	}
	buf_init(&many, SOURCE_BYTES_MAX);
	for (unsigned i = 0; i < 257; i++)
		buf_printf(&many, "f%u: 1\n", i);
	refuse(SOURCE_POLICY, buf_view(&many), RC_LIMIT, "257:1: more than 256 fields");
}

static void lists_have_limits(void **state)
{
	AUTO(buf) struct buf groups = {0};
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&groups, SOURCE_BYTES_MAX);
	buf_put_str(&groups, "[");
	for (unsigned i = 0; i <= ROSTER_GROUPS_MAX; i++)
		buf_printf(&groups, "g%u,", i);
	buf_put_str(&groups, "]");
	edit(SOURCE_ROSTER, "[release-managers]", buf_cstr(&groups), &b);
	refuse(SOURCE_ROSTER, buf_view(&b), RC_LIMIT, "4:13: `groups` has 65 entries, at most 64");
}

static void a_document_over_its_limit_is_not_compiled(void **state)
{
	AUTO(source) struct source *s = NULL;
	AUTO(buf) struct buf small = {0};
	struct fault f = {0};

	(void)state;
	assert_rc(RC_OK, source_read(SOURCE_POLICY, view_str(policy_text), &s, &f));
	buf_init(&small, 100);
	assert_rc(RC_LIMIT, source_compile(s, &small, &f));
	assert_string_equal(f.text, "1:1: the compiled policy is too large (at most 100 bytes)");
}

/* ---- Places and kinds -----------------------------------------------------------------------*/

static void compiled_bytes_know_their_line(void **state)
{
	AUTO(source) struct source *s = NULL;
	AUTO(buf) struct buf out = {0};
	struct source_place at;
	struct fault f;

	(void)state;
	assert_rc(RC_OK, source_read(SOURCE_POLICY, view_str(policy_text), &s, &f));
	buf_init(&out, DOCUMENT_BYTES_MAX);
	assert_rc(RC_OK, source_compile(s, &out, &f));
	at = source_origin(s,
			   (uint64_t)(strstr(buf_cstr(&out), "group:build-farm") - buf_cstr(&out)));
	assert_int_equal(at.line, 13);
	assert_int_equal(at.column, 12);
	assert_int_equal(source_origin(s, 0).line, 1);
	assert_int_equal(source_origin(s, UINT64_MAX).line, 1); /* version is last in JSON */
	assert_int_equal(source_find(s, "rules", "release").line, 9);
	assert_int_equal(source_find(s, "unlock", NULL).line, 6);
	assert_int_equal(source_find(s, "rules", "other").line, 0);
	assert_int_equal(source_find(s, "people", "alice").line, 0);
	assert_int_equal(source_find(s, "version", "x").line, 0);
}

static void kinds_are_told_by_their_fields(void **state)
{
	enum source_kind kind = SOURCE_TESTS;
	struct fault f = {0};

	(void)state;
	for (unsigned k = 0; k < SOURCE_KINDS; k++) {
		assert_rc(RC_OK, source_guess(view_str(whole[k].text), &kind, &f));
		assert_int_equal(kind, k);
		assert_rc(RC_OK, source_kind_parse(view_str(source_kind_name(kind)), &kind));
		assert_int_equal(kind, k);
	}
	assert_rc(RC_OK, source_guess(view_str("version: 1\n"), &kind, &f));
	assert_int_equal(kind, SOURCE_ROSTER); /* alone it is a whole one */
	assert_rc(RC_UNKNOWN, source_guess(view_str("a: b\n"), &kind, &f));
	assert_string_equal(f.text, "1:1: neither a policy, nor a roster, nor a test file");
	assert_rc(RC_UNKNOWN, source_guess(view_str("[rules]\n"), &kind, &f));
	assert_rc(RC_UNSUPPORTED, source_guess(view_str("rules: *a\n"), &kind, &f));
	assert_rc(RC_UNKNOWN, source_kind_parse(view_str("polic"), &kind));
}

/* ---- Layout ---------------------------------------------------------------------------------*/

static void fmt(enum source_kind kind, struct view text, struct buf *out)
{
	AUTO(source) struct source *s = NULL;
	struct fault f = {0};

	if (!rc_is_ok(source_read(kind, text, &s, &f)))
		fail_msg("%s", f.text);
	buf_init(out, SOURCE_BYTES_MAX);
	assert_rc(RC_OK, source_fmt(s, out));
}

/* Formats text to expected, which then stays as it is and compiles to the same. */
static void expect_layout(enum source_kind kind, const char *text, const char *expected)
{
	AUTO(buf) struct buf once = {0};
	AUTO(buf) struct buf twice = {0};
	AUTO(buf) struct buf was = {0};
	AUTO(buf) struct buf is = {0};

	fmt(kind, view_str(text), &once);
	assert_string_equal(buf_cstr(&once), expected);
	fmt(kind, buf_view(&once), &twice);
	assert_string_equal(buf_cstr(&twice), expected);
	compile(kind, view_str(text), &was);
	compile(kind, buf_view(&once), &is);
	assert_string_equal(buf_cstr(&was), buf_cstr(&is));
}

static void layout_is_in_the_order_of_the_schema(void **state)
{
	(void)state;
	expect_layout(SOURCE_ROSTER, ROSTER_JSON,
		      "version: 1\n"
		      "people:\n"
		      "  - name: alice\n"
		      "    groups: [release-managers]\n"
		      "    keys: [" KEY_A "]\n"
		      "hosts:\n"
		      "  - name: build-07\n"
		      "    groups: []\n"
		      "    keys: [" KEY_B "]\n");
	expect_layout(SOURCE_ROSTER, "# top\n\npeople: []\nversion: 1\n",
		      "# top\n\nversion: 1\npeople: []\n");
	expect_layout(SOURCE_ROSTER, "{people: [], version: '1'}",
		      "version: 1\n"
		      "people: []\n");
}

static void layout_breaks_what_does_not_fit(void **state)
{
	(void)state;
	expect_layout(SOURCE_ROSTER,
		      "version: 1\npeople:\n- name: a\n  keys: [" KEY_A ", " KEY_B "]\n",
		      "version: 1\n"
		      "people:\n"
		      "  - name: a\n"
		      "    keys:\n"
		      "      - " KEY_A "\n"
		      "      - " KEY_B "\n");
}

/* What other readers of YAML take for something else is quoted; what none does is plain. */
static void layout_quotes_what_others_would_misread(void **state)
{
	(void)state;
	expect_layout(
		SOURCE_ROSTER,
		"version: 1\npeople:\n- name: 'a'\n  groups: [no, \"x-y\", 010, 1.5, 0x1f, null, "
		"12, 7-zip, 1e3]\n  keys: ['" KEY_A "']\n",
		"version: 1\n"
		"people:\n"
		"  - name: a\n"
		"    groups: [\"no\", x-y, \"010\", \"1.5\", \"0x1f\", \"null\", \"12\", 7-zip, "
		"\"1e3\"]\n"
		"    keys: [" KEY_A "]\n");
	expect_layout(
		SOURCE_TESTS,
		"policy: 'p, q'\nroster: 'r # s'\ntests:\n"
		"- {name: \"say \\\"no\\\": \\\\ \xc3\xa4\", request: {key: k, format: cms, by: "
		"b, from: h}, expect: deny}\n",
		"policy: p, q\n"
		"roster: \"r # s\"\n"
		"tests:\n"
		"  - name: \"say \\\"no\\\": \\\\ \xc3\xa4\"\n"
		"    request:\n"
		"      key: k\n"
		"      format: cms\n"
		"      by: b\n"
		"      from: h\n"
		"    expect: deny\n");
}

static void layout_keeps_every_comment_at_its_place(void **state)
{
	(void)state;
	expect_layout(SOURCE_POLICY,
		      "---\n"
		      "# Our policy.\n"
		      "#   Second line.\n"
		      "\n"
		      "\n"
		      "# about rules   \n"
		      "rules: # in order\n"
		      "\n"
		      "  # first rule\n"
		      "\n"
		      "  # really\n"
		      "  - keys: [k, # behind k\n"
		      "      # above l\n"
		      "      l]\n"
		      "    # the name\n"
		      "    name: r # behind r\n"
		      "\n"
		      "    formats: [cms] # \xc3\xa4 formats\n"
		      "    request: ['a']\n"
		      "    from: [h]\n"
		      "    unattended: true\n"
		      "version: 1 #tight\n"
		      "admin: {approve: [1 of a]} # admin\n"
		      "change: {\n"
		      "  approve: [\n"
		      "    1 of a\n"
		      "  ] # closed\n"
		      "  # last of change\n"
		      "}\n"
		      "unlock: {approve: [1 of a]}\n"
		      "# the end\n"
		      "\n"
		      "# really",
		      "# Our policy.\n"
		      "#   Second line.\n"
		      "\n"
		      "version: 1 #tight\n"
		      "change:\n"
		      "  approve: [1 of a] # closed\n"
		      "admin:\n"
		      "  approve: [1 of a] # admin\n"
		      "# last of change\n"
		      "unlock:\n"
		      "  approve: [1 of a]\n"
		      "# about rules\n"
		      "rules: # in order\n"
		      "  # first rule\n"
		      "\n"
		      "  # really\n"
		      "  # the name\n"
		      "  - name: r # behind r\n"
		      "    keys:\n"
		      "      - k # behind k\n"
		      "      # above l\n"
		      "      - l\n"
		      "\n"
		      "    formats: [cms] # \xc3\xa4 formats\n"
		      "    request: [a]\n"
		      "    from: [h]\n"
		      "    unattended: true\n"
		      "# the end\n"
		      "\n"
		      "# really\n");
}

static void schemas_are_json(void **state)
{
	(void)state;
	for (unsigned k = 0; k < SOURCE_KINDS; k++) {
		AUTO(buf) struct buf b = {0};
		json_t *value;
		const char *key;
		json_t *row;

		buf_init(&b, DOCUMENT_BYTES_MAX);
		assert_rc(RC_OK, source_json_schema((enum source_kind)k, &b));
		assert_rc(RC_OK, jcan_check(buf_view(&b), NULL));
		value = json_loadb((const char *)b.ptr, b.len, 0, NULL);
		json_object_foreach(json_object_get(value, "properties"), key, row)
		{
			assert_non_null(source_field_find(source_object((enum source_kind)k),
							  view_str(key)));
			assert_non_null(json_object_get(row, "description"));
		}
		assert_int_equal(json_object_size(json_object_get(value, "properties")),
				 source_object((enum source_kind)k)->count);
		json_decref(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_compile_to_canonical_documents),
		cmocka_unit_test(canonical_documents_compile_to_themselves),
		cmocka_unit_test(no_scalar_has_a_type_of_its_own),
		cmocka_unit_test(seconds_have_units),
		cmocka_unit_test(a_flag_that_is_false_is_left_out),
		cmocka_unit_test(unknown_words_get_the_nearest_known_one),
		cmocka_unit_test(values_have_the_form_that_the_schema_says),
		cmocka_unit_test(yaml_is_a_strict_subset),
		cmocka_unit_test(an_alias_bomb_does_not_go_off),
		cmocka_unit_test(every_size_has_a_limit),
		cmocka_unit_test(lists_have_limits),
		cmocka_unit_test(a_document_over_its_limit_is_not_compiled),
		cmocka_unit_test(compiled_bytes_know_their_line),
		cmocka_unit_test(kinds_are_told_by_their_fields),
		cmocka_unit_test(layout_is_in_the_order_of_the_schema),
		cmocka_unit_test(layout_breaks_what_does_not_fit),
		cmocka_unit_test(layout_quotes_what_others_would_misread),
		cmocka_unit_test(layout_keeps_every_comment_at_its_place),
		cmocka_unit_test(schemas_are_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
