/* Rules that ask what machines say, and approvals that come before the request, against a real
 * keeper. */
#include "tests/flow/evil_evidence.h"

#include <stdio.h>

#include "lib/model/preapproval.h"
#include "lib/policy/policy.h"
#include "lib/proto/keeper.h"

static const char *const admins[] = {"erin", "frank", NULL};

#define RULE(name, rest)                                                                           \
	",{\"approve\":[\"" rest ",\"formats\":[\"cms\"],\"from\":[\"build1\"],\"keys\":[\"" name  \
	"\"],\"max_uses\":5,\"name\":\"" name "\""
#define END ",\"request\":[\"group:developers\"],\"upload\":\"optional\"}"
static const char rules[] = RULE(
	"guarded", "1 of security\"],\"artifact\":{\"max_size\":1000,\"names\":[\"*.bin\"],"
		   "\"products\":[\"prod*\"],\"provenance\":{\"builder\":[\"https://ci.*\"],"
		   "\"by\":[\"build1\"],\"source\":[\"git+https://git.test/*\"]},"
		   "\"scan\":{\"by\":[\"build1\",\"laptop\"],\"max_age\":600}}")
	END RULE("rebuilt",
		 "1 of security\"],\"artifact\":{\"rebuild\":{\"agree\":1,\"of\":[\"build1\"]}}")
		END RULE("early", "2 of security\"]") ",\"preapproved\":{\"max_age\":600}" END
						      ",{\"approval_lifetime\":100,\"approve\":["
						      "\"1 of security\"],\"formats\":[\"cms\"],"
						      "\"from\":[\"build1\"],\"keys\":[\"brief\"],"
						      "\"max_uses\":5,\"name\":\"brief\","
						      "\"preapproved\":{\"max_age\":600}" END;

/* Times two people these are all the preapprovals that a set of files may have. */
#define MANY_RULES 32
static struct buf in_force;

static void put_rules(struct buf *out)
{
	buf_put_str(out, rules);
	for (unsigned i = 0; i < MANY_RULES; i++)
		buf_printf(out,
			   ",{\"approve\":[\"3 of security\"],\"formats\":[\"cms\"],"
			   "\"from\":[\"build1\"],\"keys\":[\"many\"],\"name\":\"many%02u\","
			   "\"preapproved\":{\"max_age\":600}" END,
			   i);
	fx_ok(buf_done(out));
}

static int rules_teardown(void **state)
{
	buf_release(&in_force);
	return group_teardown(state);
}

static int rules_setup(void **state)
{
	AUTO(buf) struct buf extra;
	struct digest before;

	(void)group_setup(state);
	before = digest_of(buf_view(&fx.policy));
	buf_init(&extra, DOCUMENT_BYTES_MAX);
	buf_init(&in_force, DOCUMENT_BYTES_MAX);
	put_rules(&extra);
	fx_policy_doc(&fx, fx.policy_version + 1, buf_cstr(&extra), &in_force);
	fx_check(fx_change_document(&fx, STATEMENT_POLICY, buf_view(&in_force), &before, admins) ==
		 KEEPER_R_CHANGE);
	fx_make_key(&fx, "many", "ecdsa-p256");
	fx_make_key(&fx, "guarded", "ecdsa-p256");
	fx_make_key(&fx, "rebuilt", "ecdsa-p256");
	fx_make_key(&fx, "early", "ecdsa-p256");
	fx_make_key(&fx, "brief", "ecdsa-p256");
	return 0;
}

/* Another file each time. */
static void request_new(const char *key)
{
	fx_request_new(&fx, key, 1, &q);
	count++;
	memcpy(q.items[0].sha256.b, &count, sizeof(count));
	fx_request_encode(&q);
	scan_new();
	scan.subjects[0].sha256 = q.items[0].sha256;
	subject.sha256 = q.items[0].sha256;
}

static enum keeper_type provenance_send(void)
{
	AUTO(buf) struct buf payload;
	AUTO(buf) struct buf envelope;

	buf_init(&payload, DSSE_PAYLOAD_MAX);
	buf_init(&envelope, DSSE_BYTES_MAX);
	payload_new(&payload);
	envelope_new(PROVENANCE_PAYLOAD_TYPE, buf_view(&payload), &envelope);
	return envelope_send(buf_view(&envelope));
}

static void evidence_is_waited_for(void **state)
{
	(void)state;
	request_new("guarded");
	waits(REASON_EVIDENCE_SCAN, fx_submit(&fx, &q, true));
	waits(REASON_EVIDENCE_SCAN, fx_approve(&fx, "bob", &q, true));
	assert_int_equal(scan_send(), KEEPER_R_JSON);
	waits(REASON_EVIDENCE_PROVENANCE, fx_submit(&fx, &q, true));
	builder_id = "https://other.test";
	assert_int_equal(provenance_send(), KEEPER_R_JSON);
	waits(REASON_EVIDENCE_PROVENANCE, fx_submit(&fx, &q, true));
	builder_id = "https://ci.test";
	fx_clock(&fx, 2);
	assert_int_equal(provenance_send(), KEEPER_R_JSON);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	fx_request_release(&q);
}

/* Statements from now on are so much younger. */
static void later(long seconds)
{
	fx_clock(&fx, fx.clock + seconds);
	scan.given = fx_now(&fx);
}

/* A verdict that comes after everybody has said yes still stops it, until a newer one lifts it. */
static void a_late_verdict_stops_it(void **state)
{
	(void)state;
	request_new("guarded");
	assert_int_equal(scan_send(), KEEPER_R_JSON);
	assert_int_equal(provenance_send(), KEEPER_R_JSON);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	waits(REASON_NONE, fx_approve(&fx, "bob", &q, false));
	scan.verdict = SCAN_INFECTED;
	later(10);
	scan.by = (struct name){"laptop"};
	assert_int_equal(
		scan_send_as(&fx_host(&fx, "laptop")->key[0], statement_info(STATEMENT_SCAN)->ns),
		KEEPER_R_JSON);
	waits(REASON_EVIDENCE_VERDICT, fx_commit(&fx, &q, 1));
	scan.verdict = SCAN_CLEAN;
	later(10);
	assert_int_equal(
		scan_send_as(&fx_host(&fx, "laptop")->key[0], statement_info(STATEMENT_SCAN)->ns),
		KEEPER_R_JSON);
	/* Scans grow old. */
	fx_clock(&fx, fx.clock + 1200);
	waits(REASON_EVIDENCE_SCAN, fx_commit(&fx, &q, 1));
	scan.given = fx_now(&fx);
	assert_int_equal(
		scan_send_as(&fx_host(&fx, "laptop")->key[0], statement_info(STATEMENT_SCAN)->ns),
		KEEPER_R_JSON);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	fx_request_release(&q);
}

/* A scanner whose clock is ahead has found the file clean, and then does not: the first word must
 * not stand for as long as the clock was wrong. */
static void a_clock_that_is_ahead(void **state)
{
	(void)state;
	request_new("guarded");
	scan.by = (struct name){"laptop"};
	scan.given = fx_now(&fx) + 200;
	assert_int_equal(
		scan_send_as(&fx_host(&fx, "laptop")->key[0], statement_info(STATEMENT_SCAN)->ns),
		KEEPER_R_JSON);
	scan.verdict = SCAN_INFECTED;
	later(10);
	assert_int_equal(
		scan_send_as(&fx_host(&fx, "laptop")->key[0], statement_info(STATEMENT_SCAN)->ns),
		KEEPER_R_JSON);
	refused(REASON_EVIDENCE_VERDICT, fx_submit(&fx, &q, true));
	fx_request_release(&q);
}

static void files_that_the_rule_is_not_for(void **state)
{
	(void)state;
	request_new("guarded");
	q.names[0] = "a.exe";
	fx_request_encode(&q);
	refused(REASON_ARTIFACT_NAME, fx_submit(&fx, &q, true));
	q.names[0] = "a.bin";
	q.items[0].size = 1001;
	fx_request_encode(&q);
	refused(REASON_ARTIFACT_SIZE, fx_submit(&fx, &q, true));
	q.items[0].size = 1000;
	fx_ok(name_parse(view_str("other"), &q.items[0].product));
	fx_request_encode(&q);
	refused(REASON_ARTIFACT_PRODUCT, fx_submit(&fx, &q, true));
	fx_request_release(&q);
}

static void rebuilds_are_waited_for(void **state)
{
	(void)state;
	request_new("rebuilt");
	waits(REASON_EVIDENCE_REBUILD, fx_submit(&fx, &q, true));
	fx_request_release(&q);
}

/* ---- Before the request ---------------------------------------------------------------------*/

static struct digest early_rule;
static struct preapproval early;
static struct digest early_digest;

static enum keeper_type early_send(const char *person)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;

	buf_init(&statement, PREAPPROVAL_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_ok(name_parse(view_str(person), &early.person));
	fx_ok(preapproval_encode(&early, &statement, NULL));
	early_digest = digest_of(buf_view(&statement));
	fx_sign_as(&fx, person, STATEMENT_PREAPPROVAL, buf_view(&statement), &sig);
	return send(STATEMENT_PREAPPROVAL, buf_view(&statement), buf_view(&sig));
}

static void early_new(const char *key)
{
	struct act a;

	request_new(key);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false)); /* tells the rule's digest */
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	early_rule = a.rule;
	early = (struct preapproval){.key = q.r.key,
				     .key_fingerprint = q.r.key_fingerprint,
				     .origin = "keeper.test",
				     .rule = early_rule,
				     .expires = fx_now(&fx) + 3600,
				     .uses = 2,
				     .count = 1};
	early.items[0] = (struct preapproval_item){.sha256 = q.items[0].sha256,
						   .content = q.items[0].content,
						   .format = "cms",
						   .params = q.items[0].params};
	memcpy(early.nonce, &count, sizeof(count));
}

/* Another request for the same files. */
static enum keeper_type again(void)
{
	q.r.nonce[15]++;
	fx_request_encode(&q);
	return fx_submit(&fx, &q, true);
}

static void the_request_finds_its_seats_filled(void **state)
{
	(void)state;
	early_new("early");
	assert_int_equal(early_send("bob"), KEEPER_R_JSON);
	assert_int_equal(early_send("bob"), KEEPER_R_JSON);
	assert_true(answered("\"state\":\"known\""));
	waits(REASON_APPROVE_QUORUM, again());
	assert_int_equal(early_send("carol"), KEEPER_R_JSON);
	assert_int_equal(again(), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	assert_int_equal(again(), KEEPER_R_RESULT);
	/* Twice, and not a third time. */
	waits(REASON_APPROVE_QUORUM, again());
	/* Another file, and the same with other parameters, were not approved. */
	q.items[0].content.b[0] ^= 1;
	waits(REASON_APPROVE_QUORUM, again());
	fx_request_release(&q);
}

static void who_may_not(void **state)
{
	struct act a;

	(void)state;
	early_new("early");
	/* alice holds a seat and asks herself: her own does not count. */
	assert_int_equal(early_send("alice"), KEEPER_R_JSON);
	assert_int_equal(early_send("bob"), KEEPER_R_JSON);
	waits(REASON_APPROVE_QUORUM, again());
	early.nonce[0] ^= 1;
	refused(REASON_APPROVE_DUPLICATE, early_send("bob"));
	refused(REASON_WHO_SEAT, early_send("erin"));
	early.rule.b[0] ^= 1;
	refused(REASON_APPROVE_RULE, early_send("carol"));
	early.rule = early_rule;
	early.expires = fx_now(&fx) - 1;
	refused(REASON_APPROVE_EXPIRED, early_send("carol"));
	early.expires = fx_now(&fx) + 3600;
	(void)snprintf(early.origin, sizeof(early.origin), "other.test");
	refused(REASON_FORM_ORIGIN, early_send("carol"));
	(void)snprintf(early.origin, sizeof(early.origin), "keeper.test");
	early.key_fingerprint.b[0] ^= 1;
	refused(REASON_KEY_FINGERPRINT, early_send("carol"));
	fx_request_release(&q);
	/* A rule that takes none. */
	early_new("early");
	fx_request_release(&q);
	request_new("guarded");
	waits(REASON_EVIDENCE_SCAN, fx_submit(&fx, &q, false));
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	early.rule = a.rule;
	early.key = q.r.key;
	early.key_fingerprint = q.r.key_fingerprint;
	refused(REASON_LIMIT_PREAPPROVAL, early_send("bob"));
	fx_request_release(&q);
}

static void withdrawn_or_old(void **state)
{
	struct act a;

	(void)state;
	early_new("early");
	assert_int_equal(early_send("carol"), KEEPER_R_JSON);
	assert_int_equal(early_send("bob"), KEEPER_R_JSON);
	fx_act(&fx, STATEMENT_WITHDRAWAL, "carol", &q, &a);
	a.request = early_digest;
	a.approval = early_digest;
	refused(REASON_STATE_NO_APPROVAL, fx_act_send(&fx, &a, false)); /* bob's */
	fx_ok(name_parse(view_str("bob"), &a.person));
	assert_int_equal(fx_act_send(&fx, &a, false), KEEPER_R_JSON);
	a.nonce[0] ^= 1;
	refused(REASON_STATE_NO_APPROVAL, fx_act_send(&fx, &a, false));
	waits(REASON_APPROVE_QUORUM, again());
	early.nonce[0] ^= 1;
	assert_int_equal(early_send("bob"), KEEPER_R_JSON);
	fx_clock(&fx, 2000); /* over max_age */
	q.r.deadline = fx_now(&fx) + 3600;
	waits(REASON_APPROVE_QUORUM, again());
	/* Whose yes counts no more may say it again. */
	early.nonce[1] ^= 1;
	assert_int_equal(early_send("carol"), KEEPER_R_JSON);
	assert_int_equal(early_send("bob"), KEEPER_R_JSON);
	assert_int_equal(again(), KEEPER_R_RESULT);
	fx_request_release(&q);
}

/* An approval that is too old does not stand before a preapproval that is not. */
static void an_old_approval_beside_it(void **state)
{
	(void)state;
	early_new("brief");
	assert_int_equal(fx_approve(&fx, "bob", &q, false), KEEPER_R_STATUS);
	fx_clock(&fx, 2060);
	assert_int_equal(early_send("bob"), KEEPER_R_JSON);
	fx_clock(&fx, 2110);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	fx_request_release(&q);
}

/* ---- As many as there may be ----------------------------------------------------------------*/

/* They leave room for approvals of the request itself. */
static void preapprovals_without_end(void **state)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = NULL;
	const struct rule_ref *refs;
	size_t n;

	(void)state;
	fx_ok(policy_parse(buf_view(&in_force), &p, NULL));
	fx_ok(roster_parse(buf_view(&fx.roster), &r, NULL));
	early_new("many");
	refs = policy_rules_of(p, &early.key, &n);
	assert_int_equal(n, MANY_RULES);
	for (size_t i = 0; i < n; i++) {
		early.rule =
			policy_rule_digest(p, refs[i].rule, r, &early.key, &early.key_fingerprint);
		assert_int_equal(early_send("bob"), KEEPER_R_JSON);
		assert_int_equal(early_send("carol"), KEEPER_R_JSON);
	}
	early.nonce[2] ^= 1;
	refused(REASON_FORM_LIMIT, early_send("dave"));
	assert_int_equal(fx_approve(&fx, "dave", &q, true), KEEPER_R_RESULT);
	fx_request_release(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evidence_is_waited_for),
		cmocka_unit_test(a_late_verdict_stops_it),
		cmocka_unit_test(a_clock_that_is_ahead),
		cmocka_unit_test(files_that_the_rule_is_not_for),
		cmocka_unit_test(rebuilds_are_waited_for),
		cmocka_unit_test(the_request_finds_its_seats_filled),
		cmocka_unit_test(who_may_not),
		cmocka_unit_test(withdrawn_or_old),
		cmocka_unit_test(an_old_approval_beside_it),
		cmocka_unit_test(preapprovals_without_end),
	};

	(void)query;
	(void)fresh;
	(void)done;
	return cmocka_run_group_tests(tests, rules_setup, rules_teardown);
}
