/* store_sqlite - requests, notes and products in SQLite; the table of the whole store.
 *
 * Uploads, certificates and changes are in store_sqlite_aside.c; SQL and schema in sqlite_db.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/sqlite_db.h"

static struct sqlite_db *db_of(struct store *s)
{
	return (struct sqlite_db *)s;
}

static void sqlite_store_close(struct store *s)
{
	if (s == NULL)
		return;
	db_close(db_of(s));
	free(s);
}

static rc batch_begin(struct store *s, struct fault *f)
{
	return db_transaction(db_of(s), f);
}

static rc batch_end(struct store *s, struct fault *f)
{
	return db_transaction_end(db_of(s), OK, f);
}

static rc settle(struct store *s, struct fault *f)
{
	return db_settle(db_of(s), f);
}

/* ---- Requests ------------------------------------------------------------------------------*/

static rc insert_request(struct sqlite_db *db, const struct store_request *r, bool *ret_new,
			 struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_REQUEST_INSERT, &st, f));
	bind_digest(st, 1, &r->id);
	bind_u64(st, 2, (uint64_t)r->created);
	bind_text(st, 3, r->requester.s);
	bind_text(st, 4, r->host.s);
	bind_text(st, 5, r->key.s);
	bind_u64(st, 6, (uint64_t)r->not_before);
	bind_u64(st, 7, (uint64_t)r->deadline);
	bind_u64(st, 8, r->upload);
	bind_u64(st, 9, r->sign);
	bind_u64(st, 10, r->items);
	bind_u64(st, 11, r->uses);
	bind_blob(st, 12, r->statement);
	bind_blob(st, 13, r->requester_sig);
	bind_blob(st, 14, r->host_sig);
	bind_text_view(st, 15, r->names);
	bind_text(st, 16, r->state);
	bind_text(st, 17, r->reason);
	bind_u64(st, 18, r->uses_done);
	bind_text_view(st, 19, r->missing);
	bind_text_view(st, 20, r->approvers);
	bind_text_view(st, 21, r->status);
	TRY(db_run(db, st, f));
	*ret_new = db_changes(db) > 0;
	return OK;
}

static rc insert_find(struct sqlite_db *db, uint64_t seq, const struct store_request *r,
		      struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_FIND_INSERT, &st, f));
	bind_u64(st, 1, seq);
	bind_blob(st, 2, r->digests);
	bind_text_view(st, 3, r->products);
	return db_run(db, st, f);
}

static void bind_note(sqlite3_stmt *st, const struct store_note *note)
{
	bind_u64(st, 2, note->n);
	bind_digest(st, 3, &note->report);
	bind_digest(st, 4, note->has_diff ? &note->diff : NULL);
	bind_digest(st, 5, note->has_previous ? &note->previous : NULL);
}

static rc insert_note(struct sqlite_db *db, uint64_t seq, const struct store_note *note,
		      struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_NOTE_INSERT, &st, f));
	bind_u64(st, 1, seq);
	bind_note(st, note);
	return db_run(db, st, f);
}

static rc note_set(struct store *s, const struct digest *request, const struct store_note *note,
		   struct fault *f)
{
	struct sqlite_db *db = db_of(s);
	sqlite3_stmt *st;
	rc r;

	(void)pthread_mutex_lock(&db->lock);
	r = db_begin(db, SQL_NOTE_SET, &st, f);
	if (rc_is_ok(r)) {
		bind_digest(st, 1, request);
		bind_note(st, note);
		r = db_run(db, st, f);
	}
	if (rc_is_ok(r) && db_changes(db) == 0)
		r = RC(RC_NOTFOUND);
	(void)pthread_mutex_unlock(&db->lock);
	return r;
}

/* seq: of a new request; 0: it is looked for. */
static rc insert_claims(struct sqlite_db *db, uint64_t seq, const struct store_request *r,
			struct fault *f)
{
	sqlite3_stmt *st;

	if (r->claims.len == 0)
		return OK;
	TRY(db_begin(db, seq != 0 ? SQL_CLAIMS_NEW : SQL_CLAIMS_PUT, &st, f));
	if (seq != 0)
		bind_u64(st, 1, seq);
	else
		bind_digest(st, 1, &r->id);
	bind_blob(st, 2, r->claims);
	return db_run(db, st, f);
}

static rc put_inside(struct sqlite_db *db, struct put_call *call, struct fault *f)
{
	const struct store_request *r = call->request;
	sqlite3_stmt *st;
	uint64_t seq;

	TRY(insert_request(db, r, &call->is_new, f));
	seq = (uint64_t)sqlite3_last_insert_rowid(db->handle);
	TRY(insert_claims(db, call->is_new ? seq : 0, r, f));
	if (!call->is_new) {
		if (!r->sign)
			return OK;
		TRY(db_begin(db, SQL_REQUEST_WISH, &st, f));
		bind_digest(st, 1, &r->id);
		return db_run(db, st, f);
	}
	TRY(insert_find(db, seq, r, f));
	if (r->publishes) {
		TRY(db_begin(db, SQL_PUBLISHING_PUT, &st, f));
		bind_digest(st, 1, &r->id);
		TRY(db_run(db, st, f));
	}
	for (size_t i = 0; i < call->notes->count; i++)
		TRY(insert_note(db, seq, &call->notes->rows[i], f));
	return OK;
}

static struct put_call *take_queue(struct sqlite_db *db)
{
	struct put_call *all;

	(void)pthread_mutex_lock(&db->queue_lock);
	all = db->queue;
	db->queue = NULL;
	db->queue_end = &db->queue;
	(void)pthread_mutex_unlock(&db->queue_lock);
	return all;
}

/* One call in a transaction of its own. */
static rc put_alone(struct sqlite_db *db, struct put_call *call)
{
	TRY(db_transaction(db, &call->fault));
	return db_transaction_end(db, put_inside(db, call, &call->fault), &call->fault);
}

/* All in one transaction, or, if that fails, each in its own, so that nobody pays for another's
 * failure. The lock is held: every call belongs to a thread that waits for it. */
static void put_together(struct sqlite_db *db, struct put_call *all)
{
	bool together = all->next != NULL && rc_is_ok(db_transaction(db, NULL));
	struct put_call *next;
	rc r = OK;

	if (together) {
		for (struct put_call *c = all; c != NULL && rc_is_ok(r); c = c->next)
			r = put_inside(db, c, NULL);
		together = rc_is_ok(db_transaction_end(db, r, NULL));
	}
	for (struct put_call *c = all; c != NULL; c = next) {
		next = c->next; /* c is its caller's again as soon as the lock is free */
		c->result = together ? OK : put_alone(db, c);
		c->done = true;
	}
}

static void put_queued(struct sqlite_db *db, struct put_call *call)
{
	(void)pthread_mutex_lock(&db->queue_lock);
	*db->queue_end = call;
	db->queue_end = &call->next;
	(void)pthread_mutex_unlock(&db->queue_lock);
	/* Whoever gets the lock first writes for all who wait for it by then. */
	(void)pthread_mutex_lock(&db->lock);
	if (!call->done)
		put_together(db, take_queue(db));
	(void)pthread_mutex_unlock(&db->lock);
}

/* A request that is done is in the log with all that its row says, so the row may wait for others:
 * a commit costs several times what a row does. */
static bool is_late(const struct put_call *call)
{
	return strcmp(call->request->state, "done") == 0 && call->notes->count == 0;
}

static rc put_late(struct sqlite_db *db, struct put_call *call)
{
	rc r;

	TRY(db_late_begin(db, &call->fault));
	r = put_inside(db, call, &call->fault);
	db_late_end(db, r);
	return r;
}

static rc request_put(struct store *s, const struct store_request *r,
		      const struct store_notes *notes, bool *ret_new, struct fault *f)
{
	struct sqlite_db *db = db_of(s);
	struct put_call call = {.request = r, .notes = notes};
	bool ours = pthread_mutex_trylock(&db->lock) == 0;

	if (ours && db->depth > 0) {
		/* Inside a batch of this thread: others' calls are not to share its fate. */
		call.result = put_alone(db, &call);
		call.done = true;
	}
	if (ours)
		(void)pthread_mutex_unlock(&db->lock);
	if (!call.done && is_late(&call) && !atomic_load(&db->fails)) {
		call.result = put_late(db, &call);
	} else if (!call.done) {
		put_queued(db, &call);
		if (rc_is_ok(call.result))
			atomic_store(&db->fails, false);
	}
	if (!rc_is_ok(call.result) && f != NULL)
		*f = call.fault;
	else if (ret_new != NULL)
		*ret_new = call.is_new;
	return call.result;
}

static rc read_version(struct sqlite_db *db, const struct digest *id, uint64_t *ret,
		       struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_REQUEST_VERSION, &st, f));
	bind_digest(st, 1, id);
	return db_one_row(db, st, db_row_u64, ret, f);
}

static rc status_inside(struct sqlite_db *db, const struct digest *id,
			const struct store_status *status, struct store_version *ret,
			struct fault *f)
{
	struct store_version v;
	sqlite3_stmt *st;
	uint64_t before;

	TRY(read_version(db, id, &before, f));
	TRY(db_begin(db, SQL_REQUEST_STATUS, &st, f));
	bind_digest(st, 1, id);
	bind_text(st, 2, status->state);
	bind_text(st, 3, status->reason);
	bind_u64(st, 4, status->uses_done);
	bind_text_view(st, 5, status->missing);
	bind_text_view(st, 6, status->approvers);
	bind_text_view(st, 7, status->status);
	TRY(db_run(db, st, f));
	TRY(read_version(db, id, &v.version, f));
	v.grew = v.version != before;
	*ret = v;
	return OK;
}

static rc request_status(struct store *s, const struct digest *id, const struct store_status *st,
			 struct store_version *ret, struct fault *f)
{
	struct sqlite_db *db = db_of(s);

	TRY(db_transaction(db, f));
	return db_transaction_end(db, status_inside(db, id, st, ret, f), f);
}

static rc read_request(sqlite3_stmt *st, struct store_request *r)
{
	memset(r, 0, sizeof(*r));
	TRY(column_digest(st, 0, &r->id));
	r->seq = column_u64(st, 1);
	r->created = (unix_time)column_u64(st, 2);
	TRY(column_name(st, 3, &r->requester));
	if (sqlite3_column_bytes(st, 4) > 0) /* none: a job that a token vouches for */
		TRY(column_name(st, 4, &r->host));
	TRY(column_name(st, 5, &r->key));
	r->not_before = (unix_time)column_u64(st, 6);
	r->deadline = (unix_time)column_u64(st, 7);
	r->upload = column_u64(st, 8) != 0;
	r->sign = column_u64(st, 9) != 0;
	r->items = (uint32_t)column_u64(st, 10);
	r->uses = (uint32_t)column_u64(st, 11);
	r->statement = column_view(st, 12);
	r->requester_sig = column_view(st, 13);
	r->host_sig = column_view(st, 14);
	r->names = column_view(st, 15);
	column_text(st, 16, r->state, sizeof(r->state));
	column_text(st, 17, r->reason, sizeof(r->reason));
	r->uses_done = (uint32_t)column_u64(st, 18);
	r->version = column_u64(st, 19);
	r->missing = column_view(st, 20);
	r->approvers = column_view(st, 21);
	r->status = column_view(st, 22);
	return OK;
}

struct request_visit {
	store_visit_request visit;
	void *ctx;
};

static rc visit_request(sqlite3_stmt *st, void *ctx)
{
	const struct request_visit *v = (const struct request_visit *)ctx;
	struct store_request row;

	TRY(read_request(st, &row));
	return v->visit(v->ctx, &row);
}

static rc visit_requests(struct sqlite_db *db, sqlite3_stmt *st, store_visit_request visit,
			 void *ctx, size_t *ret_count, struct fault *f)
{
	struct request_visit v = {visit, ctx};

	return db_each_row(db, st, visit_request, &v, ret_count, f);
}

static rc request_get(struct store *s, const struct digest *id, store_visit_request visit,
		      void *ctx, struct fault *f)
{
	sqlite3_stmt *st;
	size_t count = 0;

	TRY(db_begin(db_of(s), SQL_REQUEST_GET, &st, f));
	bind_digest(st, 1, id);
	TRY(visit_requests(db_of(s), st, visit, ctx, &count, f));
	return count == 0 ? RC(RC_NOTFOUND) : OK;
}

static rc request_list(struct store *s, const struct store_filter *filter,
		       store_visit_request visit, void *ctx, struct fault *f)
{
	bool find = filter->artifact != NULL || filter->product != NULL;
	char product[NAME_MAX_LEN + 3];
	sqlite3_stmt *st;

	if (filter->limit == 0 || filter->limit > STORE_LIST_MAX)
		return fault_set(f, RC_RANGE, 0, "store: page of %u rows", filter->limit);
	TRY(db_begin(db_of(s), find ? SQL_REQUEST_FIND : SQL_REQUEST_LIST, &st, f));
	bind_text(st, 1, filter->state);
	bind_text(st, 2, filter->requester == NULL ? NULL : filter->requester->s);
	bind_text(st, 3, filter->key == NULL ? NULL : filter->key->s);
	bind_u64(st, 4, filter->before);
	bind_u64(st, 5, filter->limit);
	if (filter->product != NULL) {
		(void)snprintf(product, sizeof(product), "\n%s\n", filter->product->s);
		bind_text(st, 6, product);
	}
	if (filter->artifact != NULL)
		bind_digest(st, 7, filter->artifact);
	return visit_requests(db_of(s), st, visit, ctx, NULL, f);
}

struct digest_visit {
	store_visit_digest visit;
	void *ctx;
};

static rc visit_digest(sqlite3_stmt *st, void *ctx)
{
	const struct digest_visit *v = (const struct digest_visit *)ctx;
	struct digest d;

	TRY(column_digest(st, 0, &d));
	return v->visit(v->ctx, &d);
}

static rc visit_digests(struct sqlite_db *db, sqlite3_stmt *st, store_visit_digest visit, void *ctx,
			struct fault *f)
{
	struct digest_visit v = {visit, ctx};

	return db_each_row(db, st, visit_digest, &v, NULL, f);
}

static rc request_due(struct store *s, unix_time now, uint32_t limit, store_visit_digest visit,
		      void *ctx, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_REQUEST_DUE, &st, f));
	bind_u64(st, 1, (uint64_t)now);
	bind_u64(st, 2, limit);
	return visit_digests(db_of(s), st, visit, ctx, f);
}

static rc request_unfinished(struct store *s, store_visit_digest visit, void *ctx, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_REQUEST_UNFINISHED, &st, f));
	return visit_digests(db_of(s), st, visit, ctx, f);
}

/* ---- Items ---------------------------------------------------------------------------------*/

static rc read_note(sqlite3_stmt *st, struct store_note *note)
{
	*note = (struct store_note){.n = (uint32_t)column_u64(st, 0)};
	TRY(column_digest(st, 1, &note->report));
	note->has_diff = column_view(st, 2).len > 0;
	note->has_previous = column_view(st, 3).len > 0;
	if (note->has_diff)
		TRY(column_digest(st, 2, &note->diff));
	return note->has_previous ? column_digest(st, 3, &note->previous) : OK;
}

struct note_visit {
	store_visit_note visit;
	void *ctx;
};

static rc visit_note(sqlite3_stmt *st, void *ctx)
{
	const struct note_visit *v = (const struct note_visit *)ctx;
	struct store_note note;

	TRY(read_note(st, &note));
	return v->visit(v->ctx, &note);
}

static rc note_list(struct store *s, const struct digest *request, store_visit_note visit,
		    void *ctx, struct fault *f)
{
	struct sqlite_db *db = db_of(s);
	struct note_visit v = {visit, ctx};
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_NOTE_LIST, &st, f));
	bind_digest(st, 1, request);
	return db_each_row(db, st, visit_note, &v, NULL, f);
}

/* ---- Products ------------------------------------------------------------------------------*/

static rc read_last(sqlite3_stmt *st, void *ctx)
{
	struct store_last *l = (struct store_last *)ctx;

	TRY(column_digest(st, 0, &l->artifact));
	TRY(column_digest(st, 1, &l->report));
	return column_digest(st, 2, &l->request);
}

static rc last_get(struct store *s, const struct name *product, struct store_last *ret,
		   struct fault *f)
{
	struct store_last l;
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_LAST_GET, &st, f));
	bind_text(st, 1, product->s);
	TRY(db_one_row(db_of(s), st, read_last, &l, f));
	*ret = l;
	return OK;
}

static rc last_set(struct store *s, const struct name *product, const struct store_last *l,
		   struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_LAST_SET, &st, f));
	bind_text(st, 1, product->s);
	bind_digest(st, 2, &l->artifact);
	bind_digest(st, 3, &l->report);
	bind_digest(st, 4, &l->request);
	return db_run(db_of(s), st, f);
}

static const struct store_api sqlite_api = {
	.close = sqlite_store_close,
	.batch_begin = batch_begin,
	.batch_end = batch_end,
	.settle = settle,
	.request_put = request_put,
	.request_status = request_status,
	.request_get = request_get,
	.request_list = request_list,
	.request_due = request_due,
	.request_unfinished = request_unfinished,
	.note_set = note_set,
	.note_list = note_list,
	.last_get = last_get,
	.last_set = last_set,
	.upload_get = aside_upload_get,
	.upload_put = aside_upload_put,
	.upload_drop = aside_upload_drop,
	.upload_list = aside_upload_list,
	.upload_needed = aside_upload_needed,
	.certs_get = aside_certs_get,
	.certs_put = aside_certs_put,
	.mark_get = aside_mark_get,
	.mark_set = aside_mark_set,
	.change_put = aside_change_put,
	.change_get = aside_change_get,
	.change_list = aside_change_list,
	.change_state = aside_change_state,
	.change_sign = aside_change_sign,
	.change_sigs = aside_change_sigs,
	.claims_get = aside_claims_get,
	.issued_put = alarms_issued_put,
	.issued_get = alarms_issued_get,
	.issued_count = alarms_issued_count,
	.issued_by = alarms_issued_by,
	.held_put = alarms_held_put,
	.held_drop = alarms_held_drop,
	.held_list = alarms_held_list,
	.alarm_put = alarms_put,
	.alarm_get = alarms_get,
	.alarm_list = alarms_list,
	.alarm_count = alarms_count,
	.alarm_close = alarms_close,
	.publishing_list = guard_store_publishing_list,
	.published_set = guard_store_published_set,
	.publishing_sweep = guard_store_publishing_sweep,
	.published_list = guard_store_published_list,
	.published_file = guard_store_published_file,
	.guard_put = guard_store_put,
	.guard_hosts = guard_store_hosts,
	.guard_seen = guard_store_seen,
	.guard_events = guard_store_events,
	.guard_silent = guard_store_silent,
	.guard_sweep = guard_store_sweep,
};

rc store_sqlite_open(const char *path, struct store **ret, struct fault *f)
{
	struct sqlite_db *db = (struct sqlite_db *)calloc(1, sizeof(*db));
	rc r;

	if (db == NULL)
		return RC(RC_NOMEM);
	db->store.api = &sqlite_api;
	r = db_open(path, db, f);
	if (!rc_is_ok(r)) {
		sqlite_store_close(&db->store);
		return r;
	}
	*ret = &db->store;
	return OK;
}
