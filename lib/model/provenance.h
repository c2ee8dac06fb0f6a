/* provenance - SLSA v1 build provenance: which builder made these bytes from which source.
 *
 * The payload of a DSSE envelope (lib/crypt/dsse.h), written by foreign build services: an in-toto
 * statement, members in any order, others ignored, none twice. Read are:
 *   _type                          "https://in-toto.io/Statement/v1"
 *   predicateType                  "https://slsa.dev/provenance/v1"
 *   subject[].digest.sha256        each subject must have one; others beside it are ignored
 *   predicate.runDetails.builder.id
 *   predicate.runDetails.metadata.finishedOn     optional
 *   the source, the first there is of: predicate.buildDefinition.externalParameters.source (a text,
 *     or an object with "uri"), .externalParameters.workflow.repository, and
 *     .resolvedDependencies[0].uri, which SLSA gives to the thing that was built
 * Owns: strict reading of these, and writing for those who have no such build service. */
#ifndef GS_MODEL_PROVENANCE_H
#define GS_MODEL_PROVENANCE_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/evidence.h"

#define PROVENANCE_PAYLOAD_TYPE "application/vnd.in-toto+json"
#define PROVENANCE_TYPE "https://slsa.dev/provenance/v1"
#define PROVENANCE_BUILD_TYPE "urn:greatseal:attested-build:v1"
#define PROVENANCE_BYTES_MAX (128u << 10) /* DSSE_PAYLOAD_MAX */
#define PROVENANCE_SUBJECTS_MAX 1024u
#define PROVENANCE_DEPTH_MAX 64u /* objects and arrays inside each other */
#define PROVENANCE_URI_MAX 511

struct provenance {
	char builder[PROVENANCE_URI_MAX + 1];
	char source[PROVENANCE_URI_MAX + 1]; /* "" if it names none */
	unix_time finished;		     /* 0 if it names none */
	struct digest *subjects;
	size_t count;
};

/* RC_LIMIT over a maximum; RC_SYNTAX not JSON, a member missing, of another type or twice, a URI
 * that is not printable ASCII without spaces; RC_MISMATCH another _type or predicateType;
 * RC_UNSUPPORTED a subject without a SHA-256 digest; RC_RANGE no subject; RC_NOMEM. */
MUST rc provenance_parse(struct view payload, struct provenance *ret, struct fault *f);
void provenance_release(struct provenance *p);
AUTO_DEFINE(provenance, struct provenance, provenance_release)

/* Appends a statement of ours in that form; what parse would refuse is refused. finished as above.
 */
struct provenance_made {
	const char *builder;
	const char *source;
	unix_time finished;
	const struct evidence_subject *subjects;
	size_t count;
};
MUST rc provenance_encode(const struct provenance_made *p, struct buf *out, struct fault *f);

#endif
