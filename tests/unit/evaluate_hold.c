/* Unit tests of holds and of classes of hosts: what evaluate() says of them, how the document names
 * them, and that no rule undercuts its tier. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/evaluate.h"
#include "tests/organisation.h"

#define NOW ((unix_time)1795424400)
#define HOUR 3600

static struct request_item item = {.format = "cms"};
static struct request request;
static struct approval_fact approvals[8];
static struct facts facts;
static struct decision decision;
static struct policy *policy;
static struct roster *roster;

/* The rule of the organisation with more fields, put before the field that they come before. */
static struct policy *policy_with(const char *before, const char *fields, const char *more,
				  struct fault *f)
{
	AUTO(buf) struct buf b;
	AUTO(buf) struct buf out;
	struct policy *p = NULL;
	char text[400];
	const char *hit;

	(void)snprintf(text, sizeof(text), "%s%s", fields, before);
	replaced("policy.json", before, text, &b);
	buf_init(&out, DOCUMENT_BYTES_MAX);
	hit = (const char *)memmem(b.ptr, b.len, "\"unlock\"", 8);
	buf_put(&out, b.ptr, (size_t)((const uint8_t *)hit - b.ptr));
	buf_put_str(&out, more);
	buf_put(&out, hit, b.len - (size_t)((const uint8_t *)hit - b.ptr));
	if (policy_parse(buf_view(&out), &p, f).code != RC_OK)
		return NULL;
	return p;
}

static int setup(void **state)
{
	(void)state;
	roster = roster_read();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	policy_free(policy);
	policy = NULL;
	roster_free(roster);
	return 0;
}

static void scene(const char *before, const char *fields)
{
	struct fault f = {0};

	policy_free(policy);
	policy = policy_with(before, fields, "", &f);
	if (policy == NULL)
		fail_msg("%s", f.text);
	request = (struct request){.key = name_of("release-2026"),
				   .key_fingerprint = {{1}},
				   .requester = name_of("carol"),
				   .host = name_of("build-07"),
				   .not_before = NOW - 24 * HOUR,
				   .deadline = NOW + 24 * HOUR,
				   .uses = 1,
				   .upload = true,
				   .items = &item,
				   .count = 1};
	facts = (struct facts){.request = &request,
			       .key_fingerprint = {{1}},
			       .key_known = true,
			       .approvals = approvals,
			       .submitted = NOW - 10 * HOUR,
			       .now = NOW};
}

static struct approval_fact *approve(const char *person, unix_time given)
{
	struct approval_fact *a = &approvals[facts.approval_count++];

	*a = (struct approval_fact){.person = name_of(person),
				    .rule = policy_rule_digest(policy, &policy->rules[0], roster,
							       &request.key,
							       &facts.key_fingerprint),
				    .statement = {{(uint8_t)facts.approval_count}},
				    .given = given,
				    .expires = NOW + 24 * HOUR};
	return a;
}

static unix_time passes(enum reason reason)
{
	for (size_t i = 0; i < decision.check_count; i++)
		if (decision.checks[i].reason == reason &&
		    decision.checks[i].outcome == OUTCOME_WAIT)
			return decision.checks[i].passes;
	return 0;
}

static void expect(enum outcome outcome, enum reason reason, unix_time when)
{
	assert_rc(RC_OK, evaluate(policy, roster, &facts, &decision));
	if (decision.outcome != outcome || decision.refusal.reason != reason)
		fail_msg("%s, %s: %s", outcome_word(decision.outcome),
			 reason_id(decision.refusal.reason), decision.refusal.text);
	assert_int_equal(passes(reason), when);
}

#define HOLD "\"hold\":7200,"
#define BEFORE_HOLD "\"keys\":[\"release-2026\"]"

static void a_full_quorum_is_held(void **state)
{
	(void)state;
	scene(BEFORE_HOLD, HOLD);
	approve("alice", NOW - 5 * HOUR);
	approve("dave", NOW - 4 * HOUR);
	expect(OUTCOME_WAIT, REASON_APPROVE_QUORUM, 0); /* nothing is held that lacks people */
	approve("bob", NOW - HOUR);
	expect(OUTCOME_WAIT, REASON_TIME_HOLD, NOW + HOUR);
	assert_non_null(strstr(decision.refusal.text, "rule release holds for 7200 seconds"));
	facts.now = NOW + HOUR - 1;
	expect(OUTCOME_WAIT, REASON_TIME_HOLD, NOW + HOUR);
	facts.now = NOW + HOUR;
	expect(OUTCOME_ALLOW, REASON_NONE, 0);
	facts.now = NOW;
	facts.without_hold = true;
	expect(OUTCOME_ALLOW, REASON_NONE, 0);
}

/* In whatever order approvals are listed, and whoever approves once more. */
static void the_hold_begins_when_it_was_full_first(void **state)
{
	(void)state;
	scene(BEFORE_HOLD, HOLD);
	approve("bob", NOW - HOUR);
	approve("alice", NOW - 30);
	approve("dave", NOW - 20);
	approve("alice", NOW - 9 * HOUR); /* the same person, in the same channel */
	expect(OUTCOME_WAIT, REASON_TIME_HOLD, NOW - 20 + 7200);
	approve("dave", NOW - 2 * HOUR);
	expect(OUTCOME_WAIT, REASON_TIME_HOLD, NOW + HOUR);
	/* What does not count does not begin it: another rule, who asks, what is to come. */
	approve("bob", NOW - 9 * HOUR)->rule.b[0] ^= 1;
	approve("carol", NOW - 9 * HOUR);
	approve("bob", NOW - 9 * HOUR)->expires = NOW;
	expect(OUTCOME_WAIT, REASON_TIME_HOLD, NOW + HOUR);
}

/* One that was withdrawn is no fact any more: with the next one the hold begins anew. */
static void a_withdrawal_begins_it_anew(void **state)
{
	(void)state;
	scene(BEFORE_HOLD, HOLD);
	approve("alice", NOW - 9 * HOUR);
	approve("dave", NOW - 9 * HOUR);
	approve("bob", NOW - 9 * HOUR);
	expect(OUTCOME_ALLOW, REASON_NONE, 0);
	facts.approval_count--;
	expect(OUTCOME_WAIT, REASON_APPROVE_QUORUM, 0);
	approve("bob", NOW);
	expect(OUTCOME_WAIT, REASON_TIME_HOLD, NOW + 7200);
}

/* Nobody can step in before there is a request. */
static void preapprovals_are_held_from_the_request_on(void **state)
{
	(void)state;
	scene("\"request\":[\"group:developers\"]", "\"preapproved\":{\"max_age\":259200},");
	policy->rules[0].hold = 7200;
	approve("alice", NOW - 9 * HOUR)->early = true;
	approve("dave", NOW - 9 * HOUR)->early = true;
	approve("bob", NOW - 9 * HOUR)->early = true;
	facts.submitted = NOW - 60;
	expect(OUTCOME_WAIT, REASON_TIME_HOLD, NOW - 60 + 7200);
	facts.submitted = NOW - 7200;
	expect(OUTCOME_ALLOW, REASON_NONE, 0);
}

static void classes_are_asked_for(void **state)
{
	(void)state;
	scene("\"formats\":[\"cms\",\"pe\"]", "\"classes\":[\"tpm\",\"attested\"],");
	approve("alice", NOW - HOUR);
	approve("bob", NOW - HOUR);
	approve("dave", NOW - HOUR);
	expect(OUTCOME_DENY, REASON_HOST_CLASS, 0); /* not known */
	assert_non_null(strstr(decision.refusal.text,
			       "the class of host build-07 is not known; rule release is for tpm, "
			       "attested"));
	for (unsigned i = 0; i < HOST_CLASSES; i++) {
		facts.host = (struct host_fact){true, (enum host_class)i};
		if (i == HOST_TPM || i == HOST_ATTESTED)
			expect(OUTCOME_ALLOW, REASON_NONE, 0);
		else
			expect(OUTCOME_DENY, REASON_HOST_CLASS, 0);
	}
	facts.host.known = false;
	facts.host.klass = HOST_TPM;
	expect(OUTCOME_DENY, REASON_HOST_CLASS, 0);
}

static void guards_are_asked_for(void **state)
{
	static const struct {
		const char *mode;
		bool observing, enforcing;
	} rows[] = {{NULL, false, false},
		    {"absent", false, false},
		    {"observe", true, false},
		    {"enforce", true, true}};

	(void)state;
	scene("\"keys\"", "\"guard\":\"enforcing\",");
	approve("alice", NOW - HOUR);
	approve("bob", NOW - HOUR);
	approve("dave", NOW - HOUR);
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const char *mode = rows[i / 2].mode;
		bool ok = i % 2 == 0 ? rows[i / 2].enforcing : rows[i / 2].observing;

		policy->rules[0].guard = i % 2 == 0 ? GUARD_ENFORCING : GUARD_OBSERVING;
		request.guard = (struct request_guard){.given = mode != NULL, .at = NOW};
		facts.submitted = NOW;
		if (mode != NULL)
			(void)strcpy(request.guard.state.mode, mode);
		if (ok)
			expect(OUTCOME_ALLOW, REASON_NONE, 0);
		else
			expect(OUTCOME_DENY, REASON_HOST_GUARD, 0);
	}
	assert_int_equal(policy->rules[0].guard, GUARD_OBSERVING);
	/* Of about the time of the request; of no time to whoever does not know that. */
	request.guard.at = NOW - GUARD_AGE;
	expect(OUTCOME_ALLOW, REASON_NONE, 0);
	request.guard.at = NOW - GUARD_AGE - 1;
	expect(OUTCOME_DENY, REASON_HOST_GUARD, 0);
	assert_non_null(strstr(decision.refusal.text, "enforce, but that is of another time"));
	request.guard.at = NOW + GUARD_AGE + 1;
	expect(OUTCOME_DENY, REASON_HOST_GUARD, 0);
	facts.submitted = 0;
	expect(OUTCOME_ALLOW, REASON_NONE, 0);
}

static void documents_are_strict(void **state)
{
	static const struct {
		const char *before;
		const char *fields;
		const char *says;
	} rows[] = {
		{BEFORE_HOLD, "\"hold\":0,", "hold is 0"},
		{BEFORE_HOLD, "\"hold\":31622401,", NULL},
		{BEFORE_HOLD, "\"hold\":259200,", "hold is not shorter than approval_lifetime"},
		{BEFORE_HOLD, "\"hold\":true,", NULL},
		{"\"formats\":[\"cms\",\"pe\"]", "\"classes\":[],", "classes is empty"},
		{"\"formats\":[\"cms\",\"pe\"]", "\"classes\":[\"hsm\"],", "a class is"},
		{"\"formats\":[\"cms\",\"pe\"]", "\"classes\":[\"tpm\",\"tpm\"],", "tpm twice"},
		{"\"formats\":[\"cms\",\"pe\"]", "\"classes\":\"tpm\",", NULL},
		{"\"keys\":[\"nightly\"]", "\"hold\":60,", "both hold and unattended"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fault f = {0};

		if (policy_with(rows[i].before, rows[i].fields, "", &f) != NULL)
			fail_msg("%s is taken", rows[i].fields);
		if (rows[i].says != NULL && strstr(f.text, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].fields, f.text);
	}
}

#define FORMATS "\"formats\":[\"cms\",\"pe\"]"

static void floor_case(const char *before, const char *fields, const char *tier, const char *says)
{
	struct policy *p;
	struct fault f = {0};
	char more[300];
	rc r;

	(void)snprintf(more, sizeof(more), "\"tiers\":[{%s}],", tier);
	p = policy_with(before, fields, more, &f);
	if (p == NULL)
		fail_msg("%s", f.text);
	p->keys = (struct key_policy *)calloc(1, sizeof(*p->keys));
	assert_non_null(p->keys);
	p->keys[0] = (struct key_policy){
		.name = name_of("release-2026"), .has_tier = true, .tier = name_of("high")};
	p->key_count = 1;
	r = policy_check(p, roster, &f);
	if (says == NULL ? !rc_is_ok(r) : r.code != RC_DENIED || strstr(f.text, says) == NULL)
		fail_msg("%s under %s: %s", fields, tier, f.text);
	policy_free(p);
}

static void tiers_are_floors(void **state)
{
	(void)state;
	floor_case(BEFORE_HOLD, "", "\"hold\":60,\"name\":\"high\"", "hold is 0, at least 60");
	floor_case(BEFORE_HOLD, "\"hold\":59,", "\"hold\":60,\"name\":\"high\"", "hold is 59");
	floor_case(BEFORE_HOLD, "\"hold\":60,", "\"hold\":60,\"name\":\"high\"", NULL);
	floor_case(FORMATS, "", "\"classes\":[\"tpm\"],\"name\":\"high\"", "of more classes");
	floor_case(FORMATS, "\"classes\":[\"tpm\",\"software\"],",
		   "\"classes\":[\"tpm\",\"attested\"],\"name\":\"high\"", "of more classes");
	floor_case(FORMATS, "\"classes\":[\"tpm\"],",
		   "\"classes\":[\"tpm\",\"attested\"],\"name\":\"high\"", NULL);
}

#define ARTIFACT(fields) "\"artifact\":{" fields "},"
#define HIGH(fields) "\"artifact\":{" fields "},\"name\":\"high\""

/* build-07 and build-08 scan, and build. */
static void tiers_demand_evidence(void **state)
{
	static const struct {
		const char *rule;
		const char *tier;
		const char *says; /* NULL: it keeps to it */
	} rows[] = {
		{"", HIGH("\"max_size\":9"), "artifact demands less in max_size"},
		{ARTIFACT("\"max_size\":10"), HIGH("\"max_size\":9"), "max_size"},
		{ARTIFACT("\"max_size\":9"), HIGH("\"max_size\":9"), NULL},
		{ARTIFACT("\"names\":[\"a*\",\"b\"]"), HIGH("\"names\":[\"a*\"]"), "names"},
		{ARTIFACT("\"names\":[\"a*\"]"), HIGH("\"names\":[\"a*\",\"b\"]"), NULL},
		{ARTIFACT("\"names\":[\"a\"]"), HIGH("\"products\":[\"a\"]"), "products"},
		{ARTIFACT("\"scan\":{\"by\":[\"build-07\"]}"),
		 HIGH("\"scan\":{\"by\":[\"build-07\",\"build-08\"]}"), "scan"},
		{ARTIFACT("\"scan\":{\"by\":[\"build-07\",\"build-08\"]}"),
		 HIGH("\"scan\":{\"by\":[\"build-07\"]}"), "scan"},
		{ARTIFACT("\"scan\":{\"by\":[\"build-07\"]}"),
		 HIGH("\"scan\":{\"by\":[\"build-07\"],\"max_age\":60}"), "scan"},
		{ARTIFACT("\"scan\":{\"by\":[\"build-07\"],\"max_age\":60}"),
		 HIGH("\"scan\":{\"by\":[\"build-07\"],\"max_age\":60}"), NULL},
		{ARTIFACT("\"provenance\":{\"by\":[\"build-07\"]}"),
		 HIGH("\"provenance\":{\"builder\":[\"x*\"],\"by\":[\"build-07\"]}"), "provenance"},
		{ARTIFACT("\"provenance\":{\"builder\":[\"x*\"],\"by\":[\"build-07\"]}"),
		 HIGH("\"provenance\":{\"builder\":[\"x*\"],\"by\":[\"build-07\",\"build-08\"]}"),
		 NULL},
		{ARTIFACT("\"rebuild\":{\"agree\":1,\"of\":[\"build-07\",\"build-08\"]}"),
		 HIGH("\"rebuild\":{\"agree\":2,\"of\":[\"build-07\",\"build-08\"]}"), "rebuild"},
		{ARTIFACT("\"rebuild\":{\"agree\":1,\"of\":[\"build-08\"]}"),
		 HIGH("\"rebuild\":{\"agree\":1,\"of\":[\"build-07\"]}"), "rebuild"},
		{ARTIFACT("\"rebuild\":{\"agree\":2,\"of\":[\"build-07\",\"build-08\"]}"),
		 HIGH("\"rebuild\":{\"agree\":1,\"of\":[\"build-07\",\"build-08\"]}"), NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		floor_case(FORMATS, rows[i].rule, rows[i].tier, rows[i].says);
}

static void tiers_bound_preapprovals(void **state)
{
	static const char before[] = "\"request\":[\"group:developers\"]";
	static const char rule[] = "\"preapproved\":{\"max_age\":60},";

	(void)state;
	floor_case(before, rule, "\"name\":\"high\",\"preapproved\":{\"max_age\":59}",
		   "preapproved is 60, at most 59");
	floor_case(before, rule, "\"name\":\"high\",\"preapproved\":{\"max_age\":0}",
		   "preapproved is 60, at most 0");
	floor_case(before, rule, "\"name\":\"high\",\"preapproved\":{\"max_age\":60}", NULL);
	floor_case(before, "", "\"name\":\"high\",\"preapproved\":{\"max_age\":0}", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_quorum_is_held),
		cmocka_unit_test(the_hold_begins_when_it_was_full_first),
		cmocka_unit_test(a_withdrawal_begins_it_anew),
		cmocka_unit_test(preapprovals_are_held_from_the_request_on),
		cmocka_unit_test(guards_are_asked_for),
		cmocka_unit_test(classes_are_asked_for),
		cmocka_unit_test(documents_are_strict),
		cmocka_unit_test(tiers_are_floors),
		cmocka_unit_test(tiers_demand_evidence),
		cmocka_unit_test(tiers_bound_preapprovals),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
