/* host_token - what invites a host: a secret that is never sent.
 *
 * The token is the seed of an Ed25519 key. The invitation holds the digest of its public half, and
 * the enrolment statement, which names the host's own new key, carries a signature by it. Whoever
 * sees the enrolment pass, the server above all, learns nothing that could enrol another key.
 * Text form: NAME "-" and 43 characters of base64url. */
#ifndef GS_MODEL_HOST_TOKEN_H
#define GS_MODEL_HOST_TOKEN_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"

#define HOST_TOKEN_SEED 32u
#define HOST_TOKEN_CODE 43u /* characters of base64url */
#define HOST_TOKEN_TEXT_MAX (NAME_MAX_LEN + 1u + HOST_TOKEN_CODE)

/* HOST_TOKEN_SEED random bytes; the caller releases. RC_CRYPTO, RC_NOMEM. */
MUST rc host_token_make(struct secret *ret);
/* RC_SYNTAX, RC_NONCANON, RC_LIMIT; RC_NOMEM. No white space; faults do not quote the text. */
MUST rc host_token_parse(struct view text, struct name *ret_host, struct secret *ret_seed,
			 struct fault *f);
/* The text with a NUL, in memory that is wiped. */
MUST rc host_token_format(const struct name *host, const struct secret *seed, struct secret *ret);
/* What the invitation holds: SHA-256 of the public key blob (ssh-ed25519). RC_CRYPTO, RC_NOMEM. */
MUST rc host_token_digest(const struct secret *seed, struct digest *ret, struct fault *f);
/* Appends the raw SSHSIG over an enrolment statement, in its namespace. RC_CRYPTO, RC_NOMEM,
 * RC_LIMIT. */
MUST rc host_token_sign(const struct secret *seed, struct view statement, struct buf *out,
			struct fault *f);
/* RC_BADSIG and as sshsig_verify and sshkey_parse_blob: sig is not by the token with this digest.
 */
MUST rc host_token_verify(const struct digest *token, struct view statement, struct view sig,
			  struct fault *f);

#endif
