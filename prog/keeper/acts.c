/* What people say about a request: approval, denial, withdrawal, cancellation. */
#include "prog/keeper/evidence.h"
#include "prog/keeper/gate.h"
#include "prog/keeper/preapproval.h"
#include "prog/keeper/release.h"
#include "prog/keeper/reviews.h"

#include <string.h>

#include "lib/crypt/jwt.h"
#include "prog/keeper/oidc.h"

/* One act on its way in. */
struct incoming {
	struct keeper_act m;
	struct act act;
	struct digest digest;
	struct good_sig signer;
	const struct principal *person;
	uint64_t withdraws; /* leaf of the approval */
	/* of a job's token, in place of a signature: its record is kept, never the token */
	uint8_t record_mem[TOKEN_RECORD_MAX];
	struct buf record;
};

/* The rule that the approver signed for, if it still reads the same. */
static const struct rule *rule_of(const struct keeper *k, const struct digest *digest)
{
	const struct request *q = &k->dossier.request;

	size_t count;
	const struct rule_ref *refs = policy_rules_of(k->policy, &q->key, &count);

	for (size_t i = 0; i < count; i++) {
		struct digest d = policy_rule_digest(k->policy, refs[i].rule, k->roster, &q->key,
						     &q->key_fingerprint);

		if (digest_is_equal(&d, digest))
			return refs[i].rule;
	}
	return NULL;
}

static rc check_approval(struct keeper *k, struct incoming *in, struct refusal *why)
{
	const struct dossier *d = &k->dossier;
	const struct act *a = &in->act;
	const struct rule *rule;

	if (name_is_equal(&a->person, &d->request.requester))
		return refuse(why, REASON_WHO_SELF, "%s asked for it", a->person.s);
	if (dossier_is_behind(k, in->person))
		return refuse(why, REASON_WHO_BEHIND, "%s is behind %s, which asked for it",
			      a->person.s, d->request.requester.s);
	if (a->expires <= k->round.now)
		return refuse(why, REASON_APPROVE_EXPIRED, "%s", a->person.s);
	rule = rule_of(k, &a->rule);
	if (rule == NULL)
		return refuse(why, REASON_APPROVE_RULE, "%s", a->person.s);
	if (!quorum_holds_seat(&rule->approve, in->person, ~0u))
		return refuse(why, REASON_WHO_SEAT, "%s holds no seat of rule %s", a->person.s,
			      rule->name.s);
	if (!quorum_holds_seat(&rule->approve, in->person, 1u << in->signer.channel))
		return refuse(why, REASON_WHO_CHANNEL,
			      "%s holds no seat of rule %s for approvals of the channel %s",
			      a->person.s, rule->name.s, sshkey_channel_name(in->signer.channel));
	if (rule->unsynced && in->signer.synced)
		return refuse(why, REASON_APPROVE_SYNCED, "rule %s does not count it",
			      rule->name.s);
	for (size_t i = 0; i < d->act_count; i++) {
		const struct journal_act *old = &d->acts[i];

		if (old->kind == STATEMENT_APPROVAL && d->dead[i] == REASON_NONE &&
		    name_is_equal(&old->person, &a->person) && old->channel == in->signer.channel &&
		    digest_is_equal(&old->rule, &a->rule) &&
		    k->round.now < old->given + (unix_time)rule->approval_lifetime)
			return refuse(why, REASON_APPROVE_DUPLICATE, "%s has approved already",
				      a->person.s);
	}
	return check_seen(k, &a->person, a->seen_size, &a->seen_root, why);
}

/* Any rule for the key: who may approve may also say no. */
static rc check_denial(struct keeper *k, struct incoming *in, struct refusal *why)
{
	const struct request *q = &k->dossier.request;

	for (size_t i = 0; i < k->policy->rule_count; i++) {
		const struct rule *rule = &k->policy->rules[i];

		for (size_t n = 0; n < rule->key_count; n++)
			if (name_is_equal(&rule->keys[n], &q->key) &&
			    quorum_holds_seat(&rule->approve, in->person, ~0u))
				return OK;
	}
	return refuse(why, REASON_WHO_SEAT, "%s holds no seat of a rule for this key",
		      in->act.person.s);
}

static rc check_withdrawal(struct keeper *k, struct incoming *in, struct refusal *why)
{
	const struct dossier *d = &k->dossier;

	for (size_t i = 0; i < d->act_count; i++) {
		const struct journal_act *a = &d->acts[i];

		if (a->kind == STATEMENT_APPROVAL && !a->withdrawn &&
		    digest_is_equal(&a->digest, &in->act.approval) &&
		    name_is_equal(&a->person, &in->act.person)) {
			in->withdraws = a->leaf;
			return OK;
		}
	}
	return refuse(why, REASON_STATE_NO_APPROVAL, "%s has no such approval to withdraw",
		      in->act.person.s);
}

static rc check_cancellation(struct keeper *k, struct incoming *in, struct refusal *why)
{
	if (!name_is_equal(&in->act.person, &k->dossier.request.requester))
		return refuse(why, REASON_WHO_OWNER, "%s did not ask for it", in->act.person.s);
	return OK;
}

static const struct {
	enum leaf_kind leaf;
	enum reason closes;
	rc (*check)(struct keeper *k, struct incoming *in, struct refusal *why);
} acts[] = {
	[STATEMENT_APPROVAL] = {LEAF_APPROVAL, REASON_NONE, check_approval},
	[STATEMENT_DENIAL] = {LEAF_DENIAL, REASON_STATE_DENIED, check_denial},
	[STATEMENT_WITHDRAWAL] = {LEAF_WITHDRAWAL, REASON_NONE, check_withdrawal},
	[STATEMENT_CANCELLATION] = {LEAF_CANCEL, REASON_STATE_CANCELLED, check_cancellation},
};

/* Approvals are limited so that each can still be withdrawn and the request still be closed: who
 * approves and withdraws without end must not take the others' "no" away. */
#define APPROVALS_MAX ((JOURNAL_ACTS_MAX - 1) / 2)
_Static_assert(APPROVALS_MAX >= QUORUM_PEOPLE_MAX, "everybody who holds a seat can approve once");

static size_t approvals_of(const struct dossier *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->act_count; i++)
		n += d->acts[i].kind == STATEMENT_APPROVAL;
	return n;
}

static rc check_state(const struct dossier *d, enum statement_kind kind, struct refusal *why)
{
	switch (d->state) {
	case STATE_OPEN:
		break;
	case STATE_COMMITTED:
		if (release_is_held(d) && acts[kind].closes != REASON_NONE)
			break;
		return refuse(why, REASON_STATE_COMMITTED, "%s", "");
	case STATE_DONE:
		return refuse(why,
			      kind == STATEMENT_APPROVAL ? REASON_STATE_USES
							 : REASON_STATE_COMMITTED,
			      "%s", "");
	case STATE_CLOSED:
		return refuse(why,
			      d->row.closed != REASON_NONE ? d->row.closed : REASON_STATE_EXPIRED,
			      "%s", "");
	}
	/* Preapprovals make room: they come after the approvals, as far as there is any. */
	if (kind == STATEMENT_APPROVAL && (approvals_of(d) >= APPROVALS_MAX ||
					   d->fact_count - d->early_count >= QUORUM_PEOPLE_MAX))
		return refuse(why, REASON_FORM_LIMIT, "the request has had %zu approvals",
			      approvals_of(d));
	if (d->act_count == JOURNAL_ACTS_MAX)
		return refuse(why, REASON_FORM_LIMIT, "the request has %u acts", JOURNAL_ACTS_MAX);
	return OK;
}

/* The message's own truth: form, origin, person, signature. */
static rc verify_act(struct call *c, struct incoming *in)
{
	struct keeper *k = c->k;
	struct fault f = {0};
	struct hashed statement;
	rc r;

	if (in->m.statement.len > ACT_BYTES_MAX)
		return refuse(&c->why, REASON_FORM_LIMIT, "statement of %zu bytes",
			      in->m.statement.len);
	r = act_parse(in->m.kind, in->m.statement, &in->act, &f);
	if (!rc_is_ok(r))
		return refuse_form(&c->why, r, &f);
	TRY(check_origin(k, in->act.origin, &c->why));
	/* A service cancels what it asked for; it says nothing else. */
	in->person = in->m.kind == STATEMENT_CANCELLATION
			     ? roster_requester(k->roster, &in->act.person)
			     : roster_person(k->roster, &in->act.person);
	if (in->person == NULL)
		return refuse(&c->why, REASON_WHO_PERSON, "%s is not in the roster",
			      in->act.person.s);
	if (in->person->kind == PRINCIPAL_SERVICE && jwt_is_like(in->m.sig)) {
		buf_init_fixed(&in->record, in->record_mem, sizeof(in->record_mem));
		in->signer.channel = SSHKEY_CLI; /* of a key that there is not */
		return token_verify_cancel(k, in->person, &in->digest, in->m.sig, &in->record,
					   &c->why);
	}
	statement = (struct hashed){.bytes = in->m.statement};
	return verify_by(k, in->person, in->m.kind, &statement, in->m.sig, REASON_SIG_APPROVER,
			 &in->signer, &c->why);
}

static rc store_act(struct keeper *k, struct incoming *in, uint64_t *ret_leaf, struct fault *f)
{
	struct dossier *d = &k->dossier;
	struct leaf leaf = {.kind = acts[in->m.kind].leaf,
			    .time = k->round.now,
			    .request = d->row.digest,
			    .statement = in->digest,
			    .signature = digest_of(in->m.sig)};
	struct journal_statement st = {.kind = in->m.kind, .digest = in->digest};
	struct journal_act row = {.request = d->row.leaf,
				  .kind = in->m.kind,
				  .digest = in->digest,
				  .person = in->act.person,
				  .signer = in->signer.fingerprint,
				  .channel = in->signer.channel,
				  .synced = in->signer.synced,
				  .rule = in->act.rule,
				  .given = k->round.now,
				  .expires = in->act.expires};
	AUTO(buf) struct buf sigs = {0};

	buf_init(&sigs, JOURNAL_SIGS_MAX);
	sigs_put(&sigs, in->record.len > 0 ? buf_view(&in->record) : in->m.sig);
	TRY(buf_done(&sigs));
	TRY(ledger_append(&k->ledger, &leaf, ret_leaf, f));
	st.leaf = *ret_leaf;
	row.leaf = *ret_leaf;
	TRY(journal_statement_add(k->journal, &st, in->m.statement, buf_view(&sigs), f));
	TRY(journal_act_add(k->journal, &row, f));
	d->acts[d->act_count++] = row;
	if (in->m.kind == STATEMENT_WITHDRAWAL) {
		TRY(journal_act_withdraw(k->journal, in->withdraws, f));
		for (size_t i = 0; i < d->act_count; i++)
			if (d->acts[i].leaf == in->withdraws)
				d->acts[i].withdrawn = true;
	}
	if (acts[in->m.kind].closes == REASON_NONE)
		return OK;
	d->row.closed = acts[in->m.kind].closes;
	return journal_request_set(k->journal, &d->row, f);
}

rc handle_act(struct call *c)
{
	struct keeper *k = c->k;
	struct journal_statement known;
	struct incoming in = {0};
	uint64_t leaf = UINT64_MAX;
	rc r = keeper_get_act(c->body, &in.m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	if (in.m.kind == STATEMENT_SCAN || in.m.kind == STATEMENT_REBUILD ||
	    in.m.kind == STATEMENT_PROVENANCE)
		return evidence_act(c, &in.m);
	if (in.m.kind == STATEMENT_PREAPPROVAL)
		return preapproval_act(c, &in.m);
	if (in.m.kind == STATEMENT_REVIEW)
		return review_act(c, &in.m);
	if (in.m.kind < STATEMENT_APPROVAL || in.m.kind > STATEMENT_CANCELLATION)
		return malformed(c, RC(RC_UNKNOWN));
	in.digest = digest_of(in.m.statement);
	r = journal_statement_get(k->journal, &in.digest, &known, NULL, NULL, &k->round.fault);
	if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
		return r;
	TRY(verify_act(c, &in));
	if (in.m.kind == STATEMENT_WITHDRAWAL && digest_is_equal(&in.act.request, &in.act.approval))
		return preapproval_withdraw(c, &in.act, &in.m, &in.digest);
	TRY(dossier_load(k, &in.act.request, &c->why));
	TRY(dossier_decide(k));
	/* The same bytes again: the status, and no second leaf. */
	if (r.code == RC_NOTFOUND) {
		TRY(check_state(&k->dossier, in.m.kind, &c->why));
		TRY(acts[in.m.kind].check(k, &in, &c->why));
		TRY(store_act(k, &in, &leaf, &k->round.fault));
		TRY(dossier_decide(k));
	} else {
		leaf = known.leaf;
	}
	return conclude(c, in.m.sign && in.m.kind == STATEMENT_APPROVAL, leaf);
}
