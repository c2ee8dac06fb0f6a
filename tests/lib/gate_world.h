/* gate_world - one keeper in this process, with a real journal, guard, token and log, whose gate is
 * fed message by message; for the fuzz target.
 *
 * It holds keys "release" and "nightly", and a request for "release" that waits for two approvals.
 * Owns: everything below one temporary directory, removed at the end of the program. */
#ifndef GS_TESTS_GATE_WORLD_H
#define GS_TESTS_GATE_WORLD_H

#include <stdbool.h>

#include "lib/base/view.h"

/* Properly signed messages that the keeper has not seen: what a taken-over server would change. */
enum gate_template {
	GATE_SUBMIT, /* an unattended request, which would be signed at once */
	GATE_ACT,    /* the first approval of the waiting request */
	GATE_CHANGE, /* the next policy, with its quorum */
	GATE_TEMPLATES
};

/* Made by the first call of anything here. */
struct view gate_template(enum gate_template t);
/* Does the frame carry what the template's people have signed, whatever else differs? */
bool gate_is_signed(enum gate_template t, struct view frame);
/* Hands whole frames to the gate, each a round of its own; what is no frame ends it. False if a use
 * was authorized, a leaf written (but for a certificate request), a result given out, or a document
 * changed. */
bool gate_feed(struct view frames);

#endif
