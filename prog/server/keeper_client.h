/* keeper_client - the one connection to the keeper: pipelined, answered in any order, made again
 * when it breaks.
 *
 * Owns: the socket, correlation ids, a reader thread. Must not own: what messages mean.
 * Threads: every function from any thread. A call that the connection's end cuts off is repeated a
 * few times if its message may be (docs/protocol/keeper.md) and the keeper is back within the
 * seconds of patience from its going; else it fails with RC_PEER. */
#ifndef GS_SERVER_KEEPER_CLIENT_H
#define GS_SERVER_KEEPER_CLIENT_H

#include <time.h>

#include "lib/proto/keeper.h"

struct keeper_client;

#define KEEPER_PATIENCE 10 /* seconds: a keeper that is started again is back by then */

/* Starts the reader; does not wait for a connection. path is copied. RC_NOMEM. */
MUST rc keeper_client_start(const char *path, unsigned patience, struct keeper_client **ret,
			    struct fault *f);
/* From now on no call waits for a keeper that is away: the program is about to end. Those that do
 * fail at once. */
void keeper_client_hurry(struct keeper_client *k);
void keeper_client_stop(struct keeper_client *k);
bool keeper_client_is_up(struct keeper_client *k);

/* The id for the next frame. */
uint64_t keeper_client_id(struct keeper_client *k);

struct keeper_reply {
	enum keeper_type type;
	struct buf body;
};
/* Sends one whole frame made with id and waits for its answer; *ret->body is initialised here and
 * the caller's to release. An R_ERROR is an answer, too. RC_PEER: the keeper is
 * away; RC_BUSY: it has said nothing for two minutes. */
MUST rc keeper_client_call(struct keeper_client *k, uint64_t id, const struct buf *frame,
			   struct keeper_reply *ret);
void keeper_reply_release(struct keeper_reply *r);

/* A frame whose answer nobody waits for. done is called once, in the reader's thread, which hears
 * nothing from the keeper meanwhile: it must not call the keeper. It takes the reply's body, which
 * is there if r is RC_OK. RC_PEER: the connection broke, and the caller may say it again; RC_BUSY:
 * no answer for two minutes. */
struct keeper_post {
	struct keeper_post *next;
	uint64_t id;
	struct timespec until;
	void (*done)(struct keeper_post *p, rc r, struct keeper_reply *reply);
};
/* Sends one whole frame made with id, for a post with done set, which stays where it is until then.
 * RC_PEER: done will not be called. */
MUST rc keeper_client_post(struct keeper_client *k, uint64_t id, const struct buf *frame,
			   struct keeper_post *post);
AUTO_DEFINE(keeper_reply, struct keeper_reply, keeper_reply_release)

#endif
