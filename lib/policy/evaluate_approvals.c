/* The part of the evaluation that looks at people: which approvals count, and whether they fill the
 * seats. */
#include "lib/policy/evaluate_impl.h"

struct tally {
	struct voter live[QUORUM_PEOPLE_MAX];
	size_t count;
	/* the approvals that count, with whose they are: one of a person in each channel */
	struct {
		size_t voter; /* index into live */
		size_t fact;
	} given[QUORUM_PEOPLE_MAX];
	size_t given_count;
	struct words approved;
	struct words outdated;
	struct words expired;
	struct words synced;
};

/* Why an approval does not count under the rule; REASON_NONE if it does. */
enum reason approval_flaw(const struct eval *c, const struct rule *rule,
			  const struct digest *rule_digest, const struct approval_fact *a)
{
	const struct principal *p = roster_person(c->roster, &a->person);
	unix_time now = c->facts->now;

	if (p == NULL)
		return REASON_WHO_PERSON;
	if (name_is_equal(&a->person, &c->request->requester))
		return REASON_WHO_SELF;
	if (c->requester != NULL && c->requester->kind == PRINCIPAL_SERVICE &&
	    roster_is_behind(c->requester, p, c->facts->actor != NULL ? c->facts->actor : ""))
		return REASON_WHO_BEHIND;
	if (!quorum_holds_seat(&rule->approve, p, ~0u))
		return REASON_WHO_SEAT;
	if (!quorum_holds_seat(&rule->approve, p, 1u << a->channel))
		return REASON_WHO_CHANNEL;
	if (!digest_is_equal(&a->rule, rule_digest))
		return REASON_APPROVE_RULE;
	if (a->early && (!rule->has_preapproved || now < a->given ||
			 (uint64_t)(now - a->given) >= rule->preapproved_max_age))
		return REASON_LIMIT_PREAPPROVAL;
	if (now >= a->expires || now < a->given ||
	    (uint64_t)(now - a->given) >= rule->approval_lifetime)
		return REASON_APPROVE_EXPIRED;
	if (rule->unsynced && a->synced)
		return REASON_APPROVE_SYNCED;
	return REASON_NONE;
}

enum reason approval_reason(const struct policy *p, const struct roster *r, const struct rule *rule,
			    const struct facts *facts, const struct approval_fact *a)
{
	const struct eval c = {.policy = p,
			       .roster = r,
			       .facts = facts,
			       .request = facts->request,
			       .requester = roster_requester(r, &facts->request->requester)};
	struct digest digest =
		policy_rule_digest(p, rule, r, &facts->request->key, &facts->key_fingerprint);

	return approval_flaw(&c, rule, &digest, a);
}

static void say_person(struct words *w, const struct name *n)
{
	say(w, "%s%s", w->len == 0 ? "" : ", ", n->s);
}

/* The voter of this name, who may be new: then without a channel. There is room: each has given. */
static size_t voter_of(struct tally *t, const struct name *person)
{
	for (size_t i = 0; i < t->count; i++)
		if (name_is_equal(&t->live[i].name, person))
			return i;
	t->live[t->count] = (struct voter){*person, 0};
	return t->count++;
}

/* Whoever approves in the browser and again on the command line may take either's seat. What is
 * more than the seats can weigh, a roster that brings people back may make it so, waits in line. */
static void count_approval(struct tally *t, const struct approval_fact *a, size_t fact)
{
	unsigned bit = 1u << a->channel;
	size_t voter;

	if (t->given_count == QUORUM_PEOPLE_MAX)
		return;
	voter = voter_of(t, &a->person);
	if ((t->live[voter].channels & bit) != 0)
		return;
	t->live[voter].channels |= bit;
	t->given[t->given_count].voter = voter;
	t->given[t->given_count++].fact = fact;
}

/* Sorts the approvals by seat holders into live, outdated and expired; of one person's only the
 * first live one of each channel counts. */
static void tally(const struct eval *c, const struct rule *rule, const struct digest *digest,
		  struct tally *t)
{
	for (size_t i = 0; i < c->facts->approval_count; i++) {
		const struct approval_fact *a = &c->facts->approvals[i];

		enum reason why = approval_flaw(c, rule, digest, a);

		if (why == REASON_APPROVE_RULE)
			say_person(&t->outdated, &a->person);
		if (why == REASON_APPROVE_EXPIRED)
			say_person(&t->expired, &a->person);
		if (why == REASON_APPROVE_SYNCED)
			say_person(&t->synced, &a->person);
		if (why == REASON_NONE)
			count_approval(t, a, i);
	}
	for (size_t i = 0; i < t->count; i++)
		say(&t->approved, "%s%s", separator(i, t->count), t->live[i].name.s);
}

static void check_empty_groups(const struct eval *c, const struct rule *rule, struct decision *d)
{
	for (size_t i = 0; i < rule->approve.count; i++) {
		const struct seat *s = &rule->approve.seats[i];

		if (!s->is_person && roster_group(c->roster, false, &s->who) == NULL) {
			check_add(d, REASON_RULE_EMPTY_GROUP, OUTCOME_DENY,
				  "group %s, which rule %s names, has no member", s->who.s,
				  rule->name.s);
			return;
		}
	}
}

static void say_missing(struct words *w, const struct quorum_result *q)
{
	say(w, "needs ");
	for (size_t i = 0; i < q->missing_count; i++) {
		const struct seat *s = &q->missing[i];

		if (s->is_person)
			say(w, "%s%s%s", separator(i, q->missing_count), s->who.s,
			    seat_channel_text(s));
		else
			say(w, "%s%u more of %s%s", separator(i, q->missing_count), s->count,
			    s->who.s, seat_channel_text(s));
	}
}

static void check_quorum(const struct rule *rule, const struct tally *t, struct decision *d)
{
	struct words w = {0};

	if (d->quorum.filled) {
		check_add(d, REASON_APPROVE_QUORUM, OUTCOME_ALLOW, "approved by %s",
			  t->approved.text);
		return;
	}
	say_missing(&w, &d->quorum);
	if (t->count == 0)
		say(&w, "; nobody has approved");
	else
		say(&w, "; %s %s approved", t->approved.text, t->count == 1 ? "has" : "have");
	check_add(d, REASON_APPROVE_QUORUM, OUTCOME_WAIT, "%s", w.text);
	if (t->outdated.len > 0)
		check_add(d, REASON_APPROVE_RULE, OUTCOME_WAIT,
			  "rule %s, its people or the key changed since the approval of %s",
			  rule->name.s, t->outdated.text);
	if (t->expired.len > 0)
		check_add(d, REASON_APPROVE_EXPIRED, OUTCOME_WAIT, "expired: the approval of %s",
			  t->expired.text);
	if (t->synced.len > 0)
		check_add(d, REASON_APPROVE_SYNCED, OUTCOME_WAIT,
			  "rule %s does not count synced passkeys: the approval of %s",
			  rule->name.s, t->synced.text);
}

rc check_approvals(const struct eval *c, const struct rule *rule, struct decision *d)
{
	struct tally t = {0};

	if (rule->unattended) {
		check_add(d, REASON_APPROVE_QUORUM, OUTCOME_ALLOW,
			  "rule %s is unattended: nobody is asked", rule->name.s);
		return OK;
	}
	if (rule->approve.count == 0) {
		check_add(d, REASON_RULE_NO_APPROVERS, OUTCOME_DENY,
			  "rule %s demands nobody and is not unattended", rule->name.s);
		return OK;
	}
	check_empty_groups(c, rule, d);
	tally(c, rule, &d->rule_digest, &t);
	TRY(quorum_solve(&rule->approve, c->roster, t.live, t.count, &c->request->requester,
			 &d->quorum));
	for (size_t i = 0; d->quorum.filled && i < t.given_count; i++)
		if (d->quorum.seated[t.given[i].voter])
			d->counted[d->counted_count++] =
				c->facts->approvals[t.given[i].fact].statement;
	check_quorum(rule, &t, d);
	return OK;
}
