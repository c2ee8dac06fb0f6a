/* setup - puts the gate in front of apt and dpkg, and takes it away again.
 *
 * apt: a file in apt.conf.d. dpkg: its debsig-verify slot, diverted from the package of that name,
 * and the line "no-debsig" out of its configuration. Twice is once; what was done is said.
 * Owns: these files. Must not own: what the gate answers (gate.c). */
#ifndef GS_GUARD_SETUP_H
#define GS_GUARD_SETUP_H

#include "prog/guard/gate.h"

/* No word, or "--remove". RC_UNSUPPORTED: no dpkg here; RC_STATE: a debsig-verify is at work that
 * would no longer be asked; RC_IO and its kind. */
MUST rc verb_setup(const struct conf *c, const struct words *w, struct fault *f);

/* Whether each door is there now. */
void setup_state(bool *ret_apt, bool *ret_dpkg);

#endif
