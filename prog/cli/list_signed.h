/* list_signed - all that was signed with a key through Great Seal, on its way into a list.
 *
 * The server says which requests there are; what counts is each one's proof, verified here with the
 * log's key, and a file that has the digest in it. A server can leave something out, and add
 * nothing. */
#ifndef GS_CLI_LIST_SIGNED_H
#define GS_CLI_LIST_SIGNED_H

#include "prog/cli/list_gather.h"

/* Adds the files of every request for the key that is done, as gather_path does; paths are shown as
 * ID/NAME. RC_MISMATCH if a file or proof is not what the request says. */
MUST rc gather_signed(struct gather *g, const char *key);

#endif
