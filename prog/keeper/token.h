/* token - where private keys are made and used: one table of variants, one file each.
 *
 *   token_file.c    keys sealed in one file, used through libcrypto
 *   token_pkcs11.c  keys in an HSM behind a PKCS#11 module
 *
 * A key is named inside a token by a digest chosen by the caller: the SHA-256 of the statement that
 * ordered it (lib/model/change.h, create), so that a repeated statement finds the key of the first
 * try instead of making a second one.
 *
 * Owns: opening, unlocking, the check of each new signature before it leaves. Must not own: key
 * names, states and certificates (keyring.h), queues and threads (the pool).
 * Threads: every function may be called from several threads at once; a session belongs to one. */
#ifndef GS_KEEPER_TOKEN_H
#define GS_KEEPER_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/pkey.h"
#include "lib/model/name.h"

#define TOKEN_PATH_MAX 512
#define TOKEN_LABEL_MAX 32	/* PKCS#11 CK_TOKEN_INFO.label */
#define TOKEN_SECRET_MAX 1024	/* bytes of a passphrase, PIN or credential file */
#define TOKEN_CREDENTIAL_MIN 32 /* bytes of a credential: it is used without stretching */
#define TOKEN_PARALLEL_MAX 256
#define TOKEN_KEYS_MAX 1024 /* keys in one token */

/* What opens a token: words that people remember (stretched with scrypt), or random bytes from
 * systemd's LoadCredential= (used through HKDF), or an HSM's PIN. */
enum token_unlock { TOKEN_PASSPHRASE = 1, TOKEN_CREDENTIAL, TOKEN_PIN };

/* An RSA signature with a fault in one half gives the key away (Boneh, DeMillo, Lipton 1997).
 * libcrypto, which makes those of file tokens, holds each against the public key before it hands
 * it over (its rsa_ossl.c, mod_exp), so the keeper need not do so again; what a module does is not
 * known, so a pkcs11 token has no TOKEN_VERIFY_NONE. */
enum token_verify { TOKEN_VERIFY_NONE, TOKEN_VERIFY_RSA, TOKEN_VERIFY_ALL };

struct token_ops;

/* One configured token. Text form, in the keeper's configuration and on `init`:
 *   file:NAME[,passphrase=PATH|,credential=PATH][,path=PATH][,parallel=N][,verify=none|rsa|all]
 *     [,scrypt=N]
 *   pkcs11:NAME,module=PATH,label=TEXT,pin=PATH[,parallel=N][,verify=rsa|all]
 * PATH "-" for a secret is standard input. Without passphrase= or credential= a file token takes
 * its passphrase from standard input. parallel is the number of calls in flight (default: file 0,
 * which means one a core; pkcs11 4). verify: which new signatures are checked with the public key
 * before they leave (default: file none, pkcs11 all). scrypt is log2 of N, 10..22 (default 17). */
struct token_spec {
	const struct token_ops *ops;
	struct name name;
	char path[TOKEN_PATH_MAX + 1]; /* file: the sealed file; pkcs11: the module */
	char label[TOKEN_LABEL_MAX + 1];
	char secret_path[TOKEN_PATH_MAX + 1]; /* never a secret itself */
	enum token_unlock unlock;
	unsigned parallel;
	unsigned scrypt_log2;
	enum token_verify verify;
};

/* dir is where file tokens lie (path = dir/NAME.token unless path= says otherwise).
 * RC_USAGE for anything unknown, missing, doubled or too long. */
MUST rc token_spec_parse(struct view text, const char *dir, struct token_spec *ret,
			 struct fault *f);

/* Reads the token's passphrase, PIN or credential from spec->secret_path; one LF at the end of a
 * passphrase or PIN is not part of it. RC_NOTFOUND, RC_IO, RC_LIMIT (longer than
 * TOKEN_SECRET_MAX), RC_RANGE (empty, or a credential under TOKEN_CREDENTIAL_MIN). */
MUST rc token_secret_read(const struct token_spec *spec, struct secret *ret, struct fault *f);

/* Makes an empty token (file), durably. RC_EXISTS; RC_UNSUPPORTED where tokens are made with the
 * vendor's tools (pkcs11); RC_IO, RC_NOSPACE, RC_CRYPTO, RC_NOMEM. */
MUST rc token_make(const struct token_spec *spec, const struct secret *secret, struct fault *f);

struct token;

/* Opens and unlocks. A PKCS#11 token that is not there now opens as absent and comes back through
 * token_probe; a file token must be there. The secret is copied where it is needed later (PIN).
 *   RC_NOTFOUND    file: no such file
 *   RC_DENIED      wrong passphrase, credential or PIN (never tried twice: HSMs count)
 *   RC_CORRUPT     the file is damaged or was tampered with
 *   RC_MISMATCH    the file is another token's
 *   RC_CRYPTO, RC_NOMEM, RC_IO, RC_LIMIT */
MUST rc token_open(const struct token_spec *spec, const struct secret *secret, struct token **ret,
		   struct fault *f);
/* Accepts NULL; all sessions must be gone. */
void token_close(struct token *t);
static inline void token_autorelease(struct token **t)
{
	token_close(*t);
}

const struct name *token_name(const struct token *t);
const char *token_kind(const struct token *t);
/* How many threads should use it at once; >= 1. */
unsigned token_parallel(const struct token *t);
/* Whether the last that was heard of the token was good. Never blocks. */
bool token_is_ready(const struct token *t);
/* Asks the token, and opens it again if it is back: the one way an absent token becomes ready, so
 * call it every few seconds while token_is_ready says no. May block for as long as the HSM does:
 * not for the decision thread. RC_TOKEN while it is absent, RC_DENIED after a refused PIN. */
MUST rc token_probe(struct token *t, struct fault *f);

/* Makes the key, or finds the one that an earlier try with this id made; *ret_spki is appended to.
 * Durable when it returns. RSA-4096 takes a second or more.
 *   RC_EXISTS   id is there with another algorithm
 *   RC_DENIED   the HSM made a key that could be taken out, or does not say so; it was destroyed
 *   RC_LIMIT    TOKEN_KEYS_MAX
 *   RC_UNSUPPORTED  the HSM cannot make this kind
 *   RC_TOKEN, RC_CRYPTO, RC_IO, RC_NOSPACE, RC_NOMEM */
struct token_wish {
	struct digest id;
	enum key_alg alg;
};
MUST rc token_create_key(struct token *t, const struct token_wish *w, struct buf *ret_spki,
			 struct fault *f);

/* Appends the SubjectPublicKeyInfo. RC_NOTFOUND, RC_TOKEN, RC_CORRUPT. */
MUST rc token_find_key(struct token *t, const struct digest *id, struct buf *ret_spki,
		       struct fault *f);

/* Calls each for every key in the token; stops at the first failure and returns it. An HSM's other
 * keys (whose CKA_ID is not 32 bytes long) are passed over. */
typedef rc (*token_list_fn)(void *ctx, const struct digest *id, struct view spki, struct fault *f);
MUST rc token_list(struct token *t, token_list_fn each, void *ctx, struct fault *f);

/* One thread's prepared use of one key. Set-up costs milliseconds, signing nothing but the key's
 * own time. */
struct token_session;
/* spki is what the keeper knows the key by; RC_MISMATCH if the token has another under this id.
 * RC_NOTFOUND, RC_TOKEN, RC_BUSY, RC_CRYPTO, RC_NOMEM; RC_DENIED if the HSM's key is not a safe one
 * (as in token_create_key). */
MUST rc token_session_new(struct token *t, const struct digest *id, struct view spki,
			  struct token_session **ret, struct fault *f);
/* Accepts NULL. */
void token_session_free(struct token_session *s);
static inline void token_session_autorelease(struct token_session **s)
{
	token_session_free(*s);
}
/* Appends the signature to out (form: struct sign_input, lib/crypt/pkey.h), once it has been
 * verified where the spec asks for it. A session outlives the token's absence: it is set up again
 * inside when the token is back.
 *   RC_USAGE   scheme, hash or input length does not fit the key
 *   RC_TOKEN   the token is absent, or gave a signature that does not verify
 *   RC_BUSY    the HSM is out of sessions or memory
 *   RC_CRYPTO  the HSM or libcrypto failed at this operation
 *   RC_NOTFOUND, RC_DENIED  the key is gone from the HSM, or is no longer a safe one
 *   RC_UNSUPPORTED, RC_NOMEM, RC_LIMIT */
MUST rc token_session_sign(struct token_session *s, const struct sign_input *in, struct buf *out,
			   struct fault *f);
/* The same as a callback; valid while s lives, in its thread. */
struct signer token_session_signer(struct token_session *s);

/* ---- A variant ------------------------------------------------------------------------------
 * What each row must do; contracts as above. `t` and `s` are the variant's own objects. */
struct token_ops {
	const char *kind;
	unsigned parallel;	  /* default; 0 = one a core */
	enum token_verify verify; /* default */
	rc (*make)(const struct token_spec *spec, const struct secret *secret, struct fault *f);
	rc (*open)(const struct token_spec *spec, const struct secret *secret, void **ret,
		   struct fault *f);
	void (*close)(void *t);
	bool (*is_ready)(const void *t);
	rc (*probe)(void *t, struct fault *f);
	rc (*create_key)(void *t, const struct token_wish *w, struct buf *ret_spki,
			 struct fault *f);
	rc (*find_key)(void *t, const struct digest *id, struct buf *ret_spki, struct fault *f);
	rc (*list)(void *t, token_list_fn each, void *ctx, struct fault *f);
	rc (*session_new)(void *t, const struct digest *id, enum key_alg alg, void **ret,
			  struct fault *f);
	void (*session_free)(void *s);
	rc (*sign)(void *s, const struct sign_input *in, struct buf *out, struct fault *f);
};

extern const struct token_ops token_file_ops;
extern const struct token_ops token_pkcs11_ops;
/* Every variant, NULL-terminated. */
extern const struct token_ops *const token_table[];

#endif
