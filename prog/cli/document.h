/* document - policy and roster: show, propose, sign, pending; and changes of keys, which are signed
 * in the same way. */
#ifndef GS_CLI_DOCUMENT_H
#define GS_CLI_DOCUMENT_H

#include "lib/model/statement.h"
#include "prog/cli/cli.h"

rc cmd_policy_show(struct cli *c, const struct args *a);
rc cmd_policy_propose(struct cli *c, const struct args *a);
rc cmd_roster_show(struct cli *c, const struct args *a);
rc cmd_roster_propose(struct cli *c, const struct args *a);
/* Signs a pending change of any kind. */
rc cmd_change_sign(struct cli *c, const struct args *a);
rc cmd_change_list(struct cli *c, const struct args *a);

/* Signs the statement as the configured person and sends it; *ret is the server's answer. */
MUST rc change_offer(struct cli *c, enum statement_kind kind, struct view statement, json_t **ret);
/* Prints where it stands; a change that waits for others makes the exit status say so. */
MUST rc change_say(struct cli *c, const json_t *answer);
/* Both. */
MUST rc change_send(struct cli *c, enum statement_kind kind, struct view statement);

#endif
