/* token_pkcs11_key - key pairs as PKCS#11 objects: making, checking, finding, reading, signing.
 *
 * Owns: templates, attributes, and the way from PKCS#11's encodings to ours. Must not own: slots,
 * login, recovery. For the files token_pkcs11*.c alone. Source: OASIS PKCS#11 v2.40 base (4) and
 * current mechanisms (2.1 RSA, 2.3 EC); v3.0 (2.3.14 EdDSA). */
#ifndef GS_KEEPER_TOKEN_PKCS11_KEY_H
#define GS_KEEPER_TOKEN_PKCS11_KEY_H

#include <p11-kit/pkcs11.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/pkey.h"
#include "prog/keeper/token.h"

/* Where calls are made. All functions: p11_result's codes, beside those named. */
struct p11_at {
	CK_FUNCTION_LIST *fn;
	CK_SESSION_HANDLE session;
	const char *token; /* name, for faults */
};

/* The private key whose CKA_ID is id. RC_NOTFOUND; RC_CORRUPT if there are several. */
MUST rc p11_key_find(const struct p11_at *at, const struct digest *id, CK_OBJECT_HANDLE *ret,
		     struct fault *f);

/* Refuses a private key that could leave the token or whose attributes do not say that it cannot:
 * SENSITIVE, ALWAYS_SENSITIVE, NEVER_EXTRACTABLE, LOCAL, TOKEN, PRIVATE, SIGN must be true,
 * EXTRACTABLE, DECRYPT, UNWRAP, ALWAYS_AUTHENTICATE false, and its value must not be offered.
 * RC_DENIED. */
MUST rc p11_key_check(const struct p11_at *at, CK_OBJECT_HANDLE key, struct fault *f);

/* Appends the SubjectPublicKeyInfo. RC_NOTFOUND if the public half is missing, RC_UNSUPPORTED. */
MUST rc p11_key_spki(const struct p11_at *at, CK_OBJECT_HANDLE key, const struct digest *id,
		     struct buf *out, struct fault *f);

/* Makes a key pair (the session is read-write). It has not been checked yet. */
MUST rc p11_key_generate(const struct p11_at *at, const struct token_wish *w, struct fault *f);
/* Destroys every object with this id. */
MUST rc p11_key_destroy(const struct p11_at *at, const struct digest *id, struct fault *f);

/* Calls each for every private key whose id has DIGEST_SIZE bytes. RC_LIMIT. */
typedef rc (*p11_each_fn)(void *ctx, const struct p11_at *at, CK_OBJECT_HANDLE key,
			  const struct digest *id, struct fault *f);
MUST rc p11_key_each(const struct p11_at *at, p11_each_fn each, void *ctx, struct fault *f);

/* Appends the signature in our form. in fits the key. */
MUST rc p11_key_sign(const struct p11_at *at, CK_OBJECT_HANDLE key, const struct sign_input *in,
		     struct buf *out, struct fault *f);

#endif
