/* dsse - envelopes of the Dead Simple Signing Envelope, version 1: how other tools sign what they
 * say of an artifact (in-toto attestations, SLSA provenance).
 *
 * {"payload":BASE64,"payloadType":TEXT,"signatures":[{"keyid":TEXT?,"sig":BASE64},..]}
 * What is signed is the PAE: "DSSEv1" SP len(type) SP type SP len(payload) SP payload. keyid is a
 * hint that nobody vouches for: whoever uses it verifies with the key that it names, and with that
 * alone. Foreign programs write envelopes, so members may be in any order and others may be there
 * (DSSE 1.0.2 says to ignore them), but none twice; base64 is of one alphabet, padded, with no
 * spare bits. Owns: the envelope and its signatures by SSH keys, in the form in which any library
 * verifies them. Must not own: whose key it is, what the payload means. */
#ifndef GS_CRYPT_DSSE_H
#define GS_CRYPT_DSSE_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/crypt/sshkey.h"

#define DSSE_BYTES_MAX (192u << 10) /* the envelope */
#define DSSE_PAYLOAD_MAX (128u << 10)
#define DSSE_TYPE_MAX 127	/* printable ASCII without space */
#define DSSE_KEYID_MAX 127	/* printable ASCII */
#define DSSE_SIGNATURE_MAX 1024 /* RSA-8192 */
#define DSSE_SIGNATURES_MAX 8u
#define DSSE_DEPTH_MAX 16u /* objects and arrays inside each other; those that we read: 3 */

struct dsse_signature {
	char keyid[DSSE_KEYID_MAX + 1]; /* "" if there is none */
	uint8_t sig[DSSE_SIGNATURE_MAX];
	size_t len;
};

struct dsse {
	char type[DSSE_TYPE_MAX + 1];
	struct buf payload; /* the very bytes that are signed */
	struct dsse_signature signatures[DSSE_SIGNATURES_MAX];
	size_t count; /* at least 1 */
};

/* Takes an envelope apart; nothing is verified. RC_LIMIT over a maximum above, RC_SYNTAX not JSON,
 * a member missing, of another type or twice, a text that is not printable, base64; RC_NONCANON
 * spare bits in it; RC_RANGE no signature; RC_NOMEM. dsse_release frees it. */
MUST rc dsse_parse(struct view bytes, struct dsse *ret, struct fault *f);
void dsse_release(struct dsse *d);
AUTO_DEFINE(dsse, struct dsse, dsse_release)

/* Appends the bytes that are signed. */
void dsse_put_pae(const char *type, struct view payload, struct buf *out);

/* Verifies sig over the PAE: Ed25519 64 bytes; ECDSA P-256 over SHA-256, DER; RSA PKCS#1 v1.5 over
 * SHA-256. RC_BADSIG; RC_UNSUPPORTED security keys, which cannot sign such bytes; RC_CRYPTO,
 * RC_NOMEM. */
MUST rc dsse_verify(const struct sshkey *key, const char *type, struct view payload,
		    struct view sig, struct fault *f);

/* Appends the DSSE form of an SSH signature over the PAE (string algorithm, string value), as an
 * ssh-agent gives it: RSA only of rsa-sha2-256. RC_UNSUPPORTED another algorithm; RC_SYNTAX,
 * RC_NONCANON, RC_TRUNCATED, RC_TRAILING, RC_RANGE its encoding. */
MUST rc dsse_put_ssh_signature(const struct sshkey *key, struct view ssh, struct buf *out,
			       struct fault *f);

/* Appends an envelope with one signature: compact, members in order of their names. */
void dsse_put(const char *type, struct view payload, const struct dsse_signature *s,
	      struct buf *out);

/* Once, before a sandbox is entered: the JSON library seeds its tables from files that are out of
 * reach then. */
void dsse_prepare(void);

#endif
