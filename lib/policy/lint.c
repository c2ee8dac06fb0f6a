#include "lib/policy/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec/jcan.h"
#include "lib/policy/artifact.h"
#include "lib/policy/matching.h"
#include "lib/policy/quorum.h"

void findings_release(struct findings *f)
{
	free(f->list);
	*f = (struct findings){0};
}

struct linter {
	const struct policy *policy;
	const struct roster *roster;
	const struct principal **people; /* everybody; one may be NULL for a while */
	struct findings *found;
	rc failed; /* the first failure of add() */
};

/* The place of a finding. */
struct spot {
	enum lint_where where;
	const char *name;
};

__attribute__((format(printf, 4, 5))) static void add(struct linter *l, struct spot at,
						      const char *code, const char *fmt, ...)
{
	struct findings *f = l->found;
	struct finding *n;
	va_list ap;

	if ((f->count & (f->count - 1)) == 0) {
		size_t cap = f->count == 0 ? 1 : 2 * f->count;
		void *p = reallocarray(f->list, cap, sizeof(*f->list));

		if (p == NULL) {
			l->failed = RC(RC_NOMEM);
			return;
		}
		f->list = (struct finding *)p;
	}
	n = &f->list[f->count++];
	*n = (struct finding){.code = code, .where = at.where};
	n->is_error = strcmp(code, "policy.refused") == 0;
	f->errors += n->is_error;
	(void)snprintf(n->name.s, sizeof(n->name.s), "%s", at.name);
	va_start(ap, fmt);
	(void)vsnprintf(n->text, sizeof(n->text), fmt, ap);
	va_end(ap);
}

/* ---- Errors: policy_check(), part by part ---------------------------------------------------*/

static const char *const quorum_names[] = {"admin", "change", "unlock"};
#define QUORUMS 3u

static const struct quorum_spec *quorum_at(const struct policy *p, size_t i)
{
	if (i == 0)
		return &p->admin;
	return i == 1 ? &p->change : &p->unlock;
}

/* A policy that is all three quorums and one rule, or none. */
static struct policy part_of(const struct quorum_spec *quorum, struct rule *rule)
{
	return (struct policy){.version = 1,
			       .admin = *quorum,
			       .change = *quorum,
			       .unlock = *quorum,
			       .rules = rule,
			       .rule_count = rule == NULL ? 0 : 1};
}

static void part_check(struct linter *l, const struct policy *part, struct spot at)
{
	struct fault f = {0};

	if (!rc_is_ok(policy_check(part, l->roster, &f)))
		add(l, at, "policy.refused", "%s", f.text);
}

/* Tiers by themselves; then each rule with the tiers of its keys, which is looked at only if both
 * are good: otherwise it would be said twice. */
static void floors(struct linter *l, const struct quorum_spec *good)
{
	const struct policy *p = l->policy;
	size_t before = l->found->errors;

	for (size_t i = 0; i < p->tier_count; i++) {
		struct policy part = part_of(good, NULL);

		part.tiers = &p->tiers[i];
		part.tier_count = 1;
		part_check(l, &part, (struct spot){LINT_TIER, p->tiers[i].name.s});
	}
	for (size_t i = 0; before == l->found->errors && i < p->rule_count; i++) {
		struct policy part = part_of(good, &p->rules[i]);

		part.tiers = p->tiers;
		part.tier_count = p->tier_count;
		part.keys = p->keys;
		part.key_count = p->key_count;
		part_check(l, &part, (struct spot){LINT_RULE, p->rules[i].name.s});
	}
}

static void zones_refused(struct linter *l, const struct zone_source *zones)
{
	const struct policy *p = l->policy;
	struct policy part = {0};
	struct fault f = {0};

	part.window_count = 1;
	for (size_t i = 0; i < p->window_count; i++) {
		part.windows = &p->windows[i];
		if (!rc_is_ok(policy_check_zones(&part, zones, &f)))
			add(l, (struct spot){LINT_WINDOW, p->windows[i].name.s}, "policy.refused",
			    "%s", f.text);
	}
	part.window_count = 0;
	part.freeze_count = 1;
	for (size_t i = 0; i < p->freeze_count; i++) {
		part.freezes = &p->freezes[i];
		if (!rc_is_ok(policy_check_zones(&part, zones, &f)))
			add(l, (struct spot){LINT_FREEZE, p->freezes[i].name.s}, "policy.refused",
			    "%s", f.text);
	}
}

static void refused(struct linter *l)
{
	const struct policy *p = l->policy;
	const struct quorum_spec *good = NULL;

	for (size_t i = 0; i < QUORUMS; i++) {
		struct policy part = part_of(quorum_at(p, i), NULL);
		struct fault f = {0};
		const char *why;

		if (rc_is_ok(policy_check(&part, l->roster, &f))) {
			good = quorum_at(p, i);
			continue;
		}
		/* The part calls each of the three "admin". */
		why = strstr(f.text, ": ");
		add(l, (struct spot){LINT_POLICY, quorum_names[i]}, "policy.refused", "%s%s",
		    quorum_names[i], why != NULL ? why : "");
	}
	for (size_t i = 0; good != NULL && i < p->rule_count; i++) {
		struct policy part = part_of(good, &p->rules[i]);

		part_check(l, &part, (struct spot){LINT_RULE, p->rules[i].name.s});
	}
	if (good != NULL && l->found->errors == 0 && p->tier_count > 0)
		floors(l, good);
	if (l->found->errors == 0) /* what stands in no single part: the work of all floors */
		part_check(l, p, (struct spot){LINT_POLICY, "tiers"});
}

/* ---- A quorum with one person to spare ------------------------------------------------------*/

static bool may_request(const struct rule *rule, const struct principal *p)
{
	for (size_t i = 0; rule != NULL && i < rule->request_count; i++)
		if (subject_ref_matches(&rule->request[i], p))
			return true;
	return false;
}

/* Somebody who cannot be missed; NULL if anybody can be. Only somebody who holds
 * a place in a matching can be missed. */
static const struct principal *needed(struct linter *l, const struct matching *filled)
{
	for (size_t i = 0; i < filled->place_count; i++) {
		const struct principal *who = filled->places[i].person;
		size_t at = (size_t)(who - l->roster->people);
		struct matching without = *filled;
		size_t open;

		without.places[i].person = NULL;
		l->people[at] = NULL;
		open = matching_run(&without, l->people, l->roster->people_count);
		l->people[at] = who;
		if (open > 0)
			return who;
	}
	return NULL;
}

static void spare(struct linter *l, const struct quorum_spec *spec, const struct rule *rule,
		  struct spot at)
{
	size_t count = l->roster->people_count;
	const struct principal *who;
	struct matching all;

	matching_init(&all, spec);
	if (all.place_count == 0 || matching_run(&all, l->people, count) > 0)
		return; /* refused() has said so */
	who = needed(l, &all);
	if (who != NULL)
		add(l, at, "quorum.spare", "%s%s cannot be filled without %s",
		    rule != NULL ? "rule " : "", at.name, who->name.s);
	for (size_t i = 0; who == NULL && rule != NULL && i < all.place_count; i++) {
		const struct principal *asks = all.places[i].person;
		size_t asks_at = (size_t)(asks - l->roster->people);
		struct matching rest = all;

		if (!may_request(rule, asks))
			continue;
		rest.places[i].person = NULL;
		l->people[asks_at] = NULL;
		if (matching_run(&rest, l->people, count) == 0)
			who = needed(l, &rest);
		l->people[asks_at] = asks;
		if (who != NULL)
			add(l, at, "quorum.spare",
			    "rule %s cannot be filled without %s when the requester is %s", at.name,
			    who->name.s, asks->name.s);
	}
}

static void spares(struct linter *l)
{
	const struct policy *p = l->policy;

	for (size_t i = 0; i < QUORUMS; i++)
		spare(l, quorum_at(p, i), NULL, (struct spot){LINT_POLICY, quorum_names[i]});
	for (size_t i = 0; i < p->rule_count; i++)
		if (!p->rules[i].unattended)
			spare(l, &p->rules[i].approve, &p->rules[i],
			      (struct spot){LINT_RULE, p->rules[i].name.s});
	for (size_t i = 0; i < p->rule_count; i++)
		if (p->rules[i].break_glass)
			spare(l, &p->rules[i].review.approve, &p->rules[i],
			      (struct spot){LINT_RULE, p->rules[i].name.s});
}

/* ---- Rules that never decide anything -------------------------------------------------------*/

/* Whether the rule has only fields that shadows() compares: another may restrict it. */
static bool is_understood(const struct rule *rule)
{
	static const char *const known[] = {"approval_lifetime",
					    "approve",
					    "artifact",
					    "classes",
					    "formats",
					    "from",
					    "guard",
					    "hold",
					    "keys",
					    "max_deadline",
					    "max_uses",
					    "name",
					    "preapproved",
					    "reason",
					    "request",
					    "synced",
					    "ticket",
					    "unattended",
					    "upload",
					    "windows"};
	struct jcan j;

	jcan_init(&j, rule->json, NULL);
	if (!rc_is_ok(jcan_object(&j)))
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct view value;
		bool found;

		if (!rc_is_ok(jcan_key_optional(&j, known[i], &found)) ||
		    (found && !rc_is_ok(jcan_raw(&j, &value))))
			return false;
	}
	return rc_is_ok(jcan_object_end(&j));
}

static bool covers_keys(const struct rule *wide, const struct rule *narrow)
{
	for (size_t i = 0; i < narrow->key_count; i++) {
		bool found = false;

		for (size_t k = 0; k < wide->key_count; k++)
			found = found || name_is_equal(&wide->keys[k], &narrow->keys[i]);
		if (!found)
			return false;
	}
	return true;
}

static bool covers_formats(const struct rule *wide, const struct rule *narrow)
{
	for (size_t i = 0; i < narrow->format_count; i++) {
		bool found = false;

		for (size_t k = 0; k < wide->format_count; k++)
			found = found || strcmp(wide->formats[k], narrow->formats[i]) == 0;
		if (!found)
			return false;
	}
	return true;
}

static bool matches(const struct subject_ref *list, size_t count, const struct principal *p)
{
	for (size_t i = 0; i < count; i++)
		if (subject_ref_matches(&list[i], p))
			return true;
	return false;
}

/* Whoever of the list narrow names is named by wide: as host, or as requester. */
static bool covers_principals(const struct principal *list, size_t count, const struct rule *wide,
			      const struct rule *narrow, bool hosts)
{
	for (size_t i = 0; i < count; i++) {
		const struct principal *p = &list[i];
		bool in_narrow = hosts ? matches(narrow->from, narrow->from_count, p)
				       : matches(narrow->request, narrow->request_count, p);
		bool in_wide = hosts ? matches(wide->from, wide->from_count, p)
				     : matches(wide->request, wide->request_count, p);

		if (in_narrow && !in_wide)
			return false;
	}
	return true;
}

/* Whoever fills the seats of narrow fills those of wide: each is among narrow's, with no more
 * people. */
static bool asks_no_more(const struct rule *wide, const struct rule *narrow)
{
	if (wide->unattended)
		return true;
	if (narrow->unattended)
		return false;
	for (size_t i = 0; i < wide->approve.count; i++) {
		const struct seat *w = &wide->approve.seats[i];
		bool found = false;

		for (size_t k = 0; k < narrow->approve.count; k++) {
			const struct seat *n = &narrow->approve.seats[k];

			found = found || (w->is_person == n->is_person &&
					  (w->channels == 0 || w->channels == n->channels) &&
					  name_is_equal(&w->who, &n->who) && w->count <= n->count);
		}
		if (!found)
			return false;
	}
	return true;
}

/* What stands for no host of the roster cannot be compared by hosts. */
static bool names_hosts_alone(const struct roster *r, const struct rule *rule)
{
	for (size_t i = 0; i < rule->from_count; i++) {
		bool found = false;

		for (size_t k = 0; k < r->host_count; k++)
			found = found || subject_ref_matches(&rule->from[i], &r->hosts[k]);
		if (!found)
			return false;
	}
	return true;
}

static bool covers_windows(const struct rule *wide, const struct rule *narrow)
{
	if (wide->window_count == 0)
		return true;
	for (size_t i = 0; i < narrow->window_count; i++) {
		bool found = false;

		for (size_t k = 0; k < wide->window_count; k++)
			found = found || name_is_equal(&wide->windows[k], &narrow->windows[i]);
		if (!found)
			return false;
	}
	return narrow->window_count > 0;
}

/* What restricts a rule beside people, keys and numbers: wide has none of it that narrow lacks. */
static bool asks_no_more_else(const struct rule *wide, const struct rule *narrow)
{
	return (!wide->unsynced || narrow->unsynced || narrow->unattended) &&
	       (wide->classes == 0 ||
		(narrow->classes != 0 && (narrow->classes & ~wide->classes) == 0)) &&
	       wide->guard <= narrow->guard && wide->hold <= narrow->hold &&
	       (!wide->reason_required || narrow->reason_required) &&
	       (wide->ticket.s[0] == '\0' || strcmp(wide->ticket.s, narrow->ticket.s) == 0) &&
	       (wide->artifact.len == 0 || view_is_equal(wide->artifact, narrow->artifact)) &&
	       (!narrow->has_preapproved || wide->unattended ||
		(wide->has_preapproved &&
		 wide->preapproved_max_age >= narrow->preapproved_max_age)) &&
	       covers_windows(wide, narrow);
}

static bool shadows(const struct roster *r, const struct rule *wide, const struct rule *narrow)
{
	return is_understood(wide) && is_understood(narrow) && covers_keys(wide, narrow) &&
	       covers_formats(wide, narrow) && asks_no_more(wide, narrow) &&
	       (!wide->upload_required || narrow->upload_required) &&
	       wide->max_uses >= narrow->max_uses && wide->max_deadline >= narrow->max_deadline &&
	       (wide->unattended || wide->approval_lifetime >= narrow->approval_lifetime) &&
	       asks_no_more_else(wide, narrow) && names_hosts_alone(r, narrow) &&
	       covers_principals(r->people, r->people_count, wide, narrow, false) &&
	       covers_principals(r->services, r->service_count, wide, narrow, false) &&
	       covers_principals(r->hosts, r->host_count, wide, narrow, true);
}

/* Of two rules that allow the same, the later one is reported. */
static void shadowed(struct linter *l)
{
	const struct policy *p = l->policy;

	for (size_t i = 0; i < p->rule_count; i++)
		for (size_t k = 0; k < p->rule_count; k++) {
			const struct rule *narrow = &p->rules[i];
			const struct rule *wide = &p->rules[k];

			if (i == k || !shadows(l->roster, wide, narrow) ||
			    (k > i && shadows(l->roster, narrow, wide)))
				continue;
			add(l, (struct spot){LINT_RULE, narrow->name.s}, "rule.shadowed",
			    "rule %s never decides: whatever it allows, rule %s allows too",
			    narrow->name.s, wide->name.s);
			break;
		}
}

/* ---- Rules that nothing gets through --------------------------------------------------------*/

/* How well the host's key can be kept: whatever an enrolment shows, or as the roster lists it. */
static bool can_be_of(const struct rule *rule, const struct principal *host)
{
	return host->key_count == 0 || (rule->classes >> HOST_SOFTWARE & 1) != 0;
}

static bool key_takes_format(const struct policy *p, const struct rule *rule, size_t key)
{
	const struct key_policy *k = policy_key(p, &rule->keys[key]);

	if (k == NULL || k->format_count == 0)
		return true;
	for (size_t i = 0; i < k->format_count; i++)
		for (size_t n = 0; n < rule->format_count; n++)
			if (strcmp(k->formats[i], rule->formats[n]) == 0)
				return true;
	return false;
}

/* Of a rule for jobs alone: whether a service that may ask has bound tokens of one of its issuers.
 */
static bool has_jobs(const struct roster *r, const struct rule *rule)
{
	for (size_t i = 0; i < rule->from_count; i++) {
		if (!rule->from[i].is_issuer)
			return true;
		for (size_t k = 0; k < r->service_count; k++) {
			const struct oidc *o = r->services[k].oidc;

			if (o != NULL && o->bind_audience &&
			    name_is_equal(&o->name, &rule->from[i].name) &&
			    matches(rule->request, rule->request_count, &r->services[k]))
				return true;
		}
	}
	return false;
}

static void unreachable_rule(struct linter *l, const struct rule *rule)
{
	const struct roster *r = l->roster;
	const struct spot at = {LINT_RULE, rule->name.s};
	bool found = rule->classes == 0;

	for (size_t i = 0; i < r->host_count && !found; i++)
		found = matches(rule->from, rule->from_count, &r->hosts[i]) &&
			can_be_of(rule, &r->hosts[i]);
	if (!found)
		add(l, at, "rule.unreachable",
		    "rule %s: no host that it accepts can be of its classes: none enrols",
		    rule->name.s);
	if (!has_jobs(r, rule))
		add(l, at, "rule.unreachable",
		    "rule %s: nobody whom it lets ask does so by a token of an issuer in from",
		    rule->name.s);
	for (size_t i = 0; i < rule->key_count; i++)
		if (!key_takes_format(l->policy, rule, i))
			add(l, at, "rule.unreachable",
			    "rule %s: key %s is used for none of its formats", rule->name.s,
			    rule->keys[i].s);
}

static void unreachable(struct linter *l)
{
	for (size_t i = 0; i < l->policy->rule_count; i++) {
		const struct rule *rule = &l->policy->rules[i];
		struct artifact_rule a;

		unreachable_rule(l, rule);
		artifact_rule_of(rule->artifact, &a);
		if (a.rebuild_agree > 0 && a.rebuild_agree == a.rebuild_of.count)
			add(l, (struct spot){LINT_RULE, rule->name.s}, "rule.builders",
			    "rule %s waits for ever when one of its builders is away",
			    rule->name.s);
	}
}

/* ---- Names that nobody uses -----------------------------------------------------------------*/

static bool spec_names(const struct quorum_spec *spec, bool is_person, const struct name *n)
{
	for (size_t i = 0; i < spec->count; i++)
		if (spec->seats[i].is_person == is_person && name_is_equal(&spec->seats[i].who, n))
			return true;
	return false;
}

static bool refs_name(const struct subject_ref *list, size_t count, bool is_group,
		      const struct name *n)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].is_group == is_group && name_is_equal(&list[i].name, n))
			return true;
	return false;
}

/* Whether a quorum or rule names this group or person. */
static bool people_named(const struct policy *p, bool is_group, const struct name *n)
{
	for (size_t i = 0; i < QUORUMS; i++)
		if (spec_names(quorum_at(p, i), !is_group, n))
			return true;
	for (size_t i = 0; i < p->rule_count; i++)
		if (spec_names(&p->rules[i].approve, !is_group, n) ||
		    spec_names(&p->rules[i].review.approve, !is_group, n) ||
		    refs_name(p->rules[i].request, p->rules[i].request_count, is_group, n))
			return true;
	for (size_t i = 0; i < p->tier_count; i++)
		if (spec_names(&p->tiers[i].approve, !is_group, n) ||
		    spec_names(&p->tiers[i].review.approve, !is_group, n))
			return true;
	return false;
}

static bool host_group_named(const struct policy *p, const struct name *n)
{
	for (size_t i = 0; i < p->rule_count; i++)
		if (refs_name(p->rules[i].from, p->rules[i].from_count, true, n))
			return true;
	return false;
}

static bool host_accepted(const struct policy *p, const struct principal *host)
{
	for (size_t i = 0; i < p->rule_count; i++)
		if (matches(p->rules[i].from, p->rules[i].from_count, host))
			return true;
	return false;
}

static void unused(struct linter *l)
{
	const struct roster *r = l->roster;

	for (size_t i = 0; i < r->group_count; i++) {
		const struct roster_group *g = &r->groups[i];

		if (g->is_host ? host_group_named(l->policy, &g->name)
			       : people_named(l->policy, true, &g->name))
			continue;
		add(l, (struct spot){g->is_host ? LINT_HOST : LINT_PERSON, g->members[0]->name.s},
		    "group.unused", "group %s of %s is named by no quorum and no rule", g->name.s,
		    g->is_host ? "hosts" : "people");
	}
	for (size_t i = 0; i < r->people_count; i++)
		if (r->people[i].group_count == 0 &&
		    !people_named(l->policy, false, &r->people[i].name))
			add(l, (struct spot){LINT_PERSON, r->people[i].name.s}, "person.idle",
			    "%s is in no group and is named nowhere", r->people[i].name.s);
	for (size_t i = 0; i < r->host_count; i++)
		if (!host_accepted(l->policy, &r->hosts[i]))
			add(l, (struct spot){LINT_HOST, r->hosts[i].name.s}, "host.unused",
			    "host %s: no rule accepts it", r->hosts[i].name.s);
}

/* ---- Tokens of jobs -------------------------------------------------------------------------*/

/* What `greatseal --oidc github` asks, asks for tokens that name the request. */
#define GITHUB_ISSUER "https://token.actions.githubusercontent.com"

/* The rule takes the service's tokens, and nobody's host. */
static bool takes_jobs_alone(const struct rule *rule, const struct principal *service)
{
	bool named = false;

	for (size_t i = 0; i < rule->from_count; i++) {
		if (!rule->from[i].is_issuer)
			return false;
		named |= name_is_equal(&rule->from[i].name, &service->oidc->name);
	}
	return named && matches(rule->request, rule->request_count, service);
}

static void unbound(struct linter *l)
{
	for (size_t i = 0; i < l->roster->service_count; i++) {
		const struct principal *s = &l->roster->services[i];
		const struct spot at = {LINT_SERVICE, s->name.s};

		if (s->oidc == NULL || s->oidc->bind_audience)
			continue;
		if (strcmp(s->oidc->issuer, GITHUB_ISSUER) == 0)
			add(l, at, "service.unbound",
			    "service %s: greatseal --oidc github asks for tokens that name the "
			    "request: bind: audience, in place of audience",
			    s->name.s);
		for (size_t n = 0; n < l->policy->rule_count; n++)
			if (takes_jobs_alone(&l->policy->rules[n], s))
				add(l, at, "service.unbound",
				    "service %s: rule %s takes tokens that name the request, and "
				    "no "
				    "host: bind: audience, in place of audience",
				    s->name.s, l->policy->rules[n].name.s);
	}
}

rc lint(const struct policy *p, const struct roster *r, const struct zone_source *zones,
	struct findings *ret)
{
	struct linter l = {.policy = p, .roster = r, .found = ret};

	*ret = (struct findings){0};
	l.people = (const struct principal **)calloc(r->people_count + 1, sizeof(*l.people));
	if (l.people == NULL)
		return RC(RC_NOMEM);
	for (size_t i = 0; i < r->people_count; i++)
		l.people[i] = &r->people[i];
	refused(&l);
	zones_refused(&l, zones);
	spares(&l);
	shadowed(&l);
	unreachable(&l);
	unused(&l);
	unbound(&l);
	free(l.people);
	return l.failed;
}
