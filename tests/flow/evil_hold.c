/* Holds and classes of hosts against a real keeper and an evil front end: the time runs from a full
 * quorum, through restarts, and neither sending anything again nor another order shortens it. */
#include "tests/flow/evil.h"

#include <string.h>

static const char *const admins[] = {"erin", "frank", NULL};

#define RULE(name, fields)                                                                         \
	",{\"approve\":[\"2 of security\"]," fields ",\"name\":\"" name                            \
	"\",\"request\":[\"group:developers\"],\"upload\":\"optional\"}"
static const char rules[] =
	RULE("held", "\"formats\":[\"cms\"],\"from\":[\"build1\"],\"hold\":600,\"keys\":[\"held\"]")
		RULE("kept", "\"classes\":[\"tpm\",\"attested\"],\"formats\":[\"cms\"],\"from\":["
			     "\"build1\"],\"keys\":[\"kept\"]");

static int hold_setup(void **state)
{
	AUTO(buf) struct buf doc;
	struct digest before;

	(void)group_setup(state);
	before = digest_of(buf_view(&fx.policy));
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_policy_doc(&fx, fx.policy_version + 1, rules, &doc);
	fx_check(fx_change_document(&fx, STATEMENT_POLICY, buf_view(&doc), &before, admins) ==
		 KEEPER_R_CHANGE);
	fx_make_key(&fx, "held", "ecdsa-p256");
	fx_make_key(&fx, "kept", "ecdsa-p256");
	return 0;
}

static void begin(const char *key)
{
	fx_request_release(&q);
	fx_request_new(&fx, key, 1, &q);
}

static bool says(const char *text)
{
	return memmem(fx.body.ptr, fx.body.len, text, strlen(text)) != NULL;
}

/* Approves, and takes it back after so many seconds. */
static enum keeper_type approve_for(const char *person, long seconds)
{
	AUTO(buf) struct buf statement;
	struct act yes, no;

	buf_init(&statement, ACT_BYTES_MAX);
	fx_act(&fx, STATEMENT_APPROVAL, person, &q, &yes);
	fx_ok(act_encode(&yes, &statement, NULL));
	waits(REASON_TIME_HOLD, fx_act_send(&fx, &yes, true));
	fx_clock(&fx, fx.clock + seconds);
	fx_act(&fx, STATEMENT_WITHDRAWAL, person, &q, &no);
	no.approval = digest_of(buf_view(&statement));
	return fx_act_send(&fx, &no, true);
}

static void signing_waits_for_a_full_quorum_to_age(void **state)
{
	char text[TIME_TEXT];

	(void)state;
	begin("held");
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	fx_clock(&fx, fx.clock + 700); /* one alone begins nothing */
	waits(REASON_TIME_HOLD, fx_approve(&fx, "carol", &q, true));
	fx_ok(time_format(fx_now(&fx) + 600, text));
	text[15] = '\0'; /* a second may have passed */
	assert_true(says("\"passes\":\""));
	assert_true(says(text));
	fx_clock(&fx, fx.clock + 500);
	waits(REASON_TIME_HOLD, fx_commit(&fx, &q, 1));
	waits(REASON_TIME_HOLD, fx_submit(&fx, &q, true));
	/* A third changes nothing; nor does a keeper that begins anew. */
	waits(REASON_TIME_HOLD, fx_approve(&fx, "dave", &q, true));
	fx_stop(&fx);
	fx_run(&fx);
	waits(REASON_TIME_HOLD, fx_commit(&fx, &q, 1));
	fx_clock(&fx, fx.clock + 101);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
}

static void a_withdrawal_begins_it_anew(void **state)
{
	(void)state;
	begin("held");
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	waits(REASON_APPROVE_QUORUM, approve_for("carol", 590));
	waits(REASON_TIME_HOLD, fx_approve(&fx, "dave", &q, true));
	fx_clock(&fx, fx.clock + 590);
	waits(REASON_TIME_HOLD, fx_commit(&fx, &q, 1));
	fx_clock(&fx, fx.clock + 11);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
}

/* The host's own word about itself, in the roster or elsewhere, makes no class. */
static void hosts_of_a_class_alone(void **state)
{
	(void)state;
	begin("kept");
	refused(REASON_HOST_CLASS, fx_submit(&fx, &q, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(signing_waits_for_a_full_quorum_to_age, fresh,
						done),
		cmocka_unit_test_setup_teardown(a_withdrawal_begins_it_anew, fresh, done),
		cmocka_unit_test_setup_teardown(hosts_of_a_class_alone, fresh, done),
	};

	return cmocka_run_group_tests(tests, hold_setup, group_teardown);
}
