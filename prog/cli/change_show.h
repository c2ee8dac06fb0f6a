/* change_show - what a proposed policy or roster would change, before anybody signs it.
 *
 * Everything is computed here: from the document inside the statement that is to be signed, and
 * from the one in force, whose digest that statement names. The server's word is taken for three
 * things alone, and they are called so: the other document in force, which requests are open, and
 * what was asked for before. */
#ifndef GS_CLI_CHANGE_SHOW_H
#define GS_CLI_CHANGE_SHOW_H

#include "lib/model/change.h"
#include "prog/cli/cli.h"

/* Prints what changes, or makes *ret_report for --json. RC_STATE: it is based on another document
 * than the one in force, or tests that travel with it fail (after printing); RC_PEER. */
MUST rc change_show(struct cli *c, enum statement_kind kind, struct view statement,
		    json_t **ret_report);
/* `policy show-change` */
rc cmd_change_show(struct cli *c, const struct args *a);

#endif
