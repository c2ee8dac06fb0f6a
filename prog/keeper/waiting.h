/* waiting - the next policy and roster, accepted by their quorum and not in force yet.
 *
 * At most one of each. Owns: what waits, coming into force, objections. Must not own: acceptance
 * (change_document.c). */
#ifndef GS_KEEPER_WAITING_H
#define GS_KEEPER_WAITING_H

#include "prog/keeper/changes.h"

/* Reads what waits from the journal, at start and after each change of it. */
MUST rc waiting_load(struct keeper *k, struct fault *f);
/* The one of STATEMENT_POLICY or STATEMENT_ROSTER; NULL if none waits. */
const struct journal_waiting *waiting_of(const struct keeper *k, enum statement_kind document);
/* The one whose statement is this; NULL. */
const struct journal_waiting *waiting_by_statement(const struct keeper *k,
						   const struct digest *statement);
/* Its document, parsed into the one of the two that it is. Storage errors and what parsers give. */
MUST rc waiting_parse(struct keeper *k, const struct journal_waiting *w, struct policy **ret_policy,
		      struct roster **ret_roster, struct fault *f);
/* A round's new policy and roster (NULL: the same) with each other and with those that wait, so
 * that whichever is in force first, the two in force fit together. RC_DENIED and so on. */
MUST rc waiting_fits(struct keeper *k, const struct policy *policy, const struct roster *roster,
		     struct fault *f);

/* True while something should be in force and is not: nothing may be decided then. */
bool waiting_is_due(const struct keeper *k);
/* Puts one that is due into force, with the round, which then takes no messages. After a failure
 * of the round it is tried again some seconds later (mono: seconds of the monotonic clock). */
MUST rc waiting_run(struct keeper *k, int64_t mono, struct fault *f);

/* An objection: a change of kind STATEMENT_OBJECTION. */
MUST rc waiting_object(struct call *c, struct change *ch);

#endif
