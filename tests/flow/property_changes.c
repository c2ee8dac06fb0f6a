/* The world around the requests: clocks, documents, keys and the host that enrols. */
#include "tests/flow/property.h"

/* ---- Clocks --------------------------------------------------------------------------------*/

/* When the approval is too old for the rule that it is for, or no longer held. */
static unix_time too_old(const struct ref_request *q, const struct ref_said *a)
{
	for (int i = 0; i < REF_RULES; i++)
		if (a != NULL && a->known && ref_rule_says(&w.ref, i, q->key) == a->rule)
			return a->given + (unix_time)(w.ref.policy.rules[i].hold > 0 && chance(50)
							      ? w.ref.policy.rules[i].hold
							      : w.ref.policy.rules[i].lifetime);
	return 0;
}

/* When a preapproval, a scan or a grant ends. */
static unix_time other_end(void)
{
	const struct ref *r = &w.ref;
	const struct ref_rule *rule = &r->policy.rules[below(REF_RULES)];
	int n;

	switch (below(7)) {
	case 6:
		return chance(50) ? r->issuer.confirmed + 86400 : 0;
	case 5:
		n = r->waiting[below(2)];
		return n >= 0 ? r->documents[n].due : 0;
	case 4:
		return r->enrolment_count > 0
			       ? r->enrolments[r->enrolment_count - 1].challenged + 300
			       : 0;
	case 0:
		if (r->early_count > 0)
			return r->early[r->early_count - 1].said.given +
			       (unix_time)(rule->preapproved);
		break;
	case 1:
		if (r->word_count > 0)
			return r->words[below((unsigned)r->word_count)].given +
			       (unix_time)rule->files.scan_age;
		break;
	case 2:
		if (r->grant_count > 0)
			return r->grants[r->grant_count - 1].given +
			       (unix_time)r->policy.keys[r->grants[r->grant_count - 1].key]
				       .access_life;
		break;
	default:
		return r->grant_count > 0 ? r->grants[r->grant_count - 1].until : r->pool.until;
	}
	return 0;
}

/* A time at which something begins or ends for the request. */
static unix_time edge(const struct ref_request *q)
{
	const struct ref_policy *p = &w.ref.policy;
	const struct ref_said *a =
		q->act_count > 0 ? &q->acts[below((unsigned)q->act_count)] : NULL;
	const struct ref_rule *r = &p->rules[below(REF_RULES)];
	size_t n = w.ref.use_count[q->key];

	switch (below(12)) {
	case 11:
		return q->host == REF_POD ? q->svid.ends : q->deadline;
	case 0:
		return q->deadline;
	case 9:
		return q->release;
	case 1:
		return q->not_before;
	case 2:
		return a != NULL ? a->expires : 0;
	case 3:
	case 4:
		return too_old(q, a);
	case 5:
		return ref_window_edge(p, r->windows != 0 ? r->windows : 1, w.ref.now);
	case 6:
		return n == 0 ? 0
			      : w.ref.uses[q->key][(n - 1) % REF_USES].at +
					(unix_time)p->keys[q->key].rates[below(REF_RATES)].period;
	case 7:
	case 8:
		return other_end();
	default:
		return chance(50) ? p->freeze.from : p->freeze.to;
	}
}

/* The keeper notices each move. Whether one of about a minute is a jump depends on how long the
 * test takes: such are made in two. */
void move_clock(unix_time t)
{
	unix_time d = t - w.ref.now;

	note(-1, "the clock moves by %+lld", (long long)d);
	if ((d > 40 && d < 80) || (d < -40 && d > -80)) {
		world_clock(&w, w.ref.now + d / 2);
		hello();
	}
	world_clock(&w, t);
	hello();
}

/* To where something changes, a second before or after it; and a look at what it was for. */
static void to_an_edge(void)
{
	int slot = any_slot();
	unix_time t = edge(&w.slots[slot].q) + (int)below(3) - 1;

	if (t < w.ref.now - 60 || t > w.ref.now + 86400 || t < BEGIN)
		return;
	move_clock(t);
	look_at(slot);
}

void clock_step(void)
{
	unix_time t = w.ref.now + below(30);

	if (chance(50)) {
		to_an_edge();
		return;
	}
	if (w.ref.now < w.ref.head && chance(70))
		t = w.ref.head + below(3);
	else if (chance(5) && w.ref.now > BEGIN + 60)
		t = w.ref.now - 1 - below(40);
	else if (chance(8))
		t = w.ref.now + 61 + below(5000);
	move_clock(t);
}

/* ---- Policy --------------------------------------------------------------------------------*/

static void change_seat(struct ref_seats *s)
{
	struct ref_seat *seat = &s->seat[below(REF_SEATS)];

	if (seat >= s->seat + s->count)
		return;
	*seat = (struct ref_seat){1 + below(2), -1, chance(50) ? REF_LEADS : REF_SECURITY,
				  chance(60) ? REF_ANY : 1 + below(2)};
	if (chance(20))
		*seat = (struct ref_seat){1, (int)below(5), 0, REF_ANY};
}

static void change_files(struct ref_files *f)
{
	switch (below(6)) {
	case 0:
		f->a_only = !f->a_only;
		break;
	case 1:
		f->others = !f->others && chance(20);
		f->max_size = chance(50) ? 0 : 100 + below(3);
		break;
	case 2:
		f->scan_by = chance(40) ? 0 : 1 + below((1u << REF_MAKERS) - 1);
		f->scan_age = chance(30) ? 0 : 50 + below(1500);
		break;
	case 3:
		f->provenance_by = chance(50) ? 0 : 1 + below((1u << REF_CI) - 1);
		f->source = chance(50);
		break;
	default:
		f->rebuild_of = chance(40) ? 0 : 1 + below((1u << REF_BUILDERS) - 1);
		f->agree = chance(95) ? 1 + below(2) : 3;
	}
}

/* Machines say enough about few rules only: mostly there is nothing to demand. */
static void change_proofs(struct ref_rule *r)
{
	switch (below(6)) {
	case 0:
		r->hold = chance(40) ? 0 : 1 + below(700);
		break;
	case 1:
		r->preapproved = chance(30) ? 0 : 1 + below(2000);
		break;
	case 2:
		r->unsynced = !r->unsynced && chance(60);
		break;
	case 3:
		r->classes = chance(60) ? 0 : 1 + below(15);
		break;
	default:
		if (chance(35))
			r->files = (struct ref_files){0};
		else
			change_files(&r->files);
	}
}

static void change_rule(struct ref_rule *r)
{
	switch (below(15)) {
	case 0:
		r->max_uses = 1 + below(4);
		break;
	case 1:
		r->lifetime = 200 + below(2500);
		break;
	case 2:
		r->max_deadline = 900 + below(7200);
		break;
	case 3:
		r->reason = !r->reason;
		break;
	case 4:
		r->windows = below(4);
		break;
	case 5:
		r->from_laptop = !r->from_laptop;
		break;
	case 6:
		r->observe = !r->observe && chance(30);
		break;
	case 7:
		r->pe_only = !r->pe_only && chance(20);
		r->upload = !r->upload && chance(20);
		break;
	case 8:
		r->request ^= 1u << below(REF_GROUPS);
		if (chance(40))
			r->services ^= 1u << below(REF_SERVICES);
		r->from_jobs ^= chance(30);
		break;
	case 9:
		change_seat(&r->seats);
		break;
	default:
		change_proofs(r);
	}
}

/* So that a grant that was given lately ends soon. */
static void shorten_a_life(struct ref_policy *p)
{
	size_t back = below(5) + 1;
	const struct ref_grant *g = &w.ref.grants[w.ref.grant_count - back];
	unix_time age;

	if (back > w.ref.grant_count || !g->known || chance(30))
		return;
	age = w.ref.now - g->given;
	if (age > 0 && age < 4000)
		p->keys[g->key].access_life = (uint32_t)age + below(3);
}

static void change_key(struct ref_policy *p)
{
	struct ref_key *k = &p->keys[below(REF_KEYS)];

	switch (below(6)) {
	case 0:
		k->pe_only = !k->pe_only && chance(15);
		break;
	case 1:
		k->owners.count = below(3);
		break;
	case 2:
		change_seat(&k->owners);
		break;
	case 3:
		k->access_life = 300 + below(5000);
		shorten_a_life(p);
		break;
	default:
		k->rates[below(REF_RATES)] = (struct ref_rate){chance(40) ? 0 : 1 + below(4),
							       60 + below(3000), chance(50)};
	}
}

static void change_tier(struct ref_policy *p)
{
	struct ref_tier *t = &p->tier;

	switch (below(8)) {
	case 0:
		change_seat(&t->seats);
		break;
	case 1:
		t->max_uses = chance(30) ? 0 : 1 + below(5);
		break;
	case 2:
		t->lifetime = chance(30) ? 0 : 500 + below(4000);
		break;
	case 3:
		t->hold = chance(80) ? 0 : 1 + below(300);
		break;
	case 4:
		t->unsynced = chance(20);
		t->classes = chance(80) ? 0 : 1 + below(15);
		break;
	case 5:
		t->has_preapproved = chance(40);
		t->preapproved = below(2000);
		break;
	default:
		p->keys[below(REF_KEYS)].tier ^= true;
	}
}

/* Rules that keep to the tier, or just do not. */
static void set_tier(struct ref_policy *p)
{
	uint32_t hold = 1 + below(200);

	p->keys[0].tier = true;
	for (int i = 0; i < 4; i++)
		if (p->rules[i].seats.count > 0)
			p->rules[i].hold = hold;
	if (chance(60))
		p->tier.hold = hold + below(3) - 1;
	if (chance(30)) {
		p->tier.has_preapproved = true;
		p->tier.preapproved = 1199 + below(3);
	}
	if (chance(30))
		p->tier.lifetime = 1799 + below(3);
	if (chance(30))
		p->tier.max_uses = 2 + below(2);
}

/* From the first one on, with something added. */
static void begin_anew(struct ref_policy *p)
{
	struct ref_rule *r = p->rules;

	world_first(p, NULL);
	switch (below(10)) {
	case 7:
	case 8:
	case 9:
		set_tier(p);
		break;
	case 0:
		r[0].hold = 1 + below(150);
		r[3].hold = 1 + below(60);
		break;
	case 1:
		r[0].files = (struct ref_files){.scan_by = 1u << below(3) | 1u << REF_BUILD1,
						.scan_age = 300 + below(1500)};
		r[2].files = (struct ref_files){.scan_by = 1u << below(REF_MAKERS)};
		break;
	case 2:
		r[0].files = (struct ref_files){.rebuild_of = 7, .agree = 1 + below(2)};
		r[2].files = (struct ref_files){.rebuild_of = 3u << below(2), .agree = 2};
		r[3].files = (struct ref_files){.provenance_by = 1u << below(REF_POOL_MAKER),
						.source = chance(50)};
		break;
	case 3:
		r[0].windows = r[2].windows = 1 + below(3);
		break;
	case 4:
		p->freeze.keys = 1 + below(3);
		p->freeze.from = w.ref.now / 60 * 60 - 60;
		p->freeze.to = p->freeze.from + 300 + 60 * (unix_time)below(30);
		break;
	case 5:
		r[3].unsynced = r[0].unsynced = true;
		p->keys[0].tier = true;
		break;
	default:
		p->keys[0].rates[0] = (struct ref_rate){1 + below(2), 300 + below(900), false};
		p->keys[1].rates[1] = (struct ref_rate){1 + below(3), 300 + below(900), true};
	}
}

void change_policy(void)
{
	struct ref_policy p;
	unsigned k = below(REF_WINDOWS);
	int n = (int)below(REF_RULES);
	bool taken;

	look_at_waiting();
	p = w.ref.policy;
	switch (below(11)) {
	case 10:
		p.delay = chance(60) ? 0 : 1 + below(400);
		p.recovery = chance(15) ? 0 : 1 + below(900);
		break;
	case 0:
		p.windows[k].opens = below(1440);
		p.windows[k].length = 600 + below(80000);
		break;
	case 1:
		p.freeze.keys = chance(50) ? 0 : 1 + below(3);
		p.freeze.from = w.ref.now / 60 * 60 - 600 + 60 * (unix_time)below(20);
		p.freeze.to = p.freeze.from + 60 + 60 * (unix_time)below(30);
		break;
	case 2:
	case 3:
		change_key(&p);
		break;
	case 4:
		change_tier(&p);
		break;
	default:
		change_rule(&p.rules[n]);
	}
	/* What has become too strange for anything to be signed ends. */
	if (chance(20))
		begin_anew(&p);
	taken = propose_policy(&p);
	note(-1, "policy, rule %s or times: %s", ref_rules[n], taken ? "taken" : "not now");
	for (int i = 0; i < SLOTS && chance(60); i++)
		look_at(any_slot());
}

/* ---- Roster --------------------------------------------------------------------------------*/

static void change_machines(struct ref_roster *r)
{
	int m = (int)below(REF_BUILDERS);

	int s = (int)below(REF_SERVICES);

	switch (below(10)) {
	case 8:
		r->fetched[1 + below(2)] ^= true;
		break;
	case 0:
		r->maker_gone[m] = !r->maker_gone[m] && chance(30);
		break;
	case 1:
		r->maker_keys[m] = r->maker_keys[m] == 3 ? 1 + below(2) : 3;
		break;
	case 2:
		r->gone[REF_SERVICE + s] = !r->gone[REF_SERVICE + s] && chance(30);
		break;
	case 3:
		r->keys[REF_SERVICE + s] = r->keys[REF_SERVICE + s] == 3 ? 1 + below(2) : 3;
		break;
	case 4:
		r->owners[s] = chance(30) ? 0 : 1u << below(5);
		break;
	case 5:
		r->strict[s] ^= true;
		break;
	case 6:
		r->actor[s] ^= true;
		break;
	case 7:
		r->audience ^= chance(50);
		r->accounts ^= 1u << below(5);
		break;
	default:
		r->pool_least = chance(40) ? REF_SOFTWARE : (enum ref_class)below(REF_CLASSES);
	}
}

static void change_people(struct ref_roster *r)
{
	int p = (int)below(REF_PEOPLE);

	switch (below(6)) {
	case 0:
	case 1:
		if (p < 4)
			r->keys[p] = r->keys[p] == 3 ? 1 + below(2) : 3;
		break;
	case 2:
		if (p != 4 && p != 5)
			r->gone[p] = !r->gone[p] && chance(60);
		break;
	default:
		if (p < 5)
			r->groups[p] ^= 1u << (chance(50) ? REF_LEADS : REF_SECURITY);
	}
}

/* Keys and groups of each, machines last. */
static void note_roster(bool taken, const struct ref_roster *r)
{
	char text[120] = "";
	size_t n = 0;

	for (int i = 0; i < REF_REQUESTERS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s%u/%x", r->gone[i] ? "-" : "",
				      r->keys[i],
				      i < REF_PEOPLE ? r->groups[i] : r->owners[i - REF_SERVICE]);
	for (int i = 0; i < REF_HOSTS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s%u",
				      r->host_gone[i] ? "-" : "", r->builder[i]);
	for (int i = 0; i < REF_BUILDERS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s%u",
				      r->maker_gone[i] ? "-" : "", r->maker_keys[i]);
	for (int s = 0; s < REF_SERVICES; s++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %s%s%s",
				      r->strict[s] ? "s" : "", r->actor[s] ? "a" : "",
				      r->fetched[s] ? "f" : "");
	note(-1, "roster %s:%s class %d, accounts %x, audience %u, pod %u of %u",
	     taken ? "taken" : "not now", text, (int)r->pool_least, r->accounts, r->audience,
	     r->pod_id, r->pod_roots);
}

void change_roster(void)
{
	struct ref_roster r;
	unsigned h;
	bool taken;

	look_at_waiting();
	r = w.ref.roster;
	switch (below(8)) {
	case 0:
		r.builder[1 + below(3)] ^= true;
		if (chance(30))
			r.pod_id ^= 1;
		else
			r.pod_roots = below(4);
		break;
	case 1:
		h = below(REF_HOSTS);
		r.host_gone[h] = !r.host_gone[h] && chance(40);
		break;
	case 2:
	case 3:
	case 4:
		change_machines(&r);
		break;
	default:
		change_people(&r);
	}
	if (chance(30))
		world_first(NULL, &r);
	for (int p = 0; p < REF_PEOPLE; p++) /* one group at least */
		if (r.groups[p] == 0)
			return;
	taken = propose_roster(&r);
	note_roster(taken, &r);
}

/* ---- Keys -----------------------------------------------------------------------------------*/

void lock_key(void)
{
	int key = (int)below(REF_KEYS);
	bool off;

	if (w.ref.locked[1 - key])
		key = 1 - key;
	off = w.ref.locked[key] ? chance(10) : chance(30);

	note(-1, "%s %s", off ? "lock" : "unlock", ref_keys[key]);
	world_lock(&w, key, off);
}
