/* journal_sql - the schema and every SQL statement of the journal, in two tables.
 *
 * Private to journal*.c. Owns: SQL text, binding and stepping, what SQLite's errors mean. */
#ifndef GS_KEEPER_JOURNAL_SQL_H
#define GS_KEEPER_JOURNAL_SQL_H

#include <sqlite3.h>

#include "prog/keeper/journal.h"

/* X(name, SQL). Columns are bound and read by position. */
#define JOURNAL_SQL(X)                                                                             \
	X(BEGIN, "BEGIN IMMEDIATE")                                                                \
	X(COMMIT, "COMMIT")                                                                        \
	X(ROLLBACK, "ROLLBACK")                                                                    \
	X(IDENTITY_GET, "SELECT origin,epoch,vkey,token FROM identity WHERE id=1")                 \
	X(HEAD_GET, "SELECT tree,time,published_size,published_root,note FROM head WHERE id=1")    \
	X(HEAD_SET,                                                                                \
	  "UPDATE head SET size=?,root=?,tree=?,time=?,published_size=?,published_root=?,note=?"   \
	  " WHERE id=1 AND size=? AND root=?")                                                     \
	X(LEAF_ADD, "INSERT INTO leaf(idx,hash,body) VALUES(?,?,?)")                               \
	X(LEAF_GET, "SELECT hash,body FROM leaf WHERE idx=?")                                      \
	X(LEAF_HASHES, "SELECT hash FROM leaf WHERE idx>=? AND idx<? ORDER BY idx")                \
	X(NODE_ADD, "INSERT INTO node(id,hash) VALUES(?,?)")                                       \
	X(NODE_HASHES, "SELECT hash FROM node WHERE id>=? AND id<? ORDER BY id")                   \
	X(STATEMENT_ADD,                                                                           \
	  "INSERT INTO statement(leaf,prefix,digest,kind,sigs,body) VALUES(?,?,?,?,?,?)")          \
	X(STATEMENT_GET,                                                                           \
	  "SELECT leaf,digest,kind,sigs,body FROM statement WHERE prefix=? AND digest=?")          \
	X(REQUEST_ADD,                                                                             \
	  "INSERT INTO request(leaf,digest,uses,spent,done,deadline,closed,submitted,released)"    \
	  " VALUES(?,?,?,?,?,?,?,?,?)")                                                            \
	X(REQUEST_GET,                                                                             \
	  "SELECT r.leaf,r.digest,r.uses,r.spent,r.done,r.deadline,r.closed,r.submitted,"          \
	  "r.released FROM statement s"                                                            \
	  " JOIN request r ON r.leaf=s.leaf WHERE s.prefix=? AND s.digest=?")                      \
	X(REQUEST_AT,                                                                              \
	  "SELECT leaf,digest,uses,spent,done,deadline,closed,submitted,released FROM request"     \
	  " WHERE leaf=?")                                                                         \
	X(REQUEST_SET, "UPDATE request SET spent=?,done=?,closed=?,released=? WHERE leaf=?")       \
	X(ACT_ADD,                                                                                 \
	  "INSERT INTO act(leaf,request,kind,digest,person,signer,rule,given,expires,withdrawn,"   \
	  "channel,synced) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)")                                       \
	X(ACT_LIST,                                                                                \
	  "SELECT leaf,request,kind,digest,person,signer,rule,given,expires,withdrawn,channel,"    \
	  "synced FROM act WHERE request=? ORDER BY leaf")                                         \
	X(ACT_WITHDRAW, "UPDATE act SET withdrawn=1 WHERE leaf=?")                                 \
	X(USE_ADD, "INSERT INTO use(authorize,request,use,signed_at,cert,key,requester)"           \
		   " VALUES(?,?,?,?,?,?,?)")                                                       \
	X(USE_NTH_OF_KEY, "SELECT signed_at FROM use WHERE key=? AND signed_at>?"                  \
			  " ORDER BY signed_at DESC LIMIT 1 OFFSET ?")                             \
	X(USE_NTH_OF_REQUESTER,                                                                    \
	  "SELECT signed_at FROM use WHERE key=? AND signed_at>? AND requester=?"                  \
	  " ORDER BY signed_at DESC LIMIT 1 OFFSET ?")                                             \
	X(USE_GET, "SELECT authorize,request,use,signed_at,cert,issue FROM use"                    \
		   " WHERE request=? AND use=?")                                                   \
	X(USE_PENDING, "SELECT authorize,request,use,signed_at,cert,issue FROM use"                \
		       " WHERE issue IS NULL AND authorize>=? ORDER BY authorize LIMIT 1")         \
	X(USE_DONE, "UPDATE use SET issue=? WHERE authorize=? AND issue IS NULL")                  \
	X(RESULT_ADD, "INSERT INTO result(issue,signatures) VALUES(?,?)")                          \
	X(RESULT_GET, "SELECT signatures FROM result WHERE issue=?")                               \
	X(DOCUMENT_ADD, "INSERT INTO document(kind,version,leaf,digest) VALUES(?,?,?,?)")          \
	X(DOCUMENT_FIND, "SELECT s.leaf,s.digest,s.kind,s.sigs,s.body FROM document d"             \
			 " JOIN statement s ON s.leaf=d.leaf WHERE d.digest=?")                    \
	X(DOCUMENT_GET,                                                                            \
	  "SELECT s.leaf,s.digest,s.kind,s.sigs,s.body FROM document d"                            \
	  " JOIN statement s ON s.leaf=d.leaf WHERE d.kind=? ORDER BY d.version DESC LIMIT 1")     \
	X(KEY_PUT, "INSERT OR REPLACE INTO key(name,record) VALUES(?,?)")                          \
	X(KEY_EACH, "SELECT name,record FROM key ORDER BY name")                                   \
	X(EVIDENCE_PUT,                                                                            \
	  "INSERT OR REPLACE INTO evidence(artifact,kind,maker,leaf,given,statement,signer,clean," \
	  "name,detail) VALUES(?,?,?,?,?,?,?,?,?,?)")                                              \
	X(REBUILD_LIST,                                                                            \
	  "SELECT kind,maker,max(leaf),given,statement,signer,clean,detail,artifact FROM evidence" \
	  " WHERE kind=11 AND name=? AND artifact<>? GROUP BY maker")                              \
	X(EVIDENCE_GET, "SELECT kind,maker,leaf,given,statement,signer,clean,detail FROM evidence" \
			" WHERE artifact=? AND kind=? AND maker=?")                                \
	X(EVIDENCE_LIST,                                                                           \
	  "SELECT kind,maker,leaf,given,statement,signer,clean,detail FROM evidence"               \
	  " WHERE artifact=? ORDER BY kind,maker")                                                 \
	X(COUNTED_PUT, "INSERT OR IGNORE INTO counted VALUES(?1,?2)")                              \
	X(COUNTED_GET, "SELECT statements FROM counted WHERE root=?1")                             \
	X(EVIDENCE_TRIM, "DELETE FROM evidence WHERE maker=?1 AND leaf<(SELECT leaf FROM evidence" \
			 " WHERE maker=?1 ORDER BY leaf DESC LIMIT 1 OFFSET ?2)")                  \
	X(PREAPPROVAL_ADD,                                                                         \
	  "INSERT INTO "                                                                           \
	  "preapproval(leaf,items,digest,person,signer,fingerprint,rule,given,expires,"            \
	  "uses,spent,withdrawn,synced) VALUES(?,?,?,?,?,?,?,?,?,?,0,0,?)")                        \
	X(PREAPPROVAL_LIST,                                                                        \
	  "SELECT leaf,digest,person,signer,fingerprint,rule,given,expires,uses,spent,synced"      \
	  " FROM preapproval WHERE items=? AND withdrawn=0 AND spent<uses AND expires>?"           \
	  " ORDER BY leaf LIMIT ?")                                                                \
	X(PREAPPROVAL_SPEND,                                                                       \
	  "UPDATE preapproval SET spent=spent+1 WHERE leaf=? AND spent<uses AND withdrawn=0")      \
	X(PREAPPROVAL_WITHDRAW,                                                                    \
	  "UPDATE preapproval SET withdrawn=1 WHERE leaf=? AND person=? AND withdrawn=0")          \
	X(HOST_PUT,                                                                                \
	  "INSERT INTO host(name,key,token,invite_end,class,counter,last,leaf,enrolled,renewed,"   \
	  "until,lock,invite_ek,ek,previous,locked) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"       \
	  " ON CONFLICT(name) DO UPDATE SET"                                                       \
	  " key=excluded.key,token=excluded.token,invite_end=excluded.invite_end,"                 \
	  "class=excluded.class,counter=excluded.counter,last=excluded.last,leaf=excluded.leaf,"   \
	  "enrolled=excluded.enrolled,renewed=excluded.renewed,until=excluded.until,"              \
	  "lock=excluded.lock,invite_ek=excluded.invite_ek,ek=excluded.ek,"                        \
	  "previous=excluded.previous,locked=excluded.locked")                                     \
	X(HOST_GET, "SELECT name,key,token,invite_end,class,counter,last,leaf,enrolled,renewed,"   \
		    "until,lock,invite_ek,ek,previous,locked FROM host WHERE name=?")              \
	X(HOST_BY_KEY,                                                                             \
	  "SELECT name,key,token,invite_end,class,counter,last,leaf,enrolled,renewed,until,lock,"  \
	  "invite_ek,ek,previous,locked"                                                           \
	  " FROM host WHERE key=? AND length(key)>0")                                              \
	X(HOST_AFTER,                                                                              \
	  "SELECT name,key,token,invite_end,class,counter,last,leaf,enrolled,renewed,until,lock,"  \
	  "invite_ek,ek,previous,locked"                                                           \
	  " FROM host WHERE name>? ORDER BY name LIMIT 1")                                         \
	X(HOST_DELETE, "DELETE FROM host WHERE name=?")                                            \
	X(HOST_KEY_ADD,                                                                            \
	  "INSERT OR IGNORE INTO host_binding(host,key,leaf,statement) VALUES(?,?,?,?)")           \
	X(HOST_KEY_GET, "SELECT leaf,statement FROM host_binding WHERE host=? AND key=?")          \
	X(HOST_KEY_OWNER, "SELECT host FROM host_binding WHERE key=? ORDER BY leaf DESC LIMIT 1")  \
	X(GRANT_PUT,                                                                               \
	  "INSERT OR REPLACE INTO access(statement,key,person,host,role,granted,given,until,leaf," \
	  "ended,ended_by) VALUES(?,?,?,?,?,?,?,?,?,?,?)")                                         \
	X(GRANT_GET,                                                                               \
	  "SELECT statement,key,person,host,role,granted,given,until,leaf,ended,ended_by"          \
	  " FROM access WHERE statement=? AND key=? AND person=?")                                 \
	X(GRANT_LIVE,                                                                              \
	  "SELECT statement,key,person,host,role,granted,given,until,leaf,ended,ended_by"          \
	  " FROM access WHERE key=? AND person=? AND granted=1 AND ended=0 AND until>?"            \
	  " AND (host='' OR host=?) ORDER BY until DESC LIMIT ?")                                  \
	X(GRANT_LIST,                                                                              \
	  "SELECT statement,key,person,host,role,granted,given,until,leaf,ended,ended_by"          \
	  " FROM access WHERE leaf>=?1 AND (?2='' OR key=?2) AND (?3='' OR person=?3)"             \
	  " ORDER BY leaf LIMIT ?4")                                                               \
	X(GRANT_LEAVE, "UPDATE access SET ended=?,ended_by=? WHERE person=? AND granted=1"         \
		       " AND ended=0")                                                             \
	X(BAR_PUT, "INSERT OR REPLACE INTO access_bar(key,person,leaf) VALUES(?,?,?)")             \
	X(BAR_GET, "SELECT leaf FROM access_bar WHERE key IN (?1,'') AND person IN (?2,'')"        \
		   " ORDER BY leaf DESC LIMIT 1")                                                  \
	X(CSR_ADD, "INSERT INTO csr(time) VALUES(?)")                                              \
	X(CSR_PURGE, "DELETE FROM csr WHERE time<=?")                                              \
	X(CSR_COUNT, "SELECT COUNT(*),COALESCE(MIN(time),0) FROM csr WHERE time>?")                \
	X(OWED_ADD, "INSERT INTO review_owed(authorize,request,use,key,due,spec,never,done)"       \
		    " VALUES(?,?,?,?,?,?,?,0)")                                                    \
	X(OWED_GET, "SELECT authorize,request,use,key,due,spec,never,done FROM review_owed"        \
		    " WHERE authorize=?")                                                          \
	X(OWED_FIRST, "SELECT authorize,request,use,key,due,spec,never,done FROM review_owed"      \
		      " WHERE key=? AND done=0 ORDER BY due,authorize LIMIT 1")                    \
	X(OWED_OPEN, "SELECT authorize,request,use,key,due,spec,never,done FROM review_owed"       \
		     " WHERE done=0 AND authorize>=? ORDER BY authorize LIMIT ?")                  \
	X(OWED_OF, "SELECT authorize,request,use,key,due,spec,never,done FROM review_owed"         \
		   " WHERE request=?3 AND authorize>=?1 ORDER BY authorize LIMIT ?2")              \
	X(OWED_SUM, "SELECT count(*),sum(done=0),min(CASE done WHEN 0 THEN due END)"               \
		    " FROM review_owed WHERE request=?")                                           \
	X(OWED_DONE, "UPDATE review_owed SET done=? WHERE authorize=? AND done=0")                 \
	X(REVIEW_ADD,                                                                              \
	  "INSERT INTO review(leaf,authorize,person,signer,channel,incident,given,statement)"      \
	  " VALUES(?,?,?,?,?,?,?,?)")                                                              \
	X(REVIEW_LIST,                                                                             \
	  "SELECT leaf,authorize,person,signer,channel,incident,given,statement FROM review"       \
	  " WHERE authorize=? ORDER BY leaf")                                                      \
	X(HOST_CA_PUT, "INSERT INTO host_ca(id,certificate) VALUES(1,?)")                          \
	X(HOST_CA_GET, "SELECT certificate FROM host_ca WHERE id=1")                               \
	X(WAITING_ADD,                                                                             \
	  "INSERT INTO waiting(document,kind,version,leaf,statement,digest,given,due)"             \
	  " VALUES(?,?,?,?,?,?,?,?)")                                                              \
	X(WAITING_LIST,                                                                            \
	  "SELECT document,kind,version,leaf,statement,digest,given,due FROM waiting"              \
	  " ORDER BY document")                                                                    \
	X(WAITING_DELETE, "DELETE FROM waiting WHERE document=?")                                  \
	X(TOKEN_ADD, "INSERT INTO token(id,request,expires) VALUES(?,?,?)")                        \
	X(TOKEN_GET, "SELECT request FROM token WHERE id=?")                                       \
	X(TOKEN_PURGE, "DELETE FROM token WHERE expires<?")                                        \
	X(DOCUMENT_AT, "SELECT digest FROM document WHERE leaf=?")                                 \
	X(ISSUER_PUT,                                                                              \
	  "INSERT OR REPLACE INTO issuer(issuer,digest,leaf,confirmed,paced) VALUES(?,?,?,?,?)")   \
	X(ISSUER_GET, "SELECT digest,leaf,confirmed,paced FROM issuer WHERE issuer=?")             \
	X(JWKS_ADD, "INSERT INTO jwks_set(leaf,digest,body) VALUES(?,?,?)")                        \
	X(JWKS_GET, "SELECT body FROM jwks_set WHERE digest=? LIMIT 1")

enum journal_sql {
#define JOURNAL_SQL_ENUM(name, sql) SQL_##name,
	JOURNAL_SQL(JOURNAL_SQL_ENUM)
#undef JOURNAL_SQL_ENUM
		SQL__COUNT
};

struct journal {
	sqlite3 *db;
	sqlite3_stmt *stmt[SQL__COUNT];
	int wal_pages; /* in the WAL after the last commit */
};

/* Pragmas and tables of a new file; pragmas of every connection. */
extern const char journal_schema[];
extern const char journal_schema_evidence[];
extern const char journal_schema_hosts[];
extern const char journal_schema_issuers[];
extern const char journal_schema_waiting[];
extern const char journal_schema_access[];
extern const char journal_schema_tokens[];
extern const char journal_schema_reviews[];
extern const char journal_pragmas[];
extern const char *const journal_sql_text[SQL__COUNT];

/* The rc of an SQLite result code. */
rc journal_fault(struct journal *j, int code, const char *what, struct fault *f);

/* The prepared statement, reset and unbound. */
sqlite3_stmt *journal_use_stmt(struct journal *j, enum journal_sql id);
void bind_u64(sqlite3_stmt *s, int at, uint64_t v);
void bind_view(sqlite3_stmt *s, int at, struct view v); /* must live until the step */
void bind_digest(sqlite3_stmt *s, int at, const struct digest *d);
/* Runs to the end, no rows expected. RC_STATE: it would write outside of a round. */
MUST rc journal_run(struct journal *j, enum journal_sql id, struct fault *f);
/* One row or RC_NOTFOUND; the caller reads columns and then calls journal_done(). */
MUST rc journal_row(struct journal *j, enum journal_sql id, struct fault *f);
void journal_done(struct journal *j, enum journal_sql id);
uint64_t column_u64(sqlite3_stmt *s, int at);
struct view column_view(sqlite3_stmt *s, int at);
/* RC_CORRUPT unless the column has exactly 32 bytes. */
MUST rc column_digest(sqlite3_stmt *s, int at, struct digest *ret, struct fault *f);

#endif
