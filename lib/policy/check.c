/* check - policy_check(): what a policy demands of a roster. */
#include <stdlib.h>

#include "lib/policy/artifact.h"
#include "lib/policy/floors.h"
#include "lib/policy/matching.h"
#include "lib/policy/policy_read.h"
#include "lib/policy/quorum.h"

struct context {
	const struct policy *policy;
	const struct roster *roster;
	const struct principal **people; /* everybody; one may be set to NULL for a while */
	struct fault *fault;
};

static rc names_exist(const struct context *c, const struct quorum_spec *spec, const char *where)
{
	for (size_t i = 0; i < spec->count; i++) {
		const struct seat *s = &spec->seats[i];

		if (s->is_person ? roster_person(c->roster, &s->who) == NULL
				 : roster_group(c->roster, false, &s->who) == NULL)
			return fault_set(c->fault, RC_NOTFOUND, 0,
					 "%s: approve names %s%s, and the roster has no such %s",
					 where, s->is_person ? "@" : "", s->who.s,
					 s->is_person ? "person" : "group with a member");
	}
	return OK;
}

static const char *ref_prefix(const struct subject_ref *s)
{
	if (s->is_service)
		return "service:";
	if (s->is_issuer)
		return "issuer:";
	return s->is_group ? "group:" : "";
}

/* Whether a service of this issuer asks by tokens that are for one request alone. */
static bool issuer_exists(const struct roster *r, const struct name *n)
{
	for (size_t i = 0; i < r->service_count; i++) {
		const struct oidc *o = r->services[i].oidc;

		if (o != NULL && o->bind_audience && name_is_equal(&o->name, n))
			return true;
	}
	return false;
}

static const char *ref_what(const struct subject_ref *s, bool is_host)
{
	if (s->is_service)
		return "service";
	if (s->is_issuer)
		return "service with this issuer and bind: audience";
	if (is_host)
		return s->is_group ? "hosts" : "host";
	return s->is_group ? "people" : "person";
}

static rc refs_exist(const struct context *c, const struct rule *rule, bool is_host)
{
	const struct subject_ref *list = is_host ? rule->from : rule->request;
	size_t count = is_host ? rule->from_count : rule->request_count;

	for (size_t i = 0; i < count; i++) {
		const struct name *n = &list[i].name;
		bool found;

		if (list[i].is_group)
			found = roster_group(c->roster, is_host, n) != NULL;
		else if (list[i].is_service)
			found = n->s[0] == '\0' ? c->roster->service_count > 0
						: roster_service(c->roster, n) != NULL;
		else if (list[i].is_issuer)
			found = issuer_exists(c->roster, n);
		else
			found = (is_host ? roster_host(c->roster, n)
					 : roster_person(c->roster, n)) != NULL;
		if (!found)
			return fault_set(c->fault, RC_NOTFOUND, 0,
					 "rule %s: %s names %s%s, and the roster has no such %s%s",
					 rule->name.s, is_host ? "from" : "request",
					 ref_prefix(&list[i]), n->s[0] == '\0' ? "*" : n->s,
					 list[i].is_group ? "group of " : "",
					 ref_what(&list[i], is_host));
	}
	return OK;
}

static rc not_fillable(const struct context *c, const struct matching *m, const char *where,
		       const struct principal *without)
{
	char text[SEAT_TEXT] = "";

	for (size_t i = m->place_count; i-- > 0;)
		if (m->places[i].person == NULL)
			seat_text(&m->spec->seats[m->places[i].clause], text);
	return fault_set(c->fault, RC_DENIED, 0, "%s: \"%s\" cannot be filled%s%s", where, text,
			 without == NULL ? "" : " when the requester is ",
			 without == NULL ? "" : without->name.s);
}

static bool may_request(const struct rule *rule, const struct principal *p)
{
	for (size_t i = 0; i < rule->request_count; i++)
		if (subject_ref_matches(&rule->request[i], p))
			return true;
	return false;
}

/* The seats can be filled by the whole roster, and for a rule without any one who may request. Only
 * somebody who holds a place in the matching found first can be missed. */
static rc can_be_filled(const struct context *c, const struct quorum_spec *spec,
			const struct rule *rule, const char *where)
{
	size_t count = c->roster->people_count;
	struct matching all;

	matching_init(&all, spec);
	if (all.place_count == 0 || matching_run(&all, c->people, count) > 0)
		return not_fillable(c, &all, where, NULL);
	for (size_t i = 0; rule != NULL && i < all.place_count; i++) {
		const struct principal *who = all.places[i].person;
		size_t at = (size_t)(who - c->roster->people);
		struct matching without = all;
		size_t open;

		if (!may_request(rule, who))
			continue;
		without.places[i].person = NULL;
		c->people[at] = NULL;
		open = matching_run(&without, c->people, count);
		c->people[at] = who;
		if (open > 0)
			return not_fillable(c, &without, where, who);
	}
	return OK;
}

/* The owners of a service do not approve what it asks for: the others have to suffice. */
static rc without_owners(const struct context *c, const struct quorum_spec *spec,
			 const struct rule *rule, const char *where)
{
	for (size_t i = 0; i < c->roster->service_count; i++) {
		const struct principal *s = &c->roster->services[i];
		struct matching m;
		size_t open;

		if (s->owner_count == 0 || !may_request(rule, s))
			continue;
		for (size_t k = 0; k < c->roster->people_count; k++)
			if (roster_is_behind(s, &c->roster->people[k], ""))
				c->people[k] = NULL;
		matching_init(&m, spec);
		open = matching_run(&m, c->people, c->roster->people_count);
		for (size_t k = 0; k < c->roster->people_count; k++)
			c->people[k] = &c->roster->people[k];
		if (open > 0)
			return not_fillable(c, &m, where, s);
	}
	return OK;
}

static rc quorum_check(const struct context *c, const struct quorum_spec *spec, const char *where)
{
	TRY(names_exist(c, spec, where));
	return can_be_filled(c, spec, NULL, where);
}

static bool is_machine(const struct roster *r, const struct name *n)
{
	return roster_host(r, n) != NULL || roster_service(r, n) != NULL ||
	       roster_builder(r, n) != NULL;
}

static rc makers_exist(const struct context *c, const struct rule *rule,
		       const struct artifact_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct name n;

		TRY(name_parse(list->entry[i], &n));
		if (!is_machine(c->roster, &n))
			return fault_set(
				c->fault, RC_NOTFOUND, 0,
				"rule %s: artifact names %s, and the roster has no such host, "
				"service or builder",
				rule->name.s, n.s);
	}
	return OK;
}

/* Whose word the rule waits for: nobody else could give it. */
static rc artifact_check(const struct context *c, const struct rule *rule)
{
	struct artifact_rule a;

	if (rule->artifact.len == 0)
		return OK;
	artifact_rule_of(rule->artifact, &a);
	TRY(makers_exist(c, rule, &a.scan_by));
	TRY(makers_exist(c, rule, &a.provenance_by));
	return makers_exist(c, rule, &a.rebuild_of);
}

/* Seats of a rule: of those who approve, or who review. */
static rc seats_check(const struct context *c, const struct quorum_spec *spec,
		      const struct rule *rule, const char *what)
{
	char where[NAME_MAX_LEN + 24] = "";
	struct buf b;

	buf_init_fixed(&b, where, sizeof(where) - 1);
	buf_printf(&b, "%s%s", what, rule->name.s);
	TRY(names_exist(c, spec, where));
	TRY(can_be_filled(c, spec, rule, where));
	return without_owners(c, spec, rule, where);
}

static rc rule_check(const struct context *c, const struct rule *rule)
{
	TRY(refs_exist(c, rule, false));
	TRY(refs_exist(c, rule, true));
	TRY(artifact_check(c, rule));
	if (rule->unattended)
		return OK;
	TRY(seats_check(c, &rule->approve, rule, "rule "));
	return rule->break_glass ? seats_check(c, &rule->review.approve, rule, "review of rule ")
				 : OK;
}

static rc owners_check(const struct context *c, const struct key_policy *key)
{
	char where[NAME_MAX_LEN + 16] = "";
	struct buf b;

	if (key->owners.count == 0)
		return OK;
	buf_init_fixed(&b, where, sizeof(where) - 1);
	buf_printf(&b, "owners of key %s", key->name.s);
	return quorum_check(c, &key->owners, where);
}

static rc check_all(const struct context *c)
{
	TRY(quorum_check(c, &c->policy->admin, "admin"));
	TRY(quorum_check(c, &c->policy->change, "change"));
	TRY(quorum_check(c, &c->policy->unlock, "unlock"));
	TRY(recovery_check(c->policy, c->roster, c->fault));
	for (size_t i = 0; i < c->policy->rule_count; i++)
		TRY(rule_check(c, &c->policy->rules[i]));
	for (size_t i = 0; i < c->policy->key_count; i++)
		TRY(owners_check(c, &c->policy->keys[i]));
	for (size_t i = 0; i < c->policy->tier_count; i++) {
		char where[NAME_MAX_LEN + 8] = "tier ";

		memcpy(where + 5, c->policy->tiers[i].name.s, sizeof(c->policy->tiers[i].name.s));
		TRY(names_exist(c, &c->policy->tiers[i].approve, where));
		TRY(names_exist(c, &c->policy->tiers[i].review.approve, where));
	}
	return floors_check(c->policy, c->roster, c->people, c->fault);
}

rc policy_check(const struct policy *p, const struct roster *r, struct fault *f)
{
	struct context c = {.policy = p, .roster = r, .fault = f};
	rc result;

	c.people = (const struct principal **)calloc(r->people_count + 1, sizeof(*c.people));
	if (c.people == NULL)
		return fault_set(f, RC_NOMEM, 0, "policy: out of memory");
	for (size_t i = 0; i < r->people_count; i++)
		c.people[i] = &r->people[i];
	result = check_all(&c);
	free(c.people);
	return result;
}
