#include "prog/keeper/reviews.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/model/review.h"

#define REVIEW_CLOCK 300 /* seconds that the reviewer's clock may be off */

_Static_assert(JOURNAL_REVIEW_SPEC_MAX >= REVIEW_SPEC_BYTES, "every rule's review fits its row");
_Static_assert(JOURNAL_REVIEW_NEVER_MAX >= REVIEW_NEVER_MAX, "everybody behind a service fits");

/* ---- Owed -----------------------------------------------------------------------------------*/

rc dossier_review(struct keeper *k, struct review_fact *ret)
{
	struct journal_request row;
	struct journal_owed o;
	rc r = journal_owed_first(k->journal, &k->dossier.request.key, &o, &k->round.fault);

	*ret = (struct review_fact){.due = 0};
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	TRY(journal_request_at(k->journal, o.request, &row, &k->round.fault));
	*ret = (struct review_fact){.due = o.due, .request = row.digest, .use = o.use};
	return OK;
}

/* Those who are behind the request now, so that no later roster lets them review it. */
static rc add_never(const struct keeper *k, struct journal_owed *o)
{
	o->never[o->never_count++] = k->dossier.request.requester;
	for (size_t i = 0; i < k->roster->people_count; i++) {
		const struct principal *p = &k->roster->people[i];

		if (!dossier_is_behind(k, p))
			continue;
		if (o->never_count == JOURNAL_REVIEW_NEVER_MAX)
			return RC(RC_LIMIT);
		o->never[o->never_count++] = p->name;
	}
	return OK;
}

rc review_owe(struct keeper *k, const struct journal_use *use)
{
	const struct decision *d = &k->dossier.decision;
	const struct review_spec *spec = &d->rule->review;
	struct journal_owed o = {.authorize = use->authorize,
				 .request = use->request,
				 .use = use->use,
				 .key = k->dossier.request.key};

	if (!d->break_glass)
		return OK;
	o.due = k->round.now + (unix_time)spec->within;
	memcpy(o.spec, spec->json.ptr, spec->json.len);
	o.spec_len = spec->json.len;
	TRY(add_never(k, &o));
	return journal_owed_add(k->journal, &o, &k->round.fault);
}

/* ---- How one stands -------------------------------------------------------------------------*/

static bool key_is_theirs(const struct principal *p, const struct digest *fingerprint)
{
	for (size_t i = 0; p != NULL && i < p->key_count; i++)
		if (digest_is_equal(sshkey_fingerprint(p->keys[i]), fingerprint))
			return true;
	return false;
}

static void add_voter(struct review_standing *s, const struct name *person,
		      enum sshkey_channel channel)
{
	for (size_t i = 0; i < s->voter_count; i++)
		if (name_is_equal(&s->voters[i].name, person)) {
			s->voters[i].channels |= 1u << channel;
			return;
		}
	if (s->voter_count < QUORUM_PEOPLE_MAX)
		s->voters[s->voter_count++] = (struct voter){*person, 1u << channel};
}

rc review_standing_of(struct keeper *k, const struct journal_owed *o, struct review_standing *ret)
{
	struct fault *f = &k->round.fault;

	memset(ret, 0, sizeof(*ret));
	if (!rc_is_ok(review_spec_parse(view_of(o->spec, o->spec_len), &ret->spec, f)))
		return fault_set(f, RC_CORRUPT, 0, "journal: the seats of a review do not parse");
	ret->who = (struct review_case){
		.seats = &ret->spec.approve, .never = o->never, .never_count = o->never_count};
	TRY(journal_review_list(k->journal, o->authorize, ret->list, &ret->count, f));
	for (size_t i = 0; i < ret->count; i++) {
		const struct journal_review *r = &ret->list[i];

		ret->live[i] = key_is_theirs(roster_person(k->roster, &r->person), &r->signer);
		if (ret->live[i])
			add_voter(ret, &r->person, r->channel);
	}
	return OK;
}

rc review_entry(struct keeper *k, uint64_t authorize, struct digest *ret)
{
	AUTO(buf) struct buf leaf = {0};

	buf_init(&leaf, LEAF_BYTES_MAX);
	TRY(journal_leaf_get(k->journal, authorize, NULL, &leaf, &k->round.fault));
	*ret = digest_of(buf_view(&leaf));
	return OK;
}

/* ---- A review on its way in -----------------------------------------------------------------*/

struct incoming {
	const struct keeper_act *m;
	struct review review;
	struct digest digest;
	struct good_sig signer;
	const struct principal *person;
	struct journal_owed owed;
	struct review_standing standing;
	bool complete;
};

/* The message's own truth: form, origin, person, signature. */
static rc verify(struct call *c, struct incoming *in)
{
	struct hashed statement = {.bytes = in->m->statement};
	struct keeper *k = c->k;
	struct fault f = {0};
	rc r = review_parse(in->m->statement, &in->review, &f);

	if (!rc_is_ok(r))
		return refuse_form(&c->why, r, &f);
	TRY(check_origin(k, in->review.origin, &c->why));
	in->person = roster_person(k->roster, &in->review.person);
	if (in->person == NULL)
		return refuse(&c->why, REASON_WHO_PERSON, "%s is not in the roster",
			      in->review.person.s);
	return verify_by(k, in->person, STATEMENT_REVIEW, &statement, in->m->sig,
			 REASON_SIG_APPROVER, &in->signer, &c->why);
}

/* The very use that the statement names, which owes a review. */
static rc find_use(struct call *c, struct incoming *in)
{
	struct keeper *k = c->k;
	const struct review *a = &in->review;
	struct fault *f = &k->round.fault;
	struct journal_use use;
	struct digest entry;
	rc r = journal_use_get(k->journal, k->dossier.row.leaf, a->use, &use, f);

	if (r.code == RC_NOTFOUND)
		return refuse(&c->why, REASON_STATE_REVIEW, "there was no use %u", a->use);
	TRY(r);
	r = journal_owed_get(k->journal, use.authorize, &in->owed, f);
	if (r.code == RC_NOTFOUND)
		return refuse(&c->why, REASON_STATE_REVIEW, "use %u broke no glass", a->use);
	TRY(r);
	TRY(review_entry(k, use.authorize, &entry));
	if (!digest_is_equal(&entry, &a->authorize))
		return refuse(&c->why, REASON_STATE_REVIEW, "that is not the entry of use %u",
			      a->use);
	if (in->owed.done != 0)
		return refuse(&c->why, REASON_STATE_REVIEW, "the review of use %u is complete",
			      a->use);
	if (a->time < use.signed_at - REVIEW_CLOCK || a->time > k->round.now + REVIEW_CLOCK)
		return refuse(&c->why, REASON_FORM_TIME, "%s",
			      "the review was signed before the use, or in a time to come");
	return OK;
}

static rc check_reviewer(struct call *c, struct incoming *in)
{
	struct keeper *k = c->k;
	const struct review_standing *s = &in->standing;
	const struct name *who = &in->review.person;
	unsigned channel = 1u << in->signer.channel;
	const struct quorum_spec *seats;

	if (name_is_equal(who, &k->dossier.request.requester))
		return refuse(&c->why, REASON_WHO_SELF, "%s asked for it", who->s);
	if (review_is_never(&s->who, who) || dossier_is_behind(k, in->person))
		return refuse(&c->why, REASON_WHO_BEHIND, "%s is behind %s, which asked for it",
			      who->s, k->dossier.request.requester.s);
	TRY(review_seats(k->policy, k->roster, &s->who, &seats));
	if (!quorum_holds_seat(seats, in->person, ~0u))
		return refuse(&c->why, REASON_WHO_SEAT, "%s holds no seat of the review", who->s);
	if (!quorum_holds_seat(seats, in->person, channel))
		return refuse(&c->why, REASON_WHO_CHANNEL,
			      "%s holds no seat of the review for the channel %s", who->s,
			      sshkey_channel_name(in->signer.channel));
	for (size_t i = 0; i < s->count; i++)
		if (s->live[i] && name_is_equal(&s->list[i].person, who) &&
		    s->list[i].channel == in->signer.channel)
			return refuse(&c->why, REASON_APPROVE_DUPLICATE, "%s has reviewed it",
				      who->s);
	if (s->count == JOURNAL_REVIEWS_MAX)
		return refuse(&c->why, REASON_FORM_LIMIT, "%zu reviews", s->count);
	return OK;
}

/* Whoever reports an incident could lock the key as well: anybody of the roster can. The entry is
 * that of a lock, with the review as its statement. A key that is locked or retired stays so. */
static rc lock_key(struct keeper *k, const struct incoming *in)
{
	struct key_change change = {.action = KEY_LOCK, .key = in->owed.key};
	const struct key_order order = {
		.change = &change, .statement = in->digest, .now = k->round.now};
	struct leaf leaf = {.kind = LEAF_ADMIN,
			    .time = k->round.now,
			    .statement = in->digest,
			    .action = "key.lock",
			    .approvals = {digest_of(in->m->sig)},
			    .approval_count = 1};
	struct refusal why = {0};
	uint64_t index;
	rc r = keyring_plan(k->keyring, &order, &k->round.row, &why);

	/* "Locked" is a reason to wait, elsewhere. */
	if (r.code == RC_DENIED || r.code == RC_WAIT)
		return OK;
	TRY(r);
	leaf.object = k->round.row.fingerprint;
	TRY(ledger_append(&k->ledger, &leaf, &index, &k->round.fault));
	TRY(key_row_store(k, &k->round.row, &k->round.fault));
	TRY(access_bar_key(k, &in->owed.key, index));
	k->round.has_row = true;
	k->round.full = true;
	return OK;
}

static rc store(struct keeper *k, struct incoming *in, uint64_t *ret_leaf)
{
	struct fault *f = &k->round.fault;
	struct leaf leaf = {.kind = LEAF_REVIEW,
			    .time = k->round.now,
			    .request = in->review.request,
			    .statement = in->digest,
			    .signature = digest_of(in->m->sig),
			    .authorize = in->owed.authorize,
			    .use = in->review.use,
			    .complete = in->complete};
	struct journal_statement st = {.kind = STATEMENT_REVIEW, .digest = in->digest};
	struct journal_review row = {.authorize = in->owed.authorize,
				     .person = in->review.person,
				     .signer = in->signer.fingerprint,
				     .channel = in->signer.channel,
				     .incident = in->review.incident,
				     .given = k->round.now,
				     .statement = in->digest};
	AUTO(buf) struct buf sigs = {0};

	(void)snprintf(leaf.action, sizeof(leaf.action), "%s", review_verdict(in->review.incident));
	buf_init(&sigs, JOURNAL_SIGS_MAX);
	sigs_put(&sigs, in->m->sig);
	TRY(buf_done(&sigs));
	TRY(ledger_append(&k->ledger, &leaf, ret_leaf, f));
	st.leaf = *ret_leaf;
	row.leaf = *ret_leaf;
	TRY(journal_statement_add(k->journal, &st, in->m->statement, buf_view(&sigs), f));
	TRY(journal_review_add(k->journal, &row, f));
	if (in->complete)
		TRY(journal_owed_done(k->journal, in->owed.authorize, *ret_leaf, f));
	return in->review.incident ? lock_key(k, in) : OK;
}

/* Of a statement that is not known yet, about the request in the dossier. */
static rc take(struct call *c, struct incoming *in, uint64_t *ret_leaf)
{
	struct keeper *k = c->k;
	struct quorum_result q;

	TRY(find_use(c, in));
	TRY(review_standing_of(k, &in->owed, &in->standing));
	TRY(check_reviewer(c, in));
	add_voter(&in->standing, &in->review.person, in->signer.channel);
	TRY(review_quorum(k->policy, k->roster, &in->standing.who, in->standing.voters,
			  in->standing.voter_count, &q));
	in->complete = q.filled;
	return store(k, in, ret_leaf);
}

static rc handle(struct call *c, struct incoming *in)
{
	struct keeper *k = c->k;
	struct journal_statement known;
	uint64_t leaf = UINT64_MAX;
	rc r;

	TRY(verify(c, in));
	in->digest = digest_of(in->m->statement);
	r = journal_statement_get(k->journal, &in->digest, &known, NULL, NULL, &k->round.fault);
	if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
		return r;
	TRY(dossier_load(k, &in->review.request, &c->why));
	TRY(dossier_decide(k));
	/* The same bytes again: the status, and no second leaf. */
	if (rc_is_ok(r))
		return conclude(c, false, known.leaf);
	TRY(take(c, in, &leaf));
	TRY(dossier_decide(k));
	return conclude(c, false, leaf);
}

rc review_act(struct call *c, const struct keeper_act *m)
{
	struct incoming *in = (struct incoming *)calloc(1, sizeof(*in));
	rc r;

	if (in == NULL)
		return RC(RC_NOMEM);
	in->m = m;
	r = handle(c, in);
	review_standing_release(&in->standing);
	free(in);
	return r;
}
