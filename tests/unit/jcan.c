/* Unit tests of lib/codec/jcan and utf8: each refusal once, and agreement with jansson, which
 * writes the same form. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/codec/jcan.h"
#include "lib/codec/utf8.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define DUMP (JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII | JSON_ENCODE_ANY)

/* {"alg":"ed25519","count":N,"note":optional,"on":bool,"tags":[text..]} */
struct sample {
	uint64_t count;
	char note[8];
	size_t note_len;
	bool on;
	size_t tags;
};

static rc sample_tags(struct jcan *j, struct sample *s)
{
	struct view tag;
	bool more;

	TRY(jcan_array(j));
	for (;;) {
		TRY(jcan_next(j, &more));
		if (!more)
			return OK;
		TRY(jcan_text(j, 4, &tag));
		s->tags++;
	}
}

static rc sample_parse(const char *text, struct sample *ret, struct fault *f)
{
	struct sample s = {0};
	struct jcan j;
	bool has;

	jcan_init(&j, view_str(text), f);
	TRY(jcan_object(&j));
	TRY(jcan_key(&j, "alg"));
	TRY(jcan_literal(&j, "ed25519"));
	TRY(jcan_key(&j, "count"));
	TRY(jcan_u64(&j, 1000, &s.count));
	TRY(jcan_key_optional(&j, "note", &has));
	if (has)
		TRY(jcan_string(&j, s.note, sizeof(s.note), &s.note_len));
	TRY(jcan_key(&j, "on"));
	TRY(jcan_bool(&j, &s.on));
	TRY(jcan_key(&j, "tags"));
	TRY(sample_tags(&j, &s));
	TRY(jcan_object_end(&j));
	TRY(jcan_end(&j));
	*ret = s;
	return OK;
}

static void a_schema_is_read(void **state)
{
	struct sample s;
	struct fault f;

	(void)state;
	assert_rc(RC_OK,
		  sample_parse("{\"alg\":\"ed25519\",\"count\":1000,\"note\":\"a\\n\\u00E9\","
			       "\"on\":true,\"tags\":[\"x\",\"yy\"]}",
			       &s, &f));
	assert_int_equal(s.count, 1000);
	assert_string_equal(s.note, "a\n\xc3\xa9");
	assert_int_equal(s.note_len, 4);
	assert_true(s.on);
	assert_int_equal(s.tags, 2);
	assert_rc(RC_OK, sample_parse("{\"alg\":\"ed25519\",\"count\":0,\"on\":false,\"tags\":[]}",
				      &s, NULL));
	assert_int_equal(s.note_len, 0);
}

static void each_deviation_has_its_code(void **state)
{
	static const struct {
		enum rc_code code;
		uint64_t offset;
		const char *text;
	} rows[] = {
		{RC_TRUNCATED, 0, ""},
		{RC_SYNTAX, 0, "[]"},
		{RC_NONCANON, 0, " {}"},
		{RC_SYNTAX, 1, "{}"}, /* alg is missing */
		{RC_MISMATCH, 7, "{\"alg\":\"rsa\"}"},
		{RC_SYNTAX, 7, "{\"alg\":5}"},
		{RC_UNKNOWN, 1, "{\"abc\":1}"},
		{RC_SYNTAX, 1, "{\"b\":1}"}, /* alg is missing, and b comes later */
		{RC_NONCANON, 1, "{ \"alg\":1}"},
		{RC_NONCANON, 6, "{\"alg\" :1}"},
		{RC_TRUNCATED, 16, "{\"alg\":\"ed25519\""},
		{RC_DUPLICATE, 17, "{\"alg\":\"ed25519\",\"alg\":1}"},
		{RC_NONCANON, 17, "{\"alg\":\"ed25519\",\"ab\":1}"},
		{RC_RANGE, 25, "{\"alg\":\"ed25519\",\"count\":1001}"},
		{RC_RANGE, 25, "{\"alg\":\"ed25519\",\"count\":-1}"},
		{RC_RANGE, 25, "{\"alg\":\"ed25519\",\"count\":9007199254740992}"},
		{RC_NONCANON, 25, "{\"alg\":\"ed25519\",\"count\":01}"},
		{RC_NONCANON, 26, "{\"alg\":\"ed25519\",\"count\":1.0}"},
		{RC_NONCANON, 26, "{\"alg\":\"ed25519\",\"count\":1e2}"},
		{RC_SYNTAX, 25, "{\"alg\":\"ed25519\",\"count\":\"1\"}"},
		{RC_SYNTAX, 25, "{\"alg\":\"ed25519\",\"count\":null}"},
		{RC_LIMIT, 35, "{\"alg\":\"ed25519\",\"count\":1,\"note\":\"12345678\"}"},
		{RC_NONCANON, 35, "{\"alg\":\"ed25519\",\"count\":1,\"note\":\"\\u0041\"}"},
		{RC_SYNTAX, 32, "{\"alg\":\"ed25519\",\"count\":1,\"on\":tru}"},
		{RC_LIMIT, 45,
		 "{\"alg\":\"ed25519\",\"count\":1,\"on\":true,\"tags\":[\"12345\"]}"},
		{RC_SYNTAX, 45, "{\"alg\":\"ed25519\",\"count\":1,\"on\":true,\"tags\":[\"\\n\"]}"},
		{RC_SYNTAX, 48, "{\"alg\":\"ed25519\",\"count\":1,\"on\":true,\"tags\":[\"1\"}"},
		{RC_TRUNCATED, 48, "{\"alg\":\"ed25519\",\"count\":1,\"on\":true,\"tags\":[\"1\""},
		{RC_SYNTAX, 49, "{\"alg\":\"ed25519\",\"count\":1,\"on\":true,\"tags\":[\"1\",]}"},
		{RC_UNKNOWN, 46,
		 "{\"alg\":\"ed25519\",\"count\":1,\"on\":true,\"tags\":[],\"z\":1}"},
		{RC_TRAILING, 47, "{\"alg\":\"ed25519\",\"count\":1,\"on\":true,\"tags\":[]}\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sample s;
		struct fault f = {0};
		rc r = sample_parse(rows[i].text, &s, &f);

		if (r.code != rows[i].code || f.code != r.code || f.offset != rows[i].offset)
			fail_msg("%s: %s at %llu: %s", rows[i].text, rc_name(r),
				 (unsigned long long)f.offset, f.text);
	}
}

static void one_encoding_per_value(void **state)
{
	static const struct {
		enum rc_code code;
		const char *text;
	} rows[] = {
		{RC_OK, "null"},
		{RC_OK, "9007199254740991"},
		{RC_OK,
		 "\"\\b\\f\\n\\r\\t\\\"\\\\\\u0001\\u001F\\u0080\\uFFFF\\uD83D\\uDE00\x7f/\""},
		{RC_OK, "{\"\":1,\"a\":2,\"a\\n\":3,\"ab\":4,\"\\u00E9\":5,\"\\uFFFF\":6,"
			"\"\\uD800\\uDC00\":7}"},
		{RC_NONCANON,
		 "{\"\\uD800\\uDC00\":7,\"\\uFFFF\":6}"}, /* by code point, not UTF-16 */
		{RC_NONCANON, "{\"ab\":1,\"a\\n\":2}"},
		{RC_NONCANON, "{\"ab\":1,\"a\":2}"},
		{RC_DUPLICATE, "{\"a\\n\":1,\"a\\n\":2}"},
		{RC_DUPLICATE, "[{\"\":1,\"\":2}]"},
		{RC_SYNTAX, "\"\\u0000\""},
		{RC_NONCANON, "\"\\u000A\""},
		{RC_NONCANON, "\"\\u0022\""},
		{RC_NONCANON, "\"\\u007F\""},
		{RC_NONCANON, "\"\\u00e9\""},
		{RC_NONCANON, "\"\\/\""},
		{RC_NONCANON, "\"\xc3\xa9\""},
		{RC_SYNTAX, "\"\\uD800xy\""},
		{RC_SYNTAX, "\"\\uD800\\n1234\""},
		{RC_SYNTAX, "\"\\uD800\\u0041\""},
		{RC_SYNTAX, "\"\\uDC00\""},
		{RC_SYNTAX, "\"\\uD80G\""},
		{RC_SYNTAX, "\"\\x\""},
		{RC_SYNTAX, "\"\n\""},
		{RC_TRUNCATED, "\"abc"},
		{RC_TRUNCATED, "\"\\u12"},
		{RC_TRUNCATED, "{\"a\":"},
		{RC_SYNTAX, "nul"},
		{RC_SYNTAX, "{\"a\"}"},
		{RC_SYNTAX, "{a:1}"},
		{RC_NONCANON, "[1 ]"},
		{RC_SYNTAX, "[1,}"},
		{RC_NONCANON, "[1, 2]"},
		{RC_NONCANON, "00"},
		{RC_TRAILING, "{}{}"},
		{RC_OK, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"},
		{RC_LIMIT, "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fault f = {0};
		rc r = jcan_check(view_str(rows[i].text), &f);

		if (r.code != rows[i].code)
			fail_msg("%s: %s: %s", rows[i].text, rc_name(r), f.text);
	}
}

static void maps_hex_raw_and_peek(void **state)
{
	const char *text =
		"{\"hex\":\"00ff\",\"kind\":\"log\",\"map\":{\"a\":1,\"\\u00E9\":{\"x\":[]}}}";
	char name[4];
	char tiny[2];
	uint8_t bytes[2];
	struct view v;
	struct jcan j;
	bool more;

	(void)state;
	jcan_init(&j, view_str(text), NULL);
	assert_rc(RC_STATE, jcan_peek(&j, "kind", &v));
	assert_rc(RC_OK, jcan_object(&j));
	assert_rc(RC_OK, jcan_peek(&j, "kind", &v));
	assert_true(view_is(v, "\"log\""));
	assert_rc(RC_NOTFOUND, jcan_peek(&j, "nothing", &v));
	assert_rc(RC_STATE, jcan_hex(&j, bytes, 2)); /* a name belongs here */
	assert_rc(RC_STATE, jcan_next(&j, &more));
	assert_rc(RC_OK, jcan_key(&j, "hex"));
	assert_rc(RC_STATE, jcan_key(&j, "kind")); /* a value belongs here */
	struct jcan k = j;
	assert_rc(RC_SYNTAX, jcan_hex(&k, bytes, 1));
	assert_rc(RC_OK, jcan_hex(&j, bytes, 2));
	assert_int_equal(bytes[1], 255);
	assert_rc(RC_OK, jcan_key(&j, "kind"));
	k = j;
	assert_rc(RC_SYNTAX, jcan_hex(&k, bytes, 1) /* three letters */);
	assert_rc(RC_OK, jcan_text(&j, 3, &v));
	assert_rc(RC_OK, jcan_key(&j, "map"));
	assert_rc(RC_OK, jcan_object(&j));
	assert_rc(RC_OK, jcan_key_any(&j, name, sizeof(name), &more));
	assert_string_equal(name, "a");
	assert_rc(RC_OK, jcan_raw(&j, &v));
	k = j;
	assert_rc(RC_LIMIT, jcan_key_any(&k, tiny, sizeof(tiny), &more));
	assert_rc(RC_OK, jcan_key_any(&j, name, sizeof(name), &more));
	assert_string_equal(name, "\xc3\xa9");
	assert_rc(RC_OK, jcan_raw(&j, &v));
	assert_true(view_is(v, "{\"x\":[]}"));
	assert_rc(RC_OK, jcan_key_any(&j, name, sizeof(name), &more));
	assert_false(more);
	assert_rc(RC_STATE, jcan_end(&j));
	assert_rc(RC_OK, jcan_object_end(&j));
	assert_rc(RC_OK, jcan_end(&j));
}

static void hex_is_lower_case(void **state)
{
	struct jcan j;
	uint8_t b[1];

	(void)state;
	jcan_init(&j, view_str("\"AA\""), NULL);
	assert_rc(RC_SYNTAX, jcan_hex(&j, b, 1));
}

static enum rc_code written(void (*fill)(struct jcan_out *), const char *expected)
{
	AUTO(buf) struct buf b;
	struct jcan_out w;
	rc r;

	buf_init(&b, 4096);
	jcan_out_init(&w, &b);
	fill(&w);
	r = jcan_out_done(&w);
	if (rc_is_ok(r))
		assert_string_equal(buf_cstr(&b), expected);
	return r.code;
}

static void fill_good(struct jcan_out *w)
{
	jcan_out_object(w);
	jcan_out_key(w, "a\n");
	jcan_out_array(w);
	jcan_out_u64(w, 0);
	jcan_out_u64(w, JCAN_NUMBER_MAX);
	jcan_out_bool(w, false);
	jcan_out_array_end(w);
	jcan_out_key(w, "ab");
	jcan_out_hex(w, view_str("\x01\xfe"));
	jcan_out_key(w, "b");
	jcan_out_base64(w, view_str("\xff\xfe"));
	jcan_out_key(w, "\xc3\xa9");
	jcan_out_raw(w, view_str("{\"x\":null}"));
	jcan_out_key(w, "\xf0\x9f\x98\x80");
	jcan_out_string(w, "\"\\\b\x1f/\x7f\xf0\x9f\x98\x80");
	jcan_out_object_end(w);
}

static void fill_order(struct jcan_out *w)
{
	jcan_out_object(w);
	jcan_out_key(w, "ab");
	jcan_out_bool(w, true);
	jcan_out_key(w, "a\n");
}

static void fill_twice(struct jcan_out *w)
{
	jcan_out_object(w);
	jcan_out_key(w, "a");
	jcan_out_bool(w, true);
	jcan_out_key(w, "a");
}

static void fill_open(struct jcan_out *w)
{
	jcan_out_array(w);
}

static void fill_crossed(struct jcan_out *w)
{
	jcan_out_array(w);
	jcan_out_object_end(w);
}

static void fill_no_value(struct jcan_out *w)
{
	jcan_out_object(w);
	jcan_out_key(w, "a");
	jcan_out_object_end(w);
}

static void fill_no_name(struct jcan_out *w)
{
	jcan_out_object(w);
	jcan_out_bool(w, true);
}

static void fill_name_in_array(struct jcan_out *w)
{
	jcan_out_array(w);
	jcan_out_key(w, "a");
}

static void fill_two(struct jcan_out *w)
{
	jcan_out_bool(w, true);
	jcan_out_bool(w, true);
}

static void fill_bad_utf8(struct jcan_out *w)
{
	jcan_out_string(w, "a\xc0\x80");
}

static void fill_nul(struct jcan_out *w)
{
	jcan_out_view(w, view_of("a\0b", 3));
}

static void fill_number(struct jcan_out *w)
{
	jcan_out_u64(w, JCAN_NUMBER_MAX + 1);
}

static void fill_deep(struct jcan_out *w)
{
	for (unsigned i = 0; i <= JCAN_DEPTH; i++)
		jcan_out_array(w);
}

static void fill_raw_deep(struct jcan_out *w)
{
	for (unsigned i = 0; i < JCAN_DEPTH; i++)
		jcan_out_array(w);
	jcan_out_raw(w, view_str("[]"));
}

static void fill_raw_space(struct jcan_out *w)
{
	jcan_out_raw(w, view_str("[1, 2]"));
}

static void fill_raw_two(struct jcan_out *w)
{
	jcan_out_raw(w, view_str("1,2"));
}

static void the_writer_cannot_be_misled(void **state)
{
	(void)state;
	assert_int_equal(RC_OK,
			 written(fill_good,
				 "{\"a\\n\":[0,9007199254740991,false],\"ab\":\"01fe\","
				 "\"b\":\"//4=\",\"\\u00E9\":{\"x\":null},\"\\uD83D\\uDE00\":"
				 "\"\\\"\\\\\\b\\u001F/\x7f\\uD83D\\uDE00\"}"));
	assert_int_equal(RC_STATE, written(fill_order, ""));
	assert_int_equal(RC_STATE, written(fill_twice, ""));
	assert_int_equal(RC_STATE, written(fill_open, ""));
	assert_int_equal(RC_STATE, written(fill_crossed, ""));
	assert_int_equal(RC_STATE, written(fill_no_value, ""));
	assert_int_equal(RC_STATE, written(fill_no_name, ""));
	assert_int_equal(RC_STATE, written(fill_name_in_array, ""));
	assert_int_equal(RC_STATE, written(fill_two, ""));
	assert_int_equal(RC_SYNTAX, written(fill_bad_utf8, ""));
	assert_int_equal(RC_SYNTAX, written(fill_nul, ""));
	assert_int_equal(RC_RANGE, written(fill_number, ""));
	assert_int_equal(RC_LIMIT, written(fill_deep, ""));
	assert_int_equal(RC_LIMIT, written(fill_raw_deep, ""));
	assert_int_equal(RC_NONCANON, written(fill_raw_space, ""));
	assert_int_equal(RC_TRAILING, written(fill_raw_two, ""));
}

static void utf8_is_strict(void **state)
{
	static const char *const bad[] = {
		"\x80",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xc3",
		"\xe2\x82",
		"\xc3\x28",
	};
	static const uint32_t edges[] = {0,	 0x7f,	 0x80,	 0x7ff,	  0x800,
					 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff};
	size_t at;
	uint32_t code;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct view v = view_str(bad[i]);

		assert_rc(RC_SYNTAX, utf8_next(&v, &code));
		assert_int_equal(v.len, strlen(bad[i]));
	}
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		uint8_t bytes[4];
		struct view v = view_of(bytes, utf8_put(edges[i], bytes));

		assert_rc(RC_OK, utf8_next(&v, &code));
		assert_int_equal(code, edges[i]);
		assert_rc(RC_TRUNCATED, utf8_next(&v, &code));
	}
	assert_rc(RC_OK, utf8_check(view_str("a\xc3\xa9"), &at));
	assert_rc(RC_SYNTAX, utf8_check(view_str("a\xc3\xa9\xff"), &at));
	assert_int_equal(at, 3);
}

/* ---- Against jansson
 * ---------------------------------------------------------------------------*/

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Few code points from each class, so that equal and almost equal names occur. */
static size_t random_text(uint64_t *s, char *out)
{
	static const uint32_t codes[] = {
		'a', 'b', 'Z', '"',  '\\', '/',	  1,	 8,	 9,	  10,	   12,	    13,
		31,  32,  127, 0x80, 0xe9, 0x7ff, 0x800, 0xffff, 0x10000, 0x1f600, 0x10ffff};
	size_t n = next_random(s) % 5;
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += utf8_put(codes[next_random(s) % (sizeof(codes) / sizeof(codes[0]))],
				(uint8_t *)out + len);
	out[len] = '\0';
	return len;
}

static json_t *random_tree(uint64_t *s, unsigned depth)
{
	char text[32];
	json_t *t;

	switch (next_random(s) % (depth < 6 ? 7 : 5)) {
	case 0:
		return json_integer((json_int_t)(next_random(s) >> (11 + next_random(s) % 53)));
	case 1:
		return json_boolean(next_random(s) & 1);
	case 2:
		return json_null();
	case 3:
	case 4:
		(void)random_text(s, text);
		return json_string(text);
	case 5:
		t = json_array();
		for (uint64_t n = next_random(s) % 5; n > 0; n--)
			(void)json_array_append_new(t, random_tree(s, depth + 1));
		return t;
	default:
		t = json_object();
		for (uint64_t n = next_random(s) % 7; n > 0; n--) {
			(void)random_text(s, text);
			(void)json_object_set_new(t, text, random_tree(s, depth + 1));
		}
		return t;
	}
}

static void write_tree(struct jcan_out *w, json_t *t);

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_object(struct jcan_out *w, json_t *t)
{
	const char *names[8];
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach(t, name, value) names[n++] = name;
	qsort((void *)names, n, sizeof(names[0]), by_bytes);
	jcan_out_object(w);
	for (size_t i = 0; i < n; i++) {
		jcan_out_key(w, names[i]);
		write_tree(w, json_object_get(t, names[i]));
	}
	jcan_out_object_end(w);
}

static void write_tree(struct jcan_out *w, json_t *t)
{
	switch (json_typeof(t)) {
	case JSON_OBJECT:
		write_object(w, t);
		return;
	case JSON_ARRAY:
		jcan_out_array(w);
		for (size_t i = 0; i < json_array_size(t); i++)
			write_tree(w, json_array_get(t, i));
		jcan_out_array_end(w);
		return;
	case JSON_STRING:
		jcan_out_string(w, json_string_value(t));
		return;
	case JSON_INTEGER:
		jcan_out_u64(w, (uint64_t)json_integer_value(t));
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		jcan_out_bool(w, json_is_true(t));
		return;
	case JSON_NULL:
		jcan_out_raw(w, view_str("null"));
		return;
	case JSON_REAL:
		break;
	}
	fail();
}

/* Whether jansson reads the bytes and writes them back the same. */
static bool jansson_agrees(const char *bytes, size_t len)
{
	json_t *t = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	char *again = t == NULL ? NULL : json_dumps(t, DUMP);
	bool same = again != NULL && strlen(again) == len && memcmp(again, bytes, len) == 0;

	free(again);
	json_decref(t);
	return same;
}

/* Every byte in turn becomes another one, or goes, or is doubled. */
static size_t mutate(uint64_t *s, const char *text, size_t len)
{
	static const char bytes[] = " \n\t\"\\/{}[]:,019.eE+-aABbfnrtuU\x01\x7f\x80\xc3\xa9";
	size_t accepted = 0;
	char *copy = (char *)malloc(len + 1);

	assert_non_null(copy);
	for (size_t i = 0; i < len; i++) {
		uint64_t how = next_random(s) % 8;
		size_t n = how == 0 ? len - 1 : how == 1 ? len + 1 : len;

		memcpy(copy, text, i);
		if (how == 0)
			memcpy(copy + i, text + i + 1, len - i - 1);
		else
			memcpy(copy + i + (how == 1), text + i, len - i);
		if (how > 0)
			copy[i] = bytes[next_random(s) % (sizeof(bytes) - 1)];
		if (!rc_is_ok(jcan_check(view_of(copy, n), NULL)))
			continue;
		accepted++;
		if (!jansson_agrees(copy, n))
			fail_msg("accepted, but not canonical: %.*s", (int)n, copy);
	}
	free(copy);
	return accepted;
}

static void jansson_writes_the_same_form(void **state)
{
	uint64_t s = 88172645463325252u;
	size_t accepted = 0;

	(void)state;
	for (unsigned round = 0; round < 1500; round++) {
		json_t *t = random_tree(&s, 0);
		char *dump = json_dumps(t, DUMP);
		AUTO(buf) struct buf b;
		struct jcan_out w;
		struct fault f = {0};

		assert_non_null(dump);
		if (!rc_is_ok(jcan_check(view_str(dump), &f)))
			fail_msg("refused: %s: %s", dump, f.text);
		buf_init(&b, 1 << 20);
		jcan_out_init(&w, &b);
		write_tree(&w, t);
		assert_rc(RC_OK, jcan_out_done(&w));
		assert_string_equal(buf_cstr(&b), dump);
		accepted += mutate(&s, dump, strlen(dump));
		free(dump);
		json_decref(t);
	}
	assert_true(accepted > 100); /* else the mutations test nothing */
}

/* Not a test: with BENCH set, how long both take for the same document. */
static void speed(void **state)
{
	uint64_t s = 7;
	json_t *t = json_array();
	char *dump;
	size_t len;
	clock_t start;
	const unsigned rounds = 200;

	(void)state;
	for (int i = 0; i < 2000; i++)
		(void)json_array_append_new(
			t,
			json_pack(
				"{s:s,s:i,s:s,s:[s,s]}", "artifact",
				"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
				"count", (int)(next_random(&s) % 1000000), "kind", "authorize",
				"tags", "alpha", "caf\xc3\xa9"));
	dump = json_dumps(t, DUMP);
	len = strlen(dump);
	assert_rc(RC_OK, jcan_check(view_str(dump), NULL));
	if (getenv("BENCH") != NULL) {
		start = clock();
		for (unsigned i = 0; i < rounds; i++)
			assert_rc(RC_OK, jcan_check(view_of(dump, len), NULL));
		print_message("jcan     %.3f us/KiB\n", (double)(clock() - start) / CLOCKS_PER_SEC *
								1e6 / rounds /
								((double)len / 1024));
		start = clock();
		for (unsigned i = 0; i < rounds; i++)
			json_decref(json_loadb(dump, len, JSON_REJECT_DUPLICATES, NULL));
		print_message("jansson  %.3f us/KiB\n", (double)(clock() - start) / CLOCKS_PER_SEC *
								1e6 / rounds /
								((double)len / 1024));
	}
	free(dump);
	json_decref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_schema_is_read),
		cmocka_unit_test(each_deviation_has_its_code),
		cmocka_unit_test(one_encoding_per_value),
		cmocka_unit_test(maps_hex_raw_and_peek),
		cmocka_unit_test(hex_is_lower_case),
		cmocka_unit_test(the_writer_cannot_be_misled),
		cmocka_unit_test(utf8_is_strict),
		cmocka_unit_test(jansson_writes_the_same_form),
		cmocka_unit_test(speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
