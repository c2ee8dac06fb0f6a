/* Unit tests of lib/format/clean: hostile strings made readable, different ones kept different. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/format/clean.h"

static const char *cleaned(struct buf *b, const char *in, size_t len, enum clean_mode mode)
{
	buf_clear(b);
	assert_false(clean_put(b, view_of(in, len), mode, 1000));
	return buf_cstr(b);
}
#define CLEAN(mode, in) cleaned(&b, in, sizeof(in) - 1, mode)

static void lines(void **state)
{
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, 2000);
	assert_string_equal(CLEAN(CLEAN_LINE, "usr/bin/hello"), "usr/bin/hello");
	assert_string_equal(CLEAN(CLEAN_LINE, "gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
	assert_string_equal(CLEAN(CLEAN_LINE, "a\\b"), "a\\\\b");
	assert_string_equal(CLEAN(CLEAN_LINE, "a\nb\t\x1b[31m\x7f"), "a\\x0ab\\x09\\x1b[31m\\x7f");
	/* Not UTF-8: a lone byte, overlong, a surrogate, past the end, cut short. */
	assert_string_equal(CLEAN(CLEAN_LINE, "\xff"), "\\xff");
	assert_string_equal(CLEAN(CLEAN_LINE, "\xc0\xaf"), "\\xc0\\xaf");
	assert_string_equal(CLEAN(CLEAN_LINE, "\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
	assert_string_equal(CLEAN(CLEAN_LINE, "\xed\xa0\x80"), "\\xed\\xa0\\x80");
	assert_string_equal(CLEAN(CLEAN_LINE, "\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
	assert_string_equal(CLEAN(CLEAN_LINE, "\xe2\x82"), "\\xe2\\x82");
	/* Hidden and turning characters; C1 controls; a tag; a variation selector. */
	assert_string_equal(CLEAN(CLEAN_LINE, "gnp.\xe2\x80\xae.exe"), "gnp.\\u{202e}.exe");
	assert_string_equal(CLEAN(CLEAN_LINE, "\xe2\x80\x8b\xef\xbb\xbf"), "\\u{200b}\\u{feff}");
	assert_string_equal(CLEAN(CLEAN_LINE, "\xc2\x9b"), "\\u{009b}");
	assert_string_equal(CLEAN(CLEAN_LINE, "\xf3\xa0\x81\x81"), "\\u{e0041}");
	assert_string_equal(CLEAN(CLEAN_LINE, "\xf4\x8f\xbf\xbf"), "\\u{10ffff}");
	assert_string_equal(CLEAN(CLEAN_LINE, "\0"), "\\x00");
}

static void modes(void **state)
{
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, 2000);
	assert_string_equal(CLEAN(CLEAN_TEXT, "a\n\tb\r\n"), "a\n\tb\\x0d\n");
	assert_string_equal(CLEAN(CLEAN_TEXT, "\\"), "\\\\");
	assert_string_equal(CLEAN(CLEAN_SHOWN, "a\\x0ab"), "a\\x0ab");
	assert_string_equal(CLEAN(CLEAN_SHOWN, "a\nb"), "a\\x0ab");
}

static void cuts_between_characters(void **state)
{
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, 100);
	assert_true(clean_put(&b, view_str("abcdefgh"), CLEAN_LINE, 6));
	assert_string_equal(buf_cstr(&b), "abcd\\+");
	buf_clear(&b);
	assert_true(clean_put(&b, view_str("abc\xc3\xbc\xc3\xbc"), CLEAN_LINE, 6));
	assert_string_equal(buf_cstr(&b), "abc\\+");
	buf_clear(&b);
	buf_put_str(&b, "pre");
	assert_false(clean_put(&b, view_str("ab"), CLEAN_LINE, 6));
	assert_string_equal(buf_cstr(&b), "preab");
}

static void utf16(void **state)
{
	static const uint8_t text[] = {'a',  0, 0xfc, 0,   0x3d, 0xd8, 0, 0xde, 0x2e,
				       0x20, 0, 0xd8, 'b', 0,	 0,    0, 'c',	0};
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, 100);
	assert_false(clean_put_utf16(&b, view_of(text, sizeof(text)), 90));
	assert_string_equal(buf_cstr(&b), "a\xc3\xbc\xf0\x9f\x98\x80\\u{202e}\\u{d800}b");
	buf_clear(&b);
	assert_false(clean_put_utf16(&b, view_of(text, 3), 90));
	assert_string_equal(buf_cstr(&b), "a");
	buf_clear(&b);
	assert_true(clean_put_utf16(&b, view_of(text, 8), 4));
	assert_string_equal(buf_cstr(&b), "a\\+");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(modes),
		cmocka_unit_test(cuts_between_characters),
		cmocka_unit_test(utf16),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
