/* host_key - the key that says which host this is: SSHSIG over requests, and TLS.
 *
 * Kinds are rows of one table (host_key.c): a P-256 key of our own in a file or in a TPM, an SSH
 * key that the roster knows already, or an SVID's. The private half of neither leaves this process.
 * Owns: the key and its file. Must not own: what is signed (local.c), certificates (state.h).
 * Thread-safe. */
#ifndef GS_AGENT_HOST_KEY_H
#define GS_AGENT_HOST_KEY_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/pkey.h"
#include "lib/crypt/sshkey.h"
#include "lib/net/tls_identity.h"

#define HOST_KEY_FILE "host.key"
#define HOST_KEY_TPM_FILE "host.tpm" /* of use to this TPM alone */

struct host_key;

/* An unencrypted OpenSSH private key of the roster. RC_NOTFOUND, RC_DENIED: others can read the
 * file; else as sshpriv_parse. */
MUST rc host_key_import(const char *path, struct host_key **ret, struct fault *f);
/* Whatever X.509-SVID is in the directory at the moment (lib/net/svidsigner.h). RC_NOMEM. */
MUST rc host_key_svid(const char *dir, struct host_key **ret, struct fault *f);
/* Our own, from the state directory. tpm: where the TPM is (chip.h), for a key that is kept in one;
 * it is not asked yet. RC_NOTFOUND, RC_CORRUPT, RC_DENIED. */
MUST rc host_key_open(int dirfd, const char *tpm, struct host_key **ret, struct fault *f);
/* Makes one and keeps it, durably and for its owner alone, before it is used. RC_EXISTS. */
MUST rc host_key_create(int dirfd, struct host_key **ret, struct fault *f);
/* The same in the TPM. RC_EXISTS; RC_NOTFOUND there is no TPM; RC_TOKEN it refuses. */
MUST rc host_key_create_tpm(int dirfd, const char *tpm, struct host_key **ret, struct fault *f);
/* Accepts NULL. */
void host_key_free(struct host_key *k);

/* Borrowed; NULL for an SVID. */
const struct sshkey *host_key_ssh(const struct host_key *k);
/* The same as SubjectPublicKeyInfo; NULL for keys that cannot be in a certificate. */
const struct pkey *host_key_public(const struct host_key *k);
/* The TPM that keeps it, and its TPM2B_PUBLIC; NULL and empty for other kinds. Borrowed. */
struct chip;
struct chip *host_key_chip(const struct host_key *k);
struct view host_key_tpm_public(const struct host_key *k);
/* What is claimed without proof: "software", a literal; "" for the roster's keys. */
const char *host_key_class(const struct host_key *k);
/* Appends an SSHSIG blob, or a host proof with an SVID's certificates (lib/crypt/spiffe.h): at most
 * SVID_PROOF_MAX bytes. RC_CRYPTO, RC_RANGE (namespace), RC_NOMEM. */
MUST rc host_key_sshsig(const struct host_key *k, const char *ns, struct view message,
			struct buf *out, struct fault *f);
/* Appends the signature of a DSSE envelope over the payload (lib/crypt/dsse.h). RC_UNSUPPORTED: an
 * SVID, since an envelope names a key; RC_CRYPTO, RC_NOMEM. */
MUST rc host_key_dsse(const struct host_key *k, const char *type, struct view payload,
		      struct buf *out, struct fault *f);
/* The key with a certificate chain (PEM) for TLS. RC_UNSUPPORTED: this kind has none;
 * RC_MISMATCH: of another key. */
MUST rc host_key_identity(const struct host_key *k, struct view chain_pem,
			  struct tls_identity **ret, struct fault *f);

#endif
