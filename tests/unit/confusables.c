/* Unit tests of names that look like others: letters of other alphabets, NUL, what is not seen; in
 * a roster as it is signed, as it is written, and in what tokens say of people. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/source.h"
#include "tests/organisation.h"

/* None is carol, build-07 or security, whatever it looks like: in UTF-8, and as JSON writes it. */
static const struct {
	const char *what;
	const char *utf8;
	size_t len;
	const char *json;
} names[] = {
	{"Cyrillic es",
	 "\xd1\x81"
	 "arol",
	 6, "\\u0441arol"},
	{"Cyrillic a", "c\xd0\xb0rol", 6, "c\\u0430rol"},
	{"Greek omicron", "car\xce\xbfl", 6, "car\\u03BFl"},
	{"fullwidth",
	 "\xef\xbd\x83"
	 "arol",
	 7, "\\uFF43arol"},
	{"digit one", "caro1", 5, NULL}, /* ASCII: a name, and another one */
	{"upper case", "Carol", 5, "Carol"},
	{"dotless i", "build\xc4\xb1", 7, "build\\u0131"},
	{"a combining accent", "carol\xcc\x81", 7, "carol\\u0301"},
	{"a joiner of no width", "ca\xe2\x80\x8drol", 8, "ca\\u200Drol"},
	{"a space of no width", "carol\xe2\x80\x8b", 8, "carol\\u200B"},
	{"a soft hyphen", "car\xc2\xadol", 7, "car\\u00ADol"},
	{"turned round", "\xe2\x80\xaelorac", 8, "\\u202Elorac"},
	{"a byte order mark",
	 "\xef\xbb\xbf"
	 "carol",
	 8, "\\uFEFFcarol"},
	{"a hyphen that is none",
	 "build\xe2\x80\x90"
	 "07",
	 10, "build\\u201007"},
	{"NUL behind", "carol\0", 6, "carol\\u0000"},
	{"NUL within", "carol\0evil", 10, "carol\\u0000evil"},
	{"a line feed", "carol\n", 6, "carol\\n"},
	{"a space", "carol ", 6, "carol "},
	{"half a character", "carol\xd0", 6, NULL},
	{"two bytes for one", "carol\xc1\xa1", 7, NULL},
	{"a surrogate", "carol\xed\xa0\x80", 8, "carol\\uD800"},
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static void names_are_of_one_alphabet(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		bool plain = strcmp(names[i].what, "digit one") == 0;
		struct name n;

		if (rc_is_ok(name_parse(view_of(names[i].utf8, names[i].len), &n)) != plain)
			fail_msg("%s", names[i].what);
		if (plain)
			assert_false(name_is(&n, "carol"));
	}
}

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQRqK0WjJx1Ya2U0qpRalujAF1WZSX9S5U60VWh9L3W"

/* With what is between the two in each place in which a roster has a name. */
static const struct {
	const char *old;
	const char *before;
	const char *after;
} places[] = {
	{"{\"hosts\"", "{\"builders\":[{\"keys\":[\"" KEY "\"],\"name\":\"", "\"}],\"hosts\""},
	{"{\"hosts\"", "{\"groups\":[{\"groups\":[\"", "\"],\"name\":\"staff\"}],\"hosts\""},
	{"\"hosts\":[", "\"hosts\":[{\"enrol\":true,\"groups\":[\"", "\"],\"name\":\"new\"},"},
	{"\"hosts\":[", "\"hosts\":[{\"enrol\":true,\"groups\":[],\"name\":\"", "\"},"},
	{"\"people\":[", "\"people\":[{\"groups\":[\"",
	 "\"],\"keys\":[\"" KEY "\"],\"name\":\"new\"},"},
	{"\"people\":[", "\"people\":[{\"groups\":[],\"keys\":[\"" KEY "\"],\"name\":\"", "\"},"},
};

static enum rc_code with_name(size_t place, const char *json, struct fault *f)
{
	AUTO(roster) struct roster *r = NULL;
	AUTO(buf) struct buf b = {0};
	char with[400];

	(void)snprintf(with, sizeof(with), "%s%s%s", places[place].before, json,
		       places[place].after);
	replaced("roster.json", places[place].old, with, &b);
	return roster_parse(buf_view(&b), &r, f).code;
}

static void rosters_hold_no_other_names(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
		struct fault f = {0};
		enum rc_code code = with_name(k, "aaron", &f);

		/* A name is read; that a group of it has no member is another matter. */
		if (code != RC_OK && code != RC_NOTFOUND)
			fail_msg("place %zu: %s", k, f.text);
		for (size_t i = 0; i < NAMES; i++) {
			if (names[i].json == NULL)
				continue;
			code = with_name(k, names[i].json, &f);
			if (code != RC_SYNTAX && code != RC_NONCANON)
				fail_msg("%s, place %zu: %s", names[i].what, k, f.text);
		}
	}
}

static rc source_with(struct view name, bool quoted, struct fault *f)
{
	AUTO(source) struct source *s = NULL;
	AUTO(buf) struct buf b = {0};

	buf_init(&b, 4096);
	buf_put_str(&b, "version: 1\nhosts: []\npeople:\n  - name: ");
	buf_put_str(&b, quoted ? "\"" : "");
	buf_put_view(&b, name);
	buf_put_str(&b, quoted ? "\"" : "");
	buf_put_str(&b, "\n    groups: []\n    keys: [" KEY "]\n");
	return source_read(SOURCE_ROSTER, buf_view(&b), &s, f);
}

static void sources_hold_no_other_names(void **state)
{
	struct fault f = {0};

	(void)state;
	for (int quoted = 0; quoted <= 1; quoted++) {
		if (!rc_is_ok(source_with(view_str("aaron"), quoted, &f)))
			fail_msg("%s", f.text);
		for (size_t i = 0; i < NAMES; i++) {
			uint8_t last = (uint8_t)names[i].utf8[names[i].len - 1];

			if (strcmp(names[i].what, "digit one") == 0 ||
			    (!quoted && (last == ' ' || last == '\n')))
				continue; /* plain, white space behind it is no part of it */
			if (rc_is_ok(source_with(view_of(names[i].utf8, names[i].len), quoted, &f)))
				fail_msg("%s", names[i].what);
		}
	}
}

/* What a token calls somebody is compared byte for byte with the roster's accounts. */
static void accounts_are_compared_as_they_are(void **state)
{
	AUTO(buf) struct buf b = {0};
	AUTO(buf) struct buf whole = {0};
	AUTO(roster) struct roster *r = NULL;
	const struct name ci = name_of("ci");
	const struct name alice = name_of("alice");
	struct fault f = {0};
	const char *end;
	size_t at;

	(void)state;
	replaced("roster.json", "\"people\":[{", "\"people\":[{\"accounts\":[\"github:carol\"],",
		 &b);
	end = (const char *)memmem(b.ptr, b.len, "\"version\"", 9);
	assert_non_null(end);
	at = (size_t)(end - (const char *)b.ptr);
	buf_init(&whole, DOCUMENT_BYTES_MAX);
	buf_put(&whole, b.ptr, at);
	buf_put_str(
		&whole,
		"\"services\":[{\"name\":\"ci\",\"oidc\":{\"actor\":\"actor\",\"bind\":"
		"\"audience\","
		"\"issuer\":\"https://ci.example\",\"match\":[\"id=7\"],\"name\":\"github\"}}],");
	buf_put(&whole, b.ptr + at, b.len - at);
	if (!rc_is_ok(roster_parse(buf_view(&whole), &r, &f)))
		fail_msg("%s", f.text);
	assert_true(roster_is_behind(roster_service(r, &ci), roster_person(r, &alice), "carol"));
	for (size_t i = 0; i < NAMES; i++) {
		char account[64] = "";

		/* A NUL never comes so far: JSON of tokens refuses it. */
		if (memchr(names[i].utf8, '\0', names[i].len) != NULL)
			continue;
		memcpy(account, names[i].utf8, names[i].len);
		if (roster_is_behind(roster_service(r, &ci), roster_person(r, &alice), account))
			fail_msg("%s", names[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_of_one_alphabet),
		cmocka_unit_test(rosters_hold_no_other_names),
		cmocka_unit_test(sources_hold_no_other_names),
		cmocka_unit_test(accounts_are_compared_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
