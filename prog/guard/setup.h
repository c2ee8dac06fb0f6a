/* setup - puts the gate in front of apt, dpkg and rpm, and takes it away again.
 *
 * rpm: setup_rpm.c. apt: a file in apt.conf.d. dpkg: its debsig-verify slot, diverted from the
 * package of that name, and the line "no-debsig" out of its configuration. Twice is once; what was
 * done is said. Owns: these files. Must not own: what the gate answers (gate.c). */
#ifndef GS_GUARD_SETUP_H
#define GS_GUARD_SETUP_H

#include "prog/guard/gate.h"
#include "prog/guard/setup_rpm.h"

/* No word, or "--remove". RC_UNSUPPORTED: neither dpkg nor rpm here; RC_NOTFOUND: rpm alone, and
 * its plugin is not installed; RC_STATE: a debsig-verify is at work that would no longer be asked;
 * RC_IO and its kind. */
MUST rc verb_setup(const struct conf *c, const struct words *w, struct fault *f);

/* Whether each door is there now. */
struct setup_state {
	bool apt, dpkg;
	enum rpm_door rpm;
};
void setup_state(struct setup_state *ret);

#endif
