/* Hosts whose key comes by enrolment: one row in, one row out; and the host CA's certificate. */
#include "prog/keeper/journal_sql.h"

#include <string.h>

/* A row for each host that was invited; key: its blob, empty until it has enrolled. */
const char journal_schema_hosts[] =
	"CREATE TABLE host(name TEXT PRIMARY KEY, key BLOB NOT NULL, token BLOB NOT NULL,"
	" invite_end INTEGER NOT NULL, class INTEGER NOT NULL, counter INTEGER NOT NULL,"
	" last BLOB NOT NULL, leaf INTEGER NOT NULL, enrolled INTEGER NOT NULL,"
	" renewed INTEGER NOT NULL, until INTEGER NOT NULL, lock INTEGER NOT NULL, invite_ek BLOB "
	"NOT NULL,"
	" ek BLOB NOT NULL, previous BLOB NOT NULL, locked INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE UNIQUE INDEX host_key ON host(key) WHERE length(key)>0;"
	/* every key that a host ever had, by the digest of its blob, and what bound it first */
	"CREATE TABLE host_binding(host TEXT NOT NULL, key BLOB NOT NULL, leaf INTEGER NOT NULL,"
	" statement BLOB NOT NULL, PRIMARY KEY(host,key)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX host_binding_key ON host_binding(key,leaf);"
	"CREATE TRIGGER host_binding_no_update BEFORE UPDATE ON host_binding"
	" BEGIN SELECT RAISE(ABORT,'host_binding is append-only'); END;"
	"CREATE TRIGGER host_binding_no_delete BEFORE DELETE ON host_binding"
	" BEGIN SELECT RAISE(ABORT,'host_binding is append-only'); END;"
	"CREATE TABLE host_ca(id INTEGER PRIMARY KEY CHECK(id=1), certificate BLOB NOT NULL)"
	" STRICT;"
	"CREATE TRIGGER host_ca_no_update BEFORE UPDATE ON host_ca"
	" BEGIN SELECT RAISE(ABORT,'host_ca is append-only'); END;"
	"CREATE TRIGGER host_ca_no_delete BEFORE DELETE ON host_ca"
	" BEGIN SELECT RAISE(ABORT,'host_ca is append-only'); END;";

_Static_assert(HOST_SOFTWARE == 0 && HOST_ATTESTED == 3 && HOST_FREE == 0 && HOST_CLONED == 2,
	       "they are stored as numbers");

rc journal_host_put(struct journal *j, const struct journal_host *h, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_HOST_PUT);

	(void)sqlite3_bind_text(s, 1, h->name.s, -1, SQLITE_STATIC);
	bind_view(s, 2, view_of(h->key, h->key_len));
	bind_digest(s, 3, &h->token);
	(void)sqlite3_bind_int64(s, 4, h->invite_end);
	bind_u64(s, 5, h->klass);
	bind_u64(s, 6, h->counter);
	bind_digest(s, 7, &h->last);
	bind_u64(s, 8, h->leaf);
	(void)sqlite3_bind_int64(s, 9, h->enrolled);
	(void)sqlite3_bind_int64(s, 10, h->renewed);
	(void)sqlite3_bind_int64(s, 11, h->until);
	bind_u64(s, 12, h->lock);
	bind_digest(s, 13, &h->invite_ek);
	bind_digest(s, 14, &h->ek);
	bind_digest(s, 15, &h->previous);
	(void)sqlite3_bind_int64(s, 16, h->locked);
	return journal_run(j, SQL_HOST_PUT, f);
}

static rc host_columns(sqlite3_stmt *s, struct journal_host *h, struct fault *f)
{
	struct view key = column_view(s, 1);
	uint64_t klass = column_u64(s, 4);
	uint64_t lock = column_u64(s, 11);

	memset(h, 0, sizeof(*h));
	if (!rc_is_ok(name_parse(column_view(s, 0), &h->name)) || key.len > sizeof(h->key) ||
	    klass > HOST_ATTESTED || lock > HOST_CLONED)
		return fault_set(f, RC_CORRUPT, 0, "journal: row of a host");
	if (key.len > 0)
		memcpy(h->key, key.ptr, key.len);
	h->key_len = key.len;
	TRY(column_digest(s, 2, &h->token, f));
	h->invite_end = sqlite3_column_int64(s, 3);
	h->klass = (enum host_class)klass;
	h->counter = column_u64(s, 5);
	TRY(column_digest(s, 6, &h->last, f));
	h->leaf = column_u64(s, 7);
	h->enrolled = sqlite3_column_int64(s, 8);
	h->renewed = sqlite3_column_int64(s, 9);
	h->until = sqlite3_column_int64(s, 10);
	h->lock = (enum host_lock)lock;
	TRY(column_digest(s, 12, &h->invite_ek, f));
	TRY(column_digest(s, 13, &h->ek, f));
	h->locked = sqlite3_column_int64(s, 15);
	return column_digest(s, 14, &h->previous, f);
}

static rc host_row(struct journal *j, enum journal_sql id, struct journal_host *ret,
		   struct fault *f)
{
	struct journal_host h;
	rc r;

	TRY(journal_row(j, id, f));
	r = host_columns(j->stmt[id], &h, f);
	journal_done(j, id);
	TRY(r);
	*ret = h;
	return OK;
}

rc journal_host_get(struct journal *j, const struct name *name, struct journal_host *ret,
		    struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_HOST_GET);

	(void)sqlite3_bind_text(s, 1, name->s, -1, SQLITE_STATIC);
	return host_row(j, SQL_HOST_GET, ret, f);
}

rc journal_host_by_key(struct journal *j, struct view blob, struct journal_host *ret,
		       struct fault *f)
{
	bind_view(journal_use_stmt(j, SQL_HOST_BY_KEY), 1, blob);
	return host_row(j, SQL_HOST_BY_KEY, ret, f);
}

rc journal_host_after(struct journal *j, const struct name *name, struct journal_host *ret,
		      struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_HOST_AFTER);

	(void)sqlite3_bind_text(s, 1, name->s, -1, SQLITE_STATIC);
	return host_row(j, SQL_HOST_AFTER, ret, f);
}

rc journal_host_delete(struct journal *j, const struct name *name, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_HOST_DELETE);

	(void)sqlite3_bind_text(s, 1, name->s, -1, SQLITE_STATIC);
	return journal_run(j, SQL_HOST_DELETE, f);
}

rc journal_host_key_add(struct journal *j, const struct name *host, const struct digest *key,
			const struct journal_statement *bound, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_HOST_KEY_ADD);

	(void)sqlite3_bind_text(s, 1, host->s, -1, SQLITE_STATIC);
	bind_digest(s, 2, key);
	bind_u64(s, 3, bound->leaf);
	bind_digest(s, 4, &bound->digest);
	return journal_run(j, SQL_HOST_KEY_ADD, f);
}

rc journal_host_key_get(struct journal *j, const struct name *host, const struct digest *key,
			struct journal_statement *ret, struct fault *f)
{
	sqlite3_stmt *s = journal_use_stmt(j, SQL_HOST_KEY_GET);
	struct journal_statement bound = {.kind = STATEMENT_ENROLMENT};
	rc r;

	(void)sqlite3_bind_text(s, 1, host->s, -1, SQLITE_STATIC);
	bind_digest(s, 2, key);
	TRY(journal_row(j, SQL_HOST_KEY_GET, f));
	bound.leaf = column_u64(s, 0);
	r = column_digest(s, 1, &bound.digest, f);
	journal_done(j, SQL_HOST_KEY_GET);
	TRY(r);
	*ret = bound;
	return OK;
}

rc journal_host_key_owner(struct journal *j, const struct digest *key, struct name *ret,
			  struct fault *f)
{
	rc r;

	bind_digest(journal_use_stmt(j, SQL_HOST_KEY_OWNER), 1, key);
	TRY(journal_row(j, SQL_HOST_KEY_OWNER, f));
	r = name_parse(column_view(j->stmt[SQL_HOST_KEY_OWNER], 0), ret);
	journal_done(j, SQL_HOST_KEY_OWNER);
	return rc_is_ok(r) ? OK : fault_set(f, RC_CORRUPT, 0, "journal: name of a host");
}

rc journal_host_ca_put(struct journal *j, struct view der, struct fault *f)
{
	bind_view(journal_use_stmt(j, SQL_HOST_CA_PUT), 1, der);
	return journal_run(j, SQL_HOST_CA_PUT, f);
}

rc journal_host_ca_get(struct journal *j, struct buf *out, struct fault *f)
{
	(void)journal_use_stmt(j, SQL_HOST_CA_GET);
	TRY(journal_row(j, SQL_HOST_CA_GET, f));
	buf_put_view(out, column_view(j->stmt[SQL_HOST_CA_GET], 0));
	journal_done(j, SQL_HOST_CA_GET);
	return buf_done(out);
}
