/* upgrade - the verb of a new program, or of new settings: takes over from the guard that runs.
 *
 * Owns: the process that becomes the guard, and what is said of it. Must not own: how it takes over
 * (supervisor.c, handover.c). */
#ifndef GS_GUARD_UPGRADE_H
#define GS_GUARD_UPGRADE_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "prog/guard/conf.h"

/* Returns when this program is the guard, in a process of its own that stays. RC_NOTFOUND: none
 * runs; else why the other stays. */
MUST rc verb_upgrade(const struct conf *c, struct fault *f);

#endif
