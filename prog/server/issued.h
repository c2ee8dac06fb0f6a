/* issued - which signatures are in the log: an index in the store, made from the issue entries and
 * from what the keeper gave out for each, which must lead to the entry's own root.
 *
 * Made when somebody asks for a signature that it does not have, so signing pays nothing for it.
 * The caller holds server.issued_lock. Must not own: what a missing signature means (sightings.c).
 */
#ifndef GS_SERVER_ISSUED_H
#define GS_SERVER_ISSUED_H

#include "prog/server/server.h"

#define ISSUED_STEP_MAX 20000u /* issue entries that one call reads */

/* Brings the index to the log as it is now; keys: as keys_json gives them. Refuses with call.limit
 * if there is more than one call may read (the next goes on), keeper.internal if an entry and the
 * keeper's result do not fit, and like call_keeper. */
MUST rc issued_follow(struct call_ctx *c, const json_t *keys, uint64_t *ret_size);

/* The keeper's key with that fingerprint, borrowed; NULL: none. */
const json_t *issued_key(const json_t *keys, const struct digest *fingerprint);

#endif
