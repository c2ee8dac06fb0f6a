/* told - which signatures this host has told, and which files it has looked into: so that each is
 * told once, and looked into once.
 *
 * Two tables of fixed size, of numbers that stand for digests. The signatures' lies in the state
 * directory: what was told before a restart is not told again for TOLD_DAYS, after which it is,
 * for reports can be lost. The files' is in memory. Owns: these tables. */
#ifndef GS_GUARD_TOLD_H
#define GS_GUARD_TOLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/view.h"

#define TOLD_FILE "signatures"
#define TOLD_ROWS 32768u
#define TOLD_DAYS 30
#define FILES_ROWS 262144u

struct told_row {
	uint64_t id; /* 0: free */
	int64_t day;
};

struct told {
	struct told_row *rows; /* TOLD_ROWS, mapped; or NULL */
	uint64_t *files;       /* FILES_ROWS */
};

/* Gives the file of signatures its whole room on the disk. False: there is not as much. */
bool told_reserve(int fd);
/* fd: of the file of signatures, after told_reserve; or -1: they are in memory then. False: no
 * memory. */
bool told_init(struct told *t, int fd);
void told_release(struct told *t);
/* Whether this signature (its value) was told of late. */
bool told_has(const struct told *t, struct view value, unix_time now);
void told_add(struct told *t, struct view value, unix_time now);
/* Whether this file was looked into as it is; from here on it was. A file that was written since
 * has another time of change. */
bool told_looked(struct told *t, const struct stat *st);
/* The same of a file together with one that lies beside it: whichever of them came last. */
bool told_looked_both(struct told *t, const struct stat *file, const struct stat *beside);

#endif
