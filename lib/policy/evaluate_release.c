/* A signature that is made as soon as it may be and given out later: what holds it. */
#include "lib/policy/evaluate_impl.h"

void check_release(const struct eval *c, bool made, struct decision *d)
{
	unix_time release = c->request->release;
	char text[TIME_TEXT] = "?";

	if (release == 0)
		return;
	rc_ignore(time_format(release, text), "a parsed time can be formatted");
	if (c->facts->now >= release)
		check_add(d, REASON_TIME_RELEASE, OUTCOME_ALLOW, "the release was due at %s", text);
	else if (made)
		check_add_wait(d, REASON_TIME_RELEASE, release, "signed, and held until %s", text);
	else
		check_add(d, REASON_TIME_RELEASE, OUTCOME_ALLOW, "once signed, held until %s",
			  text);
}

/* Nothing refuses what is made; what cannot be told holds it. */
static void deny_is_wait(struct decision *d)
{
	for (size_t i = 0; i < d->check_count; i++)
		if (d->checks[i].outcome == OUTCOME_DENY)
			d->checks[i].outcome = OUTCOME_WAIT;
	if (d->outcome == OUTCOME_DENY)
		d->outcome = OUTCOME_WAIT;
}

void evaluate_release(const struct policy *p, const struct facts *facts, bool break_glass,
		      struct decision *d)
{
	static const struct rule any; /* breaks no glass */
	struct eval_zone zones[EVAL_ZONES_MAX + 1] = {0};
	const struct eval c = {
		.policy = p, .facts = facts, .request = facts->request, .zones = zones};

	d->outcome = OUTCOME_ALLOW;
	d->refusal = (struct refusal){0};
	d->quorum = (struct quorum_result){0};
	d->check_count = 0;
	check_release(&c, true, d);
	if (!facts->key_known || facts->key_locked)
		check_add(d, REASON_KEY_LOCKED, OUTCOME_WAIT, "key %s is locked",
			  facts->request->key.s);
	check_review(&c, d);
	if (!break_glass)
		check_freezes(&c, &any, d);
	deny_is_wait(d);
	decision_reason(d);
	eval_zones_release(zones);
}
