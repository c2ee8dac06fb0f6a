/* review - who looks, afterwards, at a use that broke the glass.
 *
 * A break-glass rule says who signs a review of each use that passed a closed window or a freeze,
 * and how soon: "review":{"approve":[SEAT..],"within":SECONDS}. The seats are those of the rule as
 * it stood at the use; whoever keeps uses keeps those bytes. Owns: reading them again, and whose
 * signatures complete a review. Must not own: which reviews are owed (prog/keeper/reviews.c), what
 * an overdue one stops (evaluate()). */
#ifndef GS_POLICY_REVIEW_H
#define GS_POLICY_REVIEW_H

#include "lib/policy/quorum.h"

#define REVIEW_NEVER_MAX (ROSTER_OWNERS_MAX + 2u) /* the requester, and those behind a service */
#define REVIEW_SPEC_BYTES 8192u			  /* of the longest: 64 seats */

/* The rule's bytes again, as review_spec.json has them. As policy_parse. *ret is to be released
 * after a failure, too. */
MUST rc review_spec_parse(struct view json, struct review_spec *ret, struct fault *f);
void review_spec_release(struct review_spec *s);
AUTO_DEFINE(review_spec, struct review_spec, review_spec_release)

/* A review that is owed. */
struct review_case {
	const struct quorum_spec *seats; /* of the rule, when the glass was broken */
	const struct name *never;	 /* who asked for it, and who was behind that */
	size_t never_count;
};

/* The seats that count: those of the rule if the people of the roster can fill them without those
 * who never review this use; else those of the policy's quorum unlock, for the same people: a
 * group that is gone, or a person who left, must not stop a key for ever. RC_NOMEM. */
MUST rc review_seats(const struct policy *p, const struct roster *r, const struct review_case *c,
		     const struct quorum_spec **ret);

/* Whether this person never reviews it. */
bool review_is_never(const struct review_case *c, const struct name *person);

/* Whether the reviewers complete it; ret->missing says what lacks. Those who never review count
 * for nothing. RC_NOMEM; RC_LIMIT as quorum_solve. */
MUST rc review_quorum(const struct policy *p, const struct roster *r, const struct review_case *c,
		      const struct voter *voters, size_t count, struct quorum_result *ret);

#endif
