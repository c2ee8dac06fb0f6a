/* token_maker - an issuer of tokens for tests: keys, their set, and tokens, good and bad.
 *
 * Owns: making what RFC 7515 and RFC 7517 describe, by libcrypto and independently of
 * lib/crypt/jwt.c. Must not be used by the product. */
#ifndef GS_TESTS_SUPPORT_TOKEN_MAKER_H
#define GS_TESTS_SUPPORT_TOKEN_MAKER_H

#include <stdbool.h>

#include "lib/base/buf.h"

enum token_key_kind { TOKEN_RSA, TOKEN_RSA_SHORT, TOKEN_P256, TOKEN_ED25519 };

struct token_key;
/* New and random. Ends the program when libcrypto fails. RSA_SHORT has 1024 bits. */
struct token_key *token_key_new(enum token_key_kind kind);
/* From and to PEM (PKCS#8) in a file; load gives NULL if there is none. */
struct token_key *token_key_load(const char *path);
void token_key_save(const struct token_key *k, const char *path);
void token_key_free(struct token_key *k);
/* "RS256", "ES256", "EdDSA". */
const char *token_key_alg(const struct token_key *k);

/* Appends {"kty":...}: the public key as a JWK; extra: further members such as ",\"use\":\"enc\"",
 * or "". */
void token_put_jwk(const struct token_key *k, const char *kid, const char *extra, struct buf *out);
/* Appends HEADER.CLAIMS.SIGNATURE in base64url; both are taken as they are. */
void token_put(const struct token_key *k, const char *header, const char *claims, struct buf *out);
/* The same with the key for HS256: HMAC-SHA256 by the bytes of secret. */
void token_put_hmac(struct view secret, const char *header, const char *claims, struct buf *out);
/* The public key as PEM, for the forgery that takes it as a shared secret. */
void token_put_public_pem(const struct token_key *k, struct buf *out);

#endif
