/* act - what people say about a request: approval, denial, withdrawal, cancellation.
 *
 * approval:     {"_type":..,"predicate":{"approver":NAME,"checkpoint":{"root":HEX,"size":N},
 *                "comment":TEXT,"decision":"approve","evidence":[HEX...],"expires":T,"nonce":HEX32,
 *                "origin":TEXT,"rule":HEX},"predicateType":..,"subject":[{"digest":{"sha256":REQUEST},
 *                "name":"request"}]}
 * denial:       predicate {"comment","decision":"deny","nonce","origin","person"}
 * withdrawal:   predicate
 * {"approval":HEX,"comment","decision":"withdraw","nonce","origin","person"} cancellation:
 * predicate {"comment","decision":"cancel","nonce","origin","person"} evidence: digests of
 * inspection reports the approver looked at (0..16). Owns: parse and encode of the four. */
#ifndef GS_MODEL_ACT_H
#define GS_MODEL_ACT_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/model/request.h"
#include "lib/model/statement.h"

#define ACT_EVIDENCE_MAX 16
#define ACT_COMMENT_MAX 1000

struct act {
	enum statement_kind kind; /* STATEMENT_APPROVAL .. STATEMENT_CANCELLATION */
	struct digest request;
	struct name person;
	char origin[ORIGIN_MAX + 1];
	uint8_t nonce[REQUEST_NONCE];
	char comment[ACT_COMMENT_MAX + 1];
	/* approval only */
	struct digest rule; /* digest of the effective rule, policy_rule_digest() */
	unix_time expires;
	uint64_t seen_size; /* the checkpoint that the approver had verified; 0 and zeros: none */
	struct digest seen_root;
	struct digest evidence[ACT_EVIDENCE_MAX];
	size_t evidence_count;
	/* withdrawal only: digest of the approval statement */
	struct digest approval;
};

/* kind is what the message says it is; a statement of another kind is RC_MISMATCH. */
MUST rc act_parse(enum statement_kind kind, struct view bytes, struct act *ret, struct fault *f);
MUST rc act_encode(const struct act *a, struct buf *out, struct fault *f);

#endif
