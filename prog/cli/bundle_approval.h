/* bundle_approval - one approval that an authorize entry counts, checked without a server.
 *
 * Owns: that the entry counts it, that a key of the roster made the signature, and, with the log's
 * entry of it, when the keeper took it. Must not own: whether the approvals are enough. */
#ifndef GS_CLI_BUNDLE_APPROVAL_H
#define GS_CLI_BUNDLE_APPROVAL_H

#include "lib/crypt/sshsig.h"
#include "lib/policy/evaluate.h"
#include "prog/cli/bundle.h"

/* What was checked before, and the approval. */
struct bundle_approval {
	const struct signed_bytes *said;
	const struct vkey *log;
	const struct leaf *authorize;
	uint64_t authorize_index;
	const struct roster *roster;
	const struct request *request;
	struct digest request_id;
};

/* dated: said has the log's entry of it, so ret->given is the log's time; else it is that of the
 * authorisation. RC_MISMATCH, RC_NOTFOUND, RC_BADSIG, RC_NOMEM and what parsers give: it proves
 * nothing. */
MUST rc bundle_approval_prove(const struct bundle_approval *a, struct approval_fact *ret,
			      bool *ret_dated, struct fault *f);

/* sig is by one of who's keys, of whatever form and channel. ret may be NULL. RC_BADSIG. */
MUST rc bundle_verify_by(const struct principal *who, const char *ns, struct view message,
			 struct view sig, struct sshsig_info *ret, struct fault *f);

#endif
