/* release - signatures that are made when the decision allows it and leave at the request's
 * release.
 *
 * The journal's row says whether they may leave (`released`): for ever, from the first look at the
 * request at which nothing held them; a request without a release has it from its first use on.
 * Until then the state is `committed`, and who may deny or cancel closes it, so that they never
 * leave. Owns: that step. Every result leaves through use_await() and use_result() (uses.c). */
#ifndef GS_KEEPER_RELEASE_H
#define GS_KEEPER_RELEASE_H

#include "prog/keeper/keeper.h"

/* A use is committed, and its signatures may not leave. */
bool release_is_held(const struct dossier *d);
/* Whether a use that is committed now may leave when it is made. */
bool release_is_due(const struct keeper *k);
/* The dossier's decision about a held use now: allow, or wait with the reason. The request's items
 * are not looked at. */
MUST rc release_decide(struct keeper *k);
/* Takes the step if the decision, which has just been made, allows it; and then decides again. */
MUST rc release_try(struct keeper *k);

#endif
