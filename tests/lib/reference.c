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

static void mix_person(uint64_t *h, const struct ref *w, int person)
{
	mix(h, (uint64_t)person + 1);
	mix(h, w->roster.gone[person] ? 0 : w->roster.keys[person]);
}

static void mix_group(uint64_t *h, const struct ref *w, enum ref_group group)
{
	for (int p = 0; p < REF_PEOPLE; p++)
		if (!w->roster.gone[p] && (w->roster.groups[p] & (1u << group)) != 0)
			mix_person(h, w, p);
	mix(h, 0);
}

static void mix_text(uint64_t *h, const struct ref_rule *r)
{
	mix(h, r->keys);
	mix(h, r->request);
	mix(h, r->from_laptop);
	mix(h, r->pe_only);
	mix(h, r->upload);
	mix(h, r->max_uses);
	mix(h, r->max_deadline);
	mix(h, r->lifetime);
	mix(h, r->reason);
	mix(h, r->break_glass);
	mix(h, r->observe);
	mix(h, r->windows);
	mix(h, r->seat_count);
}

uint64_t ref_rule_says(const struct ref *w, int rule, int key)
{
	const struct ref_policy *p = &w->policy;
	const struct ref_rule *r = &p->rules[rule];
	uint64_t h = 14695981039346656037u;

	mix(&h, (uint64_t)rule);
	mix(&h, (uint64_t)key);
	mix_text(&h, r);
	for (size_t i = 0; i < r->seat_count; i++) {
		const struct ref_seat *s = &r->seats[i];

		mix(&h, s->count);
		mix(&h, s->channel);
		mix(&h, (uint64_t)(s->person + 1));
		if (s->person >= 0)
			mix_person(&h, w, s->person);
		else
			mix_group(&h, w, s->group);
		mix(&h, s->group);
	}
	for (unsigned g = 0; g < REF_GROUPS; g++)
		if ((r->request & (1u << g)) != 0)
			mix_group(&h, w, (enum ref_group)g);
	for (int i = 0; i < REF_HOSTS; i++)
		mix(&h, w->roster.builder[i] && !w->roster.host_gone[i]);
	mix(&h, r->from_laptop && !w->roster.host_gone[1]);
	for (unsigned i = 0; i < REF_WINDOWS; i++)
		if ((r->windows & (1u << i)) != 0) {
			mix(&h, p->windows[i].opens);
			mix(&h, p->windows[i].length);
		}
	if ((p->freeze.keys & (1u << key)) != 0) {
		mix(&h, p->freeze.keys);
		mix(&h, (uint64_t)p->freeze.from);
		mix(&h, (uint64_t)p->freeze.to);
	}
	for (size_t i = 0; i < REF_RATES; i++)
		if (p->rates[key][i].count != 0) {
			mix(&h, p->rates[key][i].count);
			mix(&h, p->rates[key][i].period);
			mix(&h, p->rates[key][i].per_requester);
		}
	return h;
}

/* ---- Seats ---------------------------------------------------------------------------------*/

static bool fits(const struct ref *w, const struct ref_seat *s, int person, unsigned channels)
{
	if (w->roster.gone[person] || (s->channel != REF_ANY && (s->channel & channels) == 0))
		return false;
	return s->person >= 0 ? s->person == person
			      : (w->roster.groups[person] & (1u << s->group)) != 0;
}

bool ref_holds_seat(const struct ref *w, int rule, int person, unsigned channels)
{
	const struct ref_rule *r = &w->policy.rules[rule];

	for (size_t i = 0; i < r->seat_count; i++)
		if (fits(w, &r->seats[i], person, channels))
			return true;
	return false;
}

unsigned ref_seats(const struct ref_rule *r)
{
	unsigned n = 0;

	for (size_t i = 0; i < r->seat_count; i++)
		n += r->seats[i].count;
	return n;
}

/* Everybody in each place, and nobody: at most (people + 1) to the power of the places. */
static unsigned try_places(const struct ref *w, const struct ref_rule *r, unsigned place,
			   unsigned channels[REF_PEOPLE])
{
	unsigned best = 0, n = 0;
	size_t i = 0;

	while (i < r->seat_count && n + r->seats[i].count <= place)
		n += r->seats[i++].count;
	if (i == r->seat_count)
		return 0;
	for (int p = 0; p < REF_PEOPLE; p++) {
		unsigned had = channels[p], filled;

		if (had == 0 || !fits(w, &r->seats[i], p, had))
			continue;
		channels[p] = 0;
		filled = 1 + try_places(w, r, place + 1, channels);
		channels[p] = had;
		best = filled > best ? filled : best;
	}
	n = try_places(w, r, place + 1, channels);
	return n > best ? n : best;
}

unsigned ref_seats_filled(const struct ref *w, int rule, const unsigned channels[REF_PEOPLE])
{
	unsigned copy[REF_PEOPLE];

	memcpy(copy, channels, sizeof(copy));
	return try_places(w, &w->policy.rules[rule], 0, copy);
}

/* ---- Time ----------------------------------------------------------------------------------*/

static bool window_is_open(const struct ref_policy *p, unsigned i, unix_time t)
{
	unix_time opened = t / DAY * DAY + 60 * (unix_time)p->windows[i].opens;

	if (opened > t)
		opened -= DAY;
	return t - opened < (unix_time)p->windows[i].length;
}

static bool windows_are_open(const struct ref_policy *p, unsigned windows, unix_time t)
{
	for (unsigned i = 0; i < REF_WINDOWS; i++)
		if ((windows & (1u << i)) != 0 && window_is_open(p, i, t))
			return true;
	return windows == 0;
}

unix_time ref_window_edge(const struct ref_policy *p, unsigned windows, unix_time t)
{
	bool open = windows_are_open(p, windows, t);
	unix_time end = t + DAY;

	for (t++; t < end && windows_are_open(p, windows, t) == open; t++)
		;
	return t;
}

static bool rate_is_reached(const struct ref *w, const struct ref_rate *r, int key, int requester)
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

/* ---- One rule ------------------------------------------------------------------------------*/

static bool is_present(const struct ref *w, int person)
{
	return !w->roster.gone[person];
}

/* Good by itself, whatever a rule says. */
static bool is_sound(const struct ref *w, const struct ref_request *q, const struct ref_said *a)
{
	return a->kind == STATEMENT_APPROVAL && a->known && !a->withdrawn &&
	       is_present(w, a->person) && (w->roster.keys[a->person] & (1u << a->key)) != 0 &&
	       a->person != q->requester && w->now < a->expires;
}

static bool counts(const struct ref *w, const struct ref_request *q, int rule,
		   const struct ref_said *a)
{
	return is_sound(w, q, a) && ref_holds_seat(w, rule, a->person, a->channel) &&
	       a->rule == ref_rule_says(w, rule, q->key) && w->now >= a->given &&
	       w->now - a->given < (unix_time)w->policy.rules[rule].lifetime;
}

struct findings {
	enum ref_outcome outcome;
	enum reason reason;
	bool waits_for_time;
};

/* The worst outcome counts, and of it the first reason. */
static void find(struct findings *f, bool is, enum ref_outcome outcome, enum reason reason)
{
	if (!is || outcome < f->outcome || (outcome == f->outcome && f->reason != REASON_NONE))
		return;
	f->outcome = outcome;
	f->reason = reason;
}

static void find_general(const struct ref *w, const struct ref_request *q, struct findings *f)
{
	find(f, !is_present(w, q->requester), REF_DENY, REASON_WHO_PERSON);
	find(f, w->roster.host_gone[q->host], REF_DENY, REASON_WHO_HOST);
	find(f, w->locked[q->key], REF_WAIT, REASON_KEY_LOCKED);
}

static void find_form(const struct ref *w, const struct ref_request *q, const struct ref_rule *r,
		      struct findings *f)
{
	bool asks = is_present(w, q->requester) && (w->roster.groups[q->requester] & r->request);
	bool from = !w->roster.host_gone[q->host] &&
		    (w->roster.builder[q->host] || (r->from_laptop && q->host == 1));

	find(f, q->spent >= q->uses, REF_DENY, REASON_STATE_USES);
	find(f, !asks, REF_DENY, REASON_RULE_REQUESTER);
	find(f, !from, REF_DENY, REASON_RULE_HOST);
	find(f, r->pe_only, REF_DENY, REASON_RULE_FORMAT);
	find(f, r->upload, REF_DENY, REASON_RULE_UPLOAD);
	find(f, q->uses > r->max_uses, REF_DENY, REASON_RULE_USES);
	find(f, q->deadline - w->now > (unix_time)r->max_deadline, REF_DENY, REASON_RULE_DEADLINE);
	find(f, (r->reason || r->break_glass) && !q->has_reason, REF_DENY, REASON_RULE_REASON);
	find(f, r->break_glass && !(q->has_reason && q->has_ticket), REF_DENY, REASON_RULE_TICKET);
}

static void find_time(const struct ref *w, const struct ref_request *q, const struct ref_rule *r,
		      struct findings *f)
{
	const struct ref_policy *p = &w->policy;
	bool closed = !windows_are_open(p, r->windows, w->now) && !r->break_glass;
	bool frozen = (p->freeze.keys & (1u << q->key)) != 0 && w->now >= p->freeze.from &&
		      w->now < p->freeze.to && !r->break_glass;

	find(f, w->now > q->deadline, REF_DENY, REASON_TIME_DEADLINE);
	find(f, w->now < q->not_before, REF_WAIT, REASON_TIME_NOT_BEFORE);
	find(f, closed, REF_WAIT, REASON_TIME_WINDOW);
	find(f, frozen, REF_WAIT, REASON_TIME_FREEZE);
	f->waits_for_time = closed || frozen;
	for (size_t i = 0; i < REF_RATES; i++)
		find(f,
		     p->rates[q->key][i].count > 0 &&
			     rate_is_reached(w, &p->rates[q->key][i], q->key, q->requester),
		     REF_WAIT, REASON_LIMIT_RATE);
}

static void try_rule(const struct ref *w, const struct ref_request *q, int rule,
		     struct ref_decision *d, int *ret_rank)
{
	const struct ref_rule *r = &w->policy.rules[rule];
	struct findings f = {REF_ALLOW, REASON_NONE, false};
	unsigned channels[REF_PEOPLE] = {0};

	*d = (struct ref_decision){.rule = rule};
	for (size_t i = 0; i < q->act_count; i++)
		if (counts(w, q, rule, &q->acts[i])) {
			d->live[i] = true;
			channels[q->acts[i].person] |= q->acts[i].channel;
		}
	find_general(w, q, &f);
	find_form(w, q, r, &f);
	d->missing = ref_seats(r) - ref_seats_filled(w, rule, channels);
	find(&f, d->missing > 0, REF_WAIT, REASON_APPROVE_QUORUM);
	find_time(w, q, r, &f);
	d->outcome = f.outcome;
	d->reason = f.reason;
	*ret_rank = (int[]){0, f.waits_for_time ? 2 : 1, 3}[f.outcome];
}

/* The best rule: one that allows, else one that waits for people, else for its time. */
static void decide(const struct ref *w, const struct ref_request *q, struct ref_decision *best)
{
	int best_rank = 4;
	bool observed = false;

	for (int i = 0; i < REF_RULES; i++) {
		struct ref_decision d;
		int rank;

		if ((w->policy.rules[i].keys & (1u << q->key)) == 0)
			continue;
		observed |= w->policy.rules[i].observe;
		if (w->policy.rules[i].observe)
			continue;
		try_rule(w, q, i, &d, &rank);
		if (rank < best_rank) {
			best_rank = rank;
			*best = d;
		}
	}
	if (best_rank == 4) {
		struct findings f = {REF_ALLOW, REASON_NONE, false};

		find_general(w, q, &f);
		find(&f, true, REF_DENY, observed ? REASON_RULE_OBSERVE : REASON_RULE_NONE);
		*best = (struct ref_decision){.outcome = f.outcome, .reason = f.reason, .rule = -1};
	}
}

/* ---- State ---------------------------------------------------------------------------------*/

static enum request_state state_of(const struct ref *w, const struct ref_request *q)
{
	if (q->closed != REASON_NONE)
		return STATE_CLOSED;
	if (q->spent == q->uses)
		return STATE_DONE;
	return w->now > q->deadline ? STATE_CLOSED : STATE_OPEN;
}

static void overrule(struct ref_answer *a, enum ref_outcome outcome, enum reason reason)
{
	a->decision.outcome = outcome;
	a->decision.reason = reason;
}

/* The clock before the state, the state before the policy. */
static void look(const struct ref *w, const struct ref_request *q, struct ref_answer *a)
{
	*a = (struct ref_answer){.type = KEEPER_R_STATUS, .state = state_of(w, q)};
	decide(w, q, &a->decision);
	if (w->now < w->head)
		overrule(a, REF_WAIT, REASON_TIME_CLOCK);
	else if (a->state == STATE_CLOSED)
		overrule(a, REF_DENY, q->closed != REASON_NONE ? q->closed : REASON_STATE_EXPIRED);
	else if (a->state == STATE_DONE)
		overrule(a, REF_DENY, REASON_STATE_USES);
	else if ((w->roster.keys[q->requester] & (1u << q->signer)) == 0 &&
		 a->decision.outcome != REF_DENY)
		overrule(a, REF_DENY, REASON_SIG_REQUESTER);
}

static bool refuse_with(struct ref_answer *a, bool is, enum reason reason)
{
	if (is)
		*a = (struct ref_answer){.type = KEEPER_R_ERROR, .reason = reason};
	return is;
}

/* ---- The log -------------------------------------------------------------------------------*/

void ref_changed(struct ref *w)
{
	if (w->now > w->head)
		w->head = w->now;
}

void ref_started(struct ref *w)
{
	ref_changed(w);
	w->heard = w->now;
}

/* A jump of more than a minute is written down. */
void ref_heard(struct ref *w)
{
	unix_time jump = w->now - w->heard;

	if (jump > 60 || jump < -60)
		ref_changed(w);
	w->heard = w->now;
}

bool ref_takes_changes(struct ref *w)
{
	ref_heard(w);
	return w->now >= w->head;
}

/* ---- Messages ------------------------------------------------------------------------------*/

static void spend(struct ref *w, struct ref_request *q, struct ref_answer *a)
{
	size_t n = w->use_count[q->key]++;

	w->uses[q->key][n % REF_USES].requester = q->requester;
	w->uses[q->key][n % REF_USES].at = w->now;
	q->spent++;
	a->type = KEEPER_R_RESULT;
	a->use = q->spent;
	a->committed = true;
	ref_changed(w);
}

/* Signs if that is wanted; what is signed already is given out again and not signed twice. */
static void conclude(struct ref *w, struct ref_request *q, bool sign, struct ref_answer *a)
{
	look(w, q, a);
	if (sign && q->spent > 0) {
		a->type = KEEPER_R_RESULT;
		a->use = q->spent;
	} else if (sign && a->state == STATE_OPEN && a->decision.outcome == REF_ALLOW) {
		spend(w, q, a);
	}
}

void ref_show(struct ref *w, const struct ref_request *q, struct ref_answer *a)
{
	ref_heard(w);
	if (!refuse_with(a, !q->known, REASON_STATE_UNKNOWN))
		look(w, q, a);
}

void ref_submit(struct ref *w, struct ref_request *q, bool sign, struct ref_answer *a)
{
	ref_heard(w);
	if (refuse_with(a, w->now < w->head, REASON_TIME_CLOCK))
		return;
	if (!q->known) {
		bool listed = (w->roster.keys[q->requester] & (1u << q->signer)) != 0;

		if (refuse_with(a, q->deadline < w->now, REASON_TIME_DEADLINE) ||
		    refuse_with(a, !is_present(w, q->requester), REASON_WHO_PERSON) ||
		    refuse_with(a, w->roster.host_gone[q->host], REASON_WHO_HOST) ||
		    refuse_with(a, !listed, REASON_SIG_REQUESTER))
			return;
		look(w, q, a);
		if (refuse_with(a, a->decision.outcome == REF_DENY, a->decision.reason))
			return;
		q->known = true;
		ref_changed(w);
	}
	conclude(w, q, sign, a);
}

static bool approval_refused(const struct ref *w, const struct ref_request *q,
			     const struct ref_said *act, struct ref_answer *a)
{
	int rule = -1;

	for (int i = 0; i < REF_RULES; i++)
		if ((w->policy.rules[i].keys & (1u << q->key)) != 0 &&
		    ref_rule_says(w, i, q->key) == act->rule)
			rule = i;
	if (refuse_with(a, act->person == q->requester, REASON_WHO_SELF) ||
	    refuse_with(a, act->expires <= w->now, REASON_APPROVE_EXPIRED) ||
	    refuse_with(a, rule < 0, REASON_APPROVE_RULE) ||
	    refuse_with(a, !ref_holds_seat(w, rule, act->person, REF_CLI | REF_BROWSER),
			REASON_WHO_SEAT) ||
	    refuse_with(a, !ref_holds_seat(w, rule, act->person, act->channel), REASON_WHO_CHANNEL))
		return true;
	for (size_t i = 0; i < q->act_count; i++)
		if (is_sound(w, q, &q->acts[i]) && q->acts[i].person == act->person &&
		    q->acts[i].channel == act->channel && q->acts[i].rule == act->rule &&
		    w->now < q->acts[i].given + (unix_time)w->policy.rules[rule].lifetime)
			return refuse_with(a, true, REASON_APPROVE_DUPLICATE);
	return false;
}

static bool act_refused(const struct ref *w, struct ref_request *q, const struct ref_said *act,
			struct ref_answer *a)
{
	enum request_state s = state_of(w, q);
	bool seat = false;

	if (refuse_with(a, s == STATE_DONE,
			act->kind == STATEMENT_APPROVAL ? REASON_STATE_USES
							: REASON_STATE_COMMITTED) ||
	    refuse_with(a, s == STATE_CLOSED,
			q->closed != REASON_NONE ? q->closed : REASON_STATE_EXPIRED))
		return true;
	if (act->kind == STATEMENT_APPROVAL)
		return approval_refused(w, q, act, a);
	if (act->kind == STATEMENT_WITHDRAWAL)
		return refuse_with(a,
				   !q->acts[act->target].known || q->acts[act->target].withdrawn ||
					   q->acts[act->target].person != act->person,
				   REASON_STATE_NO_APPROVAL);
	if (act->kind == STATEMENT_CANCELLATION)
		return refuse_with(a, act->person != q->requester, REASON_WHO_OWNER);
	for (int i = 0; i < REF_RULES; i++)
		seat |= (w->policy.rules[i].keys & (1u << q->key)) != 0 &&
			ref_holds_seat(w, i, act->person, REF_CLI | REF_BROWSER);
	return refuse_with(a, !seat, REASON_WHO_SEAT);
}

void ref_act(struct ref *w, struct ref_request *q, int n, bool sign, struct ref_answer *a)
{
	struct ref_said *act = &q->acts[n];

	ref_heard(w);
	if (refuse_with(a, w->now < w->head, REASON_TIME_CLOCK) ||
	    refuse_with(a, !is_present(w, act->person), REASON_WHO_PERSON) ||
	    refuse_with(a, (w->roster.keys[act->person] & (1u << act->key)) == 0,
			REASON_SIG_APPROVER) ||
	    refuse_with(a, !q->known, REASON_STATE_UNKNOWN))
		return;
	if (!act->known) {
		if (act_refused(w, q, act, a))
			return;
		act->known = true;
		act->given = w->now;
		q->order[q->order_count++] = n;
		ref_changed(w);
		if (act->kind == STATEMENT_WITHDRAWAL)
			q->acts[act->target].withdrawn = true;
		if (act->kind == STATEMENT_DENIAL)
			q->closed = REASON_STATE_DENIED;
		if (act->kind == STATEMENT_CANCELLATION)
			q->closed = REASON_STATE_CANCELLED;
	}
	conclude(w, q, sign && act->kind == STATEMENT_APPROVAL, a);
}

void ref_commit(struct ref *w, struct ref_request *q, uint32_t use, struct ref_answer *a)
{
	ref_heard(w);
	if (refuse_with(a, w->now < w->head, REASON_TIME_CLOCK) ||
	    refuse_with(a, !q->known, REASON_STATE_UNKNOWN) ||
	    refuse_with(a, use == 0 || use > q->uses || use > q->spent + 1, REASON_STATE_USES))
		return;
	look(w, q, a);
	if (use <= q->spent) {
		a->type = KEEPER_R_RESULT;
		a->use = use;
	} else if (a->state == STATE_OPEN && a->decision.outcome == REF_ALLOW) {
		spend(w, q, a);
	}
}
