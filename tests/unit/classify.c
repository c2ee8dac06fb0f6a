/* Unit tests of lib/format/classify: ELF files of each kind, scripts, interpreters. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/format/classify.h"
#include "lib/model/contents.h"

#define PROGRAM LIST_PROGRAM
#define LIBRARY LIST_LIBRARY

struct elf_case {
	const char *path;
	uint8_t type;
	bool interp;
	bool executable;
	unsigned want;
};

static void put(uint8_t *at, bool big, size_t size, uint64_t n)
{
	for (size_t i = 0; i < size; i++)
		at[big ? size - 1 - i : i] = (uint8_t)(n >> 8 * i);
}

/* Two program headers, of which the second may name a loader. */
static void make_elf(uint8_t out[256], const struct elf_case *c, bool wide, bool big)
{
	const size_t entry = wide ? 56 : 32;

	memset(out, 0, 256);
	memcpy(out, "\177ELF", 4);
	out[4] = wide ? 2 : 1;
	out[5] = big ? 2 : 1;
	put(out + 16, big, 2, c->type);
	put(out + (wide ? 32 : 28), big, wide ? 8 : 4, 64);
	put(out + (wide ? 54 : 42), big, 2, entry);
	put(out + (wide ? 56 : 44), big, 2, 2);
	put(out + 64, big, 4, 1);
	put(out + 64 + entry, big, 4, c->interp ? 3 : 1);
}

static void elf_files(void **state)
{
	static const struct elf_case cases[] = {
		{"/usr/bin/old", 2, true, true, PROGRAM},
		{"/usr/bin/static", 2, false, true, PROGRAM},
		{"/usr/bin/ls", 3, true, true, PROGRAM},
		{"/usr/bin/ls", 3, true, false, PROGRAM},
		{"/lib/libc.so.6", 3, true, true, PROGRAM | LIBRARY},
		{"/lib/libm.so.6", 3, false, false, LIBRARY},
		{"/lib/libm.so.6", 3, false, true, LIBRARY},
		{"/lib64/ld-linux-x86-64.so.2", 3, false, true, PROGRAM | LIBRARY},
		{"/opt/static-pie", 3, false, true, PROGRAM | LIBRARY},
		{"/usr/bin/python3.11", 2, true, true, PROGRAM | LIST_INTERPRETER},
		{"/lib/modules/6.1/loop.ko", 1, false, false, LIBRARY},
		{"/usr/lib/crt1.o", 1, false, false, 0},
		{"/core", 4, false, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int form = 0; form < 4; form++) {
			uint8_t image[256];

			make_elf(image, &cases[i], (form & 1) != 0, (form & 2) != 0);
			assert_int_equal(cases[i].want,
					 classify(view_of(image, sizeof(image)),
						  view_str(cases[i].path), cases[i].executable));
			/* Cut anywhere, it is something or nothing, and nobody reads on. */
			for (size_t n = 0; n < sizeof(image); n++)
				(void)classify(view_of(image, n), view_str(cases[i].path), true);
		}
}

static void scripts(void **state)
{
	static const struct {
		const char *path;
		const char *head;
		unsigned want;
		const char *asks_for;
	} cases[] = {
		{"/bin/a", "#!/bin/sh\n", LIST_SCRIPT, "/bin/sh"},
		{"/bin/a", "#! /usr/bin/perl -w\n", LIST_SCRIPT, "/usr/bin/perl"},
		{"/bin/a", "#!/usr/bin/env python3\n", LIST_SCRIPT, "python3"},
		{"/bin/a", "#!/usr/bin/env -S -i node --x\n", LIST_SCRIPT, "node"},
		{"/bin/a", "#!/bin/sh", LIST_SCRIPT, "/bin/sh"},
		{"/bin/a", "#!", LIST_SCRIPT, ""},
		{"/bin/a", "#!/usr/bin/env\n", LIST_SCRIPT, ""},
		{"/lib/a.py", "import os\n", LIST_SCRIPT, ""},
		{"/lib/a.py", "", 0, ""}, /* empty: nothing to run */
		{"/lib.py/a", "text", 0, ""},
		{"/doc/README", "text", 0, ""},
		{"/bin/.py", "text", 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view head = view_str(cases[i].head);

		assert_int_equal(cases[i].want, classify(head, view_str(cases[i].path), false));
		assert_true(view_is(classify_shebang(head), cases[i].asks_for));
	}
}

static void interpreters(void **state)
{
	static const char *const yes[] = {"sh", "/bin/bash", "/usr/bin/python3.11", "perl5.36.0",
					  "/x/php8.2"};
	static const char *const no[] = {"",	   "/", "shred", "python3-config", "/python3/ls",
					 "perldoc"};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(classify_is_interpreter(view_str(yes[i])));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(classify_is_interpreter(view_str(no[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elf_files),
		cmocka_unit_test(scripts),
		cmocka_unit_test(interpreters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
