/* sshagent - a small ssh-agent client (draft-miller-ssh-agent): list keys, sign.
 *
 * Owns: the two messages and the connection. Replies have a fixed maximum and are parsed whole.
 * Must not own: where the socket is (the program reads SSH_AUTH_SOCK), what is signed. */
#ifndef GS_NET_SSHAGENT_H
#define GS_NET_SSHAGENT_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/sshkey.h"

#define SSHAGENT_REPLY_MAX 262144
#define SSHAGENT_KEYS_MAX 256
#define SSHAGENT_COMMENT_MAX 1024

/* Connects to a unix socket; *ret_fd is CLOEXEC and the caller's. RC_NOTFOUND, RC_IO, RC_RANGE. */
MUST rc sshagent_connect(const char *path, int *ret_fd, struct fault *f);

/* Sees each key the agent holds, in its order: the raw blob (may be of a type that sshkey.h
 * refuses) and the comment, both borrowed. Returning an error ends the listing with it. */
struct sshagent_visitor {
	rc (*key)(void *ctx, struct view blob, struct view comment);
	void *ctx;
};
/* RC_PEER: broken reply; RC_LIMIT: too large or too many keys; RC_IO; what the visitor returns. */
MUST rc sshagent_list(int fd, const struct sshagent_visitor *visitor, struct fault *f);
/* Reads a whole identities answer (without its length); for sshagent_list and its fuzz target. */
MUST rc sshagent_parse_list(struct view reply, const struct sshagent_visitor *visitor,
			    struct fault *f);

/* Asks for a signature over tbs (rsa-sha2-512 for RSA keys) and appends the SSH signature.
 * RC_DENIED: the agent refuses; RC_PEER, RC_LIMIT, RC_IO. */
MUST rc sshagent_sign(int fd, const struct sshkey *key, struct view tbs, struct buf *out,
		      struct fault *f);
/* The same with rsa-sha2-256 for RSA keys, which other formats than SSHSIG want. */
MUST rc sshagent_sign_sha256(int fd, const struct sshkey *key, struct view tbs, struct buf *out,
			     struct fault *f);
MUST rc sshagent_parse_sign(struct view reply, struct view *ret_signature, struct fault *f);

#endif
