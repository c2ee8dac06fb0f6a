/* The next policy or roster: at once, or after a delay in which people can object. */
#include "tests/lib/reference.h"

#define RESCUERS ((1u << REF_RESCUERS) - 1)
#define ADMINS (1u << 4 | 1u << 5) /* erin and frank: 2 of admins change things */

/* ---- In force -------------------------------------------------------------------------------*/

static void put_in_force(struct ref *w, int n)
{
	struct ref_document *d = &w->documents[n];
	bool locked = w->pool.lock != REF_FREE;

	d->state = REF_IN_FORCE;
	w->in_force[d->roster] = n;
	ref_changed(w);
	if (!d->roster) {
		w->policy = d->p;
		return;
	}
	ref_bar_people(w, &d->r);
	w->roster = d->r;
	/* What is known of a host goes with it, but for a lock. */
	if (d->r.host_gone[REF_POOL])
		w->pool = (struct ref_pool){.key = -1,
					    .invited = REF_NO_CHIP,
					    .row = locked,
					    .lock = locked ? REF_HELD : REF_FREE};
}

void ref_run_waiting(struct ref *w)
{
	for (int i = 0; i < 2; i++) {
		int n = w->waiting[i];

		if (n < 0 || w->now < w->documents[n].due || w->now < w->head)
			continue;
		w->waiting[i] = -1;
		put_in_force(w, n);
	}
}

void ref_take_document(struct ref *w, int n)
{
	struct ref_document *d = &w->documents[n];
	uint32_t delay = d->recovery ? w->policy.recovery : w->policy.delay;

	if (d->state != REF_NEW)
		return;
	if (delay == 0) {
		put_in_force(w, n);
		return;
	}
	d->state = REF_WAITING;
	d->due = w->now + (unix_time)delay;
	w->waiting[d->roster] = n;
	ref_changed(w);
}

/* ---- A new one ------------------------------------------------------------------------------*/

/* With what is in force and what waits beside it, whichever comes first. */
static enum ref_taken fits(const struct ref *w, const struct ref_document *d)
{
	int other = w->waiting[!d->roster];
	enum ref_taken a =
		ref_takes(d->roster ? &w->policy : &d->p, d->roster ? &d->r : &w->roster);
	enum ref_taken b = a;

	if (other >= 0)
		b = ref_takes(d->roster ? &w->documents[other].p : &d->p,
			      d->roster ? &d->r : &w->documents[other].r);
	if (a == REF_REFUSED || b == REF_REFUSED)
		return REF_REFUSED;
	return a == REF_EITHER || b == REF_EITHER ? REF_EITHER : REF_TAKEN;
}

static bool are_listed(const struct ref *w, unsigned signers)
{
	for (int p = 0; p < REF_PEOPLE; p++)
		if ((signers & (1u << p)) != 0 && !ref_listed(w, p, 0))
			return false;
	return true;
}

static bool is_refused(const struct ref *w, const struct ref_document *d, struct ref_answer *a)
{
	int other = w->waiting[d->roster];
	bool recovered = other >= 0 && w->documents[other].recovery;
	enum ref_taken t;

	if (ref_refuse(a, d->expires < w->now, REASON_CHANGE_EXPIRED) ||
	    ref_refuse(a, d->recovery && (w->policy.recovery == 0 || (d->signers & ~RESCUERS) != 0),
		       REASON_CHANGE_RECOVERY) ||
	    ref_refuse(a, !d->recovery && !are_listed(w, d->signers), REASON_SIG_ADMIN) ||
	    ref_refuse(a, d->previous != w->in_force[d->roster], REASON_CHANGE_PREVIOUS) ||
	    ref_refuse(a, other >= 0, recovered ? REASON_CHANGE_RECOVERY : REASON_CHANGE_DELAY))
		return true;
	/* The fixture's own documents have none of what the reference knows. */
	t = w->in_force[0] < 0 ? REF_TAKEN : fits(w, d);
	(void)(ref_refuse(a, t == REF_REFUSED, REASON_CHANGE_INVALID) ||
	       ref_refuse(a, d->skips > 0, REASON_CHANGE_VERSION));
	a->either = t == REF_EITHER;
	return a->type == KEEPER_R_ERROR;
}

void ref_propose(struct ref *w, int n, struct ref_answer *a)
{
	const struct ref_document *d = &w->documents[n];
	uint32_t delay;

	ref_heard(w);
	delay = d->recovery ? w->policy.recovery : w->policy.delay;
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK) ||
	    ref_refuse(a, d->state == REF_STOPPED, REASON_CHANGE_OBJECTION))
		return;
	*a = (struct ref_answer){.type = KEEPER_R_CHANGE,
				 .result = d->state == REF_WAITING ? REF_ACCEPTED : REF_DONE};
	if (d->state != REF_NEW || is_refused(w, d, a))
		return;
	if (d->recovery ? __builtin_popcount(d->signers) < REF_NEED
			: (d->signers & ADMINS) != ADMINS)
		a->result = REF_MISSING;
	else if (delay > 0)
		a->result = REF_ACCEPTED;
}

/* ---- Objections -----------------------------------------------------------------------------*/

void ref_object(struct ref *w, int n, struct ref_answer *a)
{
	struct ref_objection *o = &w->objections[n];
	struct ref_document *d = &w->documents[o->document];

	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK))
		return;
	*a = (struct ref_answer){.type = KEEPER_R_CHANGE, .result = REF_DONE};
	if (o->known || ref_refuse(a, d->state != REF_WAITING, REASON_CHANGE_OBJECTION) ||
	    ref_refuse(a, !are_listed(w, o->signers), REASON_SIG_ADMIN) ||
	    ref_refuse(a, (o->signers & ~ADMINS) != 0, REASON_WHO_SEAT))
		return;
	/* Against a recovery, whose keys are nobody's, stands the whole quorum. */
	if (d->recovery && o->signers != ADMINS) {
		a->result = REF_MISSING;
		return;
	}
	o->known = true;
	d->state = REF_STOPPED;
	w->waiting[d->roster] = -1;
	ref_changed(w);
}
