/* sshkey_int - what sshkey.c, sshsig_*.c and sshpriv.c share; not for other folders.
 *
 * Owns: the body of struct sshkey, the mpint reader. */
#ifndef GS_CRYPT_SSHKEY_INT_H
#define GS_CRYPT_SSHKEY_INT_H

#include <openssl/evp.h>
#include <stdatomic.h>

#include "lib/crypt/sshkey.h"

#define P256_SIZE 32
#define P256_POINT 65 /* 04, x, y */
#define ED25519_SIZE 32
#define ED25519_SIG 64

/* A context that is ready to verify with the key, while no thread has it. */
struct sshkey_spare {
	_Atomic(EVP_PKEY_CTX *) ctx;
};

struct sshkey {
	enum sshkey_type type;
	EVP_PKEY *pkey;		    /* only read after parsing: many threads verify with it */
	struct sshkey_spare *spare; /* ECDSA */
	struct digest fingerprint;
	struct view application; /* into blob */
	size_t size;		 /* bytes of a signature value: 64, or the RSA modulus' */
	size_t blob_len;
	uint8_t blob[SSHKEY_BLOB_MAX];
};

/* A positive mpint (RFC 4251 5) of at most max bytes without its sign byte, in the one permitted
 * encoding; *ret is the number without leading zeros. RC_NONCANON: zero, negative, or too many
 * leading zeros; RC_RANGE: longer than max. */
MUST rc sshkey_mpint(struct view *v, size_t max, const char *what, struct view *ret,
		     struct fault *f);
/* The opposite: number without sign byte, leading zeros permitted. */
void sshkey_put_mpint(struct buf *out, struct view number);

/* view_string with a fault that names the field. */
MUST rc sshkey_string(struct view *v, size_t max, const char *what, struct view *ret,
		      struct fault *f);

/* RC_CRYPTO with the reason from libcrypto, whose error queue is emptied. */
rc sshkey_crypto(struct fault *f, const char *what);

#endif
