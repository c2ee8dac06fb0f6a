/* zone - build zones: what an approved producer has written may run for a while, by those and in
 * the place that the setting names.
 *
 * Execs of producers and closes of written files come through one queue in their order, so the
 * program that a linker closes and that is executed the next moment is known by then. An output is
 * known by its inode: renamed it is the same, a copy is another. Whoever else writes to it, and
 * closes it, makes it an ordinary file again.
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
#define PRODUCERS_MAX 256u /* that run at the same time */

struct output {
	bool set;
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	uint64_t at; /* ms: closed */
};

struct producer {
	int32_t pid; /* 0: free */
	int pidfd;
	bool ended;   /* what it has closed is in the queue, or was read */
	uint64_t dev; /* its program */
	uint64_t ino;
	uint64_t at;
};

struct zone_state {
	_Atomic uint64_t outputs, ran, dropped;
	struct output row[OUTPUT_ROWS][OUTPUT_WIDE];
	struct producer producer[PRODUCERS_MAX];
};

void zone_output(struct zone_state *z, uint64_t dev, uint64_t ino, uint64_t size, uint64_t now);
void zone_forget(struct zone_state *z, uint64_t dev, uint64_t ino);
/* NULL: none. */
const struct output *zone_find(struct zone_state *z, uint64_t dev, uint64_t ino);

/* pid is about to run the program (dev, ino), which is a producer. pidfd is taken over; -1: it
 * could not be had, and the process is not known when it has ended. */
void zone_producer(struct zone_state *z, int32_t pid, int pidfd, uint64_t dev, uint64_t ino,
		   uint64_t now);
const struct producer *zone_producer_find(const struct zone_state *z, int32_t pid);
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
