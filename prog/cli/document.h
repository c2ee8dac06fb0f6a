/* document - policy and roster: show, propose, sign, pending; and changes of keys, which are signed
 * in the same way. */
#ifndef GS_CLI_DOCUMENT_H
#define GS_CLI_DOCUMENT_H

#include "lib/model/statement.h"
#include "prog/cli/cli.h"
#include "prog/cli/receipt.h"

rc cmd_policy_show(struct cli *c, const struct args *a);
rc cmd_policy_propose(struct cli *c, const struct args *a);
rc cmd_roster_show(struct cli *c, const struct args *a);
rc cmd_roster_propose(struct cli *c, const struct args *a);
/* Signs a pending change of any kind. */
rc cmd_change_sign(struct cli *c, const struct args *a);
rc cmd_change_list(struct cli *c, const struct args *a);
rc cmd_change_object(struct cli *c, const struct args *a);

/* A change from the server, by the first digits of its id, which is then computed here: a server
 * that sends another one is found out (RC_MISMATCH). */
MUST rc change_fetch(struct cli *c, const char *typed, enum statement_kind *ret_kind,
		     struct buf *statement, char hex[DIGEST_HEX]);
/* What is to be signed, so that a person can read it; a report for --json if it is a policy or
 * roster. Nothing is signed that the keeper would not read. */
MUST rc change_print(struct cli *c, enum statement_kind kind, struct view statement,
		     json_t **ret_report);
/* What is accepted and not in force yet, as GET /v1/changes has it under "waiting"; of a recovery
 * with "signed_by":[FINGERPRINT..]. */
MUST rc change_waiting(struct cli *c, json_t **ret);
/* Says so, a recovery in red; that it cannot be known on standard error. */
void change_warn(struct cli *c, FILE *out);
/* Sets answer["waiting"]; null: it cannot be known. */
void change_warn_json(struct cli *c, json_t *answer);

/* Signs the statement as the configured person and sends it; *ret is the server's answer. */
MUST rc change_offer(struct cli *c, enum statement_kind kind, struct view statement, json_t **ret);
/* What came of sending it: the receipt of a change that is accepted or done is verified and kept,
 * that of a refused one dropped; RC_MISMATCH as receipts_take. Then the answer's strings are made
 * fit for a terminal, unless --json. */
MUST rc change_check(struct cli *c, struct receipt *r, rc sent, json_t *answer);
/* Prints where it stands; a change that waits for others makes the exit status say so. */
MUST rc change_say(struct cli *c, const json_t *answer);
/* Both. */
MUST rc change_send(struct cli *c, enum statement_kind kind, struct view statement);

#endif
