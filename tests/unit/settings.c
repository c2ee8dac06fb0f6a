/* Unit tests of lib/base/settings: every type at its limits, files line by line, the order of file
 * and command line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/settings.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

struct conf {
	char text[8];
	char filled[8];
	uint64_t number;
	uint64_t mode;
	uint64_t span;
	bool flag;
	unsigned others;
};

static rc count(const struct setting *s, void *conf, struct view value, struct fault *f)
{
	struct conf *c = conf;

	if (!view_is(value, "one"))
		return fault_set(f, RC_DUPLICATE, 0, "%s is one", s->name);
	c->others++;
	return OK;
}

static const struct setting rows[] = {
	SETTING_TEXT("text", text, "abc", "a text"),
	{.name = "filled",
	 .type = SETTING_IS_TEXT,
	 .at = offsetof(struct conf, filled),
	 .size = 8,
	 .min = 1,
	 .help = "another",
	 .args_only = true},
	SETTING_NUMBER("number", number, 3, 50, "7", "a number"),
	SETTING_MODE("mode", mode, "660", "a mode"),
	SETTING_SPAN("span", span, 60, 172800, "2m", "1m to 2d"),
	SETTING_BOOL("flag", flag, "yes", "a flag"),
	SETTING_OTHER("other", count, "one"),
};

static const struct settings all = {rows, sizeof(rows) / sizeof(rows[0]), sizeof(struct conf),
				    "test(8)"};

static void each_type_has_its_limits(void **state)
{
	static const struct {
		const char *name;
		const char *value;
		enum rc_code code;
	} cases[] = {
		{"text", "1234567", RC_OK},
		{"text", "12345678", RC_LIMIT},
		{"text", "", RC_OK},
		{"filled", "", RC_RANGE},
		{"filled", "x", RC_OK},
		{"number", "2", RC_RANGE},
		{"number", "3", RC_OK},
		{"number", "51", RC_RANGE},
		{"number", "50", RC_OK},
		{"number", "", RC_RANGE},
		{"number", "+7", RC_RANGE},
		{"number", "18446744073709551617", RC_RANGE},
		{"mode", "", RC_RANGE},
		{"mode", "8", RC_RANGE},
		{"mode", "1000", RC_RANGE},
		{"mode", "00777", RC_RANGE},
		{"mode", "0755", RC_OK},
		{"span", "59s", RC_RANGE},
		{"span", "60s", RC_OK},
		{"span", "2d", RC_OK},
		{"span", "49h", RC_RANGE},
		{"span", "60", RC_RANGE},
		{"span", "s", RC_RANGE},
		{"span", "", RC_RANGE},
		{"span", "1w", RC_RANGE},
		{"span", "4294967295d", RC_RANGE},
		{"flag", "true", RC_RANGE},
		{"flag", "no", RC_OK},
		{"other", "two", RC_DUPLICATE},
		{"other", "one", RC_OK},
		{"nothing", "1", RC_UNKNOWN},
		{"", "1", RC_UNKNOWN},
	};
	struct fault f;
	struct conf c;

	(void)state;
	settings_defaults(&all, &c);
	assert_string_equal(c.text, "abc");
	assert_int_equal(c.number, 7);
	assert_int_equal(c.mode, 0660);
	assert_int_equal(c.span, 120);
	assert_true(c.flag);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (settings_set(&all, &c, view_str(cases[i].name), view_str(cases[i].value), &f)
			    .code != cases[i].code)
			fail_msg("%s = %s: %s", cases[i].name, cases[i].value, f.text);
	assert_rc(RC_RANGE, settings_set(&all, &c, view_str("text"), view_of("a\0b", 3), &f));
	assert_string_equal(c.text, "");
	assert_string_equal(c.filled, "x");
	assert_int_equal(c.number, 50);
	assert_int_equal(c.mode, 0755);
	assert_int_equal(c.span, 172800);
	assert_false(c.flag);
	assert_int_equal(c.others, 1);
}

/* The code with which a file of this text ends; c has what was read. */
static enum rc_code load(const char *text, struct conf *c, struct fault *f)
{
	char dir[64];
	char path[128];
	rc r;

	assert_rc(RC_OK, dir_temp("/tmp/settings.", dir, sizeof(dir), f));
	(void)snprintf(path, sizeof(path), "%s/conf", dir);
	assert_rc(RC_OK,
		  file_replace(&(struct file_spec){.dirfd = AT_FDCWD, .name = path, .mode = 0600},
			       view_str(text), f));
	settings_defaults(&all, c);
	r = settings_load(&all, c, path, f);
	(void)unlink(path);
	(void)rmdir(dir);
	return r.code;
}

static void a_file_is_read_line_by_line(void **state)
{
	struct fault f;
	struct conf c;

	(void)state;
	assert_int_equal(load("# text = no\n\n \t\nnumber=4\n\ttext =  a b \nflag = no", &c, &f),
			 RC_OK);
	assert_int_equal(c.number, 4);
	assert_string_equal(c.text, "a b");
	assert_false(c.flag);
	assert_int_equal(load("", &c, &f), RC_OK);
	assert_int_equal(load("number = 4\nnumber\n", &c, &f), RC_SYNTAX);
	assert_non_null(strstr(f.text, "/conf:2: not NAME = VALUE"));
	assert_int_equal(load("\n\nnumber = 1\n", &c, &f), RC_RANGE);
	assert_non_null(strstr(f.text, "/conf:3: number must be"));
	assert_int_equal(load("filled = x\n", &c, &f), RC_USAGE);
	assert_non_null(strstr(f.text, "command line alone"));
	assert_int_equal(load("nothing = x\n", &c, &f), RC_UNKNOWN);
	assert_non_null(strstr(f.text, "nothing: no such setting; see test(8)"));
	assert_rc(RC_NOTFOUND, settings_load(&all, &c, "/nonexistent", &f));
}

static void the_command_line_is_pairs(void **state)
{
	char *good[] = {"--number", "9", "--filled", "y"};
	char *bad[] = {"--number", "9", "-x", "y"};
	char *first[] = {"--number", "9", "--config", "/nonexistent"};
	struct fault f;
	struct conf c;

	(void)state;
	settings_defaults(&all, &c);
	assert_rc(RC_OK, settings_args(&all, &c, 4, good, &f));
	assert_int_equal(c.number, 9);
	assert_string_equal(c.filled, "y");
	settings_defaults(&all, &c);
	assert_rc(RC_USAGE, settings_args(&all, &c, 3, good, &f));
	assert_rc(RC_USAGE, settings_args(&all, &c, 4, bad, &f));
	assert_rc(RC_NOTFOUND, settings_args(&all, &c, 4, first, &f));
	assert_int_equal(c.number, 7); /* the file came first */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_has_its_limits),
		cmocka_unit_test(a_file_is_read_line_by_line),
		cmocka_unit_test(the_command_line_is_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
