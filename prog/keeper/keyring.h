/* keyring - the keys the keeper knows: name, algorithm, token, certificates, state; and what the
 * verified key statements (lib/model/change.h) do to them.
 *
 * The journal is the truth: a key is a row (struct key_row). The keyring holds what keyring_put()
 * gave it, at start for every row and later for each row that a change made, so that a restart
 * gives the same keyring by construction:
 *
 *   decision thread: keyring_plan(change) -> row or refusal      (import, lock, unlock, retire)
 *                    store row and admin leaf in one transaction, then keyring_put(row)
 *
 *   decision thread: key_job_new(change) -> job or refusal       (create, self-sign, CSR)
 *   pool thread:     key_job_run(job)                            takes seconds: RSA-4096, HSM
 *   decision thread: key_job_finish(job) -> row (or CSR) or refusal; then as above
 *
 * Crash between run and the transaction: the key is in the token under the statement's digest, and
 * the same statement sent again finds it (token_create_key). A row without a key cannot come about.
 *
 * Owns: keys in memory, refusals of key statements, snapshots for signing threads. Must not own:
 * who signed the change (the caller has verified origin, deadline, quorum, replay), SQLite, leaves.
 * Threads: all of it belongs to the decision thread, except where a function says otherwise. */
#ifndef GS_KEEPER_KEYRING_H
#define GS_KEEPER_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/pkey.h"
#include "lib/crypt/x509.h"
#include "lib/format/tbs.h"
#include "lib/model/change.h"
#include "lib/model/name.h"
#include "lib/model/reason.h"
#include "prog/keeper/token.h"

#define KEYRING_KEYS_MAX 4096
#define KEYRING_TOKENS_MAX 16
#define KEYRING_JOBS_MAX 16   /* created and not finished */
#define KEYRING_DAYS_MAX 3650 /* validity of a self-signed certificate */
#define KEY_ROW_CERTS_MAX (X509_CHAIN_MAX * X509_DER_MAX)

enum key_state { KEY_ACTIVE = 1, KEY_LOCKED, KEY_RETIRED }; /* the numbers are stored */

/* One key as the journal stores it; the primary key is name. */
struct key_row {
	struct name name;
	enum key_alg alg; /* stored as key_alg_name() */
	struct name token;
	struct digest id;	   /* in the token: digest of the create statement */
	struct digest fingerprint; /* of spki */
	enum key_state state;
	unix_time created;
	unix_time locked; /* when it was locked last; 0: never */
	uint64_t leaf;	  /* of the creation; the caller fills it in before it stores the row */
	struct buf spki;
	struct buf certificates; /* DER, leaf first, one after the other; empty = none */
};
void key_row_init(struct key_row *r);
/* May be called twice and on a zeroed struct. */
void key_row_release(struct key_row *r);
AUTO_DEFINE(key_row, struct key_row, key_row_release)

/* A key as it is now. Immutable and counted: signing threads hold one while they use it, and never
 * see half a change. */
struct key;
const struct name *key_name(const struct key *k);
enum key_alg key_algorithm(const struct key *k);
enum key_state key_state_of(const struct key *k);
const struct digest *key_fingerprint(const struct key *k);
const struct pkey *key_public(const struct key *k);
struct token *key_token(const struct key *k);
/* NULL if it has no certificate. For lib/format; lives as long as k. */
const struct tbs_key *key_tbs(const struct key *k);
/* Any thread. */
const struct key *key_hold(const struct key *k);
void key_drop(const struct key *k); /* accepts NULL */
/* DER certificates, leaf first; returns how many (0..X509_CHAIN_MAX). Views live as long as k. */
size_t key_certificates(const struct key *k, struct view ret[X509_CHAIN_MAX]);

struct keyring;
struct keyring_config {
	struct token *const *tokens; /* borrowed for the keyring's life; all of them, open */
	size_t token_count;
	bool permit_self_sign;
};
/* RC_LIMIT, RC_DUPLICATE (two tokens of one name), RC_CRYPTO, RC_NOMEM. */
MUST rc keyring_new(const struct keyring_config *c, struct keyring **ret, struct fault *f);
/* Accepts NULL. Jobs must be gone; keys that are held live on. */
void keyring_free(struct keyring *k);
static inline void keyring_autorelease(struct keyring **k)
{
	keyring_free(*k);
}

/* Inserts the key, or replaces the one of that name. The row is read, not kept.
 *   RC_CORRUPT    the row contradicts itself or the key it replaces (fingerprint, id), a
 *                 certificate is not for this key, or another name has the same fingerprint
 *   RC_NOTFOUND   its token is not configured
 *   RC_LIMIT, RC_CRYPTO, RC_NOMEM */
MUST rc keyring_put(struct keyring *k, const struct key_row *row, struct fault *f);
/* NULL if there is none; borrowed until the next keyring_put (key_hold() keeps it). */
const struct key *keyring_find(const struct keyring *k, const struct name *name);
const struct key *keyring_find_fingerprint(const struct keyring *k, const struct digest *d);
size_t keyring_count(const struct keyring *k);

/* Whether the key can sign now: RC_OK; or RC_DENIED with key.locked, key.retired,
 * key.no-certificate (need_cert), key.certificate-time; or RC_WAIT with key.token. */
MUST rc key_check_use(const struct key *k, bool need_cert, unix_time now, struct refusal *why);

/* A verified statement with what it is applied with. */
struct key_order {
	const struct key_change *change;
	struct digest statement; /* SHA-256 of the statement's bytes */
	unix_time now;
};
/* True for the actions that need a job; the others are planned. */
bool key_action_is_slow(enum key_action a);

/* The row that import, lock, unlock or retire leads to; *ret (initialised by the caller) is the
 * whole new row. Changes nothing in the keyring. Refused with RC_DENIED:
 *   key.unknown, key.locked (import, lock), key.retired, key.certificate, key.certificate-time,
 *   change.invalid (unlock of an active key)
 * RC_NOMEM; RC_USAGE for a slow action. */
MUST rc keyring_plan(const struct keyring *k, const struct key_order *o, struct key_row *ret,
		     struct refusal *why);

/* Whether an unlock with this `expires` opens what was locked then: it was made after that, as the
 * signers' clocks tell (UNLOCK_LIFE), and not ahead of now. A server that holds one back cannot
 * open a later lock with it. Refused with RC_DENIED change.invalid. */
MUST rc unlock_check(const struct name *name, unix_time expires, unix_time locked, unix_time now,
		     struct refusal *why);

/* Work for a pool thread. */
struct key_job;
/* create: reserves the name until key_job_free. self-sign: uses the key, so the statement must be
 * in the log before key_job_run (P4). Refused:
 *   create     key.exists, change.invalid (algorithm, token), key.token (RC_WAIT)
 *   self-sign  key.unknown, key.locked, key.retired, key.token (RC_WAIT), change.invalid (not
 *              permitted by configuration, subject, days)
 *   both       keeper.busy (RC_WAIT): KEYRING_JOBS_MAX, or another job for the same key */
MUST rc key_job_new(struct keyring *k, const struct key_order *o, struct key_job **ret,
		    struct refusal *why);
/* A PKCS#10 request for subject ("CN=Example Signing,O=Example"; lib/crypt/x509.h). Refused as
 * self-sign, without the configuration. */
MUST rc key_job_csr(struct keyring *k, const struct name *key, struct view subject,
		    struct key_job **ret, struct refusal *why);
/* The token whose threads should run it. */
struct token *key_job_token(const struct key_job *j);
/* Any one thread, once. The outcome is kept for key_job_finish. */
void key_job_run(struct key_job *j);
/* create, self-sign: fills *ret_row (initialised by the caller; leaf is left at 0 for create, kept
 * for self-sign). CSR: ret_row NULL, the DER is appended to ret_csr (else NULL).
 * Refused: key.token (RC_WAIT: the token went away), change.invalid (it made an unsafe key, which
 * it destroyed; it cannot make this kind; it is full), keeper.storage, keeper.internal, and what
 * changed meanwhile: key.exists, key.locked, key.retired. RC_STATE before key_job_run; RC_NOMEM. */
MUST rc key_job_finish(struct key_job *j, struct key_row *ret_row, struct buf *ret_csr,
		       struct refusal *why);
/* Whether the key's certificate is the one that this self-sign statement ordered. */
bool key_is_self_signed_by(const struct key *k, const struct digest *statement);
/* Decision thread; accepts NULL. Releases the reservation. */
void key_job_free(struct key_job *j);

/* One pool thread's prepared sessions: made on first use, at most KEY_USER_SESSIONS, the oldest
 * goes. */
#define KEY_USER_SESSIONS 64
struct key_user;
MUST rc key_user_new(struct key_user **ret);
void key_user_free(struct key_user *u); /* accepts NULL */
/* Any thread, with its own u. Appends the signature; errors of token_session_new and _sign. */
MUST rc key_user_sign(struct key_user *u, const struct key *k, const struct sign_input *in,
		      struct buf *out, struct fault *f);
/* As a callback for lib/format's tbs_sign; *use must outlive it. */
struct key_use {
	struct key_user *user;
	const struct key *key;
};
struct signer key_use_signer(struct key_use *use);

/* Appends the keys JSON (docs/api.md, "keys"): an array, sorted by name; only that key if name is
 * not NULL (an empty array if there is none). RC_LIMIT, RC_NOMEM. */
MUST rc keyring_json(const struct keyring *k, const struct name *name, struct buf *out);

/* Keys that lie in a token and in no row (a crash, or a refused statement), for the start-up
 * report. Asks the tokens: at start, not while serving. Absent tokens are passed over. */
typedef void (*key_orphan_fn)(void *ctx, const struct token *t, const struct digest *id,
			      const struct digest *fingerprint);
MUST rc keyring_orphans(const struct keyring *k, key_orphan_fn each, void *ctx, struct fault *f);

/* "active", "locked", "retired" and back; RC_UNKNOWN. */
const char *key_state_name(enum key_state s);
MUST rc key_state_parse(struct view name, enum key_state *ret);

#endif
