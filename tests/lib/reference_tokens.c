/* Jobs that ask by tokens of an issuer. */
#include "tests/lib/reference.h"

#define SKEW 30	   /* seconds that clocks may differ by */
#define LIFE 86400 /* that a token may have left */
#define SETTLED 60 /* after its end a token is forgotten */

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
	if (!ref_listed(w, service, t->key))
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
