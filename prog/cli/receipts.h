/* receipts - the receipts that this user keeps, and holding the server to them.
 *
 * $XDG_STATE_HOME/greatseal/receipts (~/.local/state/..), one file for each act or change, named by
 * the digest of its statement. It is there, without a proof, before the act is sent: what was sent
 * is known even if no answer comes. Owns: that directory, `greatseal receipts`. */
#ifndef GS_CLI_RECEIPTS_H
#define GS_CLI_RECEIPTS_H

#include "prog/cli/cli.h"
#include "prog/cli/receipt.h"

/* Makes the receipt of what is about to be sent, and keeps it. *ret is the caller's. */
MUST rc receipts_begin(struct cli *c, enum statement_kind kind, struct view statement,
		       struct view signature, struct receipt *ret);
/* Writes it, durably. A failure is said on stderr and is none of the act's: a "no" must not wait
 * for room on a disk. */
void receipts_keep(const struct cli *c, const struct receipt *r);
/* Whether an answer to receipts_send says so. */
bool receipts_is_refusal(rc e);
/* The keeper has refused it: there will be no receipt. One that has its proof stays. */
void receipts_drop(const struct receipt *r);

/* Sends the act, or sends it again: the same bytes are the same act. *ret is the answer, exact, the
 * caller's. */
MUST rc receipts_send(struct cli *c, const struct receipt *r, json_t **ret);

/* The change misses signatures: there is nothing in the log yet, and no receipt in the answer.
 * False if the receipt knows better. */
bool receipts_is_pending(const struct receipt *r, const json_t *answer);
/* Checks what the server answered to the act ("receipt" of it), keeps it, and holds the log that
 * the server shows against it. RC_MISMATCH: there is none, it is of something else, or the log is
 * another one. */
MUST rc receipts_take(struct cli *c, const json_t *answer, struct receipt *r);

rc cmd_receipts(struct cli *c, const struct args *a);

#endif
