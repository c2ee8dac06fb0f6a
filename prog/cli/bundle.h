/* bundle - "FILE.greatseal": everything that proves one signature, so that it can be checked
 * offline.
 *
 * One JSON object (docs/bundle.md): the request and its two signatures, the approvals and theirs,
 * the policy and roster that were in force, the certificates, the signature value with its place in
 * the batch, what machines said of the files if that counted, and the log entries "authorize" and
 * "issue" with their inclusion proofs. Owns: the
 * form, and the checks over it (bundle_prove). Needs no server. */
#ifndef GS_CLI_BUNDLE_H
#define GS_CLI_BUNDLE_H

#include <jansson.h>

#include "lib/crypt/x509.h"
#include "lib/model/leaf.h"
#include "lib/model/request.h"
#include "lib/tlog/note.h"
#include "lib/tlog/tree.h"

#define BUNDLE_SCHEMA "greatseal-bundle-1"
#define BUNDLE_BYTES_MAX ((size_t)64 << 20)
#define BUNDLE_APPROVALS_MAX 64
#define BUNDLE_EVIDENCE_MAX 8192u /* statements; where more counted, a bundle has none */

struct signed_bytes {
	struct buf bytes;
	struct buf sig;
	/* of an approval: the log's entry of it, and its proof; both empty: not there */
	struct buf entry;
	struct buf proof;
};

/* Room for a statement of so many bytes and what goes with it. release: may be called twice. */
void signed_bytes_init(struct signed_bytes *s, size_t max);
void signed_bytes_release(struct signed_bytes *s);
AUTO_DEFINE(signed_bytes, struct signed_bytes, signed_bytes_release)

struct bundle {
	struct signed_bytes request;
	struct buf host_sig;
	/* Of a host that has enrolled: the statement that bound its key, and its entry. */
	struct signed_bytes enrolment;
	struct buf enrolment_entry;
	struct buf enrolment_proof;
	/* Of a request that a grant of access let in: the statement, the raw signatures under it as
	 * u32-length strings, and its entry. */
	struct buf grant;
	struct buf grant_sigs;
	struct buf grant_entry;
	struct buf grant_proof;
	struct signed_bytes approvals[BUNDLE_APPROVALS_MAX];
	size_t approval_count;
	struct signed_bytes *evidence; /* that counted; an envelope of provenance has no sig */
	size_t evidence_count;
	struct buf policy; /* document, canonical; empty if the bundle has none, which proves
			      nothing */
	struct buf roster;
	struct x509_chain certs;
	struct buf signature; /* the value, as the key made it */
	uint64_t item;	      /* index in the request */
	uint32_t use;
	unix_time signed_at;
	struct tree_proof inner; /* of the item's signature under the issue leaf's root */
	struct buf issue_entry;
	struct buf issue_proof;
	struct buf authorize_entry;
	struct buf authorize_proof;
};

void bundle_init(struct bundle *b);
void bundle_release(struct bundle *b);
/* Makes room for so many statements, all empty, in a bundle that has none. RC_LIMIT, RC_NOMEM. */
MUST rc bundle_evidence_new(struct bundle *b, size_t count);
AUTO_DEFINE(bundle, struct bundle, bundle_release)

/* *ret is the caller's JSON object. RC_NOMEM. */
MUST rc bundle_encode(const struct bundle *b, json_t **ret, struct fault *f);
/* b is initialised and empty. Strict: unknown and missing members, bad base64, limits. */
MUST rc bundle_parse(struct view text, struct bundle *b, struct fault *f);

/* ---- Large batches --------------------------------------------------------------------------
 *
 * What the proofs of one use have in common grows with the number of files; in every proof it would
 * grow with its square. Over BUNDLE_WHOLE_MAX files it is in one file beside them, the batch, and
 * each proof holds its own members and the batch's name and digest. */
#define BUNDLE_BATCH_SCHEMA "greatseal-batch-1"
#define BUNDLE_WHOLE_MAX 16u
#define BUNDLE_BATCH_NAME 64 /* [0-9a-f]{16}-USE.greatseal-batch */

struct bundle_batch {
	char name[BUNDLE_BATCH_NAME];
	struct digest sha256; /* of the batch file's bytes */
};

/* The common part; and a proof that names it. *ret is the caller's. RC_NOMEM. */
MUST rc bundle_encode_batch(const struct bundle *b, json_t **ret, struct fault *f);
MUST rc bundle_encode_part(const struct bundle *b, const struct bundle_batch *batch, json_t **ret,
			   struct fault *f);
/* Whether the proof names a batch, and which; the name is a plain one. Codes as bundle_parse. */
MUST rc bundle_find_batch(struct view text, struct bundle_batch *ret, bool *ret_found,
			  struct fault *f);
/* A proof and the batch that it names, together as bundle_parse reads a whole one. RC_MISMATCH: the
 * batch is another. */
MUST rc bundle_parse_part(struct view text, struct view batch, struct bundle *b, struct fault *f);

/* One thing that was checked, for a person to read. */
#define BUNDLE_CHECKS_MAX 16
struct bundle_check {
	const char *name; /* "log", "authorised", "requester", ... */
	bool ok;
	char text[FAULT_TEXT];
};
struct bundle_report {
	struct bundle_check checks[BUNDLE_CHECKS_MAX];
	size_t count;
	struct request request; /* borrows from the bundle */
	const struct request_item *item;
	/* the approvals that counted, if they are proven: who, and when if that is, too */
	struct bundle_approver {
		struct name person;
		bool early; /* before the request */
		bool dated;
		unix_time given;
		struct digest statement;
	} approvers[BUNDLE_APPROVALS_MAX];
	size_t approver_count;
};
void bundle_report_release(struct bundle_report *r);
AUTO_DEFINE(bundle_report, struct bundle_report, bundle_report_release)

/* Checks everything that does not need the file: both log entries under the log's key, their
 * references to each other and to the request, the item's signature under the issue entry, the
 * requester's, the host's and the approvers' signatures by keys of the roster, the roster and
 * policy under the authorize entry, and that the approvals fill the rule's quorum. RC_MISMATCH or
 * RC_BADSIG if a check failed (all are made and listed); RC_SYNTAX and its kind if the bundle
 * cannot be read. */
MUST rc bundle_prove(const struct bundle *b, const struct vkey *log, struct bundle_report *ret,
		     struct fault *f);

/* The same for another file of a batch whose bundle_prove was good: only b's item, signature and
 * inner proof differ. RC_MISMATCH. */
MUST rc bundle_prove_next(const struct bundle *b, struct bundle_report *report, struct fault *f);

/* The signature object ("cms": the .p7s) built from the bundle, to be compared with the file's. */
MUST rc bundle_object(const struct bundle *b, const struct request_item *item, struct buf *out,
		      struct fault *f);

#endif
