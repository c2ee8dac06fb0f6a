/* acts - approvals, denials, withdrawals, cancellations, reviews and further uses: carried to the
 * keeper. */
#include <string.h>

#include "lib/base/secret.h"
#include "lib/model/act.h"
#include "lib/model/review.h"
#include "prog/server/pipeline.h"
#include "prog/server/routes.h"

_Static_assert(REVIEW_BYTES_MAX <= ACT_BYTES_MAX, "a review fits where acts do");

static rc act_kind(struct call_ctx *c, const json_t *body, enum statement_kind *ret)
{
	const char *name = json_string_value(json_object_get(body, "kind"));

	for (int k = STATEMENT_APPROVAL; name != NULL && k <= STATEMENT_CANCELLATION; k++) {
		if (strcmp(statement_info((enum statement_kind)k)->name, name) == 0) {
			*ret = (enum statement_kind)k;
			return OK;
		}
	}
	if (name != NULL && strcmp(name, statement_info(STATEMENT_REVIEW)->name) == 0) {
		*ret = STATEMENT_REVIEW;
		return OK;
	}
	return call_refuse(c, REASON_CALL_FORM,
			   "kind must be approval, denial, withdrawal, cancellation or review");
}

/* Which request the statement is about. */
static rc subject_of(enum statement_kind kind, struct view statement, struct digest *ret,
		     struct fault *f)
{
	struct review review;
	struct act act;

	if (kind == STATEMENT_REVIEW) {
		TRY(review_parse(statement, &review, f));
		*ret = review.request;
		return OK;
	}
	TRY(act_parse(kind, statement, &act, f));
	*ret = act.request;
	return OK;
}

/* Where the act stands in the log: from the status' "leaf", or, when the signature followed at
 * once, from the approvals of the status. */
static rc leaf_of(struct call_ctx *c, const struct digest *request, const struct digest *statement,
		  const struct keeper_reply *reply, uint64_t *ret)
{
	AUTO(json) json_t *status = NULL;
	struct keeper_status s;
	char hex[DIGEST_HEX];
	const json_t *row;
	uint64_t version;
	size_t i;

	if (reply->type == KEEPER_R_STATUS &&
	    rc_is_ok(keeper_get_status(buf_view(&reply->body), &s)) && s.leaf != UINT64_MAX) {
		*ret = s.leaf;
		return OK;
	}
	digest_hex(statement, hex);
	TRY(status_fetch(c, request, &status, &version));
	json_array_foreach(json_object_get(status, "approvals"), i, row)
	{
		const char *named = json_string_value(json_object_get(row, "statement"));

		if (named != NULL && strcmp(named, hex) == 0) {
			*ret = (uint64_t)json_integer_value(json_object_get(row, "leaf"));
			return OK;
		}
	}
	return call_refuse(c, REASON_KEEPER_INTERNAL, "the keeper's status lacks the act");
}

rc receipt_of(struct call_ctx *c, uint64_t leaf, json_t **ret)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);

	buf_init(&frame, 128);
	keeper_put_proof_request(&frame, id, leaf, 0);
	TRY(call_keeper(c, id, &frame, KEEPER_R_PROOF, KEEPER_R_PROOF, &reply));
	*ret = json_pack("{s:I,s:s%}", "leaf", (json_int_t)leaf, "proof",
			 (const char *)reply.body.ptr, reply.body.len);
	return *ret != NULL ? OK : RC(RC_NOMEM);
}

rc post_act(struct call_ctx *c)
{
	AUTO(json) json_t *body = NULL;
	AUTO(buf) struct buf statement = {0};
	AUTO(secret_buf) struct buf sig = {0}; /* of a job it is a token */
	AUTO(secret_buf) struct buf frame = {0};
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	enum statement_kind kind = STATEMENT_APPROVAL;
	json_t *receipt = NULL;
	uint64_t leaf = 0;
	struct keeper_act m;
	struct digest request;
	struct digest digest;
	struct digest subject;
	struct fault f = {0};

	buf_init(&statement, ACT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&frame, ACT_BYTES_MAX + KEEPER_SIG_MAX + 256);
	TRY(call_digest(c, 2, &request));
	TRY(call_body(c, &body));
	TRY(act_kind(c, body, &kind));
	TRY(call_bytes(c, body, "statement", &statement));
	TRY(call_secret(c, body, "signature", &sig));
	if (!rc_is_ok(subject_of(kind, buf_view(&statement), &subject, &f)))
		return call_refuse(c, REASON_FORM_STATEMENT, "%s", f.text);
	if (!digest_is_equal(&subject, &request))
		return call_refuse(c, REASON_CALL_FORM, "the statement is about another request");
	TRY(request_known(c, &request));
	m = (struct keeper_act){.kind = kind,
				.statement = buf_view(&statement),
				.sig = buf_view(&sig),
				.sign = json_is_true(json_object_get(body, "sign"))};
	keeper_put_act(&frame, id, &m);
	TRY(call_keeper(c, id, &frame, KEEPER_R_STATUS, KEEPER_R_RESULT, &reply));
	digest = digest_of(buf_view(&statement));
	TRY(leaf_of(c, &request, &digest, &reply, &leaf));
	TRY(receipt_of(c, leaf, &receipt));
	return answer_reply(c, &request, &reply, receipt);
}

rc post_sign(struct call_ctx *c)
{
	AUTO(json) json_t *body = NULL;
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	struct keeper_commit m;
	json_int_t use;

	buf_init(&frame, 128);
	TRY(call_digest(c, 2, &m.request));
	TRY(call_body(c, &body));
	use = json_integer_value(json_object_get(body, "use"));
	if (use < 1 || use > (json_int_t)REQUEST_USES_MAX)
		return call_refuse(c, REASON_CALL_FORM, "use must be a number from 1");
	TRY(request_known(c, &m.request));
	m.use = (uint32_t)use;
	keeper_put_commit(&frame, id, KEEPER_COMMIT, &m);
	TRY(call_keeper(c, id, &frame, KEEPER_R_STATUS, KEEPER_R_RESULT, &reply));
	return answer_reply(c, &m.request, &reply, NULL);
}
