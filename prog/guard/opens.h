/* opens - which opens of a file are the start of running it (level strict), as one table.
 *
 * A file that is not approved may be data or code: that depends on who opens it. Code is what the
 * dynamic loader opens, and what an interpreter opens outside the directories of data. Everything
 * else reads data: cp, tar, strip, the linker. Owns: that rule (docs/guard.md has it in words). */
#ifndef GS_GUARD_OPENS_H
#define GS_GUARD_OPENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prog/guard/opener.h"

enum open_kind {
	OPEN_EMPTY,
	OPEN_ELF,    /* a program or library */
	OPEN_OBJECT, /* to be linked: into a program, or as a module into the kernel */
	OPEN_OTHER,
};
/* By its first bytes; n of them are there. Objects that are yet to be linked are not libraries. */
enum open_kind opens_kind(const uint8_t *head, size_t n);
#define OPEN_HEAD_BYTES 18u

enum open_rule {
	OPEN_FREE,     /* read, not run */
	OPEN_DATA,     /* may be both, and lies where data lies */
	OPEN_APPROVED, /* only if the list has it */
};

struct open_facts {
	unsigned classes; /* of the program that opens; 0: not approved, or unknown */
	bool loader;	  /* opener.h */
	enum opener_call call;
	enum open_kind kind;
};
/* Whether who opens may open every file, whatever its kind. */
bool opens_reads_all(const struct open_facts *o);
/* OPEN_DATA: if it lies in a directory of data, else OPEN_APPROVED. */
enum open_rule opens_judge(const struct open_facts *o);

#endif
