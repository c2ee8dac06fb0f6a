/* keeper - the decision thread's whole state, and a round of it.
 *
 * A round: messages are read and decided on one instant of time; their writes go into one journal
 * transaction; after the commit and the publication their answers leave and committed jobs start.
 * A handler decides first and writes last; what it changes in memory it leaves in struct round,
 * where it is applied after the commit or dropped with it. */
#ifndef GS_KEEPER_KEEPER_H
#define GS_KEEPER_KEEPER_H

#include "lib/base/clock.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/act.h"
#include "lib/model/token.h"
#include "lib/policy/evaluate.h"
#include "lib/proto/keeper.h"
#include "prog/keeper/journal.h"
#include "prog/keeper/keyring.h"
#include "prog/keeper/ledger.h"
#include "prog/keeper/pool.h"
#include "prog/keeper/sign_job.h"

#define WAITERS_MAX 4096u
#define KEY_WORKS_MAX KEYRING_JOBS_MAX
#define ORIGINS_MAX 8u
#define PREAPPROVALS_MAX 64u /* live ones of the same files */
#define RETRY_SECONDS 5
#define CLOCK_JUMP 60 /* seconds that make a `log` leaf */

/* Which of the keeper's sockets a message came by. */
enum keeper_door {
	DOOR_SERVER,
	DOOR_JWKS, /* greatseal-jwksd's: key sets of issuers and nothing else */
	DOOR__COUNT
};

/* Where an answer goes: the connection's slot and its number, so that a slot used again is not
 * mistaken, and the client's own id. */
struct reply_to {
	enum keeper_door door;
	uint32_t slot;
	uint64_t conn;
	uint64_t correlation;
};

/* Somebody who waits for the result of a use, or for a key job. */
struct waiter {
	struct reply_to to;
	uint64_t request; /* leaf; of a use */
	uint32_t use;
	struct key_work *work; /* of a key job, else NULL */
	bool is_host;	       /* a host's certificate, made from its row when that is durable */
	struct name host;
	bool marked;	    /* its answer is in the open round */
	bool ready;	    /* its answer is durable, to be given once that is published */
	struct refusal why; /* instead of a result, if the job failed */
};

/* Key creation, self-signing, CSR: in the pool, then finished by the decision thread. */
struct key_work {
	struct work work; /* first */
	struct key_job *job;
	enum key_work_kind { KEY_WORK_CREATE, KEY_WORK_SELF_SIGN, KEY_WORK_CSR } kind;
	struct buf statement; /* create, self-sign: to be stored with the row */
	struct buf sigs;
	struct digest digest; /* of the statement */
	struct leaf leaf;     /* admin leaf that goes with it */
	uint64_t leaf_index;  /* self-sign: appended before */
	/* after finish, until the round is durable */
	bool taken; /* the job's outcome is in row or answer, or in why */
	struct key_row row;
	bool has_row;
	bool refused;
	struct refusal why;
	struct buf answer; /* CSR: DER; else R_CHANGE JSON */
};

struct round {
	unix_time now;
	bool full;   /* no more messages: something that others depend on has changed */
	bool failed; /* a write failed: roll back */
	struct fault fault;
	size_t waiters; /* how many there were at its start */
	/* to be applied after the commit */
	struct sign_job *jobs[SIGN_JOBS_MAX];
	size_t job_count;
	struct key_work *key_work;
	struct policy *policy;
	struct roster *roster;
	struct key_row row;
	bool has_row;
	bool waiting; /* what waits is other than before */
};

/* One request with all that is known about it now. */
struct dossier {
	bool known; /* in the journal */
	struct journal_request row;
	struct request request; /* views into statement */
	struct digest items_root;
	bool has_items_root;
	struct view statement;
	struct buf mem; /* holds the statement if it came from the journal */
	struct digest
		host_signer; /* of the key blob that signed as host; zeros: nothing is signed */
	bool signers_left;   /* the requester's or the host's key is no longer theirs */
	const struct key *key;
	struct journal_act acts[JOURNAL_ACTS_MAX];
	size_t act_count;
	enum reason
		dead[JOURNAL_ACTS_MAX]; /* why an approval does not count; REASON_NONE: it does */
	struct approval_fact facts[JOURNAL_ACTS_MAX];
	size_t fact_count;
	enum request_state state;
	struct decision decision;
	/* of the artifacts, if a rule for the key asks (evidence_facts.c) */
	struct evidence_fact *evidence;
	size_t evidence_count;
	struct buf evidence_mem;
	/* of the requester for the key (access.c) */
	struct grant_fact grants[2]; /* for any host; for the request's */
	size_t grant_count;
	/* preapprovals among the facts (preapproval.c) */
	struct {
		uint64_t leaf;
		struct digest statement;
	} early[PREAPPROVALS_MAX];
	size_t early_count;
	/* of a service that asks by a token (oidc.c); zeros if it signs */
	struct {
		struct digest record; /* SHA-256 of the record, for the authorize leaf */
		char actor[ROSTER_TEXT_MAX + 1];
		/* of one that has just come */
		uint8_t mem[TOKEN_RECORD_MAX];
		size_t len;
		bool spend; /* it is not bound, and so used up by this request */
		struct digest once;
		unix_time expires;
	} token;
};

struct keeper {
	const struct clock *clock;
	struct journal *journal;
	struct ledger ledger;
	int64_t behind_ms; /* monotonic: since when public/ is behind; 0: it is not */
	struct keyring *keyring;
	struct host_ca *host_ca;
	int64_t host_cert_life;	 /* seconds that a host's certificate lasts, */
	int64_t host_cert_grace; /* and that the host may still renew after its end */
	struct tpm_desk *tpm;	 /* NULL: no TPM is judged */
	struct pool *pool;
	struct policy *policy;
	struct roster *roster;
	/* accepted, and not in force yet (waiting.c) */
	struct journal_waiting waiting[JOURNAL_WAITING_MAX];
	size_t waiting_count;
	int64_t waiting_retry; /* monotonic: not before */
	struct zone_source zones;
	struct sshsig_rules sig_rules;
	struct round round;
	struct dossier dossier; /* the one in work */
	/* every job that is not finished: in the pool, or waiting for another try */
	struct sign_job *jobs[SIGN_JOBS_MAX];
	size_t job_count;
	size_t job_bytes;
	struct key_work *key_works[KEY_WORKS_MAX];
	size_t key_work_count;
	struct work *finished; /* from the pool, not yet in the journal */
	uint64_t pending_from; /* uses that an earlier process left: next one to load, */
	uint64_t pending_end;  /* and where they end */
	struct waiter waiters[WAITERS_MAX];
	size_t waiter_count;
	uint64_t refused[REASON__COUNT];
};

/* One message that is being handled. */
struct call {
	struct keeper *k;
	struct reply_to to;
	enum keeper_type type;
	struct view body;
	struct buf *out; /* whole frames; sent after the round */
	struct refusal why;
};

/* ---- dossier.c -----------------------------------------------------------------------------*/
/* Frees what the last one held. */
void dossier_clear(struct dossier *d);
/* Loads request and acts. RC_DENIED state.unknown; else storage errors. */
MUST rc dossier_load(struct keeper *k, const struct digest *id, struct refusal *why);
MUST rc dossier_load_row(struct keeper *k, const struct journal_request *row);
/* Root of the tree over the request's items, computed once. RC_LIMIT. */
MUST rc dossier_items(struct dossier *d, struct digest *ret);
/* Whether this person is behind the service that asks, and so never approves. */
bool dossier_is_behind(const struct keeper *k, const struct principal *person);
/* Of its key, which the same message may have locked (an incident): that is not in the keyring
 * before the round is durable. The key must be known. */
enum key_state dossier_key_state(const struct keeper *k);
/* Evaluates policy, roster, key and time now. Storage errors and RC_NOMEM only. */
MUST rc dossier_decide(struct keeper *k);
/* Appends R_STATUS. leaf: UINT64_MAX for none. */
MUST rc dossier_status(struct call *c, uint64_t leaf);

/* ---- evidence_facts.c ----------------------------------------------------------------------*/
/* Loads what machines say of the request's artifacts. Storage errors, RC_NOMEM. */
MUST rc dossier_evidence(struct keeper *k);
void dossier_evidence_clear(struct dossier *d);
/* Root of the statements that counted under the decision's rule (tlog/items.h), and remembers which
 * they were; zeros if there are none. Storage errors, RC_NOMEM. */
MUST rc dossier_evidence_count(struct keeper *k, struct digest *ret);

/* ---- access.c ------------------------------------------------------------------------------*/
/* Loads the grants that let the requester ask for the key, weighed against policy and roster. */
MUST rc dossier_grants(struct keeper *k);
/* A key has been locked by the entry `leaf`: no grant that was asked for before is taken from now
 * on. Storage errors. */
MUST rc access_bar_key(struct keeper *k, const struct name *key, uint64_t leaf);
/* The roster `next` comes into force by `leaf`, which `statement` brought: of the people who leave,
 * grants end, and no statement about access counts that they signed or that was for them. Storage
 * errors. */
MUST rc access_prune(struct keeper *k, const struct roster *next, const struct digest *statement,
		     uint64_t leaf);

/* ---- reviews.c ------------------------------------------------------------------------------*/
/* The review that is owed first of the dossier's key, as a fact. */
MUST rc dossier_review(struct keeper *k, struct review_fact *ret);
/* If the decision broke the glass: a review of that use is owed from now on. */
MUST rc review_owe(struct keeper *k, const struct journal_use *use);

/* ---- preapproval.c -------------------------------------------------------------------------*/
/* Adds the preapprovals of these very files to the facts. */
MUST rc dossier_preapprovals(struct keeper *k);
/* Counts a use of each preapproval that the decision has counted. */
MUST rc preapprovals_spend(struct keeper *k);

/* ---- verify.c ------------------------------------------------------------------------------*/
/* A statement whose signatures are to be verified: hashed once for all of them that agree on how.
 */
struct hashed {
	struct view bytes;
	struct hash hash;
	bool done;
};
/* What a good signature tells. */
struct good_sig {
	struct digest fingerprint; /* of the key */
	enum sshkey_channel channel;
	bool synced; /* by a passkey that may be copied between devices */
};
/* sig is a raw SSHSIG by one of p's keys over statement in kind's namespace. RC_DENIED with reason
 * `which`, or who.channel if a key of one channel signed in the form of the other. ret may be
 * NULL. */
MUST rc verify_by(const struct keeper *k, const struct principal *p, enum statement_kind kind,
		  struct hashed *statement, struct view sig, enum reason which,
		  struct good_sig *ret, struct refusal *why);
/* The same by a key that somebody has now, wherever that is known from. */
struct signed_by {
	const struct sshkey *key;
	const struct name *who;
};
MUST rc verify_key_sig(const struct keeper *k, const struct signed_by *by, enum statement_kind kind,
		       struct hashed *statement, struct view sig, enum reason which,
		       struct refusal *why);
/* Turns a parser's rc and fault into a refusal: form.kind, form.limit, form.statement. */
rc refuse_form(struct refusal *why, rc r, const struct fault *f);
/* RC_DENIED form.origin. */
MUST rc check_origin(const struct keeper *k, const char *origin, struct refusal *why);
/* RC_DENIED keeper.restored: who signed has seen a longer log than ours, or another (P5). size 0:
 * none. Storage errors. */
MUST rc check_seen(struct keeper *k, const struct name *who, uint64_t size,
		   const struct digest *root, struct refusal *why);
/* Everything about a new request that policy does not say: origin, times, key, formats, both
 * signatures. */
MUST rc verify_submission(struct keeper *k, const struct keeper_submit *m, bool signatures,
			  struct refusal *why);

/* ---- uses.c --------------------------------------------------------------------------------*/
/* Commits the next use of the dossier, whose decision is allow: authorize leaf, use row, job.
 * Refuses with RC_WAIT keeper.busy. */
MUST rc use_commit(struct keeper *k, struct refusal *why);
/* Answers with R_RESULT when the use of the dossier's request, on which a decision was made, is
 * done and published; with R_STATUS (leaf as there) if it is held and cannot be released now.
 * RC_WAIT keeper.busy. */
MUST rc use_await(struct call *c, uint32_t use, uint64_t leaf, struct refusal *why);
/* Jobs the pool has finished: issue leaves, results. Storage errors only. */
MUST rc uses_finish(struct keeper *k, struct fault *f);
/* Loads uses an earlier process left. */
MUST rc uses_load(struct keeper *k, struct fault *f);
/* Starts failed jobs again when it is time. mono: seconds of the monotonic clock. */
void uses_retry(struct keeper *k, int64_t mono);
/* Seconds until uses_retry has something to do; -1 if never. */
int uses_retry_in(const struct keeper *k, int64_t mono);
/* Is a use of this key committed and without result? */
bool uses_in_flight(const struct keeper *k, const struct key *key);
/* Appends R_RESULT of a finished and published use. */
MUST rc use_result(struct keeper *k, const struct waiter *w, struct buf *out, struct fault *f);

/* ---- key_work.c ----------------------------------------------------------------------------*/
MUST rc key_work_new(struct key_job *job, enum key_work_kind kind, struct key_work **ret);
/* Answers the waiters of w, which is durable or refused. */
void key_work_answer(const struct key_work *w, uint64_t correlation, struct buf *out);
void key_work_free(struct key_work *w);
/* Registers c as waiting for w. */
MUST rc key_work_await(struct call *c, struct key_work *w, struct refusal *why);
/* The pool has run it: row, leaf, answer, all in the open round. */
MUST rc key_work_finish(struct keeper *k, struct key_work *w, struct fault *f);
/* R_CHANGE JSON. leaf UINT64_MAX: none; missing: state "pending"; else due: state "accepted", in
 * force then; else state "done". */
struct change_answer {
	enum statement_kind kind;
	struct digest id;
	const struct digest *object;
	uint64_t leaf;
	const struct quorum_result *missing;
	unix_time due;
	const struct change_idle *idle; /* with missing: signatures that fill no seat */
	size_t idle_count;
};
struct change_idle {
	struct name person;
	struct refusal why;
};
struct jcan_out;
/* Adds "missing":["1 of security",..]. */
void quorum_json(const struct quorum_result *q, struct jcan_out *w);
void change_json(const struct change_answer *a, struct buf *out);
/* Row to record and back. */
void key_row_encode(const struct key_row *r, struct buf *out);
MUST rc key_row_parse(const struct name *name, struct view record, struct key_row *ret);
MUST rc key_row_store(struct keeper *k, const struct key_row *r, struct fault *f);

/* ---- round.c -------------------------------------------------------------------------------*/
/* A sink for answers by connection; the loop's, or a test's. Appending may fail silently when the
 * connection is gone. */
struct replies {
	struct buf *(*out)(void *ctx, const struct reply_to *to); /* NULL: gone */
	void *ctx;
};
void round_begin(struct keeper *k);
/* Frees the new policy and roster of a round that is not to bring them. */
void round_forget_documents(struct round *r);
/* Commits, publishes, applies. RC_OK: held answers may leave. RC_IO and so on with *ret_fatal
 * false: nothing happened, answers must be replaced by keeper.storage; true: exit and load again.
 */
MUST rc round_end(struct keeper *k, bool *ret_fatal, struct fault *f);
/* After round_end: answers to those whose results are ready; with `instead` if they cannot be
 * released, so that nobody waits for a disk. */
void round_answer(struct keeper *k, const struct replies *to, const struct refusal *instead);

/* Loads policy, roster and keys from the journal. */
MUST rc keeper_load(struct keeper *k, struct fault *f);
void keeper_unload(struct keeper *k);
/* Appends a `log` leaf to the round. */
MUST rc keeper_log_leaf(struct keeper *k, const char *event, const struct digest *note,
			struct fault *f);
void put_refusal(struct buf *out, uint64_t correlation, const struct refusal *why);

/* Statement signatures as the journal keeps them. */
void sigs_put(struct buf *out, struct view sig);

#endif
