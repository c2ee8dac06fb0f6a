/* bring - package records of archives that are about to be installed, from the server into the
 * directory of records.
 *
 * Runs where a package manager waits, as root: what comes is read and verified by a child that has
 * nothing but its connection (fetch.c), and takes FETCH_RECORDS_MS at most. Must not own: whether
 * the guard takes them (records.c, in the loader), the question of archives (gate.c). */
#ifndef GS_GUARD_BRING_H
#define GS_GUARD_BRING_H

#include "prog/guard/fetch.h"

/* *ret_count records of these archives, or rpm headers, lie in conf->records now. RC_STATE: the
 * settings name no agent; RC_DENIED: there were some, and none of them was good; else as
 * fetch_result, RC_IO, RC_NOSPACE. None is signed: *ret_count is 0. */
MUST rc bring_records(const struct conf *c, const struct digest *archives, size_t count,
		      size_t *ret_count, struct fault *f);

#endif
