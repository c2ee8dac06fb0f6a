/* oidc - services that ask by a token of their issuer instead of a signature.
 *
 * Owns: what makes a token good for a request, tokens that were used, what is remembered of one.
 * Must not own: reading tokens (lib/crypt/jwt.h), where key sets come from. */
#ifndef GS_KEEPER_OIDC_H
#define GS_KEEPER_OIDC_H

#include "lib/model/token.h"
#include "prog/keeper/keeper.h"

/* The dossier's request is of this service, which has oidc, and this is its token: verified in
 * whole, and its record put into the dossier. RC_DENIED token.*; storage errors, RC_NOMEM. */
MUST rc token_verify(struct keeper *k, const struct principal *service, struct view token,
		     struct refusal *why);
/* The token is this service's, for the cancellation of that digest alone: only bind: audience has
 * such. Appends its record (TOKEN_RECORD_MAX). RC_DENIED token.*; storage errors, RC_NOMEM. */
MUST rc token_verify_cancel(struct keeper *k, const struct principal *service,
			    const struct digest *statement, struct view token, struct buf *out,
			    struct refusal *why);
/* The token is this service's, for calls: with bind: audience, token_call_audience; else the
 * roster's. Nothing is remembered, and the token is not used up. RC_DENIED token.*; storage errors,
 * RC_NOMEM. */
MUST rc token_verify_caller(struct keeper *k, const struct principal *service, struct view token,
			    unix_time *ret_expires, struct refusal *why);
/* With the request, in the same transaction: a token that is not bound is used up. */
MUST rc token_spend(struct keeper *k, struct fault *f);
/* Reads the record that stands for the requester's signature of a request from the journal, and
 * whether it would still be enough under the roster in force. */
bool token_stays(struct keeper *k, const struct principal *service, struct view record);

#endif
