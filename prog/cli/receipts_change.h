/* receipts_change - holding the server to a change that the log has recorded.
 *
 * Owns: whether what the server shows of a change agrees with its entry and those after it. */
#ifndef GS_CLI_RECEIPTS_CHANGE_H
#define GS_CLI_RECEIPTS_CHANGE_H

#include "prog/cli/cli.h"
#include "prog/cli/receipt.h"

/* What is wrong with what the server shows of it, NULL if nothing: it lists the change, with this
 * statement and not as pending; a policy or roster is in force, or waits, or a later entry says why
 * not; what was objected to does not wait. receipt_check has been called. */
MUST rc receipts_change_flaw(struct cli *c, const struct receipt *r, const char **ret);

#endif
