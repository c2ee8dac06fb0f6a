/* store - what greatseald remembers so that people find things: a projection of what the keeper
 * knows, and conveniences (uploads, reports, pending changes).
 *
 * Losing it hides requests from lists; it cannot lose a keeper's fact or make a signature. Writes
 * are therefore not synced one by one: they survive the death of the process, not always a power
 * loss; what request_put keeps of a request that is done may be lost with either.
 * Owns: the rows and their order. Must not own: uploaded bytes and report files (prog/server), what
 * a status means (the keeper). One store may be used by many threads; each call is one transaction
 * unless it lies between batch_begin and batch_end of the same thread. Views in rows given to
 * visitors end with the visit; a visitor must not call the store. Every function: RC_IO,
 * RC_NOSPACE, RC_CORRUPT, RC_NOMEM from the database below, beside what it says. */
#ifndef GS_STORE_STORE_H
#define GS_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/model/guard_batch.h"
#include "lib/model/name.h"

#define STORE_LIST_MAX 200u /* rows of one page */
#define STORE_ID_TEXT 48u
#define STORE_PUBLISHED_NAME 65u
#define STORE_GUARD_SILENT "silent" /* kind of the event that the store adds itself */

/* One request as it was submitted, and its status as it was heard last. */
struct store_request {
	struct digest id;
	uint64_t seq; /* order of arrival; chosen by the store */
	unix_time created;
	struct name requester;
	struct name host; /* empty: none */
	struct name key;
	unix_time not_before;
	unix_time deadline;
	bool upload;
	bool sign; /* the requester wants it signed as soon as the rules permit */
	uint32_t items;
	uint32_t uses;
	struct view statement; /* exact bytes */
	struct view requester_sig;
	struct view host_sig;
	struct view names; /* JSON array: the first three file names */
	/* What lists look for; not given to visitors: */
	struct view digests;  /* file digests and SHA-256 content digests, 32 bytes each */
	struct view products; /* names, each with a line feed before and behind it */
	/* What an agent said of the process behind it (lib/proto/claims.h), or empty; the first
	 * word stays. */
	struct view claims;
	/* From the status: */
	char state[16];		    /* "open", "committed", "done", "closed" */
	char reason[STORE_ID_TEXT]; /* reason id */
	uint32_t uses_done;
	uint64_t version;      /* grows with every change of the status */
	struct view missing;   /* JSON array: "1 of security" ... */
	struct view approvers; /* JSON array: people whose approval is live */
	struct view status;    /* canonical JSON without "leaf" */
	bool publishes;	       /* has lists or package records; not given to visitors */
};

struct store_status {
	const char *state;
	const char *reason;
	uint32_t uses_done;
	struct view missing;
	struct view approvers;
	struct view status;
};

struct store_version {
	uint64_t version;
	bool grew;
};

/* What inspection added to one file of a request; everything else about it is in the statement. */
struct store_note {
	uint32_t n;	      /* 0-based place in the request */
	struct digest report; /* of the inspection report */
	bool has_previous;
	struct digest previous; /* this artifact was signed before for the same product */
	bool has_diff;		/* never without a previous; its comparison may have failed */
	struct digest diff;	/* of the report of differences to it */
};

struct store_notes {
	const struct store_note *rows;
	size_t count;
};

struct store_filter {
	const char *state;	      /* NULL: any */
	const struct name *requester; /* NULL: any */
	const struct name *key;
	const struct name *product;
	const struct digest *artifact; /* file digest or SHA-256 content digest of a file */
	uint64_t before;	       /* only rows with a smaller seq; 0: from the newest */
	uint32_t limit;		       /* 1..STORE_LIST_MAX */
};

struct store_upload {
	struct digest sha256;
	uint64_t size;
	bool complete;
	unix_time created;
	unix_time touched;
	struct name owner;
};

struct store_change {
	struct digest id; /* of the statement */
	char kind[16];	  /* "policy", "roster", "keyadmin" */
	char state[16];	  /* "pending", "done", "refused" */
	unix_time created;
	unix_time expires;
	struct name proposer;
	struct view statement;
	struct view answer; /* JSON: the keeper's last word, or empty */
};

struct store_last {
	struct digest artifact;
	struct digest report;
	struct digest request;
};

/* A signature that the log has: what pkey_signature_id says of its value, by which key, and where.
 */
struct store_issued {
	struct digest signature;
	struct digest key; /* fingerprint */
	struct digest request;
	uint64_t leaf; /* of its issue entry */
	uint32_t item; /* 0-based place in the request */
};

/* An issue entry whose signatures the keeper holds back still. */
struct store_held {
	uint64_t leaf;
	struct digest request;
	uint32_t use;
};

/* A signature by one of our keys that the log does not have. */
struct store_alarm {
	struct digest signature; /* as in store_issued: its id */
	uint64_t seq;		 /* chosen by the store */
	struct digest key;
	struct digest file; /* SHA-256 of the file that it was seen in first */
	struct name key_name;
	struct name reporter; /* who told first */
	unix_time first;
	unix_time last;
	uint64_t count;	      /* how often it was told */
	uint64_t log_size;    /* entries that were searched in vain */
	char kind[16];	      /* "pe", "cms" .. */
	char state[16];	      /* "open", "closed", "known" */
	struct view name;     /* of the file, as told */
	struct view evidence; /* JSON: what proves it */
	/* Of a closed one: */
	struct name closer;
	unix_time closed;
	struct view comment;
};
#define STORE_ALARMS_MAX 10000u

typedef rc (*store_visit_alarm)(void *ctx, const struct store_alarm *row);
typedef rc (*store_visit_held)(void *ctx, const struct store_held *row);
/* How the guard of a host stands, as it was heard last. */
struct store_guard_host {
	struct name host;
	char run[GUARD_RUN_HEX];
	uint64_t seq;	  /* of its newest event in this run */
	unix_time time;	  /* of its newest batch, by its own clock */
	unix_time heard;  /* the same by ours */
	unix_time since;  /* heard for the first time in this mode */
	uint64_t dropped; /* events that it has lost in this run */
	uint64_t digests; /* contents that are kept of it */
	uint64_t unkept;  /* contents that were not, beyond digests_max */
	bool silent;	  /* nothing was heard for longer than is permitted */
	struct guard_state state;
};

/* What one host has said of one content. */
struct store_guard_seen {
	struct digest sha256;
	struct name host;
	unix_time first;
	unix_time last;
	uint64_t allowed; /* times that it was seen anew and approved */
	uint64_t denied;
	uint64_t would_deny;
	struct view path; /* where it lay last; may be empty */
};

struct store_guard_event {
	uint64_t id; /* order of arrival; chosen by the store */
	struct name host;
	unix_time heard;
	struct view body; /* for guard_event_parse */
};

struct store_guard_limits {
	unix_time now;
	uint32_t events_max;  /* of one host that are kept; older ones go */
	uint32_t digests_max; /* of one host; more are counted and not kept */
};

struct store_guard_filter {
	const struct name *host; /* NULL: any */
	const char *kind;	 /* NULL: any */
	uint64_t before;	 /* only rows with a smaller id; 0: from the newest */
	uint32_t limit;		 /* 1..STORE_LIST_MAX */
};

/* A signed file that guards fetch: a list by its name, a package record by its archive,
 * that of an rpm by its main header, too. */
enum store_published_kind { STORE_LIST, STORE_RECORD };
struct store_published {
	enum store_published_kind kind;
	char name[STORE_PUBLISHED_NAME]; /* of the list; or such a SHA-256 in hex */
	uint64_t serial;		 /* of the list; 0 */
	uint64_t leaf;			 /* of its issue entry */
	uint32_t item;			 /* 0-based place in the request */
	unix_time not_before;		 /* of the list */
	unix_time not_after;
	struct digest request;
	struct digest file; /* SHA-256 */
	uint64_t size;
	struct digest key;  /* fingerprint of the one that signed */
	struct view groups; /* of the list: names, each with a line feed before and behind it */
	struct view proof;  /* FILE.greatseal as guards read it; empty: made when it is asked for */
};
/* Of one kind, name, key and set of groups, so that nothing that was signed for others, by another
 * key, or for later, puts away what is given out now: */
#define STORE_PUBLISHED_KEEP 16u  /* the highest serials, then leaves, of those that have begun */
#define STORE_PUBLISHED_AHEAD 64u /* those that begin soonest, of those that have not */

/* What of a request is published, which may be nothing. */
struct store_publishing {
	struct digest request;
	const struct store_published *rows;
	size_t count;
	unix_time now;
};

typedef rc (*store_visit_published)(void *ctx, const struct store_published *row);
typedef rc (*store_visit_request)(void *ctx, const struct store_request *row);
typedef rc (*store_visit_note)(void *ctx, const struct store_note *row);
typedef rc (*store_visit_change)(void *ctx, const struct store_change *row);
typedef rc (*store_visit_bytes)(void *ctx, struct view bytes);
typedef rc (*store_visit_upload)(void *ctx, const struct store_upload *row);
typedef rc (*store_visit_digest)(void *ctx, const struct digest *d);
typedef rc (*store_visit_guard_host)(void *ctx, const struct store_guard_host *row);
typedef rc (*store_visit_guard_seen)(void *ctx, const struct store_guard_seen *row);
typedef rc (*store_visit_guard_event)(void *ctx, const struct store_guard_event *row);

struct store;

struct store_api {
	void (*close)(struct store *s);

	/* Many calls of this thread as one transaction; other threads wait. */
	rc (*batch_begin)(struct store *s, struct fault *f);
	rc (*batch_end)(struct store *s, struct fault *f);
	/* Writes what request_put has put off. To be called now and then. RC_STATE: requests that
	 * were done are missing since the last call; the log has them. */
	rc (*settle)(struct store *s, struct fault *f);

	/* Keeps the row and its notes if they are new; a known request only gains sign. The status
	 * fields of r are kept for a new row. Calls that meet share one transaction. A new row that
	 * is done and has no notes is seen at once and written later, together with others: by
	 * settle, by another write, or when there are some tens. ret_new may be NULL. */
	rc (*request_put)(struct store *s, const struct store_request *r,
			  const struct store_notes *notes, bool *ret_new, struct fault *f);
	/* RC_NOTFOUND. ret->version is the version now; it grew if the status differs. */
	rc (*request_status)(struct store *s, const struct digest *id,
			     const struct store_status *st, struct store_version *ret,
			     struct fault *f);
	/* RC_NOTFOUND, or what visit returns. */
	rc (*request_get)(struct store *s, const struct digest *id, store_visit_request visit,
			  void *ctx, struct fault *f);
	/* Newest first. A visit that fails ends the list with its rc. */
	rc (*request_list)(struct store *s, const struct store_filter *filter,
			   store_visit_request visit, void *ctx, struct fault *f);
	/* Requests that may be let through now without anybody saying something of them: open, to
	 * be signed, not_before reached, and waiting for time, a rate, a token, a key, a host or
	 * nothing; or held, and the "release" of their status reached. At most limit, drawn by lot.
	 */
	rc (*request_due)(struct store *s, unix_time now, uint32_t limit, store_visit_digest visit,
			  void *ctx, struct fault *f);
	/* Requests that are not at their end, oldest first. */
	rc (*request_unfinished)(struct store *s, store_visit_digest visit, void *ctx,
				 struct fault *f);

	/* Puts the note in the place of one that was there. RC_NOTFOUND: no such request. */
	rc (*note_set)(struct store *s, const struct digest *request, const struct store_note *note,
		       struct fault *f);
	/* In the order of n. An unknown request has none. */
	rc (*note_list)(struct store *s, const struct digest *request, store_visit_note visit,
			void *ctx, struct fault *f);

	/* The last signed artifact of a product. RC_NOTFOUND. */
	rc (*last_get)(struct store *s, const struct name *product, struct store_last *ret,
		       struct fault *f);
	rc (*last_set)(struct store *s, const struct name *product, const struct store_last *l,
		       struct fault *f);

	/* RC_NOTFOUND. put replaces. */
	rc (*upload_get)(struct store *s, const struct digest *sha256, struct store_upload *ret,
			 struct fault *f);
	rc (*upload_put)(struct store *s, const struct store_upload *u, struct fault *f);
	rc (*upload_drop)(struct store *s, const struct digest *sha256, struct fault *f);
	/* In the order of their digests, those greater than after (NULL: from the first), at most
	 * limit. */
	rc (*upload_list)(struct store *s, const struct digest *after, uint32_t limit,
			  store_visit_upload visit, void *ctx, struct fault *f);
	/* Whether a request needs this file: one that is being signed, or whose deadline is not
	 * before that time; or whether it is published. */
	rc (*upload_needed)(struct store *s, const struct digest *sha256, unix_time before,
			    bool *ret, struct fault *f);

	/* Certificate chain (concatenated DER, leaf first) by SHA-256 of the leaf. RC_NOTFOUND. */
	rc (*certs_get)(struct store *s, const struct digest *leaf, store_visit_bytes visit,
			void *ctx, struct fault *f);
	rc (*certs_put)(struct store *s, const struct digest *leaf, struct view chain,
			struct fault *f);

	/* A number under a name, for its owner to know how far it has come. RC_NOTFOUND. */
	rc (*mark_get)(struct store *s, const char *name, uint64_t *ret, struct fault *f);
	rc (*mark_set)(struct store *s, const char *name, uint64_t value, struct fault *f);

	/* Changes are durable when these return: the keeper knows nothing of them before the
	 * quorum is there.
	 * Keeps a new change; RC_EXISTS if it is there. */
	rc (*change_put)(struct store *s, const struct store_change *c, struct fault *f);
	/* RC_NOTFOUND. */
	rc (*change_get)(struct store *s, const struct digest *id, store_visit_change visit,
			 void *ctx, struct fault *f);
	/* Newest first, at most STORE_LIST_MAX; state NULL: any. */
	rc (*change_list)(struct store *s, const char *state, store_visit_change visit, void *ctx,
			  struct fault *f);
	/* RC_NOTFOUND. */
	rc (*change_state)(struct store *s, const struct digest *id, const char *state,
			   struct view answer, struct fault *f);
	/* A signature the same as one before is kept once. */
	rc (*change_sign)(struct store *s, const struct digest *id, struct view sig,
			  struct fault *f);
	rc (*change_sigs)(struct store *s, const struct digest *id, store_visit_bytes visit,
			  void *ctx, struct fault *f);

	/* RC_NOTFOUND. */
	rc (*claims_get)(struct store *s, const struct digest *request, store_visit_bytes visit,
			 void *ctx, struct fault *f);

	/* The log's signatures. put: one that is there stays. get: RC_NOTFOUND. count: of a key. */
	rc (*issued_put)(struct store *s, const struct store_issued *i, struct fault *f);
	rc (*issued_get)(struct store *s, const struct digest *signature, struct store_issued *ret,
			 struct fault *f);
	rc (*issued_count)(struct store *s, const struct digest *key, uint64_t *ret,
			   struct fault *f);
	/* One that the key has made. RC_NOTFOUND. */
	rc (*issued_by)(struct store *s, const struct digest *key, struct store_issued *ret,
			struct fault *f);
	rc (*held_put)(struct store *s, const struct store_held *h, struct fault *f);
	rc (*held_drop)(struct store *s, uint64_t leaf, struct fault *f);
	/* In the order of the log, those after that entry, at most limit. */
	rc (*held_list)(struct store *s, uint64_t after, uint32_t limit, store_visit_held visit,
			void *ctx, struct fault *f);

	/* Requests that publish, have been signed, and of which published_set has not been told:
	 * at most limit. */
	rc (*publishing_list)(struct store *s, uint32_t limit, store_visit_digest visit, void *ctx,
			      struct fault *f);
	/* Of each kind STORE_PUBLISHED_KEEP and STORE_PUBLISHED_AHEAD stay. */
	rc (*published_set)(struct store *s, const struct store_publishing *p, struct fault *f);
	/* Forgets requests that publish and will never be signed: closed ones, and open ones whose
	 * deadline is before that time. */
	rc (*publishing_sweep)(struct store *s, unix_time before, struct fault *f);
	/* Of a kind; name NULL: all names. By name, in each the highest serial first, in each of
	 * these the highest leaf. */
	rc (*published_list)(struct store *s, enum store_published_kind kind, const char *name,
			     store_visit_published visit, void *ctx, struct fault *f);
	/* Each that has this file: several requests may have signed it. RC_NOTFOUND. */
	rc (*published_file)(struct store *s, enum store_published_kind kind,
			     const struct digest *file, store_visit_published visit, void *ctx,
			     struct fault *f);

	/* Alarms are durable when these return: nothing else knows of them.
	 * Keeps a new one, or counts it: only last and count of one that is there change. RC_LIMIT:
	 * STORE_ALARMS_MAX are there. */
	rc (*alarm_put)(struct store *s, const struct store_alarm *a, bool *ret_new,
			struct fault *f);
	/* RC_NOTFOUND. */
	rc (*alarm_get)(struct store *s, const struct digest *id, store_visit_alarm visit,
			void *ctx, struct fault *f);
	/* Newest first; state NULL: any; before 0: from the newest; at most limit. */
	rc (*alarm_list)(struct store *s, const char *state, uint64_t before, uint32_t limit,
			 store_visit_alarm visit, void *ctx, struct fault *f);
	/* How many are open that this reporter has told first. */
	rc (*alarm_count)(struct store *s, const struct name *reporter, uint64_t *ret,
			  struct fault *f);
	/* state, closer, closed and comment of a; RC_NOTFOUND. */
	rc (*alarm_close)(struct store *s, const struct store_alarm *a, struct fault *f);
	/* Keeps what a host's guard has said: its state, and the events that are not there yet, by
	 * run and seq. *ret_before: the row until now, all zeros for a new host. RC_STATE: older
	 * than what was heard before, or another run in the same second. */
	rc (*guard_put)(struct store *s, const struct guard_batch *b,
			const struct store_guard_limits *limits,
			struct store_guard_host *ret_before, struct fault *f);
	/* Hosts by name, those behind after; one: that host alone. Either may be NULL. */
	rc (*guard_hosts)(struct store *s, const struct name *one, const struct name *after,
			  uint32_t limit, store_visit_guard_host visit, void *ctx, struct fault *f);
	/* Who ran a content: hosts by name, those behind after (or NULL). */
	rc (*guard_seen)(struct store *s, const struct digest *sha256, const struct name *after,
			 uint32_t limit, store_visit_guard_seen visit, void *ctx, struct fault *f);
	/* Newest first. */
	rc (*guard_events)(struct store *s, const struct store_guard_filter *filter,
			   store_visit_guard_event visit, void *ctx, struct fault *f);
	/* Marks hosts as silent that were heard last before that time, at most STORE_LIST_MAX,
	 * each with an event of kind "silent", and visits those. */
	rc (*guard_silent)(struct store *s, unix_time before, unix_time now,
			   store_visit_guard_host visit, void *ctx, struct fault *f);
	/* Forgets what was heard, seen and known last before that time. */
	rc (*guard_sweep)(struct store *s, unix_time before, struct fault *f);
};

struct store {
	const struct store_api *api;
};

/* SQLite in one file (WAL). Makes it if it is missing. RC_UNSUPPORTED: written by a newer version;
 * RC_CORRUPT: not a store; RC_IO, RC_NOMEM. The caller closes with (*ret)->api->close. */
MUST rc store_sqlite_open(const char *path, struct store **ret, struct fault *f);

#endif
