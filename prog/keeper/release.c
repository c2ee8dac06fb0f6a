#include "prog/keeper/release.h"

#include "prog/keeper/gate.h"

bool release_is_held(const struct dossier *d)
{
	return d->row.spent > 0 && !d->row.released;
}

bool release_is_due(const struct keeper *k)
{
	return k->round.now >= k->dossier.request.release;
}

static void wait_for(struct decision *d, const struct refusal *why)
{
	d->outcome = OUTCOME_WAIT;
	d->refusal = *why;
}

/* The rule may be another by now; the log says what it did. */
static rc broke_glass(struct keeper *k, bool *ret)
{
	AUTO(buf) struct buf body = {0};
	struct journal_use use;
	struct leaf leaf;
	struct fault *f = &k->round.fault;

	buf_init(&body, LEAF_BYTES_MAX);
	TRY(journal_use_get(k->journal, k->dossier.row.leaf, 1, &use, f));
	TRY(journal_leaf_get(k->journal, use.authorize, NULL, &body, f));
	TRY(leaf_parse(buf_view(&body), &leaf, f));
	*ret = leaf.break_glass;
	return OK;
}

rc release_decide(struct keeper *k)
{
	struct dossier *d = &k->dossier;
	struct facts facts = {.request = &d->request,
			      .key_known = d->key != NULL,
			      .key_locked = d->key != NULL && dossier_key_state(k) == KEY_LOCKED,
			      .now = k->round.now,
			      .zones = &k->zones};
	struct refusal why = {0};
	bool glass = false;

	TRY(broke_glass(k, &glass));
	TRY(dossier_review(k, &facts.review));
	evaluate_release(k->policy, &facts, glass, &d->decision);
	/* As for every message that writes: also by a clock that was set back nothing leaves. */
	if (!rc_is_ok(gate_writable(k, &why)))
		wait_for(&d->decision, &why);
	return OK;
}

rc release_try(struct keeper *k)
{
	struct dossier *d = &k->dossier;

	if (d->state != STATE_COMMITTED || !release_is_held(d) ||
	    d->decision.outcome != OUTCOME_ALLOW)
		return OK;
	TRY(ledger_begin(&k->ledger, &k->round.fault));
	d->row.released = true;
	TRY(journal_request_set(k->journal, &d->row, &k->round.fault));
	return dossier_decide(k);
}
