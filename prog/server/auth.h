/* auth - who calls: the signature over each call, by a key of the roster, fresh and once only.
 *
 * Owns: the roster's copy, the memory of nonces (it survives restarts). Must not own: what a person
 * may do; the keeper decides that from signatures of its own. */
#ifndef GS_SERVER_AUTH_H
#define GS_SERVER_AUTH_H

#include "prog/server/server.h"

struct nonces;
/* Reads back the nonces that are young enough to be replayed. */
MUST rc nonces_open(int data_fd, unix_time now, struct nonces **ret, struct fault *f);
void nonces_free(struct nonces *n);

/* Fills c->person. Refuses with call.auth, call.time, call.replay, keeper.unavailable. body is what
 * the signature's body digest must be over; upload routes are signed without one. */
MUST rc auth_check(struct call_ctx *c, struct nonces *n, bool upload);
/* The roster in force; give it back with roster_drop. Refuses with keeper.unavailable. */
MUST rc roster_take(struct call_ctx *c, struct roster_ref **ret);
void roster_drop(struct server *s, struct roster_ref *r);
/* After a change: the next call reads the roster anew. */
void roster_stale(struct server *s);

#endif
