/* Policy and roster that are accepted and wait for their time: one row in, one row out. */
#include "prog/keeper/journal_sql.h"

const char journal_schema_waiting[] =
	"CREATE TABLE waiting(document INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
	" version INTEGER NOT NULL, leaf INTEGER NOT NULL, statement BLOB NOT NULL,"
	" digest BLOB NOT NULL, given INTEGER NOT NULL, due INTEGER NOT NULL) STRICT;"
	"CREATE INDEX document_leaf ON document(leaf);";

rc journal_waiting_add(struct journal *j, const struct journal_waiting *w, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_WAITING_ADD);

	bind_u64(s, 1, w->document);
	bind_u64(s, 2, w->kind);
	bind_u64(s, 3, w->version);
	bind_u64(s, 4, w->leaf);
	bind_digest(s, 5, &w->statement);
	bind_digest(s, 6, &w->digest);
	(void)sqlite3_bind_int64(s, 7, w->given);
	(void)sqlite3_bind_int64(s, 8, w->due);
	return journal_run(j, SQL_WAITING_ADD, f);
}

static rc waiting_columns(sqlite3_stmt *s, struct journal_waiting *w, struct fault *f)
{
	uint64_t document = column_u64(s, 0);
	uint64_t kind = column_u64(s, 1);

	if ((document != STATEMENT_POLICY && document != STATEMENT_ROSTER) ||
	    (kind != document && (kind != STATEMENT_RECOVERY || document != STATEMENT_ROSTER)))
		return fault_set(f, RC_CORRUPT, 0, "journal: kind of a waiting document");
	*w = (struct journal_waiting){.document = (enum statement_kind)document,
				      .kind = (enum statement_kind)kind,
				      .version = column_u64(s, 2),
				      .leaf = column_u64(s, 3),
				      .given = sqlite3_column_int64(s, 6),
				      .due = sqlite3_column_int64(s, 7)};
	TRY(column_digest(s, 4, &w->statement, f));
	return column_digest(s, 5, &w->digest, f);
}

rc journal_waiting_list(struct journal *j, struct journal_waiting *out, size_t *ret_count,
			struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_WAITING_LIST);
	size_t n = 0;
	rc r = OK;
	int code;

	while (rc_is_ok(r) && (code = sqlite3_step(s)) != SQLITE_DONE) {
		if (code != SQLITE_ROW)
			r = journal_fault(j, code, journal_sql_text[SQL_WAITING_LIST], f);
		else if (n == JOURNAL_WAITING_MAX)
			r = fault_set(f, RC_CORRUPT, 0, "journal: too many waiting documents");
		else
			r = waiting_columns(s, &out[n++], f);
	}
	journal_done(j, SQL_WAITING_LIST);
	TRY(r);
	*ret_count = n;
	return OK;
}

rc journal_waiting_delete(struct journal *j, enum statement_kind document, struct fault *f)
{
	bind_u64(journal_use_stmt(j, SQL_WAITING_DELETE), 1, document);
	return journal_run(j, SQL_WAITING_DELETE, f);
}

rc journal_document_is_at(struct journal *j, uint64_t leaf, bool *ret, struct fault *f)
{
	rc r;

	bind_u64(journal_use_stmt(j, SQL_DOCUMENT_AT), 1, leaf);
	r = journal_row(j, SQL_DOCUMENT_AT, f);
	if (!rc_is_ok(r) && r.code != RC_NOTFOUND)
		return r;
	*ret = rc_is_ok(r);
	if (*ret)
		journal_done(j, SQL_DOCUMENT_AT);
	return OK;
}
