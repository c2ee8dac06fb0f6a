/* sshsigner - how a person or host signs statements with an SSH key: agent, key file or ssh-keygen.
 *
 * The way is chosen once, at open: an unencrypted Ed25519 or P-256 file signs in-process; a key the
 * agent holds is signed for there; everything else (passphrase, RSA file, security key) goes
 * through `ssh-keygen -Y sign`, which talks to the user itself. Whatever made it, a signature is
 * verified with sshsig_verify before it is returned. Owns: the choice, the child process. Must not
 * own: the environment (parameters), what is signed. */
#ifndef GS_NET_SSHSIGNER_H
#define GS_NET_SSHSIGNER_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/sshkey.h"

struct sshsigner_spec {
	/* A private key file, or a public key file (".pub", or a line of sshkey.h) whose private
	 * half is in the agent or beside it without ".pub". NULL: the agent's only usable key. */
	const char *key_path;
	const char *agent_socket; /* value of SSH_AUTH_SOCK, or NULL */
	const char *ssh_keygen;	  /* NULL: /usr/bin/ssh-keygen */
	char *const
		*environment; /* for ssh-keygen: SSH_ASKPASS, SSH_SK_PROVIDER, ...; NULL: empty */
};

enum sshsigner_way { SSHSIGNER_FILE = 1, SSHSIGNER_AGENT, SSHSIGNER_KEYGEN };

struct sshsigner;

/* RC_NOTFOUND: no such file, no agent, or the agent has no such key; RC_STATE: no key named and the
 * agent holds several usable ones; RC_DENIED: a private key file of the caller's that others can
 * read; else as sshkey_parse_line, sshpriv_parse, sshagent_list. */
MUST rc sshsigner_open(const struct sshsigner_spec *spec, struct sshsigner **ret, struct fault *f);
void sshsigner_free(struct sshsigner *s);
static inline void sshsigner_autorelease(struct sshsigner **s)
{
	sshsigner_free(*s);
}

/* Borrowed. */
const struct sshkey *sshsigner_key(const struct sshsigner *s);
enum sshsigner_way sshsigner_way(const struct sshsigner *s);

/* Appends a raw SSHSIG blob over message in namespace ns (sshsig_armor makes it readable).
 * RC_DENIED: agent, device or user refused; RC_BADSIG: what came back is not a signature by this
 * key over this message; RC_PEER, RC_IO, RC_LIMIT, RC_RANGE (namespace). One thread at a time,
 * except SSHSIGNER_FILE. */
MUST rc sshsigner_sign(struct sshsigner *s, const char *ns, struct view message, struct buf *out,
		       struct fault *f);

/* Appends a DSSE signature (lib/crypt/dsse.h) over payload of this type. RC_UNSUPPORTED: a security
 * key, or a key that only ssh-keygen can use, which makes SSHSIG alone: an agent can. Else as
 * sshsigner_sign. */
MUST rc sshsigner_sign_dsse(struct sshsigner *s, const char *type, struct view payload,
			    struct buf *out, struct fault *f);

#endif
