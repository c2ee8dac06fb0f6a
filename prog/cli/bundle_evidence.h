/* bundle_evidence - what machines said of the files of a bundle, verified again.
 *
 * Owns: that the statements are exactly those that the authorize entry counts, that their makers
 * signed them with keys of the roster, and the facts that a decision needs. */
#ifndef GS_CLI_BUNDLE_EVIDENCE_H
#define GS_CLI_BUNDLE_EVIDENCE_H

#include "lib/policy/evaluate.h"
#include "prog/cli/bundle.h"

struct bundle_said;

struct bundle_evidence {
	struct evidence_fact *facts; /* sorted by sha256; views into said */
	size_t count;
	size_t cap;
	struct bundle_said *said; /* one for each statement */
	bool unrooted; /* the key of some maker is not in the roster but came by enrolment */
};
void bundle_evidence_release(struct bundle_evidence *e);
AUTO_DEFINE(bundle_evidence, struct bundle_evidence, bundle_evidence_release)

/* root: of the authorize entry. RC_MISMATCH: other statements than were counted; RC_BADSIG,
 * RC_NOTFOUND: not signed by a machine of the roster; RC_NOMEM; and what their parsers give. */
MUST rc bundle_evidence_read(const struct bundle *b, const struct roster *r,
			     const struct request *q, const struct digest *root,
			     struct bundle_evidence *ret, struct fault *f);

#endif
