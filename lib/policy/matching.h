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
	/* In which each of the people speaks (1u << enum sshkey_channel); NULL: whatever their keys
	 * permit. Borrowed. */
	const unsigned *channels;
	struct place places[POLICY_SEATS_MAX];
	size_t place_count;
};

/* Whether a person fits the seat who speaks in one of the channels. */
bool seat_fits(const struct seat *seat, const struct principal *person, unsigned channels);
/* All places of the spec, empty; channels NULL. */
void matching_init(struct matching *m, const struct quorum_spec *spec);
/* Fills as many of the empty places as can be (earlier clauses first) and returns how many stay
 * empty. NULLs among the people are passed over; nobody may be in the list twice. */
size_t matching_run(struct matching *m, const struct principal *const *people, size_t count);

#endif
