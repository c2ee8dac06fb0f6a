/* pkey_soft - private keys in this process's memory, for the keeper's file token and for tests.
 *
 * Owns: generating, PKCS#8 in and out, signing. Must not own: sealing at rest, key names, policy.
 */
#ifndef GS_CRYPT_PKEY_SOFT_H
#define GS_CRYPT_PKEY_SOFT_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/crypt/pkey.h"

/* A private key. Immutable, may be shared between threads. */
struct pkey_soft;

/* RC_CRYPTO, RC_NOMEM. RSA-4096 takes about a second. */
MUST rc pkey_soft_generate(enum key_alg alg, struct pkey_soft **ret, struct fault *f);
/* Exactly one PKCS#8 PrivateKeyInfo (RFC 5958), DER, unencrypted. Does not wipe its input.
 * RC_SYNTAX, RC_TRAILING, RC_UNSUPPORTED (kind or size), RC_CRYPTO, RC_NOMEM. */
MUST rc pkey_soft_import(struct view pkcs8, struct pkey_soft **ret, struct fault *f);
/* The same form. The caller releases *ret. RC_CRYPTO, RC_NOMEM. */
MUST rc pkey_soft_export(const struct pkey_soft *k, struct secret *ret, struct fault *f);
/* Accepts NULL; the key is wiped. Contexts made from it must be gone. */
void pkey_soft_free(struct pkey_soft *k);
static inline void pkey_soft_autorelease(struct pkey_soft **k)
{
	pkey_soft_free(*k);
}
/* Borrowed from k. */
const struct pkey *pkey_soft_public(const struct pkey_soft *k);

/* A prepared signing context: one per thread and key (performance: OpenSSL set-up is done once).
 * Borrows k. Not safe for two threads at once. */
struct pkey_soft_ctx;
MUST rc pkey_soft_ctx_new(const struct pkey_soft *k, struct pkey_soft_ctx **ret, struct fault *f);
void pkey_soft_ctx_free(struct pkey_soft_ctx *c);
static inline void pkey_soft_ctx_autorelease(struct pkey_soft_ctx **c)
{
	pkey_soft_ctx_free(*c);
}
/* Appends the signature to out. RC_USAGE: scheme or digest size does not fit the key, or the key
 * may not be used with this hash. RC_CRYPTO, RC_LIMIT, RC_NOMEM. */
MUST rc pkey_soft_sign(struct pkey_soft_ctx *c, const struct sign_input *in, struct buf *out,
		       struct fault *f);
/* The same as a callback; valid while c lives. */
struct signer pkey_soft_signer(struct pkey_soft_ctx *c);

#endif
