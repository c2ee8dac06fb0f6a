/* pool - threads that use keys: for each token as many as may be in flight there.
 *
 * Work is cut into parts; a free thread takes the next part of the next work in turn, so that one
 * batch of thousands does not hold up the others. Work that is finished comes back through a list
 * and an eventfd. While a token is absent, one of its idle threads asks for it every two seconds.
 * Owns: threads and queues. Must not own: what is signed, the journal. */
#ifndef GS_KEEPER_POOL_H
#define GS_KEEPER_POOL_H

#include <stddef.h>

#include "lib/base/fault.h"
#include "prog/keeper/keyring.h"
#include "prog/keeper/token.h"

#define POOL_THREADS_MAX 256u

/* Embedded first in the job's own struct. From pool_submit until it is returned by pool_done it
 * belongs to the pool. */
struct work {
	struct token *token;
	size_t parts; /* >= 1 */
	size_t turn;  /* parts that are taken before other works have their turn; >= 1 */
	/* Any thread, once for each part 0..parts-1, several at the same time. */
	void (*part)(struct work *w, struct key_user *user, size_t part);
	/* The thread that ran the last part, after all of them. May be NULL. */
	void (*finish)(struct work *w);
	/* the pool's */
	struct work *next;
	size_t taken;
	size_t left;
};

struct pool;

/* Starts the threads, all signals blocked. RC_LIMIT, RC_NOMEM, RC_IO. */
MUST rc pool_new(struct token *const *tokens, size_t count, struct pool **ret, struct fault *f);
/* Whether every thread of some token has more to do after what it is at. */
bool pool_is_loaded(struct pool *p);
/* Ends the threads after the parts they are in; queued work is forgotten, not freed. NULL
 * permitted. */
void pool_free(struct pool *p);
/* Readable when pool_done has something. */
int pool_fd(const struct pool *p);
/* Decision thread. w->token must be one of the pool's. */
void pool_submit(struct pool *p, struct work *w);
/* Decision thread: takes the list of finished work, oldest first; NULL if there is none. */
struct work *pool_done(struct pool *p);

#endif
