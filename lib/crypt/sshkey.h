/* sshkey - SSH public keys of people and hosts: parsed once, used by many threads.
 *
 * Owns: the key blob (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4, OpenSSH PROTOCOL.u2f), its text line
 * and its fingerprint. Only the one canonical encoding is accepted, so two keys are the same
 * exactly when their blobs are. Must not own: signatures (sshsig.h), who a key belongs to (the
 * roster). */
#ifndef GS_CRYPT_SSHKEY_H
#define GS_CRYPT_SSHKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"

enum sshkey_type {
	SSHKEY_ED25519 = 1,   /* ssh-ed25519 */
	SSHKEY_ECDSA_P256,    /* ecdsa-sha2-nistp256 */
	SSHKEY_RSA,	      /* ssh-rsa, 3072..8192 bits, odd exponent of 65537..2^64-1 */
	SSHKEY_SK_ED25519,    /* sk-ssh-ed25519@openssh.com */
	SSHKEY_SK_ECDSA_P256, /* sk-ecdsa-sha2-nistp256@openssh.com, also passkeys */
};

/* How the owner signs, which decides what they saw: a program of their own or a web page. */
enum sshkey_channel {
	SSHKEY_CLI = 1,
	SSHKEY_BROWSER, /* WebAuthn */
};

#define SSHKEY_BLOB_MAX 1200 /* an RSA-8192 key has 1,050 bytes */
#define SSHKEY_LINE_MAX 2048 /* type, base64 and comment */
#define SSHKEY_COMMENT_MAX 255
#define SSHKEY_APPLICATION_MAX 253
#define SSHKEY_FINGERPRINT 51 /* "SHA256:", 43 characters and NUL */

struct sshkey;

/* Parses a raw key blob; the whole of it.
 * RC_UNKNOWN: a type name nobody knows; RC_UNSUPPORTED: certificates, DSA, P-384, P-521, RSA under
 * 3072 or over 8192 bits, an sk-ed25519 key not made for SSH; RC_SYNTAX: structure; RC_NONCANON: an
 * integer or point not in its one form; RC_RANGE: exponent; RC_TRUNCATED, RC_TRAILING, RC_LIMIT
 * (blob over SSHKEY_BLOB_MAX); RC_CRYPTO: not a point of the curve, or a weak one; RC_NOMEM. The
 * caller frees *ret with sshkey_free. */
MUST rc sshkey_parse_blob(struct view blob, struct sshkey **ret, struct fault *f);

/* Parses "TYPE BASE64" or "TYPE BASE64 COMMENT": single spaces, printable ASCII, at most one LF at
 * the end. The type must repeat the blob's. ret_comment (may be NULL) borrows from line.
 * Fails like sshkey_parse_blob; RC_MISMATCH: the two types differ. Options in front (as in
 * authorized_keys) are RC_UNKNOWN. */
MUST rc sshkey_parse_line(struct view line, struct sshkey **ret, struct view *ret_comment,
			  struct fault *f);

void sshkey_free(struct sshkey *k);
static inline void sshkey_autorelease(struct sshkey **k)
{
	sshkey_free(*k);
}

enum sshkey_type sshkey_type(const struct sshkey *k);
/* "ssh-ed25519" and so on; the name at the start of the blob. */
const char *sshkey_type_name(enum sshkey_type type);
/* The canonical blob; lives as long as the key. */
struct view sshkey_blob(const struct sshkey *k);
/* sk types: "ssh:..." or the WebAuthn RP id; empty for others. Lives as long as the key. */
struct view sshkey_application(const struct sshkey *k);
/* True for the two sk types: the private half is in a device that asks its user. */
bool sshkey_is_sk(const struct sshkey *k);
/* SSHKEY_BROWSER for an sk-ecdsa key whose application is an RP id (does not begin with "ssh:"),
 * else SSHKEY_CLI. A key signs in its own channel only; sshsig_verify refuses the other. */
enum sshkey_channel sshkey_channel(const struct sshkey *k);
/* "cli" or "browser". */
const char *sshkey_channel_name(enum sshkey_channel c);
bool sshkey_is_equal(const struct sshkey *a, const struct sshkey *b);

/* SHA-256 of the blob; lives as long as the key. */
const struct digest *sshkey_fingerprint(const struct sshkey *k);
/* "SHA256:" and base64 without padding, as ssh-keygen -l prints, and back (RC_SYNTAX, RC_NONCANON).
 */
void sshkey_fingerprint_text(const struct digest *fp, char out[SSHKEY_FINGERPRINT]);
MUST rc sshkey_fingerprint_parse(struct view text, struct digest *ret);

/* Appends "TYPE BASE64", and " COMMENT" unless it is empty; no line end. */
void sshkey_put_line(const struct sshkey *k, struct view comment, struct buf *out);

#endif
