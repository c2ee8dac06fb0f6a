/* Submit, explain, commit, show, result. */
#include "prog/keeper/gate.h"

#include <string.h>

#include "prog/keeper/oidc.h"
#include "prog/keeper/release.h"

/* A dossier for a statement that the journal does not hold (yet). */
static rc read_submission(struct call *c, struct view statement, const struct digest *id)
{
	struct dossier *d = &c->k->dossier;
	struct fault f = {0};
	rc r;

	if (statement.len > REQUEST_BYTES_MAX)
		return refuse(&c->why, REASON_FORM_LIMIT, "statement of %zu bytes", statement.len);
	d->statement = statement;
	r = request_parse(statement, &d->request, &f);
	if (!rc_is_ok(r))
		return refuse_form(&c->why, r, &f);
	d->row = (struct journal_request){.digest = *id,
					  .uses = d->request.uses,
					  .submitted = c->k->round.now,
					  .deadline = d->request.deadline,
					  .closed = REASON_NONE};
	return OK;
}

static rc store_request(struct keeper *k, const struct keeper_submit *m, struct fault *f)
{
	struct dossier *d = &k->dossier;
	struct leaf leaf = {.kind = LEAF_REQUEST,
			    .time = k->round.now,
			    .request = d->row.digest,
			    .key = d->request.key_fingerprint,
			    .count = d->request.count};
	struct journal_statement st = {.kind = STATEMENT_REQUEST, .digest = d->row.digest};
	AUTO(buf) struct buf sigs = {0};

	buf_init(&sigs, JOURNAL_SIGS_MAX);
	/* Of a token its record is kept, never the token. */
	sigs_put(&sigs, d->token.len > 0 ? view_of(d->token.mem, d->token.len) : m->requester_sig);
	sigs_put(&sigs, m->host_sig);
	TRY(buf_done(&sigs));
	TRY(dossier_items(d, &leaf.items));
	TRY(ledger_append(&k->ledger, &leaf, &d->row.leaf, f));
	st.leaf = d->row.leaf;
	TRY(journal_statement_add(k->journal, &st, m->statement, buf_view(&sigs), f));
	TRY(journal_request_add(k->journal, &d->row, f));
	TRY(token_spend(k, f));
	d->known = true;
	return OK;
}

rc conclude(struct call *c, bool sign, uint64_t leaf)
{
	struct dossier *d = &c->k->dossier;
	rc r;

	if (sign && d->row.spent > 0)
		return use_await(c, d->row.spent, leaf, &c->why);
	if (sign && d->state == STATE_OPEN && d->decision.outcome == OUTCOME_ALLOW) {
		r = use_commit(c->k, &c->why);
		if (rc_is_ok(r))
			return use_await(c, d->row.spent, leaf, &c->why);
		/* What came with this message is stored all the same: it waits, like for people. */
		if (r.code != RC_WAIT)
			return r;
		d->decision.outcome = OUTCOME_WAIT;
		d->decision.refusal = c->why;
	}
	TRY(release_try(c->k));
	return dossier_status(c, leaf);
}

/* A use that was committed before: only what is held needs a decision. */
static rc await_old(struct call *c, uint32_t use)
{
	if (release_is_held(&c->k->dossier))
		TRY(dossier_decide(c->k));
	return use_await(c, use, UINT64_MAX, &c->why);
}

rc handle_submit(struct call *c)
{
	struct keeper *k = c->k;
	struct keeper_submit m;
	struct journal_request row;
	struct digest id;
	rc r = keeper_get_submit(c->body, &m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	id = digest_of(m.statement);
	r = journal_request_get(k->journal, &id, &row, &k->round.fault);
	if (rc_is_ok(r)) {
		TRY(dossier_load_row(k, &row));
		TRY(dossier_decide(k));
		return conclude(c, m.sign, UINT64_MAX);
	}
	if (r.code != RC_NOTFOUND)
		return r;
	TRY(read_submission(c, m.statement, &id));
	TRY(verify_submission(k, &m, true, &c->why));
	TRY(dossier_decide(k));
	if (k->dossier.decision.outcome == OUTCOME_DENY) {
		c->why = k->dossier.decision.refusal;
		return RC(RC_DENIED);
	}
	TRY(store_request(k, &m, &k->round.fault));
	return conclude(c, m.sign, k->dossier.row.leaf);
}

/* Nothing is stored and nothing is wrong with being refused: the status says why. */
rc handle_explain(struct call *c)
{
	struct keeper *k = c->k;
	struct keeper_submit m;
	struct digest id;
	bool signatures;
	rc r = keeper_get_submit(c->body, &m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	signatures = m.requester_sig.len > 0 || m.host_sig.len > 0;
	id = digest_of(m.statement);
	TRY(read_submission(c, m.statement, &id));
	TRY(verify_submission(k, &m, signatures, &c->why));
	TRY(dossier_decide(k));
	return dossier_status(c, UINT64_MAX);
}

rc handle_commit(struct call *c)
{
	struct keeper *k = c->k;
	struct dossier *d = &k->dossier;
	struct keeper_commit m;
	rc r = keeper_get_commit(c->body, &m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	TRY(dossier_load(k, &m.request, &c->why));
	if (m.use == 0 || m.use > d->row.uses)
		return refuse(&c->why, REASON_STATE_USES, "use %u of %u", m.use, d->row.uses);
	if (m.use <= d->row.spent)
		return await_old(c, m.use);
	if (m.use != d->row.spent + 1)
		return refuse(&c->why, REASON_STATE_USES, "use %u comes before use %u",
			      d->row.spent + 1, m.use);
	TRY(dossier_decide(k));
	if (d->state != STATE_OPEN || d->decision.outcome != OUTCOME_ALLOW) {
		k->refused[d->decision.refusal.reason]++;
		return dossier_status(c, UINT64_MAX);
	}
	TRY(use_commit(k, &c->why));
	return use_await(c, m.use, UINT64_MAX, &c->why);
}

rc handle_show(struct call *c)
{
	struct digest id;
	rc r = keeper_get_digest(c->body, &id);

	if (!rc_is_ok(r))
		return malformed(c, r);
	TRY(dossier_load(c->k, &id, &c->why));
	TRY(dossier_decide(c->k));
	TRY(release_try(c->k));
	return dossier_status(c, UINT64_MAX);
}

rc handle_result(struct call *c)
{
	struct keeper_commit m;
	rc r = keeper_get_commit(c->body, &m);

	if (!rc_is_ok(r))
		return malformed(c, r);
	TRY(dossier_load(c->k, &m.request, &c->why));
	if (m.use == 0 || m.use > c->k->dossier.row.spent)
		return refuse(&c->why, REASON_STATE_USES, "use %u has not been committed", m.use);
	return await_old(c, m.use);
}
