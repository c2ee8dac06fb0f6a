/* journal - everything the keeper remembers: one SQLite file, one writer, one transaction a round.
 *
 * WAL, synchronous=FULL, locking_mode=EXCLUSIVE. Leaves, statements and results are only ever
 * appended (triggers refuse the rest); a request's counters and an act's withdrawal are the only
 * rows that change. Keyed by leaf index, which is time-ordered; the one random index is that of
 * statement digests, eight bytes an entry. Owns: the schema, its version, durability, what an error
 * of the disk means. Must not own: decisions, the tree's mathematics (lib/tlog), encodings of
 * leaves (lib/model/leaf.h).
 *
 * Every function may fail with RC_IO, RC_NOSPACE, RC_CORRUPT or RC_NOMEM; then the transaction must
 * be rolled back. One thread. */
#ifndef GS_KEEPER_JOURNAL_H
#define GS_KEEPER_JOURNAL_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/sshkey.h"
#include "lib/model/access.h"
#include "lib/model/name.h"
#include "lib/model/reason.h"
#include "lib/model/request.h"
#include "lib/model/roster.h"
#include "lib/model/statement.h"
#include "lib/tlog/tile.h"
#include "lib/tlog/tile_dir.h"
#include "lib/tlog/tree.h"

#define JOURNAL_VERSION 6      /* 5 did not have when certificate requests were made */
#define JOURNAL_NOTE_MAX 1024u /* our own checkpoint: origin, size, root, one signature */
#define JOURNAL_VKEY_MAX 512u
#define JOURNAL_SIGS_MAX (1u << 20)   /* signatures under one statement: 64 blobs */
#define JOURNAL_RESULT_MAX (6u << 20) /* signature values of one use: 10,000 of RSA-4096 */
#define JOURNAL_CACHE_KIB 8192	      /* SQLite's page cache */
#define JOURNAL_ACTS_MAX 256u	      /* acts of one request */

struct journal;

/* ---- The log's head --------------------------------------------------------------------------*/
struct journal_head {
	struct compact tree;
	unix_time time;			/* of the newest leaf */
	struct tree_head published;	/* at least this is in public/ */
	uint8_t note[JOURNAL_NOTE_MAX]; /* the checkpoint of the tree */
	size_t note_len;
};

/* What never changes after init. */
struct journal_identity {
	char origin[ORIGIN_MAX + 1];
	uint64_t epoch; /* which journal of this origin; drawn at init, equal in the guard */
	char vkey[JOURNAL_VKEY_MAX]; /* the log's public key, text form */
	struct name token;	     /* that holds the log's private key */
};

/* Makes the file with an empty log. RC_EXISTS. */
MUST rc journal_create(const char *path, const struct journal_identity *id, struct fault *f);
/* Opens it for this process alone. RC_NOTFOUND, RC_BUSY (another process has it), RC_UNSUPPORTED
 * (schema version). read_only: for fsck; takes no write lock. */
MUST rc journal_open(const char *path, bool read_only, struct journal **ret, struct fault *f);
/* NULL is permitted; rolls back what is open. */
void journal_close(struct journal *j);
static inline void journal_autorelease(struct journal **j)
{
	journal_close(*j);
}
MUST rc journal_identity_get(struct journal *j, struct journal_identity *ret, struct fault *f);
MUST rc journal_head_get(struct journal *j, struct journal_head *ret, struct fault *f);

/* ---- Transactions
 * ------------------------------------------------------------------------------*/
MUST rc journal_begin(struct journal *j, struct fault *f);
/* Writes the head and makes everything since begin durable. The head in the file must still be the
 * one that `before` names (RC_CORRUPT). RC_NOSPACE: rolled back, nothing happened. Any other
 * failure: the outcome is unknown (the WAL may or may not hold the commit); exit and load again. */
MUST rc journal_commit(struct journal *j, const struct journal_head *head,
		       const struct tree_head *before, struct fault *f);
void journal_rollback(struct journal *j);
/* For idle moments: moves the WAL into the file. Errors are not errors of the journal: they come
 * back with the next commit. */
void journal_idle(struct journal *j);

/* ---- Leaves
 * --------------------------------------------------------------------------------------*/
MUST rc journal_leaf_add(struct journal *j, uint64_t index, const struct digest *hash,
			 struct view body, struct fault *f);
/* Appends the body to out; RC_NOTFOUND. */
MUST rc journal_leaf_get(struct journal *j, uint64_t index, struct digest *ret_hash,
			 struct buf *out, struct fault *f);
/* The hash tiles of all leaves, also those of the open transaction; bounded work per tile. */
struct tile_reader journal_tiles(struct journal *j);
/* Root of the full tile `index` of the level below; level from 1. RC_CORRUPT: it is not there. */
MUST rc journal_node_get(struct journal *j, unsigned level, uint64_t index, struct digest *ret,
			 struct fault *f);
struct entry_source journal_entries(struct journal *j);

/* ---- Statements, by digest
 * -----------------------------------------------------------------------*/
/* Signatures are stored as u32-length strings one after the other. */
struct journal_statement {
	uint64_t leaf; /* that recorded it */
	enum statement_kind kind;
	struct digest digest;
};
MUST rc journal_statement_add(struct journal *j, const struct journal_statement *s,
			      struct view body, struct view sigs, struct fault *f);
/* body and sigs (each may be NULL) are appended to. RC_NOTFOUND. */
MUST rc journal_statement_get(struct journal *j, const struct digest *digest,
			      struct journal_statement *ret, struct buf *body, struct buf *sigs,
			      struct fault *f);

/* ---- Requests
 * ------------------------------------------------------------------------------------*/
struct journal_request {
	uint64_t leaf;
	struct digest digest;
	uint32_t uses;
	uint32_t spent; /* authorize leaves */
	uint32_t done;	/* issue leaves */
	unix_time submitted;
	unix_time deadline;
	bool released;	    /* what is signed may leave; for ever (uses.c) */
	enum reason closed; /* REASON_NONE, REASON_STATE_DENIED or REASON_STATE_CANCELLED */
};
MUST rc journal_request_add(struct journal *j, const struct journal_request *r, struct fault *f);
/* RC_NOTFOUND. */
MUST rc journal_request_get(struct journal *j, const struct digest *digest,
			    struct journal_request *ret, struct fault *f);
MUST rc journal_request_at(struct journal *j, uint64_t leaf, struct journal_request *ret,
			   struct fault *f);
/* Writes spent, done, closed and released. */
MUST rc journal_request_set(struct journal *j, const struct journal_request *r, struct fault *f);

/* ---- Acts
 * ----------------------------------------------------------------------------------------*/
struct journal_act {
	uint64_t leaf;
	uint64_t request; /* its leaf */
	enum statement_kind kind;
	struct digest digest;
	struct name person;
	struct digest signer; /* fingerprint of the SSH key */
	struct digest rule;
	unix_time given;
	unix_time expires;
	bool withdrawn;
	/* of the signature, when it was verified: where it was made, and whether by a passkey that
	 * may be copied between devices */
	enum sshkey_channel channel;
	bool synced;
};
MUST rc journal_act_add(struct journal *j, const struct journal_act *a, struct fault *f);
/* All acts of a request, oldest first, at most cap. RC_LIMIT if there are more. */
MUST rc journal_act_list(struct journal *j, uint64_t request, struct journal_act *out, size_t cap,
			 size_t *ret_count, struct fault *f);
MUST rc journal_act_withdraw(struct journal *j, uint64_t leaf, struct fault *f);

/* ---- Uses and results
 * ------------------------------------------------------------------------------*/
struct journal_use {
	uint64_t authorize; /* leaf */
	uint64_t request;   /* leaf */
	uint32_t use;
	unix_time signed_at;
	struct digest cert; /* of the leaf certificate; zeros: none */
	bool done;
	uint64_t issue; /* leaf, if done */
};
struct use_nth {
	uint32_t n;
	unix_time after;
};
/* key and requester of the request, for rates. */
MUST rc journal_use_add(struct journal *j, const struct journal_use *u, const struct name *key,
			const struct name *requester, struct fault *f);
/* When the nth use (from 1), counted from the newest, of the key was committed, among those after
 * `after`; of this requester alone unless NULL. Uses from a future, left by a clock that was set
 * back, count. RC_NOTFOUND: there are fewer. */
MUST rc journal_use_nth(struct journal *j, const struct name *key, const struct name *requester,
			struct use_nth nth, unix_time *ret, struct fault *f);
/* RC_NOTFOUND. */
MUST rc journal_use_get(struct journal *j, uint64_t request, uint32_t use, struct journal_use *ret,
			struct fault *f);
/* The first use without result whose authorize leaf is >= from. RC_NOTFOUND if there is none. */
MUST rc journal_use_pending(struct journal *j, uint64_t from, struct journal_use *ret,
			    struct fault *f);
MUST rc journal_result_add(struct journal *j, const struct journal_use *u, struct view signatures,
			   struct fault *f);
MUST rc journal_result_get(struct journal *j, uint64_t issue, struct buf *signatures,
			   struct fault *f);

/* ---- Documents, keys
 * ---------------------------------------------------------------------------*/
/* Policy or roster: its own digest, and the leaf of the statement that brought it. */
struct journal_document {
	enum statement_kind kind;
	uint64_t version;
	uint64_t leaf;
	struct digest digest;
};
MUST rc journal_document_add(struct journal *j, const struct journal_document *d, struct fault *f);
/* As journal_statement_get, by the digest of the document inside: any version that was in force. */
MUST rc journal_document_find(struct journal *j, const struct digest *document,
			      struct journal_statement *ret, struct buf *body, struct buf *sigs,
			      struct fault *f);
/* The newest one's statement and signatures, appended. RC_NOTFOUND. */
MUST rc journal_document_get(struct journal *j, enum statement_kind kind,
			     struct journal_statement *ret, struct buf *body, struct buf *sigs,
			     struct fault *f);

/* What the keyring wants remembered of a key: its own encoding. Replaces. */
MUST rc journal_key_put(struct journal *j, const struct name *name, struct view record,
			struct fault *f);
/* Calls back for every key in order of names; a failure ends it. */
MUST rc journal_key_each(struct journal *j,
			 rc (*key)(void *ctx, const struct name *name, struct view record,
				   struct fault *f),
			 void *ctx, struct fault *f);

/* ---- Evidence and preapprovals (journal_evidence.c)
 * ---------------------------------------------------------------------------*/
/* "b:builder-a": first letter of the kind of principal, and the name. */
#define JOURNAL_MAKER_MAX (NAME_MAX_LEN + 2)
#define JOURNAL_DETAIL_MAX 2048u
struct journal_evidence {
	struct digest artifact;
	enum statement_kind kind; /* SCAN, REBUILD, PROVENANCE */
	char maker[JOURNAL_MAKER_MAX + 1];
	uint64_t leaf;
	unix_time given;
	struct digest statement;
	struct digest signer;		    /* fingerprint of the SSH key */
	bool clean;			    /* scan */
	char name[ITEM_NAME_MAX + 1];	    /* rebuild: of the file; not read back */
	uint8_t detail[JOURNAL_DETAIL_MAX]; /* what evidence.c wants remembered */
	size_t detail_len;
};
/* Replaces what this maker has said of this artifact in this kind. */
MUST rc journal_evidence_put(struct journal *j, const struct journal_evidence *e, struct fault *f);
/* RC_NOTFOUND. */
MUST rc journal_evidence_get(struct journal *j, const struct digest *artifact,
			     enum statement_kind kind, const char *maker,
			     struct journal_evidence *ret, struct fault *f);
/* Calls back for all that is known of an artifact, by kind and maker; a failure ends it. */
MUST rc journal_evidence_each(struct journal *j, const struct digest *artifact,
			      rc (*each)(void *ctx, const struct journal_evidence *e), void *ctx,
			      struct fault *f);
/* The newest rebuild of each builder that made another artifact under this name. */
MUST rc journal_rebuild_each(struct journal *j, const char *name, const struct digest *except,
			     rc (*each)(void *ctx, const struct journal_evidence *e), void *ctx,
			     struct fault *f);
/* Forgets the rows of this maker's oldest statements, so that about `keep` rows stay. */
MUST rc journal_evidence_trim(struct journal *j, const char *maker, uint32_t keep, struct fault *f);
/* The statements that counted for a use: digests, ascending, each once; their root as authorize
 * entries name it (tlog/items.h). Kept for ever, as the statements are; RC_NOTFOUND. */
MUST rc journal_counted_put(struct journal *j, const struct digest *root, const struct digest *list,
			    size_t count, struct fault *f);
MUST rc journal_counted_get(struct journal *j, const struct digest *root, struct buf *out,
			    struct fault *f);

struct journal_preapproval {
	uint64_t leaf;
	struct digest items; /* of the set */
	struct digest digest;
	struct name person;
	struct digest signer;
	struct digest fingerprint; /* of the key that is to sign */
	struct digest rule;
	unix_time given;
	unix_time expires;
	uint32_t uses;
	uint32_t spent;
	bool synced; /* by a passkey that may be copied between devices */
};
MUST rc journal_preapproval_add(struct journal *j, const struct journal_preapproval *p,
				struct fault *f);
/* Those of the set that are neither withdrawn nor spent nor expired, oldest first, at most cap. */
MUST rc journal_preapproval_list(struct journal *j, const struct digest *items, unix_time now,
				 struct journal_preapproval *out, size_t cap, size_t *ret_count,
				 struct fault *f);
/* RC_CORRUPT if none is left. */
MUST rc journal_preapproval_spend(struct journal *j, uint64_t leaf, struct fault *f);
/* RC_NOTFOUND unless it is this person's and not withdrawn yet. */
MUST rc journal_preapproval_withdraw(struct journal *j, uint64_t leaf, const struct name *person,
				     struct fault *f);

/* ---- Hosts whose key comes by enrolment (journal_host.c)
 * ---------------------------------------------------------------------------*/
#define JOURNAL_HOST_KEY_MAX 128u /* blob of a P-256 key: 104 bytes */
enum host_lock { HOST_FREE, HOST_HELD, HOST_CLONED };
struct journal_host {
	struct name name;
	uint8_t key[JOURNAL_HOST_KEY_MAX]; /* SSH public key blob */
	size_t key_len;			   /* 0: none is bound */
	struct digest token;		   /* of the open invitation; zeros: there is none */
	unix_time invite_end;
	enum host_class klass;
	uint64_t counter;	 /* of the last renewal; 0: of the enrolment */
	struct digest last;	 /* the statement with that counter */
	uint64_t leaf;		 /* that recorded it */
	unix_time enrolled;	 /* when the key was bound */
	unix_time renewed;	 /* when `last` was accepted */
	unix_time until;	 /* the certificate's end */
	enum host_lock lock;	 /* by a person, or by the keeper for a clone */
	unix_time locked;	 /* when it was locked last; 0: never */
	struct digest invite_ek; /* the endorsement key that the open invitation names, or zeros */
	struct digest ek;	 /* of the TPM that keeps the key; zeros: none, or nobody knows */
	struct digest previous;	 /* the statement before `last`, by the same key; or zeros */
};
/* Replaces. RC_CORRUPT: another host has this key. */
MUST rc journal_host_put(struct journal *j, const struct journal_host *h, struct fault *f);
/* RC_NOTFOUND. */
MUST rc journal_host_get(struct journal *j, const struct name *name, struct journal_host *ret,
			 struct fault *f);
MUST rc journal_host_by_key(struct journal *j, struct view blob, struct journal_host *ret,
			    struct fault *f);
/* The next in order of names; a name of "" comes before all. RC_NOTFOUND. */
MUST rc journal_host_after(struct journal *j, const struct name *name, struct journal_host *ret,
			   struct fault *f);
MUST rc journal_host_delete(struct journal *j, const struct name *name, struct fault *f);
/* Keys that hosts had, for proofs: key is the digest of the blob, *bound the enrolment. add keeps
 * the first one; get: RC_NOTFOUND. */
MUST rc journal_host_key_add(struct journal *j, const struct name *host, const struct digest *key,
			     const struct journal_statement *bound, struct fault *f);
MUST rc journal_host_key_get(struct journal *j, const struct name *host, const struct digest *key,
			     struct journal_statement *ret, struct fault *f);
/* Who bound the key of that digest last; it may have another by now, or be forgotten.
 * RC_NOTFOUND. */
MUST rc journal_host_key_owner(struct journal *j, const struct digest *key, struct name *ret,
			       struct fault *f);
/* The host CA's own certificate, written once. get appends; RC_NOTFOUND. */
MUST rc journal_host_ca_put(struct journal *j, struct view der, struct fault *f);
MUST rc journal_host_ca_get(struct journal *j, struct buf *out, struct fault *f);

/* ---- Policy and roster that wait for their time (journal_waiting.c)
 * ---------------------------------------------------------------------------*/
#define JOURNAL_WAITING_MAX 2u /* one policy, one roster */
struct journal_waiting {
	enum statement_kind document; /* STATEMENT_POLICY or STATEMENT_ROSTER */
	enum statement_kind kind;     /* of the statement: the same, or STATEMENT_RECOVERY */
	uint64_t version;
	uint64_t leaf;		 /* that recorded its acceptance, and has the statement */
	struct digest statement; /* its digest */
	struct digest digest;	 /* of the document inside */
	unix_time given;	 /* when it was accepted */
	unix_time due;		 /* when it is in force */
};
/* RC_CORRUPT: one of the same document waits already. */
MUST rc journal_waiting_add(struct journal *j, const struct journal_waiting *w, struct fault *f);
/* At most JOURNAL_WAITING_MAX, the policy first. */
MUST rc journal_waiting_list(struct journal *j, struct journal_waiting *out, size_t *ret_count,
			     struct fault *f);
MUST rc journal_waiting_delete(struct journal *j, enum statement_kind document, struct fault *f);
/* Whether the statement of this leaf has brought a document into force. */
MUST rc journal_document_is_at(struct journal *j, uint64_t leaf, bool *ret, struct fault *f);
/* ---- Access to keys for a while (journal_access.c)
 * ---------------------------------------------------------------------------*/
#define JOURNAL_GRANTS_LIVE 1024u /* that one decision looks at: those that end last */
struct journal_grant {
	struct digest statement; /* that grants, or that was denied before anybody granted it */
	struct name key;
	struct name person;
	struct name host; /* "": any */
	enum access_role role;
	bool granted; /* false: it was only denied, and never can be granted */
	unix_time given;
	unix_time until;
	uint64_t leaf;		/* of the grant; of the denial if there is no grant */
	unix_time ended;	/* when it was revoked or denied; 0: it was not */
	struct digest ended_by; /* the statement that did */
};
/* Replaces the row of this statement, key and person. */
MUST rc journal_grant_put(struct journal *j, const struct journal_grant *g, struct fault *f);
/* By statement, key and person of ret; RC_NOTFOUND. */
MUST rc journal_grant_get(struct journal *j, struct journal_grant *ret, struct fault *f);
/* Granted, not ended and until > now, of the key to the person, for any host or this one, the one
 * that ends last first; at most JOURNAL_GRANTS_LIVE. key, person and host are read from `of`. Calls
 * back as journal_grant_each(). */
MUST rc journal_grant_live(struct journal *j, const struct journal_grant *of, unix_time now,
			   rc (*each)(void *ctx, const struct journal_grant *g), void *ctx,
			   struct fault *f);
/* All from leaf `from` on, in order of leaves, of that key and person unless those are "". Calls
 * back for at most cap; a failure ends it. */
MUST rc journal_grant_each(struct journal *j, const struct journal_grant *of, uint32_t cap,
			   rc (*each)(void *ctx, const struct journal_grant *g), void *ctx,
			   struct fault *f);

/* All of the person's that are granted and not ended end now. */
MUST rc journal_grant_leave(struct journal *j, const struct name *person, unix_time now,
			    const struct digest *by, struct fault *f);
/* The entry `leaf` voids what was signed before it about this key and person and comes later; "":
 * any key, any person. The newest is kept. */
MUST rc journal_bar_put(struct journal *j, const struct name *key, const struct name *person,
			uint64_t leaf, struct fault *f);
/* The newest for this key and person, or for any. RC_NOTFOUND. */
MUST rc journal_bar_get(struct journal *j, const struct name *key, const struct name *person,
			uint64_t *ret_leaf, struct fault *f);

/* ---- Certificate requests (journal_rows.c) -------------------------------------------------*/
/* One is made at `now`; those up to `before` are forgotten. */
MUST rc journal_csr_add(struct journal *j, unix_time now, unix_time before, struct fault *f);
/* How many were made after that, also in a time to come that a clock left which was set back, and
 * when the first of them was. */
MUST rc journal_csr_count(struct journal *j, unix_time after, unsigned *ret, unix_time *ret_first,
			  struct fault *f);

/* ---- Reviews of uses that broke the glass (journal_review.c)
 * ---------------------------------------------------------------------------*/
#define JOURNAL_REVIEW_SPEC_MAX 8192u
#define JOURNAL_REVIEW_NEVER_MAX 66u
#define JOURNAL_REVIEWS_MAX 128u /* of one use */
/* A use whose review is owed, or was. */
struct journal_owed {
	uint64_t authorize; /* leaf of the use */
	uint64_t request;   /* leaf */
	uint32_t use;
	struct name key;
	unix_time due;
	uint64_t done;			       /* leaf of the review that completed it; 0: none */
	uint8_t spec[JOURNAL_REVIEW_SPEC_MAX]; /* the rule's review, as it was then */
	size_t spec_len;
	struct name never[JOURNAL_REVIEW_NEVER_MAX]; /* who asked, and who was behind that */
	size_t never_count;
};
/* done is not looked at: none. */
MUST rc journal_owed_add(struct journal *j, const struct journal_owed *o, struct fault *f);
/* RC_NOTFOUND. */
MUST rc journal_owed_get(struct journal *j, uint64_t authorize, struct journal_owed *ret,
			 struct fault *f);
/* The one of this key that is owed and due first. RC_NOTFOUND. */
MUST rc journal_owed_first(struct journal *j, const struct name *key, struct journal_owed *ret,
			   struct fault *f);
/* From authorize leaf `from` on, in order: all that are owed, or, unless request is 0, all of that
 * request. Calls back for at most cap; a failure ends it. */
MUST rc journal_owed_each(struct journal *j, uint64_t request, uint64_t from, uint32_t cap,
			  rc (*each)(void *ctx, const struct journal_owed *o), void *ctx,
			  struct fault *f);
/* Of a request: uses that broke the glass, and how many reviews are owed, the first due when. */
struct journal_owed_sum {
	uint32_t all;
	uint32_t owed;
	unix_time due; /* if any is owed */
};
MUST rc journal_owed_count(struct journal *j, uint64_t request, struct journal_owed_sum *ret,
			   struct fault *f);
MUST rc journal_owed_done(struct journal *j, uint64_t authorize, uint64_t leaf, struct fault *f);

struct journal_review {
	uint64_t leaf;
	uint64_t authorize;
	struct name person;
	struct digest signer; /* fingerprint of the SSH key */
	enum sshkey_channel channel;
	bool incident;
	unix_time given;
	struct digest statement;
};
MUST rc journal_review_add(struct journal *j, const struct journal_review *r, struct fault *f);
/* Of one use, oldest first. RC_LIMIT over JOURNAL_REVIEWS_MAX. */
MUST rc journal_review_list(struct journal *j, uint64_t authorize,
			    struct journal_review out[JOURNAL_REVIEWS_MAX], size_t *ret_count,
			    struct fault *f);

/* ---- Tokens of services that are used up (journal_token.c)
 * ---------------------------------------------------------------------------*/
/* RC_CORRUPT: it is there already. */
MUST rc journal_token_add(struct journal *j, const struct digest *id, const struct digest *request,
			  unix_time expires, struct fault *f);
/* The request that it was used for. RC_NOTFOUND. */
MUST rc journal_token_get(struct journal *j, const struct digest *id, struct digest *ret_request,
			  struct fault *f);
/* Forgets those that ended before. */
MUST rc journal_token_purge(struct journal *j, unix_time before, struct fault *f);

/* fsck: SQLite's own integrity check. RC_CORRUPT. */
MUST rc journal_check(struct journal *j, struct fault *f);

/* ---- Key sets of issuers (journal_issuers.c) -----------------------------------------------*/
#define JOURNAL_ISSUER_MAX 255u
struct journal_issuer {
	char issuer[JOURNAL_ISSUER_MAX + 1];
	struct digest set;   /* SHA-256 of its bytes */
	uint64_t leaf;	     /* that recorded the set */
	unix_time confirmed; /* when the issuer last gave it out */
	unix_time paced;     /* bounds how often it changes (issuers.c) */
};
MUST rc journal_issuer_put(struct journal *j, const struct journal_issuer *row, struct fault *f);
/* RC_NOTFOUND. */
MUST rc journal_issuer_get(struct journal *j, struct view issuer, struct journal_issuer *ret,
			   struct fault *f);
/* Sets are kept for ever, by their digest. get appends; RC_NOTFOUND. */
MUST rc journal_jwks_add(struct journal *j, const struct journal_issuer *row, struct view set,
			 struct fault *f);
MUST rc journal_jwks_get(struct journal *j, const struct digest *set, struct buf *out,
			 struct fault *f);

#endif
