/* How long the quorum has been full: signing waits for a while, so that somebody can step in.
 *
 * Nothing is remembered for it. The hold begins at the least time t at which the approvals that
 * count now, as far as they were given by then, fill the seats; so a withdrawal after which it is
 * not full any more starts it anew, and an approval too many changes nothing. */
#include "lib/policy/evaluate_impl.h"

/* What was said before the request counts from when there was one to look at. */
static unix_time begins(const struct facts *f, const struct approval_fact *a)
{
	return a->early && a->given < f->submitted ? f->submitted : a->given;
}

/* Those who have approved, in the order in which evaluate_approvals.c counts them. */
struct crowd {
	struct {
		const struct name *person;
		unsigned given; /* channels in which they have approved by now, */
		unsigned begun; /* and in which that had begun by then */
	} who[QUORUM_PEOPLE_MAX];
	size_t count;
	size_t given;
};

static void crowd_add(struct crowd *w, const struct approval_fact *a, bool begun)
{
	unsigned bit = 1u << a->channel;
	size_t at = 0;

	while (at < w->count && !name_is_equal(w->who[at].person, &a->person))
		at++;
	if (at == w->count || (w->who[at].given & bit) == 0) {
		if (w->given == QUORUM_PEOPLE_MAX)
			return;
		w->given++;
	}
	if (at == w->count)
		w->count++;
	w->who[at].person = &a->person;
	w->who[at].given |= bit;
	w->who[at].begun |= begun ? bit : 0;
}

/* Whether those of the approvals that count fill the seats which had begun by then. */
static bool filled_by(const struct eval *c, const struct rule *rule, const struct digest *digest,
		      unix_time then)
{
	struct voter voters[QUORUM_PEOPLE_MAX];
	struct quorum_result q;
	struct crowd w = {.count = 0};
	size_t count = 0;

	for (size_t i = 0; i < c->facts->approval_count; i++) {
		const struct approval_fact *a = &c->facts->approvals[i];

		if (approval_flaw(c, rule, digest, a) == REASON_NONE)
			crowd_add(&w, a, begins(c->facts, a) <= then);
	}
	for (size_t i = 0; i < w.count; i++)
		if (w.who[i].begun != 0)
			voters[count++] = (struct voter){*w.who[i].person, w.who[i].begun};
	return rc_is_ok(quorum_solve(&rule->approve, c->roster, voters, count,
				     &c->request->requester, &q)) &&
	       q.filled;
}

/* The least of the times at which an approval began that fills the seats; `now` if there is none:
 * then the whole hold is still to come. */
static unix_time full_since(const struct eval *c, const struct rule *rule,
			    const struct digest *digest)
{
	unix_time best = c->facts->now;

	for (size_t i = 0; i < c->facts->approval_count; i++) {
		unix_time t = begins(c->facts, &c->facts->approvals[i]);

		/* More approvals fill no fewer seats: only what is earlier need be looked at. */
		if (t < best && filled_by(c, rule, digest, t))
			best = t;
	}
	return best;
}

void check_hold(const struct eval *c, const struct rule *rule, struct decision *d)
{
	char text[TIME_TEXT] = "?";
	unix_time since;

	if (rule->hold == 0 || c->facts->without_hold || !d->quorum.filled)
		return;
	since = full_since(c, rule, &d->rule_digest);
	rc_ignore(time_format(since, text), "then the text has a ?");
	if (c->facts->now - since >= (unix_time)rule->hold)
		check_add(d, REASON_TIME_HOLD, OUTCOME_ALLOW,
			  "all seats are filled since %s; rule %.64s holds for %llu seconds", text,
			  rule->name.s, (unsigned long long)rule->hold);
	else
		check_add_wait(d, REASON_TIME_HOLD, since + (unix_time)rule->hold,
			       "all seats are filled since %s; rule %.64s holds for %llu seconds",
			       text, rule->name.s, (unsigned long long)rule->hold);
}
