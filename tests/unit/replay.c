/* Unit tests of replay: the moment at which a request is decided again, and to which rules
 * approvals belong. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/replay.h"
#include "tests/organisation.h"

#define NOW ((unix_time)1795424400)
#define DAY 86400

struct scene {
	struct policy *policy;
	struct roster *roster;
	struct request_item item;
	struct request request;
	struct replay_request q;
	struct replay_world w;
	struct decision d;
	unix_time at;
};

/* Arrived at NOW; alice, bob and dave say yes one, two and three hundred seconds later. */
static void scene_init(struct scene *s)
{
	static const char *const people[] = {"alice", "bob", "dave"};

	memset(s, 0, sizeof(*s));
	s->policy = policy_read();
	s->roster = roster_read();
	s->w = (struct replay_world){s->policy, s->roster, NULL};
	(void)snprintf(s->item.format, sizeof(s->item.format), "cms");
	s->request = (struct request){.key = name_of("release-2026"),
				      .requester = name_of("carol"),
				      .host = name_of("build-07"),
				      .not_before = NOW - DAY,
				      .deadline = NOW + DAY,
				      .uses = 1,
				      .upload = true,
				      .items = &s->item,
				      .count = 1};
	s->q.request = &s->request;
	s->q.arrived = NOW;
	for (size_t i = 0; i < 3; i++)
		s->q.approvals[s->q.approval_count++] =
			(struct replay_approval){.person = name_of(people[i]),
						 .channel = SSHKEY_CLI,
						 .given = NOW + 100 * (unix_time)(i + 1),
						 .expires = NOW + DAY};
}

static void scene_release(struct scene *s)
{
	policy_free(s->policy);
	roster_free(s->roster);
}

#define SCENE                                                                                      \
	struct scene s;                                                                            \
	(void)state;                                                                               \
	scene_init(&s)
#define MOMENT(outcome_, at_)                                                                      \
	do {                                                                                       \
		assert_rc(RC_OK, replay_moment(&s.w, &s.q, &s.at, &s.d));                          \
		assert_int_equal(s.d.outcome, (outcome_));                                         \
		assert_int_equal(s.at, (at_));                                                     \
	} while (0)

static void the_last_approval_decides(void **state)
{
	SCENE;
	MOMENT(OUTCOME_ALLOW, NOW + 300);
	s.q.approvals[0].given = NOW + 500; /* in whatever order they are told */
	MOMENT(OUTCOME_ALLOW, NOW + 500);
	s.request.not_before = NOW + 900;
	MOMENT(OUTCOME_ALLOW, NOW + 900);
	scene_release(&s);
}

static void what_is_never_allowed_is_seen_at_its_last_moment(void **state)
{
	SCENE;
	s.q.approval_count = 2;
	MOMENT(OUTCOME_WAIT, NOW + 200);
	assert_int_equal(s.d.refusal.reason, REASON_APPROVE_QUORUM);
	s.request.requester = name_of("dave");
	MOMENT(OUTCOME_DENY, NOW + 200);
	assert_int_equal(s.d.refusal.reason, REASON_RULE_REQUESTER);
	s.q.approval_count = 0;
	MOMENT(OUTCOME_DENY, NOW);
	s.request.key = name_of("nobody-knows");
	MOMENT(OUTCOME_DENY, NOW);
	assert_int_equal(s.d.refusal.reason, REASON_RULE_NONE);
	assert_null(s.d.rule);
	scene_release(&s);
}

static void later_approvals_are_not_there_yet(void **state)
{
	SCENE;
	assert_rc(RC_OK, replay_decide(&s.w, &s.q, NOW + 299, &s.d));
	assert_int_equal(s.d.outcome, OUTCOME_WAIT);
	assert_rc(RC_OK, replay_decide(&s.w, &s.q, NOW + 300, &s.d));
	assert_int_equal(s.d.outcome, OUTCOME_ALLOW);
	assert_rc(RC_OK, replay_decide(&s.w, &s.q, NOW + DAY, &s.d)); /* expired */
	assert_int_equal(s.d.outcome, OUTCOME_WAIT);
	assert_rc(RC_OK, replay_decide(&s.w, &s.q, NOW + DAY + 1, &s.d));
	assert_int_equal(s.d.refusal.reason, REASON_TIME_DEADLINE);
	scene_release(&s);
}

static void bound_approvals_are_for_their_rule(void **state)
{
	SCENE;
	for (size_t i = 0; i < 3; i++) {
		s.q.approvals[i].bound = true;
		s.q.approvals[i].rule =
			policy_rule_digest(s.policy, &s.policy->rules[0], s.roster, &s.request.key,
					   &s.request.key_fingerprint);
	}
	MOMENT(OUTCOME_ALLOW, NOW + 300);
	s.q.approvals[1].rule.b[0] ^= 1;
	MOMENT(OUTCOME_WAIT, NOW + 300);
	s.q.approvals[1].rule.b[0] ^= 1;
	s.q.key_locked = true;
	MOMENT(OUTCOME_WAIT, NOW + 300);
	assert_int_equal(s.d.refusal.reason, REASON_KEY_LOCKED);
	scene_release(&s);
}

/* bob, a release manager of whom no rule says that he asks, was let in by alice and dave. */
static void grants_hold_while_their_owners_do(void **state)
{
	struct voter voters[] = {{name_of("bob"), 1}, {name_of("alice"), 1}, {name_of("dave"), 1}};
	struct replay_grant grants[2] = {{.change = {.action = ACCESS_GRANT,
						     .key = name_of("release-2026"),
						     .person = name_of("erin"),
						     .until = NOW + 30 * DAY},
					  .given = NOW - DAY},
					 {.change = {.action = ACCESS_GRANT,
						     .key = name_of("release-2026"),
						     .person = name_of("bob"),
						     .until = NOW + 250},
					  .given = NOW - DAY,
					  .voters = voters,
					  .voter_count = 3}};
	AUTO(buf) struct buf owned;
	SCENE;

	policy_free(s.policy);
	s.policy = NULL;
	replaced(
		"policy.json", "\"rules\":[",
		"\"keys\":[{\"name\":\"release-2026\",\"owners\":[\"1 of release-managers\",\"1 of "
		"security\"]}],\"rules\":[",
		&owned);
	assert_rc(RC_OK, policy_parse(buf_view(&owned), &s.policy, NULL));
	s.w.policy = s.policy;
	s.request.requester = name_of("bob");
	MOMENT(OUTCOME_DENY, NOW + 300);
	assert_int_equal(s.d.refusal.reason, REASON_RULE_REQUESTER);
	s.w.grants = grants;
	s.w.grant_count = 2;
	assert_rc(RC_OK, replay_decide(&s.w, &s.q, NOW, &s.d));
	assert_int_equal(s.d.outcome, OUTCOME_WAIT);
	assert_null(s.d.grant);
	/* It was over before enough people had approved. */
	MOMENT(OUTCOME_DENY, NOW + 300);
	grants[1].change.until = NOW + DAY;
	MOMENT(OUTCOME_WAIT, NOW + 300); /* his own approval is none */
	assert_int_equal(s.d.refusal.reason, REASON_APPROVE_QUORUM);
	grants[1].ended = NOW + 300;
	MOMENT(OUTCOME_DENY, NOW + 300);
	/* within the same second the log's order tells */
	grants[1].ended_leaf = 7;
	s.q.authorize = 6;
	MOMENT(OUTCOME_WAIT, NOW + 300);
	s.q.authorize = 8;
	MOMENT(OUTCOME_DENY, NOW + 300);
	s.q.authorize = 0;
	grants[1].ended = NOW + 301;
	MOMENT(OUTCOME_WAIT, NOW + 300);
	grants[1].given = NOW + 301;
	MOMENT(OUTCOME_DENY, NOW + 300);
	grants[1].given = NOW;
	grants[1].voter_count = 2; /* a world in which dave has another key */
	MOMENT(OUTCOME_DENY, NOW + 300);
	scene_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_approval_decides),
		cmocka_unit_test(what_is_never_allowed_is_seen_at_its_last_moment),
		cmocka_unit_test(later_approvals_are_not_there_yet),
		cmocka_unit_test(bound_approvals_are_for_their_rule),
		cmocka_unit_test(grants_hold_while_their_owners_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
