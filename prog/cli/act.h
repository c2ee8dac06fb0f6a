/* act - the commands approve, deny, withdraw and cancel. */
#ifndef GS_CLI_ACT_H
#define GS_CLI_ACT_H

#include "lib/model/statement.h"
#include "prog/cli/cli.h"

struct wish;

/* Asks on the terminal; --yes answers beforehand. */
MUST rc act_confirm(struct cli *c, const struct args *a, const struct wish *w, const char *verb);
/* Signs the statement, sends it, checks and keeps the receipt, and says so: done is the word. */
MUST rc act_finish(struct cli *c, enum statement_kind kind, struct view statement,
		   const char *done);

rc cmd_approve(struct cli *c, const struct args *a);
rc cmd_deny(struct cli *c, const struct args *a);
rc cmd_withdraw(struct cli *c, const struct args *a);
rc cmd_cancel(struct cli *c, const struct args *a);

#endif
