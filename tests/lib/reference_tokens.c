/* Jobs that ask by tokens of an issuer. */
#include "tests/lib/reference.h"

#define SKEW 30	   /* seconds that clocks may differ by */
#define LIFE 86400 /* that a token may have left */
#define SETTLED 60 /* after its end a token is forgotten */
#define JUMP 60	   /* a set that was confirmed so much later than now is of no known age */
#define BURST 8	   /* changes of a set at once, */
#define PACE 3600  /* and one in so many seconds */

/* Of another request, or of one that is gone by now. */
static bool was_used(const struct ref *w, unsigned id)
{
	for (size_t i = 0; i < w->used_count; i++)
		if (w->used[i].id == id)
			return true;
	return false;
}

static bool is_in_time(const struct ref *w, const struct ref_token *t)
{
	return w->now < t->ends + SKEW && t->made <= w->now + SKEW && t->ends - w->now <= LIFE;
}

enum reason ref_token_flaw(const struct ref *w, int service, const struct ref_token *t,
			   bool cancels)
{
	int s = service - REF_SERVICE;
	unsigned good = service == REF_JOB ? REF_BOUND : REF_HOOKS + w->roster.audience;

	/* Whoever holds a token that is good for any could cancel with it. */
	if (cancels && service == REF_HOOK)
		return REASON_TOKEN_AUDIENCE;
	if (t->stray)
		return REASON_TOKEN_ISSUER;
	if ((ref_token_keys(w, service) & (1u << t->key)) == 0)
		return REASON_TOKEN_KEYS;
	if (t->forged)
		return REASON_TOKEN_SIGNATURE;
	if (t->good != good)
		return REASON_TOKEN_AUDIENCE;
	if (!is_in_time(w, t))
		return REASON_TOKEN_TIME;
	if (t->wild || (w->roster.strict[s] && !t->strict))
		return REASON_TOKEN_MATCH;
	if (service == REF_HOOK && (t->id == 0 || was_used(w, t->id)))
		return REASON_TOKEN_REPLAY;
	return w->roster.actor[s] && t->actor < 0 ? REASON_TOKEN_MATCH : REASON_NONE;
}

unsigned ref_token_keys(const struct ref *w, int service)
{
	unix_time age = w->now - w->issuer.confirmed;

	if (w->roster.gone[service])
		return 0;
	if (!w->roster.fetched[service - REF_SERVICE])
		return w->roster.keys[service];
	return age >= -JUMP && age <= LIFE ? w->issuer.set : 0;
}

/* Some service needs them. */
static bool is_wanted(const struct ref *w)
{
	return (w->roster.fetched[REF_JOB - REF_SERVICE] && !w->roster.gone[REF_JOB]) ||
	       (w->roster.fetched[REF_HOOK - REF_SERVICE] && !w->roster.gone[REF_HOOK]);
}

void ref_bring_keys(struct ref *w, enum ref_set set, struct ref_answer *a)
{
	unix_time full;

	ref_heard(w);
	full = w->issuer.full > w->now ? w->issuer.full : w->now;
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK) ||
	    ref_refuse(a, set == REF_OTHER_SET || !is_wanted(w), REASON_TOKEN_ISSUER))
		return;
	*a = (struct ref_answer){.type = KEEPER_R_JSON, .result = REF_CONFIRMED};
	if (set != w->issuer.set) {
		if (ref_refuse(a, set == REF_NO_SET, REASON_TOKEN_KEYS) ||
		    ref_refuse(a, full - w->now > (BURST - 1) * PACE, REASON_KEEPER_BUSY))
			return;
		a->result = REF_CHANGED;
		w->issuer.set = set;
		w->issuer.full = full + PACE;
		w->issuer.confirmed = w->now;
		ref_changed(w);
	} else if (w->now - w->issuer.confirmed >= 60 || w->issuer.confirmed > w->now) {
		w->issuer.confirmed = w->now;
	}
}

void ref_token_take(const struct ref *w, struct ref_request *q)
{
	q->actor = -1;
	if (!ref_has_tokens(q->requester))
		return;
	q->strict = w->roster.strict[q->requester - REF_SERVICE];
	if (w->roster.actor[q->requester - REF_SERVICE])
		q->actor = q->token.actor;
}

void ref_token_spend(struct ref *w, const struct ref_request *q)
{
	size_t kept = 0;

	if (q->requester != REF_HOOK)
		return;
	for (size_t i = 0; i < w->used_count; i++)
		if (w->used[i].ends >= w->now - SETTLED)
			w->used[kept++] = w->used[i];
	w->used_count = kept;
	w->used[w->used_count].id = q->token.id;
	w->used[w->used_count++].ends = q->token.ends;
}

bool ref_token_stays(const struct ref *w, const struct ref_request *q)
{
	int s = q->requester - REF_SERVICE;

	if (w->roster.gone[q->requester])
		return false;
	if (q->requester == REF_HOOK && q->token.good != REF_HOOKS + w->roster.audience)
		return false;
	return !(w->roster.strict[s] && !q->strict) && !(w->roster.actor[s] && q->actor < 0);
}
