/* power - the switch that a test shares with a program under tests/shim/crash.c.
 *
 * Owns: the shared file, and giving back the names that a power loss takes. */
#ifndef GS_TESTS_POWER_H
#define GS_TESTS_POWER_H

#include "tests/lib/fixture.h"
#include "tests/shim/crash.h"

/* Makes the file `name` in the fixture's directory: "crash" for the keeper, "crash-server" for
 * greatseald, which are started with the shim from then on. graves: a directory in which that
 * program may write, on the same disk as what it owns; relative to the fixture's. */
struct crash *power_new(const struct fixture *fx, const char *name, const char *graves);
void power_end(struct crash *power);

/* Forgets what is recorded; the program ends at its at-th change (UINT32_MAX: it only counts). */
void power_arm(struct crash *power, enum crash_mode mode, uint32_t at);
/* After the program has ended: switches off. True if the power did it; then names are as they were
 * at the last sync of their directories. *ret_undone (may be NULL): how many. */
bool power_off(struct crash *power, unsigned *ret_undone);

bool power_is_loss(enum crash_mode mode);

#endif
