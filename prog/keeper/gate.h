/* gate - the table of messages that the keeper answers: everything else is refused.
 *
 * Owns: which type goes to which handler, when it is permitted, how a refusal is answered and
 * logged. Must not own: sockets (loop.c), decisions (the handlers). */
#ifndef GS_KEEPER_GATE_H
#define GS_KEEPER_GATE_H

#include "prog/keeper/keeper.h"

/* Handles one whole message inside the open round: appends the answer to out, or registers a
 * waiter, or sets round.failed. False: the peer broke the protocol; close it once the answer is
 * sent. */
bool gate_handle(struct keeper *k, const struct reply_to *to, const struct keeper_header *h,
		 struct view body, struct buf *out);

/* Whether a message of this type may come by this door; gate_handle refuses the others, too. For
 * whoever would else keep room for their bodies. */
bool gate_admits(enum keeper_door door, enum keeper_type type);

/* What every message that writes needs: a clock that is not behind the log, the last round out, and
 * no document that is due and could not be written. RC_DENIED. */
MUST rc gate_writable(struct keeper *k, struct refusal *why);

/* Handlers. RC_OK: answered. RC_DENIED, RC_WAIT: call->why says it. RC_PEER: malformed body.
 * Anything else: the journal failed. */
MUST rc handle_hello(struct call *c);
MUST rc handle_submit(struct call *c);
MUST rc handle_act(struct call *c);
MUST rc handle_commit(struct call *c);
MUST rc handle_show(struct call *c);
MUST rc handle_result(struct call *c);
MUST rc handle_change(struct call *c);
MUST rc handle_keys(struct call *c);
MUST rc handle_csr(struct call *c);
MUST rc handle_document(struct call *c);
MUST rc handle_statement(struct call *c);
MUST rc handle_explain(struct call *c);
MUST rc handle_certs(struct call *c);
MUST rc handle_log_proof(struct call *c);
MUST rc handle_evidence(struct call *c);
MUST rc handle_counted(struct call *c);
MUST rc handle_enrol(struct call *c);
MUST rc handle_renew(struct call *c);
MUST rc handle_hosts(struct call *c);
MUST rc handle_jwks(struct call *c);
MUST rc handle_pending(struct call *c);
MUST rc handle_grants(struct call *c);
MUST rc handle_reviews(struct call *c);
MUST rc handle_challenge(struct call *c);
MUST rc handle_caller(struct call *c);

/* The decision on the dossier is taken: answers with the result of a use if one is wanted and there
 * is (or will be) one, else with the status. A use that is spent is not spent again by a message
 * that is repeated. leaf: that this message added, or UINT64_MAX. */
MUST rc conclude(struct call *c, bool sign, uint64_t leaf);
/* Body decoding that failed. */
rc malformed(struct call *c, rc r);

#endif
