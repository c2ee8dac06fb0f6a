#include "lib/policy/floors.h"

#include <stdlib.h>

#include "lib/policy/artifact.h"
#include "lib/policy/matching.h"

struct floor {
	const struct roster *roster;
	const struct principal **people;
	unsigned *channels; /* room for one of each */
	const struct rule *rule;
	const struct name *key;
	const struct tier *tier;
	/* the seats that are compared: those who approve, or who review */
	const struct quorum_spec *mine;
	const struct quorum_spec *least;
	const char *what;
	uint64_t work; /* left */
	struct fault *fault;
};

/* The channels in which this person fits none of the chosen clauses of the tier. */
static unsigned unfit_channels(const struct quorum_spec *tier, unsigned chosen,
			       const struct principal *p)
{
	unsigned left = p->channels;

	for (unsigned c = 1; c <= left; c <<= 1)
		for (size_t k = 0; (left & c) != 0 && k < tier->count; k++)
			if ((chosen >> k & 1) != 0 && seat_fits(&tier->seats[k], p, c))
				left &= ~c;
	return left;
}

/* How many of the rule's places stay empty when nobody takes part in a way that fits one of the
 * chosen clauses of the tier. */
static size_t open_without(const struct floor *fl, unsigned chosen)
{
	const struct quorum_spec *tier = fl->least;
	struct matching m;
	size_t open;

	for (size_t i = 0; i < fl->roster->people_count; i++) {
		fl->channels[i] = unfit_channels(tier, chosen, &fl->roster->people[i]);
		if (fl->channels[i] == 0)
			fl->people[i] = NULL;
	}
	matching_init(&m, fl->mine);
	m.channels = fl->channels;
	open = matching_run(&m, fl->people, fl->roster->people_count);
	for (size_t i = 0; i < fl->roster->people_count; i++)
		fl->people[i] = &fl->roster->people[i];
	return open;
}

/* The plain case: the rule has each of the tier's seats, by name, and as many. */
static bool has_seats(const struct quorum_spec *rule, const struct quorum_spec *tier)
{
	for (size_t i = 0; i < tier->count; i++) {
		const struct seat *t = &tier->seats[i];
		bool found = false;

		for (size_t k = 0; k < rule->count; k++) {
			const struct seat *s = &rule->seats[k];

			found |= s->is_person == t->is_person && s->count >= t->count &&
				 (t->channels == 0 || s->channels == t->channels) &&
				 name_is_equal(&s->who, &t->who);
		}
		if (!found)
			return false;
	}
	return true;
}

static rc spend(struct floor *fl)
{
	uint64_t cost =
		((uint64_t)fl->mine->count + fl->least->count) * (fl->roster->people_count + 1);

	if (cost > fl->work)
		return fault_set(fl->fault, RC_LIMIT, 0,
				 "rule %.40s, tier %.40s: too many rules whose seats are not the "
				 "tier's by name",
				 fl->rule->name.s, fl->tier->name.s);
	fl->work -= cost;
	return OK;
}

/* Every set of people that fills the rule's seats fills the tier's.
 *
 * A set fills the tier exactly if, for every choice of the tier's clauses, it has as many people
 * who fit one of them as these have seats (Hall). The sets that just fill the rule are the bases of
 * a matroid, so the least number of such people in any of them is the number of the rule's places
 * less the most that can be filled without such people: what stays empty then. Where seats name
 * channels, who has keys for both may speak in the one that the tier does not count; then it is at
 * least that number, and a rule may be refused that keeps to its tier, never the other way round.
 */
static rc seats_check(struct floor *fl)
{
	const struct quorum_spec *tier = fl->least;

	if (has_seats(fl->mine, tier))
		return OK;

	for (unsigned chosen = 1; chosen < 1u << tier->count; chosen++) {
		struct seat first = {0};
		char text[SEAT_TEXT];
		size_t need = 0;

		for (size_t k = 0; k < tier->count; k++)
			if ((chosen >> k & 1) != 0) {
				first = need == 0 ? tier->seats[k] : first;
				need += tier->seats[k].count;
			}
		TRY(spend(fl));
		if (open_without(fl, chosen) >= need)
			continue;
		seat_text(&first, text);
		return fault_set(fl->fault, RC_DENIED, 0,
				 "rule %.40s undercuts tier %.40s of key %.40s: %s can be "
				 "filled without \"%.40s\"%s",
				 fl->rule->name.s, fl->tier->name.s, fl->key->s, fl->what, text,
				 (chosen & (chosen - 1)) != 0 ? " and others" : "");
	}
	return OK;
}
_Static_assert(POLICY_TIER_CLAUSES_MAX <= 10, "each set of clauses is looked at");

static rc number_check(const struct floor *fl, const char *what, uint64_t rule, uint64_t tier)
{
	if (tier == 0 || rule <= tier)
		return OK;
	return fault_set(fl->fault, RC_DENIED, 0,
			 "rule %.40s undercuts tier %.40s of key %.40s: %s is %llu, at most %llu",
			 fl->rule->name.s, fl->tier->name.s, fl->key->s, what,
			 (unsigned long long)rule, (unsigned long long)tier);
}

static rc files_check(const struct floor *fl)
{
	const struct rule *rule = fl->rule;
	const struct tier *tier = fl->tier;
	struct artifact_rule mine, least;
	const char *field;

	if (tier->has_preapproved && rule->has_preapproved &&
	    rule->preapproved_max_age > tier->preapproved_max_age)
		return fault_set(
			fl->fault, RC_DENIED, 0,
			"rule %.40s undercuts tier %.40s of key %.40s: preapproved is %llu, "
			"at most %llu",
			rule->name.s, tier->name.s, fl->key->s,
			(unsigned long long)rule->preapproved_max_age,
			(unsigned long long)tier->preapproved_max_age);
	if (tier->artifact.len == 0)
		return OK;
	artifact_rule_of(rule->artifact, &mine);
	artifact_rule_of(tier->artifact, &least);
	field = artifact_undercuts(&mine, &least);
	return field == NULL ? OK
			     : fault_set(fl->fault, RC_DENIED, 0,
					 "rule %.40s undercuts tier %.40s of key %.40s: artifact "
					 "demands less in %s",
					 rule->name.s, tier->name.s, fl->key->s, field);
}

/* Who looks afterwards, and how soon, at what broke the glass. */
static rc review_check(struct floor *fl)
{
	const struct review_spec *mine = &fl->rule->review;
	const struct review_spec *least = &fl->tier->review;

	if (!fl->rule->break_glass || least->approve.count == 0)
		return OK;
	TRY(number_check(fl, "review.within", mine->within, least->within));
	fl->mine = &mine->approve;
	fl->least = &least->approve;
	fl->what = "the seats of its review";
	return seats_check(fl);
}

static rc rule_check(struct floor *fl)
{
	const struct rule *rule = fl->rule;
	const struct tier *tier = fl->tier;

	if (rule->unattended && tier->approve.count > 0)
		return fault_set(
			fl->fault, RC_DENIED, 0,
			"rule %.40s undercuts tier %.40s of key %.40s: it is unattended, and "
			"the tier has approvers",
			rule->name.s, tier->name.s, fl->key->s);
	if (!rule->upload_required && tier->upload_required)
		return fault_set(
			fl->fault, RC_DENIED, 0,
			"rule %.40s undercuts tier %.40s of key %.40s: upload is optional, "
			"and the tier requires it",
			rule->name.s, tier->name.s, fl->key->s);
	if (!rule->unattended && tier->unsynced && !rule->unsynced)
		return fault_set(fl->fault, RC_DENIED, 0,
				 "rule %.40s undercuts tier %.40s of key %.40s: it lacks synced: "
				 "false",
				 rule->name.s, tier->name.s, fl->key->s);
	if (tier->classes != 0 && (rule->classes == 0 || (rule->classes & ~tier->classes) != 0))
		return fault_set(fl->fault, RC_DENIED, 0,
				 "rule %.40s undercuts tier %.40s of key %.40s: its hosts may be "
				 "of more classes",
				 rule->name.s, tier->name.s, fl->key->s);
	if (rule->hold < tier->hold)
		return fault_set(fl->fault, RC_DENIED, 0,
				 "rule %.40s undercuts tier %.40s of key %.40s: hold is %llu, at "
				 "least %llu",
				 rule->name.s, tier->name.s, fl->key->s,
				 (unsigned long long)rule->hold, (unsigned long long)tier->hold);
	TRY(files_check(fl));
	TRY(number_check(fl, "max_uses", rule->max_uses, tier->max_uses));
	TRY(number_check(fl, "max_deadline", rule->max_deadline, tier->max_deadline));
	if (!rule->unattended)
		TRY(number_check(fl, "approval_lifetime", rule->approval_lifetime,
				 tier->approval_lifetime));
	TRY(review_check(fl));
	fl->mine = &rule->approve;
	fl->least = &tier->approve;
	fl->what = "its seats";
	return seats_check(fl);
}

/* One rule against the tiers of its keys, each once. */
static rc rule_floors(const struct policy *p, struct floor *fl)
{
	bool looked[POLICY_TIERS_MAX] = {false};

	for (size_t k = 0; k < fl->rule->key_count; k++) {
		const struct key_policy *key;

		fl->key = &fl->rule->keys[k];
		key = policy_key(p, fl->key);
		if (key == NULL || !key->has_tier)
			continue;
		fl->tier = policy_tier(p, &key->tier);
		if (fl->tier == NULL || looked[fl->tier - p->tiers])
			continue;
		looked[fl->tier - p->tiers] = true;
		TRY(rule_check(fl));
	}
	return OK;
}

rc floors_check(const struct policy *p, const struct roster *r, const struct principal **people,
		struct fault *f)
{
	struct floor fl = {.roster = r, .people = people, .work = FLOORS_WORK_MAX, .fault = f};
	rc result = OK;

	fl.channels = (unsigned *)calloc(r->people_count + 1, sizeof(*fl.channels));
	if (fl.channels == NULL)
		return fault_set(f, RC_NOMEM, 0, "policy: out of memory");
	for (size_t i = 0; i < p->rule_count && rc_is_ok(result); i++) {
		fl.rule = &p->rules[i];
		result = rule_floors(p, &fl);
	}
	free(fl.channels);
	return result;
}
