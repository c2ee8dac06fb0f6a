/* digest - SHA-2 digests as types: one fixed struct digest (SHA-256) for ids, and a tagged one for
 * formats that choose their hash.
 *
 * Owns: hashing. Must not own: what is hashed. */
#ifndef GS_CRYPT_DIGEST_H
#define GS_CRYPT_DIGEST_H

#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define DIGEST_SIZE 32
#define DIGEST_HEX 65 /* 64 lower-case hex digits and NUL */

/* SHA-256; the id of every object in the project. */
struct digest {
	uint8_t b[DIGEST_SIZE];
};

enum hash_alg { HASH_SHA256 = 1, HASH_SHA384 = 2, HASH_SHA512 = 3 };
#define HASH_MAX_SIZE 64

/* A digest that says which hash made it. size is 32, 48 or 64; bytes after it are zero. */
struct hash {
	enum hash_alg alg;
	uint8_t size;
	uint8_t b[HASH_MAX_SIZE];
};

/* SHA-256 of the bytes. Cannot fail (aborts if libcrypto has no SHA-256: our own invariant). */
struct digest digest_of(struct view bytes);
/* SHA-256 over the concatenation of n views. */
struct digest digest_of_parts(const struct view *parts, size_t n);
/* HMAC with SHA-256 (RFC 2104). RC_CRYPTO. */
MUST rc digest_mac(struct view key, struct view bytes, struct digest *ret);
bool digest_is_equal(const struct digest *a, const struct digest *b);
static inline struct view digest_view(const struct digest *d)
{
	return view_of(d->b, sizeof(d->b));
}
/* Writes 64 lower-case hex digits and NUL. */
void digest_hex(const struct digest *d, char out[DIGEST_HEX]);
/* Exactly 64 lower-case hex digits. RC_SYNTAX. */
MUST rc digest_parse(struct view hex, struct digest *ret);

struct view hash_view(const struct hash *h);
/* "sha256", "sha384", "sha512" and back; RC_UNKNOWN. */
const char *hash_name(enum hash_alg alg);
MUST rc hash_alg_parse(struct view name, enum hash_alg *ret);
size_t hash_size(enum hash_alg alg);
struct hash hash_of(enum hash_alg alg, struct view bytes);
bool hash_is_equal(const struct hash *a, const struct hash *b);
/* "sha256:<hex>" form. out needs HASH_TEXT bytes. RC_SYNTAX, RC_UNKNOWN. */
#define HASH_TEXT (7 + 2 * HASH_MAX_SIZE + 1)
void hash_text(const struct hash *h, char out[HASH_TEXT]);
MUST rc hash_parse(struct view text, struct hash *ret);

/* Streaming: new, update, finish. */
struct hasher;
MUST rc hasher_new(enum hash_alg alg, struct hasher **ret);
void hasher_free(struct hasher *h);
static inline void hasher_autorelease(struct hasher **h)
{
	hasher_free(*h);
}
MUST rc hasher_update(struct hasher *h, struct view bytes);
/* The digest so far; the hasher starts anew. */
MUST rc hasher_finish(struct hasher *h, struct hash *ret);
/* A copy of the running state, e.g. for prefix digests. */
MUST rc hasher_copy(const struct hasher *h, struct hasher **ret);

#endif
