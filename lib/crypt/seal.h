/* seal - keys from passphrases and credentials, and authenticated encryption of secrets at rest.
 *
 * Owns: scrypt (RFC 7914), HKDF-SHA-256 (RFC 5869), AES-256-GCM (SP 800-38D).
 * Must not own: file formats, where a passphrase comes from. */
#ifndef GS_CRYPT_SEAL_H
#define GS_CRYPT_SEAL_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/view.h"

#define SEAL_KEY 32
#define SEAL_NONCE 12
#define SEAL_TAG 16
#define SEAL_SCRYPT_LOG2_MIN 10
#define SEAL_SCRYPT_LOG2_MAX 22 /* 4 GiB of memory with r = 8 */

/* 32 bytes from a passphrase: scrypt with N = 2^log2_n, r = 8, p = 1 (2^17: 128 MiB and some 0.4
 * s). RC_RANGE (log2_n), RC_NOMEM, RC_CRYPTO (also when the memory is not to be had). */
MUST rc seal_scrypt(struct view passphrase, struct view salt, unsigned log2_n, struct secret *ret,
		    struct fault *f);

/* 32 bytes from key material that is random already; info says what for. RC_CRYPTO, RC_NOMEM. */
MUST rc seal_hkdf(struct view key, struct view salt, const char *info, struct secret *ret,
		  struct fault *f);

/* What one sealed text is bound to. A nonce is used once with a key. */
struct seal {
	const struct secret *key; /* SEAL_KEY bytes */
	uint8_t nonce[SEAL_NONCE];
	struct view aad; /* authenticated, not encrypted */
};
/* Appends the cipher text (as long as plain) and the tag. RC_CRYPTO, RC_LIMIT, RC_NOMEM. */
MUST rc seal_encrypt(const struct seal *s, struct view plain, struct buf *out, struct fault *f);
/* sealed is cipher text of at least one byte, and tag. RC_BADSIG if anything was changed or the key
 * is another; RC_TRUNCATED, RC_LIMIT (over SECRET_MAX), RC_NOMEM, RC_CRYPTO. */
MUST rc seal_decrypt(const struct seal *s, struct view sealed, struct secret *ret, struct fault *f);

#endif
