/* timer - what time alone does: scheduled requests are shown to the keeper again, old files go, a
 * lost store comes back. */
#ifndef GS_SERVER_TIMER_H
#define GS_SERVER_TIMER_H

#include "prog/server/server.h"

struct timer;
MUST rc timer_start(struct server *s, struct timer **ret, struct fault *f);
void timer_stop(struct timer *t);
/* Submits a stored request to the keeper again, to be signed if it may; the answer goes into the
 * store like any other. Best effort. */
void request_show_again(struct server *s, const struct digest *id);

#endif
