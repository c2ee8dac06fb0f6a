/* reviews - which reviews are owed, what people say in them, and when one is complete.
 *
 * A use that broke the glass owes a review; once that is overdue nothing is signed with its key
 * until the seats are filled (key.review, evaluate()). Completing it needs no signature by that
 * key. What is complete stays so, whoever leaves later. Owns: the rows. Must not own: whose seats
 * count (lib/policy/review.h), what an overdue review stops. */
#ifndef GS_KEEPER_REVIEWS_H
#define GS_KEEPER_REVIEWS_H

#include "lib/policy/review.h"
#include "prog/keeper/gate.h"

/* An act of kind review. */
MUST rc review_act(struct call *c, const struct keeper_act *m);

/* What is known of a review, weighed against policy and roster in force. The spec is released with
 * it. */
struct review_standing {
	struct review_spec spec;
	struct review_case who; /* names are those of the row that it was made from */
	struct journal_review list[JOURNAL_REVIEWS_MAX];
	bool live[JOURNAL_REVIEWS_MAX]; /* whether that one still counts */
	size_t count;
	struct voter voters[QUORUM_PEOPLE_MAX];
	size_t voter_count;
};
MUST rc review_standing_of(struct keeper *k, const struct journal_owed *o,
			   struct review_standing *ret);
static inline void review_standing_release(struct review_standing *s)
{
	review_spec_release(&s->spec);
}
AUTO_DEFINE(review_standing, struct review_standing, review_standing_release)
/* SHA-256 of the use's entry in the log. */
MUST rc review_entry(struct keeper *k, uint64_t authorize, struct digest *ret);

#endif
