#include "lib/policy/evaluate.h"

#include <stdio.h>
#include <string.h>

/* What one rule makes of the facts. */
struct weighing {
	const struct policy *policy;
	const struct roster *roster;
	const struct facts *facts;
	struct decision *d;
};

static const char *const outcome_words[] = {
	[OUTCOME_ALLOW] = "ok", [OUTCOME_WAIT] = "wait", [OUTCOME_DENY] = "deny"};

/* Adds a line; the first one that is not ok becomes the refusal. */
static void add(struct weighing *w, enum reason reason, enum outcome outcome, const char *text)
{
	struct decision *d = w->d;

	if (d->check_count < CHECKS_MAX) {
		struct check *c = &d->checks[d->check_count++];

		c->reason = reason;
		c->outcome = outcome;
		(void)snprintf(c->text, sizeof(c->text), "%s", text);
	}
	if (outcome > d->outcome) {
		d->outcome = outcome;
		d->refusal.reason = reason;
		(void)snprintf(d->refusal.text, sizeof(d->refusal.text), "%s", text);
	}
}

static void check_key(struct weighing *w)
{
	const struct facts *f = w->facts;
	const char *key = f->request->key.s;
	char text[REASON_TEXT];

	if (!f->key_known) {
		(void)snprintf(text, sizeof(text), "there is no key %s", key);
		add(w, REASON_KEY_UNKNOWN, OUTCOME_DENY, text);
		return;
	}
	if (!digest_is_equal(&f->key_fingerprint, &f->request->key_fingerprint)) {
		(void)snprintf(text, sizeof(text), "key %s is not the one that was asked for", key);
		add(w, REASON_KEY_FINGERPRINT, OUTCOME_DENY, text);
		return;
	}
	if (f->key_retired) {
		(void)snprintf(text, sizeof(text), "key %s is retired", key);
		add(w, REASON_KEY_RETIRED, OUTCOME_DENY, text);
		return;
	}
	(void)snprintf(text, sizeof(text), "key %s is %s", key,
		       f->key_locked ? "locked" : "active");
	/* A lock is lifted by people, so the request may wait for them. */
	add(w, REASON_KEY_LOCKED, f->key_locked ? OUTCOME_WAIT : OUTCOME_ALLOW, text);
}

static void check_requester(struct weighing *w, const struct rule *rule)
{
	const struct name *who = &w->facts->request->requester;
	const struct principal *p = roster_person(w->roster, who);
	bool good = false;
	char text[REASON_TEXT];

	if (p == NULL) {
		(void)snprintf(text, sizeof(text), "%s is not in the roster", who->s);
		add(w, REASON_WHO_PERSON, OUTCOME_DENY, text);
		return;
	}
	for (size_t i = 0; i < rule->request_count; i++)
		good = good || subject_ref_matches(&rule->request[i], p);
	(void)snprintf(text, sizeof(text), "%s %s request under this rule", who->s,
		       good ? "may" : "may not");
	add(w, REASON_RULE_REQUESTER, good ? OUTCOME_ALLOW : OUTCOME_DENY, text);
}

static void check_host(struct weighing *w, const struct rule *rule)
{
	const struct name *host = &w->facts->request->host;
	const struct principal *p = roster_host(w->roster, host);
	bool good = false;
	char text[REASON_TEXT];

	if (p == NULL) {
		(void)snprintf(text, sizeof(text), "%s is not an enrolled host", host->s);
		add(w, REASON_WHO_HOST, OUTCOME_DENY, text);
		return;
	}
	for (size_t i = 0; i < rule->from_count; i++)
		good = good || subject_ref_matches(&rule->from[i], p);
	(void)snprintf(text, sizeof(text), "host %s is %s the rule accepts", host->s,
		       good ? "one that" : "not one that");
	add(w, REASON_RULE_HOST, good ? OUTCOME_ALLOW : OUTCOME_DENY, text);
}

static bool format_permitted(const struct rule *rule, const char *format)
{
	for (size_t i = 0; i < rule->format_count; i++)
		if (strcmp(rule->formats[i], format) == 0)
			return true;
	return false;
}

static void check_formats(struct weighing *w, const struct rule *rule)
{
	const struct request *r = w->facts->request;
	char text[REASON_TEXT];

	for (size_t i = 0; i < r->count; i++) {
		if (format_permitted(rule, r->items[i].format))
			continue;
		(void)snprintf(text, sizeof(text),
			       "file %zu is to be signed as %s, which the rule does not permit",
			       i + 1, r->items[i].format);
		add(w, REASON_RULE_FORMAT, OUTCOME_DENY, text);
		return;
	}
	add(w, REASON_RULE_FORMAT, OUTCOME_ALLOW, "every format is permitted");
}

static void check_terms(struct weighing *w, const struct rule *rule)
{
	const struct request *r = w->facts->request;
	uint64_t now = w->facts->now < 0 ? 0 : (uint64_t)w->facts->now;
	char text[REASON_TEXT];

	if (rule->upload_required && !r->upload)
		add(w, REASON_RULE_UPLOAD, OUTCOME_DENY,
		    "the rule wants the files, the request has digests only");
	if (r->uses > rule->max_uses) {
		(void)snprintf(text, sizeof(text), "%u uses are asked for, the rule permits %u",
			       r->uses, rule->max_uses);
		add(w, REASON_RULE_USES, OUTCOME_DENY, text);
	}
	if (r->deadline > 0 && (uint64_t)r->deadline > now &&
	    (uint64_t)r->deadline - now > rule->max_deadline) {
		(void)snprintf(text, sizeof(text), "the deadline is more than %llu hours away",
			       (unsigned long long)(rule->max_deadline / 3600));
		add(w, REASON_RULE_DEADLINE, OUTCOME_DENY, text);
	}
}

static void check_time(struct weighing *w)
{
	const struct facts *f = w->facts;
	char when[TIME_TEXT] = "?";
	char text[REASON_TEXT];

	if (f->uses_spent >= f->request->uses)
		add(w, REASON_STATE_USES, OUTCOME_DENY, "every granted use is spent");
	if (f->now > f->request->deadline) {
		rc_ignore(time_format(f->request->deadline, when), "the word stays '?'");
		(void)snprintf(text, sizeof(text), "the deadline was %s", when);
		add(w, REASON_TIME_DEADLINE, OUTCOME_DENY, text);
	}
	if (f->now < f->request->not_before) {
		rc_ignore(time_format(f->request->not_before, when), "the word stays '?'");
		(void)snprintf(text, sizeof(text), "not before %s", when);
		add(w, REASON_TIME_NOT_BEFORE, OUTCOME_WAIT, text);
	}
}

/* Why an approval does not count; REASON_NONE if it does. */
static enum reason approval_flaw(const struct weighing *w, const struct rule *rule,
				 const struct approval_fact *a)
{
	const struct facts *f = w->facts;
	const struct principal *p = roster_person(w->roster, &a->person);

	if (p == NULL)
		return REASON_WHO_PERSON;
	if (name_is_equal(&a->person, &f->request->requester))
		return REASON_WHO_SELF;
	if (!quorum_holds_seat(&rule->approve, p))
		return REASON_WHO_SEAT;
	if (!digest_is_equal(&a->rule, &w->d->rule_digest))
		return REASON_APPROVE_RULE;
	if (f->now >= a->expires || f->now < a->given ||
	    (uint64_t)(f->now - a->given) >= rule->approval_lifetime)
		return REASON_APPROVE_EXPIRED;
	return REASON_NONE;
}

enum reason approval_reason(const struct policy *p, const struct roster *r, const struct rule *rule,
			    const struct facts *facts, const struct approval_fact *a)
{
	struct decision d = {.rule_digest = policy_rule_digest(rule, r, &facts->key_fingerprint)};
	const struct weighing w = {.policy = p, .roster = r, .facts = facts, .d = &d};

	return approval_flaw(&w, rule, a);
}

/* "1 more of security, 1 more of @dave; approved: alice, bob" */
static void quorum_words(const struct quorum_result *q, const struct name *people, size_t count,
			 char *out, size_t cap)
{
	size_t at = 0;

	for (size_t i = 0; i < q->missing_count && at < cap; i++)
		at += (size_t)snprintf(out + at, cap - at, "%s%u more of %s%s",
				       i == 0 ? "needs " : ", ", q->missing[i].count,
				       q->missing[i].is_person ? "@" : "", q->missing[i].who.s);
	if (at < cap && q->missing_count == 0)
		at += (size_t)snprintf(out + at, cap - at, "every seat is filled");
	for (size_t i = 0; i < count && at < cap; i++)
		at += (size_t)snprintf(out + at, cap - at, "%s%s", i == 0 ? "; approved: " : ", ",
				       people[i].s);
}

static rc check_quorum(struct weighing *w, const struct rule *rule)
{
	const struct facts *f = w->facts;
	struct name people[QUORUM_PEOPLE_MAX];
	struct digest statements[QUORUM_PEOPLE_MAX];
	size_t count = 0;
	char text[REASON_TEXT];

	for (size_t i = 0; i < f->approval_count; i++) {
		if (approval_flaw(w, rule, &f->approvals[i]) != REASON_NONE)
			continue;
		if (count == QUORUM_PEOPLE_MAX)
			return RC(RC_LIMIT);
		people[count] = f->approvals[i].person;
		statements[count++] = f->approvals[i].statement;
	}
	TRY(quorum_solve(&rule->approve, w->roster, people, count, &f->request->requester,
			 &w->d->quorum));
	for (size_t i = 0; i < count; i++)
		if (w->d->quorum.seated[i])
			w->d->counted[w->d->counted_count++] = statements[i];
	quorum_words(&w->d->quorum, people, count, text, sizeof(text));
	add(w, REASON_APPROVE_QUORUM, w->d->quorum.filled ? OUTCOME_ALLOW : OUTCOME_WAIT, text);
	return OK;
}

/* The seats a rule names must exist now: a roster change may have emptied a group. */
static void check_groups(struct weighing *w, const struct rule *rule)
{
	char text[REASON_TEXT];

	for (size_t i = 0; i < rule->approve.count; i++) {
		const struct quorum_spec one = {.seats = &rule->approve.seats[i], .count = 1};
		bool has_member = false;

		for (size_t k = 0; k < w->roster->people_count; k++)
			has_member = has_member || quorum_holds_seat(&one, &w->roster->people[k]);
		if (has_member)
			continue;
		(void)snprintf(text, sizeof(text), "nobody is %s%s",
			       rule->approve.seats[i].is_person ? "@" : "a member of ",
			       rule->approve.seats[i].who.s);
		add(w, REASON_RULE_EMPTY_GROUP, OUTCOME_DENY, text);
	}
	if (rule->approve.count == 0 && !rule->unattended)
		add(w, REASON_RULE_NO_APPROVERS, OUTCOME_DENY,
		    "the rule names no approvers and is not unattended");
}

static rc weigh(struct weighing *w, const struct rule *rule)
{
	*w->d = (struct decision){.outcome = OUTCOME_ALLOW, .rule = rule};
	w->d->rule_digest = policy_rule_digest(rule, w->roster, &w->facts->key_fingerprint);
	check_key(w);
	check_requester(w, rule);
	check_host(w, rule);
	check_formats(w, rule);
	check_terms(w, rule);
	check_groups(w, rule);
	if (rule->approve.count > 0)
		TRY(check_quorum(w, rule));
	/* Last, so that a request which still lacks people says so before it says "not yet". */
	check_time(w);
	return OK;
}

static bool names_key(const struct rule *rule, const struct name *key)
{
	for (size_t i = 0; i < rule->key_count; i++)
		if (name_is_equal(&rule->keys[i], key))
			return true;
	return false;
}

rc evaluate(const struct policy *p, const struct roster *r, const struct facts *facts,
	    struct decision *ret)
{
	struct decision one;
	struct weighing w = {.policy = p, .roster = r, .facts = facts, .d = &one};
	char text[REASON_TEXT];

	*ret = (struct decision){.outcome = OUTCOME_ALLOW};
	for (size_t i = 0; i < p->rule_count; i++) {
		if (!names_key(&p->rules[i], &facts->request->key))
			continue;
		TRY(weigh(&w, &p->rules[i]));
		if (ret->rule == NULL || one.outcome < ret->outcome)
			*ret = one;
	}
	if (ret->rule != NULL)
		return OK;
	w.d = ret;
	check_key(&w);
	(void)snprintf(text, sizeof(text), "no rule is for key %s", facts->request->key.s);
	add(&w, REASON_RULE_NONE, OUTCOME_DENY, text);
	return OK;
}

const char *outcome_word(enum outcome o)
{
	return outcome_words[o];
}
