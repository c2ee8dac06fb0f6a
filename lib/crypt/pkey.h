/* pkey - public keys, the table of key algorithms, and the shape of "something that can sign".
 *
 * Owns: SubjectPublicKeyInfo (RFC 5280 4.1.2.7) and its fingerprint, verification.
 * Must not own: private keys (pkey_soft.h, the token), certificates (x509.h), SSH keys (sshkey.h).
 */
#ifndef GS_CRYPT_PKEY_H
#define GS_CRYPT_PKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"

enum key_alg { KEY_RSA3072, KEY_RSA4096, KEY_P256, KEY_P384, KEY_ED25519 };
#define KEY_ALG_COUNT 5

enum sign_scheme {
	SIGN_RSA_PKCS1 = 1, /* input = digest; the signer adds the DigestInfo (RFC 8017 9.2) */
	SIGN_ECDSA,	    /* input = digest; signature = DER ECDSA-Sig-Value (RFC 3279 2.2.3) */
	SIGN_ED25519,	    /* input = the whole message; hash_alg is ignored (RFC 8032) */
};

/* "rsa-3072", "rsa-4096", "ecdsa-p256", "ecdsa-p384", "ed25519" and back; RC_UNKNOWN. */
const char *key_alg_name(enum key_alg alg);
MUST rc key_alg_parse(struct view name, enum key_alg *ret);
enum sign_scheme key_alg_scheme(enum key_alg alg);
/* Whether the key may be used with this digest: Ed25519 with SHA-512 alone (RFC 8419 3.1), the
 * others with each of the three. */
bool key_alg_permits(enum key_alg alg, enum hash_alg hash);
/* The most bytes a signature can have (RSA: the exact number; Ed25519: 64). */
#define PKEY_SIGNATURE_MAX 512
size_t key_alg_signature_max(enum key_alg alg);

/* A parsed public key; immutable, may be shared between threads. */
struct pkey;
#define PKEY_SPKI_MAX 1024
/* Reads exactly one SubjectPublicKeyInfo: DER, named curve, uncompressed point, RSA of 3072 or 4096
 * bits with e = 65537. RC_UNSUPPORTED (another kind or size), RC_NONCANON (OpenSSL writes it
 * differently), RC_SYNTAX, RC_TRUNCATED, RC_TRAILING, RC_LIMIT, RC_CRYPTO, RC_NOMEM. */
MUST rc pkey_from_spki(struct view der, struct pkey **ret, struct fault *f);
/* Accepts NULL. Not called pkey_free: that is glibc's, for something else (pkeys(7)). */
void pkey_destroy(struct pkey *k);
static inline void pkey_autorelease(struct pkey **k)
{
	pkey_destroy(*k);
}
enum key_alg pkey_alg(const struct pkey *k);
/* The DER given to pkey_from_spki; lives as long as k. */
struct view pkey_spki(const struct pkey *k);
/* SHA-256 over the SubjectPublicKeyInfo DER. */
const struct digest *pkey_fingerprint(const struct pkey *k);

/* What is signed, for both directions. */
struct sign_input {
	enum sign_scheme scheme;
	enum hash_alg hash;
	struct view input; /* digest of hash_size(hash) bytes, or the message for SIGN_ED25519 */
};
/* RC_BADSIG; RC_USAGE if scheme does not fit the key or the digest has the wrong size; RC_CRYPTO.
 */
MUST rc pkey_verify(const struct pkey *k, const struct sign_input *in, struct view signature,
		    struct fault *f);

/* The same for many signatures of one key by one thread, with one context of libcrypto for all of
 * them (RSA and ECDSA). k must outlive it. new: RC_NOMEM, RC_CRYPTO. */
struct pkey_check;
MUST rc pkey_check_new(const struct pkey *k, struct pkey_check **ret, struct fault *f);
void pkey_check_free(struct pkey_check *c);
MUST rc pkey_check_verify(struct pkey_check *c, const struct sign_input *in, struct view signature,
			  struct fault *f);

/* What a signature is known by, however its value is written: SHA-256 of the value; of the two
 * ECDSA values that are good for one message, and that anybody can turn into each other, that of
 * the one with the smaller s. RC_SYNTAX: not a value of such a key; RC_NOMEM, RC_CRYPTO. */
MUST rc pkey_signature_id(enum key_alg alg, struct view signature, struct digest *ret,
			  struct fault *f);

/* A private operation somewhere else. sign appends the signature to out; it must be safe for the
 * thread that calls it. RC_TOKEN, RC_USAGE, RC_CRYPTO, RC_BUSY or what its implementor says. */
struct signer {
	rc (*sign)(void *ctx, enum sign_scheme scheme, enum hash_alg alg, struct view input,
		   struct buf *out, struct fault *f);
	void *ctx;
};

/* For lib/crypt alone: the OpenSSL object; borrowed. */
struct evp_pkey_st;
struct evp_pkey_st *pkey_evp(const struct pkey *k);

#endif
