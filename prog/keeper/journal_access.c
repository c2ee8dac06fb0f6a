/* Access to keys for a while: one row in, one row out. */
#include "prog/keeper/journal_sql.h"

#include <string.h>

_Static_assert(ACCESS_REQUESTER == 0, "roles are stored as numbers");

/* By key and person, too: what somebody says of a statement that is about another key or person
 * is a row of its own, and does nothing. */
const char journal_schema_access[] =
	"CREATE TABLE access(statement BLOB NOT NULL, key TEXT NOT NULL, person TEXT NOT NULL,"
	" host TEXT NOT NULL, role INTEGER NOT NULL, granted INTEGER NOT NULL,"
	" given INTEGER NOT NULL, until INTEGER NOT NULL, leaf INTEGER NOT NULL,"
	" ended INTEGER NOT NULL, ended_by BLOB NOT NULL,"
	" PRIMARY KEY(statement,key,person)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX access_person ON access(key,person,until) WHERE granted=1 AND ended=0;"
	"CREATE UNIQUE INDEX access_leaf ON access(leaf);"
	/* the newest entry that ended something of this key and person; "" is any */
	"CREATE TABLE access_bar(key TEXT NOT NULL, person TEXT NOT NULL, leaf INTEGER NOT NULL,"
	" PRIMARY KEY(key,person)) STRICT, WITHOUT ROWID;";

static void bind_name(sqlite3_stmt *s, int at, const struct name *n)
{
	(void)sqlite3_bind_text(s, at, n->s, -1, SQLITE_STATIC);
}

rc journal_grant_put(struct journal *j, const struct journal_grant *g, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_GRANT_PUT);

	bind_digest(s, 1, &g->statement);
	bind_name(s, 2, &g->key);
	bind_name(s, 3, &g->person);
	bind_name(s, 4, &g->host);
	bind_u64(s, 5, g->role);
	bind_u64(s, 6, g->granted ? 1 : 0);
	(void)sqlite3_bind_int64(s, 7, g->given);
	(void)sqlite3_bind_int64(s, 8, g->until);
	bind_u64(s, 9, g->leaf);
	(void)sqlite3_bind_int64(s, 10, g->ended);
	bind_digest(s, 11, &g->ended_by);
	return journal_run(j, SQL_GRANT_PUT, f);
}

static rc grant_columns(sqlite3_stmt *s, struct journal_grant *g, struct fault *f)
{
	struct view host = column_view(s, 3);
	uint64_t role = column_u64(s, 4);

	memset(g, 0, sizeof(*g));
	if (!rc_is_ok(name_parse(column_view(s, 1), &g->key)) ||
	    !rc_is_ok(name_parse(column_view(s, 2), &g->person)) ||
	    (host.len > 0 && !rc_is_ok(name_parse(host, &g->host))) || role >= ACCESS_ROLE__COUNT)
		return fault_set(f, RC_CORRUPT, 0, "journal: row of a grant");
	TRY(column_digest(s, 0, &g->statement, f));
	g->role = (enum access_role)role;
	g->granted = column_u64(s, 5) != 0;
	g->given = sqlite3_column_int64(s, 6);
	g->until = sqlite3_column_int64(s, 7);
	g->leaf = column_u64(s, 8);
	g->ended = sqlite3_column_int64(s, 9);
	return column_digest(s, 10, &g->ended_by, f);
}

rc journal_grant_get(struct journal *j, struct journal_grant *ret, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_GRANT_GET);
	struct journal_grant g;
	rc r;

	bind_digest(s, 1, &ret->statement);
	bind_name(s, 2, &ret->key);
	bind_name(s, 3, &ret->person);
	TRY(journal_row(j, SQL_GRANT_GET, f));
	r = grant_columns(s, &g, f);
	journal_done(j, SQL_GRANT_GET);
	TRY(r);
	*ret = g;
	return OK;
}

/* Steps through the rows of a statement that is bound. */
static rc grant_rows(struct journal *j, enum journal_sql id,
		     rc (*each)(void *ctx, const struct journal_grant *g), void *ctx,
		     struct fault *f)
{
	struct journal_grant g;
	rc r;

	for (;;) {
		r = journal_row(j, id, f);
		if (!rc_is_ok(r))
			break;
		r = grant_columns(j->stmt[id], &g, f);
		if (rc_is_ok(r))
			r = each(ctx, &g);
		if (!rc_is_ok(r))
			break;
	}
	journal_done(j, id);
	return r.code == RC_NOTFOUND ? OK : r;
}

rc journal_grant_live(struct journal *j, const struct journal_grant *of, unix_time now,
		      rc (*each)(void *ctx, const struct journal_grant *g), void *ctx,
		      struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_GRANT_LIVE);

	bind_name(s, 1, &of->key);
	bind_name(s, 2, &of->person);
	(void)sqlite3_bind_int64(s, 3, now);
	bind_name(s, 4, &of->host);
	bind_u64(s, 5, JOURNAL_GRANTS_LIVE);
	return grant_rows(j, SQL_GRANT_LIVE, each, ctx, f);
}

rc journal_grant_each(struct journal *j, const struct journal_grant *of, uint32_t cap,
		      rc (*each)(void *ctx, const struct journal_grant *g), void *ctx,
		      struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_GRANT_LIST);

	bind_u64(s, 1, of->leaf);
	bind_name(s, 2, &of->key);
	bind_name(s, 3, &of->person);
	bind_u64(s, 4, cap);
	return grant_rows(j, SQL_GRANT_LIST, each, ctx, f);
}

rc journal_grant_leave(struct journal *j, const struct name *person, unix_time now,
		       const struct digest *by, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_GRANT_LEAVE);

	(void)sqlite3_bind_int64(s, 1, now);
	bind_digest(s, 2, by);
	bind_name(s, 3, person);
	return journal_run(j, SQL_GRANT_LEAVE, f);
}

rc journal_bar_put(struct journal *j, const struct name *key, const struct name *person,
		   uint64_t leaf, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_BAR_PUT);

	bind_name(s, 1, key);
	bind_name(s, 2, person);
	bind_u64(s, 3, leaf);
	return journal_run(j, SQL_BAR_PUT, f);
}

rc journal_bar_get(struct journal *j, const struct name *key, const struct name *person,
		   uint64_t *ret_leaf, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_BAR_GET);

	bind_name(s, 1, key);
	bind_name(s, 2, person);
	TRY(journal_row(j, SQL_BAR_GET, f));
	*ret_leaf = column_u64(s, 0);
	journal_done(j, SQL_BAR_GET);
	return OK;
}
