/* outputs - the names of the files that fetching a request writes.
 *
 * Beside each file or its signature lies its proof, and each is written under another name first.
 * Owns: these names, and that no two of a request's are one. Must not own: writing (fetch.c). */
#ifndef GS_CLI_OUTPUTS_H
#define GS_CLI_OUTPUTS_H

#include "lib/model/request.h"
#include "prog/cli/cli.h"

#define OUTPUT_SIGNATURE ".p7s"
#define OUTPUT_PROOF ".greatseal"
#define OUTPUT_PART ".part" /* of a file with its signature in it, until it is whole */

/* Before anything is signed or written. RC_DUPLICATE: two would be one file; RC_LIMIT: a file
 * system takes no name that long; both said in full. RC_NOMEM. */
MUST rc outputs_check(struct cli *c, const struct request *r);

#endif
