#include "lib/policy/evaluate.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/policy/evaluate_impl.h"

const char *outcome_word(enum outcome o)
{
	if (o == OUTCOME_ALLOW)
		return "ok";
	return o == OUTCOME_WAIT ? "wait" : "deny";
}

__attribute__((format(printf, 3, 0))) static void
add_line(struct decision *d, const struct check *line, const char *fmt, va_list ap)
{
	struct check *c = &d->checks[d->check_count];

	if (line->outcome > d->outcome)
		d->outcome = line->outcome;
	if (d->check_count == CHECKS_MAX)
		return;
	d->check_count++;
	c->reason = line->reason;
	c->outcome = line->outcome;
	c->passes = line->passes;
	(void)vsnprintf(c->text, sizeof(c->text), fmt, ap);
}

void check_add(struct decision *d, enum reason reason, enum outcome outcome, const char *fmt, ...)
{
	const struct check line = {.reason = reason, .outcome = outcome};
	va_list ap;

	va_start(ap, fmt);
	add_line(d, &line, fmt, ap);
	va_end(ap);
}

void check_add_wait(struct decision *d, enum reason reason, unix_time passes, const char *fmt, ...)
{
	const struct check line = {.reason = reason, .outcome = OUTCOME_WAIT, .passes = passes};
	va_list ap;

	va_start(ap, fmt);
	add_line(d, &line, fmt, ap);
	va_end(ap);
}

static enum outcome deny_unless(bool ok)
{
	return ok ? OUTCOME_ALLOW : OUTCOME_DENY;
}

/* ---- Texts that list names, cut at the size of a reason's text ------------------------------*/

void say(struct words *w, const char *fmt, ...)
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

const char *separator(size_t i, size_t n)
{
	if (i == 0)
		return "";
	return i + 1 == n ? " and " : ", ";
}

static const char *ref_word(const struct subject_ref *s)
{
	if (s->is_service)
		return s->name.s[0] == '\0' ? "any service" : "service ";
	if (s->is_issuer)
		return "jobs of ";
	return s->is_group ? "group " : "";
}

static void say_refs(struct words *w, const struct subject_ref *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		say(w, "%s%s%s", separator(i, count), ref_word(&list[i]), list[i].name.s);
}

/* ---- Checks that are the same for every rule ------------------------------------------------*/

/* A job that no host vouches for: its issuer does, in a token that is for this request alone. That
 * there was such a token the keeper has seen to. */
static bool is_job(const struct eval *c)
{
	return c->request->host.s[0] == '\0' && c->requester != NULL &&
	       c->requester->oidc != NULL && c->requester->oidc->bind_audience;
}

static void check_who(const struct eval *c, struct decision *d)
{
	if (c->requester == NULL)
		check_add(d, REASON_WHO_PERSON, OUTCOME_DENY,
			  "the roster has no person or service %s", c->request->requester.s);
	if (is_job(c))
		return;
	if (c->request->host.s[0] == '\0')
		check_add(d, REASON_WHO_HOST, OUTCOME_DENY,
			  "without a host, only a service may ask, by a token for this request");
	else if (c->host == NULL)
		check_add(d, REASON_WHO_HOST, OUTCOME_DENY, "the roster has no host %s",
			  c->request->host.s);
}

static void check_key(const struct eval *c, struct decision *d)
{
	const char *key = c->request->key.s;

	if (!c->facts->key_known)
		check_add(d, REASON_KEY_UNKNOWN, OUTCOME_DENY, "the keeper has no key %s", key);
	else if (!digest_is_equal(&c->facts->key_fingerprint, &c->request->key_fingerprint))
		check_add(d, REASON_KEY_FINGERPRINT, OUTCOME_DENY,
			  "key %s has another fingerprint than the request says", key);
	else if (c->facts->key_retired)
		check_add(d, REASON_KEY_RETIRED, OUTCOME_DENY, "key %s is retired", key);
	else if (c->facts->key_locked) /* people lift a lock, so the request may wait for them */
		check_add(d, REASON_KEY_LOCKED, OUTCOME_WAIT, "key %s is locked", key);
	else
		check_add(d, REASON_KEY_LOCKED, OUTCOME_ALLOW, "key %s is active", key);
}

void check_review(const struct eval *c, struct decision *d)
{
	const struct review_fact *r = &c->facts->review;
	bool overdue = c->facts->now >= r->due;
	char due[TIME_TEXT] = "?";
	char hex[DIGEST_HEX];

	if (r->due == 0)
		return;
	rc_ignore(time_format(r->due, due), "then the text has a ?");
	digest_hex(&r->request, hex);
	check_add(d, REASON_KEY_REVIEW, overdue ? OUTCOME_WAIT : OUTCOME_ALLOW,
		  "the review of use %u of request %.16s, which broke the glass, %s %s", r->use,
		  hex, overdue ? "was due" : "is due", due);
}

static void check_time(const struct eval *c, struct decision *d)
{
	char begin[TIME_TEXT] = "?";
	char end[TIME_TEXT] = "?";

	rc_ignore(time_format(c->request->not_before, begin), "a parsed time can be formatted");
	rc_ignore(time_format(c->request->deadline, end), "a parsed time can be formatted");
	if (c->facts->now < 0 || c->facts->now > TIME_MAX)
		check_add(d, REASON_TIME_CLOCK, OUTCOME_DENY, "the clock shows no time");
	else if (c->facts->now > c->request->deadline)
		check_add(d, REASON_TIME_DEADLINE, OUTCOME_DENY, "the deadline was %s", end);
	else if (c->facts->now < c->request->not_before)
		check_add_wait(d, REASON_TIME_NOT_BEFORE, c->request->not_before,
			       "not to be signed before %s", begin);
	else
		check_add(d, REASON_TIME_DEADLINE, OUTCOME_ALLOW, "the deadline is %s", end);
}

static void check_uses_left(const struct eval *c, struct decision *d)
{
	uint32_t uses = c->request->uses;

	if (c->facts->uses_spent >= uses)
		check_add(d, REASON_STATE_USES, OUTCOME_DENY, "%u of %u uses are spent",
			  c->facts->uses_spent, uses);
}

/* ---- Checks of one rule ---------------------------------------------------------------------*/

static bool matches(const struct subject_ref *list, size_t count, const struct principal *p)
{
	for (size_t i = 0; p != NULL && i < count; i++)
		if (subject_ref_matches(&list[i], p))
			return true;
	return false;
}

/* The grant by which a person may ask for the key, if there is one; host: only one that names the
 * host of the request. */
static const struct grant_fact *grant_of(const struct eval *c, bool host)
{
	const struct facts *f = c->facts;

	if (c->requester == NULL || c->requester->kind != PRINCIPAL_PERSON || c->key == NULL ||
	    c->key->owners.count == 0)
		return NULL;
	for (size_t i = 0; i < f->grant_count; i++) {
		const struct grant_fact *g = &f->grants[i];
		bool named = g->host.s[0] != '\0';

		if (g->role == ACCESS_REQUESTER && f->now < g->until &&
		    name_is_equal(&g->person, &c->request->requester) &&
		    (named ? name_is_equal(&g->host, &c->request->host) : !host))
			return g;
	}
	return NULL;
}

/* Whether rule or grant lets the requester ask; *ret_grant if only a grant does. */
static bool lets_requester(const struct eval *c, const struct rule *rule,
			   const struct grant_fact **ret_grant)
{
	*ret_grant = NULL;
	if (matches(rule->request, rule->request_count, c->requester))
		return true;
	*ret_grant = grant_of(c, false);
	return *ret_grant != NULL;
}

static bool from_accepts(const struct eval *c, const struct rule *rule)
{
	if (!is_job(c))
		return matches(rule->from, rule->from_count, c->host);
	for (size_t i = 0; i < rule->from_count; i++)
		if (rule->from[i].is_issuer &&
		    name_is_equal(&rule->from[i].name, &c->requester->oidc->name))
			return true;
	return false;
}

static bool lets_host(const struct eval *c, const struct rule *rule,
		      const struct grant_fact **ret_grant)
{
	*ret_grant = NULL;
	if (from_accepts(c, rule))
		return true;
	*ret_grant = c->host != NULL ? grant_of(c, true) : NULL;
	return *ret_grant != NULL;
}

static void say_grant(struct words *w, const struct grant_fact *g)
{
	char until[TIME_TEXT] = "?";
	char hex[DIGEST_HEX];

	rc_ignore(time_format(g->until, until), "a parsed time can be formatted");
	digest_hex(&g->statement, hex);
	say(w, " by grant %.*s until %s", ACCESS_ID_TEXT, hex, until);
}

static void check_requester(const struct eval *c, const struct rule *rule, struct decision *d)
{
	const struct grant_fact *g;
	bool ok = lets_requester(c, rule, &g);
	struct words w = {0};

	say(&w, "%s %s", c->request->requester.s, ok ? "may request" : "may not request");
	if (g != NULL) {
		say_grant(&w, g);
		d->grant = g;
	}
	say(&w, "; rule %s is for ", rule->name.s);
	say_refs(&w, rule->request, rule->request_count);
	if (!ok && c->key != NULL && c->key->owners.count > 0)
		say(&w, "; or ask its owners: greatseal access request --key %s",
		    c->request->key.s);
	check_add(d, REASON_RULE_REQUESTER, deny_unless(ok), "%s", w.text);
}

static void check_host(const struct eval *c, const struct rule *rule, struct decision *d)
{
	const struct grant_fact *g;
	bool ok = lets_host(c, rule, &g);
	struct words w = {0};

	say(&w, "%s %s is %s", is_job(c) ? "a job of" : "host",
	    is_job(c) ? c->requester->oidc->name.s : c->request->host.s,
	    ok ? "accepted" : "not accepted");
	if (g != NULL) {
		say_grant(&w, g);
		/* it names the host, and so does for both */
		d->grant = g;
	}
	say(&w, "; rule %s is for ", rule->name.s);
	say_refs(&w, rule->from, rule->from_count);
	check_add(d, REASON_RULE_HOST, deny_unless(ok), "%s", w.text);
}

static void check_class(const struct eval *c, const struct rule *rule, struct decision *d)
{
	const struct host_fact *host = &c->facts->host;
	bool ok = host->known && (rule->classes >> host->klass & 1) != 0;
	struct words w = {0};

	if (rule->classes == 0)
		return;
	for (unsigned i = 0; i < HOST_CLASSES; i++)
		if ((rule->classes >> i & 1) != 0)
			say(&w, "%s%s", w.len == 0 ? "" : ", ",
			    host_class_name((enum host_class)i));
	check_add(d, REASON_HOST_CLASS, deny_unless(ok),
		  "the class of host %.64s is %s; rule %.64s is for %s", c->request->host.s,
		  host->known ? host_class_name(host->klass) : "not known", rule->name.s, w.text);
}

/* The word of the host's agent, of about the time when the request came. */
static void check_guard(const struct eval *c, const struct rule *rule, struct decision *d)
{
	const struct request_guard *g = &c->request->guard;
	unix_time came = c->facts->submitted;
	bool enforces = g->given && strcmp(g->state.mode, GUARD_ENFORCE_WORD) == 0;
	bool runs = enforces || (g->given && strcmp(g->state.mode, GUARD_OBSERVE_WORD) == 0);
	/* Whoever looks again without the journal takes the time as the keeper found it. */
	bool old = g->given && came != 0 && (g->at < came - GUARD_AGE || g->at > came + GUARD_AGE);

	if (rule->guard == GUARD_ANY)
		return;
	check_add(d, REASON_HOST_GUARD,
		  deny_unless(!old && (rule->guard == GUARD_ENFORCING ? enforces : runs)),
		  "the guard of host %.64s: %s%s; rule %.64s is for %s ones", c->request->host.s,
		  g->given ? g->state.mode : "nothing is said",
		  old ? ", but that is of another time" : "", rule->name.s,
		  rule->guard == GUARD_ENFORCING ? "enforcing" : "observing or enforcing");
}

static bool has_format(char (*list)[16], size_t count, const char *format)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], format) == 0)
			return true;
	return false;
}

static void check_format(const struct eval *c, const struct rule *rule, struct decision *d)
{
	const struct request *q = c->request;
	const struct key_policy *key = c->key;

	for (size_t i = 0; i < q->count; i++) {
		const char *format = q->items[i].format;
		bool ok = has_format(rule->formats, rule->format_count, format);

		if (ok && (key == NULL || key->format_count == 0 ||
			   has_format(key->formats, key->format_count, format)))
			continue;
		check_add(d, REASON_RULE_FORMAT, OUTCOME_DENY,
			  "format %s of item %zu is not permitted by %s %s", format, i,
			  ok ? "the policy's entry of key" : "rule",
			  ok ? key->name.s : rule->name.s);
		return;
	}
	check_add(d, REASON_RULE_FORMAT, OUTCOME_ALLOW, "rule %s permits the %s of %zu item%s",
		  rule->name.s, q->count == 1 ? "format" : "formats", q->count,
		  q->count == 1 ? "" : "s");
}

/* The next word of a text for people; punctuation at its end is no part of it. */
static bool next_word(const char **at, struct view *ret)
{
	const char *from = *at + strspn(*at, " \t\n");
	size_t n = strcspn(from, " \t\n");

	*at = from + n;
	while (n > 0 && strchr(".,:;)!?", from[n - 1]) != NULL)
		n--;
	while (n > 0 && *from == '(') {
		from++;
		n--;
	}
	*ret = view_of(from, n);
	return **at != '\0' || n > 0;
}

/* The reason is signed by the requester, so the ticket in it is. */
static void check_words(const struct eval *c, const struct rule *rule, struct decision *d)
{
	const char *at = c->request->reason;
	struct view word;

	if (rule->reason_required && at[strspn(at, " \t\n")] == '\0')
		check_add(d, REASON_RULE_REASON, OUTCOME_DENY, "rule %s demands a reason",
			  rule->name.s);
	if (rule->ticket.s[0] == '\0')
		return;
	while (next_word(&at, &word))
		if (word.len > 0 && glob_matches(&rule->ticket, word)) {
			check_add(d, REASON_RULE_TICKET, OUTCOME_ALLOW,
				  "the reason names ticket %.*s", (int)word.len,
				  (const char *)word.ptr);
			return;
		}
	check_add(d, REASON_RULE_TICKET, OUTCOME_DENY,
		  "rule %s demands a ticket like %s in the reason", rule->name.s, rule->ticket.s);
}

static void check_limits(const struct eval *c, const struct rule *rule, struct decision *d)
{
	const struct request *q = c->request;
	/* Compared as a difference: now + max_deadline cannot wrap, both are small by type. */
	bool near = q->deadline <= c->facts->now ||
		    (uint64_t)(q->deadline - c->facts->now) <= rule->max_deadline;

	if (rule->upload_required && !q->upload)
		check_add(d, REASON_RULE_UPLOAD, OUTCOME_DENY,
			  "rule %s demands the files themselves", rule->name.s);
	if (q->uses > rule->max_uses)
		check_add(d, REASON_RULE_USES, OUTCOME_DENY,
			  "%u uses asked for, rule %s permits %u", q->uses, rule->name.s,
			  rule->max_uses);
	if (!near)
		check_add(d, REASON_RULE_DEADLINE, OUTCOME_DENY,
			  "the deadline is %lld seconds away, rule %s permits %llu",
			  (long long)(q->deadline - c->facts->now), rule->name.s,
			  (unsigned long long)rule->max_deadline);
}

/* ---- The decision ---------------------------------------------------------------------------*/

static rc evaluate_rule(const struct eval *c, const struct rule *rule, struct decision *d)
{
	*d = (struct decision){.rule = rule};
	d->rule_digest = policy_rule_digest(c->policy, rule, c->roster, &c->request->key,
					    &c->facts->key_fingerprint);
	check_who(c, d);
	check_key(c, d);
	check_review(c, d);
	check_uses_left(c, d);
	check_requester(c, rule, d);
	check_host(c, rule, d);
	check_class(c, rule, d);
	check_guard(c, rule, d);
	check_format(c, rule, d);
	check_limits(c, rule, d);
	check_words(c, rule, d);
	check_artifacts(c, rule, d);
	TRY(check_approvals(c, rule, d));
	/* Last, so that a request which still lacks people says so before it says "not yet". */
	check_time(c, d);
	check_hold(c, rule, d);
	check_release(c, false, d);
	check_windows(c, rule, d);
	check_freezes(c, rule, d);
	check_rates(c, d);
	return OK;
}

/* No rule names the key: what the rules are for, so that a wrong key name is seen at once. */
static void no_rule(const struct eval *c, struct decision *d)
{
	*d = (struct decision){.outcome = OUTCOME_DENY};
	check_who(c, d);
	check_key(c, d);
	check_add(d, REASON_RULE_NONE, OUTCOME_DENY, "no rule of the policy names key %s",
		  c->request->key.s);
	for (size_t i = 0; i < c->policy->rule_count && d->check_count < CHECKS_MAX; i++) {
		const struct rule *rule = &c->policy->rules[i];
		struct words w = {0};

		for (size_t k = 0; k < rule->key_count; k++)
			say(&w, "%s%s", separator(k, rule->key_count), rule->keys[k].s);
		check_add(d, REASON_RULE_KEY, OUTCOME_DENY, "rule %s is for %s", rule->name.s,
			  w.text);
	}
}

void decision_reason(struct decision *d)
{
	for (size_t i = 0; d->outcome != OUTCOME_ALLOW && i < d->check_count; i++)
		if (d->checks[i].outcome == d->outcome) {
			rc_ignore(refuse(&d->refusal, d->checks[i].reason, "%s", d->checks[i].text),
				  "the decision carries the outcome");
			return;
		}
}

/* Better is less. A rule that waits for people comes before one that waits for its time: they can
 * do something about it, and a break-glass rule is shown while the ordinary one is frozen. */
static int rank(const struct decision *d)
{
	if (d->outcome == OUTCOME_ALLOW)
		return 0;
	if (d->outcome == OUTCOME_DENY)
		return 3;
	for (size_t i = 0; i < d->check_count; i++)
		if (d->checks[i].outcome == OUTCOME_WAIT &&
		    (d->checks[i].reason == REASON_TIME_WINDOW ||
		     d->checks[i].reason == REASON_TIME_FREEZE))
			return 2;
	return 1;
}

/* Only rules on trial name the key. */
static void only_observed(const struct eval *c, struct decision *d)
{
	*d = (struct decision){.outcome = OUTCOME_DENY};
	check_who(c, d);
	check_key(c, d);
	check_add(d, REASON_RULE_OBSERVE, OUTCOME_DENY,
		  "every rule for key %s is on trial (observe) and permits nothing",
		  c->request->key.s);
}

/* What the rules on trial would have said. */
static rc report_observed(const struct eval *c, const struct rule_ref *refs, size_t count,
			  struct decision *d)
{
	struct decision try;

	for (size_t i = 0; i < count && d->check_count < CHECKS_MAX; i++) {
		if (!refs[i].rule->observe)
			continue;
		TRY(evaluate_rule(c, refs[i].rule, &try));
		decision_reason(&try);
		check_add(d, REASON_RULE_OBSERVE, OUTCOME_ALLOW,
			  "rule %.40s, on trial, would say %s%s%s%s%s", refs[i].rule->name.s,
			  try.outcome == OUTCOME_ALLOW ? "allow" : outcome_word(try.outcome),
			  try.outcome == OUTCOME_ALLOW ? "" : ", ",
			  try.outcome == OUTCOME_ALLOW ? "" : reason_id(try.refusal.reason),
			  try.outcome == OUTCOME_ALLOW ? "" : ": ", try.refusal.text);
	}
	return OK;
}

/* Denies by requester, host or format, which is quickly seen: such a rule is only looked at if
 * there is nothing better to report. */
static bool is_hopeless(const struct eval *c, const struct rule *rule)
{
	const struct grant_fact *g;

	if (!lets_requester(c, rule, &g) || !lets_host(c, rule, &g))
		return true;
	for (size_t i = 0; i < c->request->count; i++)
		if (!has_format(rule->formats, rule->format_count, c->request->items[i].format))
			return true;
	return false;
}

/* Tries the rules that are, or are not, hopeless, as long as something better may come. */
static rc try_rules(const struct eval *c, const struct rule_ref *refs, size_t count, bool hopeless,
		    bool *found, struct decision *ret)
{
	struct decision try;

	for (size_t i = 0; i < count; i++) {
		const struct rule *rule = refs[i].rule;

		if (*found && ret->outcome == OUTCOME_ALLOW)
			return OK;
		if (rule->observe || is_hopeless(c, rule) != hopeless)
			continue;
		TRY(evaluate_rule(c, rule, &try));
		/* Of equals the document's first: a hopeless one may stand before. */
		if (!*found || rank(&try) < rank(ret) ||
		    (rank(&try) == rank(ret) && rule < ret->rule))
			*ret = try;
		*found = true;
		if (hopeless)
			return OK;
	}
	return OK;
}

static rc evaluate_all(const struct eval *c, struct decision *ret)
{
	size_t count;
	const struct rule_ref *refs = policy_rules_of(c->policy, &c->request->key, &count);
	bool found = false;

	TRY(try_rules(c, refs, count, false, &found, ret));
	if (!found || ret->outcome == OUTCOME_DENY)
		TRY(try_rules(c, refs, count, true, &found, ret));
	if (!found && count > 0)
		only_observed(c, ret);
	else if (!found)
		no_rule(c, ret);
	decision_reason(ret);
	return report_observed(c, refs, count, ret);
}

rc evaluate(const struct policy *p, const struct roster *r, const struct facts *facts,
	    struct decision *ret)
{
	struct eval_zone zones[EVAL_ZONES_MAX + 1] = {0};
	const struct eval c = {.policy = p,
			       .roster = r,
			       .facts = facts,
			       .request = facts->request,
			       .requester = roster_requester(r, &facts->request->requester),
			       .host = roster_host(r, &facts->request->host),
			       .key = policy_key(p, &facts->request->key),
			       .zones = zones};
	rc result = evaluate_all(&c, ret);

	eval_zones_release(zones);
	return result;
}
