/* Unit tests of prog/guard's level strict: who opens, what follows from it, what runs, and where.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/model/contents.h"
#include "prog/guard/conf.h"
#include "prog/guard/exes.h"
#include "prog/guard/often.h"
#include "prog/guard/opener.h"
#include "prog/guard/opens.h"
#include "prog/guard/places.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct opener_line line_of(long nr, unsigned long a1, unsigned long a2)
{
	char text[200];

	(void)snprintf(text, sizeof(text),
		       "%ld 0xffffff9c 0x%lx 0x%lx 0x0 0x0 0x1 0x7ffc10 0x7f00\n", nr, a1, a2);
	return opener_parse(text);
}

static void calls_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(OPENER_READS, line_of(SYS_openat, 1, O_RDONLY | O_CLOEXEC).call);
	assert_int_equal(OPENER_READS, line_of(SYS_openat, 1, O_RDWR | O_CREAT).call);
	assert_int_equal(OPENER_WRITES, line_of(SYS_openat, 1, O_WRONLY | O_APPEND).call);
	assert_int_equal(OPENER_READS, line_of(SYS_openat, 1, O_ACCMODE).call);
	assert_int_equal(OPENER_WRITES, line_of(SYS_open_by_handle_at, 1, O_WRONLY).call);
	/* Its flags are in memory. */
	assert_int_equal(OPENER_READS, line_of(SYS_openat2, 1, O_WRONLY).call);
	assert_int_equal(OPENER_READS, line_of(SYS_io_uring_enter, 1, O_WRONLY).call);
	assert_int_equal(OPENER_EXECS, line_of(SYS_execve, 0, 0).call);
	assert_int_equal(OPENER_EXECS, line_of(SYS_execveat, 0, 0).call);
#ifdef SYS_open
	assert_int_equal(OPENER_WRITES, line_of(SYS_open, O_WRONLY, 0).call);
	assert_int_equal(OPENER_READS, line_of(SYS_open, O_RDONLY, O_WRONLY).call);
#endif
	assert_int_equal(0x7f00, line_of(SYS_openat, 0, 0).pc);
}

/* What is not understood reads, from nowhere. */
static void other_lines_read(void **state)
{
	static const char *const bad[] = {
		"",
		"running\n",
		"-1 0x7ffc 0x7f00\n",
		"257 0x1 0x2 0x1 0x4 0x5 0x6 0x7\n",
		"257 0x1 0x2 0x1 0x4 0x5 0x6 0x7 0x8",
		"257 0x1 0x2 0x1 0x4 0x5 0x6 0x7 0x8 0x9\n",
		"257 1 2 1 4 5 6 7 8\n",
		"0x101 0x1 0x2 0x1 0x4 0x5 0x6 0x7 0x8\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct opener_line l = opener_parse(bad[i]);

		assert_int_equal(OPENER_READS, l.call);
		assert_int_equal(0, l.pc);
	}
}

static void the_loader_is_found(void **state)
{
	const unsigned long auxv[] = {AT_PAGESZ, 4096, AT_BASE, 0x7f0000001000, AT_NULL, 0};
	const unsigned long none[] = {AT_PAGESZ, 4096, AT_BASE, 0, AT_NULL, 0};
	const unsigned long ended[] = {AT_PAGESZ, 4096, AT_NULL, 0, AT_BASE, 0x7f0000001000};
	uint64_t base = 0;

	(void)state;
	assert_int_equal(BASE_THERE, opener_base((const uint8_t *)auxv, sizeof(auxv), &base));
	assert_int_equal(0x7f0000001000, base);
	assert_int_equal(BASE_NONE, opener_base((const uint8_t *)none, sizeof(none), &base));
	assert_int_equal(BASE_NONE, opener_base((const uint8_t *)auxv, 16, &base));
	assert_int_equal(BASE_NONE, opener_base((const uint8_t *)auxv, 31, &base)); /* cut */
	/* Behind the end there is nothing. */
	assert_int_equal(BASE_NONE, opener_base((const uint8_t *)ended, sizeof(ended), &base));
}

/* A program for 32 bits has words of 32 bits: its loader opened what it liked. */
static void the_loader_of_32_bits_is_found(void **state)
{
	const uint32_t auxv[] = {AT_SYSINFO, 0xf7f0, AT_PAGESZ, 4096,  AT_FLAGS, 0,
				 AT_BASE,    0xf7fc, AT_UID,	65534, AT_NULL,	 0};
	const uint32_t none[] = {AT_PAGESZ, 4096, AT_BASE, 0, AT_NULL, 0};
	uint64_t base = 0;

	(void)state;
	assert_int_equal(BASE_THERE, opener_base((const uint8_t *)auxv, sizeof(auxv), &base));
	assert_int_equal(0xf7fc, base);
	assert_int_equal(BASE_NONE, opener_base((const uint8_t *)none, sizeof(none), &base));
}

/* Neither: who opens counts as the loader. */
static void what_is_no_auxv_is_not_trusted(void **state)
{
	const unsigned long other[] = {AT_PAGESZ, 4097, AT_BASE, 0x7f0000001000, AT_NULL, 0};
	uint64_t base = 0;

	(void)state;
	assert_int_equal(BASE_UNKNOWN, opener_base((const uint8_t *)other, 0, &base));
	assert_int_equal(BASE_UNKNOWN, opener_base((const uint8_t *)other, sizeof(other), &base));
	assert_int_equal(BASE_UNKNOWN, opener_base((const uint8_t *)other, 15, &base));
}

static void kinds_are_told_apart(void **state)
{
	uint8_t head[OPEN_HEAD_BYTES] = {0x7f, 'E', 'L', 'F', 2, ELFDATA2LSB, 1};

	(void)state;
	head[16] = ET_DYN;
	assert_int_equal(OPEN_ELF, opens_kind(head, sizeof(head)));
	head[16] = ET_EXEC;
	assert_int_equal(OPEN_ELF, opens_kind(head, sizeof(head)));
	head[16] = ET_REL;
	assert_int_equal(OPEN_OBJECT, opens_kind(head, sizeof(head)));
	head[5] = ELFDATA2MSB;
	assert_int_equal(OPEN_ELF, opens_kind(head, sizeof(head)));
	assert_int_equal(OPEN_OTHER, opens_kind(head, 17));
	assert_int_equal(OPEN_OTHER, opens_kind((const uint8_t *)"#!/bin/sh\n........", 18));
	assert_int_equal(OPEN_EMPTY, opens_kind(head, 0));
}

/* The whole table of docs/guard.md, "Who reads what". */
static void the_rule(void **state)
{
	static const struct {
		struct open_facts facts;
		enum open_rule rule;
	} rows[] = {
#define READS(classes_, loader_, kind_)                                                            \
	{.classes = (classes_), .loader = (loader_), .kind = (kind_)}
		/* A program's own code reads what it likes. */
		{READS(LIST_PROGRAM, false, OPEN_ELF), OPEN_FREE},
		{READS(LIST_PROGRAM, false, OPEN_OTHER), OPEN_FREE},
		{READS(LIST_PROGRAM | LIST_PRODUCER, false, OPEN_ELF), OPEN_FREE},
		/* Its loader does not. */
		{READS(LIST_PROGRAM, true, OPEN_ELF), OPEN_APPROVED},
		{READS(LIST_PROGRAM | LIST_PRODUCER, true, OPEN_ELF), OPEN_APPROVED},
		{READS(LIST_PROGRAM, true, OPEN_OTHER), OPEN_DATA},
		{READS(LIST_PROGRAM, true, OPEN_EMPTY), OPEN_DATA},
		/* One that was started by its name, and what it loaded. */
		{READS(LIST_PROGRAM | LIST_LIBRARY, false, OPEN_ELF), OPEN_APPROVED},
		{READS(LIST_PROGRAM | LIST_LIBRARY, false, OPEN_EMPTY), OPEN_DATA},
		{READS(LIST_PROGRAM | LIST_INTERPRETER, false, OPEN_ELF), OPEN_APPROVED},
		{READS(LIST_PROGRAM | LIST_INTERPRETER, false, OPEN_OTHER), OPEN_DATA},
		{READS(LIST_PROGRAM | LIST_INTERPRETER, false, OPEN_OBJECT), OPEN_DATA},
		{READS(LIST_PROGRAM, false, OPEN_OBJECT), OPEN_FREE},
		{READS(LIST_PROGRAM | LIST_INTERPRETER, false, OPEN_EMPTY), OPEN_FREE},
		{READS(LIST_PROGRAM | LIST_INTERPRETER, true, OPEN_EMPTY), OPEN_DATA},
		/* Unknown, revoked, an archive. */
		{READS(0, false, OPEN_OTHER), OPEN_DATA},
		{READS(0, false, OPEN_EMPTY), OPEN_DATA},
		{READS(0, false, OPEN_ELF), OPEN_APPROVED},
		{READS(LIST_REVOKED, false, OPEN_ELF), OPEN_APPROVED},
		{READS(LIST_ARCHIVE, false, OPEN_ELF), OPEN_APPROVED},
		{{.classes = 0, .call = OPENER_WRITES, .kind = OPEN_OTHER}, OPEN_FREE},
		{{.classes = 0, .call = OPENER_EXECS, .loader = true, .kind = OPEN_ELF}, OPEN_FREE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (opens_judge(&rows[i].facts) != rows[i].rule ||
		    (opens_reads_all(&rows[i].facts) && rows[i].rule != OPEN_FREE))
			fail_msg("row %zu", i);
}

/* What reads all does so whatever the file is; what only reads empty files does not. */
static void who_reads_all(void **state)
{
	const struct open_facts program = {.classes = LIST_PROGRAM},
				shell = {.classes = LIST_PROGRAM | LIST_INTERPRETER,
					 .kind = OPEN_EMPTY},
				writes = {.classes = 0, .call = OPENER_WRITES};

	(void)state;
	assert_true(opens_reads_all(&program));
	assert_true(opens_reads_all(&writes));
	assert_false(opens_reads_all(&shell));
	assert_int_equal(OPEN_FREE, opens_judge(&shell));
}

static void reads_are_counted(void **state)
{
	struct often *o = (struct often *)calloc(1, sizeof(*o));
	unsigned said = 0;

	(void)state;
	assert_non_null(o);
	for (unsigned i = 1; i < OFTEN_READS; i++)
		assert_false(often_read(o, 1, 1));
	assert_true(often_read(o, 1, 1));
	assert_false(often_read(o, 2, 1));
	for (unsigned i = 0; i < 3 * OFTEN_AGAIN; i++)
		said += often_read(o, 1, 1);
	assert_int_equal(3, said);
	/* Each row is for the last that came: no file is taken for another. */
	for (uint64_t i = 2; i < 4 * OFTEN_ROWS; i++)
		assert_false(often_read(o, 3, i));
	free(o);
}

/* More programs than fit: the newest of a row stay, a changed content replaces its own. */
static void running_programs_are_remembered(void **state)
{
	struct exes *e = (struct exes *)calloc(1, sizeof(*e));
	struct digest d = {.b = {1}};
	size_t known = 0;

	(void)state;
	assert_non_null(e);
	assert_null(exes_find(e, 1, 1));
	exes_note(e, 1, 1, &d, false);
	assert_int_equal(1, exes_find(e, 1, 1)->digest.b[0]);
	assert_null(exes_find(e, 2, 1));
	d.b[0] = 2;
	exes_note(e, 1, 1, &d, false);
	assert_int_equal(2, exes_find(e, 1, 1)->digest.b[0]);
	for (uint64_t i = 2; i < 4 * EXES_ROWS * EXES_WIDE; i++) {
		exes_note(e, 1, i, &d, false);
		assert_non_null(exes_find(e, 1, i));
		assert_non_null(exes_find(e, 1, 1)); /* used all the time */
	}
	for (uint64_t i = 1; i < 4 * EXES_ROWS * EXES_WIDE; i++)
		known += exes_find(e, 1, i) != NULL;
	assert_true(known <= EXES_ROWS * EXES_WIDE && known > EXES_ROWS * EXES_WIDE / 2);
	free(e);
}

static void this_process_is_found(void **state)
{
	struct exes *e = (struct exes *)calloc(1, sizeof(*e));
	struct opener o;

	(void)state;
	assert_non_null(e);
	opener_exe(getpid(), &o);
	assert_true(o.has_exe);
	assert_rc(RC_OK, exes_seed(e, NULL));
	assert_non_null(exes_find(e, o.dev, o.ino));
	opener_exe(0, &o);
	assert_false(o.has_exe);
	assert_true(opener_look(0, &o));
	assert_true(o.loader && o.call == OPENER_READS);
	free(e);
}

/* One that is awake cannot be seen, and is not taken for anything; one that waits can. */
static void only_who_sleeps_is_seen(void **state)
{
	struct opener o;
	int ends[2], status;
	pid_t awake = fork(), asleep;
	char c;

	(void)state;
	assert_true(awake >= 0);
	if (awake == 0)
		for (;;)
			;
	assert_false(opener_look(awake, &o));
	assert_int_equal(0, pipe(ends));
	asleep = fork();
	assert_true(asleep >= 0);
	if (asleep == 0) {
		(void)!read(ends[0], &c, 1);
		_exit(0);
	}
	/* It may sleep for something else before. */
	while (!opener_look(asleep, &o) || o.loader)
		;
	assert_int_equal(OPENER_READS, o.call);
	assert_int_equal(0, kill(awake, SIGKILL) + kill(asleep, SIGKILL));
	assert_int_equal(awake, waitpid(awake, &status, 0));
	assert_int_equal(asleep, waitpid(asleep, &status, 0));
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void put(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
}

static bool holds(const struct place *p, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool yes;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	yes = place_holds(p, fd, &st);
	(void)close(fd);
	return yes;
}

static void places_hold_what_lies_in_them(void **state)
{
	static struct place p, none;
	char top[64], path[5][120];

	(void)state;
	assert_rc(RC_OK, dir_temp("/tmp/greatseal-places", top, sizeof(top), NULL));
	(void)snprintf(path[0], sizeof(path[0]), "%s/data", top);
	(void)snprintf(path[1], sizeof(path[1]), "%s/data/in", top);
	(void)snprintf(path[2], sizeof(path[2]), "%s/data2", top);
	(void)snprintf(path[3], sizeof(path[3]), "%s/data/link", top);
	(void)snprintf(path[4], sizeof(path[4]), "%s/link", top);
	assert_int_equal(0, mkdir(path[0], 0700));
	put(path[1]);
	put(path[2]);
	assert_int_equal(0, symlink(path[2], path[3]));
	assert_int_equal(0, symlink(path[0], path[4]));
	assert_false(place_open(&none, "/nothing/here"));
	assert_false(holds(&none, path[1]));
	assert_true(place_open(&p, path[4])); /* by a link: what counts is where it leads */
	assert_true(holds(&p, path[1]));
	assert_false(holds(&p, path[2])); /* only the beginning of the name is the same */
	assert_false(holds(&p, path[3]));
	/* Moved out, with the same name for another file in its place. */
	(void)snprintf(path[3], sizeof(path[3]), "%s/out", top);
	assert_int_equal(0, rename(path[1], path[3]));
	put(path[1]);
	assert_false(holds(&p, path[3]));
	assert_true(holds(&p, path[1]));
	(void)close(p.dir);
	(void)snprintf(path[0], sizeof(path[0]), "rm -rf %s", top);
	assert_int_equal(0, system(path[0]));
}

static rc set(struct conf *c, const char *name, const char *value)
{
	return settings_set(&conf_settings, c, view_str(name), view_str(value), NULL);
}

static void its_settings(void **state)
{
	static struct conf c;

	(void)state;
	settings_defaults(&conf_settings, &c);
	assert_int_equal(LEVEL_BASE, c.level);
	assert_rc(RC_SYNTAX, set(&c, "level", "perfect"));
	assert_rc(RC_OK, set(&c, "level", "kernel"));
	assert_int_equal(LEVEL_KERNEL, c.level);
	assert_rc(RC_SYNTAX, set(&c, "level", ""));
	assert_rc(RC_OK, set(&c, "level", "strict"));
	assert_int_equal(LEVEL_STRICT, c.level);
	assert_rc(RC_SYNTAX, set(&c, "data", "etc"));
	for (size_t i = 0; i < CONF_DATA_MAX; i++)
		assert_rc(RC_OK, set(&c, "data", "/etc"));
	assert_rc(RC_LIMIT, set(&c, "data", "/etc"));
	assert_rc(RC_SYNTAX, set(&c, "zone", "/srv"));
	for (size_t i = 0; i < CONF_ZONES_MAX; i++)
		assert_rc(RC_OK, set(&c, "zone", "uid:1000 /srv 1h"));
	assert_rc(RC_LIMIT, set(&c, "zone", "uid:1000 /srv 1h"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_told_apart),
		cmocka_unit_test(other_lines_read),
		cmocka_unit_test(the_loader_is_found),
		cmocka_unit_test(the_loader_of_32_bits_is_found),
		cmocka_unit_test(what_is_no_auxv_is_not_trusted),
		cmocka_unit_test(kinds_are_told_apart),
		cmocka_unit_test(the_rule),
		cmocka_unit_test(who_reads_all),
		cmocka_unit_test(reads_are_counted),
		cmocka_unit_test(running_programs_are_remembered),
		cmocka_unit_test(this_process_is_found),
		cmocka_unit_test(only_who_sleeps_is_seen),
		cmocka_unit_test(places_hold_what_lies_in_them),
		cmocka_unit_test(its_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
