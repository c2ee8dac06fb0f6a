/* issuers - the key sets of OIDC issuers, as greatseal-jwksd hands them over on a socket of its
 * own.
 *
 * Owns: which issuers are wanted (those that services of the roster name without pinning a set),
 * how often a set may change, how long one counts without being confirmed, its entry in the log.
 * Must not own: what a set may look like (lib/crypt/jwks.h), what a token must say. */
#ifndef GS_KEEPER_ISSUERS_H
#define GS_KEEPER_ISSUERS_H

#include "lib/crypt/jwks.h"
#include "prog/keeper/keeper.h"

#define ISSUER_AGE_MAX 86400	/* seconds since a set was last confirmed; then it does not count */
#define ISSUER_CHANGES_BURST 8	/* changes of one set at once, */
#define ISSUER_CHANGE_PACE 3600 /* and one more in so many seconds: each stays in the log */
#define ISSUER_CONFIRM_PACE 60	/* a confirmation within so many seconds is not written again */

/* What the log's entry is over: admin "jwks", statement = SHA-256 of this line, the issuer, "\n"
 * and the set; object = SHA-256 of the set. */
#define ISSUER_STATEMENT "greatseal-jwks-v1\n"

/* The keys by which tokens of this issuer are to be checked now, from the journal alone. RC_DENIED
 * token.keys: there are none, or nobody has confirmed them for too long. */
MUST rc issuer_keys(struct keeper *k, const char *issuer, struct jwks **ret, struct refusal *why);

#endif
