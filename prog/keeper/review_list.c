/* Which reviews are owed, and how those of a request stand. */
#include "prog/keeper/reviews.h"

#include "lib/codec/jcan.h"
#include "lib/model/field.h"
#include "lib/model/review.h"

#define REVIEWS_LIST_MAX 16u /* in one answer */

struct listing {
	struct keeper *k;
	struct jcan_out w;
	uint32_t count;
	uint64_t next; /* authorize leaf of the first that did not fit; 0: there is none */
	struct review_standing standing;
};

static void put_seats(struct jcan_out *w, const struct quorum_spec *seats)
{
	char text[SEAT_TEXT];

	jcan_out_key(w, "seats");
	jcan_out_array(w);
	for (size_t i = 0; i < seats->count; i++) {
		seat_text(&seats->seats[i], text);
		jcan_out_string(w, text);
	}
	jcan_out_array_end(w);
}

static void put_given(struct jcan_out *w, const struct review_standing *s)
{
	jcan_out_key(w, "given");
	jcan_out_array(w);
	for (size_t i = 0; i < s->count; i++) {
		const struct journal_review *r = &s->list[i];

		jcan_out_object(w);
		field_out_string(w, "channel", sshkey_channel_name(r->channel));
		field_out_u64(w, "leaf", r->leaf);
		jcan_out_key(w, "live");
		jcan_out_bool(w, s->live[i]);
		field_out_string(w, "person", r->person.s);
		field_out_digest(w, "statement", &r->statement);
		field_out_time(w, "time", r->given);
		field_out_string(w, "verdict", review_verdict(r->incident));
		jcan_out_object_end(w);
	}
	jcan_out_array_end(w);
}

static const char *state_of(const struct keeper *k, const struct journal_owed *o)
{
	if (o->done != 0)
		return "done";
	return k->round.now < o->due ? "owed" : "overdue";
}

/* Who is still asked; of one that is complete nobody. */
static rc put_missing(struct listing *l, const struct journal_owed *o)
{
	const struct review_standing *s = &l->standing;
	struct quorum_result q = {.missing_count = 0};

	if (o->done == 0)
		TRY(review_quorum(l->k->policy, l->k->roster, &s->who, s->voters, s->voter_count,
				  &q));
	quorum_json(&q, &l->w);
	jcan_out_key(&l->w, "never");
	jcan_out_array(&l->w);
	for (size_t i = 0; i < o->never_count; i++)
		jcan_out_string(&l->w, o->never[i].s);
	jcan_out_array_end(&l->w);
	return OK;
}

static rc put_owed(struct listing *l, const struct journal_owed *o)
{
	struct keeper *k = l->k;
	const struct quorum_spec *seats;
	struct journal_request row;
	struct digest entry;

	TRY(review_standing_of(k, o, &l->standing));
	TRY(review_seats(k->policy, k->roster, &l->standing.who, &seats));
	TRY(review_entry(k, o->authorize, &entry));
	TRY(journal_request_at(k->journal, o->request, &row, &k->round.fault));
	jcan_out_object(&l->w);
	field_out_u64(&l->w, "authorize", o->authorize);
	if (o->done != 0)
		field_out_u64(&l->w, "done", o->done);
	field_out_time(&l->w, "due", o->due);
	field_out_digest(&l->w, "entry", &entry);
	put_given(&l->w, &l->standing);
	field_out_string(&l->w, "key", o->key.s);
	TRY(put_missing(l, o));
	field_out_digest(&l->w, "request", &row.digest);
	put_seats(&l->w, seats);
	field_out_string(&l->w, "state", state_of(k, o));
	field_out_u64(&l->w, "use", o->use);
	jcan_out_object_end(&l->w);
	return OK;
}

static rc add_owed(void *ctx, const struct journal_owed *o)
{
	struct listing *l = (struct listing *)ctx;
	rc r;

	if (l->count == REVIEWS_LIST_MAX) {
		l->next = o->authorize;
		return OK;
	}
	l->count++;
	r = put_owed(l, o);
	review_standing_release(&l->standing);
	return r;
}

/* The leaf of the request that is asked about; 0: all that are owed. */
static rc read_request(struct call *c, const struct keeper_reviews *m, uint64_t *ret)
{
	static const struct digest none;
	struct journal_request row;
	rc r;

	*ret = 0;
	if (digest_is_equal(&m->request, &none))
		return OK;
	r = journal_request_get(c->k->journal, &m->request, &row, &c->k->round.fault);
	if (r.code == RC_NOTFOUND)
		return refuse(&c->why, REASON_STATE_UNKNOWN, "%s", "");
	TRY(r);
	*ret = row.leaf;
	return OK;
}

rc handle_reviews(struct call *c)
{
	AUTO(buf) struct buf json = {0};
	struct listing l = {.k = c->k};
	struct keeper_reviews m;
	uint64_t request;
	rc r = keeper_get_reviews(c->body, &m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	TRY(read_request(c, &m, &request));
	buf_init(&json, 1u << 20);
	jcan_out_init(&l.w, &json);
	jcan_out_object(&l.w);
	jcan_out_key(&l.w, "list");
	jcan_out_array(&l.w);
	TRY(journal_owed_each(c->k->journal, request, m.from, REVIEWS_LIST_MAX + 1, add_owed, &l,
			      &c->k->round.fault));
	jcan_out_array_end(&l.w);
	if (l.next != 0)
		field_out_u64(&l.w, "next", l.next);
	jcan_out_object_end(&l.w);
	TRY(jcan_out_done(&l.w));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_JSON, buf_view(&json));
	return OK;
}
