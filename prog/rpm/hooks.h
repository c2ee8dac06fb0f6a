/* hooks - what rpm 4.18 asks of a plugin: a table NAME_hooks of functions, and the four functions
 * that it offers them.
 *
 * rpm does not install a header for it, so this is our own declaration of its interface, and holds
 * for the versions that plugin.c knows. tests/unit/rpm_plugin.c compares it with the plugins that
 * come with rpm.
 * Owns: that shape. Must not own: what the hooks do. */
#ifndef GS_RPM_HOOKS_H
#define GS_RPM_HOOKS_H

#include <rpm/rpmfi.h>
#include <rpm/rpmte.h>
#include <rpm/rpmts.h>
#include <rpm/rpmtypes.h>

/* A hook that is not there is NULL. Hooks that the gate does not have are plain pointers. */
struct rpm_hooks {
	rpmRC (*init)(rpmPlugin plugin, rpmts ts);
	void (*cleanup)(rpmPlugin plugin);
	rpmRC (*tsm_pre)(rpmPlugin plugin, rpmts ts);
	rpmRC (*tsm_post)(rpmPlugin plugin, rpmts ts, int result);
	rpmRC (*psm_pre)(rpmPlugin plugin, rpmte te);
	rpmRC (*psm_post)(rpmPlugin plugin, rpmte te, int result);
	void (*scriptlet_pre)(void);
	void (*scriptlet_fork_post)(void);
	void (*scriptlet_post)(void);
	void (*fsm_file_pre)(void);
	void (*fsm_file_post)(void);
	void (*fsm_file_prepare)(void);
};
_Static_assert(sizeof(struct rpm_hooks) == 12 * sizeof(void *), "rpm 4.18 has twelve hooks");

/* Of librpm; rpmPluginOpts is what stands behind the path in the macro, or NULL. */
const char *rpmPluginOpts(rpmPlugin plugin);
void rpmPluginSetData(rpmPlugin plugin, void *data);
void *rpmPluginGetData(rpmPlugin plugin);

/* What rpm finds by the plugin's name. */
extern struct rpm_hooks greatseal_hooks;

#endif
