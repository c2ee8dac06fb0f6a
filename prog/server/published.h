/* published - signed lists and package records, as guards fetch them: which there are, and what
 * proves each.
 *
 * An index in the store, made from the requests that are signed, so that a store which was made
 * again from the log has it, too. It is brought up to date when somebody asks, so signing pays
 * nothing for it. Nothing here is trusted: a guard verifies file, signature and log.
 * Owns: what becomes of a request that is signed, the proof's form. Must not own: which of them a
 * host is given (guard_lists.c), bytes (room.c), the rows (lib/store). */
#ifndef GS_SERVER_PUBLISHED_H
#define GS_SERVER_PUBLISHED_H

#include "prog/server/server.h"

/* Proofs of requests with more files are made when they are asked for: in each of them is the whole
 * statement. */
#define PUBLISHED_ITEMS_KEPT 16u
#define PUBLISHED_PROOF_MAX ((size_t)16 << 20) /* what a guard reads */

/* Whether guards fetch files of this format. */
bool published_is_kind(const char *format);
/* Takes up what was signed since the last time. Refuses with keeper.unavailable. */
MUST rc published_follow(struct call_ctx *c);
/* Appends the proof of a file of a signed request, canonical JSON (docs/bundle.md). Refuses like
 * call_keeper. */
MUST rc published_proof(struct call_ctx *c, const struct digest *request, uint32_t item,
			struct buf *out);

#endif
