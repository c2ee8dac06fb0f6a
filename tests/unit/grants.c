/* Unit tests of access for a while: owners in a policy, what a grant is worth, and what evaluate()
 * lets it pass. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/grant.h"
#include "tests/organisation.h"

#define NOW ((unix_time)1795424400)
#define DAY 86400
#define KEYS(fields) "\"keys\":[{" fields "}],\"rules\":["
#define OWNED                                                                                      \
	KEYS("\"access_max_life\":2592000,\"name\":\"release-2026\",\"owners\":[\"1 of "           \
	     "release-managers\",\"1 of security\"]")

static rc policy_of(const char *rules, struct policy **ret, struct fault *f)
{
	AUTO(buf) struct buf b;

	replaced("policy.json", "\"rules\":[", rules, &b);
	return policy_parse(buf_view(&b), ret, f);
}

static rc parsed(const char *rules, struct fault *f)
{
	AUTO(policy) struct policy *p = NULL;

	return policy_of(rules, &p, f);
}

static void owners_are_read(void **state)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(policy) struct policy *q = NULL;
	AUTO(roster) struct roster *r = roster_read();
	const struct name key = name_of("release-2026");
	struct fault f;

	(void)state;
	assert_rc(RC_OK, policy_of(OWNED, &p, &f));
	assert_int_equal(policy_key(p, &key)->owners.count, 2);
	assert_int_equal(policy_key(p, &key)->access_max_life, 2592000);
	assert_rc(RC_OK, policy_check(p, r, &f));
	assert_rc(RC_OK, policy_of(KEYS("\"name\":\"k\",\"owners\":[\"3 of security\"]"), &q, &f));
	assert_int_equal(q->keys[0].access_max_life, ACCESS_LIFE_DEFAULT);
	assert_rc(RC_DENIED, policy_check(q, r, &f));
	assert_non_null(strstr(f.text, "owners of key k"));
	assert_rc(RC_RANGE, parsed(KEYS("\"name\":\"k\",\"owners\":[]"), &f));
	assert_rc(RC_RANGE, parsed(KEYS("\"access_max_life\":9,\"name\":\"k\""), &f));
	assert_rc(RC_RANGE, parsed(KEYS("\"access_max_life\":0,\"name\":\"k\",\"owners\":[\"1 of "
					"security\"]"),
				   &f));
	assert_false(rc_is_ok(parsed(KEYS("\"access_max_life\":31622401,\"name\":\"k\",\"owners\":["
					  "\"1 of security\"]"),
				     &f)));
	assert_false(rc_is_ok(parsed(KEYS("\"name\":\"k\",\"owners\":[\"security\"]"), &f)));
	assert_rc(RC_DUPLICATE, parsed(KEYS("\"name\":\"k\",\"owners\":[\"1 of security\",\"1 of "
					    "security\"]"),
				       &f));
}

struct scene {
	struct policy *policy;
	struct roster *roster;
	struct access_change change;
	struct voter voters[4];
	struct grant grant;
};

static void scene_init(struct scene *s, const char *rules)
{
	struct fault f;

	memset(s, 0, sizeof(*s));
	s->roster = roster_read();
	assert_rc(RC_OK, policy_of(rules, &s->policy, &f));
	s->change = (struct access_change){.action = ACCESS_GRANT,
					   .key = name_of("release-2026"),
					   .person = name_of("bob"),
					   .until = NOW + 20 * DAY};
	s->voters[0] = (struct voter){name_of("bob"), 1};
	s->voters[1] = (struct voter){name_of("alice"), 1};
	s->voters[2] = (struct voter){name_of("dave"), 1};
	s->grant = (struct grant){.change = &s->change,
				  .statement = {{7}},
				  .given = NOW,
				  .voters = s->voters,
				  .voter_count = 3};
}

static void scene_release(struct scene *s)
{
	policy_free(s->policy);
	roster_free(s->roster);
}

static enum reason weighed(struct scene *s, unix_time now, struct grant_fact *ret)
{
	enum reason why;

	assert_rc(RC_OK, grant_weigh(s->policy, s->roster, &s->grant, now, &why, ret));
	return why;
}

static void a_grant_is_weighed(void **state)
{
	struct grant_fact fact;
	struct quorum_result q;
	struct scene s;

	(void)state;
	scene_init(&s, OWNED);
	assert_int_equal(weighed(&s, NOW, &fact), REASON_NONE);
	assert_int_equal(fact.until, NOW + 20 * DAY);
	assert_true(name_is(&fact.person, "bob"));
	assert_int_equal(weighed(&s, NOW + 20 * DAY - 1, &fact), REASON_NONE);
	assert_int_equal(weighed(&s, NOW + 20 * DAY, &fact), REASON_ACCESS_LIFE);
	assert_int_equal(weighed(&s, NOW - 1, &fact), REASON_ACCESS_LIFE);
	/* the policy's longest life, whatever it was when the grant was given */
	s.change.until = TIME_MAX;
	assert_int_equal(weighed(&s, NOW + 30 * DAY - 1, &fact), REASON_NONE);
	assert_int_equal(fact.until, NOW + 30 * DAY);
	assert_int_equal(weighed(&s, NOW + 30 * DAY, &fact), REASON_ACCESS_LIFE);
	/* bob holds a seat of the owners, but not of his own grant */
	s.voters[1] = (struct voter){name_of("carol"), 1};
	assert_int_equal(weighed(&s, NOW, &fact), REASON_ACCESS_OWNER);
	/* who asks has signed */
	s.voters[0] = (struct voter){name_of("alice"), 1};
	assert_int_equal(weighed(&s, NOW, &fact), REASON_ACCESS_OWNER);
	assert_rc(RC_OK, grant_quorum(s.policy, s.roster, &s.change, s.voters, 3, &q));
	assert_int_equal(q.missing_count, 1);
	assert_true(q.missing[0].is_person);
	s.change.person = name_of("mallory");
	assert_int_equal(weighed(&s, NOW, &fact), REASON_WHO_PERSON);
	scene_release(&s);
	/* without owners nothing holds */
	scene_init(&s, "\"rules\":[");
	assert_int_equal(weighed(&s, NOW, &fact), REASON_ACCESS_LIFE);
	assert_rc(RC_OK, grant_quorum(s.policy, s.roster, &s.change, s.voters, 3, &q));
	assert_false(q.filled);
	scene_release(&s);
}

static void who_may_end_it(void **state)
{
	const struct name key = name_of("release-2026");
	const struct name other = name_of("nightly");
	const struct name bob = name_of("bob");
	const struct name carol = name_of("carol");
	const struct name dave = name_of("dave");
	struct scene s;

	(void)state;
	scene_init(&s, OWNED);
	assert_true(grant_may_end(s.policy, roster_person(s.roster, &bob), &other, &bob));
	assert_true(grant_may_end(s.policy, roster_person(s.roster, &dave), &key, &carol));
	assert_false(grant_may_end(s.policy, roster_person(s.roster, &dave), &other, &carol));
	assert_false(grant_may_end(s.policy, roster_person(s.roster, &carol), &key, &bob));
	scene_release(&s);
}

/* ---- evaluate() -----------------------------------------------------------------------------*/

static enum reason decided(const struct scene *s, const char *by, const char *from,
			   const struct grant_fact *grant, struct decision *ret)
{
	struct request_item item = {.format = "cms"};
	struct request request = {.key = s->change.key,
				  .key_fingerprint = {{1}},
				  .requester = name_of(by),
				  .host = name_of(from),
				  .not_before = NOW - DAY,
				  .deadline = NOW + DAY,
				  .uses = 1,
				  .upload = true,
				  .items = &item,
				  .count = 1};
	const struct facts facts = {.request = &request,
				    .key_fingerprint = {{1}},
				    .key_known = true,
				    .grants = grant,
				    .grant_count = 1,
				    .now = NOW};

	assert_rc(RC_OK, evaluate(s->policy, s->roster, &facts, ret));
	return ret->refusal.reason;
}

static void a_grant_is_for_one(void **state)
{
	struct grant_fact g = {.person = name_of("bob"),
			       .role = ACCESS_REQUESTER,
			       .until = NOW + 1,
			       .statement = {{7}}};
	struct decision d;
	struct scene s;

	(void)state;
	scene_init(&s, OWNED);
	assert_int_equal(decided(&s, "bob", "build-07", &g, &d), REASON_APPROVE_QUORUM);
	assert_ptr_equal(d.grant, &g);
	assert_non_null(strstr(d.checks[1].text, "by grant 0700000000000000 until "));
	assert_int_equal(decided(&s, "alice", "build-07", &g, &d), REASON_RULE_REQUESTER);
	assert_null(d.grant);
	assert_non_null(strstr(d.refusal.text, "greatseal access request --key release-2026"));
	/* carol is let in by the rule: nothing is named that was not needed */
	g.person = name_of("carol");
	assert_int_equal(decided(&s, "carol", "build-07", &g, &d), REASON_APPROVE_QUORUM);
	assert_null(d.grant);
	g.person = name_of("bob");
	g.until = NOW;
	assert_int_equal(decided(&s, "bob", "build-07", &g, &d), REASON_RULE_REQUESTER);
	g.until = NOW + 1;
	g.role = ACCESS_ROLE__COUNT;
	assert_int_equal(decided(&s, "bob", "build-07", &g, &d), REASON_RULE_REQUESTER);
	g.role = ACCESS_REQUESTER;
	g.host = name_of("build-08");
	assert_int_equal(decided(&s, "bob", "build-07", &g, &d), REASON_RULE_REQUESTER);
	assert_int_equal(decided(&s, "bob", "build-08", &g, &d), REASON_APPROVE_QUORUM);
	scene_release(&s);
	scene_init(&s, "\"rules\":[");
	g.host = (struct name){""};
	assert_int_equal(decided(&s, "bob", "build-07", &g, &d), REASON_RULE_REQUESTER);
	assert_null(strstr(d.refusal.text, "greatseal access"));
	scene_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_are_read),
		cmocka_unit_test(a_grant_is_weighed),
		cmocka_unit_test(who_may_end_it),
		cmocka_unit_test(a_grant_is_for_one),
	};

	return cmocka_run_group_tests_name("grants", tests, NULL, NULL);
}
