/* Tokens that were used and are not to be used again, until they have ended. */
#include "prog/keeper/journal_sql.h"

/* id: SHA-256 of issuer, LF, jti */
const char journal_schema_tokens[] =
	"CREATE TABLE token(id BLOB PRIMARY KEY, request BLOB NOT NULL, expires INTEGER NOT NULL)"
	" STRICT, WITHOUT ROWID;"
	"CREATE INDEX token_expires ON token(expires);";

rc journal_token_add(struct journal *j, const struct digest *id, const struct digest *request,
		     unix_time expires, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_TOKEN_ADD);

	bind_digest(s, 1, id);
	bind_digest(s, 2, request);
	(void)sqlite3_bind_int64(s, 3, expires);
	return journal_run(j, SQL_TOKEN_ADD, f);
}

rc journal_token_get(struct journal *j, const struct digest *id, struct digest *ret_request,
		     struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_TOKEN_GET);
	rc r;

	bind_digest(s, 1, id);
	TRY(journal_row(j, SQL_TOKEN_GET, f));
	r = column_digest(s, 0, ret_request, f);
	journal_done(j, SQL_TOKEN_GET);
	return r;
}

rc journal_token_purge(struct journal *j, unix_time before, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_TOKEN_PURGE);

	(void)sqlite3_bind_int64(s, 1, before);
	return journal_run(j, SQL_TOKEN_PURGE, f);
}
