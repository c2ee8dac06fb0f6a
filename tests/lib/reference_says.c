#include "tests/lib/reference.h"

#include <string.h>

#define DAY 86400

/* ---- Rules as what they say ----------------------------------------------------------------*/

/* FNV-1a. */
static void mix(uint64_t *h, uint64_t n)
{
	for (int i = 0; i < 8; i++)
		*h = (*h ^ ((n >> (8 * i)) & 0xff)) * 1099511628211u;
}

static void mix_person(uint64_t *h, const struct ref_roster *r, int person)
{
	mix(h, (uint64_t)person + 1);
	mix(h, r->gone[person] ? 0 : r->keys[person]);
}

static void mix_group(uint64_t *h, const struct ref_roster *r, enum ref_group group)
{
	for (int p = 0; p < REF_PEOPLE; p++)
		if (!r->gone[p] && (r->groups[p] & (1u << group)) != 0)
			mix_person(h, r, p);
	mix(h, 0);
}

static void mix_service(uint64_t *h, const struct ref_roster *r, int s)
{
	if (r->fetched[s] && !r->gone[REF_SERVICE + s])
		mix(h, 4); /* whichever keys these are */
	else
		mix_person(h, r, REF_SERVICE + s);
	if (r->gone[REF_SERVICE + s])
		return;
	mix(h, r->owners[s]);
	if (!ref_has_tokens(REF_SERVICE + s))
		return;
	mix(h, r->strict[s]);
	mix(h, r->actor[s]);
	mix(h, REF_SERVICE + s == REF_HOOK ? r->audience : 0);
}

static void mix_pool(uint64_t *h, const struct ref_roster *r)
{
	mix(h, r->host_gone[REF_POOL] ? 0 : 1u + r->pool_least);
}

static void mix_files(uint64_t *h, const struct ref_files *f)
{
	mix(h, f->a_only);
	mix(h, f->others);
	mix(h, f->max_size);
	mix(h, f->scan_by);
	mix(h, f->scan_by == 0 ? 0 : f->scan_age);
	mix(h, f->provenance_by);
	mix(h, f->provenance_by != 0 && f->source);
	mix(h, f->rebuild_of);
	mix(h, f->rebuild_of == 0 ? 0 : f->agree);
}

/* The machines that the rule believes, with their keys. */
static void mix_makers(uint64_t *h, const struct ref_roster *r, const struct ref_files *f)
{
	unsigned named = f->scan_by | f->provenance_by | f->rebuild_of;

	for (int m = 0; m < REF_BUILDERS; m++)
		if ((named & (1u << m)) != 0)
			mix(h, r->maker_gone[m] ? 0 : r->maker_keys[m]);
	if ((named & (1u << REF_BUILD1)) != 0)
		mix(h, r->host_gone[0]);
	if ((named & (1u << REF_CI)) != 0)
		mix_service(h, r, 0);
	if ((named & (1u << REF_POOL_MAKER)) != 0)
		mix_pool(h, r);
}

static void mix_text(uint64_t *h, const struct ref_rule *r)
{
	mix(h, r->keys);
	mix(h, r->request);
	mix(h, r->services);
	mix(h, r->from_laptop);
	mix(h, r->from_jobs);
	mix(h, r->pe_only);
	mix(h, r->upload);
	mix(h, r->max_uses);
	mix(h, r->max_deadline);
	mix(h, r->lifetime);
	mix(h, r->hold);
	mix(h, r->preapproved);
	mix(h, r->unsynced);
	mix(h, r->classes);
	mix_files(h, &r->files);
	mix(h, r->reason);
	mix(h, r->break_glass);
	mix(h, r->break_glass ? r->within : 0);
	mix(h, r->observe);
	mix(h, r->windows);
}

static void mix_seats(uint64_t *h, const struct ref_seats *s)
{
	mix(h, s->count);
	for (size_t i = 0; i < s->count; i++) {
		mix(h, s->seat[i].count);
		mix(h, s->seat[i].channel);
		mix(h, (uint64_t)(s->seat[i].person + 1));
		mix(h, s->seat[i].person >= 0 ? 0 : s->seat[i].group + 1);
	}
}

/* And who may sit there. */
static void mix_sitting(uint64_t *h, const struct ref_roster *o, const struct ref_seats *s)
{
	mix_seats(h, s);
	for (size_t i = 0; i < s->count; i++)
		if (s->seat[i].person >= 0)
			mix_person(h, o, s->seat[i].person);
		else
			mix_group(h, o, s->seat[i].group);
}

static void mix_tier(uint64_t *h, const struct ref_tier *t)
{
	mix_seats(h, &t->seats);
	mix(h, t->max_uses);
	mix(h, t->lifetime);
	mix(h, t->hold);
	mix(h, t->unsynced);
	mix(h, t->classes);
	mix(h, t->has_preapproved);
	mix(h, t->has_preapproved ? t->preapproved : 0);
}

/* Its entry, its tier, the freezes that match it. */
static void mix_key(uint64_t *h, const struct ref_policy *p, int key)
{
	const struct ref_key *k = &p->keys[key];

	mix(h, (uint64_t)key);
	mix(h, k->pe_only);
	mix_seats(h, &k->owners);
	mix(h, k->owners.count > 0 ? k->access_life : 0);
	for (size_t i = 0; i < REF_RATES; i++)
		if (k->rates[i].count != 0) {
			mix(h, k->rates[i].count);
			mix(h, k->rates[i].period);
			mix(h, k->rates[i].per_requester);
		}
	mix(h, k->tier);
	if (k->tier)
		mix_tier(h, &p->tier);
	if ((p->freeze.keys & (1u << key)) != 0) {
		mix(h, p->freeze.keys);
		mix(h, (uint64_t)p->freeze.from);
		mix(h, (uint64_t)p->freeze.to);
	}
}

uint64_t ref_rule_says(const struct ref *w, int rule, int key)
{
	const struct ref_policy *p = &w->policy;
	const struct ref_rule *r = &p->rules[rule];
	const struct ref_roster *o = &w->roster;
	uint64_t h = 14695981039346656037u;

	mix(&h, (uint64_t)rule);
	mix_text(&h, r);
	mix_sitting(&h, o, &r->seats);
	if (r->break_glass)
		mix_sitting(&h, o, &r->review);
	for (unsigned g = 0; g < REF_GROUPS; g++)
		if ((r->request & (1u << g)) != 0)
			mix_group(&h, o, (enum ref_group)g);
	/* Jobs are those of any service with such an issuer. */
	for (int s = 0; s < REF_SERVICES; s++)
		if (r->from_jobs || (r->services & (1u << s)) != 0)
			mix_service(&h, o, s);
	for (int i = 0; i < REF_POD; i++)
		mix(&h, o->builder[i] && !o->host_gone[i]);
	mix(&h, o->builder[REF_POD] && !o->host_gone[REF_POD] ? 1 + o->pod_id : 0);
	if (o->builder[REF_POOL] && !o->host_gone[REF_POOL])
		mix_pool(&h, o);
	mix(&h, r->from_laptop && !o->host_gone[1]);
	mix_makers(&h, o, &r->files);
	for (unsigned i = 0; i < REF_WINDOWS; i++)
		if ((r->windows & (1u << i)) != 0) {
			mix(&h, p->windows[i].opens);
			mix(&h, p->windows[i].length);
		}
	mix_key(&h, p, key);
	return h;
}

/* ---- Seats ---------------------------------------------------------------------------------*/

static bool fits(const struct ref_roster *r, const struct ref_seat *s, int person,
		 unsigned channels)
{
	if (r->gone[person] || (s->channel != REF_ANY && (s->channel & channels) == 0))
		return false;
	return s->person >= 0 ? s->person == person : (r->groups[person] & (1u << s->group)) != 0;
}

bool ref_holds_seat(const struct ref_roster *r, const struct ref_seats *s, int person,
		    unsigned channels)
{
	for (size_t i = 0; i < s->count; i++)
		if (fits(r, &s->seat[i], person, channels))
			return true;
	return false;
}

unsigned ref_seats(const struct ref_seats *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += s->seat[i].count;
	return n;
}

/* Everybody in each place, and nobody: at most (people + 1) to the power of the places. */
static unsigned try_places(const struct ref_roster *r, const struct ref_seats *s, unsigned place,
			   unsigned channels[REF_PEOPLE])
{
	unsigned best = 0, n = 0;
	size_t i = 0;

	while (i < s->count && n + s->seat[i].count <= place)
		n += s->seat[i++].count;
	if (i == s->count)
		return 0;
	for (int p = 0; p < REF_PEOPLE; p++) {
		unsigned had = channels[p], filled;

		if (had == 0 || !fits(r, &s->seat[i], p, had))
			continue;
		channels[p] = 0;
		filled = 1 + try_places(r, s, place + 1, channels);
		channels[p] = had;
		best = filled > best ? filled : best;
	}
	n = try_places(r, s, place + 1, channels);
	return n > best ? n : best;
}

unsigned ref_seats_filled(const struct ref_roster *r, const struct ref_seats *s,
			  const unsigned channels[REF_PEOPLE])
{
	unsigned copy[REF_PEOPLE];

	memcpy(copy, channels, sizeof(copy));
	return try_places(r, s, 0, copy);
}

unsigned ref_channel(int person, unsigned key)
{
	return key == 1 && (person == 2 || person == 3) ? REF_BROWSER : REF_CLI;
}

bool ref_listed(const struct ref *w, int who, unsigned key)
{
	return !w->roster.gone[who] && (w->roster.keys[who] & (1u << key)) != 0;
}

bool ref_is_behind(const struct ref *w, const struct ref_request *q, int person)
{
	int s = q->requester - REF_SERVICE;

	if (s < 0 || w->roster.gone[q->requester])
		return false;
	return (w->roster.owners[s] & (1u << person)) != 0 ||
	       (ref_has_tokens(q->requester) && q->actor == person &&
		(w->roster.accounts & (1u << person)) != 0);
}

/* ---- Time and how often --------------------------------------------------------------------*/

static bool window_is_open(const struct ref_policy *p, unsigned i, unix_time t)
{
	unix_time opened = t / DAY * DAY + 60 * (unix_time)p->windows[i].opens;

	if (opened > t)
		opened -= DAY;
	return t - opened < (unix_time)p->windows[i].length;
}

bool ref_windows_open(const struct ref_policy *p, unsigned windows, unix_time t)
{
	for (unsigned i = 0; i < REF_WINDOWS; i++)
		if ((windows & (1u << i)) != 0 && window_is_open(p, i, t))
			return true;
	return windows == 0;
}

unix_time ref_window_edge(const struct ref_policy *p, unsigned windows, unix_time t)
{
	bool open = ref_windows_open(p, windows, t);
	unix_time end = t + DAY;

	for (t++; t < end && ref_windows_open(p, windows, t) == open; t++)
		;
	return t;
}

bool ref_rate_is_reached(const struct ref *w, const struct ref_rate *r, int key, int requester)
{
	uint32_t n = 0;
	size_t all = w->use_count[key];

	for (size_t i = all; i > 0 && all - i < REF_USES; i--) {
		if (r->per_requester && w->uses[key][(i - 1) % REF_USES].requester != requester)
			continue;
		if (w->uses[key][(i - 1) % REF_USES].at > w->now - (unix_time)r->period)
			n++;
	}
	return n >= r->count;
}
