/* sqlite_db - see sqlite_db.h. Purpose: the schema, and every SQL text of the store in one table.
 */
#include "lib/store/sqlite_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_VERSION 3
#define BUSY_MS 5000
#define LATE_MAX 64u /* rows of one late transaction */

static const char schema[] =
	"CREATE TABLE request("
	" seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, created INTEGER NOT NULL,"
	" requester TEXT NOT NULL, host TEXT NOT NULL, key TEXT NOT NULL,"
	" not_before INTEGER NOT NULL, deadline INTEGER NOT NULL, upload INTEGER NOT NULL,"
	" sign INTEGER NOT NULL, items INTEGER NOT NULL, uses INTEGER NOT NULL,"
	" statement BLOB NOT NULL, requester_sig BLOB NOT NULL, host_sig BLOB NOT NULL,"
	" names TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,"
	" uses_done INTEGER NOT NULL, version INTEGER NOT NULL, missing TEXT NOT NULL,"
	" approvers TEXT NOT NULL, status TEXT NOT NULL);"
	"CREATE INDEX request_state ON request(state, seq);"
	"CREATE INDEX request_uploaded ON request(deadline) WHERE upload = 1;"
	/* One short row for each request, so that a search reads little. */
	"CREATE TABLE find("
	" request INTEGER PRIMARY KEY REFERENCES request(seq), digests BLOB NOT NULL,"
	" products TEXT NOT NULL);"
	"CREATE TABLE note("
	" request INTEGER NOT NULL REFERENCES request(seq), n INTEGER NOT NULL,"
	" report BLOB NOT NULL, diff BLOB, previous BLOB, PRIMARY KEY(request, n)) WITHOUT ROWID;"
	"CREATE TABLE last(product TEXT PRIMARY KEY, artifact BLOB NOT NULL, report BLOB NOT NULL,"
	" request BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE upload("
	" sha256 BLOB PRIMARY KEY, size INTEGER NOT NULL, complete INTEGER NOT NULL,"
	" created INTEGER NOT NULL, touched INTEGER NOT NULL, owner TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX upload_open ON upload(complete, touched);"
	"CREATE TABLE certs(leaf BLOB PRIMARY KEY, chain BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE change("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL,"
	" state TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,"
	" proposer TEXT NOT NULL, statement BLOB NOT NULL, answer TEXT NOT NULL);"
	"CREATE TABLE change_sig("
	" change BLOB NOT NULL, digest BLOB NOT NULL, sig BLOB NOT NULL,"
	" PRIMARY KEY(change, digest)) WITHOUT ROWID;";

/* Came later; an older program does not look at it, so that the version stays. */
static const char schema_added[] =
	"CREATE TABLE IF NOT EXISTS claim("
	"request INTEGER PRIMARY KEY REFERENCES request(seq), text BLOB NOT NULL);"
	"CREATE TABLE IF NOT EXISTS mark("
	"name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS issued("
	"signature BLOB PRIMARY KEY, key BLOB NOT NULL, request BLOB NOT "
	"NULL, leaf INTEGER NOT NULL, item INTEGER NOT NULL) WITHOUT "
	"ROWID;"
	"CREATE INDEX IF NOT EXISTS issued_key ON issued(key);"
	"CREATE TABLE IF NOT EXISTS held("
	"leaf INTEGER PRIMARY KEY, request BLOB NOT NULL, use INTEGER NOT "
	"NULL);"
	"CREATE TABLE IF NOT EXISTS alarm("
	"seq INTEGER PRIMARY KEY AUTOINCREMENT, signature BLOB NOT NULL "
	"UNIQUE, key BLOB NOT NULL, file BLOB NOT NULL, key_name TEXT NOT "
	"NULL, reporter TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER "
	"NOT NULL, count INTEGER NOT NULL, log_size INTEGER NOT NULL, kind "
	"TEXT NOT NULL, state TEXT NOT NULL, name TEXT NOT NULL, evidence "
	"TEXT NOT NULL, closer TEXT NOT NULL, closed INTEGER NOT NULL, "
	"comment TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS guard_host("
	" host TEXT PRIMARY KEY, run TEXT NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,"
	" heard INTEGER NOT NULL, since INTEGER NOT NULL, dropped INTEGER NOT NULL,"
	" digests INTEGER NOT NULL, unkept INTEGER NOT NULL, silent INTEGER NOT NULL,"
	" mode TEXT NOT NULL, level TEXT NOT NULL, list TEXT NOT NULL, serial INTEGER NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS guard_event("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, host TEXT NOT NULL, kind TEXT NOT NULL,"
	" heard INTEGER NOT NULL, body BLOB NOT NULL);"
	"CREATE INDEX IF NOT EXISTS guard_event_host ON guard_event(host, id);"
	"CREATE INDEX IF NOT EXISTS guard_event_kind ON guard_event(kind, id);"
	"CREATE TABLE IF NOT EXISTS guard_seen("
	" sha256 BLOB NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
	" allowed INTEGER NOT NULL, denied INTEGER NOT NULL, would_deny INTEGER NOT NULL,"
	" path TEXT NOT NULL, PRIMARY KEY(sha256, host)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS published("
	" kind INTEGER NOT NULL, name TEXT NOT NULL, serial INTEGER NOT NULL, leaf INTEGER NOT "
	"NULL,"
	" item INTEGER NOT NULL, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL,"
	" request BLOB NOT NULL, file BLOB NOT NULL, size INTEGER NOT NULL, key BLOB NOT NULL,"
	" groups TEXT NOT NULL, proof BLOB NOT NULL,"
	" PRIMARY KEY(kind, name, serial, leaf, item)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS published_file ON published(file);"
	"CREATE TABLE IF NOT EXISTS publishing(request BLOB PRIMARY KEY) WITHOUT ROWID;"
	/* Requests that were here before the table was, or knew of headers: once. */
	"INSERT OR IGNORE INTO publishing SELECT id FROM request WHERE upload = 1"
	" AND NOT EXISTS(SELECT 1 FROM mark WHERE name = 'publishing-2')"
	" AND (instr(statement, CAST('\"allowlist\"' AS BLOB)) > 0"
	" OR instr(statement, CAST('\"package-record\"' AS BLOB)) > 0);"
	"INSERT OR IGNORE INTO mark(name, value) VALUES('publishing-2', 1);";

#define REQUEST_COLUMNS                                                                            \
	"r.id, r.seq, r.created, r.requester, r.host, r.key, r.not_before, r.deadline, r.upload,"  \
	" r.sign, r.items, r.uses, r.statement, r.requester_sig, r.host_sig, r.names, r.state,"    \
	" r.reason, r.uses_done, r.version, r.missing, r.approvers, r.status"
/* ?1 state, ?2 requester, ?3 key, ?4 before, ?5 limit, ?6 product, ?7 artifact */
#define REQUEST_WHERE                                                                              \
	" (?1 IS NULL OR r.state = ?1) AND (?2 IS NULL OR r.requester = ?2)"                       \
	" AND (?3 IS NULL OR r.key = ?3) AND (?4 = 0 OR r.seq < ?4)"
#define ALARM_COLUMNS                                                                              \
	"seq, signature, key, file, key_name, reporter, first, last, count, log_size, kind,"       \
	" state, name, evidence, closer, closed, comment"
#define PUBLISHED_LIKE "kind = ?1 AND name = ?2 AND groups = ?3 AND key = ?4"
#define PUBLISHED_COLUMNS                                                                          \
	"kind, name, serial, leaf, item, not_before, not_after, request, file, size, key, groups," \
	" proof"
#define GUARD_HOST_COLUMNS                                                                         \
	"host, run, seq, time, heard, since, dropped, digests, unkept, silent, mode, level, list," \
	" serial"
#define CHANGE_COLUMNS "id, kind, state, created, expires, proposer, statement, answer"

static const char *const sql_text[] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_REQUEST_INSERT] =
		"INSERT INTO request(id, created, requester, host, key, not_before, deadline, "
		"upload,"
		" sign, items, uses, statement, requester_sig, host_sig, names, state, reason,"
		" uses_done, version, missing, approvers, status)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,1,?19,?20,?"
		"21)"
		" ON CONFLICT(id) DO NOTHING",
	[SQL_REQUEST_WISH] = "UPDATE request SET sign = 1 WHERE id = ?1 AND sign = 0",
	[SQL_REQUEST_STATUS] =
		"UPDATE request SET version = version + (status <> ?7), state = ?2, reason = ?3,"
		" uses_done = ?4, missing = ?5, approvers = ?6, status = ?7 WHERE id = ?1",
	[SQL_REQUEST_VERSION] = "SELECT version FROM request WHERE id = ?1",
	[SQL_REQUEST_GET] = "SELECT " REQUEST_COLUMNS " FROM request r WHERE r.id = ?1",
	[SQL_REQUEST_LIST] = "SELECT " REQUEST_COLUMNS " FROM request r WHERE" REQUEST_WHERE
			     " ORDER BY r.seq DESC LIMIT ?5",
	[SQL_REQUEST_FIND] =
		"SELECT " REQUEST_COLUMNS " FROM find i CROSS JOIN request r ON r.seq = i.request"
		" WHERE" REQUEST_WHERE " AND (?6 IS NULL OR instr(i.products, ?6) > 0)"
		" AND (?7 IS NULL OR has_digest(i.digests, ?7)) AND (?4 = 0 OR i.request < ?4)"
		" ORDER BY i.request DESC LIMIT ?5",
	[SQL_REQUEST_DUE] =
		"SELECT id FROM request WHERE (state = 'open' AND sign = 1 AND not_before <= ?1"
		" AND reason IN ('time.not-before', 'time.window', 'time.freeze', 'time.hold',"
		" 'time.zone', 'limit.rate', 'key.token', 'key.review', 'key.locked', "
		"'host.locked',"
		" 'keeper.busy', 'ok'))"
		/* Signed and held; nobody has to wish for it again. Times compare as texts. */
		" OR (state = 'committed' AND reason IN ('time.release', 'time.freeze',"
		" 'time.zone', 'time.clock', 'key.locked', 'key.review', 'keeper.storage')"
		" AND json_extract(status, '$.release')"
		" <= strftime('%Y-%m-%dT%H:%M:%SZ', ?1, 'unixepoch'))"
		/* By lot: many that wait long for a window keep nobody else from being looked at.
		 */
		" ORDER BY random() LIMIT ?2",
	[SQL_REQUEST_UNFINISHED] =
		"SELECT id FROM request WHERE state IN ('open', 'committed') ORDER BY seq",
	[SQL_FIND_INSERT] = "INSERT INTO find(request, digests, products) VALUES(?1,?2,?3)",
	[SQL_NOTE_INSERT] =
		"INSERT INTO note(request, n, report, diff, previous) VALUES(?1,?2,?3,?4,?5)",
	[SQL_NOTE_SET] = "INSERT OR REPLACE INTO note(request, n, report, diff, previous)"
			 " SELECT seq, ?2, ?3, ?4, ?5 FROM request WHERE id = ?1",
	[SQL_NOTE_LIST] = "SELECT n, report, diff, previous FROM note"
			  " WHERE request = (SELECT seq FROM request WHERE id = ?1) ORDER BY n",
	[SQL_LAST_GET] = "SELECT artifact, report, request FROM last WHERE product = ?1",
	[SQL_LAST_SET] = "INSERT OR REPLACE INTO last(product, artifact, report, request)"
			 " VALUES(?1,?2,?3,?4)",
	[SQL_UPLOAD_GET] = "SELECT sha256, size, complete, created, touched, owner FROM upload"
			   " WHERE sha256 = ?1",
	[SQL_UPLOAD_PUT] = "INSERT OR REPLACE INTO upload(sha256, size, complete, created, touched,"
			   " owner) VALUES(?1,?2,?3,?4,?5,?6)",
	[SQL_UPLOAD_DROP] = "DELETE FROM upload WHERE sha256 = ?1",
	[SQL_UPLOAD_LIST] = "SELECT sha256, size, complete, created, touched, owner FROM upload"
			    " WHERE ?1 IS NULL OR sha256 > ?1 ORDER BY sha256 LIMIT ?2",
	[SQL_UPLOAD_NEEDED] =
		"SELECT 1 FROM request r CROSS JOIN find i ON i.request = r.seq"
		" WHERE r.upload = 1 AND r.deadline >= ?2 AND has_digest(i.digests, ?1)"
		" UNION ALL SELECT 1 FROM request r CROSS JOIN find i ON i.request = r.seq"
		" WHERE r.state = 'committed' AND has_digest(i.digests, ?1)"
		" UNION ALL SELECT 1 FROM published WHERE file = ?1 LIMIT 1",
	[SQL_CERTS_GET] = "SELECT chain FROM certs WHERE leaf = ?1",
	[SQL_CERTS_PUT] = "INSERT OR REPLACE INTO certs(leaf, chain) VALUES(?1,?2)",
	[SQL_CLAIMS_GET] =
		"SELECT c.text FROM request r JOIN claim c ON c.request = r.seq WHERE r.id = ?1",
	[SQL_CLAIMS_NEW] = "INSERT INTO claim(request, text) VALUES(?1,?2)",
	[SQL_CLAIMS_PUT] = "INSERT OR IGNORE INTO claim(request, text) SELECT seq, ?2 FROM request "
			   "WHERE id = ?1",
	[SQL_ISSUED_PUT] = "INSERT OR IGNORE INTO issued(signature, key, request, leaf, item)"
			   " VALUES(?1,?2,?3,?4,?5)",
	[SQL_ISSUED_GET] =
		"SELECT signature, key, request, leaf, item FROM issued WHERE signature = ?1",
	[SQL_ISSUED_BY] =
		"SELECT signature, key, request, leaf, item FROM issued WHERE key = ?1 LIMIT 1",
	[SQL_ISSUED_COUNT] = "SELECT count(*) FROM issued WHERE key = ?1",
	[SQL_HELD_PUT] = "INSERT OR IGNORE INTO held(leaf, request, use) VALUES(?1,?2,?3)",
	[SQL_HELD_DROP] = "DELETE FROM held WHERE leaf = ?1",
	[SQL_HELD_LIST] =
		"SELECT leaf, request, use FROM held WHERE leaf > ?1 ORDER BY leaf LIMIT ?2",
	[SQL_PUBLISHING_PUT] = "INSERT OR IGNORE INTO publishing(request) VALUES(?1)",
	[SQL_PUBLISHING_LIST] = "SELECT p.request FROM publishing p JOIN request r"
				" ON r.id = p.request WHERE r.uses_done > 0 LIMIT ?1",
	[SQL_PUBLISHING_DROP] = "DELETE FROM publishing WHERE request = ?1",
	[SQL_PUBLISHED_PUT] = "INSERT OR REPLACE INTO published(" PUBLISHED_COLUMNS
			      ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
	[SQL_PUBLISHING_SWEEP] =
		"DELETE FROM publishing WHERE request IN (SELECT p.request FROM publishing p"
		" JOIN request r ON r.id = p.request WHERE r.uses_done = 0"
		" AND (r.state = 'closed' OR (r.state = 'open' AND r.deadline < ?1)))",
	/* ?5 now */
	[SQL_PUBLISHED_CUT] = "DELETE FROM published WHERE " PUBLISHED_LIKE
			      " AND not_before <= ?5 AND (serial, leaf, item) <="
			      " (SELECT serial, leaf, item FROM published WHERE " PUBLISHED_LIKE
			      " AND not_before <= ?5"
			      " ORDER BY serial DESC, leaf DESC, item DESC LIMIT 1 OFFSET ?6)",
	[SQL_PUBLISHED_CUT_AHEAD] =
		"DELETE FROM published WHERE " PUBLISHED_LIKE
		" AND not_before > ?5 AND (not_before, serial, leaf, item) >="
		" (SELECT not_before, serial, leaf, item FROM published WHERE " PUBLISHED_LIKE
		" AND not_before > ?5 ORDER BY not_before, serial, leaf, item LIMIT 1 OFFSET ?6)",
	[SQL_PUBLISHED_LIST] = "SELECT " PUBLISHED_COLUMNS
			       " FROM published WHERE kind = ?1 AND (?2 IS NULL OR name = ?2)"
			       " ORDER BY name, serial DESC, leaf DESC, item DESC",
	[SQL_PUBLISHED_FILE] =
		"SELECT " PUBLISHED_COLUMNS " FROM published WHERE file = ?2 AND kind = ?1",
	[SQL_ALARM_INSERT] =
		"INSERT INTO alarm(" ALARM_COLUMNS ") SELECT"
		" NULL,?1,?2,?3,?4,?5,?6,?6,1,?7,?8,'open',?9,?10,'',0,''"
		" WHERE (SELECT count(*) FROM alarm) < ?11 ON CONFLICT(signature) DO NOTHING",
	[SQL_ALARM_AGAIN] =
		"UPDATE alarm SET last = max(last, ?2), count = count + 1 WHERE signature = ?1",
	[SQL_ALARM_GET] = "SELECT " ALARM_COLUMNS " FROM alarm WHERE signature = ?1",
	[SQL_ALARM_LIST] = "SELECT " ALARM_COLUMNS " FROM alarm WHERE (?1 IS NULL OR state = ?1)"
			   " AND (?2 = 0 OR seq < ?2) ORDER BY seq DESC LIMIT ?3",
	[SQL_ALARM_COUNT] = "SELECT count(*) FROM alarm WHERE reporter = ?1 AND state = 'open'",
	[SQL_ALARM_CLOSE] = "UPDATE alarm SET state = ?2, closer = ?3, closed = ?4, comment = ?5"
			    " WHERE signature = ?1",
	[SQL_GUARD_HOST_GET] = "SELECT " GUARD_HOST_COLUMNS " FROM guard_host WHERE host = ?1",
	[SQL_GUARD_HOST_PUT] = "INSERT OR REPLACE INTO guard_host(" GUARD_HOST_COLUMNS
			       ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
	[SQL_GUARD_HOST_LIST] = "SELECT " GUARD_HOST_COLUMNS " FROM guard_host"
				" WHERE (?1 IS NULL OR host = ?1) AND (?2 IS NULL OR host > ?2)"
				" ORDER BY host LIMIT ?3",
	[SQL_GUARD_HOST_QUIET] = "SELECT " GUARD_HOST_COLUMNS " FROM guard_host"
				 " WHERE silent = 0 AND heard < ?1 ORDER BY host LIMIT ?2",
	[SQL_GUARD_HOST_SILENT] = "UPDATE guard_host SET silent = 1 WHERE host = ?1",
	[SQL_GUARD_HOST_SWEEP] = "DELETE FROM guard_host WHERE heard < ?1",
	[SQL_GUARD_EVENT_PUT] = "INSERT INTO guard_event(host, kind, heard, body)"
				" VALUES(?1,?2,?3,?4)",
	[SQL_GUARD_EVENT_LIST] =
		"SELECT id, host, heard, body FROM guard_event WHERE (?1 IS NULL OR host = ?1)"
		" AND (?2 IS NULL OR kind = ?2) AND (?3 = 0 OR id < ?3) ORDER BY id DESC LIMIT ?4",
	[SQL_GUARD_EVENT_CUT] = "DELETE FROM guard_event WHERE host = ?1 AND id <= (SELECT id FROM"
				" guard_event WHERE host = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
	[SQL_GUARD_EVENT_SWEEP] = "DELETE FROM guard_event WHERE heard < ?1",
	[SQL_GUARD_SEEN_UPDATE] =
		"UPDATE guard_seen SET first = min(first, ?3), last = max(last, ?3),"
		" allowed = allowed + ?4, denied = denied + ?5, would_deny = would_deny + ?6,"
		" path = CASE WHEN ?7 = '' THEN path ELSE ?7 END WHERE sha256 = ?1 AND host = ?2",
	[SQL_GUARD_SEEN_INSERT] =
		"INSERT INTO guard_seen(sha256, host, first, last, allowed, denied, would_deny,"
		" path) VALUES(?1,?2,?3,?3,?4,?5,?6,?7)",
	[SQL_GUARD_SEEN_LIST] =
		"SELECT sha256, host, first, last, allowed, denied, would_deny, path FROM "
		"guard_seen"
		" WHERE sha256 = ?1 AND (?2 IS NULL OR host > ?2) ORDER BY host LIMIT ?3",
	[SQL_GUARD_SEEN_SWEEP] = "DELETE FROM guard_seen WHERE last < ?1",
	[SQL_MARK_GET] = "SELECT value FROM mark WHERE name = ?1",
	[SQL_MARK_SET] = "INSERT OR REPLACE INTO mark(name, value) VALUES(?1,?2)",
	[SQL_CHANGE_PUT] = "INSERT INTO change(" CHANGE_COLUMNS ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8)"
			   " ON CONFLICT(id) DO NOTHING",
	[SQL_CHANGE_GET] = "SELECT " CHANGE_COLUMNS " FROM change WHERE id = ?1",
	[SQL_CHANGE_LIST] = "SELECT " CHANGE_COLUMNS " FROM change WHERE ?1 IS NULL OR state = ?1"
			    " ORDER BY seq DESC LIMIT ?2",
	[SQL_CHANGE_STATE] = "UPDATE change SET state = ?2, answer = ?3 WHERE id = ?1",
	[SQL_CHANGE_SIGN] = "INSERT INTO change_sig(change, digest, sig) VALUES(?1,?2,?3)"
			    " ON CONFLICT DO NOTHING",
	[SQL_CHANGE_SIGS] = "SELECT sig FROM change_sig WHERE change = ?1 ORDER BY digest",
};
_Static_assert(sizeof(sql_text) / sizeof(sql_text[0]) == SQL__COUNT, "one text per statement");

static rc db_fault(const struct sqlite_db *db, int code, struct fault *f)
{
	static const struct {
		int sqlite;
		enum rc_code rc;
	} table[] = {
		{SQLITE_FULL, RC_NOSPACE},	 {SQLITE_NOMEM, RC_NOMEM},
		{SQLITE_CORRUPT, RC_CORRUPT},	 {SQLITE_NOTADB, RC_CORRUPT},
		{SQLITE_CONSTRAINT, RC_CORRUPT}, {SQLITE_TOOBIG, RC_LIMIT},
	};
	enum rc_code mapped = RC_IO;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].sqlite == (code & 0xff))
			mapped = table[i].rc;
	}
	return fault_set(f, mapped, 0, "store: %s", sqlite3_errmsg(db->handle));
}

static rc execute(struct sqlite_db *db, const char *sql, struct fault *f)
{
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? OK : db_fault(db, code, f);
}

static rc read_number(struct sqlite_db *db, const char *sql, int *ret, struct fault *f)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(db->handle, sql, -1, &st, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int(st, 0);
	(void)sqlite3_finalize(st);
	return code == SQLITE_ROW ? OK : db_fault(db, code, f);
}

/* Claims were once ordered by the request's digest, so that each row touched a page of its own. */
static rc move_claims(struct sqlite_db *db, struct fault *f)
{
	int there = 0;

	TRY(read_number(db, "SELECT count(*) FROM sqlite_master WHERE name = 'claims'", &there, f));
	if (there == 0)
		return OK;
	return execute(db,
		       "BEGIN IMMEDIATE;"
		       "INSERT OR IGNORE INTO claim SELECT r.seq, c.text FROM claims c"
		       " JOIN request r ON r.id = c.request;"
		       "DROP TABLE claims; COMMIT",
		       f);
}

static rc prepare_schema(struct sqlite_db *db, struct fault *f)
{
	char sql[64];
	int version = 0;

	TRY(read_number(db, "PRAGMA user_version", &version, f));
	if (version == SCHEMA_VERSION)
		return OK;
	if (version != 0)
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "store: schema %d, this program knows %d; move the file away, and "
				 "it is made again from the log",
				 version, SCHEMA_VERSION);
	(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d; COMMIT", SCHEMA_VERSION);
	TRY(execute(db, "BEGIN EXCLUSIVE", f));
	TRY(execute(db, schema, f));
	return execute(db, sql, f);
}

/* has_digest(find.digests, a digest) */
static void has_digest(sqlite3_context *ctx, int count, sqlite3_value **args)
{
	const uint8_t *all = sqlite3_value_blob(args[0]);
	const uint8_t *one = sqlite3_value_blob(args[1]);
	size_t len = (size_t)sqlite3_value_bytes(args[0]);
	int found = 0;

	(void)count;
	for (size_t at = 0; found == 0 && len - at >= DIGEST_SIZE; at += DIGEST_SIZE)
		found = memcmp(all + at, one, DIGEST_SIZE) == 0;
	sqlite3_result_int(ctx, found);
}

rc db_open(const char *path, struct sqlite_db *db, struct fault *f)
{
	pthread_mutexattr_t attr;
	int code;

	(void)pthread_mutexattr_init(&attr);
	(void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	(void)pthread_mutex_init(&db->lock, &attr);
	(void)pthread_mutexattr_destroy(&attr);
	(void)pthread_mutex_init(&db->queue_lock, NULL);
	db->queue_end = &db->queue;
	code = sqlite3_open_v2(path, &db->handle,
			       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				       SQLITE_OPEN_EXRESCODE,
			       NULL);
	if (code != SQLITE_OK)
		return db_fault(db, code, f);
	(void)sqlite3_busy_timeout(db->handle, BUSY_MS);
	code = sqlite3_create_function(db->handle, "has_digest", 2,
				       SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
				       has_digest, NULL, NULL);
	if (code != SQLITE_OK)
		return db_fault(db, code, f);
	/* NORMAL: the projection may lose its newest rows with the power, never its shape. */
	TRY(execute(db,
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
		    "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
		    "PRAGMA cache_size = -8192;" /* KiB: rows by digest touch pages of everywhere */
		    "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
		    f));
	TRY(prepare_schema(db, f));
	TRY(execute(db, schema_added, f));
	return move_claims(db, f);
}

void db_close(struct sqlite_db *db)
{
	rc_ignore(db_settle(db, NULL), "the next start looks into the log");
	for (size_t i = 0; i < SQL__COUNT; i++)
		(void)sqlite3_finalize(db->prepared[i]);
	(void)sqlite3_close(db->handle);
	(void)pthread_mutex_destroy(&db->lock);
	(void)pthread_mutex_destroy(&db->queue_lock);
}

static void commit_late(struct sqlite_db *db);

rc db_begin(struct sqlite_db *db, enum sql_id id, sqlite3_stmt **ret, struct fault *f)
{
	int code;

	(void)pthread_mutex_lock(&db->lock);
	if (db->prepared[id] == NULL) {
		code = sqlite3_prepare_v3(db->handle, sql_text[id], -1, SQLITE_PREPARE_PERSISTENT,
					  &db->prepared[id], NULL);
		if (code != SQLITE_OK) {
			rc r = db_fault(db, code, f);

			(void)pthread_mutex_unlock(&db->lock);
			return r;
		}
	}
	*ret = db->prepared[id];
	if (db->depth == 0 && db->late > 0 && sqlite3_stmt_readonly(*ret) == 0)
		commit_late(db);
	return OK;
}

void db_end(struct sqlite_db *db, sqlite3_stmt *st)
{
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	(void)pthread_mutex_unlock(&db->lock);
}

rc db_step(struct sqlite_db *db, sqlite3_stmt *st, bool *ret_row, struct fault *f)
{
	int code = sqlite3_step(st);

	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return db_fault(db, code, f);
	*ret_row = code == SQLITE_ROW;
	return OK;
}

rc db_each_row(struct sqlite_db *db, sqlite3_stmt *st, db_row row, void *ctx, size_t *ret_count,
	       struct fault *f)
{
	size_t count = 0;
	bool more = false;
	rc r;

	for (;;) {
		r = db_step(db, st, &more, f);
		if (rc_is_ok(r) && more)
			r = row(st, ctx);
		if (!rc_is_ok(r) || !more)
			break;
		count++;
	}
	db_end(db, st);
	if (ret_count != NULL)
		*ret_count = count;
	return r;
}

rc db_one_row(struct sqlite_db *db, sqlite3_stmt *st, db_row row, void *ctx, struct fault *f)
{
	bool more = false;
	rc r = db_step(db, st, &more, f);

	if (rc_is_ok(r))
		r = more ? row(st, ctx) : RC(RC_NOTFOUND);
	db_end(db, st);
	return r;
}

rc db_row_u64(sqlite3_stmt *st, void *ctx)
{
	*(uint64_t *)ctx = column_u64(st, 0);
	return OK;
}

rc db_run(struct sqlite_db *db, sqlite3_stmt *st, struct fault *f)
{
	bool row;
	rc r = db_step(db, st, &row, f);

	db_end(db, st);
	return r;
}

int db_changes(const struct sqlite_db *db)
{
	return sqlite3_changes(db->handle);
}

static rc run_plain(struct sqlite_db *db, enum sql_id id, struct fault *f)
{
	sqlite3_stmt *st;

	TRY(db_begin(db, id, &st, f));
	return db_run(db, st, f);
}

rc db_transaction(struct sqlite_db *db, struct fault *f)
{
	rc r = OK;

	(void)pthread_mutex_lock(&db->lock);
	if (db->depth == 0) {
		commit_late(db);
		r = run_plain(db, SQL_BEGIN, f);
	}
	if (!rc_is_ok(r)) {
		(void)pthread_mutex_unlock(&db->lock);
		return r;
	}
	db->depth++;
	return OK;
}

rc db_transaction_end(struct sqlite_db *db, rc result, struct fault *f)
{
	rc r = result;

	db->depth--;
	/* Inside a batch a failed call leaves what it wrote to the batch's end: rows are written
	 * whole or not at all by each statement, and the caller decides. */
	if (db->depth == 0) {
		if (rc_is_ok(r))
			r = run_plain(db, SQL_COMMIT, f);
		if (!rc_is_ok(r) && sqlite3_get_autocommit(db->handle) == 0)
			rc_ignore(run_plain(db, SQL_ROLLBACK, NULL), "the first failure is told");
	}
	(void)pthread_mutex_unlock(&db->lock);
	return r;
}

static void give_up_late(struct sqlite_db *db)
{
	db->late = 0;
	db->lost = true;
	atomic_store(&db->fails, true);
	if (sqlite3_get_autocommit(db->handle) == 0)
		rc_ignore(run_plain(db, SQL_ROLLBACK, NULL), "the rows are lost in any case");
}

/* The lock is held, and no transaction is open but the late one. */
static void commit_late(struct sqlite_db *db)
{
	if (db->late == 0)
		return;
	db->late = 0; /* a failure that ends the transaction must not come back here */
	if (!rc_is_ok(run_plain(db, SQL_COMMIT, NULL)))
		give_up_late(db);
}

rc db_late_begin(struct sqlite_db *db, struct fault *f)
{
	rc r = OK;

	(void)pthread_mutex_lock(&db->lock);
	if (db->late == 0)
		r = run_plain(db, SQL_BEGIN, f);
	if (!rc_is_ok(r))
		(void)pthread_mutex_unlock(&db->lock);
	else
		db->depth++;
	return r;
}

void db_late_end(struct sqlite_db *db, rc result)
{
	db->depth--;
	db->late++;
	if (!rc_is_ok(result))
		give_up_late(db);
	else if (db->late >= LATE_MAX)
		commit_late(db);
	(void)pthread_mutex_unlock(&db->lock);
}

rc db_settle(struct sqlite_db *db, struct fault *f)
{
	bool lost;

	(void)pthread_mutex_lock(&db->lock);
	if (db->depth == 0)
		commit_late(db);
	lost = db->lost;
	db->lost = false;
	(void)pthread_mutex_unlock(&db->lock);
	return lost ? fault_set(f, RC_STATE, 0, "store: the newest rows could not be written") : OK;
}

rc db_durable(struct sqlite_db *db, bool on, struct fault *f)
{
	if (db->depth > 0)
		return OK;
	commit_late(db);
	return execute(db, on ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", f);
}

rc db_run_changing(struct sqlite_db *db, sqlite3_stmt *st, enum rc_code none, struct fault *f)
{
	rc r;

	(void)pthread_mutex_lock(&db->lock);
	r = db_run(db, st, f);
	if (rc_is_ok(r) && db_changes(db) == 0)
		r = RC(none);
	(void)pthread_mutex_unlock(&db->lock);
	return r;
}

/* What is nowhere else, like changes until their quorum is there, must outlive the power, unlike
 * the rest of the store. */
rc db_run_durable(struct sqlite_db *db, sqlite3_stmt *st, enum rc_code none, struct fault *f)
{
	rc r;

	(void)pthread_mutex_lock(&db->lock);
	r = db_durable(db, true, f);
	if (rc_is_ok(r))
		r = db_run_changing(db, st, none, f);
	else
		db_end(db, st);
	rc_ignore(db_durable(db, false, NULL), "slower from here on, not less safe");
	(void)pthread_mutex_unlock(&db->lock);
	return r;
}

void bind_blob(sqlite3_stmt *st, int at, struct view v)
{
	(void)sqlite3_bind_blob64(st, at, v.len == 0 ? (const void *)"" : v.ptr, v.len,
				  SQLITE_STATIC);
}

void bind_digest(sqlite3_stmt *st, int at, const struct digest *d)
{
	if (d == NULL)
		(void)sqlite3_bind_null(st, at);
	else
		(void)sqlite3_bind_blob(st, at, d->b, DIGEST_SIZE, SQLITE_STATIC);
}

void bind_text(sqlite3_stmt *st, int at, const char *s)
{
	if (s == NULL)
		(void)sqlite3_bind_null(st, at);
	else
		(void)sqlite3_bind_text(st, at, s, -1, SQLITE_STATIC);
}

void bind_text_view(sqlite3_stmt *st, int at, struct view v)
{
	(void)sqlite3_bind_text64(st, at, v.len == 0 ? "" : (const char *)v.ptr, v.len,
				  SQLITE_STATIC, SQLITE_UTF8);
}

void bind_u64(sqlite3_stmt *st, int at, uint64_t v)
{
	(void)sqlite3_bind_int64(st, at, (sqlite3_int64)v);
}

struct view column_view(sqlite3_stmt *st, int at)
{
	const void *p = sqlite3_column_blob(st, at);

	return view_of(p, (size_t)sqlite3_column_bytes(st, at));
}

uint64_t column_u64(sqlite3_stmt *st, int at)
{
	return (uint64_t)sqlite3_column_int64(st, at);
}

rc column_digest(sqlite3_stmt *st, int at, struct digest *ret)
{
	struct view v = column_view(st, at);

	if (v.len != DIGEST_SIZE)
		return RC(RC_CORRUPT);
	memcpy(ret->b, v.ptr, DIGEST_SIZE);
	return OK;
}

rc column_name(sqlite3_stmt *st, int at, struct name *ret)
{
	return rc_is_ok(name_parse(column_view(st, at), ret)) ? OK : RC(RC_CORRUPT);
}

void column_text(sqlite3_stmt *st, int at, char *out, size_t cap)
{
	const char *s = (const char *)sqlite3_column_text(st, at);

	(void)snprintf(out, cap, "%s", s == NULL ? "" : s);
}
