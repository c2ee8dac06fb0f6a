/* guard_state - how the guard of a host stands, as it is said in batches and requests.
 *
 * Fields, inside an object of the caller's: "level":TEXT,"list":NAME?,"mode":TEXT,"serial":N?
 * Owns: that form. Must not own: who says it. */
#ifndef GS_MODEL_GUARD_STATE_H
#define GS_MODEL_GUARD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/codec/jcan.h"
#include "lib/model/name.h"

#define GUARD_WORD_MAX 24

struct guard_state {
	char mode[GUARD_WORD_MAX + 1];	/* "enforce", "observe", "absent" */
	char level[GUARD_WORD_MAX + 1]; /* "base" ..; "none" while it is absent */
	bool has_list;
	struct name list;
	uint64_t serial;
};
#define GUARD_ENFORCE_WORD "enforce"
#define GUARD_OBSERVE_WORD "observe"
#define GUARD_ABSENT_WORD "absent"

/* As jcan.h; RC_RANGE a mode that there is not; RC_MISMATCH a serial without a list. */
MUST rc guard_state_read(struct jcan *j, struct guard_state *ret);
void guard_state_write(struct jcan_out *w, const struct guard_state *s);
bool guard_state_is_equal(const struct guard_state *a, const struct guard_state *b);

#endif
