/* Uses of a request: the commit, the job, the result (P4, P9). */
#include "prog/keeper/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "prog/keeper/release.h"

/* ---- Commit --------------------------------------------------------------------------------*/

static bool room_for(const struct keeper *k, size_t bytes)
{
	size_t jobs = k->job_count + k->round.job_count;
	size_t all = k->job_bytes + bytes;

	for (size_t i = 0; i < k->round.job_count; i++)
		all += k->round.jobs[i]->bytes;
	/* One job alone may be larger than the limit: it would never find room otherwise. */
	return jobs < SIGN_JOBS_MAX && (all <= SIGN_JOBS_BYTES || jobs == 0);
}

static rc authorize_leaf(struct keeper *k, uint32_t use, struct leaf *leaf)
{
	struct dossier *d = &k->dossier;

	*leaf = (struct leaf){.kind = LEAF_AUTHORIZE,
			      .time = k->round.now,
			      .request = d->row.digest,
			      .key = *key_fingerprint(d->key),
			      .policy = k->policy->digest,
			      .roster = k->roster->digest,
			      .rule = d->decision.rule_digest,
			      .count = d->request.count,
			      .use = use,
			      .break_glass = d->decision.break_glass,
			      .approval_count = d->decision.counted_count};
	memcpy(leaf->approvals, d->decision.counted,
	       d->decision.counted_count * sizeof(leaf->approvals[0]));
	if (d->decision.grant != NULL)
		leaf->grant = d->decision.grant->statement;
	TRY(dossier_evidence_count(k, &leaf->evidence));
	leaf->token = d->token.record;
	return dossier_items(d, &leaf->items);
}
_Static_assert(QUORUM_PEOPLE_MAX <= LEAF_APPROVALS_MAX, "every counted approval fits the leaf");

rc use_commit(struct keeper *k, struct refusal *why)
{
	struct dossier *d = &k->dossier;
	struct journal_use use = {.request = d->row.leaf,
				  .use = d->row.spent + 1,
				  .signed_at = k->round.now,
				  .cert = key_tbs(d->key)->cert_digest};
	struct journal_request row = d->row;
	struct sign_job *job;
	struct leaf leaf;

	if (!room_for(k, sign_job_bytes(&d->request, d->statement.len, key_algorithm(d->key))))
		return refuse(why, REASON_KEEPER_BUSY, "%zu uses are being signed",
			      k->job_count + k->round.job_count);
	TRY(ledger_begin(&k->ledger, &k->round.fault));
	TRY(authorize_leaf(k, use.use, &leaf));
	TRY(ledger_append(&k->ledger, &leaf, &use.authorize, &k->round.fault));
	TRY(journal_use_add(k->journal, &use, &d->request.key, &d->request.requester,
			    &k->round.fault));
	TRY(preapprovals_spend(k));
	TRY(review_owe(k, &use));
	row.spent = use.use;
	row.released = row.released || release_is_due(k);
	TRY(journal_request_set(k->journal, &row, &k->round.fault));
	/* The items move into the job; the rest of the dossier is still good for a status. */
	size_t count = d->request.count;
	TRY(sign_job_new(&d->request, d->statement, d->key, &use, &job));
	d->request.count = count;
	job->request_id = row.digest;
	k->round.jobs[k->round.job_count++] = job;
	d->row = row;
	d->state = STATE_COMMITTED;
	return release_is_held(d) ? release_decide(k) : OK;
}

/* The one way to a result: whoever waits here is served by use_result(), and nobody else is. What
 * is held gets no waiter, so that no job that ends, in this process or after a crash, gives it out.
 */
rc use_await(struct call *c, uint32_t use, uint64_t leaf, struct refusal *why)
{
	struct keeper *k = c->k;
	const uint64_t request = k->dossier.row.leaf;
	struct journal_use row;

	if (release_is_held(&k->dossier)) {
		TRY(release_try(k));
		if (release_is_held(&k->dossier))
			return dossier_status(c, leaf);
	}
	if (k->waiter_count == WAITERS_MAX)
		return refuse(why, REASON_KEEPER_BUSY, "%u results are being waited for",
			      WAITERS_MAX);
	TRY(journal_use_get(k->journal, request, use, &row, &k->round.fault));
	k->waiters[k->waiter_count++] =
		(struct waiter){.to = c->to, .request = request, .use = use, .ready = row.done};
	return OK;
}

/* ---- Result --------------------------------------------------------------------------------*/

static rc issue(struct keeper *k, struct sign_job *j, struct fault *f)
{
	struct leaf leaf = {.kind = LEAF_ISSUE,
			    .time = k->round.now,
			    .request = j->request_id,
			    .key = *key_fingerprint(j->key),
			    .signatures = j->root,
			    .authorize = j->use.authorize,
			    .count = j->request.count,
			    .use = j->use.use};
	struct journal_request row;

	TRY(ledger_append(&k->ledger, &leaf, &j->use.issue, f));
	TRY(journal_result_add(k->journal, &j->use, buf_view(&j->signatures), f));
	TRY(journal_request_at(k->journal, j->use.request, &row, f));
	row.done++;
	TRY(journal_request_set(k->journal, &row, f));
	j->use.done = true;
	for (size_t i = 0; i < k->waiter_count; i++)
		if (k->waiters[i].work == NULL && k->waiters[i].request == j->use.request &&
		    k->waiters[i].use == j->use.use)
			k->waiters[i].marked = true;
	return OK;
}

rc uses_finish(struct keeper *k, struct fault *f)
{
	struct work *w;

	for (w = k->finished; w != NULL; w = w->next) {
		struct sign_job *j = (struct sign_job *)w;

		if (w->finish == NULL)
			TRY(key_work_finish(k, (struct key_work *)w, f));
		else if (!j->failed)
			TRY(issue(k, j, f));
	}
	return OK;
}

static rc result_fill(struct keeper *k, const struct waiter *w, struct keeper_result *m,
		      struct buf mem[3], struct fault *f)
{
	struct journal_request row;
	struct journal_use use;
	struct leaf leaf;

	TRY(journal_request_at(k->journal, w->request, &row, f));
	TRY(journal_use_get(k->journal, w->request, w->use, &use, f));
	/* Never ahead of the checkpoint that the guard holds (P4, P5). */
	if (!row.released)
		return fault_set(f, RC_STATE, 0, "use %u is held", w->use);
	if (!use.done || use.issue >= guard_mark(k->ledger.guard)->head.size)
		return fault_set(f, RC_STATE, 0, "use %u is not under a checkpoint", w->use);
	TRY(journal_result_get(k->journal, use.issue, &mem[0], f));
	TRY(journal_leaf_get(k->journal, use.issue, NULL, &mem[1], f));
	TRY(ledger_proof(&k->ledger, use.issue, &mem[2], f));
	TRY(leaf_parse(buf_view(&mem[1]), &leaf, f));
	*m = (struct keeper_result){.request = row.digest,
				    .use = use.use,
				    .signed_at = use.signed_at,
				    .key = leaf.key,
				    .cert = use.cert,
				    .authorize_leaf = use.authorize,
				    .issue_leaf = use.issue,
				    .leaf = buf_view(&mem[1]),
				    .proof = buf_view(&mem[2]),
				    .count = (uint32_t)leaf.count,
				    .signatures = buf_view(&mem[0])};
	return OK;
}

rc use_result(struct keeper *k, const struct waiter *w, struct buf *out, struct fault *f)
{
	struct keeper_result m;
	struct buf mem[3];
	rc r;

	buf_init(&mem[0], JOURNAL_RESULT_MAX);
	buf_init(&mem[1], LEAF_BYTES_MAX);
	buf_init(&mem[2], KEEPER_PROOF_MAX);
	r = result_fill(k, w, &m, mem, f);
	if (rc_is_ok(r))
		keeper_put_result(out, w->to.correlation, &m);
	for (size_t i = 0; i < 3; i++)
		buf_release(&mem[i]);
	return r;
}

/* ---- After a crash, and after a failure ----------------------------------------------------*/

/* RC_STATE: this one cannot be signed now, go on with the next. */
static rc load_one(struct keeper *k, const struct journal_use *use, struct fault *f)
{
	struct dossier *d = &k->dossier;
	struct journal_request row;
	struct sign_job *job;

	TRY(journal_request_at(k->journal, use->request, &row, f));
	TRY(dossier_load_row(k, &row));
	d->key = keyring_find(k->keyring, &d->request.key);
	if (d->key == NULL || key_tbs(d->key) == NULL ||
	    !digest_is_equal(&key_tbs(d->key)->cert_digest, &use->cert))
		return fault_set(f, RC_STATE, 0,
				 "use %u of the request at leaf %llu needs a key or certificate "
				 "that is not here",
				 use->use, (unsigned long long)use->request);
	if (!room_for(k, sign_job_bytes(&d->request, d->statement.len, key_algorithm(d->key))))
		return RC(RC_BUSY);
	TRY(sign_job_new(&d->request, d->statement, d->key, use, &job));
	job->request_id = row.digest;
	k->round.jobs[k->round.job_count++] = job;
	return OK;
}

rc uses_load(struct keeper *k, struct fault *f)
{
	struct journal_use use;

	while (k->pending_from < k->pending_end) {
		rc r = journal_use_pending(k->journal, k->pending_from, &use, f);

		if (r.code == RC_NOTFOUND || (rc_is_ok(r) && use.authorize >= k->pending_end)) {
			k->pending_from = k->pending_end;
			return OK;
		}
		TRY(r);
		r = load_one(k, &use, f);
		if (r.code == RC_BUSY)
			return OK;
		if (r.code == RC_STATE)
			log_err("%s", f->text);
		else
			TRY(r);
		k->pending_from = use.authorize + 1;
	}
	return OK;
}

void uses_retry(struct keeper *k, int64_t mono)
{
	for (size_t i = 0; i < k->job_count; i++) {
		struct sign_job *j = k->jobs[i];

		if (j->retry_at == 0 || j->retry_at > mono)
			continue;
		j->retry_at = 0;
		sign_job_reset(j);
		pool_submit(k->pool, &j->work);
	}
}

int uses_retry_in(const struct keeper *k, int64_t mono)
{
	int64_t best = -1;

	for (size_t i = 0; i < k->job_count; i++) {
		int64_t at = k->jobs[i]->retry_at;

		if (at == 0)
			continue;
		at = at > mono ? at - mono : 0;
		if (best < 0 || at < best)
			best = at;
	}
	return best > RETRY_SECONDS ? RETRY_SECONDS : (int)best;
}

bool uses_in_flight(const struct keeper *k, const struct key *key)
{
	const struct digest *fp = key_fingerprint(key);

	for (size_t i = 0; i < k->job_count; i++)
		if (digest_is_equal(key_fingerprint(k->jobs[i]->key), fp))
			return true;
	for (size_t i = 0; i < k->round.job_count; i++)
		if (digest_is_equal(key_fingerprint(k->round.jobs[i]->key), fp))
			return true;
	/* Those an earlier process left and that are not loaded: whose key is not looked up. */
	return k->pending_from < k->pending_end;
}
