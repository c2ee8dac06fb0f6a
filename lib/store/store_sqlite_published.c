/* store_sqlite_published - lists and package records that have been signed, for guards to fetch. */
#include <string.h>

#include "lib/store/sqlite_db.h"

static struct sqlite_db *db_of(struct store *s)
{
	return (struct sqlite_db *)s;
}

rc guard_store_publishing_list(struct store *s, uint32_t limit, store_visit_digest visit, void *ctx,
			       struct fault *f)
{
	struct sqlite_db *db = db_of(s);
	struct digest request;
	sqlite3_stmt *st;
	bool more = false;
	rc r;

	TRY(db_begin(db, SQL_PUBLISHING_LIST, &st, f));
	bind_u64(st, 1, limit);
	for (;;) {
		r = db_step(db, st, &more, f);
		if (rc_is_ok(r) && more)
			r = column_digest(st, 0, &request);
		if (rc_is_ok(r) && more)
			r = visit(ctx, &request);
		if (!rc_is_ok(r) || !more)
			break;
	}
	db_end(db, st);
	return r;
}

static rc cut(struct sqlite_db *db, enum sql_id which, const struct store_published *p,
	      unix_time now, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, which, &st, f));
	bind_u64(st, 1, p->kind);
	bind_text(st, 2, p->name);
	bind_text_view(st, 3, p->groups);
	bind_digest(st, 4, &p->key);
	bind_u64(st, 5, (uint64_t)now);
	bind_u64(st, 6, which == SQL_PUBLISHED_CUT ? STORE_PUBLISHED_KEEP : STORE_PUBLISHED_AHEAD);
	return db_run(db, st, f);
}

static rc put(struct sqlite_db *db, const struct store_published *p, unix_time now, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_PUBLISHED_PUT, &st, f));
	bind_u64(st, 1, p->kind);
	bind_text(st, 2, p->name);
	bind_u64(st, 3, p->serial);
	bind_u64(st, 4, p->leaf);
	bind_u64(st, 5, p->item);
	bind_u64(st, 6, (uint64_t)p->not_before);
	bind_u64(st, 7, (uint64_t)p->not_after);
	bind_digest(st, 8, &p->request);
	bind_digest(st, 9, &p->file);
	bind_u64(st, 10, p->size);
	bind_digest(st, 11, &p->key);
	bind_text_view(st, 12, p->groups);
	bind_blob(st, 13, p->proof);
	TRY(db_run(db, st, f));
	TRY(cut(db, SQL_PUBLISHED_CUT, p, now, f));
	return cut(db, SQL_PUBLISHED_CUT_AHEAD, p, now, f);
}

static rc set_inside(struct sqlite_db *db, const struct store_publishing *p, struct fault *f)
{
	sqlite3_stmt *st;

	for (size_t i = 0; i < p->count; i++)
		TRY(put(db, &p->rows[i], p->now, f));
	TRY(db_begin(db, SQL_PUBLISHING_DROP, &st, f));
	bind_digest(st, 1, &p->request);
	return db_run(db, st, f);
}

rc guard_store_published_set(struct store *s, const struct store_publishing *p, struct fault *f)
{
	struct sqlite_db *db = db_of(s);

	TRY(db_transaction(db, f));
	return db_transaction_end(db, set_inside(db, p, f), f);
}

rc guard_store_publishing_sweep(struct store *s, unix_time before, struct fault *f)
{
	struct sqlite_db *db = db_of(s);
	sqlite3_stmt *st;

	TRY(db_begin(db, SQL_PUBLISHING_SWEEP, &st, f));
	bind_u64(st, 1, (uint64_t)before);
	return db_run(db, st, f);
}

static rc read_row(sqlite3_stmt *st, struct store_published *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = column_u64(st, 0) == STORE_LIST ? STORE_LIST : STORE_RECORD;
	column_text(st, 1, ret->name, sizeof(ret->name));
	ret->serial = column_u64(st, 2);
	ret->leaf = column_u64(st, 3);
	ret->item = (uint32_t)column_u64(st, 4);
	ret->not_before = (unix_time)column_u64(st, 5);
	ret->not_after = (unix_time)column_u64(st, 6);
	TRY(column_digest(st, 7, &ret->request));
	TRY(column_digest(st, 8, &ret->file));
	ret->size = column_u64(st, 9);
	TRY(column_digest(st, 10, &ret->key));
	ret->groups = column_view(st, 11);
	ret->proof = column_view(st, 12);
	return OK;
}

static rc visit_all(struct sqlite_db *db, sqlite3_stmt *st, store_visit_published visit, void *ctx,
		    size_t *ret_count, struct fault *f)
{
	struct store_published row;
	bool more = false;
	rc r;

	*ret_count = 0;
	for (;;) {
		r = db_step(db, st, &more, f);
		if (rc_is_ok(r) && more)
			r = read_row(st, &row);
		if (rc_is_ok(r) && more)
			r = visit(ctx, &row);
		if (!rc_is_ok(r) || !more)
			break;
		++*ret_count;
	}
	db_end(db, st);
	return r;
}

rc guard_store_published_list(struct store *s, enum store_published_kind kind, const char *name,
			      store_visit_published visit, void *ctx, struct fault *f)
{
	struct sqlite_db *db = db_of(s);
	sqlite3_stmt *st;
	size_t count;

	TRY(db_begin(db, SQL_PUBLISHED_LIST, &st, f));
	bind_u64(st, 1, kind);
	bind_text(st, 2, name);
	return visit_all(db, st, visit, ctx, &count, f);
}

rc guard_store_published_file(struct store *s, enum store_published_kind kind,
			      const struct digest *file, store_visit_published visit, void *ctx,
			      struct fault *f)
{
	struct sqlite_db *db = db_of(s);
	sqlite3_stmt *st;
	size_t count;

	TRY(db_begin(db, SQL_PUBLISHED_FILE, &st, f));
	bind_u64(st, 1, kind);
	bind_digest(st, 2, file);
	TRY(visit_all(db, st, visit, ctx, &count, f));
	return count == 0 ? RC(RC_NOTFOUND) : OK;
}
