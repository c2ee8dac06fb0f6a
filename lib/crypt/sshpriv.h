/* sshpriv - unencrypted OpenSSH private key files, for programs that sign often (CI jobs, load
 * tests).
 *
 * Owns: "openssh-key-v1" (OpenSSH PROTOCOL.key) without a passphrase, Ed25519 and ECDSA P-256, and
 * the SSHSIG signatures they make in-process. Anything else is RC_UNSUPPORTED: ssh-keygen can do it
 * (net/sshsigner.h).
 * Must not own: the product's signing keys, which never leave the keeper. */
#ifndef GS_CRYPT_SSHPRIV_H
#define GS_CRYPT_SSHPRIV_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/sshkey.h"

#define SSHPRIV_FILE_MAX 16384 /* the armored file */

struct sshpriv;

/* Parses the whole text of a key file. The private half must belong to the public one.
 * RC_UNSUPPORTED: passphrase, other key type, more than one key; RC_MISMATCH: halves, check words;
 * RC_SYNTAX, RC_NONCANON, RC_TRUNCATED, RC_TRAILING, RC_LIMIT; RC_CRYPTO, RC_NOMEM.
 * text is the caller's and should be wiped by them. */
MUST rc sshpriv_parse(struct view text, struct sshpriv **ret, struct fault *f);

/* The public key in a key file of any type and also when it has a passphrase: it is stored in the
 * clear. Fails like sshpriv_parse and sshkey_parse_blob. */
MUST rc sshpriv_public(struct view text, struct sshkey **ret, struct fault *f);

void sshpriv_free(struct sshpriv *p);
static inline void sshpriv_autorelease(struct sshpriv **p)
{
	sshpriv_free(*p);
}

/* Borrowed. */
const struct sshkey *sshpriv_key(const struct sshpriv *p);

/* Appends a raw SSHSIG blob (SHA-512) over message. Thread-safe. RC_RANGE (namespace), RC_CRYPTO,
 * RC_NOMEM, RC_LIMIT. */
MUST rc sshpriv_sign(const struct sshpriv *p, const char *ns, struct view message, struct buf *out,
		     struct fault *f);

/* Appends an SSH signature (string algorithm, string value) over the bytes themselves, for formats
 * other than SSHSIG whose signed bytes cannot be mistaken for one (dsse.h). RC_CRYPTO, RC_LIMIT. */
MUST rc sshpriv_sign_raw(const struct sshpriv *p, struct view bytes, struct buf *out,
			 struct fault *f);

#endif
