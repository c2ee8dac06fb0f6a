/* Unit tests of the reviews of uses that broke the glass: what a rule says of them, whose
 * signatures complete one, and what an overdue one stops. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/evaluate.h"
#include "lib/policy/review.h"
#include "tests/organisation.h"

#define NOW ((unix_time)1795424400)
#define GLASS(review)                                                                              \
	"\"rules\":[{\"approve\":[\"1 of release-managers\"],\"break_glass\":true,\"formats\":["   \
	"\"pe\"],\"from\":[\"group:build-farm\"],\"keys\":[\"release-2026\"],\"name\":\"glass\","  \
	"\"request\":[\"carol\"],\"review\":" review ",\"ticket\":\"INC-*\"},"

static rc policy_of(const char *rules, struct policy **ret, struct fault *f)
{
	AUTO(buf) struct buf b;

	replaced("policy.json", "\"rules\":[", rules, &b);
	return policy_parse(buf_view(&b), ret, f);
}

static void specs_are_read_again(void **state)
{
	static const char text[] =
		"{\"approve\":[\"1 of security\",\"1 of @carol\"],\"within\":60}";
	AUTO(review_spec) struct review_spec s = {.within = 0};
	AUTO(policy) struct policy *p = NULL;
	AUTO(policy) struct policy *q = NULL;
	AUTO(roster) struct roster *r = roster_read();
	const struct name key = name_of("release-2026");
	const struct digest fp = {{1}};
	struct digest first, second;
	struct fault f;

	(void)state;
	assert_rc(RC_OK,
		  policy_of(GLASS("{\"approve\":[\"1 of security\"],\"within\":60}"), &p, &f));
	assert_int_equal(p->rules[0].review.within, 60);
	assert_true(p->rules[0].reason_required);
	assert_rc(RC_OK, review_spec_parse(p->rules[0].review.json, &s, &f));
	assert_int_equal(s.approve.count, 1);
	review_spec_release(&s);
	assert_rc(RC_OK, review_spec_parse(view_str(text), &s, &f));
	assert_int_equal(s.approve.count, 2);
	assert_true(view_is(s.json, text));
	review_spec_release(&s);
	assert_rc(RC_SYNTAX, review_spec_parse(view_str("{\"approve\":[\"1 of a\"]}"), &s, &f));
	review_spec_release(&s);
	assert_rc(RC_RANGE, review_spec_parse(view_str("{\"within\":60}"), &s, &f));
	/* A group that cannot be filled without carol, who asks. */
	assert_rc(RC_OK, policy_check(p, r, &f));
	assert_rc(RC_OK, policy_of(GLASS("{\"approve\":[\"1 of @carol\"],\"within\":60}"), &q, &f));
	assert_rc(RC_DENIED, policy_check(q, r, &f));
	assert_non_null(strstr(f.text, "review of rule glass"));
	/* An approval is for the rule with its review. */
	first = policy_rule_digest(p, &p->rules[0], r, &key, &fp);
	second = policy_rule_digest(q, &q->rules[0], r, &key, &fp);
	assert_false(digest_is_equal(&first, &second));
}

/* Who is of security belongs to the rule. */
static void its_people_are_part_of_the_rule(void **state)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = roster_read();
	AUTO(roster) struct roster *other = NULL;
	AUTO(buf) struct buf b;
	const struct name key = name_of("release-2026");
	const struct digest fp = {{1}};
	struct digest first, second;
	struct fault f;

	(void)state;
	assert_rc(RC_OK,
		  policy_of(GLASS("{\"approve\":[\"1 of security\"],\"within\":60}"), &p, &f));
	replaced("roster.json", "\"security\"", "\"other\"", &b);
	assert_rc(RC_OK, roster_parse(buf_view(&b), &other, &f));
	first = policy_rule_digest(p, &p->rules[0], r, &key, &fp);
	second = policy_rule_digest(p, &p->rules[0], other, &key, &fp);
	assert_false(digest_is_equal(&first, &second));
}

static void seats_of_then_or_those_of_unlock(void **state)
{
	AUTO(review_spec) struct review_spec s = {.within = 0};
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = roster_read();
	const struct name never[] = {name_of("carol"), name_of("dave")};
	struct review_case c = {.never = never, .never_count = 1};
	const struct quorum_spec *seats;
	struct quorum_result q;
	struct voter voters[] = {{name_of("carol"), 1u << SSHKEY_CLI},
				 {name_of("dave"), 1u << SSHKEY_CLI}};
	struct fault f;

	(void)state;
	assert_rc(RC_OK, policy_of("\"rules\":[", &p, &f));
	assert_rc(RC_OK, review_spec_parse(view_str("{\"approve\":[\"1 of @dave\"],\"within\":60}"),
					   &s, &f));
	c.seats = &s.approve;
	assert_rc(RC_OK, review_seats(p, r, &c, &seats));
	assert_ptr_equal(seats, &s.approve);
	assert_rc(RC_OK, review_quorum(p, r, &c, voters, 1, &q)); /* carol asked */
	assert_false(q.filled);
	assert_rc(RC_OK, review_quorum(p, r, &c, voters, 2, &q));
	assert_true(q.filled);
	/* dave is behind it, so that nobody could fill it */
	c.never_count = 2;
	assert_true(review_is_never(&c, &never[1]));
	assert_rc(RC_OK, review_seats(p, r, &c, &seats));
	assert_ptr_equal(seats, &p->unlock);
	assert_rc(RC_OK, review_quorum(p, r, &c, voters, 2, &q));
	assert_false(q.filled);
	assert_rc(RC_LIMIT, review_quorum(p, r, &c, voters, QUORUM_PEOPLE_MAX + 1, &q));
}

static void an_overdue_one_stops_every_rule(void **state)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = roster_read();
	struct request_item item = {.format = "pe"};
	struct request q = {.uses = 1,
			    .items = &item,
			    .count = 1,
			    .upload = true,
			    .key = name_of("release-2026"),
			    .requester = name_of("carol"),
			    .host = name_of("build-07"),
			    .not_before = NOW - 60,
			    .deadline = NOW + 600};
	struct facts facts = {.request = &q,
			      .key_known = true,
			      .now = NOW,
			      .review = {.due = NOW + 1, .request = {{0xab}}, .use = 2}};
	struct decision d;
	struct fault f;

	(void)state;
	assert_rc(RC_OK, policy_of("\"rules\":[", &p, &f));
	assert_rc(RC_OK, evaluate(p, r, &facts, &d));
	assert_int_equal(d.refusal.reason, REASON_APPROVE_QUORUM);
	assert_int_equal(d.checks[1].reason, REASON_KEY_REVIEW);
	assert_int_equal(d.checks[1].outcome, OUTCOME_ALLOW);
	facts.now++;
	assert_rc(RC_OK, evaluate(p, r, &facts, &d));
	assert_int_equal(d.outcome, OUTCOME_WAIT);
	assert_int_equal(d.refusal.reason, REASON_KEY_REVIEW);
	assert_non_null(strstr(d.refusal.text, "use 2 of request ab00000000000000"));
	assert_true(reason_is_wait(REASON_KEY_REVIEW));
	/* Not before a lock, which needs other people. */
	facts.key_locked = true;
	assert_rc(RC_OK, evaluate(p, r, &facts, &d));
	assert_int_equal(d.refusal.reason, REASON_KEY_LOCKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(specs_are_read_again),
		cmocka_unit_test(its_people_are_part_of_the_rule),
		cmocka_unit_test(seats_of_then_or_those_of_unlock),
		cmocka_unit_test(an_overdue_one_stops_every_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
