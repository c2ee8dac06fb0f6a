/* Unit tests of what lib/model/roster.h has beside people and hosts with keys, and of how
 * evaluate() and quorums take it: services, groups in groups, channels, synced passkeys. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/evaluate.h"
#include "tests/organisation.h"

#define NOW ((unix_time)1795424400)
#define END "\"version\":1}"

static struct roster *changed(const char *old, const char *new)
{
	AUTO(buf) struct buf b;
	struct roster *r = NULL;
	struct fault f = {0};

	replaced("roster.json", old, new, &b);
	if (!rc_is_ok(roster_parse(buf_view(&b), &r, &f)))
		fail_msg("%s", f.text);
	return r;
}

static void refused(enum rc_code code, const char *old, const char *new)
{
	AUTO(buf) struct buf b;
	struct roster *r = NULL;
	struct fault f = {0};
	rc result;

	replaced("roster.json", old, new, &b);
	result = roster_parse(buf_view(&b), &r, &f);
	if (result.code != code)
		fail_msg("%s: %s for %s", rc_name(result), f.text, new);
	assert_null(r);
}

/* Of tests/vectors/sshsig: a key of nobody in the organisation. */
static const char *spare_key(void)
{
	static char line[SSHKEY_LINE_MAX];
	AUTO(buf) struct buf b;
	char path[600];
	char *end;

	buf_init(&b, SSHKEY_LINE_MAX);
	(void)snprintf(path, sizeof(path), "%s/tests/vectors/sshsig/ed25519.pub", getenv("SRCDIR"));
	assert_rc(RC_OK, file_read(path, &b, NULL));
	(void)snprintf(line, sizeof(line), "%s", buf_cstr(&b));
	end = strchr(strchr(line, ' ') + 1, ' ');
	if (end == NULL)
		end = strchr(line, '\n');
	if (end != NULL)
		*end = '\0';
	return line;
}

static void services_are_read(void **state)
{
	AUTO(roster)
	struct roster *r = changed(
		END, "\"services\":[{\"name\":\"ci\",\"oidc\":{\"actor\":\"actor\",\"bind\":"
		     "\"audience\","
		     "\"issuer\":\"https://ci.example\",\"match\":[\"ref=main\",\"id=7\"],\"name\":"
		     "\"github\"},\"owners\":[\"carol\"]}]," END);
	const struct name ci = name_of("ci");
	const struct principal *s = roster_service(r, &ci);

	(void)state;
	assert_non_null(s);
	assert_ptr_equal(roster_requester(r, &ci), s);
	assert_null(roster_person(r, &ci));
	assert_string_equal(s->oidc->match[0].claim, "id");
	assert_string_equal(s->oidc->match[1].value, "main");
	assert_true(s->oidc->bind_audience);
	const struct name carol = name_of("carol");
	const struct name alice = name_of("alice");
	assert_true(roster_is_behind(s, roster_person(r, &carol), ""));
	assert_false(roster_is_behind(s, roster_person(r, &alice), "alice"));
}

#define OIDC(fields) "\"services\":[{\"name\":\"ci\",\"oidc\":{" fields "}}]," END
#define GOOD_OIDC "\"issuer\":\"https://ci.example\",\"match\":[\"id=7\"],\"name\":\"github\""

static void services_are_refused(void **state)
{
	(void)state;
	refused(RC_RANGE, END, "\"services\":[]," END);
	refused(RC_RANGE, END, "\"services\":[{\"name\":\"ci\"}]," END);
	refused(RC_DUPLICATE, END,
		"\"services\":[{\"name\":\"carol\",\"oidc\":{\"audience\":\"a\"," GOOD_OIDC
		"}}]," END);
	refused(RC_DUPLICATE, END,
		"\"services\":[{\"name\":\"build-07\",\"oidc\":{\"audience\":\"a\"," GOOD_OIDC
		"}}]," END);
	refused(RC_NOTFOUND, END,
		"\"services\":[{\"name\":\"ci\",\"oidc\":{\"audience\":\"a\"," GOOD_OIDC
		"},\"owners\":[\"mallory\"]}]," END);
	refused(RC_RANGE, END, OIDC(GOOD_OIDC)); /* neither audience nor bind */
	refused(RC_MISMATCH, END, OIDC("\"bind\":\"subject\"," GOOD_OIDC));
	refused(RC_SYNTAX, END,
		OIDC("\"audience\":\"a\",\"issuer\":\"http://ci.example\",\"match\":[\"id=7\"],"
		     "\"name\":\"github\""));
	refused(RC_RANGE, END,
		OIDC("\"audience\":\"a\",\"issuer\":\"https://"
		     "ci\",\"match\":[],\"name\":\"github\""));
	refused(RC_DUPLICATE, END,
		OIDC("\"audience\":\"a\",\"issuer\":\"https://ci\",\"match\":[\"id=7\",\"id=8\"],"
		     "\"name\":\"github\""));
	refused(RC_SYNTAX, END,
		OIDC("\"audience\":\"a\",\"issuer\":\"https://ci\",\"match\":[\"id\"],\"name\":"
		     "\"github\""));
	/* What looks like another text is not ASCII, and hidden ends are not there. */
	refused(RC_SYNTAX, END,
		OIDC("\"audience\":\"\\u0430\",\"issuer\":\"https://ci\",\"match\":[\"id=7\"],"
		     "\"name\":\"github\""));
}

static void builders_and_keys(void **state)
{
	char text[4096];

	(void)state;
	(void)snprintf(text, sizeof(text),
		       "{\"builders\":[{\"keys\":[\"%s\"],\"name\":\"b1\"}],\"hosts\"",
		       spare_key());
	AUTO(roster) struct roster *r = changed("{\"hosts\"", text);
	const struct name b1 = name_of("b1");
	const struct principal *b = roster_builder(r, &b1);

	assert_non_null(b);
	assert_null(roster_requester(r, &b1));
	/* A builder's key speaks for nobody else. */
	assert_null(roster_person_by_key(r, sshkey_blob(b->keys[0])));
	assert_null(roster_requester_by_key(r, sshkey_blob(b->keys[0])));
	/* Nor does a machine of its name, whose word would count in its place. */
	(void)snprintf(text, sizeof(text),
		       "{\"builders\":[{\"keys\":[\"%s\"],\"name\":\"build-07\"}],\"hosts\"",
		       spare_key());
	refused(RC_DUPLICATE, "{\"hosts\"", text);
	refused(RC_RANGE, "{\"hosts\"", "{\"builders\":[{\"name\":\"b1\"}],\"hosts\"");
	(void)snprintf(
		text, sizeof(text),
		"{\"builders\":[{\"keys\":[\"%s\"],\"name\":\"b1\"},{\"keys\":[\"%s\"],\"name\":"
		"\"b2\"}],\"hosts\"",
		spare_key(), spare_key());
	refused(RC_DUPLICATE, "{\"hosts\"", text);
}

static void groups_in_groups(void **state)
{
	AUTO(roster)
	struct roster *r =
		changed("{\"hosts\"", "{\"groups\":[{\"groups\":[\"everybody\"],\"name\":\"all\"},"
				      "{\"groups\":[\"release-managers\",\"security\"],\"name\":"
				      "\"everybody\"}],\"hosts\"");
	const struct name all = name_of("all");
	const struct name managers = name_of("release-managers");
	const struct name security = name_of("security");

	(void)state;
	assert_int_equal(roster_group(r, false, &all)->member_count,
			 roster_group(r, false, &managers)->member_count +
				 roster_group(r, false, &security)->member_count);
	refused(RC_MISMATCH, "{\"hosts\"",
		"{\"groups\":[{\"groups\":[\"b\"],\"name\":\"a\"},{\"groups\":[\"a\",\"security\"],"
		"\"name\":\"b\"}],\"hosts\"");
	refused(RC_MISMATCH, "{\"hosts\"",
		"{\"groups\":[{\"groups\":[\"a\",\"security\"],\"name\":\"a\"}],\"hosts\"");
	refused(RC_NOTFOUND, "{\"hosts\"",
		"{\"groups\":[{\"groups\":[\"nobody\"],\"name\":\"a\"}],\"hosts\"");
	refused(RC_RANGE, "{\"hosts\"", "{\"groups\":[{\"groups\":[],\"name\":\"a\"}],\"hosts\"");
	refused(RC_DUPLICATE, "{\"hosts\"",
		"{\"groups\":[{\"groups\":[\"security\"],\"name\":\"a\"},{\"groups\":[\"security\"]"
		","
		"\"name\":\"a\"}],\"hosts\"");
	/* Groups of hosts are others. */
	refused(RC_NOTFOUND, "{\"hosts\"",
		"{\"groups\":[{\"groups\":[\"build-farm\"],\"name\":\"a\"}],\"hosts\"");
}

static void nesting_has_an_end(void **state)
{
	char text[2048] = "{\"groups\":[";
	size_t len = strlen(text);

	(void)state;
	for (int i = 0; i < 9; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s{\"groups\":[\"%s%.0d\"],\"name\":\"n%d\"}",
					i == 0 ? "" : ",", i == 0 ? "security" : "n",
					i == 0 ? 0 : i - 1, i);
	/* %.0d writes nothing for 0, so that the second entry needs its number by hand. */
	(void)len;
	for (char *at = strstr(text, "[\"n\"]"); at != NULL; at = strstr(text, "[\"n\"]")) {
		memmove(at + 4, at + 3, strlen(at + 3) + 1);
		at[3] = '0';
	}
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "],\"hosts\"");
	refused(RC_RANGE, "{\"hosts\"", text);
}

static void hosts_have_one_way(void **state)
{
	AUTO(roster)
	struct roster *r = changed("\"hosts\":[",
				   "\"hosts\":[{\"class\":\"tpm\",\"enrol\":true,\"groups\":[],"
				   "\"name\":\"lab\"},{\"groups\":[],\"name\":\"pod\",\"spiffe\":"
				   "\"spiffe://corp/ci/pod\"},");
	const struct name lab = name_of("lab");
	const struct principal *h = roster_host(r, &lab);

	(void)state;
	assert_true(h->enrol && h->key_count == 0 && h->least == HOST_TPM);
	refused(RC_RANGE, "\"hosts\":[", "\"hosts\":[{\"groups\":[],\"name\":\"lab\"},");
	refused(RC_RANGE, "\"hosts\":[",
		"\"hosts\":[{\"enrol\":true,\"groups\":[],\"name\":\"lab\",\"spiffe\":\"spiffe://a/"
		"b\"},");
	refused(RC_RANGE, "\"hosts\":[",
		"\"hosts\":[{\"class\":\"tpm\",\"groups\":[],\"name\":\"lab\",\"spiffe\":"
		"\"spiffe://a/b\"},");
	refused(RC_RANGE, "\"hosts\":[",
		"\"hosts\":[{\"enrol\":false,\"groups\":[],\"name\":\"lab\"},");
	refused(RC_SYNTAX, "\"hosts\":[",
		"\"hosts\":[{\"class\":\"best\",\"enrol\":true,\"groups\":[],\"name\":\"lab\"},");
	static const char *const ids[] = {"spiffe://",	  "spiffe://a",	  "spiffe://a/",
					  "http://a/b",	  "spiffe://A/b", "spiffe://a/../b",
					  "spiffe://a//b"};
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char text[256];

		(void)snprintf(text, sizeof(text),
			       "\"hosts\":[{\"groups\":[],\"name\":\"lab\",\"spiffe\":\"%s\"},",
			       ids[i]);
		refused(RC_SYNTAX, "\"hosts\":[", text);
	}
}

static void accounts_are_read(void **state)
{
	AUTO(roster)
	struct roster *r = changed("\"people\":[{",
				   "\"people\":[{\"accounts\":[\"github:al-ice\",\"lab:a\"],");

	(void)state;
	bool found = false;
	for (size_t i = 0; i < r->people_count; i++)
		found = found || r->people[i].account_count == 2;
	assert_true(found);
	refused(RC_SYNTAX, "\"people\":[{", "\"people\":[{\"accounts\":[\"carol\"],");
	refused(RC_SYNTAX, "\"people\":[{", "\"people\":[{\"accounts\":[\"github:\"],");
	refused(RC_SYNTAX, "\"people\":[{", "\"people\":[{\"accounts\":[\"github:a b\"],");
	refused(RC_DUPLICATE, "\"people\":[{", "\"people\":[{\"accounts\":[\"g:a\",\"g:a\"],");
	refused(RC_RANGE, "\"people\":[{", "\"people\":[{\"accounts\":[],");
}

/* ---- Decisions -----------------------------------------------------------------------------*/

struct scene {
	struct policy *policy;
	struct roster *roster;
	struct request_item item;
	struct request request;
	struct approval_fact approvals[3];
	struct facts facts;
	struct decision d;
};

static void scene_init(struct scene *s, const char *seats, const char *requester)
{
	static const char *const people[] = {"alice", "bob", "dave"};
	AUTO(buf) struct buf b;
	char rule[512];
	struct fault f = {0};

	(void)snprintf(rule, sizeof(rule),
		       "\"rules\":[{\"approve\":[%s],\"formats\":[\"cms\"],\"from\":[\"build-07\"],"
		       "\"keys\":"
		       "[\"k\"],\"name\":\"r\",\"request\":[\"carol\",\"service:*\"],\"synced\":"
		       "\"false\"},",
		       seats);
	replaced("policy.json", "\"rules\":[", rule, &b);
	s->policy = NULL;
	if (!rc_is_ok(policy_parse(buf_view(&b), &s->policy, &f)))
		fail_msg("%s", f.text);
	s->roster = changed(
		END, "\"services\":[{\"name\":\"ci\",\"oidc\":{\"actor\":\"who\",\"audience\":"
		     "\"a\"," GOOD_OIDC "},\"owners\":[\"bob\"]}]," END);
	memset(&s->item, 0, sizeof(s->item));
	(void)snprintf(s->item.format, sizeof(s->item.format), "cms");
	s->request = (struct request){.key = name_of("k"),
				      .key_fingerprint = {{1}},
				      .requester = name_of(requester),
				      .host = name_of("build-07"),
				      .deadline = NOW + 3600,
				      .uses = 1,
				      .upload = true,
				      .items = &s->item,
				      .count = 1};
	s->facts = (struct facts){.request = &s->request,
				  .key_fingerprint = {{1}},
				  .key_known = true,
				  .approvals = s->approvals,
				  .approval_count = 3,
				  .now = NOW};
	for (size_t i = 0; i < 3; i++)
		s->approvals[i] = (struct approval_fact){
			.person = name_of(people[i]),
			.rule = policy_rule_digest(s->policy, &s->policy->rules[0], s->roster,
						   &s->request.key, &s->facts.key_fingerprint),
			.statement = {{(uint8_t)i}},
			.given = NOW - 60,
			.expires = NOW + 3600,
			.channel = SSHKEY_CLI};
}

static void scene_expect(struct scene *s, enum outcome outcome, const char *text)
{
	assert_rc(RC_OK, evaluate(s->policy, s->roster, &s->facts, &s->d));
	if (s->d.outcome != outcome)
		fail_msg("%s: %s", outcome_word(s->d.outcome), s->d.refusal.text);
	if (text != NULL && strstr(s->d.refusal.text, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, s->d.refusal.text);
}

static void scene_end(struct scene *s)
{
	roster_free(s->roster);
	policy_free(s->policy);
}

static enum reason why(struct scene *s, size_t i)
{
	return approval_reason(s->policy, s->roster, &s->policy->rules[0], &s->facts,
			       &s->approvals[i]);
}

static void seats_ask_for_channels(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "\"2 of release-managers\",\"1 of security (cli)\"", "carol");
	scene_expect(&s, OUTCOME_ALLOW, NULL);
	s.approvals[2].channel = SSHKEY_BROWSER;
	scene_expect(&s, OUTCOME_WAIT, "1 more of security (cli)");
	assert_int_equal(why(&s, 2), REASON_WHO_CHANNEL);
	s.approvals[0].channel = SSHKEY_BROWSER;
	assert_int_equal(why(&s, 0), REASON_NONE);
	scene_end(&s);
	scene_init(&s, "\"1 of release-managers (browser)\"", "carol");
	scene_expect(&s, OUTCOME_WAIT, "1 more of release-managers (browser)");
	s.approvals[1].channel = SSHKEY_BROWSER;
	scene_expect(&s, OUTCOME_ALLOW, NULL);
	s.approvals[1].synced = true;
	scene_expect(&s, OUTCOME_WAIT, "release-managers");
	assert_int_equal(why(&s, 1), REASON_APPROVE_SYNCED);
	scene_end(&s);
}

static void services_may_ask(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "\"2 of release-managers\",\"1 of security\"", "ci");
	/* bob owns the service, so his approval is not one. */
	scene_expect(&s, OUTCOME_WAIT, "1 more of release-managers");
	assert_int_equal(why(&s, 1), REASON_WHO_BEHIND);
	s.facts.actor = "nobody";
	assert_int_equal(why(&s, 0), REASON_NONE);
	scene_end(&s);
	scene_init(&s, "\"1 of release-managers\"", "ci");
	scene_expect(&s, OUTCOME_ALLOW, NULL);
	/* A person of that name would not be meant by service:*, nor a service by a name. */
	s.request.requester = name_of("dave");
	scene_expect(&s, OUTCOME_DENY, "may not request");
	scene_end(&s);
}

static void seats_have_a_form(void **state)
{
	static const char *const bad[] = {"1 of a (CLI)", "1 of a(cli)",	"1 of a (cli) ",
					  "1 of  (cli)",  "1 of a (cli) (cli)", "1 of a (phone)"};
	char text[SEAT_TEXT];
	struct seat seat;

	(void)state;
	assert_rc(RC_OK, seat_parse(view_str("2 of security (browser)"), &seat));
	seat_text(&seat, text);
	assert_string_equal(text, "2 of security (browser)");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_rc(RC_SYNTAX, seat_parse(view_str(bad[i]), &seat));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_are_read),  cmocka_unit_test(services_are_refused),
		cmocka_unit_test(builders_and_keys),  cmocka_unit_test(groups_in_groups),
		cmocka_unit_test(nesting_has_an_end), cmocka_unit_test(hosts_have_one_way),
		cmocka_unit_test(accounts_are_read),  cmocka_unit_test(seats_ask_for_channels),
		cmocka_unit_test(services_may_ask),   cmocka_unit_test(seats_have_a_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
