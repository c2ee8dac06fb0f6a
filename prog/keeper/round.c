/* The round: begin, commit, publish, apply, answer; and what is in memory at start. */
#include "prog/keeper/keeper.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/log.h"
#include "prog/keeper/enrol.h"
#include "prog/keeper/waiting.h"

static int64_t mono_seconds(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static int64_t mono_ms(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void put_refusal(struct buf *out, uint64_t correlation, const struct refusal *why)
{
	struct keeper_error m = {.reason = why->reason};

	memcpy(m.text, why->text, sizeof(m.text));
	m.text[sizeof(m.text) - 1] = '\0';
	if (m.text[0] == '\0')
		(void)strncpy(m.text, reason_what(why->reason), sizeof(m.text) - 1);
	keeper_put_error(out, correlation, &m);
}

void sigs_put(struct buf *out, struct view sig)
{
	buf_put_string(out, sig);
}

void round_begin(struct keeper *k)
{
	struct round *r = &k->round;

	memset(r, 0, sizeof(*r));
	r->now = clock_now(k->clock);
	r->waiters = k->waiter_count;
	key_row_init(&r->row);
}

void round_forget_documents(struct round *r)
{
	policy_free(r->policy);
	roster_free(r->roster);
	r->policy = NULL;
	r->roster = NULL;
}

/* ---- End -----------------------------------------------------------------------------------*/

static void drop(struct keeper *k)
{
	struct round *r = &k->round;

	ledger_rollback(&k->ledger);
	for (size_t i = 0; i < r->job_count; i++)
		sign_job_free(r->jobs[i]);
	key_work_free(r->key_work);
	round_forget_documents(r);
	key_row_release(&r->row);
	k->waiter_count = r->waiters;
	for (size_t i = 0; i < k->waiter_count; i++)
		k->waiters[i].marked = false;
	r->job_count = 0;
	r->key_work = NULL;
	r->has_row = false;
}

static void forget_job(struct keeper *k, const struct sign_job *j)
{
	for (size_t i = 0; i < k->job_count; i++)
		if (k->jobs[i] == j) {
			k->job_bytes -= j->bytes;
			k->jobs[i] = k->jobs[--k->job_count];
			return;
		}
}

static void forget_key_work(struct keeper *k, const struct key_work *w)
{
	for (size_t i = 0; i < k->key_work_count; i++)
		if (k->key_works[i] == w) {
			k->key_works[i] = k->key_works[--k->key_work_count];
			return;
		}
}

/* A key operation failed: it is tried again for ever, for the use is spent; those who wait are
 * told. */
static void put_off(struct keeper *k, struct sign_job *j)
{
	/* A key that is not found was there when the keyring took it: an HSM that lost its store.
	 */
	bool token = j->fault.code == RC_TOKEN || j->fault.code == RC_BUSY ||
		     j->fault.code == RC_NOTFOUND;
	enum reason reason = token ? REASON_KEY_TOKEN : REASON_KEEPER_INTERNAL;
	char id[DIGEST_HEX];

	digest_hex(&j->request_id, id);
	log_err("request %.16s use %u: %s: %s", id, j->use.use, reason_id(reason), j->fault.text);
	j->retry_at = mono_seconds() + RETRY_SECONDS;
	for (size_t i = 0; i < k->waiter_count; i++) {
		struct waiter *w = &k->waiters[i];

		if (w->work != NULL || w->request != j->use.request || w->use != j->use.use)
			continue;
		rc_ignore(refuse(&w->why, reason, "%s", j->fault.text), "only words are wanted");
		w->ready = true;
	}
}

static rc put_row(struct keeper *k, const struct key_row *row, struct fault *f)
{
	rc r = keyring_put(k->keyring, row, f);

	if (!rc_is_ok(r))
		log_err("key %s: stored, but not loaded: %s", row->name.s, f->text);
	return r;
}

/* What the pool finished is now in the journal, or is put off; those who wait are served when it is
 * published. Every key work has exactly one waiter, who frees it. */
static void settle(struct keeper *k)
{
	struct work *next;

	for (size_t i = 0; i < k->waiter_count; i++) {
		k->waiters[i].ready = k->waiters[i].ready || k->waiters[i].marked;
		k->waiters[i].marked = false;
	}
	for (struct work *w = k->finished; w != NULL; w = next) {
		struct sign_job *j = (struct sign_job *)w;

		next = w->next;
		if (w->finish == NULL) {
			forget_key_work(k, (struct key_work *)w);
		} else if (j->failed) {
			put_off(k, j);
		} else {
			forget_job(k, j);
			sign_job_free(j);
		}
	}
	k->finished = NULL;
}

/* Nothing here may fail in a way that memory and journal differ: where it does, the caller ends the
 * process and the journal is loaded again. */
static rc apply(struct keeper *k, struct fault *f)
{
	struct round *r = &k->round;
	rc bad = OK;

	if (r->policy != NULL) {
		policy_free(k->policy);
		k->policy = r->policy;
		r->policy = NULL;
	}
	if (r->roster != NULL) {
		roster_free(k->roster);
		k->roster = r->roster;
		r->roster = NULL;
	}
	if (r->waiting) {
		TRY(waiting_load(k, f));
		k->waiting_retry = 0;
		r->waiting = false;
	}
	if (r->has_row)
		bad = put_row(k, &r->row, f);
	key_row_release(&r->row);
	for (const struct work *w = k->finished; w != NULL; w = w->next) {
		const struct key_work *kw = (const struct key_work *)w;

		if (w->finish == NULL && kw->has_row && rc_is_ok(bad))
			bad = put_row(k, &kw->row, f);
	}
	TRY(bad);
	for (size_t i = 0; i < r->job_count; i++) {
		struct sign_job *j = r->jobs[i];

		k->jobs[k->job_count++] = j;
		k->job_bytes += j->bytes;
		pool_submit(k->pool, &j->work);
	}
	r->job_count = 0;
	if (r->key_work != NULL) {
		k->key_works[k->key_work_count++] = r->key_work;
		pool_submit(k->pool, &r->key_work->work);
		r->key_work = NULL;
	}
	settle(k);
	return OK;
}

/* While keys are at work another round follows soon; the files of public/ are then written once for
 * several rounds. */
static rc publish(struct keeper *k, bool *ret_fatal, struct fault *f)
{
	int64_t now = mono_ms();
	bool later;
	rc r;

	if (!k->ledger.behind)
		return OK;
	if (k->behind_ms == 0)
		k->behind_ms = now;
	later = k->job_count > 0 && now - k->behind_ms < LEDGER_LATER_MS;
	r = ledger_publish(&k->ledger, later, ret_fatal, f);
	if (!k->ledger.behind)
		k->behind_ms = 0;
	return r;
}

rc round_end(struct keeper *k, bool *ret_fatal, struct fault *f)
{
	rc r;

	*ret_fatal = false;
	if (k->round.failed) {
		*f = k->round.fault;
		drop(k);
		return RC(f->code != RC_OK ? f->code : RC_IO);
	}
	r = ledger_commit(&k->ledger, f);
	if (!rc_is_ok(r)) {
		*ret_fatal = r.code != RC_NOSPACE && r.code != RC_TOKEN && r.code != RC_CRYPTO;
		drop(k);
		return r;
	}
	/* Authorize leaves are durable: keys may be used from here on, even if publishing fails. */
	r = apply(k, f);
	if (!rc_is_ok(r)) {
		*ret_fatal = true;
		return r;
	}
	return publish(k, ret_fatal, f);
}

/* ---- Answers -------------------------------------------------------------------------------*/

static void answer_one(struct keeper *k, const struct waiter *w, struct buf *out)
{
	struct refusal why = w->why;
	struct fault f = {0};

	if (w->work != NULL) {
		key_work_answer(w->work, w->to.correlation, out);
		return;
	}
	if (w->is_host && !rc_is_ok(enrol_answer(k, w, out, &f))) {
		log_err("certificate of host %s: %s", w->host.s, f.text);
		rc_ignore(refuse(&why, REASON_KEY_TOKEN, "%s", f.text),
			  "only the words are wanted");
	} else if (!w->is_host && why.reason == REASON_NONE &&
		   !rc_is_ok(use_result(k, w, out, &f))) {
		log_err("result of use %u: %s", w->use, f.text);
		rc_ignore(refuse(&why, REASON_KEEPER_STORAGE, "%s", f.text),
			  "only the words are wanted");
	}
	if (why.reason != REASON_NONE)
		put_refusal(out, w->to.correlation, &why);
}

void round_answer(struct keeper *k, const struct replies *to, const struct refusal *instead)
{
	size_t kept = 0;

	/* The messages of this round are refused already: nobody waits here for them any more. */
	for (size_t i = k->round.waiters; instead != NULL && i < k->waiter_count; i++)
		k->waiters[i].to.conn = 0;
	for (size_t i = 0; i < k->waiter_count; i++) {
		const struct waiter w = k->waiters[i];
		struct buf *out;

		if (!w.ready) {
			k->waiters[kept++] = w;
			continue;
		}
		out = to->out(to->ctx, &w.to);
		if (out != NULL && instead != NULL)
			put_refusal(out, w.to.correlation, instead);
		else if (out != NULL)
			answer_one(k, &w, out);
		if (w.work != NULL)
			key_work_free(w.work);
	}
	k->waiter_count = kept;
}

/* ---- Start and end -------------------------------------------------------------------------*/

static rc load_document(struct keeper *k, enum statement_kind kind, struct fault *f)
{
	struct journal_statement st;
	struct document_change doc;
	AUTO(buf) struct buf body = {0};

	buf_init(&body, DOCUMENT_BYTES_MAX);
	TRY(journal_document_get(k->journal, kind, &st, &body, NULL, f));
	TRY(document_source_parse(kind, buf_view(&body), &doc, f));
	return kind == STATEMENT_POLICY ? policy_parse(doc.document, &k->policy, f)
					: roster_parse(doc.document, &k->roster, f);
}

static rc load_key(void *ctx, const struct name *name, struct view record, struct fault *f)
{
	struct keeper *k = (struct keeper *)ctx;
	AUTO(key_row) struct key_row row;

	key_row_init(&row);
	if (!rc_is_ok(key_row_parse(name, record, &row)))
		return fault_set(f, RC_CORRUPT, 0, "journal: record of key %s", name->s);
	return keyring_put(k->keyring, &row, f);
}

rc keeper_load(struct keeper *k, struct fault *f)
{
	TRY(load_document(k, STATEMENT_ROSTER, f));
	TRY(load_document(k, STATEMENT_POLICY, f));
	TRY(journal_key_each(k->journal, load_key, k, f));
	TRY(waiting_load(k, f));
	k->pending_from = 0;
	k->pending_end = k->ledger.committed.tree.size;
	return OK;
}

void keeper_unload(struct keeper *k)
{
	k->round.waiters = k->waiter_count; /* those of the last round are answered */
	drop(k);
	for (size_t i = 0; i < k->job_count; i++)
		sign_job_free(k->jobs[i]);
	for (size_t i = 0; i < k->key_work_count; i++)
		key_work_free(k->key_works[i]);
	/* Key works that are durable belong to their waiters. */
	for (size_t i = 0; i < k->waiter_count; i++)
		if (k->waiters[i].ready)
			key_work_free(k->waiters[i].work);
	k->waiter_count = 0;
	k->job_count = 0;
	k->key_work_count = 0;
	k->finished = NULL;
	dossier_clear(&k->dossier);
	policy_free(k->policy);
	roster_free(k->roster);
	k->policy = NULL;
	k->roster = NULL;
}

rc keeper_log_leaf(struct keeper *k, const char *event, const struct digest *note, struct fault *f)
{
	struct leaf leaf = {.kind = LEAF_LOG, .time = k->round.now};
	uint64_t index;

	(void)strncpy(leaf.action, event, sizeof(leaf.action) - 1);
	if (note != NULL)
		leaf.object = *note;
	return ledger_append(&k->ledger, &leaf, &index, f);
}
