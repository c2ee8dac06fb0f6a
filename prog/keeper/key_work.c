/* Key jobs: slow work in the pool, its row and leaf in the journal; rows as records. */
#include "prog/keeper/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "lib/codec/jcan.h"
#include "lib/model/field.h"

/* ---- Rows as records: strings of u32 length, numbers big-endian ------------------------------*/

#define RECORD_MAX (KEY_ROW_CERTS_MAX + PKEY_SPKI_MAX + 1024)

void key_row_encode(const struct key_row *r, struct buf *out)
{
	buf_put_string(out, view_str(key_alg_name(r->alg)));
	buf_put_string(out, name_view(&r->token));
	buf_put_view(out, digest_view(&r->id));
	buf_put_view(out, digest_view(&r->fingerprint));
	buf_put_string(out, view_str(key_state_name(r->state)));
	buf_put_u64be(out, (uint64_t)r->created);
	buf_put_u64be(out, (uint64_t)r->locked);
	buf_put_u64be(out, r->leaf);
	buf_put_string(out, buf_view(&r->spki));
	buf_put_string(out, buf_view(&r->certificates));
}

rc key_row_parse(const struct name *name, struct view v, struct key_row *ret)
{
	struct view text;
	uint64_t created;
	uint64_t locked;

	ret->name = *name;
	TRY(view_string(&v, 64, &text));
	TRY(key_alg_parse(text, &ret->alg));
	TRY(view_string(&v, NAME_MAX_LEN, &text));
	TRY(name_parse(text, &ret->token));
	TRY(view_copy(&v, ret->id.b, DIGEST_SIZE));
	TRY(view_copy(&v, ret->fingerprint.b, DIGEST_SIZE));
	TRY(view_string(&v, 64, &text));
	TRY(key_state_parse(text, &ret->state));
	TRY(view_u64be(&v, &created));
	ret->created = (unix_time)created;
	TRY(view_u64be(&v, &locked));
	ret->locked = (unix_time)locked;
	TRY(view_u64be(&v, &ret->leaf));
	TRY(view_string(&v, PKEY_SPKI_MAX, &text));
	buf_put_view(&ret->spki, text);
	TRY(view_string(&v, KEY_ROW_CERTS_MAX, &text));
	buf_put_view(&ret->certificates, text);
	TRY(buf_done(&ret->spki));
	TRY(buf_done(&ret->certificates));
	return view_end(&v);
}

rc key_row_store(struct keeper *k, const struct key_row *r, struct fault *f)
{
	AUTO(buf) struct buf record = {0};

	buf_init(&record, RECORD_MAX);
	key_row_encode(r, &record);
	TRY(buf_done(&record));
	return journal_key_put(k->journal, &r->name, buf_view(&record), f);
}

/* ---- R_CHANGE ------------------------------------------------------------------------------*/

static void put_idle(const struct change_answer *a, struct jcan_out *w)
{
	if (a->idle_count == 0)
		return;
	jcan_out_key(w, "unseated");
	jcan_out_array(w);
	for (size_t i = 0; i < a->idle_count; i++) {
		jcan_out_object(w);
		field_out_string(w, "person", a->idle[i].person.s);
		field_out_string(w, "reason", reason_id(a->idle[i].why.reason));
		field_out_string(w, "text", a->idle[i].why.text);
		jcan_out_object_end(w);
	}
	jcan_out_array_end(w);
}

void change_json(const struct change_answer *a, struct buf *out)
{
	struct jcan_out w;

	jcan_out_init(&w, out);
	jcan_out_object(&w);
	if (a->missing == NULL && a->due != 0)
		field_out_time(&w, "due", a->due);
	jcan_out_key(&w, "id");
	jcan_out_hex(&w, digest_view(&a->id));
	jcan_out_key(&w, "kind");
	jcan_out_string(&w, statement_info(a->kind)->name);
	if (a->leaf != UINT64_MAX) {
		jcan_out_key(&w, "leaf");
		jcan_out_u64(&w, a->leaf);
	}
	if (a->missing != NULL)
		quorum_json(a->missing, &w);
	if (a->object != NULL) {
		jcan_out_key(&w, "object");
		jcan_out_hex(&w, digest_view(a->object));
	}
	jcan_out_key(&w, "reason");
	jcan_out_string(&w, reason_id(a->missing != NULL ? REASON_CHANGE_QUORUM
				      : a->due != 0	 ? REASON_CHANGE_DELAY
							 : REASON_NONE));
	jcan_out_key(&w, "state");
	jcan_out_string(&w, a->missing != NULL ? "pending" : a->due != 0 ? "accepted" : "done");
	put_idle(a, &w);
	jcan_out_object_end(&w);
	if (!rc_is_ok(jcan_out_done(&w)))
		buf_fail(out, RC_LIMIT);
}

/* ---- Work ----------------------------------------------------------------------------------*/

static void run_part(struct work *w, struct key_user *user, size_t part)
{
	(void)user;
	(void)part;
	key_job_run(((struct key_work *)w)->job);
}

rc key_work_new(struct key_job *job, enum key_work_kind kind, struct key_work **ret)
{
	struct key_work *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return RC(RC_NOMEM);
	w->job = job;
	w->kind = kind;
	w->work =
		(struct work){.token = key_job_token(job), .parts = 1, .turn = 1, .part = run_part};
	buf_init(&w->statement, DOCUMENT_BYTES_MAX);
	buf_init(&w->sigs, JOURNAL_SIGS_MAX);
	buf_init(&w->answer, 65536);
	key_row_init(&w->row);
	*ret = w;
	return OK;
}

void key_work_free(struct key_work *w)
{
	if (w == NULL)
		return;
	key_job_free(w->job);
	buf_release(&w->statement);
	buf_release(&w->sigs);
	buf_release(&w->answer);
	key_row_release(&w->row);
	free(w);
}

rc key_work_await(struct call *c, struct key_work *w, struct refusal *why)
{
	struct keeper *k = c->k;

	if (k->waiter_count == WAITERS_MAX)
		return refuse(why, REASON_KEEPER_BUSY, "%u answers are being waited for",
			      WAITERS_MAX);
	k->waiters[k->waiter_count++] = (struct waiter){.to = c->to, .work = w};
	return OK;
}

/* The outcome of the pool's run, once; a round that is rolled back comes here again. */
static void take_outcome(struct key_work *w)
{
	bool csr = w->kind == KEY_WORK_CSR;
	rc r;

	if (w->taken)
		return;
	w->taken = true;
	r = key_job_finish(w->job, csr ? NULL : &w->row, csr ? &w->answer : NULL, &w->why);
	w->refused = !rc_is_ok(r);
	w->has_row = !w->refused && !csr;
	if (w->refused && w->why.reason == REASON_NONE)
		rc_ignore(refuse(&w->why, REASON_KEEPER_INTERNAL, "%s", rc_name(r)),
			  "only the words are wanted");
}

static rc store_created(struct keeper *k, struct key_work *w, struct fault *f)
{
	struct journal_statement st = {.kind = STATEMENT_KEYADMIN, .digest = w->digest};

	w->leaf.object = w->row.fingerprint;
	w->leaf.time = k->round.now;
	TRY(ledger_append(&k->ledger, &w->leaf, &w->leaf_index, f));
	st.leaf = w->leaf_index;
	w->row.leaf = w->leaf_index;
	return journal_statement_add(k->journal, &st, buf_view(&w->statement), buf_view(&w->sigs),
				     f);
}

rc key_work_finish(struct keeper *k, struct key_work *w, struct fault *f)
{
	take_outcome(w);
	if (!w->refused && w->kind == KEY_WORK_CREATE)
		TRY(store_created(k, w, f));
	if (w->has_row) {
		struct change_answer a = {.kind = STATEMENT_KEYADMIN,
					  .id = w->digest,
					  .object = &w->row.fingerprint,
					  .leaf = w->leaf_index};

		/* Without a leaf of its own (self-sign) a transaction must be opened first. */
		TRY(ledger_begin(&k->ledger, f));
		TRY(key_row_store(k, &w->row, f));
		buf_clear(&w->answer);
		change_json(&a, &w->answer);
	}
	for (size_t i = 0; i < k->waiter_count; i++)
		if (k->waiters[i].work == w)
			k->waiters[i].marked = true;
	return OK;
}

void key_work_answer(const struct key_work *w, uint64_t correlation, struct buf *out)
{
	if (w->refused)
		put_refusal(out, correlation, &w->why);
	else
		keeper_put_bytes(out, correlation,
				 w->kind == KEY_WORK_CSR ? KEEPER_R_BYTES : KEEPER_R_CHANGE,
				 buf_view(&w->answer));
}
