/* svidsigner - signs as a host with an X.509-SVID: svid.pem and svid_key.pem of a directory that
 * spiffe-helper or a SPIRE agent keeps fresh.
 *
 * Both are read afresh each time. Owns: reading them, the proof. Must not own: who is
 * trusted, what is signed. */
#ifndef GS_NET_SVIDSIGNER_H
#define GS_NET_SVIDSIGNER_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/view.h"

/* Appends a host proof (lib/crypt/spiffe.h) over message in namespace ns. svid.pem: the SVID, then
 * its intermediates; svid_key.pem: PKCS#8, unencrypted, readable by its owner alone (RC_DENIED).
 * RC_MISMATCH: the two do not belong together, also after reading them again, as while they are
 * being replaced; RC_NOTFOUND, RC_LIMIT, RC_UNSUPPORTED; as x509_chain_read, pkey_soft_import. */
MUST rc svid_sign(const char *dir, const char *ns, struct view message, struct buf *out,
		  struct fault *f);

/* For TLS: appends the certificates (PEM) and gives their key (PKCS#8, DER; the caller's), as they
 * belong together. *ret_end: of the SVID. Where svid_bundle.pem is there too, it must lead to one
 * of its roots at `now`. RC_DENIED, RC_EXPIRED: it does not; else as svid_sign. */
MUST rc svid_read(const char *dir, unix_time now, struct buf *chain_pem, struct secret *ret_key,
		  unix_time *ret_end, struct fault *f);

#endif
