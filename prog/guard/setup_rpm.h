/* setup_rpm - rpm's part of setup: a macro that names greatseal's plugin, and a link to the plugin
 * where rpm looks for plugins.
 *
 * Owns: these two files. Must not own: the plugin (prog/rpm). */
#ifndef GS_GUARD_SETUP_RPM_H
#define GS_GUARD_SETUP_RPM_H

#include <stdbool.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"

#define RPM_PROGRAM "/usr/bin/rpm"

enum rpm_door {
	RPM_DOOR_NONE,	 /* there is no rpm here */
	RPM_DOOR_OPEN,	 /* rpm installs without asking */
	RPM_DOOR_GUARDED /* rpm loads the plugin, which asks `self` */
};

/* What rpm says itself: macros of root's home count, too. self: the guard's own path. */
enum rpm_door setup_rpm_state(const char *self);

/* Puts both there. Without rpm, nothing; RC_NOTFOUND: the plugin is not installed here. */
MUST rc setup_rpm_add(const char *self, struct fault *f);
MUST rc setup_rpm_remove(struct fault *f);

#endif
