/* proof - whether a list or a package record is signed by a key that signs such, and recorded in
 * the log: from the file FILE.greatseal (docs/bundle.md) that came with it, with nothing asked of
 * anybody.
 *
 * Owns: the members of a proof that the guard needs, and the checks over them. Approvers, policy
 * and roster are not looked at: that they were in order is what the keeper says by signing and
 * logging. Must not own: what a list says (lib/model/list.h). Runs in a process of its own
 * (load.c). */
#ifndef GS_GUARD_PROOF_H
#define GS_GUARD_PROOF_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/tlog/note.h"

#define PROOF_BYTES_MAX ((size_t)16 << 20)

struct proof_wish {
	const struct vkey *log;
	const struct digest *keys; /* that may have signed: fingerprints, as of pkey_fingerprint */
	size_t key_count;
	const char *format; /* of the request's item */
	struct view file;
};

/* RC_SYNTAX, RC_LIMIT, RC_TRUNCATED and their kind: not a proof; RC_UNSUPPORTED: of a large batch,
 * or of another format; RC_MISMATCH: of another file, key, log or act; RC_BADSIG; RC_UNKNOWN: the
 * log's key did not sign; RC_NOMEM. */
MUST rc proof_check(struct view proof, const struct proof_wish *wish, struct fault *f);

#endif
