/* matching - the bipartite matching behind quorums: places of a spec against people.
 *
 * Shared by quorum.c (one decision, few people), check.c and lint.c (the whole roster). Not for
 * others. */
#ifndef GS_POLICY_MATCHING_H
#define GS_POLICY_MATCHING_H

#include "lib/policy/policy.h"

struct place {
	size_t clause; /* index into spec->seats */
	const struct principal *person;
	bool visited;
};

struct matching {
	const struct quorum_spec *spec; /* borrowed */
	struct place places[POLICY_SEATS_MAX];
	size_t place_count;
};

/* All places of the spec, empty. */
void matching_init(struct matching *m, const struct quorum_spec *spec);
/* Fills as many of the empty places as can be (earlier clauses first) and returns how many stay
 * empty. NULLs among the people are passed over; nobody may be in the list twice. */
size_t matching_run(struct matching *m, const struct principal *const *people, size_t count);

#endif
