/* Unit tests of report_diff, text_diff and the texts for people. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format/diff.h"
#include "lib/format/inspect.h"
#include "lib/format/report_text.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static void expect_lines(const char *a, const char *b, const char *want)
{
	AUTO(buf) struct buf out = {0};
	bool cut;

	buf_init(&out, DIFF_SCRIPT_TEXT + 1);
	assert_rc(RC_OK, text_diff(view_str(a), view_str(b), &out, &cut));
	assert_string_equal(buf_cstr(&out), want);
	assert_false(cut);
}

static void line_diffs(void **state)
{
	(void)state;
	expect_lines("", "", "");
	expect_lines("a\nb\n", "a\nb\n", "");
	expect_lines("", "a\n", "@@ -0,0 +1,1 @@\n+a\n");
	expect_lines("a\n", "", "@@ -1,1 +0,0 @@\n-a\n");
	expect_lines("a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
	expect_lines("a\n", "a", "@@ -1,1 +1,1 @@\n-a\n+a\n\\ No newline at end of text\n");
	/* Two hunks when more than six lines lie between. */
	expect_lines("1\n2\n3\n4\n5\n6\n7\n8\n9\nA\nB\nC\n", "x\n2\n3\n4\n5\n6\n7\n8\n9\nA\nB\ny\n",
		     "@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -9,4 +9,4 @@\n 9\n A\n B\n-C\n+y\n");
	/* One when six do. */
	expect_lines("1\n2\n3\n4\n5\n6\n7\n8\n", "x\n2\n3\n4\n5\n6\n7\ny\n",
		     "@@ -1,8 +1,8 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+y\n");
}

static void long_texts(void **state)
{
	AUTO(buf) struct buf a = {0};
	AUTO(buf) struct buf b = {0};
	AUTO(buf) struct buf out = {0};
	bool cut;

	(void)state;
	buf_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 4000; i++) {
		buf_printf(&a, "%d aaaaaaaaaaaaaaa\n", i);
		buf_printf(&b, "%d bbbbbbbbbbbbbbb\n", i);
	}
	buf_init(&out, DIFF_SCRIPT_TEXT + 1);
	assert_rc(RC_OK, text_diff(buf_view(&a), buf_view(&b), &out, &cut));
	assert_true(cut);
	assert_true(out.len <= DIFF_SCRIPT_TEXT);
	buf_release(&out);
	buf_init(&out, 10);
	assert_rc(RC_LIMIT, text_diff(view_str("a\nb\n"), view_str("c\n"), &out, &cut));
}

#define REPORT(name, sha, more)                                                                    \
	"{\"schema\":\"greatseal-inspection-1\",\"name\":\"" name                                  \
	"\",\"size\":5,\"sha256\":\"" sha "\",\"type\":\"deb\",\"complete\":true" more "}"

static json_t *load(const char *text)
{
	json_error_t e;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	assert_non_null(j);
	return j;
}

static json_t *diff_of(const char *a, const char *b)
{
	json_t *was = load(a);
	json_t *is = load(b);
	json_t *d = NULL;

	assert_rc(RC_OK, report_diff(was, is, &d, NULL));
	json_decref(was);
	json_decref(is);
	return d;
}

static const char old_report[] = REPORT(
	"demo_1.deb", "aa",
	",\"findings\":[{\"severity\":\"notice\",\"code\":\"gone\",\"text\":\"t\"}],"
	"\"deb\":{\"control\":{\"Version\":\"1\",\"Package\":\"demo\"},"
	"\"files\":[{\"path\":\"control\",\"size\":1,\"sha256\":\"00\"}],"
	"\"scripts\":[{\"name\":\"prerm\",\"sha256\":\"11\",\"text\":\"stop\\n\"},"
	"{\"name\":\"postinst\",\"sha256\":\"22\",\"text\":\"#!/bin/sh\\nold\\n\"}]},"
	"\"archive\":{\"entries\":[{\"path\":\"a\",\"mode\":\"0644\",\"size\":1,\"sha256\":\"33\"},"
	"{\"path\":\"b\",\"mode\":\"0644\"},{\"path\":\"same\",\"mode\":\"0644\"}]},"
	"\"pe\":{\"sections\":[{\"name\":\".text\",\"flags\":\"r-x\"}],\"imports\":[{\"dll\":"
	"\"A.DLL\",\"functions\":[\"f\",\"g\"]}]}");
static const char new_report[] = REPORT(
	"demo_2.deb", "bb",
	",\"findings\":[{\"severity\":\"warning\",\"code\":\"setid\",\"path\":\"a\",\"text\":\"t\"}"
	"],"
	"\"deb\":{\"control\":{\"Version\":\"2\",\"Package\":\"demo\",\"Depends\":\"x\"},"
	"\"files\":[{\"path\":\"control\",\"size\":2,\"sha256\":\"01\"}],"
	"\"scripts\":[{\"name\":\"postinst\",\"sha256\":\"23\",\"text\":\"#!/bin/sh\\nnew\\n\"}]},"
	"\"archive\":{\"entries\":[{\"path\":\"a\",\"mode\":\"4755\",\"setid\":true,\"size\":2,"
	"\"sha256\":\"34\"},{\"path\":\"same\",\"mode\":\"0644\"},{\"path\":\"c\",\"mode\":"
	"\"0600\"}]},"
	"\"pe\":{\"sections\":[{\"name\":\".text\",\"flags\":\"rwx\"},{\"name\":\".x\"}],"
	"\"imports\":[{"
	"\"dll\":\"a.dll\",\"functions\":[\"f\",\"CreateRemoteThread\"]}]}");

static const char *dumped(const json_t *j, struct buf *b)
{
	buf_clear(b);
	assert_rc(RC_OK, inspect_dump(j, b));
	return buf_cstr(b);
}

static void what_changed(void **state)
{
	json_t *d = diff_of(old_report, new_report);
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, 65536);
	assert_true(json_is_false(json_object_get(d, "identical")));
	assert_true(json_is_true(json_object_get(d, "complete")));
	assert_string_equal(dumped(json_object_get(d, "fields"), &b),
			    "[{\"field\":\"deb.control.Version\",\"new\":\"2\",\"old\":\"1\"},"
			    "{\"field\":\"deb.control.Depends\",\"new\":\"x\",\"old\":null}]");
	assert_string_equal(
		dumped(json_object_get(d, "files"), &b),
		"{\"added\":[{\"mode\":\"0600\",\"path\":\"c\"}],\"changed\":[{\"changes\":["
		"{\"field\":\"mode\",\"new\":\"4755\",\"old\":\"0644\"},"
		"{\"field\":\"setid\",\"new\":true,\"old\":null},"
		"{\"field\":\"size\",\"new\":2,\"old\":1},"
		"{\"field\":\"sha256\",\"new\":\"34\",\"old\":\"33\"}],\"path\":\"a\"}],"
		"\"counts\":{\"added\":1,\"changed\":1,\"removed\":1,\"unchanged\":1},"
		"\"removed\":[{\"mode\":\"0644\",\"path\":\"b\"}]}");
	assert_string_equal(dumped(json_object_get(d, "scripts"), &b),
			    "[{\"change\":\"changed\",\"diff\":\"@@ -1,2 +1,2 @@\\n "
			    "#!/bin/sh\\n-old\\n+new\\n\","
			    "\"name\":\"postinst\"},{\"change\":\"removed\",\"diff\":\"@@ -1,1 "
			    "+0,0 @@\\n-stop\\n\","
			    "\"name\":\"prerm\"}]");
	assert_string_equal(dumped(json_object_get(d, "imports"), &b),
			    "{\"added\":[\"a.dll!CreateRemoteThread\"],\"removed\":[\"a.dll!g\"]}");
	assert_string_equal(
		dumped(json_object_get(d, "findings"), &b),
		"{\"gone\":[{\"code\":\"gone\",\"severity\":\"notice\",\"text\":\"t\"}],"
		"\"new\":[{\"code\":\"setid\",\"path\":\"a\",\"severity\":\"warning\","
		"\"text\":\"t\"}]}");
	assert_string_equal(
		dumped(json_object_get(d, "sections"), &b),
		"{\"added\":[{\"name\":\".x\"}],\"changed\":[{\"changes\":[{\"field\":\"flags\","
		"\"new\":\"rwx\",\"old\":\"r-x\"}],\"name\":\".text\"}],"
		"\"counts\":{\"added\":1,\"changed\":1,\"removed\":0,\"unchanged\":0},\"removed\":["
		"]}");
	json_decref(d);
}

static void same_and_twice(void **state)
{
	const char twice[] = REPORT("x", "aa",
				    ",\"archive\":{\"entries\":[{\"path\":\"a\",\"size\":1},"
				    "{\"path\":\"a\",\"size\":2}]}");
	const char once[] =
		REPORT("x", "ab", ",\"archive\":{\"entries\":[{\"path\":\"a\",\"size\":1}]}");
	json_t *d = diff_of(old_report, old_report);
	const json_t *files;

	(void)state;
	assert_true(json_is_true(json_object_get(d, "identical")));
	assert_int_equal(json_array_size(json_object_get(d, "fields")), 0);
	json_decref(d);
	d = diff_of(once, twice);
	files = json_object_get(d, "files");
	assert_int_equal(json_array_size(json_object_get(files, "added")), 1);
	assert_int_equal(json_array_size(json_object_get(files, "changed")), 0);
	json_decref(d);
}

static void malformed_reports(void **state)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		"{\"schema\":\"other\"}",
		"{\"schema\":\"greatseal-inspection-1\"}",
		REPORT("x", "aa", ",\"archive\":{\"entries\":[{}]}"),
		REPORT("x", "aa", ",\"archive\":{\"entries\":[{\"path\":7}]}"),
		REPORT("x", "aa", ",\"findings\":[{}]"),
		REPORT("x", "aa", ",\"pe\":{\"imports\":[{}]}"),
		REPORT("x", "aa", ",\"pe\":{\"imports\":[{\"dll\":\"a\",\"functions\":[1]}]}"),
		REPORT("x", "aa", ",\"deb\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}"),
	};
	json_t *good = load(old_report);
	struct fault f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *j = load(bad[i]);
		json_t *d = NULL;

		assert_rc(RC_SYNTAX, report_diff(j, good, &d, &f));
		assert_rc(RC_SYNTAX, report_diff(good, j, &d, &f));
		assert_null(d);
		json_decref(j);
	}
	json_decref(good);
}

static void lists_are_cut_aloud(void **state)
{
	json_t *was = load(REPORT("x", "aa", ",\"archive\":{\"entries\":[]}"));
	json_t *is = json_deep_copy(was);
	json_t *list = json_object_get(json_object_get(is, "archive"), "entries");
	json_t *d = NULL;
	const json_t *files;

	(void)state;
	for (int i = 0; i < DIFF_LIST_MAX + 10; i++) {
		char path[16];

		(void)snprintf(path, sizeof(path), "f%d", i);
		assert_int_equal(json_array_append_new(list, json_pack("{s:s}", "path", path)), 0);
	}
	assert_rc(RC_OK, report_diff(was, is, &d, NULL));
	files = json_object_get(d, "files");
	assert_int_equal(json_array_size(json_object_get(files, "added")), DIFF_LIST_MAX);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(files, "counts"), "added")),
		DIFF_LIST_MAX + 10);
	assert_true(json_is_false(json_object_get(d, "complete")));
	json_decref(d);
	json_decref(was);
	json_decref(is);
}

static void texts(void **state)
{
	json_t *d = diff_of(old_report, new_report);
	json_t *r = load(
		REPORT("ev\\u001b[2Jil", "aa",
		       ",\"findings\":[{\"severity\":\"warning\",\"code\":\"c\",\"text\":\"t\","
		       "\"path\":\"p\\n\"}],\"deb\":{\"scripts\":[{\"name\":\"s\",\"sha256\":"
		       "\"11\",\"text\":\"a\\tb\\u001b]0;x\\u0007\\n\"}]}"));
	AUTO(buf) struct buf b = {0};
	struct text_style plain = {0};
	const struct text_style colour = {.colour = true, .all = true};
	struct fault f;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_rc(RC_OK, diff_print_text(d, plain, &b, &f));
	assert_non_null(strstr(buf_cstr(&b), "  deb.control.Version: 1 -> 2\n"));
	assert_non_null(strstr(buf_cstr(&b), "+ a.dll!CreateRemoteThread\n"));
	assert_non_null(strstr(buf_cstr(&b), "  -old\n  +new\n"));
	assert_non_null(strstr(buf_cstr(&b), "1 added, 1 removed, 1 changed, 1 as before"));
	assert_null(memchr(b.ptr, '\033', b.len));
	buf_clear(&b);
	/* A report from a peer moves no cursor. */
	assert_rc(RC_OK, report_print_text(r, plain, &b, &f));
	assert_non_null(strstr(buf_cstr(&b), "ev\\x1b[2Jil\n"));
	assert_non_null(strstr(buf_cstr(&b), "p\\x0a: t [c]\n"));
	assert_non_null(strstr(buf_cstr(&b), "  | a\tb\\x1b]0;x\\x07\n"));
	assert_null(memchr(b.ptr, '\033', b.len));
	buf_clear(&b);
	assert_rc(RC_OK, report_print_text(r, colour, &b, &f));
	assert_non_null(strstr(buf_cstr(&b), "\033[33mwarning\033[0m"));
	assert_rc(RC_SYNTAX, report_print_text(d, plain, &b, &f));
	assert_rc(RC_SYNTAX, diff_print_text(r, plain, &b, &f));
	buf_release(&b);
	buf_init(&b, 20);
	assert_rc(RC_LIMIT, report_print_text(r, plain, &b, &f));
	json_decref(d);
	json_decref(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_diffs),
		cmocka_unit_test(long_texts),
		cmocka_unit_test(what_changed),
		cmocka_unit_test(same_and_twice),
		cmocka_unit_test(malformed_reports),
		cmocka_unit_test(lists_are_cut_aloud),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
