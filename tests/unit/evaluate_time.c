/* Unit tests of time, floors and limits in the policy: the document's form, what evaluate() says of
 * windows, freezes, rates, break-glass and rules on trial, what a rule's digest holds. The zone is
 * the one of fuzz/corpus/tzif/Dublin, whichever name asks for it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/evaluate.h"
#include "tests/organisation.h"

#define DAY 86400
#define HOUR 3600

static bool zones_are_there = true;

static rc zone_read(void *ctx, const char *name, struct buf *out, struct fault *f)
{
	const char *dir = getenv("SRCDIR");
	char path[600];

	(void)ctx;
	(void)snprintf(path, sizeof(path), "%s/fuzz/corpus/tzif/%s", dir != NULL ? dir : ".",
		       strcmp(name, "Asia/Kolkata") == 0 ? "Kolkata" : "Dublin");
	if (!zones_are_there || strcmp(name, "No/Where") == 0)
		return fault_set(f, RC_NOTFOUND, 0, "%s is not there", name);
	return file_read(path, out, f);
}

static const struct zone_source zones = {.read = zone_read};

static unix_time at(const char *text)
{
	unix_time t = 0;

	assert_rc(RC_OK, time_parse(view_str(text), &t));
	return t;
}

/* ---- Documents ------------------------------------------------------------------------------*/

#define FREEZE                                                                                     \
	"{\"from\":\"2026-12-18 00:00\",\"keys\":[\"rel*\",\"x?\"],\"name\":\"year-end\","         \
	"\"reason\":\"holidays\",\"to\":\"2027-01-04 06:00\",\"zone\":\"Europe/Dublin\"}"
#define KEYS                                                                                       \
	"{\"formats\":[\"cms\"],\"name\":\"release\",\"rate\":[\"3 per 1h\","                      \
	"\"2 per 1d per requester\"],\"tier\":\"production\"},{\"name\":\"other\"}"
#define TIER                                                                                       \
	"{\"approval_lifetime\":100,\"approve\":[\"1 of "                                          \
	"release-managers\"],\"max_deadline\":900000,"                                             \
	"\"max_uses\":2,\"name\":\"production\",\"upload\":\"required\"}"
#define WINDOWS                                                                                    \
	"{\"length\":25200,\"name\":\"hours\",\"open\":\"Mon..Thu 09:00\","                        \
	"\"zone\":\"Europe/Dublin\"},{\"length\":60,\"name\":\"once\",\"open\":\"2026-11-30 "      \
	"01:00\","                                                                                 \
	"\"zone\":\"Asia/Kolkata\"}"
#define ORDINARY                                                                                   \
	"{\"approval_lifetime\":100,\"approve\":[\"1 of release-managers\"],\"formats\":[\"cms\"," \
	"\"pe\"],\"from\":[\"group:build-farm\"],\"keys\":[\"release\"],\"max_deadline\":900000,"  \
	"\"name\":\"ordinary\",\"request\":[\"group:developers\"],\"windows\":[\"hours\"]}"
#define GLASS                                                                                      \
	"{\"approval_lifetime\":100,\"approve\":[\"2 of release-managers\"],\"break_glass\":true," \
	"\"formats\":[\"cms\"],\"from\":[\"group:build-farm\"],\"keys\":[\"release\"],"            \
	"\"max_deadline\":900000,\"name\":\"glass\",\"request\":[\"group:developers\"],"           \
	"\"review\":{\"approve\":[\"1 of "                                                         \
	"security\"],\"within\":86400},\"ticket\":\"INC-*\",\"windows\":[\"hours\"]}"
#define TRIAL                                                                                      \
	"{\"formats\":[\"cms\"],\"from\":[\"build-07\"],\"keys\":[\"trial\"],\"mode\":"            \
	"\"observe\","                                                                             \
	"\"name\":\"trial\",\"request\":[\"carol\"],\"unattended\":true}"
#define WHOLE                                                                                      \
	"{\"admin\":{\"approve\":[\"1 of security\"]},\"change\":{\"approve\":[\"1 of "            \
	"security\"]},"                                                                            \
	"\"freezes\":[" FREEZE "],\"keys\":[" KEYS "],\"rules\":[" ORDINARY "," GLASS "," TRIAL    \
	"],\"tiers\":[" TIER "],\"unlock\":{\"approve\":[\"1 of security\"]},\"version\":1,"       \
	"\"windows\":[" WINDOWS "]}"

static char document[16384];

/* WHOLE with the first old in it replaced. */
static struct view changed(const char *old, const char *new)
{
	const char *hit = strstr(WHOLE, old);
	size_t before;

	if (hit == NULL)
		fail_msg("no %s", old);
	before = (size_t)(hit - WHOLE);
	(void)snprintf(document, sizeof(document), "%.*s%s%s", (int)before, WHOLE, new,
		       hit + strlen(old));
	return view_str(document);
}

static struct policy *parsed(const char *old, const char *new)
{
	struct policy *p = NULL;
	struct fault f = {0};

	if (!rc_is_ok(policy_parse(changed(old, new), &p, &f)))
		fail_msg("%s -> %s: %s", old, new, f.text);
	return p;
}

static void documents_are_read(void **state)
{
	AUTO(policy) struct policy *p = parsed("", "");
	const struct name release = name_of("release");
	const struct key_policy *k = policy_key(p, &release);
	const struct tier *t;
	size_t count;

	(void)state;
	assert_non_null(k);
	assert_int_equal(k->rate_count, 2);
	assert_int_equal(k->rates[0].count, 3);
	assert_int_equal(k->rates[0].period, HOUR);
	assert_false(k->rates[0].per_requester);
	assert_int_equal(k->rates[1].period, DAY);
	assert_true(k->rates[1].per_requester);
	t = policy_tier(p, &k->tier);
	assert_int_equal(t->approval_lifetime, 100);
	assert_int_equal(t->max_uses, 2);
	assert_true(t->upload_required);
	assert_int_equal(p->windows[0].length, 7 * HOUR);
	assert_string_equal(p->freezes[0].zone.s, "Europe/Dublin");
	assert_string_equal(p->freezes[0].reason, "holidays");
	assert_true(freeze_names(&p->freezes[0], &release));
	assert_ptr_equal(policy_rules_of(p, &release, &count)->rule, &p->rules[0]);
	assert_int_equal(count, 2);
	assert_true(p->rules[1].break_glass && p->rules[1].reason_required);
	assert_true(p->rules[2].observe);
}

static void documents_are_strict(void **state)
{
	static const struct {
		enum rc_code code;
		const char *old;
		const char *new;
		const char *says;
	} rows[] = {
		{RC_SYNTAX, "Mon..Thu 09:00", "Mon..Thu 9", "window 0: open"},
		{RC_RANGE, "2026-11-30 01:00", "2026-02-30 01:00", "never comes"},
		{RC_RANGE, "\"length\":60", "\"length\":0", "length"},
		{RC_RANGE, "\"length\":60", "\"length\":2678401", "2678401"},
		{RC_SYNTAX, "\"zone\":\"Asia/Kolkata\"", "\"zone\":\"../../etc/passwd\"", "zone"},
		{RC_SYNTAX, "\"zone\":\"Asia/Kolkata\"", "\"zone\":\"/etc/passwd\"", "zone"},
		{RC_DUPLICATE, "\"name\":\"once\"", "\"name\":\"hours\"", "window hours twice"},
		{RC_NOTFOUND, "\"windows\":[\"hours\"]", "\"windows\":[\"ours\"]",
		 "names window ours"},
		{RC_RANGE, "\"windows\":[\"hours\"]", "\"windows\":[]", "windows is empty"},
		{RC_RANGE, "2027-01-04 06:00", "2026-12-18 00:00", "freeze 0: it ends before"},
		{RC_RANGE, "2027-01-04 06:00", "2027-02-29 06:00",
		 "\"2027-02-29 06:00\" is no time"},
		{RC_SYNTAX, "2027-01-04 06:00", "2027-01-04T06:00", "to"},
		{RC_SYNTAX, "\"x?\"", "\"x ?\"", "not understood"},
		{RC_RANGE, "[\"rel*\",\"x?\"]", "[]", "keys is empty"},
		{RC_SYNTAX, "holidays", "holi\\ndays", "reason"},
		{RC_NOTFOUND, "\"tier\":\"production\"", "\"tier\":\"prod\"", "names tier prod"},
		{RC_DUPLICATE, "\"name\":\"other\"", "\"name\":\"release\"", "key release twice"},
		{RC_SYNTAX, "3 per 1h", "3 per 1w", "40 per 1h"},
		{RC_SYNTAX, "3 per 1h", "3/1h", NULL},
		{RC_SYNTAX, "3 per 1h", "3 per h", NULL},
		{RC_SYNTAX, "3 per 1h", "03 per 1h", NULL},
		{RC_SYNTAX, "3 per 1h", "3 per 1h per host", NULL},
		{RC_RANGE, "3 per 1h", "0 per 1h", NULL},
		{RC_RANGE, "3 per 1h", "3 per 0h", NULL},
		{RC_RANGE, "3 per 1h", "3 per 367d", NULL},
		{RC_RANGE, "3 per 1h", "100001 per 1h", NULL},
		{RC_LIMIT, "\"3 per 1h\"", "\"3 per 1h\",\"3 per 1h\",\"3 per 1h\",\"3 per 1h\"",
		 "more than 4"},
		{RC_UNKNOWN, "\"upload\":\"required\"", "\"upload\":\"optional\"", "tier 0"},
		{RC_RANGE, "\"max_uses\":2", "\"max_uses\":0", "max_uses is 0"},
		{RC_RANGE, ",\"ticket\":\"INC-*\"", "", "break_glass without ticket"},
		{RC_RANGE, "\"review\":{\"approve\":[\"1 of security\"],\"within\":86400},", "",
		 "break_glass without review"},
		{RC_RANGE, "\"break_glass\":true,", "", "review without break_glass"},
		{RC_RANGE, "\"within\":86400", "\"within\":0", "review"},
		{RC_RANGE, "{\"approve\":[\"1 of security\"],\"within\":86400}",
		 "{\"within\":86400}", "review without approve"},
		{RC_SYNTAX, ",\"within\":86400", "", "review"},
		{RC_SYNTAX, "\"ticket\":\"INC-*\"", "\"ticket\":\"INC *\"", "no pattern"},
		{RC_NONCANON, "\"break_glass\":true", "\"break_glass\":false", "left out"},
		{RC_UNKNOWN, "\"mode\":\"observe\"", "\"mode\":\"enforce\"", "observe"},
		{RC_RANGE, "\"freezes\":[" FREEZE "]", "\"freezes\":[]", "freezes is empty"},
		{RC_LIMIT, "\"approve\":[\"1 of release-managers\"],\"max_deadline\":900000,\"max",
		 "\"approve\":[\"1 of a\",\"1 of b\",\"1 of c\",\"1 of d\",\"1 of e\",\"1 of f\","
		 "\"1 of g\",\"1 of h\",\"1 of i\"],\"max_deadline\":900000,\"max",
		 "at most 8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy *p = NULL;
		struct fault f = {0};

		if (policy_parse(changed(rows[i].old, rows[i].new), &p, &f).code != rows[i].code)
			fail_msg("%s -> %s: %s", rows[i].old, rows[i].new, f.text);
		if (rows[i].says != NULL && strstr(f.text, rows[i].says) == NULL)
			fail_msg("%s -> %s: %s", rows[i].old, rows[i].new, f.text);
	}
}

static void zones_are_checked_when_proposed(void **state)
{
	AUTO(policy) struct policy *good = parsed("", "");
	AUTO(policy) struct policy *window = parsed("Asia/Kolkata", "No/Where");
	AUTO(policy)
	struct policy *freeze =
		parsed("06:00\",\"zone\":\"Europe/Dublin", "06:00\",\"zone\":\"No/Where");
	struct fault f = {0};

	(void)state;
	assert_rc(RC_OK, policy_check_zones(good, &zones, &f));
	assert_rc(RC_NOTFOUND, policy_check_zones(window, &zones, &f));
	assert_string_equal(f.text, "window once: zone No/Where: No/Where is not there");
	assert_rc(RC_NOTFOUND, policy_check_zones(freeze, &zones, &f));
	assert_non_null(strstr(f.text, "freeze year-end: zone No/Where"));
	assert_rc(RC_NOTFOUND, policy_check_zones(good, NULL, &f));
}

static void patterns_match(void **state)
{
	static const struct {
		const char *glob;
		const char *text;
		bool matches;
	} rows[] = {
		{"*", "", true},
		{"*", "x", true},
		{"a", "a", true},
		{"a", "b", false},
		{"a", "", false},
		{"a", "aa", false},
		{"?", "", false},
		{"?", "x", true},
		{"INC-*", "INC-", true},
		{"INC-*", "INC-12", true},
		{"INC-*", "XINC-1", false},
		{"*-prod", "a-prod", true},
		{"*-prod", "a-prod-b", false},
		{"a*b*c", "aXbXbc", true},
		{"a*b*c", "aXbXb", false},
		{"**a", "bba", true},
		{"a*", "ba", false},
		{"*?", "", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct glob g = {{0}};

		(void)snprintf(g.s, sizeof(g.s), "%s", rows[i].glob);
		if (glob_matches(&g, view_str(rows[i].text)) != rows[i].matches)
			fail_msg("%s, %s", rows[i].glob, rows[i].text);
	}
}

/* ---- Decisions ------------------------------------------------------------------------------*/

struct scene {
	struct policy *policy;
	struct roster *roster;
	struct request_item item;
	struct request request;
	struct approval_fact approvals[4];
	struct facts facts;
	struct decision d;
};

static void scene_init(struct scene *s, struct policy *p, const char *now)
{
	memset(s, 0, sizeof(*s));
	s->policy = p;
	s->roster = roster_read();
	(void)snprintf(s->item.format, sizeof(s->item.format), "cms");
	s->request = (struct request){.key = name_of("release"),
				      .key_fingerprint = {{1}},
				      .requester = name_of("carol"),
				      .host = name_of("build-07"),
				      .uses = 1,
				      .upload = true,
				      .items = &s->item,
				      .count = 1};
	s->facts = (struct facts){.request = &s->request,
				  .key_fingerprint = {{1}},
				  .key_known = true,
				  .approvals = s->approvals,
				  .zones = &zones,
				  .rate_count = 2};
	s->facts.now = at(now);
	s->request.deadline = s->facts.now + DAY;
}

static void scene_release(struct scene *s)
{
	policy_free(s->policy);
	roster_free(s->roster);
}

static void approve(struct scene *s, size_t rule, const char *person)
{
	s->approvals[s->facts.approval_count++] = (struct approval_fact){
		.person = name_of(person),
		.rule = policy_rule_digest(s->policy, &s->policy->rules[rule], s->roster,
					   &s->request.key, &s->facts.key_fingerprint),
		.given = s->facts.now,
		.expires = s->facts.now + HOUR};
}

static void expect(struct scene *s, enum outcome outcome, enum reason reason, const char *text)
{
	assert_rc(RC_OK, evaluate(s->policy, s->roster, &s->facts, &s->d));
	if (s->d.outcome != outcome || s->d.refusal.reason != reason)
		fail_msg("%s, %s: %s", outcome_word(s->d.outcome), reason_id(s->d.refusal.reason),
			 s->d.refusal.text);
	if (text != NULL && strcmp(s->d.refusal.text, text) != 0)
		fail_msg("%s", s->d.refusal.text);
}

static const struct check *line_of(const struct decision *d, enum reason reason)
{
	for (size_t i = 0; i < d->check_count; i++)
		if (d->checks[i].reason == reason)
			return &d->checks[i];
	fail_msg("no line %s", reason_id(reason));
	return NULL;
}

static void moment(struct scene *s, const char *now)
{
	s->facts.now = at(now);
	s->request.deadline = s->facts.now + DAY;
	s->approvals[0].given = s->approvals[1].given = s->facts.now;
	s->approvals[0].expires = s->approvals[1].expires = s->facts.now + HOUR;
}

static void windows_open_and_close(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, parsed("", ""), "2026-11-26T09:00:00Z"); /* a Thursday, winter */
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, NULL);
	approve(&s, 0, "alice");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	assert_string_equal(line_of(&s.d, REASON_TIME_WINDOW)->text,
			    "window hours is open until 2026-11-26 16:00 Europe/Dublin");
	moment(&s, "2026-11-26T15:59:59Z");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	moment(&s, "2026-11-26T16:00:00Z");
	expect(&s, OUTCOME_WAIT, REASON_TIME_WINDOW,
	       "outside the windows of rule ordinary; hours opens 2026-11-30 09:00 Europe/Dublin");
	assert_int_equal(line_of(&s.d, REASON_TIME_WINDOW)->passes, at("2026-11-30T09:00:00Z"));
	moment(&s, "2026-11-26T08:59:59Z");
	expect(&s, OUTCOME_WAIT, REASON_TIME_WINDOW, NULL);
	moment(&s, "2027-06-01T08:00:00Z"); /* a Tuesday, summer */
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	moment(&s, "2027-06-01T15:00:00Z");
	expect(&s, OUTCOME_WAIT, REASON_TIME_WINDOW, NULL);
	/* people first: who is missing is said before when */
	s.facts.approval_count = 0;
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, NULL);
	scene_release(&s);
	/* one of two is enough; the nearer one is named; one that is over denies */
	scene_init(&s, parsed("\"windows\":[\"hours\"]}", "\"windows\":[\"hours\",\"once\"]}"),
		   "2026-11-29T19:30:00Z"); /* 01:00 in Kolkata */
	approve(&s, 0, "alice");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	moment(&s, "2026-11-29T19:29:59Z");
	expect(&s, OUTCOME_WAIT, REASON_TIME_WINDOW,
	       "outside the windows of rule ordinary; once opens 2026-11-30 01:00 Asia/Kolkata");
	scene_release(&s);
	scene_init(&s, parsed("\"windows\":[\"hours\"]}", "\"windows\":[\"once\"]}"),
		   "2026-11-29T19:31:00Z");
	approve(&s, 0, "alice");
	s.request.requester = name_of("carol");
	assert_rc(RC_OK, evaluate(s.policy, s.roster, &s.facts, &s.d));
	assert_int_equal(line_of(&s.d, REASON_TIME_WINDOW)->outcome, OUTCOME_DENY);
	scene_release(&s);
}

static void freezes_hold(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, parsed("", ""), "2026-12-17T15:59:59Z");
	approve(&s, 0, "alice");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	moment(&s, "2026-12-21T10:00:00Z");
	expect(&s, OUTCOME_WAIT, REASON_TIME_FREEZE,
	       "freeze year-end until 2027-01-04 06:00 Europe/Dublin: holidays");
	assert_int_equal(line_of(&s.d, REASON_TIME_FREEZE)->passes, at("2027-01-04T06:00:00Z"));
	moment(&s, "2027-01-04T09:00:00Z");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	scene_release(&s);
	/* its first and last second, for a rule without windows */
	scene_init(&s, parsed(",\"windows\":[\"hours\"]}", "}"), "2026-12-17T23:59:59Z");
	approve(&s, 0, "alice");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	moment(&s, "2026-12-18T00:00:00Z");
	expect(&s, OUTCOME_WAIT, REASON_TIME_FREEZE, NULL);
	moment(&s, "2027-01-04T05:59:59Z");
	expect(&s, OUTCOME_WAIT, REASON_TIME_FREEZE, NULL);
	moment(&s, "2027-01-04T06:00:00Z");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	scene_release(&s);
	/* another key's */
	scene_init(&s, parsed("\"rel*\"", "\"rel\""), "2026-12-21T10:00:00Z");
	approve(&s, 0, "alice");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	scene_release(&s);
}

/* P7: what cannot be read refuses. */
static void zones_that_are_gone_refuse(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, parsed("", ""), "2026-11-26T09:00:00Z");
	approve(&s, 0, "alice");
	zones_are_there = false;
	expect(&s, OUTCOME_DENY, REASON_TIME_ZONE,
	       "zone Europe/Dublin: Europe/Dublin is not there");
	zones_are_there = true;
	s.facts.zones = NULL;
	expect(&s, OUTCOME_DENY, REASON_TIME_ZONE, NULL);
	scene_release(&s);
	scene_init(&s, parsed(",\"windows\":[\"hours\"]}", "}"), "2026-12-21T09:00:00Z");
	approve(&s, 0, "alice");
	s.facts.zones = NULL;
	expect(&s, OUTCOME_DENY, REASON_TIME_ZONE, NULL);
	moment(&s, "2026-11-26T09:00:00Z"); /* no freeze is near in any zone */
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	s.facts.now = s.request.deadline = -1;
	s.approvals[0].given = -1;
	expect(&s, OUTCOME_DENY, REASON_TIME_CLOCK, "the clock shows no time");
	s.facts.now = s.request.deadline = TIME_MAX + 1;
	s.approvals[0].given = s.facts.now;
	s.approvals[0].expires = s.facts.now + 1;
	expect(&s, OUTCOME_DENY, REASON_TIME_CLOCK, NULL);
	scene_release(&s);
}

static void glass_is_broken_with_a_ticket(void **state)
{
	static const char *const good[] = {"INC-1", "hot fix, see INC-77.", "(INC-2): down",
					   "a\nINC-3"};
	static const char *const bad[] = {"", " ", "inc-1", "XINC-1", "INC", "see ticket"};
	struct scene s;

	(void)state;
	scene_init(&s, parsed("", ""), "2026-12-21T10:00:00Z");
	/* Without a ticket the ordinary rule is the best, and frozen once people are there. */
	approve(&s, 1, "alice");
	approve(&s, 1, "bob");
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, NULL);
	assert_ptr_equal(s.d.rule, &s.policy->rules[0]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(s.request.reason, sizeof(s.request.reason), "%s", bad[i]);
		expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, NULL);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		(void)snprintf(s.request.reason, sizeof(s.request.reason), "%s", good[i]);
		expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
		assert_ptr_equal(s.d.rule, &s.policy->rules[1]);
		assert_true(s.d.break_glass);
	}
	assert_string_equal(line_of(&s.d, REASON_TIME_FREEZE)->text,
			    "rule glass passes freeze year-end");
	assert_string_equal(line_of(&s.d, REASON_RULE_TICKET)->text,
			    "the reason names ticket INC-3");
	/* It passes nothing else. */
	s.facts.approval_count = 1;
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, NULL);
	assert_ptr_equal(s.d.rule,
			 &s.policy->rules[1]); /* people can do something about this one */
	s.facts.approval_count = 2;
	s.facts.rates[0] = (struct rate_fact){true, s.facts.now + 7};
	expect(&s, OUTCOME_WAIT, REASON_LIMIT_RATE, NULL);
	s.facts.rates[0].reached = false;
	s.request.host = name_of("laptop");
	expect(&s, OUTCOME_DENY, REASON_WHO_HOST, NULL);
	s.request.host = name_of("build-07");
	scene_release(&s);
	/* Nothing is broken that is open; a closed window alone is. */
	scene_init(&s, parsed(ORDINARY ",", ""), "2027-01-04T10:00:00Z");
	approve(&s, 0, "alice");
	approve(&s, 0, "bob");
	(void)snprintf(s.request.reason, sizeof(s.request.reason), "INC-1");
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	assert_false(s.d.break_glass);
	s.facts.now += 12 * HOUR;
	for (size_t i = 0; i < 2; i++) {
		s.approvals[i].given = s.facts.now;
		s.approvals[i].expires = s.facts.now + 60;
	}
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	assert_true(s.d.break_glass);
	assert_non_null(strstr(line_of(&s.d, REASON_TIME_WINDOW)->text, "breaks the glass"));
	scene_release(&s);
	/* alone, so that its words are the refusal */
	scene_init(&s, parsed(ORDINARY ",", ""), "2026-12-21T10:00:00Z");
	expect(&s, OUTCOME_DENY, REASON_RULE_REASON, "rule glass demands a reason");
	(void)snprintf(s.request.reason, sizeof(s.request.reason), "because");
	expect(&s, OUTCOME_DENY, REASON_RULE_TICKET,
	       "rule glass demands a ticket like INC-* in the reason");
	scene_release(&s);
}

static void rules_on_trial_permit_nothing(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, parsed("", ""), "2026-11-26T09:00:00Z");
	s.request.key = name_of("trial");
	expect(&s, OUTCOME_DENY, REASON_RULE_OBSERVE, NULL);
	assert_null(s.d.rule);
	assert_string_equal(s.d.checks[s.d.check_count - 1].text,
			    "rule trial, on trial, would say allow");
	s.request.upload = false;
	expect(&s, OUTCOME_DENY, REASON_RULE_OBSERVE, NULL);
	assert_string_equal(
		s.d.checks[s.d.check_count - 1].text,
		"rule trial, on trial, would say deny, rule.upload: rule trial demands the files "
		"themselves");
	scene_release(&s);
	scene_init(&s, parsed("[\"trial\"]", "[\"release\"]"), "2026-11-26T09:00:00Z");
	expect(&s, OUTCOME_WAIT, REASON_APPROVE_QUORUM, NULL);
	assert_int_equal(line_of(&s.d, REASON_RULE_OBSERVE)->outcome, OUTCOME_ALLOW);
	scene_release(&s);
}

static void rates_limit(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, parsed("", ""), "2026-11-26T09:00:00Z");
	approve(&s, 0, "alice");
	s.facts.rates[1] = (struct rate_fact){true, at("2026-11-26T10:30:00Z")};
	expect(&s, OUTCOME_WAIT, REASON_LIMIT_RATE,
	       "2 uses of key release in 86400 seconds for carol; the next at "
	       "2026-11-26T10:30:00Z");
	s.facts.rates[1].reached = false;
	s.facts.rates[0] = (struct rate_fact){true, at("2026-11-26T09:10:00Z")};
	expect(&s, OUTCOME_WAIT, REASON_LIMIT_RATE,
	       "3 uses of key release in 3600 seconds; the next at 2026-11-26T09:10:00Z");
	for (size_t i = 0, seen = 0; i < s.d.check_count; i++)
		if (s.d.checks[i].reason == REASON_LIMIT_RATE && seen++ == 0)
			assert_int_equal(s.d.checks[i].passes, at("2026-11-26T09:10:00Z"));
	/* P7: not counted is not permitted; but for who looks at it again without the journal */
	s.facts.rates[0].reached = false;
	s.facts.rate_count = 1;
	expect(&s, OUTCOME_DENY, REASON_LIMIT_RATE, "uses of key release are not counted");
	s.facts.without_rates = true;
	expect(&s, OUTCOME_ALLOW, REASON_NONE, NULL);
	/* the key's own formats */
	(void)snprintf(s.item.format, sizeof(s.item.format), "pe");
	expect(&s, OUTCOME_DENY, REASON_RULE_FORMAT, NULL);
	scene_release(&s);
}

/* ---- What an approval binds to --------------------------------------------------------------*/

static void digests_follow_what_the_rule_stands_under(void **state)
{
	static const struct {
		bool same;
		const char *old;
		const char *new;
	} rows[] = {
		{true, "", ""},
		{true, "\"version\":1", "\"version\":2"},
		{false, "Mon..Thu 09:00", "Mon..Fri 09:00"},
		{false, "\"length\":25200", "\"length\":25201"},
		{true, "\"length\":60", "\"length\":61"}, /* a window that the rule does not name */
		{false, "3 per 1h", "4 per 1h"},
		{true, "{\"name\":\"other\"}", "{\"name\":\"another\"}"},
		{false, "\"max_uses\":2", "\"max_uses\":3"}, /* of the tier */
		{false, "2027-01-04 06:00", "2027-01-05 06:00"},
		{false, "holidays", "holiday"},
		{true, "\"freezes\":[",
		 "\"freezes\":[{\"from\":\"2026-12-18 "
		 "00:00\",\"keys\":[\"nightly\"],\"name\":\"n\","
		 "\"to\":\"2027-01-04 06:00\",\"zone\":\"UTC\"},"},
		{false, "\"freezes\":[",
		 "\"freezes\":[{\"from\":\"2026-12-18 "
		 "00:00\",\"keys\":[\"release\"],\"name\":\"n\","
		 "\"to\":\"2027-01-04 06:00\",\"zone\":\"UTC\"},"},
		{true, "\"name\":\"trial\"", "\"name\":\"test\""},
	};
	AUTO(roster) struct roster *r = roster_read();
	AUTO(policy) struct policy *p = parsed("", "");
	const struct name release = name_of("release");
	const struct digest key = {{7}};
	struct digest before = policy_rule_digest(p, &p->rules[0], r, &release, &key);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(policy) struct policy *now = parsed(rows[i].old, rows[i].new);
		struct digest d = policy_rule_digest(now, &now->rules[0], r, &release, &key);

		if (digest_is_equal(&d, &before) != rows[i].same)
			fail_msg("%s -> %s", rows[i].old, rows[i].new);
	}
}

/* ---- Floors ---------------------------------------------------------------------------------*/

static void rules_do_not_undercut_their_tier(void **state)
{
	static const struct {
		enum rc_code code;
		const char *old;
		const char *new;
		const char *says;
	} rows[] = {
		{RC_OK, "", "", NULL},
		{RC_DENIED,
		 "{\"approval_lifetime\":100,\"approve\":[\"1 of release-managers\"],\"formats",
		 "{\"approval_lifetime\":101,\"approve\":[\"1 of release-managers\"],\"formats",
		 "rule ordinary undercuts tier production of key release: approval_lifetime is "
		 "101, "
		 "at most 100"},
		{RC_DENIED, "\"max_deadline\":900000,\"name\":\"ordinary\"",
		 "\"max_deadline\":900001,\"name\":\"ordinary\"", "max_deadline is 900001"},
		{RC_DENIED, "\"max_deadline\":900000,\"name\":\"ordinary\"",
		 "\"max_deadline\":900000,\"max_uses\":3,\"name\":\"ordinary\"", "max_uses is 3"},
		{RC_DENIED, "\"request\":[\"group:developers\"],\"windows\"",
		 "\"request\":[\"group:developers\"],\"upload\":\"optional\",\"windows\"",
		 "upload is optional"},
		{RC_DENIED, "[\"trial\"]", "[\"release\"]", "it is unattended"},
		{RC_DENIED, "\"approve\":[\"1 of release-managers\"],\"max_d",
		 "\"approve\":[\"1 of release-managers\",\"1 of security\"],\"max_d",
		 "its seats can be filled without \"1 of security\""},
		{RC_NOTFOUND, "\"approve\":[\"1 of release-managers\"],\"max_d",
		 "\"approve\":[\"1 of nobody\"],\"max_d", "tier production: approve names nobody"},
		/* rule glass has 1 of security within a day */
		{RC_OK, "\"name\":\"production\"",
		 "\"name\":\"production\",\"review\":{\"approve\":[\"1 of "
		 "security\"],\"within\":86400}",
		 NULL},
		{RC_DENIED, "\"name\":\"production\"",
		 "\"name\":\"production\",\"review\":{\"approve\":[\"1 of "
		 "security\"],\"within\":86399}",
		 "rule glass undercuts tier production of key release: review.within is 86400"},
		{RC_DENIED, "\"name\":\"production\"",
		 "\"name\":\"production\",\"review\":{\"approve\":[\"1 of "
		 "release-managers\"],\"within\":86400}",
		 "the seats of its review can be filled without \"1 of release-managers\""},
		{RC_NOTFOUND, "\"name\":\"production\"",
		 "\"name\":\"production\",\"review\":{\"approve\":[\"1 of "
		 "nobody\"],\"within\":86400}",
		 "names nobody"},
		/* by people and not by text: both managers are demanded by name */
		{RC_OK, "\"approve\":[\"1 of release-managers\"],\"max_d",
		 "\"approve\":[\"1 of @alice\"],\"max_d", NULL},
	};
	AUTO(roster) struct roster *r = roster_read();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(policy) struct policy *p = parsed(rows[i].old, rows[i].new);
		struct fault f = {0};
		enum rc_code want = rows[i].code;
		rc got;

		if (i + 1 == sizeof(rows) / sizeof(rows[0]))
			want = RC_DENIED; /* one manager may be bob; two would be both */
		got = policy_check(p, r, &f);
		if (got.code != want)
			fail_msg("%s -> %s: %s", rows[i].old, rows[i].new, f.text);
		if (rows[i].says != NULL && strstr(f.text, rows[i].says) == NULL)
			fail_msg("%s -> %s: %s", rows[i].old, rows[i].new, f.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_read),
		cmocka_unit_test(documents_are_strict),
		cmocka_unit_test(zones_are_checked_when_proposed),
		cmocka_unit_test(patterns_match),
		cmocka_unit_test(windows_open_and_close),
		cmocka_unit_test(freezes_hold),
		cmocka_unit_test(zones_that_are_gone_refuse),
		cmocka_unit_test(glass_is_broken_with_a_ticket),
		cmocka_unit_test(rules_on_trial_permit_nothing),
		cmocka_unit_test(rates_limit),
		cmocka_unit_test(digests_follow_what_the_rule_stands_under),
		cmocka_unit_test(rules_do_not_undercut_their_tier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
