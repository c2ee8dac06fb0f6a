/* zone - build zones: what an approved producer has written may run for a while, by those and in
 * the place that the setting names.
 *
 * Execs of producers, opens, and closes of written files come through one queue in their order, so
 * the program that a linker closes and that is executed the next moment is known by then. An output
 * is known by its inode and its birth: renamed it is the same, a copy is another.
 * The kernel says who has opened a file and who was the last to close it, not who wrote in between,
 * and a descriptor can be left to another. So a file is an output only if, from its birth to the
 * close, nobody but producers has opened it: what others open is remembered as touched. What is
 * remembered no more is told by its birth: all that is not younger than `floor` counts as touched.
 * Afterwards others may read it; whoever else closes it after writing makes it an ordinary file
 * again, and so does a producer that writes to it once others have opened it.
 * In shared memory, of fixed size; what makes room is counted. Owns: both tables, and who is in a
 * zone. Must not own: directories (places.h), verdicts (decide.c). */
#ifndef GS_GUARD_ZONE_H
#define GS_GUARD_ZONE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "prog/guard/conf.h"

#define OUTPUT_ROWS 512u /* a power of two */
#define OUTPUT_WIDE 16u
#define TOUCHED_ROWS 1024u
#define TOUCHED_WIDE 16u
#define PRODUCERS_MAX 256u /* that run at the same time */

/* A file as statx(2) shows it. */
struct zone_file {
	uint64_t dev;
	uint64_t ino;
	uint64_t born; /* ns since 1970; 0: its file system does not say */
	uint64_t size;
};

struct output {
	bool set;
	bool done;    /* closed by a producer; until then it is being made */
	bool touched; /* others have opened it since */
	uint64_t dev;
	uint64_t ino;
	uint64_t born;
	uint64_t size;
	uint64_t at; /* ms: closed, or opened first */
};

/* A file that somebody else than a producer has opened; born 0: free. */
struct touched {
	uint64_t dev;
	uint64_t ino;
	uint64_t born;
};

struct producer {
	int32_t pid; /* 0: free */
	int pidfd;
	bool ended;   /* what it has closed is in the queue, or was read */
	bool seen;    /* it was met while it ran its program: the exec has not failed */
	uint64_t dev; /* its program */
	uint64_t ino;
	uint64_t at;
};

struct zone_state {
	_Atomic uint64_t outputs, ran, dropped;
	_Atomic uint64_t floor; /* ns since 1970 */
	struct output row[OUTPUT_ROWS][OUTPUT_WIDE];
	struct touched touched[TOUCHED_ROWS][TOUCHED_WIDE];
	struct producer producer[PRODUCERS_MAX];
};

/* From now on every open is seen. */
void zone_watched(struct zone_state *z);
/* RC_IO; RC_UNSUPPORTED: no regular file. Waits for no server. */
MUST rc zone_file(int fd, struct zone_file *ret);
/* Somebody has opened it. */
void zone_opened(struct zone_state *z, const struct zone_file *f, bool producer, uint64_t now);
/* Somebody was the last to close what was open for writing; producer: one, and where outputs may
 * be. */
void zone_closed(struct zone_state *z, const struct zone_file *f, bool producer, uint64_t now);
/* Somebody has opened or closed something, and which it was cannot be known: nothing that was made
 * until now is an output. */
void zone_lost(struct zone_state *z);
/* Of another guard, as it was. */
void zone_put(struct zone_state *z, const struct output *o);
void zone_touch(struct zone_state *z, const struct zone_file *f);
/* A finished output of this size. NULL: it is none. */
const struct output *zone_find(struct zone_state *z, const struct zone_file *f);

/* pid is about to run the program (dev, ino), which is a producer. pidfd is taken over; -1: it
 * could not be had, and the process is not known when it has ended. */
void zone_producer(struct zone_state *z, int32_t pid, int pidfd, uint64_t dev, uint64_t ino,
		   uint64_t now);
struct producer *zone_producer_find(struct zone_state *z, int32_t pid);
/* Before the queue is read: who has ended by now. */
void zone_note_ended(struct zone_state *z);
/* The queue has been read to its end since: their numbers may be another's. */
void zone_drop_ended(struct zone_state *z);

/* "uid:NUMBER DIRECTORY SPAN" or "cgroup:/PATH DIRECTORY SPAN". RC_SYNTAX, RC_RANGE. */
MUST rc zone_parse(struct view text, struct zone *ret, struct fault *f);
/* Whether this thread belongs to the zone: real and effective user, or cgroup (version 2). */
bool zone_has(const struct zone *z, int32_t tid);
/* The same of what /proc/TID/status and /proc/TID/cgroup say. */
bool zone_has_status(const struct zone *z, const char *status);
bool zone_has_cgroup(const struct zone *z, const char *cgroup);

#endif
