/* backlog - what the guard has told and nobody has fetched yet, on the disk, within a fixed size.
 *
 * Two files of lines, "SEQ CHECK JSON" LF each, CHECK being the first 8 hex digits of the SHA-256
 * of "SEQ JSON". When one is full the other is begun anew: its events that nobody has fetched are
 * dropped and counted. A third file holds the run, how far readers have come, and that count. What
 * a crash leaves of a line is cut off at the next start. An event is durable before it is given
 * out, so that no number is given twice. Owns: the files. Must not own: who reads (feed.c), what
 * the lines say. Opens nothing after backlog_open, as a process of the guard must not. */
#ifndef GS_GUARD_BACKLOG_H
#define GS_GUARD_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define BACKLOG_DIR "reports" /* below the state directory */
#define BACKLOG_RUN 16u
#define BACKLOG_LINE_MAX 33000u

struct backlog_files {
	int half[2]; /* -1: there is none; nothing is kept then */
	int mark;
};

/* Opens or makes the three files in that directory. RC_IO and its kind; *ret is then -1 each. */
MUST rc backlog_open(const char *state, struct backlog_files *ret, struct fault *f);

struct backlog {
	struct backlog_files files;
	uint64_t limit; /* bytes of one half */
	uint8_t run[BACKLOG_RUN];
	uint64_t next;	  /* seq of the next event */
	uint64_t acked;	  /* readers have all up to here */
	uint64_t dropped; /* in this run, before anybody had them */
	unsigned now;	  /* the half that is written */
	bool unsynced;
	struct {
		uint64_t size;
		uint64_t at;	      /* of the first line that readers do not have */
		uint64_t first, last; /* seq; 0: it is empty */
	} half[2];
};

/* Finds out what is there; bytes: of both halves together. Files that cannot be read begin anew. */
void backlog_load(struct backlog *b, const struct backlog_files *files, uint64_t bytes);
/* Keeps one event; a disk that is full or broken drops it and counts it. */
void backlog_put(struct backlog *b, struct view json);
/* Events were lost before they came here. */
void backlog_lost(struct backlog *b, uint64_t count);
/* Readers have all up to that seq. */
void backlog_ack(struct backlog *b, uint64_t seq);
/* Appends {"event":JSON,"seq":N} LF for the oldest events that readers do not have, at most max of
 * them and as many as there is room for in out; how many. They are durable then. */
MUST rc backlog_get(struct backlog *b, uint32_t max, struct buf *out, uint32_t *ret_count);

#endif
