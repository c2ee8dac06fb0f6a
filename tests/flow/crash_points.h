/* crash_points - ends a keeper at its n-th change of a file, for each n over a script of acts, lets
 * it start again, and has the test say what must be true then.
 *
 * Owns: the switch, the points, the tally. Must not own: what the acts are.
 * Usage of a test: NAME plain|torn|lost|scatter|names|mixed [STEP] (tests/shim/crash.h); STEP 1 is
 * every point, without it every second. */
#ifndef GS_TESTS_CRASH_POINTS_H
#define GS_TESTS_CRASH_POINTS_H

#include "tests/lib/power.h"

struct crash_acts {
	/* Once, with a keeper that runs; may be NULL. */
	void (*begin)(struct fixture *fx);
	/* Before each point, with a keeper that runs: makes the statements, and forgets what was
	 * acknowledged. */
	void (*prepare)(struct fixture *fx);
	/* The acts, which end with the first that is not answered (type 0). */
	void (*script)(struct fixture *fx);
	/* With a keeper that runs again. Whatever was acknowledged is true; what was not is sent
	 * again, and succeeds. */
	void (*recover)(struct fixture *fx);
};

/* The main function of such a test. */
int crash_points(int argc, char **argv, struct fixture *fx, const struct crash_acts *acts);

#endif
