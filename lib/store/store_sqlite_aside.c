/* store_sqlite_aside - uploads, certificate chains and pending changes in SQLite. */
#include <string.h>

#include "lib/store/sqlite_db.h"

static struct sqlite_db *db_of(struct store *s)
{
	return (struct sqlite_db *)s;
}

/* ---- Uploads -------------------------------------------------------------------------------*/

static rc read_upload(sqlite3_stmt *st, void *ctx)
{
	struct store_upload *u = (struct store_upload *)ctx;

	memset(u, 0, sizeof(*u));
	TRY(column_digest(st, 0, &u->sha256));
	u->size = column_u64(st, 1);
	u->complete = column_u64(st, 2) != 0;
	u->created = (unix_time)column_u64(st, 3);
	u->touched = (unix_time)column_u64(st, 4);
	return column_name(st, 5, &u->owner);
}

rc aside_upload_get(struct store *s, const struct digest *sha256, struct store_upload *ret,
		    struct fault *f)
{
	struct store_upload u = {0};
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_UPLOAD_GET, &st, f));
	bind_digest(st, 1, sha256);
	TRY(db_one_row(db_of(s), st, read_upload, &u, f));
	*ret = u;
	return OK;
}

rc aside_upload_put(struct store *s, const struct store_upload *u, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_UPLOAD_PUT, &st, f));
	bind_digest(st, 1, &u->sha256);
	bind_u64(st, 2, u->size);
	bind_u64(st, 3, u->complete);
	bind_u64(st, 4, (uint64_t)u->created);
	bind_u64(st, 5, (uint64_t)u->touched);
	bind_text(st, 6, u->owner.s);
	return db_run(db_of(s), st, f);
}

rc aside_upload_drop(struct store *s, const struct digest *sha256, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_UPLOAD_DROP, &st, f));
	bind_digest(st, 1, sha256);
	return db_run(db_of(s), st, f);
}

struct upload_visit {
	store_visit_upload visit;
	void *ctx;
};

static rc visit_upload(sqlite3_stmt *st, void *ctx)
{
	const struct upload_visit *v = (const struct upload_visit *)ctx;
	struct store_upload row;

	TRY(read_upload(st, &row));
	return v->visit(v->ctx, &row);
}

rc aside_upload_list(struct store *s, const struct digest *after, uint32_t limit,
		     store_visit_upload visit, void *ctx, struct fault *f)
{
	struct upload_visit v = {visit, ctx};
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_UPLOAD_LIST, &st, f));
	bind_digest(st, 1, after);
	bind_u64(st, 2, limit);
	return db_each_row(db_of(s), st, visit_upload, &v, NULL, f);
}

rc aside_upload_needed(struct store *s, const struct digest *sha256, unix_time before, bool *ret,
		       struct fault *f)
{
	sqlite3_stmt *st;
	bool row = false;
	rc r;

	TRY(db_begin(db_of(s), SQL_UPLOAD_NEEDED, &st, f));
	bind_digest(st, 1, sha256);
	bind_u64(st, 2, (uint64_t)before);
	r = db_step(db_of(s), st, &row, f);
	db_end(db_of(s), st);
	TRY(r);
	*ret = row;
	return OK;
}

/* ---- Bytes: certificates, signatures -------------------------------------------------------*/

struct blob_visit {
	store_visit_bytes visit;
	void *ctx;
};

static rc visit_blob(sqlite3_stmt *st, void *ctx)
{
	const struct blob_visit *v = (const struct blob_visit *)ctx;

	return v->visit(v->ctx, column_view(st, 0));
}

static rc visit_blobs(struct sqlite_db *db, sqlite3_stmt *st, store_visit_bytes visit, void *ctx,
		      size_t *ret_count, struct fault *f)
{
	struct blob_visit v = {visit, ctx};

	return db_each_row(db, st, visit_blob, &v, ret_count, f);
}

rc aside_certs_get(struct store *s, const struct digest *leaf, store_visit_bytes visit, void *ctx,
		   struct fault *f)
{
	sqlite3_stmt *st;
	size_t count = 0;

	TRY(db_begin(db_of(s), SQL_CERTS_GET, &st, f));
	bind_digest(st, 1, leaf);
	TRY(visit_blobs(db_of(s), st, visit, ctx, &count, f));
	return count == 0 ? RC(RC_NOTFOUND) : OK;
}

rc aside_certs_put(struct store *s, const struct digest *leaf, struct view chain, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_CERTS_PUT, &st, f));
	bind_digest(st, 1, leaf);
	bind_blob(st, 2, chain);
	return db_run(db_of(s), st, f);
}

rc aside_claims_get(struct store *s, const struct digest *request, store_visit_bytes visit,
		    void *ctx, struct fault *f)
{
	sqlite3_stmt *st;
	size_t count = 0;

	TRY(db_begin(db_of(s), SQL_CLAIMS_GET, &st, f));
	bind_digest(st, 1, request);
	TRY(visit_blobs(db_of(s), st, visit, ctx, &count, f));
	return count == 0 ? RC(RC_NOTFOUND) : OK;
}

/* ---- Marks ---------------------------------------------------------------------------------*/

rc aside_mark_get(struct store *s, const char *name, uint64_t *ret, struct fault *f)
{
	sqlite3_stmt *st;
	bool row = false;
	rc r;

	TRY(db_begin(db_of(s), SQL_MARK_GET, &st, f));
	bind_text(st, 1, name);
	r = db_step(db_of(s), st, &row, f);
	if (rc_is_ok(r) && row)
		*ret = column_u64(st, 0);
	db_end(db_of(s), st);
	TRY(r);
	return row ? OK : RC(RC_NOTFOUND);
}

rc aside_mark_set(struct store *s, const char *name, uint64_t value, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_MARK_SET, &st, f));
	bind_text(st, 1, name);
	bind_u64(st, 2, value);
	return db_run(db_of(s), st, f);
}

/* ---- Changes -------------------------------------------------------------------------------*/

rc aside_change_put(struct store *s, const struct store_change *c, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_CHANGE_PUT, &st, f));
	bind_digest(st, 1, &c->id);
	bind_text(st, 2, c->kind);
	bind_text(st, 3, c->state);
	bind_u64(st, 4, (uint64_t)c->created);
	bind_u64(st, 5, (uint64_t)c->expires);
	bind_text(st, 6, c->proposer.s);
	bind_blob(st, 7, c->statement);
	bind_text_view(st, 8, c->answer);
	return db_run_durable(db_of(s), st, RC_EXISTS, f);
}

static rc read_change(sqlite3_stmt *st, struct store_change *c)
{
	memset(c, 0, sizeof(*c));
	TRY(column_digest(st, 0, &c->id));
	column_text(st, 1, c->kind, sizeof(c->kind));
	column_text(st, 2, c->state, sizeof(c->state));
	c->created = (unix_time)column_u64(st, 3);
	c->expires = (unix_time)column_u64(st, 4);
	TRY(column_name(st, 5, &c->proposer));
	c->statement = column_view(st, 6);
	c->answer = column_view(st, 7);
	return OK;
}

struct change_visit {
	store_visit_change visit;
	void *ctx;
};

static rc visit_change(sqlite3_stmt *st, void *ctx)
{
	const struct change_visit *v = (const struct change_visit *)ctx;
	struct store_change row;

	TRY(read_change(st, &row));
	return v->visit(v->ctx, &row);
}

static rc visit_changes(struct sqlite_db *db, sqlite3_stmt *st, store_visit_change visit, void *ctx,
			size_t *ret_count, struct fault *f)
{
	struct change_visit v = {visit, ctx};

	return db_each_row(db, st, visit_change, &v, ret_count, f);
}

rc aside_change_get(struct store *s, const struct digest *id, store_visit_change visit, void *ctx,
		    struct fault *f)
{
	sqlite3_stmt *st;
	size_t count = 0;

	TRY(db_begin(db_of(s), SQL_CHANGE_GET, &st, f));
	bind_digest(st, 1, id);
	TRY(visit_changes(db_of(s), st, visit, ctx, &count, f));
	return count == 0 ? RC(RC_NOTFOUND) : OK;
}

rc aside_change_list(struct store *s, const char *state, store_visit_change visit, void *ctx,
		     struct fault *f)
{
	sqlite3_stmt *st;
	size_t count;

	TRY(db_begin(db_of(s), SQL_CHANGE_LIST, &st, f));
	bind_text(st, 1, state);
	bind_u64(st, 2, STORE_LIST_MAX);
	return visit_changes(db_of(s), st, visit, ctx, &count, f);
}

rc aside_change_state(struct store *s, const struct digest *id, const char *state,
		      struct view answer, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db_of(s), SQL_CHANGE_STATE, &st, f));
	bind_digest(st, 1, id);
	bind_text(st, 2, state);
	bind_text_view(st, 3, answer);
	return db_run_durable(db_of(s), st, RC_NOTFOUND, f);
}

rc aside_change_sign(struct store *s, const struct digest *id, struct view sig, struct fault *f)
{
	struct digest d = digest_of(sig);
	sqlite3_stmt *st;
	rc r;

	TRY(db_begin(db_of(s), SQL_CHANGE_SIGN, &st, f));
	bind_digest(st, 1, id);
	bind_digest(st, 2, &d);
	bind_blob(st, 3, sig);
	r = db_run_durable(db_of(s), st, RC_EXISTS, f);
	return r.code == RC_EXISTS ? OK : r;
}

rc aside_change_sigs(struct store *s, const struct digest *id, store_visit_bytes visit, void *ctx,
		     struct fault *f)
{
	sqlite3_stmt *st;
	size_t count;

	TRY(db_begin(db_of(s), SQL_CHANGE_SIGS, &st, f));
	bind_digest(st, 1, id);
	return visit_blobs(db_of(s), st, visit, ctx, &count, f);
}
