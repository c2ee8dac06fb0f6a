/* spiffe - hosts known by an X.509-SVID of a trust domain (SPIFFE X.509-SVID specification).
 *
 * A host proof is an SSHSIG by the SVID's key together with the certificates that say whose key it
 * is, so that whoever has the roots can check it, at any time after. It stands where the SSHSIG of
 * a host with a key of its own stands:
 *   "GSSVID1" LF, string SSHSIG, then 1 to SVID_CHAIN_MAX strings of DER, the SVID first.
 * Owns: that form, and the judgement. Must not own: which ID and roots (the roster). */
#ifndef GS_CRYPT_SPIFFE_H
#define GS_CRYPT_SPIFFE_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/sshkey.h"
#include "lib/crypt/sshsig.h"

#define SPIFFE_ID_MAX 255u /* of a roster; the specification permits 2048 */
#define SPIFFE_ROOTS_MAX 8u
#define SVID_CHAIN_MAX 4u    /* the SVID and its intermediates, without the root */
#define SVID_PROOF_MAX 8192u /* all of it */

struct svid_proof {
	struct view sig; /* SSHSIG blob */
	struct view chain[SVID_CHAIN_MAX];
	size_t count;
};

/* Whether it begins as one; a bare SSHSIG does not. */
bool svid_is_proof(struct view bytes);
/* Takes one apart; views into bytes. Neither signature nor certificates are looked at. RC_SYNTAX,
 * RC_LIMIT, RC_TRUNCATED. */
MUST rc svid_proof_parse(struct view bytes, struct svid_proof *ret, struct fault *f);
/* Appends one. RC_LIMIT: over SVID_PROOF_MAX, no certificate or too many. */
MUST rc svid_proof_encode(const struct svid_proof *p, struct buf *out, struct fault *f);

/* spiffe://DOMAIN/PATH: lower-case domain of a-z, 0-9, ".-_"; segments of letters, digits and
 * ".-_", none of them empty, "." or ".." (SPIFFE-ID 2). Nothing is decoded or normalised. */
bool spiffe_id_is_good(struct view id);

/* Whom the roster expects, and whom it trusts to say so. */
struct svid_trust {
	struct view id;		  /* exact */
	const struct view *roots; /* DER */
	size_t root_count;
	unix_time when;
};
/* Whether chain[0] is an SVID of exactly this ID: one URI among its names, byte for byte the ID;
 * no CA; keyUsage has digitalSignature and neither keyCertSign nor cRLSign; no intermediate names
 * another trust domain; a path to one of the roots, name constraints included, at `when`. *ret: its
 * key, the caller's. RC_EXPIRED: outside the time of one of the certificates; RC_MISMATCH: another
 * ID; RC_DENIED: the rest; RC_UNSUPPORTED a key that is not P-256, RSA >= 3072 or Ed25519; as
 * x509_parse; RC_NOMEM, RC_CRYPTO. */
MUST rc svid_verify(const struct view *chain, size_t count, const struct svid_trust *t,
		    struct sshkey **ret, struct fault *f);
/* The ID in a certificate, as it stands there. RC_DENIED: not exactly one URI. */
MUST rc svid_id(struct view der, struct view *ret, struct fault *f);

#endif
