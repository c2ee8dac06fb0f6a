/* jwks - the public keys by which an issuer signs its tokens (RFC 7517 5, RFC 7518 6, RFC 8037 2).
 *
 * {"keys":[{"kty":"RSA","n":..,"e":"AQAB","kid":..,"alg":"RS256"?,"use":"sig"?}, ..]}
 * What a key is for is settled here, by the key and not by a token: RSA of 2048 to 8192 bits for
 * RS256, P-256 for ES256, Ed25519 for EdDSA. Keys for other purposes (another use, curve, kind or
 * algorithm, no kid) are passed over, as RFC 7517 5 wants it. A key that claims to be for one of
 * the three and is not fit for it makes the whole set unusable, for somebody should look: too
 * short, not on its curve, two of one kid, a private or a shared key among public ones. Owns: the
 * parsed keys. Must not own: where the set comes from (roster, greatseal-jwksd). */
#ifndef GS_CRYPT_JWKS_H
#define GS_CRYPT_JWKS_H

#include "lib/base/fault.h"
#include "lib/base/view.h"

#define JWKS_BYTES_MAX (64u << 10)
#define JWKS_KEYS_MAX 64u /* entries of "keys", those that are passed over too */
#define JWKS_KID_MAX 255u

struct jwks;

/* Reads a set; *ret is independent of its bytes and never changes, so it can be shared.
 * RC_LIMIT: over the maxima above, nested too deeply; RC_DUPLICATE: a member twice, two keys of one
 * kid; RC_SYNTAX: not JSON, a member missing or of another type, base64; RC_NONCANON: spare bits, a
 * number with leading zeros; RC_RANGE: RSA shorter than 2048 or longer than 8192 bits, an even
 * modulus, an exponent other than 65537, a coordinate of another length, no key that is of use;
 * RC_MISMATCH: alg is not of this kind of key; RC_CRYPTO: not a point of P-256 (of Ed25519 a
 * verification says so); RC_DENIED: a private or shared key; RC_NOMEM. */
MUST rc jwks_parse(struct view bytes, struct jwks **ret, struct fault *f);
/* Accepts NULL. */
void jwks_free(struct jwks *s);
static inline void jwks_autorelease(struct jwks **s)
{
	jwks_free(*s);
}

/* How many keys are of use; at least 1. */
size_t jwks_count(const struct jwks *s);
/* The kid of one of them, in the order of the set; lives as long as s. */
const char *jwks_kid(const struct jwks *s, size_t i);
/* The name of its algorithm: "RS256", "ES256", "EdDSA". */
const char *jwks_alg(const struct jwks *s, size_t i);

/* Whether sig, in the form of RFC 7518 3, is by the key of this kid over message. alg is what the
 * token says of itself: it must be what the key is for. RC_NOTFOUND: no key of this kid;
 * RC_MISMATCH: another algorithm; RC_BADSIG; RC_CRYPTO, RC_NOMEM. */
MUST rc jwks_verify(const struct jwks *s, struct view kid, struct view alg, struct view message,
		    struct view sig, struct fault *f);

#endif
