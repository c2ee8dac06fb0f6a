/* deb822: fields of packages and of Release files, and that none of it takes memory: the linker
 * sends our own allocations through here (--wrap), where there is none to be had. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "prog/cli/deb822.h"

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

static size_t asked;

void *__wrap_malloc(size_t n)
{
	(void)n;
	asked++;
	return NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return __wrap_malloc(n * size);
}

void *__wrap_realloc(void *p, size_t n)
{
	(void)p;
	return __wrap_malloc(n);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return __wrap_realloc(p, n * size);
}

static void fields(void **state)
{
	struct view rest = view_str("\n\nPackage: acme\nVersion:  1.2\nDescription: a tool\n"
				    " Package: of lines\n .\nMulti-Arch: same\nSHA256:x\n\n"
				    "Package: last\nPackages: no\nFilename: pool/a");
	struct stanza s;

	(void)state;
	assert_true(stanza_next(&rest, &s));
	assert_string_equal(s.package, "acme");
	assert_string_equal(s.version, "1.2");
	assert_string_equal(s.multi, "same");
	assert_string_equal(s.sha256, "x");
	assert_string_equal(s.filename, "");
	assert_true(stanza_next(&rest, &s));
	assert_string_equal(s.package, "last");
	assert_string_equal(s.version, "");
	assert_string_equal(s.filename, "pool/a");
	assert_false(stanza_next(&rest, &s));
	assert_int_equal(rest.len, 0);
}

/* One that does not fit is none, and nothing of it is left. */
static void long_fields(void **state)
{
	char text[2 * PACKAGE_TEXT_MAX] = "Package: ";
	struct view rest;
	struct stanza s;

	(void)state;
	memset(text + 9, 'x', PACKAGE_TEXT_MAX);
	rest = view_str(text);
	assert_true(stanza_next(&rest, &s));
	assert_int_equal(strlen(s.package), PACKAGE_TEXT_MAX);
	text[9 + PACKAGE_TEXT_MAX] = 'x';
	rest = view_str(text);
	assert_true(stanza_next(&rest, &s));
	assert_string_equal(s.package, "");
}

#define NOW 1795856400 /* 2026-11-28T09:00:00Z */

static enum rc_code names(const char *until, const char *field, const char *name, unix_time now)
{
	const struct digest index = digest_of(view_str("the index"));
	char text[512];
	char hex[DIGEST_HEX];
	struct fault f = {0};

	digest_hex(&index, hex);
	(void)snprintf(text, sizeof(text), "Origin: Acme\n%s%s%s:\n %s 12 main/%s\n",
		       until[0] == '\0' ? "" : "Valid-Until: ", until, field, hex, name);
	return release_names(view_str(text), &index, now, &f).code;
}

static void release(void **state)
{
	const char *date = "Sat, 28 Nov 2026 09:00:00 UTC\n";

	(void)state;
	assert_int_equal(names("", "SHA256", "Packages", NOW), RC_OK);
	assert_int_equal(names(date, "SHA256", "Packages", NOW), RC_OK);
	assert_int_equal(names(date, "SHA256", "Packages", NOW + 1), RC_EXPIRED);
	assert_int_equal(names("Sat, 28 Nov 2026 09:00:00 +0000\n", "SHA256", "Packages", NOW),
			 RC_OK);
	assert_int_equal(names("Sat, 28 Nov 2026 09:00:00 CET\n", "SHA256", "Packages", NOW),
			 RC_SYNTAX);
	assert_int_equal(names("tomorrow\n", "SHA256", "Packages", NOW), RC_SYNTAX);
	assert_int_equal(names("", "SHA512", "Packages", NOW), RC_MISMATCH);
	assert_int_equal(names("", "SHA256", "Packages.xz", NOW), RC_MISMATCH);
	assert_int_equal(names("", "SHA256", "Package", NOW), RC_MISMATCH);
}

static void takes_no_memory(void **state)
{
	(void)state;
	asked = 0;
	fields(state);
	long_fields(state);
	release(state);
	assert_int_equal(asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(fields), cmocka_unit_test(long_fields),
					   cmocka_unit_test(release),
					   cmocka_unit_test(takes_no_memory)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
