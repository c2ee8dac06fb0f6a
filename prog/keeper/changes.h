/* changes - statements that change the keeper itself, each signed by several.
 *
 * Owns: what the kinds have in common: signatures, quorums, the leaf, the answer. Must not own:
 * what a kind means (change_document.c; keys and hosts in changes.c). */
#ifndef GS_KEEPER_CHANGES_H
#define GS_KEEPER_CHANGES_H

#include "prog/keeper/gate.h"

/* A change on its way in. */
struct change {
	struct keeper_change m;
	struct digest id;
	struct voter people[CHANGE_SIGNATURES_MAX];
	size_t people_count;
	struct digest sig_digests[CHANGE_SIGNATURES_MAX];
	struct buf sigs;
	/* What was asked for last, and who fills none of it because it is theirs; NULL: nothing. */
	const struct quorum_spec *seats;
	const struct name *asks;
};
static inline void change_release(struct change *ch)
{
	buf_release(&ch->sigs);
}
AUTO_DEFINE(change, struct change, change_release)

/* Fills people, sig_digests and sigs. Every signature must be good: one bad apple refuses the lot.
 * RC_DENIED sig.admin, who.channel, approve.duplicate. */
MUST rc change_verify(struct keeper *k, struct change *ch, struct refusal *why);
/* RC_STATE: signatures are missing; *ret says which. */
MUST rc change_quorum(struct keeper *k, struct change *ch, const struct quorum_spec *spec,
		      struct quorum_result *ret);
/* The leaf for an accepted change; object is left to the caller. */
void change_leaf(const struct keeper *k, const struct change *ch, const char *action,
		 struct leaf *leaf);
/* Appends the leaf and keeps the statement under it. */
MUST rc change_store(struct keeper *k, const struct change *ch, struct leaf *leaf,
		     uint64_t *ret_index);
/* R_CHANGE. */
MUST rc change_reply(struct call *c, const struct change_answer *a);
/* R_CHANGE that says which signatures are missing, and which are there and fill no seat. */
MUST rc change_missing(struct call *c, const struct change *ch, const struct quorum_result *q);

/* ---- access.c -------------------------------------------------------------------------------*/
MUST rc change_access(struct call *c, struct change *ch);

/* ---- change_document.c ----------------------------------------------------------------------*/
MUST rc change_document(struct call *c, struct change *ch);
/* The same statement again, which the journal has: how it stands. */
MUST rc change_document_again(struct call *c, const struct change *ch,
			      const struct journal_statement *known);

#endif
