/* floors - that no rule undercuts the tier of a key that it names. Private to check.c. */
#ifndef GS_POLICY_FLOORS_H
#define GS_POLICY_FLOORS_H

#include "lib/policy/policy.h"

/* people: pointers to all of the roster's people; used as scratch memory, left as they were. Every
 * quorum of the policy can be filled. RC_DENIED with rule, key, tier and the difference. */
MUST rc floors_check(const struct policy *p, const struct roster *r,
		     const struct principal **people, struct fault *f);

#endif
