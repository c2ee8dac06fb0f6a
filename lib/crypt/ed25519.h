/* ed25519 - RFC 8032 Ed25519 with raw keys: the log's own signature.
 *
 * Owns: seed to key, sign, verify. Must not own: what is signed, or where the seed is kept. */
#ifndef GS_CRYPT_ED25519_H
#define GS_CRYPT_ED25519_H

#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/view.h"

#define ED25519_SEED 32
#define ED25519_PUBLIC 32
#define ED25519_SIGNATURE 64

/* A private key, ready to sign; used by one thread at a time. */
struct ed25519_key;

/* seed is exactly 32 bytes (RFC 8032 5.1.5); the caller keeps and wipes it. RC_RANGE for another
 * length, RC_NOMEM, RC_CRYPTO. */
MUST rc ed25519_key_new(const struct secret *seed, struct ed25519_key **ret, struct fault *f);
/* NULL is permitted. */
void ed25519_key_free(struct ed25519_key *k);
static inline void ed25519_key_autorelease(struct ed25519_key **k)
{
	ed25519_key_free(*k);
}

/* The 32-byte public key. */
void ed25519_key_public(const struct ed25519_key *k, uint8_t out[ED25519_PUBLIC]);

/* PureEdDSA over the message. RC_CRYPTO. */
MUST rc ed25519_sign(const struct ed25519_key *k, struct view message,
		     uint8_t ret[ED25519_SIGNATURE], struct fault *f);

/* RC_BADSIG unless signature (64 bytes) is by the key over the message. */
MUST rc ed25519_verify(const uint8_t public[ED25519_PUBLIC], struct view message,
		       struct view signature, struct fault *f);

#endif
