#include "prog/keeper/preapproval.h"

#include <stdlib.h>
#include <string.h>

#include "lib/model/preapproval.h"
#include "prog/keeper/evidence.h"
#include "prog/keeper/gate.h"

struct incoming {
	const struct keeper_act *m;
	struct preapproval p;
	struct digest digest;
	struct good_sig signer;
	const struct principal *person;
	const struct rule *rule;
};

static rc check_key(const struct keeper *k, const struct preapproval *p, struct refusal *why)
{
	const struct key *key = keyring_find(k->keyring, &p->key);

	if (key == NULL)
		return refuse(why, REASON_KEY_UNKNOWN, "there is no key %s", p->key.s);
	if (!digest_is_equal(key_fingerprint(key), &p->key_fingerprint))
		return refuse(why, REASON_KEY_FINGERPRINT, "key %s has another fingerprint",
			      p->key.s);
	return OK;
}

/* As of an approval: what would never count is not stored. */
static rc check_seat(const struct incoming *in, struct refusal *why)
{
	const struct rule *rule = in->rule;
	const char *person = in->p.person.s;

	if (!rule->has_preapproved)
		return refuse(why, REASON_LIMIT_PREAPPROVAL,
			      "rule %s takes no approval before the request", rule->name.s);
	if (!quorum_holds_seat(&rule->approve, in->person, ~0u))
		return refuse(why, REASON_WHO_SEAT, "%s holds no seat of rule %s", person,
			      rule->name.s);
	if (!quorum_holds_seat(&rule->approve, in->person, 1u << in->signer.channel))
		return refuse(why, REASON_WHO_CHANNEL,
			      "%s holds no seat of rule %s for approvals of the channel %s", person,
			      rule->name.s, sshkey_channel_name(in->signer.channel));
	if (rule->unsynced && in->signer.synced)
		return refuse(why, REASON_APPROVE_SYNCED, "rule %s does not count it",
			      rule->name.s);
	return OK;
}

static rc check_rule(const struct keeper *k, struct incoming *in, struct refusal *why)
{
	size_t count;
	const struct rule_ref *refs = policy_rules_of(k->policy, &in->p.key, &count);

	for (size_t i = 0; i < count; i++) {
		struct digest d = policy_rule_digest(k->policy, refs[i].rule, k->roster, &in->p.key,
						     &in->p.key_fingerprint);

		if (!digest_is_equal(&d, &in->p.rule))
			continue;
		in->rule = refs[i].rule;
		return check_seat(in, why);
	}
	return refuse(why, REASON_APPROVE_RULE, "%s", in->p.person.s);
}

static const struct sshkey *key_of(const struct principal *p, const struct digest *fingerprint)
{
	for (size_t i = 0; i < p->key_count; i++)
		if (digest_is_equal(sshkey_fingerprint(p->keys[i]), fingerprint))
			return p->keys[i];
	return NULL;
}

/* Whether it still fills the seat that the new one would: by a key that the person still has, in
 * the same channel, and not too old. */
static bool is_like(const struct keeper *k, const struct incoming *in,
		    const struct journal_preapproval *old)
{
	const struct sshkey *key = key_of(in->person, &old->signer);
	unix_time now = k->round.now;

	return name_is_equal(&old->person, &in->p.person) &&
	       digest_is_equal(&old->rule, &in->p.rule) && key != NULL &&
	       sshkey_channel(key) == in->signer.channel &&
	       now < old->given + (unix_time)in->rule->preapproved_max_age &&
	       now < old->given + (unix_time)in->rule->approval_lifetime;
}

static rc check_others(struct keeper *k, const struct incoming *in, struct refusal *why)
{
	struct journal_preapproval list[PREAPPROVALS_MAX];
	size_t count;

	TRY(journal_preapproval_list(k->journal, &in->p.set, k->round.now, list, PREAPPROVALS_MAX,
				     &count, &k->round.fault));
	for (size_t i = 0; i < count; i++)
		if (is_like(k, in, &list[i]))
			return refuse(why, REASON_APPROVE_DUPLICATE,
				      "%s has approved these files already", in->p.person.s);
	if (count == PREAPPROVALS_MAX)
		return refuse(why, REASON_FORM_LIMIT, "%u live preapprovals of these files",
			      PREAPPROVALS_MAX);
	return OK;
}

static rc verify(struct keeper *k, struct incoming *in, struct refusal *why)
{
	struct hashed statement = {.bytes = in->m->statement};
	struct fault f = {0};
	rc r = preapproval_parse(in->m->statement, &in->p, &f);

	if (!rc_is_ok(r))
		return refuse_form(why, r, &f);
	TRY(check_origin(k, in->p.origin, why));
	in->person = roster_person(k->roster, &in->p.person);
	if (in->person == NULL)
		return refuse(why, REASON_WHO_PERSON, "%s is not in the roster", in->p.person.s);
	return verify_by(k, in->person, STATEMENT_PREAPPROVAL, &statement, in->m->sig,
			 REASON_SIG_APPROVER, &in->signer, why);
}

static rc store(struct keeper *k, const struct incoming *in, uint64_t *ret_leaf)
{
	struct leaf leaf = {.kind = LEAF_PREAPPROVAL,
			    .time = k->round.now,
			    .statement = in->digest,
			    .signature = digest_of(in->m->sig),
			    .items = in->p.set,
			    .key = in->p.key_fingerprint,
			    .uses = in->p.uses};
	struct journal_statement st = {.kind = STATEMENT_PREAPPROVAL, .digest = in->digest};
	struct journal_preapproval row = {.items = in->p.set,
					  .digest = in->digest,
					  .person = in->p.person,
					  .signer = in->signer.fingerprint,
					  .synced = in->signer.synced,
					  .fingerprint = in->p.key_fingerprint,
					  .rule = in->p.rule,
					  .given = k->round.now,
					  .expires = in->p.expires,
					  .uses = in->p.uses};
	struct fault *f = &k->round.fault;
	AUTO(buf) struct buf sigs = {0};

	buf_init(&sigs, JOURNAL_SIGS_MAX);
	sigs_put(&sigs, in->m->sig);
	TRY(buf_done(&sigs));
	TRY(ledger_append(&k->ledger, &leaf, ret_leaf, f));
	st.leaf = *ret_leaf;
	row.leaf = *ret_leaf;
	TRY(journal_statement_add(k->journal, &st, in->m->statement, buf_view(&sigs), f));
	return journal_preapproval_add(k->journal, &row, f);
}

static rc handle(struct call *c, struct incoming *in)
{
	struct keeper *k = c->k;
	struct journal_statement known;
	uint64_t leaf;
	rc r = journal_statement_get(k->journal, &in->digest, &known, NULL, NULL, &k->round.fault);

	if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
		return r;
	TRY(verify(k, in, &c->why));
	if (rc_is_ok(r)) {
		evidence_receipt(c, STATEMENT_PREAPPROVAL, &in->digest, "known", known.leaf);
		return OK;
	}
	if (in->p.expires <= k->round.now)
		return refuse(&c->why, REASON_APPROVE_EXPIRED, "%s", in->p.person.s);
	TRY(check_key(k, &in->p, &c->why));
	TRY(check_rule(k, in, &c->why));
	TRY(check_others(k, in, &c->why));
	TRY(store(k, in, &leaf));
	evidence_receipt(c, STATEMENT_PREAPPROVAL, &in->digest, "stored", leaf);
	return OK;
}

rc preapproval_act(struct call *c, const struct keeper_act *m)
{
	struct incoming *in = (struct incoming *)calloc(1, sizeof(*in));
	rc r;

	if (in == NULL)
		return RC(RC_NOMEM);
	in->m = m;
	in->digest = digest_of(m->statement);
	r = handle(c, in);
	free(in);
	return r;
}

rc preapproval_withdraw(struct call *c, const struct act *a, const struct keeper_act *m,
			const struct digest *statement)
{
	struct keeper *k = c->k;
	struct fault *f = &k->round.fault;
	struct leaf leaf = {.kind = LEAF_WITHDRAWAL,
			    .time = k->round.now,
			    .request = a->request,
			    .statement = *statement,
			    .signature = digest_of(m->sig)};
	struct journal_statement st = {.kind = STATEMENT_WITHDRAWAL, .digest = *statement};
	struct journal_statement known;
	AUTO(buf) struct buf sigs = {0};
	rc r = journal_statement_get(k->journal, statement, &known, NULL, NULL, f);

	if (rc_is_ok(r)) {
		evidence_receipt(c, STATEMENT_WITHDRAWAL, statement, "known", known.leaf);
		return OK;
	}
	if (r.code != RC_NOTFOUND)
		return r;
	r = journal_statement_get(k->journal, &a->approval, &known, NULL, NULL, f);
	if (r.code == RC_NOTFOUND || (rc_is_ok(r) && known.kind != STATEMENT_PREAPPROVAL))
		return refuse(&c->why, REASON_STATE_NO_APPROVAL, "there is no such preapproval");
	TRY(r);
	TRY(ledger_begin(&k->ledger, f));
	r = journal_preapproval_withdraw(k->journal, known.leaf, &a->person, f);
	if (r.code == RC_NOTFOUND)
		return refuse(&c->why, REASON_STATE_NO_APPROVAL,
			      "%s has no such preapproval to withdraw", a->person.s);
	TRY(r);
	buf_init(&sigs, JOURNAL_SIGS_MAX);
	sigs_put(&sigs, m->sig);
	TRY(buf_done(&sigs));
	TRY(ledger_append(&k->ledger, &leaf, &st.leaf, f));
	TRY(journal_statement_add(k->journal, &st, m->statement, buf_view(&sigs), f));
	evidence_receipt(c, STATEMENT_WITHDRAWAL, statement, "stored", st.leaf);
	return OK;
}

/* ---- Facts ----------------------------------------------------------------------------------*/

static bool takes_preapprovals(const struct keeper *k)
{
	size_t count;
	const struct rule_ref *refs = policy_rules_of(k->policy, &k->dossier.request.key, &count);

	for (size_t i = 0; i < count; i++)
		if (refs[i].rule->has_preapproved)
			return true;
	return false;
}

/* After the approvals of the request itself, which so take their seats first: they cost no use. */
static void fact_add(struct keeper *k, const struct journal_preapproval *p)
{
	struct dossier *d = &k->dossier;
	const struct principal *person = roster_person(k->roster, &p->person);
	const struct sshkey *key = person == NULL ? NULL : key_of(person, &p->signer);

	if (key == NULL || name_is_equal(&p->person, &d->request.requester) ||
	    !digest_is_equal(&p->fingerprint, &d->request.key_fingerprint) ||
	    d->fact_count >= QUORUM_PEOPLE_MAX)
		return;
	d->early[d->early_count].leaf = p->leaf;
	d->early[d->early_count++].statement = p->digest;
	d->facts[d->fact_count++] = (struct approval_fact){.person = p->person,
							   .rule = p->rule,
							   .statement = p->digest,
							   .given = p->given,
							   .expires = p->expires,
							   .channel = sshkey_channel(key),
							   .synced = p->synced,
							   .early = true};
}

rc dossier_preapprovals(struct keeper *k)
{
	struct dossier *d = &k->dossier;
	struct journal_preapproval list[PREAPPROVALS_MAX];
	struct digest set;
	size_t count;

	d->early_count = 0;
	/* A set that no preapproval can name has none. */
	if (!takes_preapprovals(k) || !rc_is_ok(preapproval_set_of(&d->request, &set)))
		return OK;
	TRY(journal_preapproval_list(k->journal, &set, k->round.now, list, PREAPPROVALS_MAX, &count,
				     &k->round.fault));
	for (size_t i = 0; i < count; i++)
		fact_add(k, &list[i]);
	return OK;
}

rc preapprovals_spend(struct keeper *k)
{
	struct dossier *d = &k->dossier;

	for (size_t i = 0; i < d->decision.counted_count; i++)
		for (size_t n = 0; n < d->early_count; n++)
			if (digest_is_equal(&d->decision.counted[i], &d->early[n].statement))
				TRY(journal_preapproval_spend(k->journal, d->early[n].leaf,
							      &k->round.fault));
	return OK;
}
