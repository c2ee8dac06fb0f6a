/* evidence - the commands attest and evidence: what machines say of files, and who vouches for
 * them.
 *
 * Owns: making and sending the statements, and the words in which they and their contradictions are
 * shown. */
#ifndef GS_CLI_EVIDENCE_H
#define GS_CLI_EVIDENCE_H

#include "prog/cli/cli.h"
#include "prog/cli/wish.h"

rc cmd_attest_scan(struct cli *c, const struct args *a);
rc cmd_attest_rebuild(struct cli *c, const struct args *a);
rc cmd_attest_provenance(struct cli *c, const struct args *a);
rc cmd_evidence_list(struct cli *c, const struct args *a);

/* The digest of what the builder made under the name of file i, if that is another file.
 * RC_NOTFOUND. */
MUST rc evidence_rebuilt_by(struct cli *c, const struct wish *w, size_t i, const char *builder,
			    struct digest *ret);

#define EVIDENCE_SHOWN 10u /* files, without --all */
/* For the approver: who vouches for each of the request's files (the first `shown`), and loudly
 * which builders made something else. Nothing if nobody has said anything. */
MUST rc evidence_print_request(struct cli *c, const struct wish *w, size_t shown);

#endif
