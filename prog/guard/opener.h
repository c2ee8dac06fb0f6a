/* opener - who opens a file, seen while the kernel makes it wait for our answer.
 *
 * From /proc/TID of the thread that waits: the system call it is in, with its arguments and its
 * place in memory, where the dynamic loader lies (AT_BASE of auxv(5) in getauxval(3)), and which
 * file it runs. The thread stands still, so none of this changes under us; none of these files
 * takes the lock of an address space, which another process could hold for ever.
 * Owns: what is read and how. Must not own: what follows from it (opens.h). */
#ifndef GS_GUARD_OPENER_H
#define GS_GUARD_OPENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/result.h"

/* The loader's own code and data end before this, counted from where it begins: 216 KiB in glibc
 * 2.36, 660 KiB in musl. */
#define OPENER_LOADER_SPAN (UINT64_C(1) << 20)

enum opener_call {
	OPENER_READS,  /* or writes too; also what we know nothing of */
	OPENER_WRITES, /* alone: what it opens can neither be read nor mapped through this */
	OPENER_EXECS,  /* the kernel has asked for it as an exec already */
};

struct opener {
	enum opener_call call;
	bool loader; /* it is the dynamic loader's code that opens, or we cannot tell */
	bool has_exe;
	uint64_t dev, ino; /* of the program that it runs */
};

/* What it runs. Costs one call, which waits for no file system. */
void opener_exe(int32_t tid, struct opener *o);
/* The rest. False: it was woken for its question but does not sleep yet, as on a machine that has
 * more to do than processors; all that is known of it is that it may be the loader. Ask again. */
bool opener_look(int32_t tid, struct opener *o);

/* The two texts, apart from /proc: a line of proc(5) "syscall", and auxv. A line that is not
 * understood reads, with pc 0. */
struct opener_line {
	enum opener_call call;
	uint64_t pc; /* 0: unknown */
};
struct opener_line opener_parse(const char *line);
enum opener_base {
	BASE_THERE,   /* *ret is where the loader lies */
	BASE_NONE,    /* there is none, the program is static or is the loader */
	BASE_UNKNOWN, /* that is no auxv */
};
/* The words of a program for 32 bits are half as long; which they are is told by the page size,
 * that the kernel gives to every program. */
enum opener_base opener_base(const uint8_t *auxv, size_t len, uint64_t *ret);

#endif
