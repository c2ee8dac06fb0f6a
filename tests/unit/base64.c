/* Unit tests of the text codings in lib/codec: base64.h, hex.h, pem.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "lib/codec/base64.h"
#include "lib/codec/hex.h"
#include "lib/codec/pem.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

/* RFC 4648 10. */
static const struct {
	const char *bytes;
	const char *text;
} vectors[] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
};

static void base64_round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		AUTO(buf) struct buf text;
		AUTO(buf) struct buf bytes;
		struct view in = view_str(vectors[i].bytes);

		buf_init(&text, 100);
		buf_init(&bytes, 100);
		base64_put(BASE64_STD, in, &text);
		assert_string_equal(buf_cstr(&text), vectors[i].text);
		assert_int_equal(text.len, base64_size(BASE64_STD, in.len));
		assert_rc(RC_OK, base64_parse(BASE64_STD, buf_view(&text), &bytes, NULL));
		assert_true(view_is_equal(buf_view(&bytes), in));
	}
}

static void base64_forms_differ(void **state)
{
	const uint8_t bytes[] = {0xfb, 0xef, 0xff, 0xfe};
	static const char *const expected[] = {"++///g==", "++///g", "--___g"};

	(void)state;
	for (int form = BASE64_STD; form <= BASE64_URL; form++) {
		AUTO(buf) struct buf text;
		AUTO(buf) struct buf back;

		buf_init(&text, 100);
		buf_init(&back, 100);
		base64_put((enum base64_form)form, view_of(bytes, 4), &text);
		assert_string_equal(buf_cstr(&text), expected[form]);
		assert_int_equal(text.len, base64_size((enum base64_form)form, 4));
		for (int as = BASE64_STD; as <= BASE64_URL; as++) {
			buf_clear(&back);
			assert_rc(as == form ? RC_OK : RC_SYNTAX,
				  base64_parse((enum base64_form)as, buf_view(&text), &back, NULL));
			assert_int_equal(back.len, as == form ? 4 : 0);
		}
	}
}

/* Every length, every byte value: text back to bytes and bytes back to text. */
static void base64_all_bytes(void **state)
{
	uint8_t bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167 + 13);
	for (size_t n = 0; n <= sizeof(bytes); n++)
		for (int form = BASE64_STD; form <= BASE64_URL; form++) {
			AUTO(buf) struct buf text;
			AUTO(buf) struct buf back;

			buf_init(&text, 400);
			buf_init(&back, 256);
			base64_put((enum base64_form)form, view_of(bytes, n), &text);
			assert_rc(RC_OK, base64_parse((enum base64_form)form, buf_view(&text),
						      &back, NULL));
			assert_true(view_is_equal(buf_view(&back), view_of(bytes, n)));
		}
}

static void base64_refuses(void **state)
{
	static const struct {
		enum base64_form form;
		const char *text;
		enum rc_code code;
		uint64_t offset;
	} cases[] = {
		{BASE64_STD, "Zg", RC_SYNTAX, 2},	{BASE64_STD, "Zg=", RC_SYNTAX, 3},
		{BASE64_STD, "Z===", RC_SYNTAX, 1},	{BASE64_STD, "====", RC_SYNTAX, 0},
		{BASE64_STD, "Zg==Zg==", RC_SYNTAX, 2}, {BASE64_STD, "Zh==", RC_NONCANON, 1},
		{BASE64_STD, "Zm9=", RC_NONCANON, 2},	{BASE64_STD, "Zm 9", RC_SYNTAX, 2},
		{BASE64_STD, "Zm9v\n", RC_SYNTAX, 5},	{BASE64_STD, "Zm9vZm9\n", RC_SYNTAX, 7},
		{BASE64_STD, "Zm9\x80", RC_SYNTAX, 3},	{BASE64_STD, "-_-_", RC_SYNTAX, 0},
		{BASE64_NOPAD, "Zg==", RC_SYNTAX, 2},	{BASE64_NOPAD, "Z", RC_SYNTAX, 1},
		{BASE64_NOPAD, "Zh", RC_NONCANON, 1},	{BASE64_URL, "Zm9vZm9-Zg=", RC_SYNTAX, 10},
		{BASE64_URL, "+/+/", RC_SYNTAX, 0},	{BASE64_URL, "Zm9", RC_NONCANON, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(buf) struct buf out;
		struct fault f = {0};

		buf_init(&out, 100);
		buf_put_str(&out, "before");
		if (base64_parse(cases[i].form, view_str(cases[i].text), &out, &f).code !=
			    cases[i].code ||
		    f.offset != cases[i].offset)
			fail_msg("case %zu: %s at %ju", i, rc_name(RC(f.code)),
				 (uintmax_t)f.offset);
		assert_string_equal(buf_cstr(&out), "before");
	}
}

static void base64_limit(void **state)
{
	uint8_t small[2];
	struct buf out;
	struct fault f = {0};

	(void)state;
	buf_init_fixed(&out, small, sizeof(small));
	assert_rc(RC_LIMIT, base64_parse(BASE64_STD, view_str("Zm9v"), &out, &f));
	assert_int_equal(f.code, RC_LIMIT);
	assert_int_equal(out.len, 0);
}

static void hex_both_ways(void **state)
{
	const uint8_t bytes[] = {0x00, 0x9a, 0xbc, 0xff};
	uint8_t back[4];
	char text[9];
	AUTO(buf) struct buf out;

	(void)state;
	hex_encode(view_of(bytes, 4), text);
	assert_string_equal(text, "009abcff");
	buf_init(&out, 20);
	hex_put(&out, view_of(bytes, 4));
	assert_string_equal(buf_cstr(&out), "009abcff");
	assert_rc(RC_OK, hex_parse(view_str(text), back, 4));
	assert_memory_equal(back, bytes, 4);
	assert_rc(RC_SYNTAX, hex_parse(view_str("009ABCFF"), back, 4));
	assert_rc(RC_SYNTAX, hex_parse(view_str("009abcf"), back, 3));
	assert_rc(RC_SYNTAX, hex_parse(view_str("009abcff"), back, 3));
	assert_rc(RC_SYNTAX, hex_parse(view_str("009abc"), back, 4));
	assert_rc(RC_SYNTAX, hex_parse(view_str("0x9abcff"), back, 4));
	assert_rc(RC_SYNTAX, hex_parse(view_str("009abcf "), back, 4));
	assert_rc(RC_OK, hex_parse(view_str(""), back, 0));
}

static const struct pem_kind cert = {.label = "CERTIFICATE", .columns = 8};

static void pem_round_trips(void **state)
{
	uint8_t bytes[40];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		AUTO(buf) struct buf text;
		AUTO(buf) struct buf back;
		struct view rest;

		buf_init(&text, 1000);
		buf_init(&back, 1000);
		pem_put(&cert, view_of(bytes, n), &text);
		assert_rc(RC_OK, buf_done(&text));
		assert_rc(RC_OK, pem_parse(&cert, buf_view(&text), &back, NULL));
		assert_true(view_is_equal(buf_view(&back), view_of(bytes, n)));
		/* Two blocks one after the other. */
		pem_put(&cert, view_of(bytes, n), &text);
		buf_clear(&back);
		assert_rc(RC_TRAILING, pem_parse(&cert, buf_view(&text), &back, NULL));
		assert_int_equal(back.len, 0);
		rest = buf_view(&text);
		assert_rc(RC_OK, pem_next(&cert, &rest, &back, NULL));
		assert_rc(RC_OK, pem_next(&cert, &rest, &back, NULL));
		assert_int_equal(rest.len, 0);
		assert_int_equal(back.len, 2 * n);
		assert_rc(RC_MISMATCH, pem_next(&cert, &rest, &back, NULL));
	}
}

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END "-----END CERTIFICATE-----\n"

static void pem_refuses(void **state)
{
	static const struct {
		const char *text;
		enum rc_code code;
	} cases[] = {
		{BEGIN "Zm9vYmFy\nZm9v\n" END, RC_OK},
		{"", RC_MISMATCH},
		{"\n" BEGIN "Zm9v\n" END, RC_MISMATCH},
		{"-----BEGIN CERTIFICATES-----\nZm9v\n" END, RC_MISMATCH},
		{"-----BEGIN CERTIFICATE----- \nZm9v\n" END, RC_MISMATCH},
		{"-----BEGIN CERTIFICATE-----\r\nZm9v\r\n-----END CERTIFICATE-----\r\n",
		 RC_MISMATCH},
		{BEGIN "Zm9v\n", RC_TRUNCATED},
		{BEGIN "Zm9v\n-----END CERTIFICATE-----", RC_TRUNCATED},
		{BEGIN "Zm9v\n-----END OTHER-----\n", RC_NONCANON},
		{BEGIN "Zm9v\r\n" END, RC_SYNTAX},
		{BEGIN "Zm9vYmFyZm9v\n" END, RC_NONCANON},
		{BEGIN "Zm9v\nZm9v\n" END, RC_NONCANON},
		{BEGIN "Zm9vYmFy\n\n" END, RC_NONCANON},
		{BEGIN "\nZm9v\n" END, RC_NONCANON},
		{BEGIN "Zm9vYmF\nZm9v\n" END, RC_NONCANON},
		{BEGIN "Zh==\n" END, RC_NONCANON},
		{BEGIN "Zg==Zg==\n" END, RC_SYNTAX},
		{BEGIN "Zm v\n" END, RC_SYNTAX},
		{BEGIN "Zm9v\n" END "\n", RC_TRAILING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(buf) struct buf out;
		struct fault f = {0};

		buf_init(&out, 100);
		if (pem_parse(&cert, view_str(cases[i].text), &out, &f).code != cases[i].code ||
		    f.code != cases[i].code)
			fail_msg("case %zu: %s %s", i, rc_name(RC(f.code)), f.text);
		if (cases[i].code != RC_OK)
			assert_int_equal(out.len, 0);
	}
}

static void pem_limits(void **state)
{
	uint8_t small[4];
	struct buf out;

	(void)state;
	buf_init_fixed(&out, small, sizeof(small));
	assert_rc(RC_LIMIT, pem_parse(&cert, view_str(BEGIN "Zm9vYmFy\n" END), &out, NULL));
	buf_init_fixed(&out, small, sizeof(small));
	pem_put(&cert, view_str("x"), &out);
	assert_rc(RC_LIMIT, buf_done(&out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_round_trips), cmocka_unit_test(base64_forms_differ),
		cmocka_unit_test(base64_all_bytes),   cmocka_unit_test(base64_refuses),
		cmocka_unit_test(base64_limit),	      cmocka_unit_test(hex_both_ways),
		cmocka_unit_test(pem_round_trips),    cmocka_unit_test(pem_refuses),
		cmocka_unit_test(pem_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
