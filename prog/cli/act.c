/* act - what a person says about a request, signed with their own key and acknowledged by the log.
 *
 * Owns: showing before signing, and the statement. The receipt is checked in receipts.c. */
#include "prog/cli/act.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/crypt/jwt.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/act.h"
#include "lib/model/statement.h"
#include "prog/cli/answer.h"
#include "prog/cli/api.h"
#include "prog/cli/evidence.h"
#include "prog/cli/inspect.h"
#include "prog/cli/job.h"
#include "prog/cli/logview.h"
#include "prog/cli/receipts.h"
#include "prog/cli/shown.h"
#include "prog/cli/wish.h"

#define APPROVAL_SECONDS (72 * 3600)
#define PROOF_MAX JWT_BYTES_MAX
_Static_assert(PROOF_MAX >= SSHSIG_BLOB_MAX, "holds a signature, or a token");

static rc fill_common(struct cli *c, const struct args *a, enum statement_kind kind,
		      const struct wish *w, struct act *act)
{
	const char *comment = args_value(a, "message");

	*act = (struct act){.kind = kind, .request = w->digest, .person = c->config.person};
	memcpy(act->origin, w->request.origin, sizeof(act->origin));
	if (comment != NULL && strlen(comment) > ACT_COMMENT_MAX)
		return cli_problem(c, RC_USAGE, "", "the message is longer than %d bytes",
				   ACT_COMMENT_MAX);
	(void)snprintf(act->comment, sizeof(act->comment), "%s", comment == NULL ? "" : comment);
	if (strcmp(w->request.origin, c->config.origin) != 0)
		return cli_problem(c, RC_MISMATCH, "",
				   "the request is for log %s, this client for %s",
				   w->request.origin, c->config.origin);
	if (!rc_is_ok(rng_fill(&rng_system, act->nonce, sizeof(act->nonce))))
		return cli_problem(c, RC_IO, "", "the system gives no random numbers");
	return OK;
}

/* The inspection reports that belong to the request; the first ones if there are very many. */
static void fill_evidence(const struct wish *w, struct act *act)
{
	for (size_t i = 0; i < w->request.count && act->evidence_count < ACT_EVIDENCE_MAX; i++)
		if (rc_is_ok(wish_report(w, i, "report", &act->evidence[act->evidence_count])))
			act->evidence_count++;
}

static rc fill_approval(struct cli *c, const struct wish *w, struct act *act)
{
	struct checkpoint seen;
	unix_time expires = clock_now(&clock_system) + APPROVAL_SECONDS;

	if (!rc_is_ok(digest_parse(view_str(json_text(wish_status(w), "rule_digest")), &act->rule)))
		return cli_problem(c, RC_DENIED, "greatseal explain",
				   "no rule permits this request, so there is nothing to approve");
	act->expires = expires < w->request.deadline ? expires : w->request.deadline;
	TRY(logview_follow(c, &seen, NULL));
	act->seen_size = seen.head.size;
	act->seen_root = seen.head.root;
	fill_evidence(w, act);
	return OK;
}

rc act_confirm(struct cli *c, const struct args *a, const struct wish *w, const char *verb)
{
	char line[64];

	if (args_has(a, "yes"))
		return OK;
	if (!isatty(STDIN_FILENO))
		return cli_problem(c, RC_USAGE, "look first, then add --yes",
				   "%s needs a person at a terminal, or --yes", verb);
	(void)fprintf(stderr, "To %s, type the first four digits of the compare code: ", verb);
	if (fgets(line, sizeof(line), stdin) == NULL || strncmp(line, w->id, 4) != 0 ||
	    line[4] != '\n')
		return cli_problem(c, RC_DENIED, "", "not confirmed; nothing was signed");
	return OK;
}

/* A job has no key, and may cancel by a token for that cancellation. */
static rc prove(struct cli *c, enum statement_kind kind, struct view statement, struct secret *mem,
		struct buf *out)
{
	struct digest digest = digest_of(statement);
	struct sshsigner *key;
	struct fault f = {0};

	CLI_TRY(c, &f, secret_new(mem, PROOF_MAX));
	buf_init_fixed(out, mem->ptr, mem->len);
	if (kind == STATEMENT_CANCELLATION && job_asks(c))
		return job_request_token(c, &digest, out);
	TRY(cli_person_key(c, &key));
	return cli_sign(c, key, statement_info(kind)->ns, statement, out);
}

/* Signed, noted as sent, sent; and answered with a receipt, or loudly not. */
static rc send_act(struct cli *c, enum statement_kind kind, struct view statement,
		   struct receipt *r, json_t **ret)
{
	AUTO(secret) struct secret mem = {0};
	struct buf sig;
	rc e;

	TRY(prove(c, kind, statement, &mem, &sig));
	TRY(receipts_begin(c, kind, statement, buf_view(&sig), r));
	e = receipts_send(c, r, ret);
	if (receipts_is_refusal(e))
		receipts_drop(r);
	TRY(e);
	return receipts_take(c, *ret, r);
}

rc act_finish(struct cli *c, enum statement_kind kind, struct view statement, const char *done)
{
	AUTO(receipt) struct receipt r = {0};
	AUTO(json) json_t *answer = NULL;

	TRY(send_act(c, kind, statement, &r, &answer));
	if (cli_print_json(c, answer))
		return OK;
	if (!rc_is_ok(shown_json(answer)))
		return cli_problem(c, RC_PEER, "", "the server's answer cannot be shown");
	(void)printf("%s%s%s; recorded in the log at %" PRIu64 "\n", cli_bold(c), done,
		     cli_plain(c), r.leaf);
	answer_print_status(c, json_object_get(answer, "status"));
	return OK;
}

static rc finish(struct cli *c, const struct act *act, const char *done)
{
	AUTO(buf) struct buf statement = {0};
	struct fault f = {0};

	buf_init(&statement, ACT_BYTES_MAX);
	CLI_TRY(c, &f, act_encode(act, &statement, &f));
	return act_finish(c, act->kind, buf_view(&statement), done);
}

rc cmd_approve(struct cli *c, const struct args *a)
{
	AUTO(wish) struct wish w = {0};
	struct act act;

	TRY(wish_fetch(c, a->words[0], &w));
	TRY(fill_common(c, a, STATEMENT_APPROVAL, &w, &act));
	if (!c->json)
		wish_print(c, &w, args_has(a, "all"));
	if (!c->json)
		TRY(evidence_print_request(c, &w,
					   args_has(a, "all") ? w.request.count : EVIDENCE_SHOWN));
	if (args_has(a, "inspect"))
		TRY(inspect_request_locally(c, &w));
	TRY(fill_approval(c, &w, &act));
	TRY(act_confirm(c, a, &w, "approve"));
	return finish(c, &act, "approved");
}

rc cmd_deny(struct cli *c, const struct args *a)
{
	AUTO(wish) struct wish w = {0};
	struct act act;

	TRY(wish_fetch(c, a->words[0], &w));
	TRY(fill_common(c, a, STATEMENT_DENIAL, &w, &act));
	if (!c->json)
		wish_print(c, &w, false);
	TRY(act_confirm(c, a, &w, "deny"));
	return finish(c, &act, "denied");
}

/* The caller's own newest approval of the request. */
static rc own_approval(struct cli *c, const struct wish *w, struct digest *ret)
{
	const json_t *row;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(wish_status(w), "approvals"), i,
			   row) if (strcmp(json_text(row, "person"), c->config.person.s) == 0 &&
				    rc_is_ok(digest_parse(view_str(json_text(row, "statement")),
							  ret))) found = true;
	return found ? OK
		     : cli_problem(c, RC_NOTFOUND, "", "there is no approval by %s to withdraw",
				   c->config.person.s);
}

rc cmd_withdraw(struct cli *c, const struct args *a)
{
	AUTO(wish) struct wish w = {0};
	struct act act;

	TRY(wish_fetch(c, a->words[0], &w));
	TRY(fill_common(c, a, STATEMENT_WITHDRAWAL, &w, &act));
	TRY(own_approval(c, &w, &act.approval));
	return finish(c, &act, "withdrawn");
}

rc cmd_cancel(struct cli *c, const struct args *a)
{
	AUTO(wish) struct wish w = {0};
	struct act act;

	TRY(wish_fetch(c, a->words[0], &w));
	TRY(fill_common(c, a, STATEMENT_CANCELLATION, &w, &act));
	return finish(c, &act, "cancelled");
}
