#include "prog/server/change_tests.h"

#include "lib/base/fd.h"
#include "lib/model/change.h"
#include "lib/policy/cases.h"
#include "prog/server/auth.h"
#include "prog/server/routes.h"

static rc zone_read(void *ctx, const char *name, struct buf *out, struct fault *f)
{
	AUTO(fd) int fd = -1;

	(void)ctx;
	TRY(dir_open(SERVER_ZONES, &fd, f));
	return file_read_at(fd, name, out, f);
}

static const struct zone_source zones = {.read = zone_read};

rc policy_in_force(struct call_ctx *c, struct policy **ret)
{
	AUTO(keeper_reply) struct keeper_reply reply = {0};
	AUTO(buf) struct buf frame = {0};
	uint64_t id = keeper_client_id(c->server->keeper);
	struct document_change change;
	struct keeper_document doc;

	buf_init(&frame, 128);
	keeper_put_document_request(&frame, id, STATEMENT_POLICY);
	TRY(call_keeper(c, id, &frame, KEEPER_R_DOCUMENT, KEEPER_R_DOCUMENT, &reply));
	if (!rc_is_ok(keeper_get_document(buf_view(&reply.body), &doc)) ||
	    !rc_is_ok(document_change_parse(STATEMENT_POLICY, doc.statement, &change, NULL)) ||
	    !rc_is_ok(policy_parse(change.document, ret, NULL)))
		return call_refuse(c, REASON_KEEPER_INTERNAL,
				   "the keeper's document cannot be read");
	return OK;
}

/* Refuses with the first that fails. */
static rc run(struct call_ctx *c, const struct cases *cases, const struct case_world *w)
{
	for (size_t i = 0; i < cases->count; i++) {
		struct case_result result;

		if (!rc_is_ok(case_run(&cases->list[i], w, &result)))
			return call_refuse(c, REASON_CHANGE_TESTS, "test %zu: too many approvals",
					   i + 1);
		if (!result.passed)
			return call_refuse(c, REASON_CHANGE_TESTS, "test %zu of %zu: %s: %s", i + 1,
					   cases->count, cases->list[i].name, result.text);
	}
	return OK;
}

static rc run_with_policy(struct call_ctx *c, const struct document_change *doc,
			  const struct cases *cases)
{
	AUTO(policy) struct policy *policy = NULL;
	struct roster_ref *roster;
	rc r;

	if (!rc_is_ok(policy_parse(doc->document, &policy, NULL)))
		return OK;
	TRY(roster_take(c, &roster));
	r = run(c, cases, &(struct case_world){policy, roster->roster, &zones});
	roster_drop(c->server, roster);
	return r;
}

static rc run_with_roster(struct call_ctx *c, const struct document_change *doc,
			  const struct cases *cases)
{
	AUTO(policy) struct policy *policy = NULL;
	AUTO(roster) struct roster *roster = NULL;

	if (!rc_is_ok(roster_parse(doc->document, &roster, NULL)))
		return OK;
	TRY(policy_in_force(c, &policy));
	return run(c, cases, &(struct case_world){policy, roster, &zones});
}

rc change_tests(struct call_ctx *c, enum statement_kind kind, struct view statement)
{
	AUTO(cases) struct cases cases = {.count = 0};
	struct document_change doc = {.kind = kind};
	struct fault f = {0};

	if (kind != STATEMENT_POLICY && kind != STATEMENT_ROSTER && kind != STATEMENT_RECOVERY)
		return OK;
	if (!rc_is_ok(document_change_parse(kind, statement, &doc, NULL)) || doc.tests.len == 0)
		return OK;
	if (!rc_is_ok(cases_parse(doc.tests, &cases, &f)))
		return call_refuse(c, REASON_CHANGE_TESTS, "the tests cannot be read: %s", f.text);
	return kind == STATEMENT_POLICY ? run_with_policy(c, &doc, &cases)
					: run_with_roster(c, &doc, &cases);
}
