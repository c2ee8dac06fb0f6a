/* Unit tests of `policy check`: each finding is provoked, and what is well has none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/lint.h"
#include "tests/organisation.h"

/* The findings of the small organisation with one replacement in each document. */
static void look(const char *old_policy, const char *new_policy, const char *old_roster,
		 const char *new_roster, struct findings *ret)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = NULL;
	AUTO(buf) struct buf policy;
	AUTO(buf) struct buf roster;
	struct fault f = {0};

	replaced("policy.json", old_policy, new_policy, &policy);
	replaced("roster.json", old_roster, new_roster, &roster);
	if (!rc_is_ok(policy_parse(buf_view(&policy), &p, &f)) ||
	    !rc_is_ok(roster_parse(buf_view(&roster), &r, &f)))
		fail_msg("%s", f.text);
	assert_rc(RC_OK, lint(p, r, NULL, ret));
}

static const struct finding *find(const struct findings *f, const char *code, enum lint_where where,
				  const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->list[i].code, code) == 0 && f->list[i].where == where &&
		    name_is(&f->list[i].name, name))
			return &f->list[i];
	return NULL;
}

static void expect(const struct findings *f, const char *code, enum lint_where where,
		   const char *name, const char *text)
{
	const struct finding *found = find(f, code, where, name);

	if (found == NULL)
		fail_msg("no %s for %s", code, name);
	if (strstr(found->text, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, found->text);
	assert_int_equal(found->is_error, strcmp(code, "policy.refused") == 0);
}

static bool has_code(const struct findings *f, const char *code)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->list[i].code, code) == 0)
			return true;
	return false;
}

/* Two keys that nobody of the organisation has. */
#define KEY_E "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQRqK0WjJx1Ya2U0qpRalujAF1WZSX9S5U60VWh9L3W"
#define KEY_F "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMUt0X/BVhqnz/pdc2mjJyqrG/rqxQ2uwobhnqFivPoG"
#define EVE                                                                                        \
	"\"people\":[{\"groups\":[\"release-managers\",\"security\"],\"keys\":[\"" KEY_E           \
	"\"],\"name\":\"eve\"},{\"groups\":[\"release-managers\",\"security\"],\"keys\":[\"" KEY_F \
	"\"],\"name\":\"frank\"},"

static void a_spacious_organisation_has_no_finding(void **state)
{
	AUTO(findings) struct findings f = {0};

	(void)state;
	look("\"from\":[\"build-07\"]", "\"from\":[\"build-08\"]", "\"people\":[", EVE, &f);
	for (size_t i = 0; i < f.count; i++)
		print_error("%s: %s\n", f.list[i].code, f.list[i].text);
	assert_int_equal(f.count, 0);
}

static void quorums_with_nobody_to_spare(void **state)
{
	AUTO(findings) struct findings f = {0};

	(void)state;
	look("", "", "", "", &f);
	assert_int_equal(f.errors, 0);
	expect(&f, "quorum.spare", LINT_POLICY, "admin", "admin cannot be filled without bob");
	expect(&f, "quorum.spare", LINT_POLICY, "unlock", "unlock cannot be filled without dave");
	expect(&f, "quorum.spare", LINT_POLICY, "change", "change cannot be filled without dave");
	expect(&f, "quorum.spare", LINT_RULE, "release", "rule release cannot be filled without");
}

/* With three for two seats everybody can be missed, but not when one of the three asks. */
static void the_requester_is_not_to_spare(void **state)
{
	AUTO(findings) struct findings f = {0};

	(void)state;
	look("\"approve\":[\"2 of release-managers\",\"1 of "
	     "security\"],\"formats\":[\"cms\",\"pe\"],"
	     "\"from\":[\"group:build-farm\"],\"keys\":[\"release-2026\"],\"max_uses\":3,\"name\":"
	     "\"release\",\"request\":[\"group:developers\"]",
	     "\"approve\":[\"2 of release-managers\"],\"formats\":[\"cms\",\"pe\"],"
	     "\"from\":[\"group:build-farm\"],\"keys\":[\"release-2026\"],\"max_uses\":3,\"name\":"
	     "\"release\",\"request\":[\"alice\",\"group:developers\"]",
	     "\"people\":[",
	     "\"people\":[{\"groups\":[\"release-managers\"],\"keys\":[\"" KEY_E
	     "\"],\"name\":\"eve\"},",
	     &f);
	assert_int_equal(f.errors, 0);
	expect(&f, "quorum.spare", LINT_RULE, "release", "when the requester is alice");
}

static void each_refusal_is_told_by_itself(void **state)
{
	AUTO(findings) struct findings f = {0};
	AUTO(findings) struct findings none = {0};

	(void)state;
	look("\"admin\":{\"approve\":[\"2 of release-managers\"]}",
	     "\"admin\":{\"approve\":[\"3 of release-managers\"]}", "\"groups\":[\"developers\"]",
	     "\"groups\":[\"engineers\"]", &f);
	assert_int_equal(f.errors, 2);
	expect(&f, "policy.refused", LINT_POLICY, "admin",
	       "admin: \"3 of release-managers\" cannot be filled");
	expect(&f, "policy.refused", LINT_RULE, "release",
	       "rule release: request names group:developers, and the roster has no such group");
	/* With no quorum that holds, rules are not looked at, and the three are named apart. */
	look("", "", "\"groups\":[\"security\"]", "\"groups\":[]", &none);
	expect(&none, "policy.refused", LINT_POLICY, "change", "change: approve names security");
	expect(&none, "policy.refused", LINT_POLICY, "unlock", "unlock: approve names security");
	assert_null(find(&none, "policy.refused", LINT_POLICY, "admin"));
	expect(&none, "policy.refused", LINT_RULE, "release",
	       "rule release: approve names security");
}

static rc no_zone(void *ctx, const char *name, struct buf *out, struct fault *f)
{
	(void)ctx;
	(void)out;
	return fault_set(f, RC_NOTFOUND, 0, "%s is not there", name);
}

/* A policy of one rule whose key has a tier with this seat; and a window and a freeze. */
static void look_at_floors(const char *seat, bool timed, struct findings *ret)
{
	static const struct zone_source zones = {.read = no_zone};
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = roster_read();
	AUTO(buf) struct buf b = {0};
	struct fault f = {0};

	buf_init(&b, DOCUMENT_BYTES_MAX);
	buf_printf(&b,
		   "{\"admin\":{\"approve\":[\"1 of security\"]},\"change\":{\"approve\":[\"1 of "
		   "security\"]},%s\"keys\":[{\"name\":\"release-2026\",\"tier\":\"production\"}],"
		   "\"rules\":[{\"approve\":[\"2 of "
		   "release-managers\"],\"formats\":[\"pe\"],\"from\":["
		   "\"build-07\"],\"keys\":[\"release-2026\"],\"name\":\"release\",\"request\":["
		   "\"carol\"]}"
		   "],\"tiers\":[{\"approve\":[\"%s\"],\"name\":\"production\"}],\"unlock\":{"
		   "\"approve\":["
		   "\"1 of security\"]},\"version\":1%s}",
		   timed ? "\"freezes\":[{\"from\":\"2026-12-18 "
			   "00:00\",\"keys\":[\"*\"],\"name\":\"year-"
			   "end\",\"to\":\"2027-01-04 06:00\",\"zone\":\"No/Where\"}],"
			 : "",
		   seat,
		   timed ? ",\"windows\":[{\"length\":60,\"name\":\"hours\",\"open\":\"09:00\","
			   "\"zone\":"
			   "\"No/Where\"}]"
			 : "");
	if (!rc_is_ok(policy_parse(buf_view(&b), &p, &f)))
		fail_msg("%s", f.text);
	assert_rc(RC_OK, lint(p, r, &zones, ret));
}

static void floors_and_zones_are_told_by_themselves(void **state)
{
	AUTO(findings) struct findings good = {0};
	AUTO(findings) struct findings under = {0};
	AUTO(findings) struct findings nobody = {0};
	AUTO(findings) struct findings zones = {0};

	(void)state;
	look_at_floors("1 of release-managers", false, &good);
	assert_int_equal(good.errors, 0);
	look_at_floors("1 of security", false, &under);
	assert_int_equal(under.errors, 1);
	expect(&under, "policy.refused", LINT_RULE, "release",
	       "rule release undercuts tier production of key release-2026");
	look_at_floors("1 of nobody", false, &nobody);
	assert_int_equal(nobody.errors, 1);
	expect(&nobody, "policy.refused", LINT_TIER, "production", "approve names nobody");
	look_at_floors("1 of release-managers", true, &zones);
	assert_int_equal(zones.errors, 2);
	expect(&zones, "policy.refused", LINT_WINDOW, "hours", "No/Where is not there");
	expect(&zones, "policy.refused", LINT_FREEZE, "year-end", "No/Where is not there");
}

static void names_that_nothing_uses(void **state)
{
	AUTO(findings) struct findings f = {0};

	(void)state;
	look("\"from\":[\"group:build-farm\"]", "\"from\":[\"build-07\"]", "\"people\":[",
	     "\"people\":[{\"groups\":[\"testers\"],\"keys\":[\"" KEY_E
	     "\"],\"name\":\"eve\"},{\"groups\":[],\"keys\":[\"" KEY_F "\"],\"name\":\"frank\"},",
	     &f);
	expect(&f, "group.unused", LINT_PERSON, "eve", "group testers of people");
	expect(&f, "group.unused", LINT_HOST, "build-07", "group build-farm of hosts");
	expect(&f, "person.idle", LINT_PERSON, "frank", "frank is in no group");
	expect(&f, "host.unused", LINT_HOST, "build-08", "host build-08: no rule accepts it");
	assert_null(find(&f, "person.idle", LINT_PERSON, "eve"));
	assert_null(find(&f, "host.unused", LINT_HOST, "build-07"));
}

/* A rule of one key behind the two of the organisation. */
#define RULE(fields) "\"upload\":\"optional\"},{" fields "}]"
#define SEATS "\"approve\":[\"2 of release-managers\",\"1 of security\"]"
#define TAIL ",\"from\":[\"build-07\"],\"keys\":[\"release-2026\"],"

static bool is_shadowed(const char *fields)
{
	AUTO(findings) struct findings f = {0};

	look("\"upload\":\"optional\"}]", fields, "", "", &f);
	assert_null(find(&f, "rule.shadowed", LINT_RULE, "release")); /* of two the later one */
	if (find(&f, "rule.shadowed", LINT_RULE, "late") == NULL) {
		assert_false(has_code(&f, "rule.shadowed"));
		return false;
	}
	expect(&f, "rule.shadowed", LINT_RULE, "late",
	       "whatever it allows, rule release allows too");
	return true;
}

static void rules_that_never_decide(void **state)
{
	static const struct {
		const char *rule;
		bool shadowed;
	} list[] = {
		{RULE(SEATS ",\"formats\":[\"pe\"]" TAIL
			    "\"name\":\"late\",\"request\":[\"carol\"]"),
		 true},
		/* more approvers than the other asks for */
		{RULE("\"approve\":[\"1 of @alice\",\"2 of release-managers\",\"1 of security\"],"
		      "\"formats\":[\"pe\"]" TAIL "\"name\":\"late\",\"request\":[\"carol\"]"),
		 true},
		/* the same rule again: of two the later one */
		{RULE(SEATS
		      ",\"formats\":[\"cms\",\"pe\"],\"from\":[\"group:build-farm\"],\"keys\":["
		      "\"release-2026\"],\"max_uses\":3,\"name\":\"late\",\"request\":[\"group:"
		      "developers\"]"),
		 true},
		{RULE(SEATS ",\"formats\":[\"deb\"]" TAIL
			    "\"name\":\"late\",\"request\":[\"carol\"]"),
		 false},
		{RULE(SEATS ",\"formats\":[\"pe\"]" TAIL
			    "\"name\":\"late\",\"request\":[\"dave\"]"),
		 false},
		{RULE(SEATS ",\"formats\":[\"pe\"]" TAIL
			    "\"max_uses\":4,\"name\":\"late\",\"request\":[\"carol\"]"),
		 false},
		{RULE(SEATS ",\"formats\":[\"pe\"]" TAIL
			    "\"max_deadline\":1209601,\"name\":\"late\",\"request\":[\"carol\"]"),
		 false},
		{RULE(SEATS ",\"formats\":[\"pe\"]" TAIL
			    "\"name\":\"late\",\"request\":[\"carol\"],\"upload\":\"optional\""),
		 false},
		{RULE("\"approval_lifetime\":259201," SEATS ",\"formats\":[\"pe\"]" TAIL
		      "\"name\":\"late\",\"request\":[\"carol\"]"),
		 false},
		{RULE("\"approve\":[\"1 of release-managers\",\"1 of security\"],\"formats\":["
		      "\"pe\"]" TAIL "\"name\":\"late\",\"request\":[\"carol\"]"),
		 false},
		{RULE("\"formats\":[\"pe\"]" TAIL
		      "\"name\":\"late\",\"request\":[\"carol\"],\"unattended\":true"),
		 false},
		{RULE(SEATS
		      ",\"formats\":[\"pe\"],\"from\":[\"build-07\"],\"keys\":[\"other\",\"release-"
		      "2026\"],\"name\":\"late\",\"request\":[\"carol\"]"),
		 false},
		/* what restricts it further, and what would let more through */
		{RULE(SEATS ",\"artifact\":{\"max_size\":9},\"classes\":[\"tpm\",\"software\"],"
			    "\"formats\":[\"pe\"],\"from\":[\"build-07\"],\"hold\":60,\"keys\":["
			    "\"release-2026\"],\"name\":\"late\",\"reason\":\"required\","
			    "\"request\":[\"carol\"],\"synced\":\"false\",\"ticket\":\"A-*\""),
		 true},
		{RULE(SEATS ",\"formats\":[\"pe\"]" TAIL
			    "\"name\":\"late\",\"preapproved\":{\"max_age\":60},\"request\":["
			    "\"carol\"]"),
		 false},
		{RULE("\"approve\":[\"2 of release-managers\",\"1 of "
		      "security\"],\"break_glass\":true,"
		      "\"formats\":[\"pe\"]" TAIL
		      "\"name\":\"late\",\"request\":[\"carol\"],\"review\":{\"approve\":[\"1 of "
		      "security\"],\"within\":60},\"ticket\":\"A-*\""),
		 false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (is_shadowed(list[i].rule) != list[i].shadowed)
			fail_msg("%s", list[i].rule);
	}
}

static bool shadows_with(const struct policy *p, const struct roster *r)
{
	AUTO(findings) struct findings f = {0};

	assert_rc(RC_OK, lint(p, r, NULL, &f));
	return has_code(&f, "rule.shadowed");
}

/* The wide rule asks for what the narrow one does not: it covers nothing. */
static void a_rule_that_asks_for_more_shadows_nothing(void **state)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = roster_read();
	AUTO(buf) struct buf policy;
	struct fault f = {0};
	struct rule *wide;
	struct rule plain;

	(void)state;
	replaced("policy.json", "\"upload\":\"optional\"}]",
		 RULE(SEATS ",\"formats\":[\"pe\"]" TAIL
			    "\"name\":\"late\",\"request\":[\"carol\"]"),
		 &policy);
	assert_rc(RC_OK, policy_parse(buf_view(&policy), &p, &f));
	assert_true(shadows_with(p, r));
	wide = &p->rules[0];
	plain = *wide;
	wide->hold = 60;
	assert_false(shadows_with(p, r));
	*wide = plain;
	wide->classes = 1u << HOST_SOFTWARE;
	assert_false(shadows_with(p, r));
	*wide = plain;
	wide->unsynced = true;
	assert_false(shadows_with(p, r));
	*wide = plain;
	wide->reason_required = true;
	assert_false(shadows_with(p, r));
	*wide = plain;
	wide->ticket.s[0] = '*';
	assert_false(shadows_with(p, r));
	*wide = plain;
	wide->artifact = view_str("{\"max_size\":9}");
	assert_false(shadows_with(p, r));
	*wide = plain;
	wide->windows = &wide->name;
	wide->window_count = 1;
	assert_false(shadows_with(p, r));
	*wide = plain;
	/* Of a service only services are. */
	p->rules[2].request[0] = (struct subject_ref){.is_service = true};
	assert_true(shadows_with(p, r)); /* the roster has no service */
}

static void rules_that_nothing_gets_through(void **state)
{
	AUTO(findings) struct findings f = {0};
	AUTO(findings) struct findings builders = {0};

	(void)state;
	look("\"formats\":[\"cms\",\"pe\"],\"from\"",
	     "\"classes\":[\"tpm\"],\"formats\":[\"cms\",\"pe\"],\"from\"", "", "", &f);
	expect(&f, "rule.unreachable", LINT_RULE, "release",
	       "rule release: no host that it accepts can be of its classes");
	assert_null(find(&f, "rule.unreachable", LINT_RULE, "nightly"));
	look("\"rules\":[{" SEATS,
	     "\"keys\":[{\"formats\":[\"deb\"],\"name\":\"release-2026\"}],\"rules\":[{" SEATS
	     ",\"artifact\":{\"rebuild\":{\"agree\":2,\"of\":[\"build-07\",\"build-08\"]}}",
	     "", "", &builders);
	expect(&builders, "rule.unreachable", LINT_RULE, "release",
	       "rule release: key release-2026 is used for none of its formats");
	expect(&builders, "rule.builders", LINT_RULE, "release",
	       "when one of its builders is away");
}

static void jobs_that_nobody_may_ask_for(void **state)
{
	AUTO(findings) struct findings good = {0};
	AUTO(findings) struct findings people = {0};
	AUTO(findings) struct findings others = {0};
	AUTO(findings) struct findings nobody = {0};

	(void)state;
	look(JOB_RULE_OLD, JOB_RULE("\"issuer:github\"", "\"service:ci\""),
	     "\"version\":", JOB_SERVICES "\"version\":", &good);
	assert_int_equal(good.errors, 0);
	assert_false(has_code(&good, "rule.unreachable"));
	look(JOB_RULE_OLD, JOB_RULE("\"issuer:github\"", "\"group:developers\""),
	     "\"version\":", JOB_SERVICES "\"version\":", &people);
	expect(&people, "rule.unreachable", LINT_RULE, "release",
	       "rule release: nobody whom it lets ask does so by a token of an issuer in from");
	look(JOB_RULE_OLD, JOB_RULE("\"issuer:github\"", "\"service:ci-other\""),
	     "\"version\":", JOB_SERVICES "\"version\":", &others);
	expect(&others, "rule.unreachable", LINT_RULE, "release", "an issuer in from");
	/* An issuer whose tokens are bound to nothing is none for from. */
	look(JOB_RULE_OLD, JOB_RULE("\"issuer:lab\"", "\"service:ci-lab\""),
	     "\"version\":", JOB_SERVICES "\"version\":", &nobody);
	expect(&nobody, "policy.refused", LINT_RULE, "release",
	       "the roster has no such service with this issuer and bind: audience");
}

#define SERVICE(name, bound, issuer)                                                               \
	"{\"name\":\"" name "\",\"oidc\":{" bound "\"issuer\":\"" issuer                           \
	"\",\"match\":[\"id=1\"],\"name\":\"github\"}}"
#define GITHUB "https://token.actions.githubusercontent.com"
#define AUDIENCE "\"audience\":\"https://seal.example\","
#define BIND "\"bind\":\"audience\","

static void tokens_that_name_no_request(void **state)
{
	AUTO(findings) struct findings bound = {0};
	AUTO(findings) struct findings open = {0};
	AUTO(findings) struct findings two = {0};

	(void)state;
	look("", "",
	     "\"version\":", "\"services\":[" SERVICE("ci", BIND, GITHUB) "],\"version\":", &bound);
	assert_false(has_code(&bound, "service.unbound"));
	look("", "", "\"version\":",
	     "\"services\":[" SERVICE("ci", AUDIENCE, GITHUB) "],\"version\":", &open);
	expect(&open, "service.unbound", LINT_SERVICE, "ci", "service ci: greatseal --oidc github");
	/* Of two of one issuer, one asks by tokens that the rule does not take. */
	look(JOB_RULE_OLD, JOB_RULE("\"issuer:github\"", "\"service:*\""), "\"version\":",
	     "\"services\":[" SERVICE("a", BIND, "https://ci.example") "," SERVICE(
		     "b", AUDIENCE, "https://ci.example") "],\"version\":",
	     &two);
	assert_int_equal(two.errors, 0);
	assert_null(find(&two, "service.unbound", LINT_SERVICE, "a"));
	expect(&two, "service.unbound", LINT_SERVICE, "b",
	       "service b: rule release takes tokens that name the request, and no host");
}

/* A field that lint does not know may restrict a rule: it is never said to cover another. */
static void rules_with_unknown_fields_shadow_nothing(void **state)
{
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *r = roster_read();
	AUTO(buf) struct buf policy;
	struct fault f = {0};
	static const char unknown[] = "{\"formats\":[\"cms\"],\"zeal\":[\"office\"]}";

	(void)state;
	replaced("policy.json", "\"upload\":\"optional\"}]",
		 RULE("\"approve\":[\"2 of release-managers\",\"1 of "
		      "security\"],\"formats\":[\"pe\"]" TAIL
		      "\"name\":\"late\",\"request\":[\"carol\"]"),
		 &policy);
	assert_rc(RC_OK, policy_parse(buf_view(&policy), &p, &f));
	for (size_t i = 0; i < 2; i++) {
		AUTO(findings) struct findings found = {0};

		assert_rc(RC_OK, lint(p, r, NULL, &found));
		assert_int_equal(has_code(&found, "rule.shadowed"), i == 0);
		p->rules[0].json = view_str(unknown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spacious_organisation_has_no_finding),
		cmocka_unit_test(quorums_with_nobody_to_spare),
		cmocka_unit_test(the_requester_is_not_to_spare),
		cmocka_unit_test(each_refusal_is_told_by_itself),
		cmocka_unit_test(floors_and_zones_are_told_by_themselves),
		cmocka_unit_test(names_that_nothing_uses),
		cmocka_unit_test(rules_that_never_decide),
		cmocka_unit_test(a_rule_that_asks_for_more_shadows_nothing),
		cmocka_unit_test(rules_that_nothing_gets_through),
		cmocka_unit_test(jobs_that_nobody_may_ask_for),
		cmocka_unit_test(tokens_that_name_no_request),
		cmocka_unit_test(rules_with_unknown_fields_shadow_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
