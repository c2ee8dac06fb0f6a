/* Which policy and roster can be in force together. */
#include "tests/lib/reference.h"

#include <string.h>

/* ---- Names ---------------------------------------------------------------------------------*/

static bool has_member(const struct ref_roster *r, enum ref_group group)
{
	for (int p = 0; p < REF_PEOPLE; p++)
		if (!r->gone[p] && (r->groups[p] & (1u << group)) != 0)
			return true;
	return false;
}

static bool seats_exist(const struct ref_roster *r, const struct ref_seats *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->seat[i].person >= 0 ? r->gone[s->seat[i].person]
					   : !has_member(r, s->seat[i].group))
			return false;
	return true;
}

/* Nobody is named twice for the same channel. */
static bool are_distinct(const struct ref_seats *s)
{
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct ref_seat *a = &s->seat[i], *b = &s->seat[k];

			if (a->person == b->person && (a->person >= 0 || a->group == b->group) &&
			    a->channel == b->channel)
				return false;
		}
	return true;
}

static bool makers_exist(const struct ref_roster *r, const struct ref_files *f)
{
	unsigned named = f->scan_by | f->provenance_by | f->rebuild_of;

	for (int m = 0; m < REF_BUILDERS; m++)
		if ((named & (1u << m)) != 0 && r->maker_gone[m])
			return false;
	return !((named & (1u << REF_BUILD1)) != 0 && r->host_gone[0]) &&
	       !((named & (1u << REF_CI)) != 0 && r->gone[REF_SERVICE]) &&
	       !((named & (1u << REF_POOL_MAKER)) != 0 && r->host_gone[REF_POOL]);
}

static bool names_exist(const struct ref_roster *r, const struct ref_rule *rule)
{
	bool builders = false;

	for (int i = 0; i < REF_HOSTS; i++)
		builders |= r->builder[i] && !r->host_gone[i];
	for (unsigned g = 0; g < REF_GROUPS; g++)
		if ((rule->request & (1u << g)) != 0 && !has_member(r, (enum ref_group)g))
			return false;
	for (int s = 0; s < REF_SERVICES; s++)
		if ((rule->services & (1u << s)) != 0 && r->gone[REF_SERVICE + s])
			return false;
	return (rule->request != 0 || rule->services != 0) && builders &&
	       !(rule->from_jobs && r->gone[REF_JOB]) && !(rule->from_laptop && r->host_gone[1]) &&
	       makers_exist(r, &rule->files) && seats_exist(r, &rule->seats) &&
	       (!rule->break_glass || seats_exist(r, &rule->review));
}

/* ---- Quorums -------------------------------------------------------------------------------*/

static unsigned channels_of(const struct ref_roster *r, int p)
{
	unsigned c = 0;

	for (unsigned k = 0; k < 2; k++)
		if (!r->gone[p] && (r->keys[p] & (1u << k)) != 0)
			c |= ref_channel(p, k);
	return c;
}

bool ref_can_be_filled(const struct ref_roster *r, const struct ref_seats *s, unsigned without)
{
	unsigned all[REF_PEOPLE];

	for (int p = 0; p < REF_PEOPLE; p++)
		all[p] = (without & (1u << p)) != 0 ? 0 : channels_of(r, p);
	return ref_seats_filled(r, s, all) == ref_seats(s);
}

/* Also without whoever may ask. */
static bool rule_can_fill(const struct ref_roster *r, const struct ref_rule *rule,
			  const struct ref_seats *seats)
{
	if (!ref_can_be_filled(r, seats, 0))
		return false;
	for (int s = 0; s < REF_SERVICES; s++)
		if ((rule->services & (1u << s)) != 0 && !ref_can_be_filled(r, seats, r->owners[s]))
			return false;
	for (int p = 0; p < REF_PEOPLE; p++)
		if ((r->groups[p] & rule->request) != 0 && !r->gone[p] &&
		    !ref_can_be_filled(r, seats, 1u << p))
			return false;
	return true;
}

static bool rule_can_be_filled(const struct ref_roster *r, const struct ref_rule *rule)
{
	return (rule->seats.count == 0 || rule_can_fill(r, rule, &rule->seats)) &&
	       (!rule->break_glass || rule_can_fill(r, rule, &rule->review));
}

/* ---- The tier ------------------------------------------------------------------------------*/

/* Each set of people, in each of their channels, that fills the rule's seats fills the tier's. */
static bool fills_tier(const struct ref_roster *r, const struct ref_seats *rule,
		       const struct ref_seats *tier, int person, unsigned set[REF_PEOPLE])
{
	unsigned all;

	if (person == REF_PEOPLE)
		return ref_seats_filled(r, rule, set) < ref_seats(rule) ||
		       ref_seats_filled(r, tier, set) == ref_seats(tier);
	all = channels_of(r, person);
	for (unsigned c = 0; c <= (REF_CLI | REF_BROWSER); c++) {
		set[person] = c;
		if ((c & ~all) == 0 && !fills_tier(r, rule, tier, person + 1, set))
			return false;
	}
	return true;
}

static bool has_channels(const struct ref_seats *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->seat[i].channel != REF_ANY)
			return true;
	return false;
}

static bool keeps_numbers(const struct ref_rule *rule, const struct ref_tier *t)
{
	bool attended = rule->seats.count > 0;

	return (attended || t->seats.count == 0) && !(attended && t->unsynced && !rule->unsynced) &&
	       rule->hold >= t->hold &&
	       !(t->classes != 0 && (rule->classes == 0 || (rule->classes & ~t->classes) != 0)) &&
	       !(t->has_preapproved && rule->preapproved > t->preapproved) &&
	       !(t->max_uses != 0 && rule->max_uses > t->max_uses) &&
	       !(attended && t->lifetime != 0 && rule->lifetime > t->lifetime);
}

static enum ref_taken keeps_tier(const struct ref_policy *p, const struct ref_roster *r,
				 const struct ref_rule *rule)
{
	const struct ref_tier *t = &p->tier;
	unsigned set[REF_PEOPLE] = {0};

	if (!keeps_numbers(rule, t))
		return REF_REFUSED;
	if (t->seats.count == 0)
		return REF_TAKEN;
	if (!fills_tier(r, &rule->seats, &t->seats, 0, set))
		return REF_REFUSED;
	return has_channels(&rule->seats) || has_channels(&t->seats) ? REF_EITHER : REF_TAKEN;
}

/* ---- All -----------------------------------------------------------------------------------*/

static bool is_sane(const struct ref_rule *r)
{
	bool attended = r->seats.count > 0;

	if (!are_distinct(&r->seats) || !are_distinct(&r->review))
		return false;
	if (r->files.rebuild_of != 0 &&
	    (unsigned)__builtin_popcount(r->files.rebuild_of) < r->files.agree)
		return false;
	return r->hold == 0 || (attended && r->hold < r->lifetime && r->hold < r->max_deadline);
}

enum ref_taken ref_takes(const struct ref_policy *p, const struct ref_roster *r)
{
	enum ref_taken all = REF_TAKEN;

	for (int i = 0; i < REF_PEOPLE; i++)
		for (int s = 0; s < REF_SERVICES; s++)
			if (r->gone[i] && !r->gone[REF_SERVICE + s] &&
			    (r->owners[s] & (1u << i)) != 0)
				return REF_REFUSED;
	for (int k = 0; k < REF_KEYS; k++)
		if (p->keys[k].owners.count > 0 &&
		    (!are_distinct(&p->keys[k].owners) || !seats_exist(r, &p->keys[k].owners) ||
		     !ref_can_be_filled(r, &p->keys[k].owners, 0)))
			return REF_REFUSED;
	for (int i = 0; i < REF_RULES; i++) {
		const struct ref_rule *rule = &p->rules[i];
		bool tier = false;
		enum ref_taken t;

		if (!is_sane(rule) || !names_exist(r, rule) || !rule_can_be_filled(r, rule))
			return REF_REFUSED;
		for (int k = 0; k < REF_KEYS; k++)
			tier |= (rule->keys & (1u << k)) != 0 && p->keys[k].tier;
		t = tier ? keeps_tier(p, r, rule) : REF_TAKEN;
		if (t == REF_REFUSED)
			return t;
		all = t == REF_EITHER ? t : all;
	}
	return (p->keys[0].tier || p->keys[1].tier) && !seats_exist(r, &p->tier.seats) ? REF_REFUSED
										       : all;
}
