/* store_sqlite - requests, items, results and products in SQLite; the table of the whole store.
 *
 * Uploads, certificates and changes are in store_sqlite_aside.c; SQL and schema in sqlite_db.c. */
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

static rc insert_item(struct sqlite_db *db, uint64_t request, const struct store_item *item,
		      struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_ITEM_INSERT, &st, f));
	bind_u64(st, 1, request);
	bind_u64(st, 2, item->n);
	bind_digest(st, 3, &item->sha256);
	bind_blob(st, 4, hash_view(&item->content));
	bind_u64(st, 5, item->content.alg);
	bind_u64(st, 6, item->size);
	bind_text(st, 7, item->product.s);
	bind_text(st, 8, item->format);
	bind_text_view(st, 9, item->name);
	bind_digest(st, 10, item->has_report ? &item->report : NULL);
	bind_digest(st, 11, item->has_diff ? &item->diff : NULL);
	bind_digest(st, 12, item->has_previous ? &item->previous : NULL);
	return db_run(db, st, f);
}

static rc put_inside(struct sqlite_db *db, const struct store_request *r,
		     const struct store_item *items, struct fault *f)
{
	sqlite3_stmt *st;
	bool is_new = false;
	uint64_t seq;

	TRY(insert_request(db, r, &is_new, f));
	if (!is_new) {
		if (!r->sign)
			return OK;
		TRY(db_begin(db, SQL_REQUEST_WISH, &st, f));
		bind_digest(st, 1, &r->id);
		return db_run(db, st, f);
	}
	seq = (uint64_t)sqlite3_last_insert_rowid(db->handle);
	for (uint32_t i = 0; i < r->items; i++)
		TRY(insert_item(db, seq, &items[i], f));
	return OK;
}

static rc request_put(struct store *s, const struct store_request *r,
		      const struct store_item *items, struct fault *f)
{
	struct sqlite_db *db = db_of(s);

	TRY(db_transaction(db, f));
	return db_transaction_end(db, put_inside(db, r, items, f), f);
}

static rc read_version(struct sqlite_db *db, const struct digest *id, uint64_t *ret,
		       struct fault *f)
{
	sqlite3_stmt *st;
	bool row = false;
	rc r;

	TRY(db_begin(db, SQL_REQUEST_VERSION, &st, f));
	bind_digest(st, 1, id);
	r = db_step(db, st, &row, f);
	if (rc_is_ok(r) && row)
		*ret = column_u64(st, 0);
	db_end(db, st);
	TRY(r);
	return row ? OK : RC(RC_NOTFOUND);
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

/* Visits every row; ends the statement. ret_count may be NULL. */
static rc visit_requests(struct sqlite_db *db, sqlite3_stmt *st, store_visit_request visit,
			 void *ctx, size_t *ret_count, struct fault *f)
{
	struct store_request row;
	size_t count = 0;
	bool more = false;
	rc r;

	for (;;) {
		r = db_step(db, st, &more, f);
		if (!rc_is_ok(r) || !more)
			break;
		r = read_request(st, &row);
		if (rc_is_ok(r))
			r = visit(ctx, &row);
		if (!rc_is_ok(r))
			break;
		count++;
	}
	db_end(db, st);
	if (ret_count != NULL)
		*ret_count = count;
	return r;
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
	bool by_item = filter->artifact != NULL || filter->product != NULL;
	sqlite3_stmt *st;

	if (filter->limit == 0 || filter->limit > STORE_LIST_MAX)
		return fault_set(f, RC_RANGE, 0, "store: page of %u rows", filter->limit);
	TRY(db_begin(db_of(s), by_item ? SQL_REQUEST_LIST_ITEM : SQL_REQUEST_LIST, &st, f));
	bind_text(st, 1, filter->state);
	bind_text(st, 2, filter->requester == NULL ? NULL : filter->requester->s);
	bind_text(st, 3, filter->key == NULL ? NULL : filter->key->s);
	bind_u64(st, 4, filter->before);
	bind_u64(st, 5, filter->limit);
	if (by_item) {
		bind_text(st, 6, filter->product == NULL ? NULL : filter->product->s);
		bind_digest(st, 7, filter->artifact);
	}
	return visit_requests(db_of(s), st, visit, ctx, NULL, f);
}

static rc visit_digests(struct sqlite_db *db, sqlite3_stmt *st, store_visit_digest visit, void *ctx,
			struct fault *f)
{
	struct digest d;
	bool more = false;
	rc r;

	for (;;) {
		r = db_step(db, st, &more, f);
		if (!rc_is_ok(r) || !more)
			break;
		r = column_digest(st, 0, &d);
		if (rc_is_ok(r))
			r = visit(ctx, &d);
		if (!rc_is_ok(r))
			break;
	}
	db_end(db, st);
	return r;
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

static rc optional_digest(sqlite3_stmt *st, int at, bool *ret_has, struct digest *ret)
{
	*ret_has = sqlite3_column_type(st, at) != SQLITE_NULL;
	return *ret_has ? column_digest(st, at, ret) : OK;
}

static rc read_item(sqlite3_stmt *st, struct store_item *item)
{
	struct view content;

	memset(item, 0, sizeof(*item));
	item->n = (uint32_t)column_u64(st, 0);
	TRY(column_digest(st, 1, &item->sha256));
	content = column_view(st, 2);
	item->content.alg = (enum hash_alg)column_u64(st, 3);
	if (content.len == 0 || content.len > HASH_MAX_SIZE)
		return RC(RC_CORRUPT);
	item->content.size = (uint8_t)content.len;
	memcpy(item->content.b, content.ptr, content.len);
	item->size = column_u64(st, 4);
	TRY(column_name(st, 5, &item->product));
	column_text(st, 6, item->format, sizeof(item->format));
	item->name = column_view(st, 7);
	TRY(optional_digest(st, 8, &item->has_report, &item->report));
	TRY(optional_digest(st, 9, &item->has_diff, &item->diff));
	return optional_digest(st, 10, &item->has_previous, &item->previous);
}

static rc visit_items(struct sqlite_db *db, sqlite3_stmt *st, store_visit_item visit, void *ctx,
		      size_t *ret_count, struct fault *f)
{
	struct store_item item;
	size_t count = 0;
	bool more = false;
	rc r;

	for (;;) {
		r = db_step(db, st, &more, f);
		if (!rc_is_ok(r) || !more)
			break;
		r = read_item(st, &item);
		if (rc_is_ok(r))
			r = visit(ctx, &item);
		if (!rc_is_ok(r))
			break;
		count++;
	}
	db_end(db, st);
	*ret_count = count;
	return r;
}

static rc item_list(struct store *s, const struct digest *request, store_visit_item visit,
		    void *ctx, struct fault *f)
{
	sqlite3_stmt *st;
	size_t count;

	TRY(db_begin(db_of(s), SQL_ITEM_LIST, &st, f));
	bind_digest(st, 1, request);
	return visit_items(db_of(s), st, visit, ctx, &count, f);
}

static rc item_get(struct store *s, const struct digest *request, uint32_t n,
		   store_visit_item visit, void *ctx, struct fault *f)
{
	sqlite3_stmt *st;
	size_t count = 0;

	TRY(db_begin(db_of(s), SQL_ITEM_GET, &st, f));
	bind_digest(st, 1, request);
	bind_u64(st, 2, n);
	TRY(visit_items(db_of(s), st, visit, ctx, &count, f));
	return count == 0 ? RC(RC_NOTFOUND) : OK;
}

static rc item_report(struct store *s, const struct digest *request, const struct store_item *item,
		      struct fault *f)
{
	struct sqlite_db *db = db_of(s);
	sqlite3_stmt *st;
	rc r;

	(void)pthread_mutex_lock(&db->lock);
	r = db_begin(db, SQL_ITEM_REPORT, &st, f);
	if (rc_is_ok(r)) {
		bind_digest(st, 1, request);
		bind_u64(st, 2, item->n);
		bind_digest(st, 3, item->has_report ? &item->report : NULL);
		bind_digest(st, 4, item->has_diff ? &item->diff : NULL);
		bind_digest(st, 5, item->has_previous ? &item->previous : NULL);
		r = db_run(db, st, f);
		if (rc_is_ok(r) && db_changes(db) == 0)
			r = RC(RC_NOTFOUND);
	}
	(void)pthread_mutex_unlock(&db->lock);
	return r;
}

/* ---- Results and products ------------------------------------------------------------------*/

static rc result_put(struct store *s, const struct digest *request, const struct store_result *r,
		     struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_RESULT_PUT, &st, f));
	bind_digest(st, 1, request);
	bind_u64(st, 2, r->use);
	bind_u64(st, 3, (uint64_t)r->signed_at);
	bind_u64(st, 4, r->authorize_leaf);
	bind_u64(st, 5, r->issue_leaf);
	bind_digest(st, 6, &r->cert);
	return db_run(db_of(s), st, f);
}

static rc result_list(struct store *s, const struct digest *request, store_visit_result visit,
		      void *ctx, struct fault *f)
{
	struct store_result row;
	sqlite3_stmt *st;
	bool more = false;
	rc r;

	TRY(db_begin(db_of(s), SQL_RESULT_LIST, &st, f));
	bind_digest(st, 1, request);
	for (;;) {
		r = db_step(db_of(s), st, &more, f);
		if (!rc_is_ok(r) || !more)
			break;
		row.use = (uint32_t)column_u64(st, 0);
		row.signed_at = (unix_time)column_u64(st, 1);
		row.authorize_leaf = column_u64(st, 2);
		row.issue_leaf = column_u64(st, 3);
		r = column_digest(st, 4, &row.cert);
		if (rc_is_ok(r))
			r = visit(ctx, &row);
		if (!rc_is_ok(r))
			break;
	}
	db_end(db_of(s), st);
	return r;
}

static rc last_get(struct store *s, const struct name *product, struct store_last *ret,
		   struct fault *f)
{
	struct store_last l;
	sqlite3_stmt *st;
	bool row = false;
	rc r;

	TRY(db_begin(db_of(s), SQL_LAST_GET, &st, f));
	bind_text(st, 1, product->s);
	r = db_step(db_of(s), st, &row, f);
	if (rc_is_ok(r) && !row)
		r = RC(RC_NOTFOUND);
	if (rc_is_ok(r))
		r = column_digest(st, 0, &l.artifact);
	if (rc_is_ok(r))
		r = column_digest(st, 1, &l.report);
	if (rc_is_ok(r))
		r = column_digest(st, 2, &l.request);
	db_end(db_of(s), st);
	TRY(r);
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
	.request_put = request_put,
	.request_status = request_status,
	.request_get = request_get,
	.request_list = request_list,
	.request_due = request_due,
	.request_unfinished = request_unfinished,
	.item_list = item_list,
	.item_get = item_get,
	.item_report = item_report,
	.result_put = result_put,
	.result_list = result_list,
	.last_get = last_get,
	.last_set = last_set,
	.upload_get = aside_upload_get,
	.upload_put = aside_upload_put,
	.upload_drop = aside_upload_drop,
	.upload_pending = aside_upload_pending,
	.upload_stale = aside_upload_stale,
	.certs_get = aside_certs_get,
	.certs_put = aside_certs_put,
	.change_put = aside_change_put,
	.change_get = aside_change_get,
	.change_list = aside_change_list,
	.change_state = aside_change_state,
	.change_sign = aside_change_sign,
	.change_sigs = aside_change_sigs,
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
