/* Reviews of uses that broke the glass: while one is overdue its key signs nothing. */
#include "tests/lib/reference.h"

#define CLOCK 300 /* seconds that a reviewer's clock may be off */

bool ref_is_overdue(const struct ref *w, int key)
{
	for (size_t i = 0; i < w->owed_count; i++)
		if (w->owed[i].key == key && !w->owed[i].done && w->now >= w->owed[i].due)
			return true;
	return false;
}

void ref_owe(struct ref *w, const struct ref_request *q, int rule, uint32_t use)
{
	const struct ref_rule *r = &w->policy.rules[rule];
	struct ref_owed *o;

	w->owed[w->owed_count] = (struct ref_owed){
		.key = q->key,
		.requester = q->requester,
		.use = use,
		.signed_at = w->now,
		.due = w->now + (unix_time)r->within,
		.seats = r->review,
	};
	o = &w->owed[w->owed_count++];
	for (int p = 0; p < REF_PEOPLE; p++)
		if (p == q->requester || ref_is_behind(w, q, p))
			o->never |= 1u << p;
}

const struct ref_seats *ref_review_seats(const struct ref *w, const struct ref_owed *o)
{
	static const struct ref_seats unlock = {{{2, -1, REF_ADMINS, REF_ANY}}, 1};

	return ref_can_be_filled(&w->roster, &o->seats, o->never) ? &o->seats : &unlock;
}

/* Who has reviewed it with a key that they still have, and may. */
static void find_voters(const struct ref *w, int owed, unsigned voters[REF_PEOPLE])
{
	for (size_t i = 0; i < w->review_count; i++) {
		const struct ref_review *v = &w->reviews[i];

		if (v->owed == owed && v->known && ref_listed(w, v->person, v->key) &&
		    (w->owed[owed].never & (1u << v->person)) == 0)
			voters[v->person] |= v->channel;
	}
}

static bool is_refused(const struct ref *w, const struct ref_request *q, const struct ref_review *v,
		       struct ref_answer *a)
{
	const struct ref_owed *o = &w->owed[v->owed];
	const struct ref_seats *seats = ref_review_seats(w, o);
	unsigned voters[REF_PEOPLE] = {0};

	find_voters(w, v->owed, voters);
	return ref_refuse(a, v->astray || o->done, REASON_STATE_REVIEW) ||
	       ref_refuse(a, v->time < o->signed_at - CLOCK || v->time > w->now + CLOCK,
			  REASON_FORM_TIME) ||
	       ref_refuse(a, v->person == o->requester, REASON_WHO_SELF) ||
	       ref_refuse(a, (o->never & (1u << v->person)) != 0 || ref_is_behind(w, q, v->person),
			  REASON_WHO_BEHIND) ||
	       ref_refuse(a, !ref_holds_seat(&w->roster, seats, v->person, REF_CLI | REF_BROWSER),
			  REASON_WHO_SEAT) ||
	       ref_refuse(a, !ref_holds_seat(&w->roster, seats, v->person, v->channel),
			  REASON_WHO_CHANNEL) ||
	       ref_refuse(a, (voters[v->person] & v->channel) != 0, REASON_APPROVE_DUPLICATE);
}

static void take(struct ref *w, struct ref_review *v)
{
	struct ref_owed *o = &w->owed[v->owed];
	const struct ref_seats *seats = ref_review_seats(w, o);
	unsigned voters[REF_PEOPLE] = {0};

	v->known = true;
	find_voters(w, v->owed, voters);
	o->done = ref_seats_filled(&w->roster, seats, voters) == ref_seats(seats);
	if (v->incident) {
		w->locked[o->key] = true;
		ref_bar_key(w, o->key);
	}
	ref_changed(w);
}

void ref_look_after(struct ref *w, struct ref_request *q, int n, struct ref_answer *a)
{
	struct ref_review *v = &w->reviews[n];

	ref_heard(w);
	if (ref_refuse(a, w->now < w->head, REASON_TIME_CLOCK) ||
	    ref_refuse(a, w->roster.gone[v->person], REASON_WHO_PERSON) ||
	    ref_refuse(a, !ref_listed(w, v->person, v->key), REASON_SIG_APPROVER))
		return;
	if (!v->known) {
		if (is_refused(w, q, v, a))
			return;
		take(w, v);
	}
	ref_conclude(w, q, false, a);
}
