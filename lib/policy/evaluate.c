#include "lib/policy/evaluate.h"

#include <stdarg.h>
#include <stdio.h>

const char *outcome_word(enum outcome o)
{
	if (o == OUTCOME_ALLOW)
		return "ok";
	return o == OUTCOME_WAIT ? "wait" : "deny";
}

/* What all checks look at. */
struct context {
	const struct policy *policy;
	const struct roster *roster;
	const struct facts *facts;
	const struct request *request;
	const struct principal *requester; /* NULL if the roster has none */
	const struct principal *host;
};

/* Adds one line; a line more than CHECKS_MAX is dropped, its outcome counts all the same. */
__attribute__((format(printf, 4, 5))) static void add(struct decision *d, enum reason reason,
						      enum outcome outcome, const char *fmt, ...)
{
	struct check *c = &d->checks[d->check_count];
	va_list ap;

	if (outcome > d->outcome)
		d->outcome = outcome;
	if (d->check_count == CHECKS_MAX)
		return;
	d->check_count++;
	c->reason = reason;
	c->outcome = outcome;
	va_start(ap, fmt);
	(void)vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
}

static enum outcome deny_unless(bool ok)
{
	return ok ? OUTCOME_ALLOW : OUTCOME_DENY;
}

/* ---- Texts that list names, cut at the size of a reason's text ------------------------------*/

struct words {
	char text[REASON_TEXT];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *w, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->text + w->len, sizeof(w->text) - w->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		w->len += (size_t)n;
	if (w->len >= sizeof(w->text))
		w->len = sizeof(w->text) - 1;
}

/* "alice", "alice and bob", "alice, bob and dave": what goes before name i of n. */
static const char *separator(size_t i, size_t n)
{
	if (i == 0)
		return "";
	return i + 1 == n ? " and " : ", ";
}

static void say_refs(struct words *w, const struct subject_ref *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		say(w, "%s%s%s", separator(i, count), list[i].is_group ? "group " : "",
		    list[i].name.s);
}

/* ---- Checks that are the same for every rule ------------------------------------------------*/

static void check_who(const struct context *c, struct decision *d)
{
	if (c->requester == NULL)
		add(d, REASON_WHO_PERSON, OUTCOME_DENY, "the roster has no person %s",
		    c->request->requester.s);
	if (c->host == NULL)
		add(d, REASON_WHO_HOST, OUTCOME_DENY, "the roster has no host %s",
		    c->request->host.s);
}

static void check_key(const struct context *c, struct decision *d)
{
	const char *key = c->request->key.s;

	if (!c->facts->key_known)
		add(d, REASON_KEY_UNKNOWN, OUTCOME_DENY, "the keeper has no key %s", key);
	else if (!digest_is_equal(&c->facts->key_fingerprint, &c->request->key_fingerprint))
		add(d, REASON_KEY_FINGERPRINT, OUTCOME_DENY,
		    "key %s has another fingerprint than the request says", key);
	else if (c->facts->key_retired)
		add(d, REASON_KEY_RETIRED, OUTCOME_DENY, "key %s is retired", key);
	else if (c->facts->key_locked) /* people lift a lock, so the request may wait for them */
		add(d, REASON_KEY_LOCKED, OUTCOME_WAIT, "key %s is locked", key);
	else
		add(d, REASON_KEY_LOCKED, OUTCOME_ALLOW, "key %s is active", key);
}

static void check_time(const struct context *c, struct decision *d)
{
	char begin[TIME_TEXT] = "?";
	char end[TIME_TEXT] = "?";

	rc_ignore(time_format(c->request->not_before, begin), "a parsed time can be formatted");
	rc_ignore(time_format(c->request->deadline, end), "a parsed time can be formatted");
	if (c->facts->now > c->request->deadline)
		add(d, REASON_TIME_DEADLINE, OUTCOME_DENY, "the deadline was %s", end);
	else if (c->facts->now < c->request->not_before)
		add(d, REASON_TIME_NOT_BEFORE, OUTCOME_WAIT, "not to be signed before %s", begin);
	else
		add(d, REASON_TIME_DEADLINE, OUTCOME_ALLOW, "the deadline is %s", end);
}

static void check_uses_left(const struct context *c, struct decision *d)
{
	uint32_t uses = c->request->uses;

	if (c->facts->uses_spent >= uses)
		add(d, REASON_STATE_USES, OUTCOME_DENY, "%u of %u uses are spent",
		    c->facts->uses_spent, uses);
}

/* ---- Checks of one rule ---------------------------------------------------------------------*/

static bool names_key(const struct rule *rule, const struct name *key)
{
	for (size_t i = 0; i < rule->key_count; i++)
		if (name_is_equal(&rule->keys[i], key))
			return true;
	return false;
}

static bool matches(const struct subject_ref *list, size_t count, const struct principal *p)
{
	for (size_t i = 0; p != NULL && i < count; i++)
		if (subject_ref_matches(&list[i], p))
			return true;
	return false;
}

static void check_requester(const struct context *c, const struct rule *rule, struct decision *d)
{
	bool ok = matches(rule->request, rule->request_count, c->requester);
	struct words w = {0};

	say(&w, "%s %s; rule %s is for ", c->request->requester.s,
	    ok ? "may request" : "may not request", rule->name.s);
	say_refs(&w, rule->request, rule->request_count);
	add(d, REASON_RULE_REQUESTER, deny_unless(ok), "%s", w.text);
}

static void check_host(const struct context *c, const struct rule *rule, struct decision *d)
{
	bool ok = matches(rule->from, rule->from_count, c->host);
	struct words w = {0};

	say(&w, "host %s is %s; rule %s is for ", c->request->host.s,
	    ok ? "accepted" : "not accepted", rule->name.s);
	say_refs(&w, rule->from, rule->from_count);
	add(d, REASON_RULE_HOST, deny_unless(ok), "%s", w.text);
}

static bool permits_format(const struct rule *rule, const char *format)
{
	for (size_t i = 0; i < rule->format_count; i++)
		if (strcmp(rule->formats[i], format) == 0)
			return true;
	return false;
}

static void check_format(const struct context *c, const struct rule *rule, struct decision *d)
{
	const struct request *q = c->request;

	for (size_t i = 0; i < q->count; i++)
		if (!permits_format(rule, q->items[i].format)) {
			add(d, REASON_RULE_FORMAT, OUTCOME_DENY,
			    "format %s of item %zu is not permitted by rule %s", q->items[i].format,
			    i, rule->name.s);
			return;
		}
	add(d, REASON_RULE_FORMAT, OUTCOME_ALLOW, "rule %s permits the %s of %zu item%s",
	    rule->name.s, q->count == 1 ? "format" : "formats", q->count, q->count == 1 ? "" : "s");
}

static void check_limits(const struct context *c, const struct rule *rule, struct decision *d)
{
	const struct request *q = c->request;
	/* Compared as a difference: now + max_deadline cannot wrap, both are small by type. */
	bool near = q->deadline <= c->facts->now ||
		    (uint64_t)(q->deadline - c->facts->now) <= rule->max_deadline;

	if (rule->upload_required && !q->upload)
		add(d, REASON_RULE_UPLOAD, OUTCOME_DENY, "rule %s demands the files themselves",
		    rule->name.s);
	if (q->uses > rule->max_uses)
		add(d, REASON_RULE_USES, OUTCOME_DENY, "%u uses asked for, rule %s permits %u",
		    q->uses, rule->name.s, rule->max_uses);
	if (!near)
		add(d, REASON_RULE_DEADLINE, OUTCOME_DENY,
		    "the deadline is %lld seconds away, rule %s permits %llu",
		    (long long)(q->deadline - c->facts->now), rule->name.s,
		    (unsigned long long)rule->max_deadline);
}

/* ---- Approvals ------------------------------------------------------------------------------*/

struct tally {
	struct name live[QUORUM_PEOPLE_MAX];
	size_t fact[QUORUM_PEOPLE_MAX]; /* index of the approval behind live[i] */
	size_t count;
	struct words approved;
	struct words outdated;
	struct words expired;
};

/* Why an approval does not count under the rule; REASON_NONE if it does. */
static enum reason flaw(const struct context *c, const struct rule *rule,
			const struct digest *rule_digest, const struct approval_fact *a)
{
	const struct principal *p = roster_person(c->roster, &a->person);
	unix_time now = c->facts->now;

	if (p == NULL)
		return REASON_WHO_PERSON;
	if (name_is_equal(&a->person, &c->request->requester))
		return REASON_WHO_SELF;
	if (!quorum_holds_seat(&rule->approve, p))
		return REASON_WHO_SEAT;
	if (!digest_is_equal(&a->rule, rule_digest))
		return REASON_APPROVE_RULE;
	if (now >= a->expires || now < a->given ||
	    (uint64_t)(now - a->given) >= rule->approval_lifetime)
		return REASON_APPROVE_EXPIRED;
	return REASON_NONE;
}

enum reason approval_reason(const struct policy *p, const struct roster *r, const struct rule *rule,
			    const struct facts *facts, const struct approval_fact *a)
{
	const struct context c = {
		.policy = p, .roster = r, .facts = facts, .request = facts->request};
	struct digest digest = policy_rule_digest(rule, r, &facts->key_fingerprint);

	return flaw(&c, rule, &digest, a);
}

static void say_person(struct words *w, const struct name *n)
{
	say(w, "%s%s", w->len == 0 ? "" : ", ", n->s);
}

static bool is_counted(const struct tally *t, const struct name *person)
{
	for (size_t i = 0; i < t->count; i++)
		if (name_is_equal(&t->live[i], person))
			return true;
	return false;
}

/* Sorts the approvals by seat holders into live, outdated and expired; of one person's only the
 * first live one counts. */
static rc tally(const struct context *c, const struct rule *rule, const struct digest *digest,
		struct tally *t)
{
	for (size_t i = 0; i < c->facts->approval_count; i++) {
		const struct approval_fact *a = &c->facts->approvals[i];

		enum reason why = flaw(c, rule, digest, a);

		if (why == REASON_APPROVE_RULE)
			say_person(&t->outdated, &a->person);
		if (why == REASON_APPROVE_EXPIRED)
			say_person(&t->expired, &a->person);
		if (why != REASON_NONE || is_counted(t, &a->person))
			continue;
		if (t->count == QUORUM_PEOPLE_MAX)
			return RC(RC_LIMIT);
		t->live[t->count] = a->person;
		t->fact[t->count++] = i;
	}
	for (size_t i = 0; i < t->count; i++)
		say(&t->approved, "%s%s", separator(i, t->count), t->live[i].s);
	return OK;
}

static void check_empty_groups(const struct context *c, const struct rule *rule, struct decision *d)
{
	for (size_t i = 0; i < rule->approve.count; i++) {
		const struct seat *s = &rule->approve.seats[i];

		if (!s->is_person && roster_group(c->roster, false, &s->who) == NULL) {
			add(d, REASON_RULE_EMPTY_GROUP, OUTCOME_DENY,
			    "group %s, which rule %s names, has no member", s->who.s, rule->name.s);
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
			say(w, "%s%s", separator(i, q->missing_count), s->who.s);
		else
			say(w, "%s%u more of %s", separator(i, q->missing_count), s->count,
			    s->who.s);
	}
}

static void check_quorum(const struct rule *rule, const struct tally *t, struct decision *d)
{
	struct words w = {0};

	if (d->quorum.filled) {
		add(d, REASON_APPROVE_QUORUM, OUTCOME_ALLOW, "approved by %s", t->approved.text);
		return;
	}
	say_missing(&w, &d->quorum);
	if (t->count == 0)
		say(&w, "; nobody has approved");
	else
		say(&w, "; %s %s approved", t->approved.text, t->count == 1 ? "has" : "have");
	add(d, REASON_APPROVE_QUORUM, OUTCOME_WAIT, "%s", w.text);
	if (t->outdated.len > 0)
		add(d, REASON_APPROVE_RULE, OUTCOME_WAIT,
		    "rule %s, its people or the key changed since the approval of %s", rule->name.s,
		    t->outdated.text);
	if (t->expired.len > 0)
		add(d, REASON_APPROVE_EXPIRED, OUTCOME_WAIT, "expired: the approval of %s",
		    t->expired.text);
}

static rc check_approvals(const struct context *c, const struct rule *rule, struct decision *d)
{
	struct tally t = {0};

	if (rule->unattended) {
		add(d, REASON_APPROVE_QUORUM, OUTCOME_ALLOW,
		    "rule %s is unattended: nobody is asked", rule->name.s);
		return OK;
	}
	if (rule->approve.count == 0) {
		add(d, REASON_RULE_NO_APPROVERS, OUTCOME_DENY,
		    "rule %s demands nobody and is not unattended", rule->name.s);
		return OK;
	}
	check_empty_groups(c, rule, d);
	TRY(tally(c, rule, &d->rule_digest, &t));
	TRY(quorum_solve(&rule->approve, c->roster, t.live, t.count, &c->request->requester,
			 &d->quorum));
	for (size_t i = 0; d->quorum.filled && i < t.count; i++)
		if (d->quorum.seated[i])
			d->counted[d->counted_count++] = c->facts->approvals[t.fact[i]].statement;
	check_quorum(rule, &t, d);
	return OK;
}

/* ---- The decision ---------------------------------------------------------------------------*/

static rc evaluate_rule(const struct context *c, const struct rule *rule, struct decision *d)
{
	*d = (struct decision){.rule = rule};
	d->rule_digest = policy_rule_digest(rule, c->roster, &c->facts->key_fingerprint);
	check_who(c, d);
	check_key(c, d);
	check_uses_left(c, d);
	check_requester(c, rule, d);
	check_host(c, rule, d);
	check_format(c, rule, d);
	check_limits(c, rule, d);
	TRY(check_approvals(c, rule, d));
	/* Last, so that a request which still lacks people says so before it says "not yet". */
	check_time(c, d);
	return OK;
}

/* No rule names the key: what the rules are for, so that a wrong key name is seen at once. */
static void no_rule(const struct context *c, struct decision *d)
{
	*d = (struct decision){.outcome = OUTCOME_DENY};
	check_who(c, d);
	check_key(c, d);
	add(d, REASON_RULE_NONE, OUTCOME_DENY, "no rule of the policy names key %s",
	    c->request->key.s);
	for (size_t i = 0; i < c->policy->rule_count; i++) {
		const struct rule *rule = &c->policy->rules[i];
		struct words w = {0};

		for (size_t k = 0; k < rule->key_count; k++)
			say(&w, "%s%s", separator(k, rule->key_count), rule->keys[k].s);
		add(d, REASON_RULE_KEY, OUTCOME_DENY, "rule %s is for %s", rule->name.s, w.text);
	}
}

static void give_reason(struct decision *d)
{
	for (size_t i = 0; d->outcome != OUTCOME_ALLOW && i < d->check_count; i++)
		if (d->checks[i].outcome == d->outcome) {
			rc_ignore(refuse(&d->refusal, d->checks[i].reason, "%s", d->checks[i].text),
				  "the decision carries the outcome");
			return;
		}
}

rc evaluate(const struct policy *p, const struct roster *r, const struct facts *facts,
	    struct decision *ret)
{
	const struct context c = {.policy = p,
				  .roster = r,
				  .facts = facts,
				  .request = facts->request,
				  .requester = roster_person(r, &facts->request->requester),
				  .host = roster_host(r, &facts->request->host)};
	struct decision try;
	bool found = false;

	for (size_t i = 0; i < p->rule_count; i++) {
		if (!names_key(&p->rules[i], &facts->request->key))
			continue;
		TRY(evaluate_rule(&c, &p->rules[i], &try));
		if (!found || try.outcome < ret->outcome)
			*ret = try;
		found = true;
		if (ret->outcome == OUTCOME_ALLOW)
			break;
	}
	if (!found)
		no_rule(&c, ret);
	give_reason(ret);
	return OK;
}
