/* Access to a key for a while. */
#include "tests/lib/reference.h"

/* Whether those who signed, with the keys that they still have, are the one who asks and enough
 * owners beside. */
static bool stands(const struct ref *w, const struct ref_grant *g)
{
	const struct ref_seats *owners = &w->policy.keys[g->key].owners;
	unsigned voters[REF_PEOPLE] = {0};
	bool asked;

	for (int p = 0; p < REF_PEOPLE; p++)
		for (unsigned k = 0; k < 2; k++)
			if ((g->signers[p] & (1u << k)) != 0 && ref_listed(w, p, k))
				voters[p] |= ref_channel(p, k);
	asked = voters[g->person] != 0;
	voters[g->person] = 0;
	return asked && owners->count > 0 &&
	       ref_seats_filled(&w->roster, owners, voters) == ref_seats(owners);
}

bool ref_grant_lets(const struct ref *w, const struct ref_request *q, int grant, bool host)
{
	const struct ref_grant *g = &w->grants[grant];

	return g->known && !g->end.known && !g->left && g->person == q->requester &&
	       g->key == q->key && (g->host >= 0 ? g->host == q->host : !host) &&
	       !w->roster.gone[g->person] && w->now >= g->given && w->now < g->until &&
	       w->now - g->given < (unix_time)w->policy.keys[g->key].access_life && stands(w, g);
}

bool ref_is_granted(const struct ref *w, const struct ref_request *q, bool host)
{
	for (size_t i = 0; i < w->grant_count; i++)
		if (ref_grant_lets(w, q, (int)i, host))
			return true;
	return false;
}

/* ---- Messages ------------------------------------------------------------------------------*/

static bool are_listed(const struct ref *w, const struct ref_grant *g)
{
	for (int p = 0; p < REF_PEOPLE; p++)
		for (unsigned k = 0; k < 2; k++)
			if ((g->signers[p] & (1u << k)) != 0 && !ref_listed(w, p, k))
				return false;
	return true;
}

void ref_bar_key(struct ref *w, int key)
{
	w->bar_key[key] = ++w->bars;
}

void ref_bar_people(struct ref *w, const struct ref_roster *next)
{
	for (int p = 0; p < REF_PEOPLE; p++) {
		if (w->roster.gone[p] || !next->gone[p])
			continue;
		w->bar_left[p] = ++w->bars;
		for (size_t i = 0; i < w->grant_count; i++)
			w->grants[i].left |= w->grants[i].known && w->grants[i].person == p;
	}
}

/* Since it was asked for, somebody said no, or the key was locked, or one who signed was away. */
static bool is_barred(const struct ref *w, const struct ref_grant *g)
{
	if (w->bar_key[g->key] > g->seen || w->bar_end[g->key][g->person] > g->seen ||
	    w->bar_left[g->person] > g->seen)
		return true;
	for (int p = 0; p < REF_PEOPLE; p++)
		if (g->signers[p] != 0 && w->bar_left[p] > g->seen)
			return true;
	return false;
}

void ref_give(struct ref *w, int n, struct ref_answer *a)
{
	struct ref_grant *g = &w->grants[n];
	const struct ref_key *key = &w->policy.keys[g->key];

	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK))
		return;
	*a = (struct ref_answer){.type = KEEPER_R_CHANGE, .result = REF_DONE};
	if (g->known)
		return;
	if (ref_refuse(a, !are_listed(w, g), REASON_SIG_ADMIN) ||
	    ref_refuse(a, key->owners.count == 0, REASON_ACCESS_OWNER) ||
	    ref_refuse(a, w->roster.gone[g->person], REASON_WHO_PERSON) ||
	    ref_refuse(a, g->host >= 0 && w->roster.host_gone[g->host], REASON_WHO_HOST) ||
	    ref_refuse(a, g->until <= w->now || g->until - w->now > (unix_time)key->access_life,
		       REASON_ACCESS_LIFE) ||
	    ref_refuse(a, g->end.known || is_barred(w, g), REASON_ACCESS_REVOKED))
		return;
	if (!stands(w, g)) {
		a->result = REF_MISSING;
		return;
	}
	g->known = true;
	g->given = w->now;
	ref_changed(w);
}

void ref_end_grant(struct ref *w, int n, struct ref_answer *a)
{
	struct ref_grant *g = &w->grants[n];
	int who = g->end.person;
	bool may = who == g->person || ref_holds_seat(&w->roster, &w->policy.keys[g->key].owners,
						      who, REF_CLI | REF_BROWSER);

	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK))
		return;
	*a = (struct ref_answer){.type = KEEPER_R_CHANGE, .result = REF_DONE};
	if (g->end.known || ref_refuse(a, !ref_listed(w, who, g->end.key), REASON_SIG_ADMIN) ||
	    ref_refuse(a, !may, REASON_ACCESS_OWNER) ||
	    ref_refuse(a, g->left, REASON_ACCESS_REVOKED))
		return;
	g->end.known = true;
	w->bar_end[g->key][g->person] = ++w->bars;
	ref_changed(w);
}
