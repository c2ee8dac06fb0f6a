/* Unit tests of evaluate(): each reason it can give is provoked, and its words are read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/evaluate.h"
#include "tests/organisation.h"

#define NOW ((unix_time)1795424400)
#define DAY 86400

/* One request for key release-2026 by carol from build-07, and what the tests change about it. */
struct scene {
	struct policy *policy;
	struct roster *roster;
	struct request_item item;
	struct request request;
	struct approval_fact approvals[70];
	struct facts facts;
	struct decision d;
};

static void scene_init(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->policy = policy_read();
	s->roster = roster_read();
	(void)snprintf(s->item.format, sizeof(s->item.format), "cms");
	s->request = (struct request){.key = name_of("release-2026"),
				      .key_fingerprint = {{1}},
				      .requester = name_of("carol"),
				      .host = name_of("build-07"),
				      .not_before = NOW - DAY,
				      .deadline = NOW + DAY,
				      .uses = 1,
				      .upload = true,
				      .items = &s->item,
				      .count = 1};
	s->facts = (struct facts){.request = &s->request,
				  .key_fingerprint = {{1}},
				  .key_known = true,
				  .approvals = s->approvals,
				  .now = NOW};
}

static void scene_release(struct scene *s)
{
	policy_free(s->policy);
	roster_free(s->roster);
}

static struct approval_fact *approve(struct scene *s, const char *person)
{
	struct approval_fact *a = &s->approvals[s->facts.approval_count++];

	*a = (struct approval_fact){.person = name_of(person),
				    .rule = policy_rule_digest(s->policy, &s->policy->rules[0],
							       s->roster, &s->request.key,
							       &s->facts.key_fingerprint),
				    .statement = {{(uint8_t)s->facts.approval_count}},
				    .given = NOW - 60,
				    .expires = NOW + DAY};
	return a;
}

static void approve_all(struct scene *s)
{
	approve(s, "alice");
	approve(s, "bob");
	approve(s, "dave");
}

static bool has_check(const struct decision *d, enum reason reason, enum outcome outcome)
{
	for (size_t i = 0; i < d->check_count; i++)
		if (d->checks[i].reason == reason && d->checks[i].outcome == outcome)
			return true;
	return false;
}

/* Evaluates and expects this outcome and reason; text (may be NULL) is part of the refusal's. */
static void expect(struct scene *s, enum outcome outcome, enum reason reason, const char *text)
{
	assert_rc(RC_OK, evaluate(s->policy, s->roster, &s->facts, &s->d));
	if (s->d.outcome != outcome || s->d.refusal.reason != reason)
		fail_msg("%s, %s: %s", outcome_word(s->d.outcome), reason_id(s->d.refusal.reason),
			 s->d.refusal.text);
	if (text != NULL && strstr(s->d.refusal.text, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, s->d.refusal.text);
	assert_true(s->d.check_count > 0 && s->d.check_count <= CHECKS_MAX);
	if (outcome != OUTCOME_ALLOW)
		assert_true(has_check(&s->d, reason, outcome));
	for (size_t i = 0; i < s->d.check_count; i++) {
		assert_int_not_equal(s->d.checks[i].reason, REASON_NONE);
		assert_true(s->d.checks[i].text[0] != '\0');
		assert_true(s->d.checks[i].outcome <= outcome);
	}
}

/* A scene in which everything is well, then one thing is not. */
#define SCENE                                                                                      \
	struct scene s;                                                                            \
	(void)state;                                                                               \
	scene_init(&s);                                                                            \
	approve_all(&s)

static void all_is_well(void **state)
{
	SCENE;
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	assert_ptr_equal(s.d.rule, &s.policy->rules[0]);
	assert_int_equal(s.d.counted_count, 3);
	assert_string_equal(s.d.refusal.text, "");
	assert_true(s.d.quorum.filled);
	scene_release(&s);
}

static void people_are_waited_for(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM,
	       "needs 2 more of release-managers and 1 more of security; nobody has approved");
	assert_int_equal(s.d.quorum.missing_count, 2);
	approve(&s, "alice");
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM,
	       "needs 1 more of release-managers and 1 more of security; alice has approved");
	approve(&s, "alice"); /* twice is once */
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM,
	       "needs 1 more of release-managers and 1 more of security; alice has approved");
	approve(&s, "bob");
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM,
	       "needs 1 more of security; alice and bob have approved");
	assert_int_equal(s.d.counted_count, 0);
	approve(&s, "dave");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	assert_int_equal(s.d.counted_count, 3);
	assert_int_equal(s.d.counted[0].b[0], 1);
	assert_int_equal(s.d.counted[1].b[0], 3); /* the first of alice, not the second */
	scene_release(&s);
}

static void approvals_bind_to_their_rule(void **state)
{
	SCENE;
	s.approvals[2].rule.b[0] ^= 1;
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, "needs 1 more of security");
	assert_true(has_check(&s.d, REASON_APPROVE_RULE, OUTCOME_WAIT));
	assert_int_equal(approval_reason(s.policy, s.roster, s.d.rule, &s.facts, &s.approvals[2]),
			 REASON_APPROVE_RULE);
	/* An approval for the key's predecessor is for another rule too. */
	s.approvals[2].rule.b[0] ^= 1;
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	s.facts.key_fingerprint.b[0] = 2;
	s.request.key_fingerprint.b[0] = 2;
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, "nobody has approved");
	scene_release(&s);
}

static void approvals_expire(void **state)
{
	SCENE;
	s.approvals[0].expires = NOW + 1;
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	s.approvals[0].expires = NOW;
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, "needs 1 more of release-managers");
	assert_true(has_check(&s.d, REASON_APPROVE_EXPIRED, OUTCOME_WAIT));
	s.approvals[0].expires = NOW + 100 * DAY;
	s.approvals[0].given = NOW - 3 * DAY + 1; /* the rule's lifetime is three days */
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	s.approvals[0].given = NOW - 3 * DAY;
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, "bob and dave have approved");
	s.approvals[0].given = NOW + 1; /* from the future */
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, "bob and dave have approved");
	assert_int_equal(approval_reason(s.policy, s.roster, s.d.rule, &s.facts, &s.approvals[0]),
			 REASON_APPROVE_EXPIRED);
	scene_release(&s);
}

static void the_requester_never_counts(void **state)
{
	SCENE;
	s.request.requester = name_of("alice");
	free(s.policy->rules[0].request);
	s.policy->rules[0].request =
		(struct subject_ref *)calloc(1, sizeof(*s.policy->rules[0].request));
	s.policy->rules[0].request[0].name = name_of("alice");
	s.facts.approval_count = 0;
	approve_all(&s);
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM,
	       "needs 1 more of release-managers; bob and dave have approved");
	assert_int_equal(approval_reason(s.policy, s.roster, s.d.rule, &s.facts, &s.approvals[0]),
			 REASON_WHO_SELF);
	scene_release(&s);
}

static void strangers_and_the_seatless_never_count(void **state)
{
	SCENE;
	s.approvals[2].person = name_of("mallory");
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, "needs 1 more of security");
	assert_int_equal(approval_reason(s.policy, s.roster, s.d.rule, &s.facts, &s.approvals[2]),
			 REASON_WHO_PERSON);
	s.request.requester = name_of("dave");
	s.approvals[2].person = name_of("carol");
	assert_rc(RC_OK, evaluate(s.policy, s.roster, &s.facts, &s.d));
	assert_int_equal(approval_reason(s.policy, s.roster, s.d.rule, &s.facts, &s.approvals[2]),
			 REASON_WHO_SEAT);
	assert_int_equal(approval_reason(s.policy, s.roster, s.d.rule, &s.facts, &s.approvals[0]),
			 REASON_NONE);
	scene_release(&s);
}

static void keys_are_checked(void **state)
{
	SCENE;
	s.facts.key_locked = true;
	expect(&s, OUTCOME_WAIT, REASON_KEY_LOCKED, "release-2026 is locked");
	s.facts.key_retired = true;
	expect(&s, OUTCOME_DENY, REASON_KEY_RETIRED, "release-2026 is retired");
	s.request.key_fingerprint.b[0] = 9;
	expect(&s, OUTCOME_DENY, REASON_KEY_FINGERPRINT, "another fingerprint");
	s.facts.key_known = false;
	expect(&s, OUTCOME_DENY, REASON_KEY_UNKNOWN, "no key release-2026");
	scene_release(&s);
}

static void rules_are_for_their_keys(void **state)
{
	SCENE;
	s.request.key = name_of("other");
	expect(&s, OUTCOME_DENY, REASON_RULE_NONE, "no rule of the policy names key other");
	assert_null(s.d.rule);
	assert_true(has_check(&s.d, REASON_RULE_KEY, OUTCOME_DENY));
	s.policy->rule_count = 0;
	expect(&s, OUTCOME_DENY, REASON_RULE_NONE, NULL);
	s.policy->rule_count = 2;
	scene_release(&s);
}

static void who_and_where_are_checked(void **state)
{
	SCENE;
	s.request.requester = name_of("dave");
	expect(&s, OUTCOME_DENY, REASON_RULE_REQUESTER,
	       "dave may not request; rule release is for group developers");
	s.request.requester = name_of("mallory");
	expect(&s, OUTCOME_DENY, REASON_WHO_PERSON, "no person or service mallory");
	s.request.requester = name_of("carol");
	s.request.host = name_of("laptop");
	expect(&s, OUTCOME_DENY, REASON_WHO_HOST, "no host laptop");
	s.request.host = name_of("build-08");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	s.request.key = name_of("nightly"); /* from build-07 alone */
	expect(&s, OUTCOME_DENY, REASON_RULE_HOST, "host build-08 is not accepted");
	s.request.host = name_of("build-07");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL); /* unattended */
	assert_int_equal(s.d.counted_count, 0);
	scene_release(&s);
}

/* Where no host vouches, the issuer of a token for this request does: the keeper has seen to it. */
static void jobs_come_from_their_issuer(void **state)
{
	SCENE;
	policy_free(s.policy);
	roster_free(s.roster);
	s.policy = policy_with_jobs();
	s.roster = roster_with_jobs();
	s.facts.approval_count = 0;
	approve_all(&s);
	s.request.requester = name_of("ci");
	s.request.host = (struct name){0};
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	s.request.requester = name_of("ci-other");
	expect(&s, OUTCOME_DENY, REASON_RULE_HOST,
	       "a job of other is not accepted; rule release is for group build-farm and jobs of "
	       "github");
	s.request.requester = name_of("ci-lab"); /* whoever holds its token may be anywhere */
	expect(&s, OUTCOME_DENY, REASON_WHO_HOST,
	       "without a host, only a service may ask, by a token for this request");
	s.request.requester = name_of("carol");
	expect(&s, OUTCOME_DENY, REASON_WHO_HOST, NULL);
	s.request.requester = name_of("ci-lab");
	s.request.host = name_of("build-07");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	/* on a host, the host counts */
	s.request.requester = name_of("ci");
	s.request.host = name_of("laptop");
	expect(&s, OUTCOME_DENY, REASON_WHO_HOST, "no host laptop");
	s.request.host = (struct name){0};
	s.request.key = name_of("nightly");
	expect(&s, OUTCOME_DENY, REASON_RULE_REQUESTER, NULL);
	assert_true(has_check(&s.d, REASON_RULE_HOST, OUTCOME_DENY));
	scene_release(&s);
}

static void terms_are_checked(void **state)
{
	SCENE;
	(void)snprintf(s.item.format, sizeof(s.item.format), "jar");
	expect(&s, OUTCOME_DENY, REASON_RULE_FORMAT, "format jar of item 0");
	(void)snprintf(s.item.format, sizeof(s.item.format), "pe");
	s.request.upload = false;
	expect(&s, OUTCOME_DENY, REASON_RULE_UPLOAD, NULL);
	s.request.upload = true;
	s.request.uses = 3;
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	s.request.uses = 4;
	expect(&s, OUTCOME_DENY, REASON_RULE_USES, "4 uses asked for, rule release permits 3");
	s.request.uses = 1;
	s.request.deadline = NOW + 14 * DAY;
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	s.request.deadline = NOW + 14 * DAY + 1;
	expect(&s, OUTCOME_DENY, REASON_RULE_DEADLINE, "permits 1209600");
	scene_release(&s);
}

static void time_and_uses_are_checked(void **state)
{
	SCENE;
	s.request.deadline = NOW;
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	s.facts.now = NOW + 1;
	expect(&s, OUTCOME_DENY, REASON_TIME_DEADLINE, "the deadline was 2026-11-23T");
	s.facts.now = NOW;
	s.request.deadline = NOW + DAY;
	s.request.not_before = NOW;
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	s.request.not_before = NOW + 1;
	expect(&s, OUTCOME_WAIT, REASON_TIME_NOT_BEFORE, "not to be signed before 2026-11-23T");
	s.facts.approval_count = 2; /* people first */
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, NULL);
	s.facts.approval_count = 3;
	s.request.not_before = NOW;
	s.request.uses = 2;
	s.facts.uses_spent = 1;
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	s.facts.uses_spent = 2;
	expect(&s, OUTCOME_DENY, REASON_STATE_USES, "2 of 2 uses are spent");
	scene_release(&s);
}

/* A release is no check before the signature, and the first one after it. */
static void releases_are_waited_for_when_signed(void **state)
{
	SCENE;
	s.request.release = NOW + 60;
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	evaluate_release(s.policy, &s.facts, false, &s.d);
	assert_int_equal(s.d.outcome, OUTCOME_WAIT);
	assert_int_equal(s.d.refusal.reason, REASON_TIME_RELEASE);
	assert_int_equal(s.d.check_count, 1);
	assert_int_equal(s.d.checks[0].passes, NOW + 60);
	assert_non_null(s.d.rule);
	s.facts.now = NOW + 59;
	s.facts.approval_count = 0; /* what let it be signed does not count again */
	evaluate_release(s.policy, &s.facts, false, &s.d);
	assert_int_equal(s.d.outcome, OUTCOME_WAIT);
	s.facts.now = NOW + 60;
	evaluate_release(s.policy, &s.facts, false, &s.d);
	assert_int_equal(s.d.outcome, OUTCOME_ALLOW);
	assert_int_equal(s.d.refusal.reason, REASON_NONE);
	s.facts.key_locked = true;
	evaluate_release(s.policy, &s.facts, true, &s.d);
	assert_int_equal(s.d.outcome, OUTCOME_WAIT);
	assert_int_equal(s.d.refusal.reason, REASON_KEY_LOCKED);
	s.facts.key_locked = false;
	s.facts.review = (struct review_fact){.due = NOW + 61, .use = 1};
	evaluate_release(s.policy, &s.facts, true, &s.d);
	assert_int_equal(s.d.outcome, OUTCOME_ALLOW);
	s.facts.review.due = NOW + 60;
	evaluate_release(s.policy, &s.facts, true, &s.d);
	assert_int_equal(s.d.outcome, OUTCOME_WAIT);
	assert_int_equal(s.d.refusal.reason, REASON_KEY_REVIEW);
	s.facts.review.due = 0;
	s.facts.key_known = false;
	evaluate_release(s.policy, &s.facts, false, &s.d);
	assert_int_equal(s.d.outcome, OUTCOME_WAIT);
	scene_release(&s);
}

/* P7, also for a struct that no document can make, and for a group that lost its last member. */
static void nobody_is_not_enough(void **state)
{
	size_t seats;

	SCENE;
	seats = s.policy->rules[0].approve.count;
	s.policy->rules[0].approve.count = 0;
	expect(&s, OUTCOME_DENY, REASON_RULE_NO_APPROVERS, "demands nobody");
	s.policy->rules[0].approve.count = seats;
	s.policy->rules[0].approve.seats[1].who = name_of("legal");
	expect(&s, OUTCOME_DENY, REASON_RULE_EMPTY_GROUP, "group legal");
	scene_release(&s);
}

/* Two rules for one key: the better outcome wins, the first of equals. */
static void the_best_rule_is_reported(void **state)
{
	AUTO(buf) struct buf b;

	SCENE;
	s.facts.approval_count = 0;
	/* the unattended rule now permits it */
	replaced("policy.json", "[\"nightly\"]", "[\"release-2026\"]", &b);
	policy_free(s.policy);
	assert_rc(RC_OK, policy_parse(buf_view(&b), &s.policy, NULL));
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	assert_ptr_equal(s.d.rule, &s.policy->rules[1]);
	s.request.host = name_of("build-08");
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, NULL);
	assert_ptr_equal(s.d.rule, &s.policy->rules[0]);
	s.request.host = name_of("laptop");
	expect(&s, OUTCOME_DENY, REASON_WHO_HOST, NULL);
	assert_ptr_equal(s.d.rule, &s.policy->rules[0]);
	scene_release(&s);
}

/* Many approvals of few people are no limit; only people are. */
static void approvals_are_many(void **state)
{
	SCENE;
	while (s.facts.approval_count < 70)
		approve(&s, "alice");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	scene_release(&s);
}

static void more_people_than_seats_can_weigh(void **state)
{
	static struct principal people[80];
	static struct name managers;
	struct roster big;
	size_t n = QUORUM_PEOPLE_MAX + 1;

	SCENE;
	managers = name_of("release-managers");
	big = *s.roster;
	for (size_t i = 0; i < n; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "a%02zu", i);
		people[i] = (struct principal){
			.name = name_of(name), .groups = &managers, .group_count = 1};
	}
	people[n] = *roster_person(s.roster, &s.request.requester);
	big.people = people;
	big.people_count = n + 1;
	s.facts.approval_count = 0;
	for (size_t i = 0; i < n; i++) {
		struct approval_fact *a = approve(&s, people[i].name.s);

		a->rule = policy_rule_digest(s.policy, &s.policy->rules[0], &big, &s.request.key,
					     &s.facts.key_fingerprint);
	}
	/* A roster that brings people back revives what they said: that ended the keeper's round.
	 */
	assert_rc(RC_OK, evaluate(s.policy, &big, &s.facts, &s.d));
	assert_false(s.d.quorum.filled); /* the other seat is not theirs */
	assert_int_equal(s.d.quorum.missing_count, 1);
	scene_release(&s);
}

static void outcomes_have_words(void **state)
{
	(void)state;
	assert_string_equal(outcome_word(OUTCOME_ALLOW), "ok");
	assert_string_equal(outcome_word(OUTCOME_WAIT), "wait");
	assert_string_equal(outcome_word(OUTCOME_DENY), "deny");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_well),
		cmocka_unit_test(people_are_waited_for),
		cmocka_unit_test(approvals_bind_to_their_rule),
		cmocka_unit_test(approvals_expire),
		cmocka_unit_test(the_requester_never_counts),
		cmocka_unit_test(strangers_and_the_seatless_never_count),
		cmocka_unit_test(keys_are_checked),
		cmocka_unit_test(rules_are_for_their_keys),
		cmocka_unit_test(who_and_where_are_checked),
		cmocka_unit_test(jobs_come_from_their_issuer),
		cmocka_unit_test(terms_are_checked),
		cmocka_unit_test(time_and_uses_are_checked),
		cmocka_unit_test(releases_are_waited_for_when_signed),
		cmocka_unit_test(nobody_is_not_enough),
		cmocka_unit_test(the_best_rule_is_reported),
		cmocka_unit_test(approvals_are_many),
		cmocka_unit_test(more_people_than_seats_can_weigh),
		cmocka_unit_test(outcomes_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
