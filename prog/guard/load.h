/* load - a list on its way in: copied, sealed, verified, compared with the one before, kept.
 *
 * In a process of its own, away from the one that decides: it reads bytes that came from outside.
 * What it hands over is memory that nobody can change any more, so what was verified is what is
 * used, whatever happens to the file.
 * State directory: "newest" (serial and digest of the newest list ever taken), "list.SERIAL" and
 * "list.SERIAL.greatseal". Owns: these files. Must not own: processes (supervisor.c). */
#ifndef GS_GUARD_LOAD_H
#define GS_GUARD_LOAD_H

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "prog/guard/conf.h"
#include "prog/guard/glass.h"
#include "prog/guard/records.h"

#define LOAD_LIST_MAX ((uint64_t)512 << 20)
/* Of memory that is handed over. */
#define LOAD_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct load_result {
	enum rc_code code;
	uint64_t serial;
	uint64_t count;	      /* contents */
	struct digest digest; /* of the list's bytes */
	unix_time not_after;
	struct name name;
	char text[FAULT_TEXT]; /* what was wrong */
	struct records_result records;
	struct glass_result glass;
};

/* Where a list comes from. */
enum load_source {
	LOAD_FILE,    /* conf->list */
	LOAD_KEPT,    /* the last good one of the state directory */
	LOAD_FETCHED, /* memory files of the supervisor's (fetching.c) */
};
struct load_from {
	enum load_source source;
	int list, proof; /* LOAD_FETCHED */
};

/* Reads a list into the memory file and fills *ret; RC_NOTFOUND in it: there is none. A list that
 * is accepted is durable in the state directory before this returns, and an older one never is
 * again. */
void load_list(const struct conf *c, const struct load_from *from, int memory, unix_time now,
	       struct load_result *ret);
/* The same as a child's whole life, and the package records into a file of their own: locks itself
 * in, writes the result to out. in_force: the list that stays if the new one is refused (NULL:
 * there is none). Does not return. */
_Noreturn void load_run(const struct conf *c, const struct load_from *from,
			const struct list *in_force, const int memory[static 2], int out);

/* "enforce" in the state directory's file "mode"; false if it is anything else or not there. */
bool load_enforces(const struct conf *c);
MUST rc load_keep_mode(const struct conf *c, bool enforce, struct fault *f);

#endif
