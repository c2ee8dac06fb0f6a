/* guard_cases - ways to run what nobody approved, tried one after the other against a real guard.
 *
 * A table is gone through twice: where the guard only observes, each way must work, or it shows
 * nothing; where it enforces, each must be caught at the levels that its row names, and at no
 * lower one: then the documentation is wrong. Whether one went through is told by a trace, an empty
 * file that the hostile code leaves. Rows that this machine has not the means for are counted.
 * Owns: the attempts and the files that all tables use. Must not own: the cases. */
#ifndef GS_TESTS_GUARD_CASES_H
#define GS_TESTS_GUARD_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/lib/guard_world.h"

#define CASE_SKIP 254 /* from a case's function: this machine does not have what it needs */
#define CASES_MAX 200u

/* A guard's level; of a row the lowest one that catches it. */
enum case_level {
	CASE_BASE,
	CASE_STRICT,
	CASE_KERNEL,
	CASE_NEVER,
	CASE_VARIES, /* with the kernel's version, or with luck */
};

enum case_as {
	AS_USER, /* nobody, 65534 */
	AS_ROOT,
	AS_BARE_ROOT, /* uid 0 without a capability */
};

struct guard_case {
	const char *name;
	enum case_level from;
	/* For sh -c: $M is where the files are, $GUARD_RAN the trace. 127, and 126 where
	 * the kernel executes no such programs: there is nothing to try.
	 * NULL: fn. */
	const char *shell;
	/* 0: went through, 1: not, CASE_SKIP; or it leaves the trace. */
	int (*fn)(void);
	enum case_as as;
};

struct guard_try {
	struct guard_world w;
	enum case_level level;
	bool own_root;	 /* in gw_enter_root's, with "mount = all" */
	char dir[100];	 /* where the hostile files are, for those who try */
	char trace[200]; /* its path */
	bool works[CASES_MAX];
};

struct guard_score {
	unsigned stopped, skipped, wrong; /* wrong: not as its row says */
	unsigned first_stopped;		  /* of the first `first` rows */
	unsigned first_expected;	  /* as many of them should be, less those skipped */
};

struct case_table {
	const struct guard_case *rows;
	size_t count, first;
	/* Makes its files (below) and approves those that may run. */
	void (*files)(struct guard_try *t);
	/* Before each attempt; may be NULL. */
	void (*before)(struct guard_try *t, size_t row);
};

/* The files of a table, in dir: by these. path: where it lies (200 bytes). */
void case_place(const struct guard_try *t, const char *name, char path[200]);
void case_put(const struct guard_try *t, const char *name, const char *text);
/* From the build's directory of tests. */
void case_copy(const struct guard_try *t, const char *from, const char *name);
/* gw_program's. */
void case_program(const struct guard_try *t, const char *name, char letter);

/* For those who try. The file is there; false: nothing or not all was written. */
bool case_write_text(const char *path, const char *text);
/* Root in user and mount namespaces of their own, as any user may be. */
bool case_become_root(void);

/* Starts a guard of that level over the table's files, tries all of it, and ends it. */
struct guard_score case_table_run(struct guard_try *t, const struct case_table *table,
				  enum case_level level, bool own_root);

#endif
