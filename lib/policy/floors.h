/* floors - that no rule undercuts the tier of a key that it names. Private to check.c. */
#ifndef GS_POLICY_FLOORS_H
#define GS_POLICY_FLOORS_H

#include "lib/policy/policy.h"

/* One person of the roster can send a policy to be looked at, so the work has an end: seats of rule
 * and tier by people, for each set of clauses of a tier whose seats the rule does not have by name.
 */
#define FLOORS_WORK_MAX 100000000u

/* people: pointers to all of the roster's people; used as scratch memory, left as they were. Every
 * quorum of the policy can be filled. RC_DENIED with rule, key, tier and the difference; RC_LIMIT
 * over FLOORS_WORK_MAX. */
MUST rc floors_check(const struct policy *p, const struct roster *r,
		     const struct principal **people, struct fault *f);

#endif
