/* sightings - signatures that somebody has met, held against the log: for POST /v1/signatures/seen,
 * and for what a host's guard reports.
 *
 * Owns: verifying, the verdict, raising alarms. Must not own: whose call it is. */
#ifndef GS_SERVER_SIGHTINGS_H
#define GS_SERVER_SIGHTINGS_H

#include "lib/model/guard_batch.h"
#include "prog/server/server.h"

/* Alarms that are open on one host's word alone: more of these are not kept. */
#define SIGHTINGS_ON_WORD 100u

/* The signatures among a batch's events, which is the host's (guard_verify). An event that is no
 * signature, or not whole, is passed over; an alarm that is one too many is said in the log.
 * Refuses with call.limit, where an alarm cannot be kept for another reason, and like issued_follow
 * and call_keeper: the batch comes again then. */
MUST rc sightings_of_guard(struct call_ctx *c, const struct guard_batch *b);

#endif
