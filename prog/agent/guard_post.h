/* guard_post - the thread that brings what the guard has seen to the server.
 *
 * The guard keeps events until they are acknowledged, and the server counts each once, so nothing
 * is remembered here: a crash or a lost answer sends the same events again. Owns: when, and what is
 * sent. Must not own: the guard's socket (guard_feed.h), the batch's form
 * (lib/model/guard_batch.h). */
#ifndef GS_AGENT_GUARD_POST_H
#define GS_AGENT_GUARD_POST_H

#include "prog/agent/agent.h"

struct guard_post;

/* Fails: RC_NOMEM, RC_IO. */
MUST rc guard_post_start(struct agent *a, struct guard_post **ret, struct fault *f);
/* Accepts NULL. */
void guard_post_stop(struct guard_post *p);

#endif
