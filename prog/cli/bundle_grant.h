/* bundle_grant - the grant by which a request was let in, checked offline.
 *
 * Owns: what a bundle proves about a grant: that the log recorded it before the request was
 * authorised, with these signatures, and that by the policy and roster of that moment it held. That
 * it was not revoked in between is the keeper's word; the log's admin entries show it. */
#ifndef GS_CLI_BUNDLE_GRANT_H
#define GS_CLI_BUNDLE_GRANT_H

#include "lib/policy/grant.h"
#include "prog/cli/bundle.h"

/* What was checked before. */
struct bundle_grant {
	const struct bundle *bundle;
	const struct vkey *log;
	const struct leaf *authorize; /* names the grant */
	uint64_t authorize_index;
	const struct policy *policy;
	const struct roster *roster;
	const struct request *request;
};

/* RC_MISMATCH, RC_BADSIG and what parsers give: it proves nothing. */
MUST rc bundle_grant_prove(const struct bundle_grant *g, struct grant_fact *ret, struct fault *f);

#endif
