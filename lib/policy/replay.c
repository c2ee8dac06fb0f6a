#include "lib/policy/replay.h"

#include <stdlib.h>

/* One request in one world: the rules for its key, and what approvals of them would name. */
struct replaying {
	const struct replay_world *w;
	const struct replay_request *q;
	const struct rule_ref *rules;
	size_t rule_count;
	struct digest *digests;		 /* of each rule */
	struct approval_fact *approvals; /* room for every approval under every rule */
};

static void replaying_release(struct replaying *r)
{
	free(r->digests);
	free(r->approvals);
}
AUTO_DEFINE(replaying, struct replaying, replaying_release)

static rc replaying_init(const struct replay_world *w, const struct replay_request *q,
			 struct replaying *r)
{
	const struct request *request = q->request;

	*r = (struct replaying){.w = w, .q = q};
	r->rules = policy_rules_of(w->policy, &request->key, &r->rule_count);
	if (r->rule_count == 0 || q->approval_count == 0)
		return OK;
	r->digests = calloc(r->rule_count, sizeof(*r->digests));
	r->approvals = calloc(r->rule_count * q->approval_count, sizeof(*r->approvals));
	if (r->digests == NULL || r->approvals == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < r->rule_count; i++)
		r->digests[i] = policy_rule_digest(w->policy, r->rules[i].rule, w->roster,
						   &request->key, &request->key_fingerprint);
	return OK;
}

static struct approval_fact fact_of(const struct replay_approval *a, const struct digest *rule)
{
	return (struct approval_fact){.person = a->person,
				      .rule = *rule,
				      .given = a->given,
				      .expires = a->expires,
				      .channel = a->channel};
}

/* Which class the host's key had is not told: the least that the roster demands. */
static struct host_fact host_of(const struct replaying *r)
{
	const struct principal *host = roster_host(r->w->roster, &r->q->request->host);

	if (host == NULL)
		return (struct host_fact){0};
	return (struct host_fact){.known = true,
				  .klass = host->enrol ? host->least : HOST_SOFTWARE};
}

/* In the second in which it ended the order of the entries tells. */
static bool is_over(const struct replay_request *q, const struct replay_grant *g, unix_time at)
{
	if (g->ended == 0 || at < g->ended)
		return false;
	return at > g->ended || q->authorize == 0 || q->authorize > g->ended_leaf;
}

/* Whether it could let the request in, and another of its sort does not already. */
static bool is_wanted(const struct replay_request *asked, const struct replay_grant *g,
		      unix_time at, const struct grant_fact facts[2], size_t count)
{
	const struct request *q = asked->request;
	const struct access_change *c = &g->change;
	bool named = c->host.s[0] != '\0';

	for (size_t i = 0; i < count; i++)
		if ((facts[i].host.s[0] != '\0') == named)
			return false;
	return name_is_equal(&c->key, &q->key) && name_is_equal(&c->person, &q->requester) &&
	       (!named || name_is_equal(&c->host, &q->host)) && !is_over(asked, g, at);
}

/* Of the requester for the key, one that holds at that time for any host, and one for this. */
static rc weigh_grants(const struct replaying *r, unix_time at, struct grant_fact facts[2],
		       size_t *ret_count)
{
	for (size_t i = 0; i < r->w->grant_count; i++) {
		const struct replay_grant *g = &r->w->grants[i];
		const struct grant grant = {.change = &g->change,
					    .statement = g->statement,
					    .given = g->given,
					    .voters = g->voters,
					    .voter_count = g->voter_count};
		struct grant_fact fact;
		enum reason why;

		if (!is_wanted(r->q, g, at, facts, *ret_count))
			continue;
		TRY(grant_weigh(r->w->policy, r->w->roster, &grant, at, &why, &fact));
		if (why == REASON_NONE)
			facts[(*ret_count)++] = fact;
	}
	return OK;
}

static rc decide(const struct replaying *r, unix_time at, struct decision *ret)
{
	const struct replay_request *q = r->q;
	struct grant_fact grants[2];
	struct facts facts = {.request = q->request,
			      .key_fingerprint = q->request->key_fingerprint,
			      .key_known = true,
			      .key_locked = q->key_locked,
			      .approvals = r->approvals,
			      .submitted = q->arrived,
			      .host = host_of(r),
			      .now = at,
			      .zones = r->w->zones,
			      .without_rates = true,
			      .without_evidence = true,
			      .grants = grants};

	TRY(weigh_grants(r, at, grants, &facts.grant_count));
	for (size_t i = 0; i < q->approval_count && r->rule_count > 0; i++) {
		const struct replay_approval *a = &q->approvals[i];

		if (a->given > at)
			continue;
		for (size_t k = 0; k < (a->bound ? 1 : r->rule_count); k++)
			r->approvals[facts.approval_count++] =
				fact_of(a, a->bound ? &a->rule : &r->digests[k]);
	}
	TRY(evaluate(r->w->policy, r->w->roster, &facts, ret));
	ret->grant = NULL; /* the facts do not outlive this call */
	return OK;
}

rc replay_decide(const struct replay_world *w, const struct replay_request *q, unix_time at,
		 struct decision *ret)
{
	AUTO(replaying) struct replaying r = {0};

	TRY(replaying_init(w, q, &r));
	return decide(&r, at, ret);
}

/* When time alone ends what the decision waits for, within the deadline; 0: it does not. */
static unix_time ends_by_itself(const struct replay_request *q, const struct decision *d)
{
	unix_time last = 0;

	for (size_t i = 0; d->outcome == OUTCOME_WAIT && i < d->check_count; i++) {
		if (d->checks[i].outcome != OUTCOME_WAIT)
			continue;
		if (d->checks[i].passes == 0)
			return 0;
		if (d->checks[i].passes > last)
			last = d->checks[i].passes;
	}
	return last <= q->request->deadline ? last : 0;
}

/* The next of the moments after t; false: there is none. */
static bool moment_after(const struct replay_request *q, unix_time t, unix_time passes,
			 unix_time *ret)
{
	bool found = passes > t;

	*ret = passes;
	for (size_t i = 0; i <= q->approval_count; i++) {
		unix_time at = i == 0 ? q->request->not_before : q->approvals[i - 1].given;

		if (at > t && (!found || at < *ret)) {
			*ret = at;
			found = true;
		}
	}
	return found;
}

/* Windows may close as others open: this many moments are looked at beside those of approvals. */
#define MOMENTS_MORE 8u

rc replay_moment(const struct replay_world *w, const struct replay_request *q, unix_time *ret_at,
		 struct decision *ret)
{
	AUTO(replaying) struct replaying r = {0};
	unix_time at = q->arrived;

	TRY(replaying_init(w, q, &r));
	for (size_t i = 0; i < q->approval_count + MOMENTS_MORE; i++) {
		*ret_at = at;
		TRY(decide(&r, at, ret));
		if (ret->outcome == OUTCOME_ALLOW ||
		    !moment_after(q, at, ends_by_itself(q, ret), &at))
			break;
	}
	return OK;
}
