/* The checks of time and of how often: windows, freezes, rates. */
#include "lib/policy/evaluate_impl.h"

/* ---- Zones ----------------------------------------------------------------------------------*/

static const struct eval_zone *zone_of(const struct eval *c, const struct zone_name *name)
{
	struct eval_zone *z = c->zones;
	struct eval_zone *end = c->zones + EVAL_ZONES_MAX;

	while (z < end && z->name != NULL && strcmp(z->name->s, name->s) != 0)
		z++;
	if (z < end && z->name != NULL)
		return z;
	buf_release(&z->bytes); /* of the last place, which is used again and again */
	z->name = name;
	z->result = zone_open(c->facts->zones, name, &z->bytes, &z->tzif, &z->fault);
	return z;
}

void eval_zones_release(struct eval_zone *zones)
{
	for (size_t i = 0; i <= EVAL_ZONES_MAX; i++)
		buf_release(&zones[i].bytes);
}

/* ---- Windows --------------------------------------------------------------------------------*/

/* The best of the windows of one rule so far. */
struct opening {
	bool open;
	unix_time closes; /* if open */
	bool unreadable;
	bool comes; /* else: opens is the next of all */
	unix_time opens;
	const struct window *window;
	int32_t offset; /* of its zone then */
	char fault[FAULT_TEXT];
};

static void look_at_window(const struct eval *c, const struct window *w, struct opening *best)
{
	unix_time now = c->facts->now;
	const struct eval_zone *zone = zone_of(c, &w->zone);
	const struct tzif *z = &zone->tzif;
	unix_time at;

	if (!rc_is_ok(zone->result)) {
		best->unreadable = true;
		memcpy(best->fault, zone->fault.text, sizeof(best->fault));
		return;
	}
	if (rc_is_ok(calendar_opened(&w->open, z, now, &at)) && (uint64_t)(now - at) < w->length) {
		best->open = true;
		best->window = w;
		best->closes = at + (unix_time)w->length;
		best->offset = tzif_offset(z, best->closes, NULL);
	} else if (rc_is_ok(calendar_opens(&w->open, z, now, &at)) &&
		   (!best->comes || at < best->opens)) {
		best->comes = true;
		best->window = w;
		best->opens = at;
		best->offset = tzif_offset(z, at, NULL);
	}
}

void check_windows(const struct eval *c, const struct rule *rule, struct decision *d)
{
	struct opening best = {0};
	char text[LOCAL_TEXT];

	if (rule->window_count == 0)
		return;
	for (size_t i = 0; i < rule->window_count && !best.open; i++) {
		const struct window *w = policy_window(c->policy, &rule->windows[i]);

		if (w != NULL)
			look_at_window(c, w, &best);
	}
	if (best.open) {
		local_time_text(best.closes + best.offset, text);
		check_add(d, REASON_TIME_WINDOW, OUTCOME_ALLOW, "window %.40s is open until %s %s",
			  best.window->name.s, text, best.window->zone.s);
	} else if (rule->break_glass) {
		d->break_glass = true; /* also where nobody can tell */
		check_add(d, REASON_TIME_WINDOW, OUTCOME_ALLOW,
			  "outside its windows: rule %s breaks the glass", rule->name.s);
	} else if (best.unreadable) {
		check_add(d, REASON_TIME_ZONE, OUTCOME_DENY, "%s", best.fault);
	} else if (best.comes) {
		local_time_text(best.opens + best.offset, text);
		check_add_wait(d, REASON_TIME_WINDOW, best.opens,
			       "outside the windows of rule %.40s; %.40s opens %s %s", rule->name.s,
			       best.window->name.s, text, best.window->zone.s);
	} else {
		check_add(d, REASON_TIME_WINDOW, OUTCOME_DENY,
			  "no window of rule %s opens any more", rule->name.s);
	}
}

/* ---- Freezes --------------------------------------------------------------------------------*/

/* Whether it can be in force in any zone at all: then its zone's file is read. */
static bool is_near(const struct freeze *z, unix_time now)
{
	return now >= z->from - TZIF_OFFSET_MAX && now <= z->to - TZIF_OFFSET_MIN;
}

static void look_at_freeze(const struct eval *c, const struct rule *rule, const struct freeze *z,
			   struct decision *d)
{
	unix_time now = c->facts->now;
	const struct eval_zone *zone = zone_of(c, &z->zone);
	char text[LOCAL_TEXT];
	unix_time end;

	if (!rc_is_ok(zone->result)) {
		check_add(d, REASON_TIME_ZONE, OUTCOME_DENY, "%s", zone->fault.text);
		return;
	}
	end = tzif_instant(&zone->tzif, z->to);
	if (now < tzif_instant(&zone->tzif, z->from) || now >= end)
		return;
	if (rule->break_glass) {
		d->break_glass = true;
		check_add(d, REASON_TIME_FREEZE, OUTCOME_ALLOW, "rule %.40s passes freeze %.40s",
			  rule->name.s, z->name.s);
		return;
	}
	local_time_text(z->to, text);
	check_add_wait(d, REASON_TIME_FREEZE, end, "freeze %.40s until %s %.40s%s%s", z->name.s,
		       text, z->zone.s, z->reason[0] == '\0' ? "" : ": ", z->reason);
}

void check_freezes(const struct eval *c, const struct rule *rule, struct decision *d)
{
	for (size_t i = 0; i < c->policy->freeze_count; i++) {
		const struct freeze *z = &c->policy->freezes[i];

		if (is_near(z, c->facts->now) && freeze_names(z, &c->request->key))
			look_at_freeze(c, rule, z, d);
	}
}

/* ---- Rates ----------------------------------------------------------------------------------*/

void check_rates(const struct eval *c, struct decision *d)
{
	const struct facts *facts = c->facts;

	if (c->key == NULL || facts->without_rates)
		return;
	for (size_t i = 0; i < c->key->rate_count; i++) {
		const struct rate *r = &c->key->rates[i];
		char who[NAME_MAX_LEN + 8] = "";
		char text[TIME_TEXT] = "?";

		if (r->per_requester) {
			memcpy(who, " for ", 6);
			memcpy(who + 5, c->request->requester.s, sizeof(c->request->requester.s));
		}
		if (i >= facts->rate_count) {
			check_add(d, REASON_LIMIT_RATE, OUTCOME_DENY,
				  "uses of key %.64s are not counted", c->key->name.s);
			continue;
		}
		if (!facts->rates[i].reached) {
			check_add(d, REASON_LIMIT_RATE, OUTCOME_ALLOW,
				  "fewer than %u uses of key %.40s in %u seconds%.45s", r->count,
				  c->key->name.s, r->period, who);
			continue;
		}
		rc_ignore(time_format(facts->rates[i].passes, text), "then the text has a ?");
		check_add_wait(d, REASON_LIMIT_RATE, facts->rates[i].passes,
			       "%u uses of key %.40s in %u seconds%.45s; the next at %s", r->count,
			       c->key->name.s, r->period, who, text);
	}
}
