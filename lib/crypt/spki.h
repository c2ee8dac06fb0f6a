/* spki - keys that both certificates and SSH have, from the one form to the other.
 *
 * Owns: SubjectPublicKeyInfo of P-256, Ed25519 and RSA as a key of SSH, and back.
 * Must not own: whether such a key may be used, and for what. */
#ifndef GS_CRYPT_SPKI_H
#define GS_CRYPT_SPKI_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/sshkey.h"

/* The key of a SubjectPublicKeyInfo, DER, as SSH has it; the caller frees *ret. RC_UNSUPPORTED:
 * another kind, or written in another way; as sshkey_parse_blob. */
MUST rc spki_to_ssh(struct view spki, struct sshkey **ret, struct fault *f);
/* Appends the SubjectPublicKeyInfo of an SSH key. RC_UNSUPPORTED: a key in a person's device, which
 * no certificate has; what out has, RC_LIMIT: over PKEY_SPKI_MAX. */
MUST rc spki_from_ssh(const struct sshkey *k, struct buf *out);

#endif
