/* provider - lets OpenSSL assemble objects (CSR, certificate) with a key that is elsewhere.
 *
 * An OpenSSL 3 provider inside this process, in an OSSL_LIB_CTX of its own: its private keys are a
 * public key and a struct signer. OpenSSL asks it to sign; it asks the signer. No configuration
 * file, engine or STORE is involved, and the private part can neither be exported nor printed.
 * Owns: the library context and those keys. Must not own: what is signed. */
#ifndef GS_CRYPT_PROVIDER_H
#define GS_CRYPT_PROVIDER_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/crypt/pkey.h"

struct provider;
/* RC_CRYPTO, RC_NOMEM. */
MUST rc provider_new(struct provider **ret, struct fault *f);
/* Accepts NULL; all its keys must be gone. */
void provider_free(struct provider *p);
static inline void provider_autorelease(struct provider **p)
{
	provider_free(*p);
}

/* A key OpenSSL can sign with. pub and *s are copied (s->ctx is borrowed, for the key's life). */
struct provider_key;
MUST rc provider_key_new(struct provider *p, const struct pkey *pub, const struct signer *s,
			 struct provider_key **ret, struct fault *f);
void provider_key_free(struct provider_key *k);
static inline void provider_key_autorelease(struct provider_key **k)
{
	provider_key_free(*k);
}
enum key_alg provider_key_alg(const struct provider_key *k);
/* The fault of the last failed call of the signer; code RC_OK if none failed. */
const struct fault *provider_key_fault(const struct provider_key *k);

/* For lib/crypt alone; borrowed. */
struct evp_pkey_st;
struct ossl_lib_ctx_st;
struct evp_pkey_st *provider_key_evp(const struct provider_key *k);
struct ossl_lib_ctx_st *provider_libctx(const struct provider *p);

#endif
