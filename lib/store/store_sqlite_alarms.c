/* store_sqlite_alarms - the signatures that the log has, and alarms for those that it does not
 * have, in SQLite. */
#include <string.h>

#include "lib/store/sqlite_db.h"

static struct sqlite_db *db_of(struct store *s)
{
	return (struct sqlite_db *)s;
}

/* ---- The log's ------------------------------------------------------------------------------*/

rc alarms_issued_put(struct store *s, const struct store_issued *i, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_ISSUED_PUT, &st, f));
	bind_digest(st, 1, &i->signature);
	bind_digest(st, 2, &i->key);
	bind_digest(st, 3, &i->request);
	bind_u64(st, 4, i->leaf);
	bind_u64(st, 5, i->item);
	return db_run(db_of(s), st, f);
}

static rc read_issued(sqlite3_stmt *st, void *ctx)
{
	struct store_issued *i = (struct store_issued *)ctx;

	TRY(column_digest(st, 0, &i->signature));
	TRY(column_digest(st, 1, &i->key));
	TRY(column_digest(st, 2, &i->request));
	i->leaf = column_u64(st, 3);
	i->item = (uint32_t)column_u64(st, 4);
	return OK;
}

static rc get_issued(struct store *s, enum sql_id which, const struct digest *by,
		     struct store_issued *ret, struct fault *f)
{
	struct store_issued i = {.leaf = 0};
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), which, &st, f));
	bind_digest(st, 1, by);
	TRY(db_one_row(db_of(s), st, read_issued, &i, f));
	*ret = i;
	return OK;
}

rc alarms_issued_get(struct store *s, const struct digest *signature, struct store_issued *ret,
		     struct fault *f)
{
	return get_issued(s, SQL_ISSUED_GET, signature, ret, f);
}

rc alarms_issued_by(struct store *s, const struct digest *key, struct store_issued *ret,
		    struct fault *f)
{
	return get_issued(s, SQL_ISSUED_BY, key, ret, f);
}

rc alarms_issued_count(struct store *s, const struct digest *key, uint64_t *ret, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_ISSUED_COUNT, &st, f));
	bind_digest(st, 1, key);
	return db_one_row(db_of(s), st, db_row_u64, ret, f); /* a count has a row */
}

/* ---- Held back ------------------------------------------------------------------------------*/

rc alarms_held_put(struct store *s, const struct store_held *h, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_HELD_PUT, &st, f));
	bind_u64(st, 1, h->leaf);
	bind_digest(st, 2, &h->request);
	bind_u64(st, 3, h->use);
	return db_run(db_of(s), st, f);
}

rc alarms_held_drop(struct store *s, uint64_t leaf, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_HELD_DROP, &st, f));
	bind_u64(st, 1, leaf);
	return db_run(db_of(s), st, f);
}

struct held_visit {
	store_visit_held visit;
	void *ctx;
};

static rc visit_held(sqlite3_stmt *st, void *ctx)
{
	const struct held_visit *v = (const struct held_visit *)ctx;
	struct store_held row = {.leaf = column_u64(st, 0), .use = (uint32_t)column_u64(st, 2)};

	TRY(column_digest(st, 1, &row.request));
	return v->visit(v->ctx, &row);
}

rc alarms_held_list(struct store *s, uint64_t after, uint32_t limit, store_visit_held visit,
		    void *ctx, struct fault *f)
{
	struct held_visit v = {visit, ctx};
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_HELD_LIST, &st, f));
	bind_u64(st, 1, after);
	bind_u64(st, 2, limit);
	return db_each_row(db_of(s), st, visit_held, &v, NULL, f);
}

/* ---- Alarms ---------------------------------------------------------------------------------*/

static rc insert(struct sqlite_db *db, const struct store_alarm *a, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_ALARM_INSERT, &st, f));
	bind_digest(st, 1, &a->signature);
	bind_digest(st, 2, &a->key);
	bind_digest(st, 3, &a->file);
	bind_text(st, 4, a->key_name.s);
	bind_text(st, 5, a->reporter.s);
	bind_u64(st, 6, (uint64_t)a->first);
	bind_u64(st, 7, a->log_size);
	bind_text(st, 8, a->kind);
	bind_text_view(st, 9, a->name);
	bind_text_view(st, 10, a->evidence);
	bind_u64(st, 11, STORE_ALARMS_MAX);
	return db_run_durable(db, st, RC_EXISTS, f);
}

rc alarms_put(struct store *s, const struct store_alarm *a, bool *ret_new, struct fault *f)
{
	struct sqlite_db *db = db_of(s);
	sqlite3_stmt *st;
	rc r;

	*ret_new = false;
	TRY(db_begin(db, SQL_ALARM_AGAIN, &st, f));
	bind_digest(st, 1, &a->signature);
	bind_u64(st, 2, (uint64_t)a->first);
	r = db_run_changing(db, st, RC_NOTFOUND, f);
	if (r.code != RC_NOTFOUND)
		return r;
	r = insert(db, a, f);
	if (r.code == RC_EXISTS)
		return fault_set(f, RC_LIMIT, 0, "store: %u alarms are there", STORE_ALARMS_MAX);
	*ret_new = rc_is_ok(r);
	return r;
}

static rc read_alarm(sqlite3_stmt *st, struct store_alarm *a)
{
	memset(a, 0, sizeof(*a));
	a->seq = column_u64(st, 0);
	TRY(column_digest(st, 1, &a->signature));
	TRY(column_digest(st, 2, &a->key));
	TRY(column_digest(st, 3, &a->file));
	TRY(column_name(st, 4, &a->key_name));
	TRY(column_name(st, 5, &a->reporter));
	a->first = (unix_time)column_u64(st, 6);
	a->last = (unix_time)column_u64(st, 7);
	a->count = column_u64(st, 8);
	a->log_size = column_u64(st, 9);
	column_text(st, 10, a->kind, sizeof(a->kind));
	column_text(st, 11, a->state, sizeof(a->state));
	a->name = column_view(st, 12);
	a->evidence = column_view(st, 13);
	if (column_view(st, 14).len > 0)
		TRY(column_name(st, 14, &a->closer));
	a->closed = (unix_time)column_u64(st, 15);
	a->comment = column_view(st, 16);
	return OK;
}

struct alarm_visit {
	store_visit_alarm visit;
	void *ctx;
};

static rc visit_alarm(sqlite3_stmt *st, void *ctx)
{
	const struct alarm_visit *v = (const struct alarm_visit *)ctx;
	struct store_alarm row;

	TRY(read_alarm(st, &row));
	return v->visit(v->ctx, &row);
}

rc alarms_get(struct store *s, const struct digest *id, store_visit_alarm visit, void *ctx,
	      struct fault *f)
{
	struct alarm_visit v = {visit, ctx};
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_ALARM_GET, &st, f));
	bind_digest(st, 1, id);
	return db_one_row(db_of(s), st, visit_alarm, &v, f);
}

rc alarms_list(struct store *s, const char *state, uint64_t before, uint32_t limit,
	       store_visit_alarm visit, void *ctx, struct fault *f)
{
	struct alarm_visit v = {visit, ctx};
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_ALARM_LIST, &st, f));
	bind_text(st, 1, state);
	bind_u64(st, 2, before);
	bind_u64(st, 3, limit);
	return db_each_row(db_of(s), st, visit_alarm, &v, NULL, f);
}

rc alarms_count(struct store *s, const struct name *reporter, uint64_t *ret, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_ALARM_COUNT, &st, f));
	bind_text(st, 1, reporter->s);
	return db_one_row(db_of(s), st, db_row_u64, ret, f); /* a count has a row */
}

rc alarms_close(struct store *s, const struct store_alarm *a, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_ALARM_CLOSE, &st, f));
	bind_digest(st, 1, &a->signature);
	bind_text(st, 2, a->state);
	bind_text(st, 3, a->closer.s);
	bind_u64(st, 4, (uint64_t)a->closed);
	bind_text_view(st, 5, a->comment);
	return db_run_durable(db_of(s), st, RC_NOTFOUND, f);
}
