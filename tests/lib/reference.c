#include "tests/lib/reference.h"

#include <string.h>

bool ref_refuse(struct ref_answer *a, bool is, enum reason reason)
{
	if (is)
		*a = (struct ref_answer){.type = KEEPER_R_ERROR, .reason = reason};
	return is;
}

/* ---- Approvals -----------------------------------------------------------------------------*/

/* Good by itself, whatever a rule says. */
static bool is_sound(const struct ref *w, const struct ref_request *q, const struct ref_said *a)
{
	return a->kind == STATEMENT_APPROVAL && a->known && !a->withdrawn &&
	       ref_listed(w, a->person, a->key) && a->person != q->requester &&
	       !ref_is_behind(w, q, a->person) && w->now < a->expires;
}

static bool counts(const struct ref *w, const struct ref_request *q, int rule,
		   const struct ref_said *a)
{
	const struct ref_rule *r = &w->policy.rules[rule];

	return is_sound(w, q, a) && ref_holds_seat(&w->roster, &r->seats, a->person, a->channel) &&
	       a->rule == ref_rule_says(w, rule, q->key) && w->now >= a->given &&
	       w->now - a->given < (unix_time)r->lifetime && !(r->unsynced && a->synced);
}

/* Exactly these files, and not long ago. */
static bool early_counts(const struct ref *w, const struct ref_request *q, int rule,
			 const struct ref_early *e)
{
	const struct ref_rule *r = &w->policy.rules[rule];

	return e->key == q->key && e->files == q->files && e->spent < e->uses && !e->taken &&
	       r->preapproved != 0 && w->now - e->said.given < (unix_time)r->preapproved &&
	       counts(w, q, rule, &e->said);
}

static void find_live(const struct ref *w, const struct ref_request *q, struct ref_decision *d,
		      unsigned channels[REF_PEOPLE])
{
	for (size_t i = 0; i < q->act_count; i++)
		if (counts(w, q, d->rule, &q->acts[i])) {
			d->live[i] = true;
			channels[q->acts[i].person] |= q->acts[i].channel;
		}
	for (size_t i = 0; i < w->early_count; i++)
		if (early_counts(w, q, d->rule, &w->early[i])) {
			d->live_early[i] = true;
			channels[w->early[i].said.person] |= w->early[i].said.channel;
		}
}

/* The seats were full at that time, with what counts now. */
static bool was_full(const struct ref *w, const struct ref_request *q, const struct ref_decision *d,
		     unix_time then)
{
	const struct ref_seats *seats = &w->policy.rules[d->rule].seats;
	unsigned channels[REF_PEOPLE] = {0};

	for (size_t i = 0; i < q->act_count; i++)
		if (d->live[i] && q->acts[i].given <= then)
			channels[q->acts[i].person] |= q->acts[i].channel;
	for (size_t i = 0; i < w->early_count; i++)
		if (d->live_early[i] && w->early[i].said.given <= then && q->submitted <= then)
			channels[w->early[i].said.person] |= w->early[i].said.channel;
	return ref_seats_filled(&w->roster, seats, channels) == ref_seats(seats);
}

static bool is_held(const struct ref *w, const struct ref_request *q, const struct ref_decision *d)
{
	uint32_t hold = w->policy.rules[d->rule].hold;

	return hold > 0 && d->missing == 0 && !was_full(w, q, d, w->now - (unix_time)hold);
}

/* ---- One rule ------------------------------------------------------------------------------*/

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

/* Whose issuer says where it runs. */
static bool is_job(const struct ref *w, const struct ref_request *q)
{
	return q->host < 0 && q->requester == REF_JOB && !w->roster.gone[REF_JOB];
}

static void find_general(const struct ref *w, const struct ref_request *q, struct findings *f)
{
	find(f, w->roster.gone[q->requester], REF_DENY, REASON_WHO_PERSON);
	find(f, q->host < 0 ? !is_job(w, q) : w->roster.host_gone[q->host], REF_DENY,
	     REASON_WHO_HOST);
	find(f, w->locked[q->key], REF_WAIT, REASON_KEY_LOCKED);
}

bool ref_names_requester(const struct ref *w, const struct ref_request *q, int rule)
{
	const struct ref_rule *r = &w->policy.rules[rule];

	if (w->roster.gone[q->requester])
		return false;
	return q->requester >= REF_SERVICE
		       ? (r->services & (1u << (q->requester - REF_SERVICE))) != 0
		       : (w->roster.groups[q->requester] & r->request) != 0;
}

bool ref_names_host(const struct ref *w, const struct ref_request *q, int rule)
{
	if (q->host < 0)
		return is_job(w, q) && w->policy.rules[rule].from_jobs;
	return !w->roster.host_gone[q->host] &&
	       (w->roster.builder[q->host] || (w->policy.rules[rule].from_laptop && q->host == 1));
}

/* Of a key that the roster lists nothing is known but that somebody has it. */
static bool is_of_class(const struct ref *w, const struct ref_request *q, unsigned classes)
{
	bool known = q->host >= 0 && (q->host != REF_POOL || w->pool.key >= 0);
	enum ref_class klass = q->host == REF_POOL ? w->pool.klass : REF_SOFTWARE;

	return classes == 0 || (known && (classes & (1u << klass)) != 0);
}

static void find_form(const struct ref *w, const struct ref_request *q, int rule,
		      struct findings *f)
{
	const struct ref_rule *r = &w->policy.rules[rule];
	bool asks = ref_names_requester(w, q, rule) || ref_is_granted(w, q, false);
	bool from = ref_names_host(w, q, rule) ||
		    (q->host >= 0 && !w->roster.host_gone[q->host] && ref_is_granted(w, q, true));
	enum ref_outcome outcome;
	enum reason flaw;

	find(f, q->spent >= q->uses, REF_DENY, REASON_STATE_USES);
	find(f, !asks, REF_DENY, REASON_RULE_REQUESTER);
	find(f, !from, REF_DENY, REASON_RULE_HOST);
	find(f, !is_of_class(w, q, r->classes), REF_DENY, REASON_HOST_CLASS);
	find(f, r->pe_only || w->policy.keys[q->key].pe_only, REF_DENY, REASON_RULE_FORMAT);
	find(f, r->upload, REF_DENY, REASON_RULE_UPLOAD);
	find(f, q->uses > r->max_uses, REF_DENY, REASON_RULE_USES);
	find(f, q->deadline - w->now > (unix_time)r->max_deadline, REF_DENY, REASON_RULE_DEADLINE);
	find(f, (r->reason || r->break_glass) && !q->has_reason, REF_DENY, REASON_RULE_REASON);
	find(f, r->break_glass && !(q->has_reason && q->has_ticket), REF_DENY, REASON_RULE_TICKET);
	flaw = ref_files_flaw(w, r, q->files, &outcome);
	find(f, flaw != REASON_NONE, outcome, flaw);
}

static bool is_frozen(const struct ref *w, const struct ref_request *q)
{
	return (w->policy.freeze.keys & (1u << q->key)) != 0 && w->now >= w->policy.freeze.from &&
	       w->now < w->policy.freeze.to;
}

static void find_time(const struct ref *w, const struct ref_request *q, struct ref_decision *d,
		      struct findings *f)
{
	const struct ref_policy *p = &w->policy;
	const struct ref_rule *r = &p->rules[d->rule];
	const struct ref_rate *rates = p->keys[q->key].rates;
	bool closed = !ref_windows_open(p, r->windows, w->now);
	bool frozen = is_frozen(w, q);

	d->broke = r->break_glass && (closed || frozen);
	f->waits_for_time = !r->break_glass && (closed || frozen);
	find(f, w->now > q->deadline, REF_DENY, REASON_TIME_DEADLINE);
	find(f, w->now < q->not_before, REF_WAIT, REASON_TIME_NOT_BEFORE);
	find(f, is_held(w, q, d), REF_WAIT, REASON_TIME_HOLD);
	find(f, closed && !r->break_glass, REF_WAIT, REASON_TIME_WINDOW);
	find(f, frozen && !r->break_glass, REF_WAIT, REASON_TIME_FREEZE);
	for (size_t i = 0; i < REF_RATES; i++)
		find(f,
		     rates[i].count > 0 && ref_rate_is_reached(w, &rates[i], q->key, q->requester),
		     REF_WAIT, REASON_LIMIT_RATE);
}

static void try_rule(const struct ref *w, const struct ref_request *q, int rule,
		     struct ref_decision *d, int *ret_rank)
{
	const struct ref_seats *seats = &w->policy.rules[rule].seats;
	struct findings f = {REF_ALLOW, REASON_NONE, false};
	unsigned channels[REF_PEOPLE] = {0};

	*d = (struct ref_decision){.rule = rule};
	find_live(w, q, d, channels);
	d->missing = ref_seats(seats) - ref_seats_filled(&w->roster, seats, channels);
	find_general(w, q, &f);
	find(&f, ref_is_overdue(w, q->key), REF_WAIT, REASON_KEY_REVIEW);
	find_form(w, q, rule, &f);
	find(&f, d->missing > 0, REF_WAIT, REASON_APPROVE_QUORUM);
	find_time(w, q, d, &f);
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
	if (q->spent > 0 && !q->released)
		return STATE_COMMITTED;
	if (q->spent == q->uses)
		return STATE_DONE;
	return w->now > q->deadline ? STATE_CLOSED : STATE_OPEN;
}

static void overrule(struct ref_answer *a, enum ref_outcome outcome, enum reason reason)
{
	a->decision.outcome = outcome;
	a->decision.reason = reason;
}

/* How the host stands, whatever it signed. */
static enum reason standing(const struct ref *w, int host)
{
	if (host < 0)
		return REASON_NONE;
	if (host == REF_POOL)
		return ref_pool_flaw(w);
	return w->host_locked[host] ? REASON_HOST_LOCKED : REASON_NONE;
}

/* Why the host that signed no longer stands for the request. */
static enum reason host_flaw(const struct ref *w, const struct ref_request *q)
{
	enum reason r = standing(w, q->host);

	if (r == REASON_NONE && q->host == REF_POOL && w->pool.key != q->host_key)
		r = REASON_HOST_UNENROLLED;
	return r;
}

/* What holds a signature that is made. */
static void look_held(const struct ref *w, const struct ref_request *q, struct ref_answer *a)
{
	struct findings f = {REF_ALLOW, REASON_NONE, false};

	find(&f, w->now < w->head, REF_WAIT, REASON_TIME_CLOCK);
	find(&f, w->now < q->release, REF_WAIT, REASON_TIME_RELEASE);
	find(&f, w->locked[q->key], REF_WAIT, REASON_KEY_LOCKED);
	find(&f, ref_is_overdue(w, q->key), REF_WAIT, REASON_KEY_REVIEW);
	find(&f, is_frozen(w, q) && !q->broke, REF_WAIT, REASON_TIME_FREEZE);
	a->state = STATE_COMMITTED;
	a->decision.missing = 0;
	overrule(a, f.outcome, f.reason);
}

/* Neither whose signature it is nor whose host it is from has changed. */
static bool signers_stay(const struct ref *w, const struct ref_request *q)
{
	if (q->host == REF_POD && ref_svid_flaw(w, &q->svid, false) != REASON_NONE)
		return false;
	return ref_has_tokens(q->requester) ? ref_token_stays(w, q)
					    : ref_listed(w, q->requester, q->signer);
}

/* The clock before the state, the state before the policy. */
static void look(const struct ref *w, const struct ref_request *q, struct ref_answer *a)
{
	enum reason host = host_flaw(w, q);

	*a = (struct ref_answer){.type = KEEPER_R_STATUS, .state = state_of(w, q)};
	decide(w, q, &a->decision);
	if (a->state == STATE_COMMITTED)
		look_held(w, q, a);
	else if (w->now < w->head)
		overrule(a, REF_WAIT, REASON_TIME_CLOCK);
	else if (a->state == STATE_CLOSED)
		overrule(a, REF_DENY, q->closed != REASON_NONE ? q->closed : REASON_STATE_EXPIRED);
	else if (a->state == STATE_DONE)
		overrule(a, REF_DENY, REASON_STATE_USES);
	else if (a->decision.outcome == REF_DENY)
		return;
	else if (!signers_stay(w, q))
		overrule(a, REF_DENY, REASON_SIG_REQUESTER);
	else if (host != REASON_NONE) /* people unlock it, so the request may wait for them */
		overrule(a, host == REASON_HOST_LOCKED ? REF_WAIT : REF_DENY, host);
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
	w->boot++;
}

/* A jump of more than a minute is written down. Then comes what has waited, then the message. */
void ref_heard(struct ref *w)
{
	unix_time jump = w->now - w->heard;

	if (jump > 60 || jump < -60)
		ref_changed(w);
	w->heard = w->now;
	ref_run_waiting(w);
}

bool ref_takes_changes(struct ref *w)
{
	ref_heard(w);
	return w->now >= w->head;
}

/* ---- Requests ------------------------------------------------------------------------------*/

static void spend(struct ref *w, struct ref_request *q, struct ref_answer *a)
{
	size_t n = w->use_count[q->key]++;

	w->uses[q->key][n % REF_USES].requester = q->requester;
	w->uses[q->key][n % REF_USES].at = w->now;
	q->spent++;
	a->use = q->spent;
	a->committed = true;
	ref_changed(w);
	if (a->decision.broke)
		ref_owe(w, q, a->decision.rule, q->spent);
	if (w->now >= q->release) {
		q->released = true;
		a->type = KEEPER_R_RESULT;
		return;
	}
	q->broke = a->decision.broke;
	a->held = true;
	look_held(w, q, a);
}

/* A look gives out what nothing holds any more. */
static void look_and_release(struct ref *w, struct ref_request *q, struct ref_answer *a)
{
	look(w, q, a);
	if (a->state != STATE_COMMITTED || a->decision.outcome != REF_ALLOW)
		return;
	q->released = true;
	look(w, q, a);
}

void ref_spend_early(struct ref *w, int n)
{
	w->early[n].spent++;
}

/* What is signed already is given out again and not signed twice. */
void ref_conclude(struct ref *w, struct ref_request *q, bool sign, struct ref_answer *a)
{
	look_and_release(w, q, a);
	if (sign && q->released) {
		a->type = KEEPER_R_RESULT;
		a->use = q->spent;
	} else if (sign && a->state == STATE_OPEN && a->decision.outcome == REF_ALLOW) {
		spend(w, q, a);
	}
}

void ref_show(struct ref *w, struct ref_request *q, struct ref_answer *a)
{
	ref_heard(w);
	if (!ref_refuse(a, !q->known, REASON_STATE_UNKNOWN))
		look_and_release(w, q, a);
}

/* By a key of theirs, or by a token. */
static enum reason signer_flaw(const struct ref *w, const struct ref_request *q)
{
	if (ref_has_tokens(q->requester))
		return ref_token_flaw(w, q->requester, &q->token, false);
	return ref_listed(w, q->requester, q->signer) ? REASON_NONE : REASON_SIG_REQUESTER;
}

static bool submission_refused(const struct ref *w, const struct ref_request *q,
			       struct ref_answer *a)
{
	enum reason host = standing(w, q->host);
	enum reason signer = signer_flaw(w, q);
	enum reason svid = q->host == REF_POD ? ref_svid_flaw(w, &q->svid, true) : REASON_NONE;
	bool job = q->host < 0 && q->requester == REF_JOB;

	return ref_refuse(a, q->deadline < w->now, REASON_TIME_DEADLINE) ||
	       ref_refuse(a, w->roster.gone[q->requester], REASON_WHO_PERSON) ||
	       ref_refuse(a, q->host >= 0 && w->roster.host_gone[q->host], REASON_WHO_HOST) ||
	       ref_refuse(a, signer != REASON_NONE, signer) ||
	       ref_refuse(a, q->host < 0 && !job, REASON_WHO_HOST) ||
	       ref_refuse(a, host != REASON_NONE, host) ||
	       ref_refuse(a, q->host == REF_POOL && q->host_key != w->pool.key, REASON_SIG_HOST) ||
	       ref_refuse(a, svid != REASON_NONE, svid);
}

void ref_submit(struct ref *w, struct ref_request *q, bool sign, struct ref_answer *a)
{
	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK))
		return;
	if (!q->known) {
		if (submission_refused(w, q, a))
			return;
		q->submitted = w->now;
		ref_token_take(w, q);
		look(w, q, a);
		if (ref_refuse(a, a->decision.outcome == REF_DENY, a->decision.reason))
			return;
		q->known = true;
		ref_token_spend(w, q);
		ref_changed(w);
	}
	ref_conclude(w, q, sign, a);
}

void ref_commit(struct ref *w, struct ref_request *q, uint32_t use, struct ref_answer *a)
{
	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK) ||
	    ref_refuse(a, !q->known, REASON_STATE_UNKNOWN) ||
	    ref_refuse(a, use == 0 || use > q->uses || use > q->spent + 1, REASON_STATE_USES))
		return;
	if (use <= q->spent)
		look_and_release(w, q, a);
	else
		look(w, q, a);
	if (use <= q->spent && q->released) {
		a->type = KEEPER_R_RESULT;
		a->use = use;
	} else if (a->state == STATE_OPEN && a->decision.outcome == REF_ALLOW) {
		spend(w, q, a);
	}
}

/* ---- Acts ----------------------------------------------------------------------------------*/

/* The rule that reads as the approver has signed for; -1: none does. */
static int rule_of(const struct ref *w, int key, uint64_t says)
{
	int rule = -1;

	for (int i = 0; i < REF_RULES; i++)
		if ((w->policy.rules[i].keys & (1u << key)) != 0 &&
		    ref_rule_says(w, i, key) == says)
			rule = i;
	return rule;
}

static bool approval_refused(const struct ref *w, const struct ref_request *q,
			     const struct ref_said *act, struct ref_answer *a)
{
	int rule = rule_of(w, q->key, act->rule);
	const struct ref_rule *r = &w->policy.rules[rule];

	if (ref_refuse(a, act->person == q->requester, REASON_WHO_SELF) ||
	    ref_refuse(a, ref_is_behind(w, q, act->person), REASON_WHO_BEHIND) ||
	    ref_refuse(a, act->expires <= w->now, REASON_APPROVE_EXPIRED) ||
	    ref_refuse(a, rule < 0, REASON_APPROVE_RULE) ||
	    ref_refuse(a,
		       !ref_holds_seat(&w->roster, &r->seats, act->person, REF_CLI | REF_BROWSER),
		       REASON_WHO_SEAT) ||
	    ref_refuse(a, !ref_holds_seat(&w->roster, &r->seats, act->person, act->channel),
		       REASON_WHO_CHANNEL) ||
	    ref_refuse(a, r->unsynced && act->synced, REASON_APPROVE_SYNCED))
		return true;
	for (size_t i = 0; i < q->act_count; i++)
		if (is_sound(w, q, &q->acts[i]) && q->acts[i].person == act->person &&
		    q->acts[i].channel == act->channel && q->acts[i].rule == act->rule &&
		    w->now < q->acts[i].given + (unix_time)r->lifetime)
			return ref_refuse(a, true, REASON_APPROVE_DUPLICATE);
	return false;
}

static bool denial_refused(const struct ref *w, const struct ref_request *q,
			   const struct ref_said *act, struct ref_answer *a)
{
	bool seat = false;

	for (int i = 0; i < REF_RULES; i++)
		seat |= (w->policy.rules[i].keys & (1u << q->key)) != 0 &&
			ref_holds_seat(&w->roster, &w->policy.rules[i].seats, act->person,
				       REF_CLI | REF_BROWSER);
	return ref_refuse(a, !seat, REASON_WHO_SEAT);
}

static bool act_refused(const struct ref *w, struct ref_request *q, const struct ref_said *act,
			struct ref_answer *a)
{
	enum request_state s = state_of(w, q);
	bool no = act->kind == STATEMENT_DENIAL || act->kind == STATEMENT_CANCELLATION;

	if (ref_refuse(a, s == STATE_COMMITTED && !no, REASON_STATE_COMMITTED) ||
	    ref_refuse(a, s == STATE_DONE,
		       act->kind == STATEMENT_APPROVAL ? REASON_STATE_USES
						       : REASON_STATE_COMMITTED) ||
	    ref_refuse(a, s == STATE_CLOSED,
		       q->closed != REASON_NONE ? q->closed : REASON_STATE_EXPIRED))
		return true;
	if (act->kind == STATEMENT_APPROVAL)
		return approval_refused(w, q, act, a);
	if (act->kind == STATEMENT_WITHDRAWAL)
		return ref_refuse(a,
				  !q->acts[act->target].known || q->acts[act->target].withdrawn ||
					  q->acts[act->target].person != act->person,
				  REASON_STATE_NO_APPROVAL);
	if (act->kind == STATEMENT_CANCELLATION)
		return ref_refuse(a, act->person != q->requester, REASON_WHO_OWNER);
	return denial_refused(w, q, act, a);
}

/* A service cancels what it asked for; it says nothing else. */
static bool signer_refused(const struct ref *w, const struct ref_said *act, struct ref_answer *a)
{
	bool nobody = act->person >= REF_SERVICE && act->kind != STATEMENT_CANCELLATION;
	enum reason flaw = REASON_NONE;

	if (ref_refuse(a, nobody || w->roster.gone[act->person], REASON_WHO_PERSON))
		return true;
	if (ref_has_tokens(act->person)) {
		flaw = ref_token_flaw(w, act->person, &act->token, true);
		return ref_refuse(a, flaw != REASON_NONE, flaw);
	}
	return ref_refuse(a, !ref_listed(w, act->person, act->key), REASON_SIG_APPROVER);
}

void ref_act(struct ref *w, struct ref_request *q, int n, bool sign, struct ref_answer *a)
{
	struct ref_said *act = &q->acts[n];

	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK) || signer_refused(w, act, a) ||
	    ref_refuse(a, !q->known, REASON_STATE_UNKNOWN))
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
	ref_conclude(w, q, sign && act->kind == STATEMENT_APPROVAL, a);
}

/* ---- Preapprovals --------------------------------------------------------------------------*/

/* Counts for whoever asks for these files, now. */
static bool is_in_use(const struct ref *w, const struct ref_early *e, const struct ref_rule *r)
{
	const struct ref_said *s = &e->said;

	return s->known && !e->taken && e->spent < e->uses && ref_listed(w, s->person, s->key) &&
	       w->now < s->expires && w->now < s->given + (unix_time)r->preapproved &&
	       w->now < s->given + (unix_time)r->lifetime;
}

void ref_preapprove(struct ref *w, int n, struct ref_answer *a)
{
	struct ref_early *e = &w->early[n];
	struct ref_said *s = &e->said;
	int rule = rule_of(w, e->key, s->rule);
	const struct ref_rule *r = &w->policy.rules[rule];

	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK) || signer_refused(w, s, a))
		return;
	*a = (struct ref_answer){.type = KEEPER_R_JSON, .result = REF_KNOWN};
	if (s->known || ref_refuse(a, s->expires <= w->now, REASON_APPROVE_EXPIRED) ||
	    ref_refuse(a, rule < 0, REASON_APPROVE_RULE) ||
	    ref_refuse(a, r->preapproved == 0, REASON_LIMIT_PREAPPROVAL) ||
	    ref_refuse(a, !ref_holds_seat(&w->roster, &r->seats, s->person, REF_CLI | REF_BROWSER),
		       REASON_WHO_SEAT) ||
	    ref_refuse(a, !ref_holds_seat(&w->roster, &r->seats, s->person, s->channel),
		       REASON_WHO_CHANNEL) ||
	    ref_refuse(a, r->unsynced && s->synced, REASON_APPROVE_SYNCED))
		return;
	for (size_t i = 0; i < w->early_count; i++) {
		const struct ref_early *o = &w->early[i];

		if (o->files == e->files && o->said.person == s->person &&
		    o->said.channel == s->channel && o->said.rule == s->rule &&
		    is_in_use(w, o, r) && ref_refuse(a, true, REASON_APPROVE_DUPLICATE))
			return;
	}
	s->known = true;
	s->given = w->now;
	w->early_order[w->early_known++] = n;
	a->result = REF_STORED;
	ref_changed(w);
}

/* Also of one whose uses are spent: it was theirs. */
void ref_take_back(struct ref *w, int n, struct ref_answer *a)
{
	struct ref_early *e = &w->early[n];
	struct ref_said by = {.kind = STATEMENT_WITHDRAWAL, .person = e->taken_by, .key = 0};

	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK) || signer_refused(w, &by, a))
		return;
	*a = (struct ref_answer){.type = KEEPER_R_JSON, .result = REF_KNOWN};
	if (e->taken || ref_refuse(a, !e->said.known || e->taken_by != e->said.person,
				   REASON_STATE_NO_APPROVAL))
		return;
	e->taken = true;
	a->result = REF_STORED;
	ref_changed(w);
}
