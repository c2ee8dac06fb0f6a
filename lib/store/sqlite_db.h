/* sqlite_db - the SQLite connection behind store_sqlite.c and store_sqlite_aside.c: prepared
 * statements by number, binding and columns by type. Not for anybody else. */
#ifndef GS_STORE_SQLITE_DB_H
#define GS_STORE_SQLITE_DB_H

#include <pthread.h>
#include <stdatomic.h>
#include <sqlite3.h>

#include "lib/store/store.h"

/* Every statement there is; the texts are in sqlite_db.c. */
enum sql_id {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_REQUEST_INSERT,
	SQL_REQUEST_WISH,
	SQL_REQUEST_STATUS,
	SQL_REQUEST_VERSION,
	SQL_REQUEST_GET,
	SQL_REQUEST_LIST,
	SQL_REQUEST_FIND,
	SQL_REQUEST_DUE,
	SQL_REQUEST_UNFINISHED,
	SQL_FIND_INSERT,
	SQL_NOTE_INSERT,
	SQL_NOTE_SET,
	SQL_NOTE_LIST,
	SQL_LAST_GET,
	SQL_LAST_SET,
	SQL_UPLOAD_GET,
	SQL_UPLOAD_PUT,
	SQL_UPLOAD_DROP,
	SQL_UPLOAD_LIST,
	SQL_UPLOAD_NEEDED,
	SQL_CERTS_GET,
	SQL_CERTS_PUT,
	SQL_MARK_GET,
	SQL_MARK_SET,
	SQL_CHANGE_PUT,
	SQL_CHANGE_GET,
	SQL_CHANGE_LIST,
	SQL_CHANGE_STATE,
	SQL_CHANGE_SIGN,
	SQL_CHANGE_SIGS,
	SQL_CLAIMS_GET,
	SQL_CLAIMS_NEW,
	SQL_CLAIMS_PUT,
	SQL_ISSUED_PUT,
	SQL_ISSUED_GET,
	SQL_ISSUED_COUNT,
	SQL_ISSUED_BY,
	SQL_HELD_PUT,
	SQL_HELD_DROP,
	SQL_HELD_LIST,
	SQL_PUBLISHING_PUT,
	SQL_PUBLISHING_LIST,
	SQL_PUBLISHING_DROP,
	SQL_PUBLISHING_SWEEP,
	SQL_PUBLISHED_PUT,
	SQL_PUBLISHED_CUT,
	SQL_PUBLISHED_CUT_AHEAD,
	SQL_PUBLISHED_LIST,
	SQL_PUBLISHED_FILE,
	SQL_ALARM_INSERT,
	SQL_ALARM_AGAIN,
	SQL_ALARM_GET,
	SQL_ALARM_LIST,
	SQL_ALARM_COUNT,
	SQL_ALARM_CLOSE,
	SQL_GUARD_HOST_GET,
	SQL_GUARD_HOST_PUT,
	SQL_GUARD_HOST_LIST,
	SQL_GUARD_HOST_QUIET,
	SQL_GUARD_HOST_SILENT,
	SQL_GUARD_HOST_SWEEP,
	SQL_GUARD_EVENT_PUT,
	SQL_GUARD_EVENT_LIST,
	SQL_GUARD_EVENT_CUT,
	SQL_GUARD_EVENT_SWEEP,
	SQL_GUARD_SEEN_UPDATE,
	SQL_GUARD_SEEN_INSERT,
	SQL_GUARD_SEEN_LIST,
	SQL_GUARD_SEEN_SWEEP,
	SQL__COUNT
};

/* A request_put that waits for a transaction; lives on its caller's stack. */
struct put_call {
	struct put_call *next;
	const struct store_request *request;
	const struct store_notes *notes;
	bool is_new;
	bool done;
	rc result;
	struct fault fault;
};

struct sqlite_db {
	struct store store; /* first: a struct store * is a struct sqlite_db * */
	sqlite3 *handle;
	sqlite3_stmt *prepared[SQL__COUNT];
	pthread_mutex_t lock; /* recursive: a batch holds it over the calls inside */
	unsigned depth;
	unsigned late;	   /* rows of the transaction that db_settle is to commit */
	bool lost;	   /* such rows did not get that far */
	atomic_bool fails; /* and no row was written since: none waits, each caller is told */
	pthread_mutex_t queue_lock; /* over the two below; never held while SQLite works */
	struct put_call *queue;
	struct put_call **queue_end;
};

/* Opens, sets pragmas, makes or checks the schema. */
MUST rc db_open(const char *path, struct sqlite_db *db, struct fault *f);
void db_close(struct sqlite_db *db);

/* The lock is taken, and the statement is reset with no parameter bound. Pair with db_end. */
MUST rc db_begin(struct sqlite_db *db, enum sql_id id, sqlite3_stmt **ret, struct fault *f);
void db_end(struct sqlite_db *db, sqlite3_stmt *st);
/* One step. *ret_row: a row is there. */
MUST rc db_step(struct sqlite_db *db, sqlite3_stmt *st, bool *ret_row, struct fault *f);
/* Reads the row that a statement stands on. Its views live until it returns. */
typedef rc (*db_row)(sqlite3_stmt *st, void *ctx);
/* Of each row, until one fails; the statement is ended, whatever happens. ret_count: how many went
 * well; may be NULL. */
MUST rc db_each_row(struct sqlite_db *db, sqlite3_stmt *st, db_row row, void *ctx,
		    size_t *ret_count, struct fault *f);
/* Of the first row, likewise. RC_NOTFOUND there is none. */
MUST rc db_one_row(struct sqlite_db *db, sqlite3_stmt *st, db_row row, void *ctx, struct fault *f);
/* A number, for db_one_row: ctx is a uint64_t. */
MUST rc db_row_u64(sqlite3_stmt *st, void *ctx);
/* Steps a statement without rows to its end and ends it, whatever happens. */
MUST rc db_run(struct sqlite_db *db, sqlite3_stmt *st, struct fault *f);
/* Rows changed by the last db_run under the same lock. */
int db_changes(const struct sqlite_db *db);
/* A transaction around several calls; nests. */
MUST rc db_transaction(struct sqlite_db *db, struct fault *f);
MUST rc db_transaction_end(struct sqlite_db *db, rc result, struct fault *f);

/* A late transaction: begun by the first of many calls, committed for all of them by db_settle, or
 * by the first write that is not late. Readers see its rows. begin and end are around one call; if
 * it fails, all that is late is given up. The lock is held from begin to end. */
MUST rc db_late_begin(struct sqlite_db *db, struct fault *f);
void db_late_end(struct sqlite_db *db, rc result);
/* RC_STATE, once: late rows were lost since the last time. */
MUST rc db_settle(struct sqlite_db *db, struct fault *f);

/* Whether the next transactions are on the disk when they are done, or soon after (db_open). The
 * lock is held; without effect inside a transaction. */
MUST rc db_durable(struct sqlite_db *db, bool on, struct fault *f);

/* Binding cannot fail but for memory, which the step then reports as RC_NOMEM or RC_CORRUPT. */
void bind_blob(sqlite3_stmt *st, int at, struct view v);
void bind_digest(sqlite3_stmt *st, int at, const struct digest *d); /* NULL: SQL NULL */
void bind_text(sqlite3_stmt *st, int at, const char *s);	    /* NULL: SQL NULL */
void bind_text_view(sqlite3_stmt *st, int at, struct view v);
void bind_u64(sqlite3_stmt *st, int at, uint64_t v);
struct view column_view(sqlite3_stmt *st, int at);
uint64_t column_u64(sqlite3_stmt *st, int at);
/* RC_CORRUPT if it is not 32 bytes. */
MUST rc column_digest(sqlite3_stmt *st, int at, struct digest *ret);
MUST rc column_name(sqlite3_stmt *st, int at, struct name *ret);
void column_text(sqlite3_stmt *st, int at, char *out, size_t cap);

/* Runs a statement; RC(none) if it changed no row. The second is on the disk when it returns. */
MUST rc db_run_changing(struct sqlite_db *db, sqlite3_stmt *st, enum rc_code none, struct fault *f);
MUST rc db_run_durable(struct sqlite_db *db, sqlite3_stmt *st, enum rc_code none, struct fault *f);

/* store_sqlite_aside.c: uploads, certificates, changes; as store.h says. */
MUST rc aside_upload_get(struct store *s, const struct digest *sha256, struct store_upload *ret,
			 struct fault *f);
MUST rc aside_upload_put(struct store *s, const struct store_upload *u, struct fault *f);
MUST rc aside_upload_drop(struct store *s, const struct digest *sha256, struct fault *f);
MUST rc aside_upload_list(struct store *s, const struct digest *after, uint32_t limit,
			  store_visit_upload visit, void *ctx, struct fault *f);
MUST rc aside_upload_needed(struct store *s, const struct digest *sha256, unix_time before,
			    bool *ret, struct fault *f);
MUST rc aside_certs_get(struct store *s, const struct digest *leaf, store_visit_bytes visit,
			void *ctx, struct fault *f);
MUST rc aside_certs_put(struct store *s, const struct digest *leaf, struct view chain,
			struct fault *f);
MUST rc aside_mark_get(struct store *s, const char *name, uint64_t *ret, struct fault *f);
MUST rc aside_mark_set(struct store *s, const char *name, uint64_t value, struct fault *f);
MUST rc aside_change_put(struct store *s, const struct store_change *c, struct fault *f);
MUST rc aside_change_get(struct store *s, const struct digest *id, store_visit_change visit,
			 void *ctx, struct fault *f);
MUST rc aside_change_list(struct store *s, const char *state, store_visit_change visit, void *ctx,
			  struct fault *f);
MUST rc aside_change_state(struct store *s, const struct digest *id, const char *state,
			   struct view answer, struct fault *f);
MUST rc aside_change_sign(struct store *s, const struct digest *id, struct view sig,
			  struct fault *f);
MUST rc aside_claims_get(struct store *s, const struct digest *request, store_visit_bytes visit,
			 void *ctx, struct fault *f);
MUST rc aside_change_sigs(struct store *s, const struct digest *id, store_visit_bytes visit,
			  void *ctx, struct fault *f);

/* store_sqlite_alarms.c: the log's signatures, and those that it does not have. */
MUST rc alarms_issued_put(struct store *s, const struct store_issued *i, struct fault *f);
MUST rc alarms_issued_get(struct store *s, const struct digest *signature, struct store_issued *ret,
			  struct fault *f);
MUST rc alarms_issued_by(struct store *s, const struct digest *key, struct store_issued *ret,
			 struct fault *f);
MUST rc alarms_issued_count(struct store *s, const struct digest *key, uint64_t *ret,
			    struct fault *f);
MUST rc alarms_held_put(struct store *s, const struct store_held *h, struct fault *f);
MUST rc alarms_held_drop(struct store *s, uint64_t leaf, struct fault *f);
MUST rc alarms_held_list(struct store *s, uint64_t after, uint32_t limit, store_visit_held visit,
			 void *ctx, struct fault *f);
MUST rc alarms_put(struct store *s, const struct store_alarm *a, bool *ret_new, struct fault *f);
MUST rc alarms_get(struct store *s, const struct digest *id, store_visit_alarm visit, void *ctx,
		   struct fault *f);
MUST rc alarms_list(struct store *s, const char *state, uint64_t before, uint32_t limit,
		    store_visit_alarm visit, void *ctx, struct fault *f);
MUST rc alarms_count(struct store *s, const struct name *reporter, uint64_t *ret, struct fault *f);
MUST rc alarms_close(struct store *s, const struct store_alarm *a, struct fault *f);
/* store_sqlite_guard.c: what guards have said; as store.h says. */
MUST rc guard_store_put(struct store *s, const struct guard_batch *b,
			const struct store_guard_limits *limits,
			struct store_guard_host *ret_before, struct fault *f);
MUST rc guard_store_hosts(struct store *s, const struct name *one, const struct name *after,
			  uint32_t limit, store_visit_guard_host visit, void *ctx, struct fault *f);
MUST rc guard_store_seen(struct store *s, const struct digest *sha256, const struct name *after,
			 uint32_t limit, store_visit_guard_seen visit, void *ctx, struct fault *f);
MUST rc guard_store_events(struct store *s, const struct store_guard_filter *filter,
			   store_visit_guard_event visit, void *ctx, struct fault *f);
MUST rc guard_store_silent(struct store *s, unix_time before, unix_time now,
			   store_visit_guard_host visit, void *ctx, struct fault *f);
MUST rc guard_store_sweep(struct store *s, unix_time before, struct fault *f);

/* store_sqlite_published.c: what guards fetch; as store.h says. */
MUST rc guard_store_publishing_list(struct store *s, uint32_t limit, store_visit_digest visit,
				    void *ctx, struct fault *f);
MUST rc guard_store_published_set(struct store *s, const struct store_publishing *p,
				  struct fault *f);
MUST rc guard_store_publishing_sweep(struct store *s, unix_time before, struct fault *f);
MUST rc guard_store_published_list(struct store *s, enum store_published_kind kind,
				   const char *name, store_visit_published visit, void *ctx,
				   struct fault *f);
MUST rc guard_store_published_file(struct store *s, enum store_published_kind kind,
				   const struct digest *file, store_visit_published visit,
				   void *ctx, struct fault *f);

#endif
