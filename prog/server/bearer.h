/* bearer - calls of services by a token of their issuer, in place of a signature: "Authorization:
 * Bearer TOKEN" and "Greatseal-Service: NAME".
 *
 * The keeper says whose token it is, and bearers.h remembers that for some minutes.
 * Owns: reading the two headers, asking. Must not own: what makes a token good
 * (prog/keeper/oidc.h), what a service may do. */
#ifndef GS_SERVER_BEARER_H
#define GS_SERVER_BEARER_H

#include "prog/server/server.h"

/* Whether the header is of this kind. */
bool bearer_is_like(const char *authorization);
/* Fills c->person. Refuses with call.auth, call.limit, token.*, who.person, keeper.unavailable.
 * Tokens that are not remembered count as calls that nobody signs (open_rate.h) unless they are
 * good. */
MUST rc bearer_check(struct call_ctx *c, const char *authorization);

#endif
