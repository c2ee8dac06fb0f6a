/* jwt - JSON Web Tokens of OpenID issuers (RFC 7519, RFC 7515 7.1 compact form; RFC 8725).
 *
 * A token is worth something after all of this, which are calls of their own so that each refusal
 * has its own reason: its form (jwt_parse), who says they made it (jwt_issuer, compared by the
 * caller, who then takes that issuer's keys and no others), the signature (jwt_verify), for whom it
 * is (jwt_is_for), when (jwt_check_time), and what it claims (jwt_claim). Until jwt_verify has said
 * OK everything in it is its bearer's invention.
 * Owns: reading strictly, comparing. Must not own: keys (jwks.h), which claims matter, whether it
 * was used before. Never verified: anything by a shared secret, "none", encryption. */
#ifndef GS_CRYPT_JWT_H
#define GS_CRYPT_JWT_H

#include <stdbool.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/view.h"
#include "lib/crypt/jwks.h"

#define JWT_BYTES_MAX 8192u /* the whole token */
#define JWT_HEADER_MAX 1024u
#define JWT_CLAIMS_MAX 6144u
#define JWT_TEXT_MAX 255u     /* issuer, jti, one audience, a claim that is compared */
#define JWT_AUDIENCES_MAX 16u /* in one token */
#define JWT_SKEW 30	      /* seconds that clocks may differ by */
#define JWT_LIFE_MAX 86400    /* seconds that a token may have left: it is for one job */

struct jwt;

/* Whether bytes are meant to be a token and not a signature: what {" is in base64url. */
static inline bool jwt_is_like(struct view bytes)
{
	return bytes.len >= 3 && memcmp(bytes.ptr, "eyJ", 3) == 0;
}

/* Takes a compact token apart; *ret is independent of the bytes. Nothing is verified. RC_LIMIT:
 * over the maxima above, nested too deeply; RC_DUPLICATE: a member twice; RC_SYNTAX: not three
 * parts, base64url, JSON, UTF-8, NUL, a member missing (alg, kid, iss, aud, exp) or of another
 * type, no audience, a typ other than JWT; RC_NONCANON: spare bits in base64url; RC_UNSUPPORTED: an
 * algorithm other than RS256, ES256 and EdDSA, a critical extension (crit, b64), a key of its own
 * (jwk, jku, x5c, x5u); RC_RANGE: a time before 1970 or after 9999; RC_NOMEM. */
MUST rc jwt_parse(struct view compact, struct jwt **ret, struct fault *f);
/* Accepts NULL. */
void jwt_free(struct jwt *t);
static inline void jwt_autorelease(struct jwt **t)
{
	jwt_free(*t);
}

/* iss; never NULL, lives as long as t. */
const char *jwt_issuer(const struct jwt *t);
/* jti; "" if there is none. */
const char *jwt_id(const struct jwt *t);
/* exp: it is good until JWT_SKEW seconds after. */
unix_time jwt_expires(const struct jwt *t);

/* The signature, by the key of its kid, whose algorithm it must name: as jwks_verify. */
MUST rc jwt_verify(const struct jwt *t, const struct jwks *keys, struct fault *f);

/* Whether aud is this text, or an array that has it (RFC 7519 4.1.3). */
bool jwt_is_for(const struct jwt *t, const char *audience);

/* RC_EXPIRED unless nbf and iat, where given, are past and exp is not, within JWT_SKEW; and unless
 * exp is near (JWT_LIFE_MAX). */
MUST rc jwt_check_time(const struct jwt *t, unix_time now, struct fault *f);

/* A claim as text: a string as it is, whole numbers and booleans as in JSON ("1234", "true"). Empty
 * on failure. RC_NOTFOUND: there is none; RC_UNSUPPORTED: an array, an object, null, a fraction, or
 * not printable ASCII, which no claim of ours is compared with; RC_LIMIT over JWT_TEXT_MAX. */
MUST rc jwt_claim(const struct jwt *t, const char *name, char ret[JWT_TEXT_MAX + 1]);

#endif
