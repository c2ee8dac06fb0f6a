/* statement - the kinds of signed statements: predicate type, SSHSIG namespace, size limit.
 *
 * Owns: the table of kinds. Each kind's fields live in a file of its own (request.h, act.h,
 * change.h, call.h). The bytes that were signed are kept and never re-encoded. */
#ifndef GS_MODEL_STATEMENT_H
#define GS_MODEL_STATEMENT_H

#include <stddef.h>

#include "lib/base/fault.h"
#include "lib/crypt/digest.h"

enum statement_kind {
	STATEMENT_REQUEST, /* signed by the requester */
	STATEMENT_HOST,	   /* the same bytes as the request, signed by the host key */
	STATEMENT_APPROVAL,
	STATEMENT_DENIAL,
	STATEMENT_WITHDRAWAL,
	STATEMENT_CANCELLATION,
	STATEMENT_POLICY,
	STATEMENT_ROSTER,
	STATEMENT_KEYADMIN,
	STATEMENT_CALL, /* one HTTP call to the server; never reaches the keeper */
	/* what machines say of artifacts, signed by a host, service or builder */
	STATEMENT_SCAN,
	STATEMENT_REBUILD,
	STATEMENT_PROVENANCE, /* a DSSE envelope around SLSA provenance, not an SSHSIG */
	STATEMENT_PREAPPROVAL,
	STATEMENT_HOSTADMIN, /* hosts whose key comes by enrolment: invite, lock, unlock, forget */
	STATEMENT_ENROLMENT, /* a host's own key: enrolment and renewal, signed by that key */
	STATEMENT_ACCESS,    /* grants of a role for a while, and their end (access.h) */
	STATEMENT_RECOVERY,  /* the next roster, signed by recovery keys of the policy */
	STATEMENT_OBJECTION, /* to a policy or roster that is accepted and not in force yet */
	STATEMENT_REVIEW,    /* of a use that broke the glass, by one person (review.h) */
	STATEMENT__COUNT
};

#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define REQUEST_BYTES_MAX (8u << 20)
#define DOCUMENT_BYTES_MAX (1u << 20) /* policy and roster statements */
/* Worst cases: a comment of ACT_COMMENT_MAX bytes that are all escaped as \u00XX, every list full.
 */
#define ACT_BYTES_MAX 12288u
#define KEYADMIN_BYTES_MAX (160u << 10)
#define CALL_BYTES_MAX 16384u
#define HOSTADMIN_BYTES_MAX 12288u
#define ENROLMENT_BYTES_MAX 2048u
#define REVIEW_BYTES_MAX 12288u
#define OBJECTION_BYTES_MAX 12288u
#define ACCESS_BYTES_MAX 12288u
#define EVIDENCE_BYTES_MAX (512u << 10)	   /* 256 names, all escaped as \u00XX */
#define PREAPPROVAL_BYTES_MAX (512u << 10) /* 128 items with 2 KiB of parameters each */

struct statement_info {
	const char *name;	    /* "request" */
	const char *ns;		    /* SSHSIG namespace "request.v1@greatseal" */
	const char *predicate_type; /* "urn:greatseal:request:v1" */
	size_t max_bytes;
};

/* Never NULL; kind must be one of the enum's. Lives for ever. */
const struct statement_info *statement_info(enum statement_kind kind);
/* By info name ("approval"). RC_UNKNOWN. */
MUST rc statement_kind_parse(struct view name, enum statement_kind *ret);

#endif
