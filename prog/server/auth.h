/* auth - who calls: the signature over each call, by a key of the roster, fresh and once only; or a
 * service's token (bearer.h); or, for what guards fetch, of a host.
 *
 * Owns: the roster's copy, the memory of nonces (it survives restarts; where it may not
 * have, across a loss of power, older calls are refused). Must not own: what a person
 * may do; the keeper decides that from signatures of its own. */
#ifndef GS_SERVER_AUTH_H
#define GS_SERVER_AUTH_H

#include "prog/server/server.h"

struct nonces;
/* Reads back the nonces that are young enough to be replayed. Unless the last process called
 * nonces_end(), calls that could have been made before now are not taken. */
MUST rc nonces_open(int data_fd, unix_time now, struct nonces **ret, struct fault *f);
/* No call is taken any more: what was seen is made durable. */
void nonces_end(struct nonces *n);
void nonces_free(struct nonces *n);

/* Fills c->person, or c->host, and c->signed_body from the headers alone. Refuses with call.auth,
 * call.time, call.replay, keeper.unavailable, and as bearer_check and guard_verify. Upload routes
 * are signed without a body digest. */
MUST rc auth_check(struct call_ctx *c, struct nonces *n, bool upload);
/* The body is the one that was signed. Refuses with call.auth. */
MUST rc auth_body(struct call_ctx *c, bool upload);
/* The roster in force; give it back with roster_drop. Refuses with keeper.unavailable. */
MUST rc roster_take(struct call_ctx *c, struct roster_ref **ret);
void roster_drop(struct server *s, struct roster_ref *r);
/* After a change: the next call reads the roster anew. */
void roster_stale(struct server *s);

#endif
