/* sshsig - SSHSIG signatures (OpenSSH PROTOCOL.sshsig), verified more strictly than ssh-keygen
 * does.
 *
 * Everything that people and hosts sign is in this form, so outsiders can check it with
 * `ssh-keygen -Y verify`. Stores and messages hold the raw blob; the armor is for people.
 * Owns: the blob, what is signed, and the verification, including the WebAuthn form in which a
 * passkey signs in a browser (OpenSSH PROTOCOL.u2f, WebAuthn L2 5.8.1, 6.1 and 7.2). Must not own:
 * which key is whose, which key types a rule wants (look at sshsig_info). */
#ifndef GS_CRYPT_SSHSIG_H
#define GS_CRYPT_SSHSIG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/crypt/pkey.h"
#include "lib/crypt/sshkey.h"

#define SSHSIG_BLOB_MAX 6144	 /* raw signature: RSA-8192 needs 2,200, WebAuthn up to 5,500 */
#define SSHSIG_ARMOR_MAX 9216	 /* the same with base64, line ends and boundaries */
#define SSHSIG_NAMESPACE_MAX 128 /* printable ASCII without space */
#define SSHSIG_TBS_MAX 320	 /* what is signed */
#define SSHSIG_ORIGIN_MAX 512
#define SSHSIG_CLIENT_DATA_MAX 3072
/* How our own signers hash a message; both of PROTOCOL.sshsig are taken. It is the digest that
 * statements are named by, so that who knows a statement's name does not hash it again. */
#define SSHSIG_HASH HASH_SHA256

/* What the verifier demands beyond the signature itself. All zero is the strictest: the user
 * verified by PIN or finger, the key bound to one device, no browser. */
struct sshsig_rules {
	bool allow_unverified; /* sk keys: accept UV = 0 (touch without PIN); UP = 1 is always
				  needed */
	bool allow_synced;     /* sk keys: accept backup-eligible passkeys (BE = 1) */
	const struct view
		*origins; /* browser: exact origins ("https://sign.example"); none: no browser */
	size_t origin_count;
	/* browser: accept every https origin of the key's RP id, for those who look at a decision
	 * that was taken and do not know the origins */
	bool rp_origins;
};

/* What a good signature tells; for policy. */
struct sshsig_info {
	enum sshkey_channel channel;
	enum hash_alg hash; /* of the message */
	bool user_verified; /* sk: UV; false for keys in files */
	bool synced;	    /* sk: BE */
	uint8_t flags;	    /* sk: the authenticator's flags byte, else 0 */
	uint32_t counter;   /* sk: signature counter, 0 if the device has none */
	struct view origin; /* browser: borrowed from the blob; else empty */
};

/* The parts of a blob, borrowed from it. Structure only: nothing is verified yet. */
struct sshsig {
	struct view key_blob; /* for sshkey_parse_blob or a look-up by its digest */
	struct view ns;
	enum hash_alg hash;    /* HASH_SHA256 or HASH_SHA512 */
	struct view signature; /* SSH signature: string algorithm, string value, ... */
};

/* Takes a raw blob apart; the whole of it. RC_SYNTAX (magic, namespace), RC_UNSUPPORTED (version,
 * hash), RC_NONCANON (reserved not empty), RC_TRUNCATED, RC_TRAILING, RC_LIMIT. */
MUST rc sshsig_parse(struct view blob, struct sshsig *ret, struct fault *f);

/* The channel of the form that the signature has, whether or not it is good. RC_UNSUPPORTED: a form
 * that nobody knows; RC_TRUNCATED. */
MUST rc sshsig_form_channel(const struct sshsig *s, enum sshkey_channel *ret);

/* Verifies that `key` signed `message` in namespace ns. blob is the raw form.
 * RC_BADSIG: the signature is wrong; RC_MISMATCH: made by another key, in another namespace, for
 * another challenge, or in the other channel's form; RC_DENIED: a rule says no (touch, PIN, synced,
 * origin, crossOrigin); RC_UNSUPPORTED: ssh-rsa (SHA-1) and other algorithms, extensions; RC_RANGE:
 * ECDSA r or s; RC_NONCANON, RC_SYNTAX, RC_TRUNCATED, RC_TRAILING, RC_LIMIT: encoding; RC_NOMEM,
 * RC_CRYPTO. Thread-safe for one key in many threads. rules must not be NULL; ret may be. */
MUST rc sshsig_verify(const struct sshkey *key, const char *ns, struct view message,
		      struct view blob, const struct sshsig_rules *rules, struct sshsig_info *ret,
		      struct fault *f);

/* The same for a message of which only the digest is at hand (large files): hash is by the
 * algorithm that sshsig_parse names, else RC_MISMATCH. */
MUST rc sshsig_verify_hash(const struct sshkey *key, const char *ns, const struct hash *hash,
			   struct view blob, const struct sshsig_rules *rules,
			   struct sshsig_info *ret, struct fault *f);

/* "-----BEGIN SSH SIGNATURE-----" in 70 columns, as ssh-keygen writes it, and back. dearmor fails
 * like pem_parse, and does not look into the blob. */
void sshsig_armor(struct view blob, struct buf *out);
MUST rc sshsig_dearmor(struct view text, struct buf *out, struct fault *f);

/* Appends the bytes that the key signs (and that are the WebAuthn challenge): "SSHSIG", namespace,
 * reserved, hash name, H(message). Fails through out: RC_RANGE for a namespace that is empty, too
 * long or not printable, RC_UNSUPPORTED for SHA-384. */
void sshsig_put_tbs(const char *ns, enum hash_alg alg, struct view message, struct buf *out);
void sshsig_put_tbs_hash(const char *ns, const struct hash *hash, struct buf *out);

/* Appends an SSH signature made from what a key operation gives: Ed25519 64 bytes; ECDSA the DER
 * ECDSA-Sig-Value over SHA-256; RSA the PKCS#1 v1.5 signature over SHA-512 (rsa-sha2-512).
 * RC_SYNTAX: wrong length or DER; RC_UNSUPPORTED: sk types (their devices make the whole). */
MUST rc sshsig_put_signature(const struct sshkey *key, struct view raw, struct buf *out,
			     struct fault *f);

/* Appends a whole blob around an SSH signature (from sshsig_put_signature, an agent or a device).
 * Fails through out as sshsig_put_tbs does. */
void sshsig_wrap(const struct sshkey *key, const char *ns, enum hash_alg alg, struct view signature,
		 struct buf *out);

/* Appends an SSH signature over bytes, made by s, once, with key's private half: Ed25519 over the
 * bytes, ECDSA over their SHA-256, RSA (PKCS#1) over their SHA-512. RC_UNSUPPORTED: sk types; what
 * s says, as sshsig_put_signature, and out's. */
MUST rc sshsig_sign_bytes(const struct sshkey *key, const struct signer *s, struct view bytes,
			  struct buf *out, struct fault *f);
/* Appends a whole blob, made in that way. RC_RANGE: namespace; as sshsig_sign_bytes. */
MUST rc sshsig_sign(const struct sshkey *key, const struct signer *s, const char *ns,
		    struct view message, struct buf *out, struct fault *f);

/* A passkey's answer (navigator.credentials.get with the tbs as challenge) as an SSH signature: der
 * is its DER signature, auth_data its authenticatorData, client_data its clientDataJSON. Structure
 * is checked here (RC_SYNTAX, RC_TRUNCATED, RC_NONCANON, RC_LIMIT, RC_MISMATCH: RP id is not the
 * key's); everything else when it is verified. */
struct sshsig_assertion {
	struct view der;
	struct view auth_data;
	struct view client_data;
};
MUST rc sshsig_put_assertion(const struct sshkey *key, const struct sshsig_assertion *a,
			     struct buf *out, struct fault *f);

#endif
