/* Scenes: a few steps that belong together, which chance alone puts together too seldom. Between
 * them there are no others, but each is said and compared as any. */
#include "tests/flow/property.h"

#define GLASS 1 /* the rule that passes windows and freezes */

/* ---- Who may --------------------------------------------------------------------------------*/

/* A key of somebody for the seat; false: none. */
static bool find_key(const struct ref_seat *seat, int person, unsigned *ret)
{
	for (unsigned k = 0; k < 2; k++)
		if (ref_listed(&w.ref, person, k) &&
		    (seat->channel == REF_ANY || seat->channel == ref_channel(person, k))) {
			*ret = k;
			return true;
		}
	return false;
}

/* Somebody for the seat who is not among those; -1: nobody. */
static int find_sitter(const struct ref_seat *seat, unsigned others, unsigned *ret_key)
{
	unsigned first = below(REF_PEOPLE);

	for (unsigned i = 0; i < REF_PEOPLE; i++) {
		int p = (int)((first + i) % REF_PEOPLE);
		bool member = seat->person >= 0
				      ? seat->person == p
				      : (w.ref.roster.groups[p] & (1u << seat->group)) != 0;

		if (member && (others & (1u << p)) == 0 && find_key(seat, p, ret_key))
			return p;
	}
	return -1;
}

/* People for all seats but those, one after the other: not always the way to fill them. 0: none. */
static size_t fill(const struct ref_seats *s, unsigned others, struct sitter out[REF_PEOPLE])
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		for (unsigned k = 0; k < s->seat[i].count; k++) {
			unsigned key = 0;
			int p = find_sitter(&s->seat[i], others, &key);

			if (p < 0)
				return 0;
			out[n++] = (struct sitter){p, key};
			others |= 1u << p;
		}
	return n;
}

static size_t find_sitters(const struct ref_seats *s, int requester, struct sitter out[REF_PEOPLE])
{
	return fill(s,
		    requester >= REF_SERVICE ? w.ref.roster.owners[requester - REF_SERVICE]
					     : 1u << requester,
		    out);
}

/* Somebody whom the rule lets ask. */
static int find_requester(const struct ref_rule *r)
{
	unsigned first = below(REF_PEOPLE);

	for (unsigned i = 0; i < REF_PEOPLE; i++) {
		int p = (int)((first + i) % REF_PEOPLE);

		if ((w.ref.roster.groups[p] & r->request) != 0 && ref_listed(&w.ref, p, 0))
			return p;
	}
	return (r->services & 1u) != 0 && ref_listed(&w.ref, REF_SERVICE, 0) ? REF_SERVICE : -1;
}

/* ---- Scenes ---------------------------------------------------------------------------------*/

static bool is_barred(int key)
{
	const struct ref_policy *p = &w.ref.policy;

	return !ref_windows_open(p, p->rules[GLASS].windows, w.ref.now) ||
	       ((p->freeze.keys & (1u << key)) != 0 && w.ref.now >= p->freeze.from &&
		w.ref.now < p->freeze.to);
}

static void freeze(int key)
{
	struct ref_policy p = w.ref.policy;

	p.freeze.keys = 1u << key | below(4);
	p.freeze.from = w.ref.now / 60 * 60 - 60 * (unix_time)below(3);
	p.freeze.to = p.freeze.from + 120 + 60 * (unix_time)below(20);
	if (chance(50))
		p.rules[GLASS].within = 1 + below(1500);
	if (chance(40)) { /* the service, too, behind which erin is */
		p.rules[GLASS].services |= 1;
		p.rules[GLASS].seats.seat[1] = (struct ref_seat){1, -1, REF_LEADS, REF_ANY};
	}
	if (chance(25)) /* dave alone reviews it */
		p.rules[GLASS].review = (struct ref_seats){{{1, 3, REF_SECURITY, REF_ANY}}, 1};
	if (chance(40)) { /* a window instead, which opens in an hour */
		p.freeze.keys = 0;
		p.rules[GLASS].windows = 1;
		p.windows[0].opens = (unsigned)(w.ref.now / 60 % 1440 + 60) % 1440;
		p.windows[0].length = 600;
	}
	note(-1, "a freeze, or no window: %s", propose_policy(&p) ? "taken" : "refused");
}

/* The first ones, but that dave may leave: nobody's seat is his alone. */
static void first_without_dave(struct ref_policy *p, struct ref_roster *r)
{
	world_first(p, r);
	p->rules[3].seats = (struct ref_seats){{{2, -1, REF_SECURITY, REF_ANY}}, 1};
	r->gone[3] = true;
}

/* Who alone could review it has left: the quorum that unlocks looks at it. */
static void leave(const struct ref_owed *o)
{
	struct ref_policy p;
	struct ref_roster r;

	first_without_dave(&p, &r);
	note(-1, "another reviews from now on: %s", propose_policy(&p) ? "taken" : "not now");
	note(-1, "dave leaves: %s", propose_roster(&r) ? "taken" : "not now");
	for (int admin = 4; admin < 6; admin++)
		review_as((int)(o - w.ref.owed), &(struct sitter){admin, 0});
}

/* The glass is broken: a request with its ticket, and those who may approve it. */
void emergency(void)
{
	int slot = (int)below(SLOTS);
	const struct ref_rule *r = &w.ref.policy.rules[GLASS];
	struct sitter by[REF_PEOPLE];
	struct ref_request q = {.closed = REASON_NONE,
				.files = 1,
				.uses = 1 + below(2),
				.has_reason = true,
				.has_ticket = true,
				.requester = find_requester(r),
				.not_before = w.ref.now,
				.deadline = w.ref.now + 30 + below(800)};
	size_t n, owed = w.ref.owed_count;

	if (!is_barred(q.key) && chance(70))
		freeze(q.key);
	if ((r->services & 1u) != 0 && ref_listed(&w.ref, REF_SERVICE, 0) && chance(60))
		q.requester = REF_SERVICE;
	if (q.requester < 0)
		return;
	if (chance(20))
		q.release = q.not_before + below(30);
	ask(slot, &q);
	say(&(struct message){.say = SAY_SUBMIT, .slot = slot, .sign = true});
	n = find_sitters(&r->seats, q.requester, by);
	for (size_t i = 0; i < n; i++)
		approve_as(slot, GLASS, &by[i]);
	if (chance(70))
		commit(slot);
	if (w.ref.owed_count > owed && w.ref.owed[owed].seats.seat[0].person == 3 && chance(60))
		leave(&w.ref.owed[owed]);
}

/* A request for the key that still waits; -1: there is none. */
static int find_waiting(int key)
{
	for (int i = 0; i < SLOTS; i++) {
		const struct ref_request *q = &w.slots[i].q;

		if (q->known && q->key == key && q->closed == REASON_NONE && q->spent == 0 &&
		    w.ref.now < q->deadline)
			return i;
	}
	return -1;
}

/* One that was behind the request then is not any more, and reviews it; or who has reviewed it
 * loses the key. */
static void meddle(const struct ref_owed *o, const struct sitter *by)
{
	struct ref_roster r = w.ref.roster;

	if (o->requester == REF_SERVICE && chance(70)) {
		r.owners[0] = 0;
		(void)propose_roster(&r);
		for (int p = 0; p < REF_PEOPLE; p++)
			if ((o->never & (1u << p)) != 0)
				review_as((int)(o - w.ref.owed), &(struct sitter){p, 0});
		return;
	}
	if (r.keys[by->person] == 3)
		r.keys[by->person] = 2 >> by->key;
	note(-1, "who reviewed has another key: %s", propose_roster(&r) ? "taken" : "not now");
}

/* A review that is overdue is made, for its key signs nothing until then. */
void catch_up(void)
{
	struct sitter by[REF_PEOPLE];
	const struct ref_owed *o = w.ref.owed;
	size_t n;
	int slot;

	while (o < w.ref.owed + w.ref.owed_count && (o->done || (w.ref.now < o->due && chance(85))))
		o++;
	if (o == w.ref.owed + w.ref.owed_count) {
		review();
		return;
	}
	if (w.ref.now < o->due && o->due < w.ref.now + 3000)
		move_clock(o->due + below(2) - 1);
	slot = find_waiting(o->key);
	if (slot >= 0)
		look_at(slot);
	if (o->seats.seat[0].person == 3 && chance(60))
		leave(o);
	n = o->done ? 0 : fill(ref_review_seats(&w.ref, o), o->never, by);
	for (size_t k = 0; k < n; k++) {
		review_as((int)(o - w.ref.owed), &by[k]);
		if (k == 0 && chance(o->requester == REF_SERVICE ? 60 : 30))
			meddle(o, &by[0]);
	}
	slot = find_waiting(o->key);
	if (slot >= 0)
		look_at(slot);
}

/* To where the freeze ends, with a request that waits for nothing else. */
void thaw(void)
{
	struct ref_policy p = w.ref.policy;
	struct ref_request q = {
		.key = 1, .requester = 6, .files = 1, .uses = 1, .has_reason = true, .actor = -1};
	int slot = (int)below(SLOTS);

	p.freeze.keys = 2 | below(2);
	p.freeze.from = w.ref.now / 60 * 60 - 60;
	p.freeze.to = w.ref.now / 60 * 60 + 120;
	p.rules[2].windows = 0;
	p.rules[2].files = (struct ref_files){.a_only = false};
	note(-1, "the freeze is short: %s", propose_policy(&p) ? "taken" : "not now");
	q.signer = w.ref.roster.keys[6] == 2;
	q.not_before = w.ref.now;
	q.deadline = q.not_before + 700;
	ask(slot, &q);
	say(&(struct message){.say = SAY_SUBMIT, .slot = slot, .sign = chance(50)});
	move_clock(p.freeze.to + below(3) - 1);
	look_at(slot);
	commit(slot);
	step += 3;
}

/* A grant that is as long as it may be, and then the policy says that it may be less. */
void cut_short(void)
{
	struct ref_policy p = w.ref.policy;
	int key = (int)below(REF_KEYS), person = (int[]){0, 3, 5}[below(3)];
	struct ref_request q = {.key = key, .files = 1, .uses = 1, .has_reason = true, .actor = -1};
	struct ref_grant *g = &w.ref.grants[w.ref.grant_count];
	struct sitter by[REF_PEOPLE];
	size_t n = fill(&p.keys[key].owners, 1u << person, by);
	unsigned own = 0;
	int slot = (int)below(SLOTS);

	if (w.ref.grant_count == REF_MEMORY || n == 0 ||
	    !find_key(&(struct ref_seat){.channel = REF_ANY}, person, &own))
		return;
	*g = (struct ref_grant){.person = person,
				.key = key,
				.host = chance(70) ? -1 : 0,
				.until = w.ref.now + p.keys[key].access_life,
				.end = {.person = person, .key = own}};
	g->signers[person] = 1u << own;
	for (size_t i = 0; i < n; i++)
		g->signers[by[i].person] = 1u << by[i].key;
	give(0);
	if (!g->known)
		return;
	p.keys[key].access_life = 20 + below(200);
	note(-1, "access ends earlier: %s", propose_policy(&p) ? "taken" : "not now");
	q.requester = person;
	q.signer = person == 2 || person == 3 ? 0 : own;
	q.not_before = w.ref.now;
	q.deadline = q.not_before + 700;
	ask(slot, &q);
	say(&(struct message){.say = SAY_SUBMIT, .slot = slot, .sign = false});
	move_clock(g->given + (unix_time)w.ref.policy.keys[key].access_life + below(3) - 1);
	look_at(slot);
	step += 4;
}

/* Everybody signs for somebody's access, and the server keeps it. Then comes what ends or bars it,
 * and only then is it played; or it is given, and its person leaves and comes back. */
void held_back(void)
{
	int key = (int)below(REF_KEYS), person = (int[]){0, 3, 5}[below(3)];
	int n = (int)w.ref.grant_count;
	struct ref_grant *g = &w.ref.grants[n];
	struct sitter by[REF_PEOPLE];
	size_t seats = fill(&w.ref.policy.keys[key].owners, 1u << person, by);
	struct ref_roster r = w.ref.roster;
	bool given = chance(30);
	unsigned own = 0;

	if (w.ref.grant_count == REF_MEMORY || seats == 0 ||
	    !find_key(&(struct ref_seat){.channel = REF_ANY}, person, &own))
		return;
	*g = (struct ref_grant){.person = person,
				.key = key,
				.host = -1,
				.until = w.ref.now + 1 + (unix_time)below(600),
				.end = {.person = person, .key = own}};
	g->signers[person] = 1u << own;
	for (size_t i = 0; i < seats; i++)
		g->signers[by[i].person] = 1u << by[i].key;
	give(given ? 0 : 100);
	if (chance(40)) {
		lock_key();
		lock_key();
	} else if (chance(50)) {
		note(-1, "grant %d is ended", n);
		say(&(struct message){.say = SAY_END, .slot = -1, .n = n});
	} else {
		int who = given || chance(30) ? person : by[0].person;

		/* The first admins stay: without them nothing changes any more. */
		r.gone[who] = who < 4;
		note(-1, "%s leaves: %s", ref_people[who],
		     propose_roster(&r) ? "taken" : "not now");
		r.gone[who] = false;
		note(-1, "and comes back: %s", propose_roster(&r) ? "taken" : "not now");
	}
	note(-1, "grant %d is played", n);
	say(&(struct message){.say = SAY_GRANT, .slot = -1, .n = n});
	step += 4;
}

/* What the host with one key has asked for is looked at when it has another. */
void move_house(void)
{
	struct ref_request q = {.key = 1,
				.requester = 6,
				.host = REF_POOL,
				.files = 1,
				.uses = 1,
				.has_reason = true,
				.actor = -1};
	int slot = (int)below(SLOTS);

	if (w.ref.pool.key < 0 || w.ref.pool.lock != REF_FREE || w.ref.now > w.ref.pool.until) {
		enrol_anew((int)below(2));
		return;
	}
	q.host_key = w.ref.pool.key;
	q.signer = w.ref.roster.keys[6] == 2;
	q.not_before = w.ref.now + 50; /* so that it waits */
	q.deadline = q.not_before + 700;
	ask(slot, &q);
	say(&(struct message){.say = SAY_SUBMIT, .slot = slot, .sign = false});
	if (chance(50) && w.ref.pool.klass + 1 < REF_CLASSES) {
		struct ref_roster r = w.ref.roster;

		r.pool_least = w.ref.pool.klass + 1;
		note(-1, "the host's class is too low: %s",
		     propose_roster(&r) ? "taken" : "not now");
		look_at(slot);
		renew();
	}
	enrol_anew(1 - q.host_key);
	look_at(slot);
	move_clock(q.not_before);
	commit(slot);
	step += 4;
}

/* One who asked, or said yes, or is believed by the rule, has another key, another group or another
 * owner from now on. */
static void disturb(const struct ref_request *q, int rule, const struct sitter *yes)
{
	struct ref_roster r = w.ref.roster;
	const struct ref_files *f = &w.ref.policy.rules[rule].files;
	unsigned makers = f->rebuild_of | f->scan_by | f->provenance_by;
	int m = (int)below(REF_BUILDERS);

	switch (q->host == REF_POD && chance(60)	     ? 10
		: ref_has_tokens(q->requester) && chance(70) ? 7 + below(3)
							     : below(7)) {
	case 10: /* its root, another root beside it, or its ID */
		if (chance(70))
			r.pod_roots = chance(50) ? 3 : below(4);
		else
			r.pod_id ^= 1;
		break;
	case 7:
		r.strict[q->requester - REF_SERVICE] ^= true;
		break;
	case 8:
		r.actor[q->requester - REF_SERVICE] ^= true;
		break;
	case 9:
		r.accounts ^= 1u << yes->person;
		break;
	case 0:
	case 1:
		if ((makers & (1u << m)) != 0)
			r.maker_keys[m] = r.maker_keys[m] == 3 ? 1 + below(2) : 3;
		break;
	case 2:
	case 3:
		if (r.keys[q->requester] == 3 && !ref_has_tokens(q->requester))
			r.keys[q->requester] = 2 >> q->signer;
		break;
	case 4:
		if (r.keys[yes->person] == 3)
			r.keys[yes->person] = 2 >> yes->key;
		break;
	case 5:
		m = (int)below(5);
		if ((r.groups[m] & (r.groups[m] - 1)) != 0)
			r.groups[m] ^= 1u << (chance(50) ? REF_LEADS : REF_SECURITY);
		break;
	default:
		m = (int)below(REF_SERVICES);
		r.owners[m] ^= 1u << below(5);
	}
	note(-1, "the roster disturbs: %s", propose_roster(&r) ? "taken" : "not now");
}

/* What a rule demands of machines, now and then. */
static void demand(int rule)
{
	struct ref_policy p = w.ref.policy;

	p.rules[rule].files = (struct ref_files){.rebuild_of = 1 + below(7), .agree = 1};
	if (chance(40))
		p.rules[rule].files = (struct ref_files){.scan_by = 1 + below(7)};
	note(-1, "%s demands what machines say: %s", ref_rules[rule],
	     propose_policy(&p) ? "taken" : "not now");
}

/* Somebody asks, and some say yes; then the roster is another. */
void doubt(void)
{
	int slot = (int)below(SLOTS), rule = (int[]){0, 1, 3}[below(3)];
	const struct ref_rule *r;
	struct ref_request q = {.files = 1, .uses = 1, .has_reason = true, .actor = -1};
	struct sitter by[REF_PEOPLE];
	size_t n;

	if (chance(50) && rule != 1)
		demand(rule);
	r = &w.ref.policy.rules[rule];
	q.key = rule == 3 ? (int)below(2) : 0;
	q.has_ticket = rule == 1;
	q.requester = (r->services & 2u) != 0 && chance(50) ? REF_JOB : find_requester(r);
	n = q.requester < 0 ? 0 : find_sitters(&r->seats, q.requester, by);
	if (n == 0)
		return;
	q.signer = w.ref.roster.keys[q.requester] == 2;
	if (q.requester == REF_JOB) {
		q.host = REF_NO_HOST;
		choose_token(REF_JOB, &q.token);
		q.token.actor = by[0].person;
	} else if (w.ref.roster.keys[q.requester] == 3 && q.requester != 2 && q.requester != 3)
		q.signer = below(2);
	if (q.requester != REF_JOB && chance(25)) {
		q.host = REF_POD;
		choose_svid(&q.svid);
	}
	q.not_before = w.ref.now;
	q.deadline = q.not_before + 400 + below(400);
	ask(slot, &q);
	say(&(struct message){.say = SAY_SUBMIT, .slot = slot, .sign = false});
	for (size_t i = 0; i < n && chance(i == 0 ? 100 : 70); i++)
		approve_as(slot, rule, &by[i]);
	disturb(&q, rule, &by[0]);
	look_at(slot);
	commit(slot);
	step += n + 2;
}

/* A rule that takes what was foreseen, and holds it; -1: none. */
static int find_patient_rule(void)
{
	struct ref_policy p = w.ref.policy;
	int rule = chance(50) ? 0 : 3;
	struct ref_rule *r = &p.rules[rule];

	if (r->preapproved > 0 && r->hold > 0 && chance(80))
		return rule;
	r->preapproved = 100 + below(1000);
	r->hold = 1 + below(300);
	if (chance(50))
		r->files = (struct ref_files){.a_only = false};
	note(-1, "%s takes what was foreseen, and holds it: %s", ref_rules[rule],
	     propose_policy(&p) ? "taken" : "refused");
	return w.ref.policy.rules[rule].preapproved > 0 ? rule : -1;
}

/* All have said yes before somebody asks. */
void foreseen(void)
{
	int rule = find_patient_rule();
	const struct ref_rule *r = &w.ref.policy.rules[rule];
	struct sitter by[REF_PEOPLE];
	int slot = (int)below(SLOTS);
	struct ref_request q = {.closed = REASON_NONE, .files = 1 + below(7), .uses = 1};
	size_t n;

	if (rule < 0 || w.ref.early_count + REF_PEOPLE > REF_MEMORY)
		return;
	q.requester = find_requester(r);
	q.has_reason = r->reason;
	q.key = rule == 3 && chance(50) ? 1 : 0;
	n = q.requester < 0 ? 0 : find_sitters(&r->seats, q.requester, by);
	for (size_t i = 0; i < n; i++)
		preapprove_as(rule, q.key, q.files, &by[i]);
	if (n == 0)
		return;
	move_clock(w.ref.now + below(200));
	q.not_before = w.ref.now;
	q.deadline = q.not_before + 400 + below(400);
	ask(slot, &q);
	say(&(struct message){.say = SAY_SUBMIT, .slot = slot, .sign = chance(50)});
	move_clock(w.ref.now + (unix_time)w.ref.policy.rules[rule].hold + below(3) - 1);
	commit(slot);
}

/* Things about several requests that reach the keeper in one round: what one of them uses up, a
 * preapproval, a rate, a token, the next finds used up. */
void all_at_once(void)
{
	unsigned count = 2 + below(TOGETHER - 1);
	int first = (int)below(SLOTS);

	note(-1, "%u at once", count);
	gather();
	for (unsigned i = 0; i < count; i++) {
		int slot = (first + (int)i) % SLOTS;
		unsigned lot = below(100);

		if (lot < 10)
			say_word();
		else if (lot < 15)
			preapprove();
		else if (lot < 18)
			give_access();
		else if (lot < 35 || !w.slots[slot].q.known)
			new_request(slot);
		else if (lot < 70)
			act(slot, STATEMENT_APPROVAL);
		else if (lot < 90)
			commit(slot);
		else
			request_again(slot);
	}
	say_together();
	step += count - 1;
}

/* A policy that waits names dave, and a roster comes in which he is not; or the other way round. */
void clash(void)
{
	struct ref_policy p, first;
	struct ref_roster r;
	bool late = chance(50); /* the policy */

	first_without_dave(&p, &r);
	r.gone[3] = false;
	p.delay = 50 + below(100);
	first = p;
	note(-1, "changes wait: %s", propose_policy(&p) ? "taken" : "not now");
	note(-1, "with everybody: %s", propose_roster(&r) ? "taken" : "not now");
	move_clock(w.ref.now + 160);
	p.rules[0].seats.seat[0] = (struct ref_seat){1, 3, REF_SECURITY, REF_ANY};
	r.gone[3] = true;
	if (late)
		(void)propose_roster(&r);
	(void)propose_policy(&p);
	if (!late)
		(void)propose_roster(&r);
	move_clock(w.ref.now + 160);
	look_at(any_slot());
	first.delay = 0;
	note(-1, "changes wait no more: %s", propose_policy(&first) ? "taken" : "not now");
	move_clock(w.ref.now + 160);
	step += 6;
}
