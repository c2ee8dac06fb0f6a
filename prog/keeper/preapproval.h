/* preapproval - yeses that were given before the request, kept by the digest of the files as a set.
 *
 * A use of the request that one of them helped to commit is counted in the transaction of the
 * commit. One person has one live preapproval of a set under a rule. */
#ifndef GS_KEEPER_PREAPPROVAL_H
#define GS_KEEPER_PREAPPROVAL_H

#include "prog/keeper/keeper.h"

/* KEEPER_ACT of a preapproval: R_JSON {"kind","leaf","state","statement"}. */
MUST rc preapproval_act(struct call *c, const struct keeper_act *m);
/* A withdrawal whose request and approval are both the preapproval's statement; signatures and
 * person are verified by the caller. */
MUST rc preapproval_withdraw(struct call *c, const struct act *a, const struct keeper_act *m,
			     const struct digest *statement);

#endif
