/* recover - the next roster, signed by the recovery keys of the policy in force, when the people of
 * the old roster cannot sign. No call of it is signed by a person. */
#ifndef GS_CLI_RECOVER_H
#define GS_CLI_RECOVER_H

#include "prog/cli/cli.h"

rc cmd_roster_recover(struct cli *c, const struct args *a);

#endif
