/* fetching - when the guard asks for a newer list, and what became of it.
 *
 * Every fetch-interval, not at the same second on every host; soon again, and then later and later,
 * while nobody answers. One that is refused changes nothing: the last good list stays in force.
 * Owns: the clock of it, the child that fetches (fetch.c), what came until the loader has it. Must
 * not own: what is believed (load.c). The supervisor's. */
#ifndef GS_GUARD_FETCHING_H
#define GS_GUARD_FETCHING_H

#include <sys/types.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "prog/guard/ring.h"

struct supervisor;
struct load_result;

#define FETCHING_AGAIN_MS 5000u /* after the first that failed; twice as long after each more */
#define FETCHING_STATUS 512u

struct fetching {
	pid_t child;	      /* 0: none */
	uint64_t child_until; /* and it is ended then */
	int memory[2];	      /* list and proof */
	int pipe;
	bool came;	 /* a list waits for the loader, or is with it */
	uint32_t number; /* of the newest fetch; 0: none yet */
	uint64_t next_at;
	unsigned failures; /* since the last that was good */
	unix_time good_at; /* 0: never since the start */
	unix_time bad_at;
	char why[FAULT_TEXT];
};

void fetching_init(struct fetching *t);
/* Begins one, unless one is under way; *ret_number is its number. RC_STATE: the settings name no
 * agent; RC_IO. */
MUST rc fetching_start(struct supervisor *s, uint32_t *ret_number, struct fault *f);
/* Begins one if it is time; hands what came to the loader. */
void fetching_tick(struct supervisor *s, uint64_t now);
/* The child is gone. */
void fetching_ended(struct supervisor *s);
/* What the loader says of the list that came. */
void fetching_loaded(struct supervisor *s, const struct load_result *r);
/* {"failed":TIME?,"last":TIME?,"why":TEXT?} or null: JSON for the status. */
void fetching_status(const struct supervisor *s, char out[static FETCHING_STATUS]);

/* How long to wait before the next: interval in ms; chance: any number, which spreads it by a
 * quarter to either side. */
uint64_t fetching_wait(uint64_t interval, unsigned failures, uint32_t chance);

#endif
