/* rebuild - after a start, the requests of the log that the store does not have: all of them when
 * it was lost, the newest ones after a loss of power; and the statuses that it has an old word of.
 *
 * The log's entries name the requests; the keeper has the rest. Two walks: forwards, for the
 * requests, and, only when the store was new, backwards, for the last signed file of each product.
 * Owns: how far that has come, as marks in the store, so that an end in between costs nothing. Must
 * not own: how a request comes back (recover.c). */
#ifndef GS_SERVER_REBUILD_H
#define GS_SERVER_REBUILD_H

#include "prog/server/server.h"

enum rebuild_state {
	REBUILD_MORE, /* call again */
	REBUILD_WAIT, /* keeper or log are not there: call again later */
	REBUILD_DONE,
};

struct rebuild;
/* NULL without memory. One thread. */
struct rebuild *rebuild_new(struct server *s);
void rebuild_free(struct rebuild *r);
/* A piece of the work: at most some 256 requests, or one inspection. */
enum rebuild_state rebuild_step(struct rebuild *r);

#endif
