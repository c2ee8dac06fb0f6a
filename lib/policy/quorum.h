/* quorum - is there a way to seat distinct people so that every seat is filled? A matching. */
#ifndef GS_POLICY_QUORUM_H
#define GS_POLICY_QUORUM_H

#include "lib/model/reason.h"
#include "lib/policy/policy.h"

#define QUORUM_PEOPLE_MAX 64u

/* Somebody who said yes. */
struct voter {
	struct name name;
	unsigned channels; /* where: 1u << enum sshkey_channel */
};

struct quorum_result {
	bool filled;
	size_t missing_count;
	struct seat missing[POLICY_SEATS_MAX]; /* clauses with how many of each are still open */
	bool seated[QUORUM_PEOPLE_MAX];	       /* by index into people: who fills a seat */
};

/* As many seats as possible are filled, those named first in the spec before others.
 * people: those who said yes (duplicates count once; names not in the roster count never);
 * excluded (may be NULL) never fills a seat. An empty spec is never filled (P7).
 * RC_LIMIT if more than QUORUM_PEOPLE_MAX people. */
MUST rc quorum_solve(const struct quorum_spec *spec, const struct roster *r,
		     const struct voter *people, size_t count, const struct name *excluded,
		     struct quorum_result *ret);

/* Why somebody who said yes fills no seat (quorum_result.seated), in words: who.person, who.self
 * (the excluded one), who.seat, who.channel; change.quorum: others fill those seats. */
void quorum_unseated(const struct quorum_spec *spec, const struct roster *r, const struct voter *v,
		     const struct name *excluded, struct refusal *ret);

/* True if this person could fill some seat of the spec, speaking in one of the channels. */
bool quorum_holds_seat(const struct quorum_spec *spec, const struct principal *person,
		       unsigned channels);

#endif
