/* crash_shim - what the two halves of the shim share: contents (crash.c), names (crash_names.c). */
#ifndef GS_TESTS_CRASH_SHIM_H
#define GS_TESTS_CRASH_SHIM_H

#include <stdbool.h>
#include <sys/stat.h>

#include "tests/shim/crash.h"

extern struct crash *crash; /* NULL: this process is left alone */

/* Takes the lock and counts one change; does not come back if it is the last. */
void change_begin(void);
void change_end(void);
/* Are names written down? The lock is held. */
bool names_recorded(void);
/* The directory's names are safe. The lock is held. */
void names_synced(const struct stat *dir);

#endif
