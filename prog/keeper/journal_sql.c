#include "prog/keeper/journal_sql.h"

#include <string.h>

/* statement.prefix: the digest's first 8 bytes, so that the one random index stays small. */
const char journal_schema[] =
	"PRAGMA page_size=4096;"
	"PRAGMA journal_mode=WAL;"
	"BEGIN;"
	"CREATE TABLE identity(id INTEGER PRIMARY KEY CHECK(id=1), origin TEXT NOT NULL,"
	" epoch INTEGER NOT NULL, vkey TEXT NOT NULL, token TEXT NOT NULL) STRICT;"
	"CREATE TABLE head(id INTEGER PRIMARY KEY CHECK(id=1), size INTEGER NOT NULL,"
	" root BLOB NOT NULL, tree BLOB NOT NULL, time INTEGER NOT NULL,"
	" published_size INTEGER NOT NULL, published_root BLOB NOT NULL,"
	" note BLOB NOT NULL) STRICT;"
	"CREATE TABLE leaf(idx INTEGER PRIMARY KEY, hash BLOB NOT NULL, body BLOB NOT NULL)"
	" STRICT;"
	/* id: level << 56 | index; the perfect subtree of 256^level leaves */
	"CREATE TABLE node(id INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;"
	"CREATE TABLE statement(leaf INTEGER PRIMARY KEY, prefix INTEGER NOT NULL,"
	" digest BLOB NOT NULL, kind INTEGER NOT NULL, sigs BLOB NOT NULL, body BLOB NOT NULL)"
	" STRICT;"
	"CREATE INDEX statement_prefix ON statement(prefix);"
	"CREATE TABLE request(leaf INTEGER PRIMARY KEY, digest BLOB NOT NULL,"
	" uses INTEGER NOT NULL, spent INTEGER NOT NULL CHECK(spent>=0 AND spent<=uses),"
	" done INTEGER NOT NULL CHECK(done>=0 AND done<=spent), deadline INTEGER NOT NULL,"
	" closed TEXT NOT NULL, submitted INTEGER NOT NULL, released INTEGER NOT NULL) STRICT;"
	"CREATE TABLE act(leaf INTEGER PRIMARY KEY, request INTEGER NOT NULL,"
	" kind INTEGER NOT NULL, digest BLOB NOT NULL, person TEXT NOT NULL,"
	" signer BLOB NOT NULL, rule BLOB NOT NULL, given INTEGER NOT NULL,"
	" expires INTEGER NOT NULL, withdrawn INTEGER NOT NULL, channel INTEGER NOT NULL,"
	" synced INTEGER NOT NULL) STRICT;"
	"CREATE INDEX act_request ON act(request);"
	"CREATE TABLE use(authorize INTEGER PRIMARY KEY, request INTEGER NOT NULL,"
	" use INTEGER NOT NULL, signed_at INTEGER NOT NULL, cert BLOB NOT NULL, issue INTEGER,"
	" key TEXT NOT NULL, requester TEXT NOT NULL) STRICT;"
	/* rates: of a key, and of a key by one requester */
	"CREATE INDEX use_key ON use(key,signed_at);"
	"CREATE INDEX use_key_requester ON use(key,requester,signed_at);"
	"CREATE UNIQUE INDEX use_request ON use(request,use);"
	"CREATE INDEX use_pending ON use(authorize) WHERE issue IS NULL;"
	"CREATE TABLE result(issue INTEGER PRIMARY KEY, signatures BLOB NOT NULL) STRICT;"
	"CREATE TABLE document(kind INTEGER NOT NULL, version INTEGER NOT NULL,"
	" leaf INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY(kind,version)) STRICT,"
	" WITHOUT ROWID;"
	"CREATE TABLE key(name TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;"
	/* when certificate requests were made, of the last hour */
	"CREATE TABLE csr(time INTEGER NOT NULL) STRICT;"
#define APPEND_ONLY(table)                                                                         \
	"CREATE TRIGGER " table "_no_update BEFORE UPDATE ON " table                               \
	" BEGIN SELECT RAISE(ABORT,'" table " is append-only'); END;"                              \
	"CREATE TRIGGER " table "_no_delete BEFORE DELETE ON " table                               \
	" BEGIN SELECT RAISE(ABORT,'" table " is append-only'); END;"
	APPEND_ONLY("leaf") APPEND_ONLY("node") APPEND_ONLY("statement") APPEND_ONLY("result")
		APPEND_ONLY("document") APPEND_ONLY("identity")
#undef APPEND_ONLY
			"COMMIT;";

/* Exclusive before the first access in WAL mode: no shared-memory file is made. */
const char journal_pragmas[] = "PRAGMA locking_mode=EXCLUSIVE;"
			       "PRAGMA synchronous=FULL;"
			       "PRAGMA cache_size=-8192;" /* JOURNAL_CACHE_KIB */
			       "PRAGMA mmap_size=0;"
			       "PRAGMA temp_store=MEMORY;"
			       "PRAGMA trusted_schema=OFF;"
			       "PRAGMA cell_size_check=ON;"
			       "PRAGMA wal_autocheckpoint=0;"
			       "PRAGMA journal_size_limit=67108864;";

const char *const journal_sql_text[SQL__COUNT] = {
#define JOURNAL_SQL_TEXT(name, sql) [SQL_##name] = (sql),
	JOURNAL_SQL(JOURNAL_SQL_TEXT)
#undef JOURNAL_SQL_TEXT
};

rc journal_fault(struct journal *j, int code, const char *what, struct fault *f)
{
	const char *text = sqlite3_errstr(code);
	int extended = j->db != NULL ? sqlite3_extended_errcode(j->db) : code;
	enum rc_code to;

	switch (code & 0xff) {
	case SQLITE_FULL:
		to = RC_NOSPACE;
		break;
	case SQLITE_NOMEM:
		to = RC_NOMEM;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		to = RC_BUSY;
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
		to = RC_CORRUPT;
		break;
	default:
		to = RC_IO;
	}
	return fault_set(f, to, 0, "journal: %s: %s (%d)", what, text, extended);
}

sqlite3_stmt *journal_use_stmt(struct journal *j, enum journal_sql id)
{
	(void)sqlite3_reset(j->stmt[id]);
	return j->stmt[id];
}

void bind_u64(sqlite3_stmt *s, int at, uint64_t v)
{
	(void)sqlite3_bind_int64(s, at, (sqlite3_int64)v);
}

void bind_view(sqlite3_stmt *s, int at, struct view v)
{
	/* A NULL pointer would bind NULL, which NOT NULL columns refuse. */
	(void)sqlite3_bind_blob64(s, at, v.len == 0 ? (const void *)"" : v.ptr, v.len,
				  SQLITE_STATIC);
}

void bind_digest(sqlite3_stmt *s, int at, const struct digest *d)
{
	bind_view(s, at, digest_view(d));
}

rc journal_run(struct journal *j, enum journal_sql id, struct fault *f)
{
	int code;

	/* A row alone would stay when the power goes before its entry of the log is there. */
	if (id != SQL_BEGIN && sqlite3_get_autocommit(j->db) != 0)
		return fault_set(f, RC_STATE, 0, "journal: outside of a round: %s",
				 journal_sql_text[id]);
	code = sqlite3_step(j->stmt[id]);
	(void)sqlite3_reset(j->stmt[id]);
	if (code == SQLITE_DONE)
		return OK;
	return journal_fault(j, code == SQLITE_ROW ? SQLITE_CORRUPT : code, journal_sql_text[id],
			     f);
}

rc journal_row(struct journal *j, enum journal_sql id, struct fault *f)
{
	int code = sqlite3_step(j->stmt[id]);

	if (code == SQLITE_ROW)
		return OK;
	(void)sqlite3_reset(j->stmt[id]);
	if (code == SQLITE_DONE)
		return fault_set(f, RC_NOTFOUND, 0, "journal: no such row");
	return journal_fault(j, code, journal_sql_text[id], f);
}

void journal_done(struct journal *j, enum journal_sql id)
{
	(void)sqlite3_reset(j->stmt[id]);
	(void)sqlite3_clear_bindings(j->stmt[id]);
}

uint64_t column_u64(sqlite3_stmt *s, int at)
{
	return (uint64_t)sqlite3_column_int64(s, at);
}

struct view column_view(sqlite3_stmt *s, int at)
{
	const void *p = sqlite3_column_blob(s, at);

	return view_of(p, (size_t)sqlite3_column_bytes(s, at));
}

rc column_digest(sqlite3_stmt *s, int at, struct digest *ret, struct fault *f)
{
	struct view v = column_view(s, at);

	if (v.len != DIGEST_SIZE)
		return fault_set(f, RC_CORRUPT, 0, "journal: a digest of %zu bytes", v.len);
	memcpy(ret->b, v.ptr, DIGEST_SIZE);
	return OK;
}
