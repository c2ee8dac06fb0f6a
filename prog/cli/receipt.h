/* receipt - the log's answer to an act or change of one's own: the statement as it was sent, and
 * the entry that records it with its proof under a signed checkpoint. With it a server that hides
 * or loses it can be convicted later, by anybody who has the log's key.
 *
 * One JSON object:
 * {"kind","origin","proof"?,"schema","sent":T,"signature":BASE64,"statement":BASE64}. The proof is
 * a tlog-proof file whose "extra" line is the entry; without it the act was sent and no answer has
 * come, or the change misses signatures. Owns: form and check. Must not own: where receipts are
 * kept (receipts.h). */
#ifndef GS_CLI_RECEIPT_H
#define GS_CLI_RECEIPT_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/model/act.h"
#include "lib/tlog/checkpoint.h"

#define RECEIPT_SCHEMA "greatseal-receipt-1"
#define RECEIPT_BYTES_MAX (2u << 20) /* a document in base64, and its proof */
#define RECEIPT_CLOCK 600	     /* seconds that the keeper's clock and ours may differ */

struct receipt {
	enum statement_kind
		kind; /* STATEMENT_APPROVAL .. STATEMENT_CANCELLATION, REVIEW; a change */
	struct buf statement;
	struct buf signature; /* raw SSHSIG, or a job's token */
	struct buf proof;     /* empty: no answer yet */
	struct act act;	      /* of a review: request, person and origin; of a change: origin */
	struct digest digest; /* of the statement */
	unix_time sent;
	/* set by receipt_check */
	struct buf entry;
	uint64_t leaf;
	unix_time time;	 /* of the entry */
	char action[32]; /* of a change's entry */
	struct checkpoint head;
};
void receipt_release(struct receipt *r);
AUTO_DEFINE(receipt, struct receipt, receipt_release)

/* Policy, roster, key, host, access, recovery or objection, which several sign. */
bool receipt_is_change(enum statement_kind kind);

/* Of what is about to be sent; copies. origin is the log's name, for statements that have none.
 * *ret is the caller's. As the statement's parser; RC_NOMEM. */
MUST rc receipt_make(enum statement_kind kind, const char *origin, struct view statement,
		     struct view signature, unix_time sent, struct receipt *ret, struct fault *f);
/* Takes the proof that the server gave, unchecked. RC_LIMIT, RC_NOMEM. */
MUST rc receipt_set_proof(struct receipt *r, struct view proof, struct fault *f);
/* The proof's entry is in the log of that key, and records exactly this statement and signature:
 * kind, request, digests, and a time that is not before it was sent nor after now, but for
 * RECEIPT_CLOCK. Of a change: kind, statement, not after now. RC_MISMATCH whatever is wrong. */
MUST rc receipt_check(struct receipt *r, const struct vkey *log, unix_time now, struct fault *f);

/* Appends the JSON. RC_NOMEM. */
MUST rc receipt_encode(const struct receipt *r, struct buf *out, struct fault *f);
/* Strict: unknown and missing members, another schema. *ret is the caller's. */
MUST rc receipt_parse(struct view text, struct receipt *ret, struct fault *f);

#endif
