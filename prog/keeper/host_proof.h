/* host_proof - whether a host said something, however the roster knows it: by its keys, by a key
 * that it enrolled with, or by its SPIFFE ID.
 *
 * Owns: the three ways. Must not own: how an enrolled host stands (hosts.c), what it said. */
#ifndef GS_KEEPER_HOST_PROOF_H
#define GS_KEEPER_HOST_PROOF_H

#include "prog/keeper/keeper.h"

struct host_said {
	const struct principal *host;
	enum statement_kind kind; /* its namespace */
	struct hashed *statement;
	struct view proof;  /* SSHSIG, or with an SVID (lib/crypt/spiffe.h) */
	enum reason reason; /* for a proof that is none */
};
/* *ret: the fingerprint of the key, or, of a host with a SPIFFE ID, whose key changes every hour,
 * the host's digest. RC_DENIED reason, host.expired, and as host_standing; storage errors. */
MUST rc host_proof_verify(struct keeper *k, const struct host_said *s, struct digest *ret,
			  struct refusal *why);

/* Whether a proof that was good when it came still is: the roster's key is still the host's, its
 * ID is the same and the roots of the domain still vouch for it. Of an enrolled host this says
 * nothing: dossier_host() looks at its row. host: NULL, it left. */
bool host_proof_stays(const struct keeper *k, const struct principal *host, struct view proof);

/* Whether the signer that host_proof_verify gave is still the host's. Storage errors. */
MUST rc host_signer_stays(const struct keeper *k, const struct principal *host,
			  const struct digest *signer, bool *ret);

#endif
