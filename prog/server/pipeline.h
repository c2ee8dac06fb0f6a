/* pipeline - the one way of a request through the server: bytes, request, caller, files, keeper,
 * store, answer. Each stage takes the struct of the one before and fills its own, so that calling
 * one early does not compile.
 *
 * None of this is trusted by the keeper: it sees the raw statement and verifies all of it again. */
#ifndef GS_SERVER_PIPELINE_H
#define GS_SERVER_PIPELINE_H

#include "lib/codec/jcan.h"
#include "lib/crypt/x509.h"
#include "prog/server/server.h"

/* stage1: the statement is canonical and within limits. */
struct stage1_request {
	struct buf statement;
	struct buf requester_sig;
	struct buf host_sig;
	struct request request;
	struct digest id;
	bool sign;
	unix_time created; /* 0: now; of one that comes back: when the keeper had it */
};
void stage1_release(struct stage1_request *s);
AUTO_DEFINE(stage1, struct stage1_request, stage1_release)
MUST rc stage1_read(struct call_ctx *c, struct stage1_request *ret);

/* stage2: the caller is the requester. */
struct stage2_authenticated {
	const struct stage1_request *in;
};
MUST rc stage2_authenticate(struct call_ctx *c, const struct stage1_request *in,
			    struct stage2_authenticated *ret);

/* stage3: every file is here, has the size, digests and content digest of the request, and has been
 * inspected; without upload there is nothing to look at. */
struct stage3_inspected {
	const struct stage2_authenticated *in;
	struct store_note *notes; /* one for each file; NULL without upload */
};
void stage3_release(struct stage3_inspected *s);
AUTO_DEFINE(stage3, struct stage3_inspected, stage3_release)
MUST rc stage3_inspect(struct call_ctx *c, const struct stage2_authenticated *in,
		       struct stage3_inspected *ret);

/* stage4: the keeper has it, has decided, and signed if that was allowed. */
struct stage4_kept {
	const struct stage3_inspected *in;
	struct keeper_reply reply;
};
void submit_frame(const struct stage1_request *s, uint64_t id, enum keeper_type type,
		  struct buf *frame);
MUST rc stage4_keep(struct call_ctx *c, const struct stage3_inspected *in, struct stage4_kept *ret);

/* stage5: the store can find it. */
struct stage5_projected {
	const struct stage4_kept *in;
	struct buf status; /* of a request that was new and is done; else empty and asked for */
};
void stage5_release(struct stage5_projected *s);
AUTO_DEFINE(stage5, struct stage5_projected, stage5_release)
MUST rc stage5_project(struct call_ctx *c, const struct stage4_kept *in,
		       struct stage5_projected *ret);

/* stage6: the answer. */
MUST rc stage6_release(struct call_ctx *c, const struct stage5_projected *in);

/* ---- shared with acts and results ---- */

/* Into the store, if it is new there. done (may be empty) is its status, if that is known. */
struct projection {
	struct store_notes notes;
	struct view done;
	struct view record; /* what the keeper keeps of a token instead of a signature; or empty */
	struct view claims; /* what an agent said of the process behind it; or empty */
	bool is_new;	    /* set by the call */
};
MUST rc project_request(struct call_ctx *c, const struct stage1_request *s, struct projection *p,
			struct fault *f);
/* The request as the store has it: statement, signatures, id, parsed. RC_NOTFOUND. */
MUST rc request_stored(struct call_ctx *c, const struct digest *id, struct stage1_request *ret);
/* Whether the store has it. */
bool request_is_stored(struct call_ctx *c, const struct digest *id);
/* What the keeper keeps as the requester's signature, appended to out. Refuses like call_keeper. */
MUST rc request_record(struct call_ctx *c, const struct digest *id, struct buf *out);
/* Makes sure the store has a request that the keeper knows (recover.c), without reports. Refuses
 * with state.unknown. */
MUST rc request_known(struct call_ctx *c, const struct digest *id);
/* One that the store does not have, with its status as it is now; created: 0, or since when the log
 * has it. Refuses with state.unknown. */
MUST rc request_restore(struct call_ctx *c, const struct digest *id, unix_time created);
/* Whether a file of the request is here whose report the store does not have. */
bool reports_are_missing(struct call_ctx *c, const struct digest *id);
/* Makes those; runs the worker. Best effort: without a report there is none to show. */
void reports_restore(struct call_ctx *c, const struct digest *id);
/* Makes the request's files the last signed ones of their products, but for those named in seen (a
 * set of names), and adds the names to it. *ret_slow: the worker was run. */
MUST rc products_restore(struct call_ctx *c, const struct digest *id, json_t *seen, bool *ret_slow);

/* Answers {"status","result"?} for an R_STATUS or R_RESULT, and brings the store up to date. extra
 * (may be NULL, taken) is added as "receipt". */
MUST rc answer_reply(struct call_ctx *c, const struct digest *request,
		     const struct keeper_reply *reply, json_t *extra);
/* The status as the keeper sees it now, also into the store; *ret is its JSON. */
MUST rc status_fetch(struct call_ctx *c, const struct digest *request, json_t **ret,
		     uint64_t *ret_version);
/* {"receipt"?,"result"?,"status"}: canonical JSON for two of them, R_RESULT or not for the third.
 */
struct answer_parts {
	struct view receipt; /* empty: none */
	const struct keeper_reply *reply;
	struct view status;
};
MUST rc answer_parts(struct call_ctx *c, const struct answer_parts *p);
/* RESULT of docs/api.md. */
MUST rc result_put(struct call_ctx *c, const struct keeper_result *r, struct jcan_out *w);
/* What a use has signed: views into *reply, which is the caller's. Refuses like call_keeper, and
 * with the request's reason if it is not signed, or held. */
MUST rc result_fetch(struct call_ctx *c, const struct digest *request, uint32_t use,
		     struct keeper_reply *reply, struct keeper_result *ret);
/* Answers with an uploaded file. Refuses with call.not-found. */
MUST rc artifact_answer(struct call_ctx *c, const struct digest *sha256);
/* Certificates of the key that signed, concatenated, leaf first; nothing if it had none. */
#define RESULT_CHAIN_MAX ((size_t)X509_CHAIN_MAX * X509_DER_MAX)
MUST rc result_chain(struct call_ctx *c, const struct keeper_result *r, struct buf *der);
/* Inspects an artifact; the digest of its report, and (may be NULL) the SHA-512 of the file as the
 * worker read it. Refuses with artifact.digest if that was another file than `artifact` names. */
MUST rc report_make(struct call_ctx *c, const struct digest *artifact, const char *name,
		    struct hash *ret_sha512, struct digest *ret);
/* Fills in what was signed before for the item's product, if it is another file, and the comparison
 * with it, which may fail (too large, a report that is gone): that refuses no request. */
void report_compare(struct call_ctx *c, const struct request_item *item, struct store_note *note);
/* Runs a job of the worker over an artifact; *ret_json is the caller's. */
struct worker_call {
	const char *const *args;
	size_t arg_count;
	const int *fds; /* given as 3, 4, 5 */
	size_t fd_count;
};
MUST rc worker_call(struct call_ctx *c, const struct worker_call *w, json_t **ret_json);

#endif
