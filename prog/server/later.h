/* later - a submit that is likely to be answered with its signatures at once: the thread that takes
 * the call goes on with the next one, and the thread that reads the keeper's answers writes this
 * one. A burst of results then wakes clients, and no threads between.
 *
 * Only what is there without asking the keeper again is finished in the reader's thread; anything
 * else goes back to a task with the keeper's answer. Owns: the request while the keeper has it.
 * Must not own: the stages (pipeline.h). */
#ifndef GS_SERVER_LATER_H
#define GS_SERVER_LATER_H

#include "prog/server/pipeline.h"

struct later;

/* Whether such a request may leave the thread. */
bool later_may_leave(const struct call_ctx *c, const struct stage1_request *r);
/* Takes the request and marks the call; the handler then returns RC_OK, and the thread calls
 * later_send. RC_NOMEM: the request is still the caller's. */
MUST rc later_begin(struct call_ctx *c, struct stage1_request *r);
/* Of a call that is marked. It belongs to others from here on. */
void later_send(struct call_ctx *c);
/* The call has come back with an answer that a task has to look at. */
MUST rc later_go_on(struct call_ctx *c);
/* Accepts NULL. */
void later_free(struct later *l);

#endif
