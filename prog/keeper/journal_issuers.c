/* Key sets of issuers: the one in force of each, and all that ever were. */
#include "prog/keeper/journal_sql.h"

#include <string.h>

/* jwks_set keeps what a token was once checked with. */
const char journal_schema_issuers[] =
	"CREATE TABLE issuer(issuer TEXT PRIMARY KEY, digest BLOB NOT NULL, leaf INTEGER NOT NULL,"
	" confirmed INTEGER NOT NULL, paced INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE jwks_set(leaf INTEGER PRIMARY KEY, digest BLOB NOT NULL, body BLOB NOT NULL)"
	" STRICT;"
	"CREATE INDEX jwks_set_digest ON jwks_set(digest);"
	"CREATE TRIGGER jwks_set_no_update BEFORE UPDATE ON jwks_set"
	" BEGIN SELECT RAISE(ABORT,'jwks_set is append-only'); END;"
	"CREATE TRIGGER jwks_set_no_delete BEFORE DELETE ON jwks_set"
	" BEGIN SELECT RAISE(ABORT,'jwks_set is append-only'); END;";

rc journal_issuer_put(struct journal *j, const struct journal_issuer *row, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_ISSUER_PUT);

	(void)sqlite3_bind_text(s, 1, row->issuer, -1, SQLITE_STATIC);
	bind_digest(s, 2, &row->set);
	bind_u64(s, 3, row->leaf);
	(void)sqlite3_bind_int64(s, 4, row->confirmed);
	(void)sqlite3_bind_int64(s, 5, row->paced);
	return journal_run(j, SQL_ISSUER_PUT, f);
}

rc journal_issuer_get(struct journal *j, struct view issuer, struct journal_issuer *ret,
		      struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_ISSUER_GET);
	struct journal_issuer row = {.leaf = 0};
	rc r;

	if (issuer.len >= sizeof(row.issuer))
		return fault_set(f, RC_NOTFOUND, 0, "journal: no such row");
	(void)sqlite3_bind_text(s, 1, (const char *)issuer.ptr, (int)issuer.len, SQLITE_STATIC);
	TRY(journal_row(j, SQL_ISSUER_GET, f));
	memcpy(row.issuer, issuer.ptr, issuer.len);
	r = column_digest(s, 0, &row.set, f);
	row.leaf = column_u64(s, 1);
	row.confirmed = sqlite3_column_int64(s, 2);
	row.paced = sqlite3_column_int64(s, 3);
	journal_done(j, SQL_ISSUER_GET);
	TRY(r);
	*ret = row;
	return OK;
}

rc journal_jwks_add(struct journal *j, const struct journal_issuer *row, struct view set,
		    struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_JWKS_ADD);

	bind_u64(s, 1, row->leaf);
	bind_digest(s, 2, &row->set);
	bind_view(s, 3, set);
	return journal_run(j, SQL_JWKS_ADD, f);
}

rc journal_jwks_get(struct journal *j, const struct digest *set, struct buf *out, struct fault *f)
{
	bind_digest(journal_use_stmt(j, SQL_JWKS_GET), 1, set);
	TRY(journal_row(j, SQL_JWKS_GET, f));
	buf_put_view(out, column_view(j->stmt[SQL_JWKS_GET], 0));
	journal_done(j, SQL_JWKS_GET);
	return buf_done(out);
}
