/* Unit tests of lib/format classify and elf: ELF files of each kind and what they need, scripts,
 * interpreters. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/fd.h"
#include "lib/format/classify.h"
#include "lib/format/elf.h"
#include "lib/model/contents.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
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

/* A static program that may lie anywhere: by the note of glibc's start, wherever among others it
 * stands. */
static void static_programs(void **state)
{
	static const struct {
		const char *path;
		uint8_t type; /* of the note */
		const char *owner;
		uint8_t len;
		bool executable;
		unsigned want;
	} cases[] = {
		{"/sbin/ldconfig", 1, "GNU", 16, true, PROGRAM},
		{"/sbin/ldconfig", 3, "GNU", 16, true, PROGRAM | LIBRARY}, /* a build's id */
		{"/sbin/ldconfig", 1, "GNV", 16, true, PROGRAM | LIBRARY},
		{"/sbin/ldconfig", 1, "GNU", 20, true, PROGRAM | LIBRARY},
		{"/sbin/ldconfig", 1, "GNU", 16, false, LIBRARY},
		{"/lib/libc.so.6", 1, "GNU", 16, true, LIBRARY},
		{"/lib64/ld-linux-x86-64.so.2", 1, "GNU", 16, true, PROGRAM | LIBRARY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int form = 0; form < 4; form++) {
			const struct elf_case c = {.type = 3};
			bool wide = (form & 1) != 0, big = (form & 2) != 0;
			uint8_t image[320] = {0}, *head = image + 64, *note = image + 256;

			make_elf(image, &c, wide, big);
			put(head, big, 4, 4);
			put(head + (wide ? 8 : 4), big, wide ? 8 : 4, 236);
			put(head + (wide ? 32 : 16), big, wide ? 8 : 4, 84);
			/* A note before it, of two bytes. */
			put(note - 20, big, 4, 4);
			put(note - 16, big, 4, 2);
			put(note - 12, big, 4, 7);
			memcpy(note - 8, "GNU", 4);
			put(note, big, 4, 4);
			put(note + 4, big, 4, cases[i].len);
			put(note + 8, big, 4, cases[i].type);
			memcpy(note + 12, cases[i].owner, 4);
			assert_int_equal(cases[i].want,
					 classify(view_of(image, sizeof(image)),
						  view_str(cases[i].path), cases[i].executable));
			for (size_t n = 0; n < 256 + 16; n++)
				assert_int_not_equal(PROGRAM, classify(view_of(image, n),
								       view_str("/bin/a"), true));
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
	static const char *const yes[] = {"sh",
					  "/bin/bash",
					  "/usr/bin/python3.11",
					  "perl5.36.0",
					  "/x/php8.2",
					  "bash-static",
					  "/usr/bin/perl5.36-x86_64-linux-gnu",
					  "qemu-aarch64-static",
					  "qemu-mips",
					  "/usr/lib/R/bin/exec/R",
					  "/usr/libexec/valgrind/memcheck-amd64-linux"};
	static const char *const no[] = {"",	     "/",	 "shred",     "/python3/ls",
					 "perldoc",  "gdb",	 "vim.basic", "make_it",
					 "qemu-img", "valgrind", "nonesuch",  "Rx"};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(classify_is_interpreter(view_str(yes[i])));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(classify_is_interpreter(view_str(no[i])));
}

/* This very program, as a file. */
static void what_a_program_needs(void **state)
{
	AUTO(buf) struct buf b;
	struct elf_needs n;
	struct fault f;
	struct elf e;
	bool libc = false;

	(void)state;
	buf_init(&b, 64 << 20);
	assert_rc(RC_OK, file_read("/proc/self/exe", &b, &f));
	assert_true(elf_open(buf_view(&b), &e));
	assert_true(elf_has_interp(&e));
	assert_rc(RC_OK, elf_needs_read(&e, &n, &f));
	assert_int_equal('/', n.interp.ptr[0]);
	for (size_t i = 0; i < n.needed_count; i++)
		libc |= view_is(n.needed[i], "libc.so.6");
	assert_true(libc);
	assert_false(elf_open(view_str("#!/bin/sh, and no more than that"), &e));
	/* Cut short, it is refused or it needs less. */
	for (size_t len = 64; len < b.len; len += 1 + len / 16) {
		uint8_t *part = (uint8_t *)malloc(len);

		assert_non_null(part);
		memcpy(part, b.ptr, len);
		assert_true(elf_open(view_of(part, len), &e));
		(void)elf_needs_read(&e, &n, &f).code;
		free(part);
	}
}

/* One PT_LOAD at address 0, and the dynamic section behind it. */
static rc needs_of(uint64_t (*dynamic)[2], size_t count, const char *strings, struct elf_needs *n)
{
	static uint8_t image[65536 + 8192];
	struct fault f;
	struct elf e;

	make_elf(image, &(struct elf_case){.type = ELF_DYN}, true, false);
	memset(image + 256, 0, sizeof(image) - 256);
	put(image + 64 + 32, false, 8, 512); /* filesz of the first */
	put(image + 120, false, 4, 2);	     /* PT_DYNAMIC */
	put(image + 120 + 8, false, 8, 512);
	put(image + 120 + 32, false, 8, count * 16);
	(void)strcpy((char *)image + 300, strings);
	for (size_t i = 0; i < count; i++) {
		put(image + 512 + 16 * i, false, 8, dynamic[i][0]);
		put(image + 512 + 16 * i + 8, false, 8, dynamic[i][1]);
	}
	assert_true(elf_open(view_of(image, sizeof(image)), &e));
	return elf_needs_read(&e, n, &f);
}

static void dynamic_sections(void **state)
{
	static uint64_t good[][2] = {{5, 300}, {1, 1}, {29, 8}, {15, 1}, {0, 0}, {1, 8}};
	static uint64_t nowhere[][2] = {{5, 5000}, {1, 1}};
	static uint64_t outside[][2] = {{5, 300}, {1, UINT64_MAX}};
	static uint64_t many[ELF_NEEDED_MAX + 2][2];
	struct elf_needs n;

	(void)state;
	assert_rc(RC_OK, needs_of(good, 6, "-libx.so_", &n));
	assert_int_equal(1, n.needed_count);
	assert_true(view_is(n.needed[0], "libx.so_"));
	assert_true(view_is(n.runpath, "_")); /* not the older DT_RPATH */
	assert_rc(RC_SYNTAX, needs_of(nowhere, 2, "", &n));
	assert_rc(RC_TRUNCATED, needs_of(outside, 2, "", &n));
	many[0][0] = 5;
	many[0][1] = 300;
	for (size_t i = 1; i < ELF_NEEDED_MAX + 2; i++)
		many[i][0] = 1;
	assert_rc(RC_LIMIT, needs_of(many, ELF_NEEDED_MAX + 2, "x", &n));
	assert_rc(RC_OK, needs_of(many, ELF_NEEDED_MAX + 1, "x", &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elf_files),
		cmocka_unit_test(static_programs),
		cmocka_unit_test(scripts),
		cmocka_unit_test(interpreters),
		cmocka_unit_test(what_a_program_needs),
		cmocka_unit_test(dynamic_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
