/* Access to a key for a while: what its owners grant, what ends it, and what it does to a decision.
 *
 * Owns: the rows of grants. Must not own: who may grant (lib/policy/grant.h), what a grant lets
 * pass (evaluate()). Nothing about a grant is remembered but the statement, its signatures and
 * whether it was ended: whether it holds is asked anew each time.
 *
 * Whoever carries statements can keep one back that has all its signatures, and play it when people
 * believe that all access has ended. So each "no" is a bar to what was asked for before it: a grant
 * names the log as its person had seen it, and is refused if an entry after that ended access of
 * the person to the key, locked the key, or took one of its signers out of the roster. */
#include "prog/keeper/changes.h"

#include <string.h>

#include "lib/codec/jcan.h"
#include "lib/model/field.h"
#include "lib/policy/grant.h"

#define GRANTS_LIST_MAX 256u /* in one answer */

/* ---- Whether a grant holds ------------------------------------------------------------------*/

/* Weighs the row's statement, as the journal has it, against policy and roster in force. */
static rc weigh_row(struct keeper *k, const struct journal_grant *row, enum reason *ret_reason,
		    struct grant_fact *ret)
{
	struct voter voters[CHANGE_SIGNATURES_MAX];
	struct view sig[CHANGE_SIGNATURES_MAX];
	struct fault *f = &k->round.fault;
	AUTO(buf) struct buf body = {0};
	AUTO(buf) struct buf sigs = {0};
	struct journal_statement st;
	struct access_change change;
	struct grant g = {.change = &change, .statement = row->statement, .given = row->given};
	struct view rest;
	size_t count = 0;

	buf_init(&body, ACCESS_BYTES_MAX);
	buf_init(&sigs, JOURNAL_SIGS_MAX);
	TRY(journal_statement_get(k->journal, &row->statement, &st, &body, &sigs, f));
	if (st.kind != STATEMENT_ACCESS ||
	    !rc_is_ok(access_change_parse(buf_view(&body), &change, f)))
		return fault_set(f, RC_CORRUPT, 0, "journal: a stored grant does not parse");
	rest = buf_view(&sigs);
	while (rest.len > 0 && count < CHANGE_SIGNATURES_MAX)
		TRY(view_string(&rest, KEEPER_SIG_MAX, &sig[count++]));
	g.voters = voters;
	g.voter_count = grant_voters(k->roster, sig, count, voters);
	return grant_weigh(k->policy, k->roster, &g, k->round.now, ret_reason, ret);
}

/* One that holds for any host and one for the request's are enough: whoever has many that do not
 * hold any more must not lose the one that does. */
static rc take_live(void *ctx, const struct journal_grant *row)
{
	struct keeper *k = (struct keeper *)ctx;
	struct dossier *d = &k->dossier;
	struct grant_fact fact;
	enum reason why;

	for (size_t i = 0; i < d->grant_count; i++)
		if ((d->grants[i].host.s[0] == '\0') == (row->host.s[0] == '\0'))
			return OK;
	TRY(weigh_row(k, row, &why, &fact));
	if (why == REASON_NONE)
		d->grants[d->grant_count++] = fact;
	return OK;
}

rc dossier_grants(struct keeper *k)
{
	struct dossier *d = &k->dossier;
	const struct request *q = &d->request;
	const struct key_policy *key = policy_key(k->policy, &q->key);
	struct journal_grant of = {.key = q->key, .person = q->requester, .host = q->host};

	d->grant_count = 0;
	if (key == NULL || key->owners.count == 0 ||
	    roster_person(k->roster, &q->requester) == NULL)
		return OK;
	return journal_grant_live(k->journal, &of, k->round.now, take_live, k, &k->round.fault);
}

/* ---- Grant ----------------------------------------------------------------------------------*/

static rc check_grant(struct keeper *k, const struct access_change *a, struct refusal *why)
{
	const struct key_policy *key = policy_key(k->policy, &a->key);
	unix_time now = k->round.now;

	if (key == NULL || key->owners.count == 0)
		return refuse(why, REASON_ACCESS_OWNER, "the policy names no owners of key %s",
			      a->key.s);
	if (roster_person(k->roster, &a->person) == NULL)
		return refuse(why, REASON_WHO_PERSON, "%s is no person of the roster", a->person.s);
	if (a->host.s[0] != '\0' && roster_host(k->roster, &a->host) == NULL)
		return refuse(why, REASON_WHO_HOST, "%s is not in the roster", a->host.s);
	if (a->until <= now)
		return refuse(why, REASON_ACCESS_LIFE, "%s", "its end is not in the future");
	if ((uint64_t)(a->until - now) > key->access_max_life)
		return refuse(why, REASON_ACCESS_LIFE,
			      "it would last %llu s, and the policy permits %llu s for key %s",
			      (unsigned long long)(a->until - now),
			      (unsigned long long)key->access_max_life, a->key.s);
	return OK;
}

/* The row of the statement; RC_NOTFOUND. A row of an ended one refuses. */
static rc check_ended(struct keeper *k, const struct access_change *a, const struct digest *id,
		      struct refusal *why)
{
	struct journal_grant row = {.statement = *id, .key = a->key, .person = a->person};
	rc r = journal_grant_get(k->journal, &row, &k->round.fault);

	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	return refuse(why, REASON_ACCESS_REVOKED, "an owner or %s has said no", a->person.s);
}

/* The newest entry that ends what this person signed, or was to get, of the key: not after what was
 * seen. */
static rc check_bar(struct keeper *k, const struct access_change *a, const struct name *key,
		    const struct name *person, struct refusal *why)
{
	uint64_t leaf;
	rc r = journal_bar_get(k->journal, key, person, &leaf, &k->round.fault);

	if (r.code == RC_NOTFOUND || (rc_is_ok(r) && leaf < a->seen_size))
		return OK;
	TRY(r);
	return refuse(why, REASON_ACCESS_REVOKED,
		      "entry %llu of the log, which came after it was asked for, ends what %s had "
		      "of key %s, locks the key, or has the roster without %s: ask anew",
		      (unsigned long long)leaf, person->s, a->key.s, person->s);
}

static rc check_bars(struct keeper *k, const struct change *ch, const struct access_change *a,
		     struct refusal *why)
{
	static const struct name no_key = {""};

	TRY(check_seen(k, &a->person, a->seen_size, &a->seen_root, why));
	TRY(check_bar(k, a, &a->key, &a->person, why));
	/* An owner who has left and come back, with the same key. */
	for (size_t i = 0; i < ch->people_count; i++)
		TRY(check_bar(k, a, &no_key, &ch->people[i].name, why));
	return OK;
}

static rc grant_store(struct call *c, struct change *ch, const struct access_change *a)
{
	struct keeper *k = c->k;
	struct change_answer answer = {.kind = STATEMENT_ACCESS, .id = ch->id, .object = &ch->id};
	struct journal_grant row = {.statement = ch->id,
				    .key = a->key,
				    .person = a->person,
				    .host = a->host,
				    .role = a->role,
				    .granted = true,
				    .given = k->round.now,
				    .until = a->until};
	struct leaf leaf;

	change_leaf(k, ch, "access.grant", &leaf);
	leaf.object = ch->id;
	TRY(change_store(k, ch, &leaf, &answer.leaf));
	row.leaf = answer.leaf;
	TRY(journal_grant_put(k->journal, &row, &k->round.fault));
	return change_reply(c, &answer);
}

static rc change_grant(struct call *c, struct change *ch, const struct access_change *a)
{
	struct keeper *k = c->k;
	struct quorum_result q;

	TRY(check_grant(k, a, &c->why));
	TRY(check_ended(k, a, &ch->id, &c->why));
	TRY(check_bars(k, ch, a, &c->why));
	TRY(grant_quorum(k->policy, k->roster, a, ch->people, ch->people_count, &q));
	ch->seats = &policy_key(k->policy, &a->key)->owners; /* check_grant: there are some */
	ch->asks = &a->person;
	return q.filled ? grant_store(c, ch, a) : change_missing(c, ch, &q);
}

/* ---- Denied, revoked ------------------------------------------------------------------------*/

static rc check_may_end(struct keeper *k, const struct change *ch, const struct access_change *a,
			struct refusal *why)
{
	for (size_t i = 0; i < ch->people_count; i++) {
		const struct principal *p = roster_person(k->roster, &ch->people[i].name);

		if (p != NULL && grant_may_end(k->policy, p, &a->key, &a->person))
			return OK;
	}
	return refuse(why, REASON_ACCESS_OWNER, "nobody who signed owns key %s, or is %s", a->key.s,
		      a->person.s);
}

/* What the row will be. Nobody is to believe that a grant has ended which has another key or
 * person. */
static rc plan_end(struct keeper *k, const struct access_change *a, struct journal_grant *row,
		   struct refusal *why)
{
	struct journal_statement st;
	rc r;

	*row = (struct journal_grant){.statement = a->grant, .key = a->key, .person = a->person};
	r = journal_grant_get(k->journal, row, &k->round.fault);
	if (rc_is_ok(r) && row->ended != 0)
		return refuse(why, REASON_ACCESS_REVOKED, "%s", "it has ended already");
	if (r.code != RC_NOTFOUND)
		return r;
	r = journal_statement_get(k->journal, &a->grant, &st, NULL, NULL, &k->round.fault);
	if (rc_is_ok(r))
		return refuse(why, REASON_CHANGE_INVALID, "that is no grant of key %s to %s",
			      a->key.s, a->person.s);
	return r.code == RC_NOTFOUND ? OK : r;
}

static rc change_end(struct call *c, struct change *ch, const struct access_change *a)
{
	struct keeper *k = c->k;
	struct change_answer answer = {.kind = STATEMENT_ACCESS, .id = ch->id, .object = &a->grant};
	struct journal_grant row;
	struct leaf leaf;

	TRY(check_may_end(k, ch, a, &c->why));
	TRY(plan_end(k, a, &row, &c->why));
	change_leaf(k, ch, row.granted ? "access.revoke" : "access.deny", &leaf);
	leaf.object = a->grant;
	TRY(change_store(k, ch, &leaf, &answer.leaf));
	if (!row.granted)
		row.leaf = answer.leaf;
	row.ended = k->round.now;
	row.ended_by = ch->id;
	TRY(journal_grant_put(k->journal, &row, &k->round.fault));
	TRY(journal_bar_put(k->journal, &a->key, &a->person, answer.leaf, &k->round.fault));
	return change_reply(c, &answer);
}

rc access_bar_key(struct keeper *k, const struct name *key, uint64_t leaf)
{
	static const struct name any = {""};

	return journal_bar_put(k->journal, key, &any, leaf, &k->round.fault);
}

rc access_prune(struct keeper *k, const struct roster *next, const struct digest *statement,
		uint64_t leaf)
{
	static const struct name any = {""};
	struct fault *f = &k->round.fault;

	for (size_t i = 0; i < k->roster->people_count; i++) {
		const struct name *who = &k->roster->people[i].name;

		if (roster_person(next, who) != NULL)
			continue;
		TRY(journal_grant_leave(k->journal, who, k->round.now, statement, f));
		TRY(journal_bar_put(k->journal, &any, who, leaf, f));
	}
	return OK;
}

rc change_access(struct call *c, struct change *ch)
{
	struct keeper *k = c->k;
	struct access_change a;
	struct fault f = {0};
	rc r = access_change_parse(ch->m.statement, &a, &f);

	if (!rc_is_ok(r))
		return refuse_form(&c->why, r, &f);
	TRY(check_origin(k, a.origin, &c->why));
	if (a.expires < k->round.now)
		return refuse(&c->why, REASON_CHANGE_EXPIRED, "%s", "");
	TRY(change_verify(k, ch, &c->why));
	return a.action == ACCESS_GRANT ? change_grant(c, ch, &a) : change_end(c, ch, &a);
}

/* ---- List -----------------------------------------------------------------------------------*/

struct listing {
	struct keeper *k;
	struct jcan_out w;
	uint32_t count;
	uint64_t next; /* leaf of the first that did not fit; 0: there is none */
};

static rc state_of(struct keeper *k, const struct journal_grant *g, const char **ret,
		   enum reason *ret_why)
{
	struct grant_fact fact;

	*ret_why = REASON_NONE;
	if (g->ended != 0) {
		*ret = g->granted ? "revoked" : "denied";
		return OK;
	}
	TRY(weigh_row(k, g, ret_why, &fact));
	if (*ret_why == REASON_NONE)
		*ret = "live";
	else
		*ret = *ret_why == REASON_ACCESS_LIFE ? "expired" : "void";
	return OK;
}

static rc put_grant(void *ctx, const struct journal_grant *g)
{
	struct listing *l = (struct listing *)ctx;
	enum reason why;
	const char *state;

	if (l->count == GRANTS_LIST_MAX) {
		l->next = g->leaf;
		return OK;
	}
	l->count++;
	TRY(state_of(l->k, g, &state, &why));
	jcan_out_object(&l->w);
	if (g->ended != 0) {
		field_out_time(&l->w, "ended", g->ended);
		field_out_digest(&l->w, "ended_by", &g->ended_by);
	}
	if (g->granted)
		field_out_time(&l->w, "given", g->given);
	field_out_digest(&l->w, "grant", &g->statement);
	if (g->host.s[0] != '\0')
		field_out_string(&l->w, "host", g->host.s);
	field_out_string(&l->w, "key", g->key.s);
	field_out_u64(&l->w, "leaf", g->leaf);
	field_out_string(&l->w, "person", g->person.s);
	if (why != REASON_NONE)
		field_out_string(&l->w, "reason", reason_id(why));
	if (g->granted)
		field_out_string(&l->w, "role", access_role_name(g->role));
	field_out_string(&l->w, "state", state);
	if (g->granted)
		field_out_time(&l->w, "until", g->until);
	jcan_out_object_end(&l->w);
	return OK;
}

static rc read_name(struct view in, struct name *ret)
{
	return in.len == 0 ? OK : name_parse(in, ret);
}

rc handle_grants(struct call *c)
{
	AUTO(buf) struct buf json = {0};
	struct listing l = {.k = c->k};
	struct journal_grant of = {0};
	struct keeper_grants m;
	rc r = keeper_get_grants(c->body, &m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (!rc_is_ok(read_name(m.key, &of.key)) || !rc_is_ok(read_name(m.person, &of.person)))
		return refuse(&c->why, REASON_FORM_MESSAGE, "%s", "grants: not a name");
	of.leaf = m.from;
	buf_init(&json, 1u << 20);
	jcan_out_init(&l.w, &json);
	jcan_out_object(&l.w);
	jcan_out_key(&l.w, "grants");
	jcan_out_array(&l.w);
	TRY(journal_grant_each(c->k->journal, &of, GRANTS_LIST_MAX + 1, put_grant, &l,
			       &c->k->round.fault));
	jcan_out_array_end(&l.w);
	if (l.next != 0)
		field_out_u64(&l.w, "next", l.next);
	jcan_out_object_end(&l.w);
	TRY(jcan_out_done(&l.w));
	keeper_put_bytes(c->out, c->to.correlation, KEEPER_R_JSON, buf_view(&json));
	return OK;
}
