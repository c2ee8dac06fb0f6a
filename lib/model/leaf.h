/* leaf - what the Merkle log records: canonical JSON, digests and references, no names or comments.
 *
 * Every leaf has kind and time. Fields by kind (all digests HEX, T as in clock.h):
 *  request   {"count":N,"items":ROOT,"key":FINGERPRINT,"kind","request":ID,"time"}
 *  approval | denial | withdrawal | cancel
 * {"kind","request":ID,"signature":HEX,"statement":HEX,"time"} authorize
 * {"approvals":[HEX..],"count":N,"items":ROOT,"key":FINGERPRINT,"kind","policy":HEX,
 *             "request":ID,"roster":HEX,"rule":HEX,"time","use":N}
 *            with "evidence":ROOT if some counted, "break_glass":true if its rule passed a closed
 *            window or a freeze, "grant":HEX if one was needed, "token":HEX if the requester showed
 *            one
 *  evidence
 * {"count":N,"evidence":TEXT,"kind","signature":HEX,"statement":HEX,"subjects":ROOT,"time"}
 *            evidence: "scan", "rebuild", "provenance"; subjects: leaf i is artifact digest i
 *  preapproval
 * {"items":SET,"key":FINGERPRINT,"kind","signature":HEX,"statement":HEX,"time","uses":N} its
 * withdrawal is a withdrawal whose request is the preapproval's statement issue
 * {"authorize":INDEX,"count":N,"key":FINGERPRINT,"kind","request":ID,"signatures":ROOT,
 *             "time","use":N}
 *  admin     {"action":TEXT,"kind","object":HEX,"signatures":[HEX..],"statement":HEX,"time"}
 *            of host.enrol the signatures are the host's, the token's, and SHA-256 of the TPM's
 *            attestation, if there is one
 *  review    {"authorize":INDEX,"complete":true?,"kind","request":ID,"signature":HEX,
 *             "statement":HEX,"time","use":N,"verdict":TEXT}
 *            of a use that broke the glass; complete: no other review of it is owed any more
 *  log       {"event":TEXT,"kind","note":HEX?,"time"}     start, recovery, clock, refused; no note:
 * zeros. ROOT of evidence: RFC 9162 tree over the digests of the statements that counted,
 * ascending, each once. ROOT of items: RFC 9162 tree whose leaf i is the 32-byte artifact digest
 * followed by the content digest bytes. ROOT of signatures: leaf i is that same string followed by
 * SHA-256 of the signature value. A file of a batch proves its place with an inner inclusion proof.
 * Owns: encode and parse of every kind, from one table. */
#ifndef GS_MODEL_LEAF_H
#define GS_MODEL_LEAF_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"

#define LEAF_APPROVALS_MAX 64u
#define LEAF_BYTES_MAX 16384u

enum leaf_kind {
	LEAF_REQUEST,
	LEAF_APPROVAL,
	LEAF_DENIAL,
	LEAF_WITHDRAWAL,
	LEAF_CANCEL,
	LEAF_AUTHORIZE,
	LEAF_ISSUE,
	LEAF_ADMIN,
	LEAF_LOG,
	LEAF_EVIDENCE,
	LEAF_PREAPPROVAL,
	LEAF_REVIEW,
	LEAF__COUNT
};

struct leaf {
	enum leaf_kind kind;
	unix_time time;
	struct digest request;
	struct digest statement;  /* acts, admin: SHA-256 of the statement's bytes */
	struct digest signature;  /* acts: SHA-256 of the raw SSHSIG */
	struct digest key;	  /* request, authorize, issue: key fingerprint */
	struct digest items;	  /* request, authorize; preapproval: digest of the set */
	struct digest subjects;	  /* evidence: root */
	struct digest evidence;	  /* authorize: root; zeros: none counted */
	struct digest grant;	  /* authorize: statement that let the requester in; or zeros */
	struct digest token;	  /* authorize: SHA-256 of the record (token.h); zeros: none */
	struct digest signatures; /* issue: root */
	struct digest policy;
	struct digest roster;
	struct digest rule;
	struct digest object; /* admin: document digest or key fingerprint; log: note */
	bool break_glass;     /* authorize */
	bool complete;	      /* review */
	uint64_t authorize;   /* issue, review: index of the authorize leaf */
	uint64_t count;
	uint64_t use;
	uint64_t uses;	 /* preapproval */
	char action[32]; /* admin: "policy", "roster", "key.create".. ; log: event; evidence: kind;
			    review: verdict */
	struct digest approvals[LEAF_APPROVALS_MAX]; /* authorize: statements; admin: signatures */
	size_t approval_count;
};

/* Appends the leaf; fields that the kind does not have are not looked at. RC_RANGE time, number or
 * kind; RC_SYNTAX action is not [a-z0-9][a-z0-9.-]*; RC_LIMIT list too long or out full; RC_NOMEM.
 */
MUST rc leaf_encode(const struct leaf *l, struct buf *out, struct fault *f);
/* Fields that the kind does not have are zero. RC_UNKNOWN kind, RC_LIMIT over LEAF_BYTES_MAX or
 * list too long, RC_DUPLICATE entry of a list, RC_RANGE count or use 0, and as jcan.h. What is
 * accepted encodes to the same bytes. */
MUST rc leaf_parse(struct view bytes, struct leaf *ret, struct fault *f);
/* "request"; "?" if there is no such kind. */
const char *leaf_kind_name(enum leaf_kind k);

#endif
