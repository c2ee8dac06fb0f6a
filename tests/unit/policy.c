/* Unit tests of lib/policy and the roster: documents, quorum against brute force, rule digests. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/policy.h"
#include "lib/policy/quorum.h"
#include "tests/organisation.h"

/* ---- Roster ---------------------------------------------------------------------------------*/

static rc roster_with(const char *old, const char *new, struct fault *f)
{
	AUTO(buf) struct buf b;
	AUTO(roster) struct roster *r = NULL;

	replaced("roster.json", old, new, &b);
	return roster_parse(buf_view(&b), &r, f);
}

static void the_roster_finds_everybody(void **state)
{
	AUTO(roster) struct roster *r = roster_read();
	const struct name alice = name_of("alice");
	const struct name build = name_of("build-07");
	const struct name managers = name_of("release-managers");
	const struct name farm = name_of("build-farm");
	const struct principal *p = roster_person(r, &alice);
	const struct principal *h = roster_host(r, &build);

	(void)state;
	assert_non_null(p);
	assert_non_null(h);
	assert_null(roster_host(r, &alice));
	assert_null(roster_person(r, &build));
	assert_ptr_equal(roster_person_by_key(r, sshkey_blob(p->keys[0])), p);
	assert_null(roster_person_by_key(r, sshkey_blob(h->keys[0]))); /* a host is no person */
	assert_null(roster_person_by_key(r, view_str("x")));
	assert_ptr_equal(principal_key(p, sshkey_blob(p->keys[0])), p->keys[0]);
	assert_null(principal_key(p, sshkey_blob(h->keys[0])));
	assert_true(principal_is_member(p, &managers));
	assert_false(principal_is_member(p, &farm));
	assert_int_equal(roster_group(r, false, &managers)->member_count, 2);
	assert_int_equal(roster_group(r, true, &farm)->member_count, 2);
	assert_null(roster_group(r, true, &managers));
	assert_null(roster_group(r, false, &alice));
}

static void rosters_are_strict(void **state)
{
	AUTO(roster) struct roster *r = NULL;
	AUTO(buf) struct buf big;
	struct fault f;

	(void)state;
	assert_rc(RC_OK, roster_with("\"version\":1", "\"version\":2", &f));
	assert_rc(RC_RANGE, roster_with("\"version\":1", "\"version\":0", &f));
	assert_rc(RC_DUPLICATE, roster_with("\"bob\"", "\"alice\"", &f));
	assert_non_null(strstr(f.text, "alice twice"));
	assert_rc(RC_DUPLICATE, roster_with("[\"developers\"]", "[\"a\",\"a\"]", &f));
	assert_rc(RC_OK, roster_with("[\"developers\"]", "[\"b\",\"a\"]", &f));
	assert_rc(RC_OK, roster_with("[\"developers\"]", "[]", &f));
	assert_rc(RC_SYNTAX, roster_with("\"carol\"", "\"Carol\"", &f));
	assert_rc(RC_UNKNOWN,
		  roster_with("\"name\":\"carol\"", "\"mail\":\"x\",\"name\":\"carol\"", &f));
	assert_rc(RC_NONCANON, roster_with("yx0i/\"", "yx0i/ dave\"", &f)); /* comment */
	assert_int_not_equal(RC_OK, roster_with("yx0i/\"", "yx0i\"", &f).code);
	assert_rc(RC_TRAILING, roster_with("\"version\":1}", "\"version\":1} ", &f));
	buf_init(&big, 2 << 20);
	for (size_t i = 0; i <= DOCUMENT_BYTES_MAX; i++)
		buf_put_u8(&big, ' ');
	assert_rc(RC_LIMIT, roster_parse(buf_view(&big), &r, &f));
}

/* One key for two: whoever signs must be one person. */
static void a_key_stands_for_one(void **state)
{
	static const char dave[] =
		"AAAAC3NzaC1lZDI1NTE5AAAAIGXPnBr4grHboZyH844keOcqud8GeJsGHZWIxn2yx0i/";
	static const char bob[] =
		"AAAAC3NzaC1lZDI1NTE5AAAAIIR9B1Lzw3qrLwlMzZ6SlfDuT+NvdnVHw8125T3nx/8N";
	static const char host[] =
		"AAAAC3NzaC1lZDI1NTE5AAAAIPr4OrBjs+g1jiSDZ8T9HP7qzRM4A2c9Vz6cx86/q/yK";
	char two[400];
	struct fault f;

	(void)state;
	assert_rc(RC_DUPLICATE, roster_with(dave, bob, &f));
	assert_rc(RC_DUPLICATE, roster_with(dave, host, &f));
	(void)snprintf(two, sizeof(two), "%s\",\"ssh-ed25519 %s", dave, dave);
	assert_rc(RC_DUPLICATE, roster_with(dave, two, &f));
	(void)snprintf(two, sizeof(two), "[\"ssh-ed25519 %s\"]", dave);
	assert_rc(RC_RANGE, roster_with(two, "[]", &f));
	assert_non_null(strstr(f.text, "no key"));
}

/* ---- Policy documents -----------------------------------------------------------------------*/

static rc policy_with(const char *old, const char *new, struct fault *f)
{
	AUTO(buf) struct buf b;
	AUTO(policy) struct policy *p = NULL;

	replaced("policy.json", old, new, &b);
	return policy_parse(buf_view(&b), &p, f);
}

static void policies_are_read(void **state)
{
	AUTO(policy) struct policy *p = policy_read();
	const struct rule *release = &p->rules[0];
	const struct rule *nightly = &p->rules[1];
	char text[SEAT_TEXT];

	(void)state;
	assert_int_equal(p->rule_count, 2);
	assert_int_equal(release->max_uses, 3);
	assert_int_equal(release->approval_lifetime, 259200);
	assert_int_equal(release->max_deadline, 1209600);
	assert_true(release->upload_required && !release->unattended);
	assert_int_equal(release->approve.count, 2);
	seat_text(&release->approve.seats[0], text);
	assert_string_equal(text, "2 of release-managers");
	assert_true(release->from[0].is_group && !nightly->from[0].is_group);
	assert_true(nightly->unattended && !nightly->upload_required);
	assert_int_equal(nightly->max_uses, 1);
	assert_int_equal(nightly->json.ptr[0], '{');
	assert_int_equal(nightly->json.ptr[nightly->json.len - 1], '}');
}

#define SEATS "[\"2 of release-managers\",\"1 of security\"]"

static void policies_are_strict(void **state)
{
	static const struct {
		enum rc_code code;
		const char *old;
		const char *new;
	} rows[] = {
		{RC_OK, "\"max_uses\":3", "\"max_uses\":1000"},
		{RC_RANGE, "\"max_uses\":3", "\"max_uses\":0"},
		{RC_RANGE, "\"max_uses\":3", "\"max_uses\":1001"},
		{RC_RANGE, "\"version\":1", "\"version\":0"},
		/* P7: nobody asked, and not said so; or both said */
		{RC_RANGE, "\"approve\":" SEATS ",", ""},
		{RC_RANGE, "\"approve\":" SEATS, "\"approve\":[]"},
		{RC_RANGE, ",\"unattended\":true", ""},
		{RC_NONCANON, ",\"unattended\":true", ",\"unattended\":false"},
		{RC_RANGE, "[\"group:developers\"]", "[\"group:developers\"],\"unattended\":true"},
		/* empty, duplicate and unknown */
		{RC_RANGE, "[\"release-2026\"]", "[]"},
		{RC_RANGE, "[\"group:developers\"]", "[]"},
		{RC_RANGE, "[\"group:build-farm\"]", "[]"},
		{RC_RANGE, "[\"cms\",\"pe\"]", "[]"},
		{RC_DUPLICATE, "[\"cms\",\"pe\"]", "[\"cms\",\"cms\"]"},
		{RC_DUPLICATE, "[\"release-2026\"]", "[\"a\",\"a\"]"},
		{RC_DUPLICATE, SEATS, "[\"1 of a\",\"2 of a\"]"},
		{RC_OK, SEATS, "[\"1 of a\",\"1 of @a\"]"},
		{RC_DUPLICATE, "\"name\":\"nightly\"", "\"name\":\"release\""},
		{RC_UNKNOWN, "\"max_uses\":3", "\"max_uses\":3,\"modus\":1"},
		{RC_UNKNOWN, "\"upload\":\"optional\"", "\"upload\":\"maybe\""},
		{RC_SYNTAX, "\"version\":1", "\"version\":\"1\""},
		{RC_NONCANON, "\"version\":1", "\"version\": 1"},
		/* seats */
		{RC_OK, SEATS, "[\"1 of @alice\"]"},
		{RC_OK, SEATS, "[\"64 of a\"]"},
		{RC_RANGE, SEATS, "[\"65 of a\"]"},
		{RC_LIMIT, SEATS, "[\"64 of a\",\"1 of b\"]"},
		{RC_RANGE, SEATS, "[\"0 of a\"]"},
		{RC_RANGE, SEATS, "[\"2 of @alice\"]"},
		{RC_SYNTAX, SEATS, "[\"02 of a\"]"},
		{RC_SYNTAX, SEATS, "[\"a\"]"},
		{RC_SYNTAX, SEATS, "[\"1 off a\"]"},
		{RC_SYNTAX, SEATS, "[\"1 of \"]"},
		{RC_SYNTAX, SEATS, "[\"-1 of a\"]"},
		{RC_SYNTAX, SEATS, "[\"1 of a b\"]"},
		{RC_SYNTAX, "[\"group:developers\"]", "[\"group:\"]"},
		{RC_SYNTAX, "[\"group:developers\"]", "[\"*\"]"},
		{RC_SYNTAX, "[\"cms\",\"pe\"]", "[\"*\"]"},
		{RC_LIMIT, "[\"cms\",\"pe\"]", "[\"abcdefghijklmnop\"]"},
		{RC_TRAILING, "\"version\":1}", "\"version\":1}\n"},
	};
	struct fault f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (policy_with(rows[i].old, rows[i].new, &f).code != rows[i].code)
			fail_msg("row %zu (%s -> %s): not %s; fault: %s", i, rows[i].old,
				 rows[i].new, rc_name(RC(rows[i].code)), f.text);
}

static rc check_with(const char *file, const char *old, const char *new, struct fault *f)
{
	bool is_policy = strcmp(file, "policy.json") == 0;
	AUTO(buf) struct buf b;
	AUTO(policy) struct policy *p = is_policy ? NULL : policy_read();
	AUTO(roster) struct roster *r = is_policy ? roster_read() : NULL;

	replaced(file, old, new, &b);
	if (is_policy)
		assert_rc(RC_OK, policy_parse(buf_view(&b), &p, f));
	else
		assert_rc(RC_OK, roster_parse(buf_view(&b), &r, f));
	return policy_check(p, r, f);
}

static void policies_fit_their_roster(void **state)
{
	struct fault f;

	(void)state;
	assert_rc(RC_OK, check_with("policy.json", SEATS, SEATS, &f));
	assert_rc(RC_NOTFOUND, check_with("policy.json", SEATS, "[\"1 of legal\"]", &f));
	assert_rc(RC_NOTFOUND, check_with("policy.json", SEATS, "[\"1 of @erin\"]", &f));
	assert_rc(RC_NOTFOUND, check_with("policy.json", SEATS, "[\"1 of build-farm\"]", &f));
	assert_rc(RC_NOTFOUND, check_with("policy.json", "\"carol\"", "\"build-07\"", &f));
	assert_rc(RC_NOTFOUND, check_with("policy.json", "\"build-07\"", "\"carol\"", &f));
	assert_rc(RC_NOTFOUND,
		  check_with("policy.json", "group:build-farm", "group:developers", &f));
	assert_rc(RC_DENIED, check_with("policy.json", SEATS, "[\"3 of release-managers\"]", &f));
	assert_non_null(strstr(f.text, "rule release"));
	assert_rc(RC_DENIED, check_with("policy.json", "{\"approve\":[\"2 of release-managers\"]}",
					"{\"approve\":[\"3 of release-managers\"]}", &f));
	assert_non_null(strstr(f.text, "admin"));
	/* Two seats, one person who could fill both. */
	assert_rc(RC_DENIED,
		  check_with("policy.json", SEATS, "[\"1 of security\",\"1 of @dave\"]", &f));
	/* alice may request now, and then bob is alone. */
	assert_rc(RC_DENIED, check_with("policy.json", "\"group:developers\"", "\"alice\"", &f));
	assert_string_equal(f.text, "rule release: \"2 of release-managers\" cannot be filled when "
				    "the requester is alice");
	/* Nobody could give the word that the rule waits for. */
	assert_rc(RC_OK, check_with("policy.json", SEATS,
				    SEATS ",\"artifact\":{\"scan\":{\"by\":[\"build-07\"]}}", &f));
	assert_rc(RC_NOTFOUND,
		  check_with("policy.json", SEATS,
			     SEATS ",\"artifact\":{\"scan\":{\"by\":[\"carol\"]}}", &f));
	assert_rc(RC_NOTFOUND,
		  check_with("policy.json", SEATS,
			     SEATS ",\"artifact\":{\"rebuild\":{\"agree\":1,\"of\":[\"b1\"]}}",
			     &f));
	/* The last of security leaves. */
	assert_rc(RC_NOTFOUND, check_with("roster.json", "[\"security\"]", "[]", &f));
}

/* ---- Quorum ---------------------------------------------------------------------------------*/

static uint32_t random_next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

#define PEOPLE 6
#define GROUPS 3

struct world {
	struct name groups[PEOPLE][GROUPS];
	struct principal people[PEOPLE];
	struct roster roster;
	struct seat seats[3];
	struct quorum_spec spec;
	struct voter said[PEOPLE + 2];
	size_t said_count;
	int excluded; /* -1: nobody */
};

static struct name letter(char c, uint32_t i)
{
	const char text[] = {c, (char)('0' + i), '\0'};

	return name_of(text);
}

static void world_make(struct world *w, uint32_t *seed)
{
	static const unsigned channels[4] = {0, 0, 1u << SSHKEY_CLI, 1u << SSHKEY_BROWSER};

	memset(w, 0, sizeof(*w));
	for (uint32_t i = 0; i < PEOPLE; i++) {
		struct principal *p = &w->people[i];

		*p = (struct principal){.name = letter('p', i), .groups = w->groups[i]};
		for (uint32_t g = 0; g < GROUPS; g++)
			if (random_next(seed) % 2 == 0)
				p->groups[p->group_count++] = letter('g', g);
	}
	/* The last one is in no roster. */
	w->roster = (struct roster){.people = w->people, .people_count = PEOPLE - 1};
	w->spec = (struct quorum_spec){.seats = w->seats, .count = 1 + random_next(seed) % 3};
	for (size_t i = 0; i < w->spec.count; i++) {
		bool person = random_next(seed) % 4 == 0;

		w->seats[i] =
			(struct seat){.is_person = person,
				      .count = person ? 1 : 1 + random_next(seed) % 2,
				      .channels = channels[random_next(seed) % 4],
				      .who = person ? letter('p', random_next(seed) % PEOPLE)
						    : letter('g', random_next(seed) % GROUPS)};
	}
	w->said_count = random_next(seed) % (PEOPLE + 3);
	for (size_t i = 0; i < w->said_count; i++)
		w->said[i] = (struct voter){letter('p', random_next(seed) % PEOPLE),
					    channels[2 + random_next(seed) % 2]};
	w->excluded = (int)(random_next(seed) % (PEOPLE + 1)) - 1;
}

static bool sits(const struct seat *s, const struct principal *p, unsigned channel)
{
	if (s->channels != 0 && s->channels != channel)
		return false;
	if (s->is_person)
		return name_is_equal(&s->who, &p->name);
	for (size_t i = 0; i < p->group_count; i++)
		if (name_is_equal(&p->groups[i], &s->who))
			return true;
	return false;
}

/* Where this person spoke, first. */
static unsigned spoke(const struct world *w, size_t person)
{
	for (size_t i = 0; i < w->said_count; i++)
		if (name_is_equal(&w->said[i].name, &w->people[person].name))
			return w->said[i].channels;
	return 0;
}

/* The most places that can be filled: every way is tried. free is a set of people. */
static size_t best(const struct world *w, size_t clause, uint32_t done, unsigned free)
{
	size_t most;

	if (clause == w->spec.count)
		return 0;
	if (done == w->seats[clause].count)
		return best(w, clause + 1, 0, free);
	most = best(w, clause, done + 1, free); /* leave it empty */
	for (size_t i = 0; i < PEOPLE - 1; i++)
		if ((free >> i & 1) != 0 && sits(&w->seats[clause], &w->people[i], spoke(w, i))) {
			size_t n = 1 + best(w, clause, done + 1, free & ~(1u << i));

			most = n > most ? n : most;
		}
	return most;
}

static void world_check(const struct world *w, uint32_t number)
{
	const struct name *excluded = w->excluded < 0 ? NULL : &w->people[w->excluded].name;
	struct quorum_result q;
	unsigned free = 0;
	size_t places = 0;
	size_t missing = 0;
	size_t seated = 0;

	assert_rc(RC_OK, quorum_solve(&w->spec, &w->roster, w->said, w->said_count, excluded, &q));
	for (size_t i = 0; i < w->said_count; i++)
		for (size_t p = 0; p < PEOPLE - 1; p++)
			if (name_is_equal(&w->said[i].name, &w->people[p].name) &&
			    (int)p != w->excluded)
				free |= 1u << p;
	for (size_t i = 0; i < w->spec.count; i++)
		places += w->seats[i].count;
	for (size_t i = 0; i < q.missing_count; i++)
		missing += q.missing[i].count;
	for (size_t i = 0; i < w->said_count; i++) {
		seated += q.seated[i];
		if (q.seated[i] && excluded != NULL)
			assert_false(name_is_equal(&w->said[i].name, excluded));
	}
	if (places - missing != best(w, 0, 0, free) || seated != places - missing ||
	    q.filled != (missing == 0))
		fail_msg("case %u: %zu places, %zu missing, %zu seated", number, places, missing,
			 seated);
}

static void quorums_agree_with_brute_force(void **state)
{
	uint32_t seed = 20261123;
	struct world w;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		world_make(&w, &seed);
		world_check(&w, i);
	}
}

static void quorums_have_edges(void **state)
{
	AUTO(roster) struct roster *r = roster_read();
	static struct voter many[QUORUM_PEOPLE_MAX + 1];
	const struct quorum_spec none = {0};
	struct quorum_result q;

	(void)state;
	many[0].name = name_of("alice");
	assert_rc(RC_OK, quorum_solve(&none, r, many, 1, NULL, &q));
	assert_false(q.filled); /* P7: an empty spec is never filled */
	assert_rc(RC_OK, quorum_solve(&none, r, many, QUORUM_PEOPLE_MAX, NULL, &q));
	assert_rc(RC_LIMIT, quorum_solve(&none, r, many, QUORUM_PEOPLE_MAX + 1, NULL, &q));
	assert_false(quorum_holds_seat(&none, roster_person(r, &many[0].name), ~0u));
}

static void unseated_for(const struct quorum_spec *spec, const char *who, unsigned channels,
			 enum reason expected)
{
	AUTO(roster) struct roster *r = roster_read();
	struct voter v = {name_of(who), channels};
	struct name asks = name_of("bob");
	struct refusal why;

	quorum_unseated(spec, r, &v, &asks, &why);
	assert_string_equal(reason_id(why.reason), reason_id(expected));
	assert_non_null(strstr(why.text, who));
	if (expected == REASON_WHO_SEAT || expected == REASON_WHO_CHANNEL)
		assert_non_null(strstr(why.text, "2 of release-managers (cli)"));
}

static void who_fills_no_seat_is_told_why(void **state)
{
	struct seat seat = {
		.count = 2, .who = name_of("release-managers"), .channels = 1u << SSHKEY_CLI};
	const struct quorum_spec spec = {.seats = &seat, .count = 1};

	(void)state;
	unseated_for(&spec, "nobody", 1u << SSHKEY_CLI, REASON_WHO_PERSON);
	unseated_for(&spec, "bob", 1u << SSHKEY_CLI, REASON_WHO_SELF);
	unseated_for(&spec, "dave", 1u << SSHKEY_CLI, REASON_WHO_SEAT);
	unseated_for(&spec, "alice", 1u << SSHKEY_BROWSER, REASON_WHO_CHANNEL);
	unseated_for(&spec, "alice", 1u << SSHKEY_CLI, REASON_CHANGE_QUORUM);
}

/* ---- What an approval binds to --------------------------------------------------------------*/

/* Digest of the rule of that number after the change. */
static struct digest digest_with(const char *file, const char *old, const char *new, size_t rule)
{
	bool is_policy = strcmp(file, "policy.json") == 0;
	AUTO(buf) struct buf b;
	AUTO(policy) struct policy *p = is_policy ? NULL : policy_read();
	AUTO(roster) struct roster *r = is_policy ? roster_read() : NULL;
	const struct digest key = {{1}};

	replaced(file, old, new, &b);
	if (is_policy)
		assert_rc(RC_OK, policy_parse(buf_view(&b), &p, NULL));
	else
		assert_rc(RC_OK, roster_parse(buf_view(&b), &r, NULL));
	return policy_rule_digest(p, &p->rules[rule], r, &p->rules[rule].keys[0], &key);
}

static void rule_digests_follow_what_matters(void **state)
{
	const struct digest before = digest_with("policy.json", SEATS, SEATS, 0);
	static const char bob[] =
		"AAAAC3NzaC1lZDI1NTE5AAAAIIR9B1Lzw3qrLwlMzZ6SlfDuT+NvdnVHw8125T3nx/8N";
	static const char bob2[] =
		"AAAAC3NzaC1lZDI1NTE5AAAAIF2eies6vcmAXbZrLHmys79ffGcByUAvlwzD+yb03gmz";
	static const struct {
		bool same;
		const char *file;
		const char *old;
		const char *new;
	} rows[] = {
		{true, "policy.json", "\"version\":1", "\"version\":2"},
		{true, "policy.json", "\"name\":\"nightly\"", "\"name\":\"weekly\""},
		{false, "policy.json", "\"max_uses\":3", "\"max_uses\":4"},
		{false, "policy.json", SEATS, "[\"1 of security\"]"},
		{true, "roster.json", "\"version\":1", "\"version\":2"},
		{true, "roster.json", "[\"security\"]", "[\"auditors\",\"security\"]"},
		{false, "roster.json", "[\"security\"]", "[\"release-managers\",\"security\"]"},
		{false, "roster.json", "[\"security\"]", "[\"developers\",\"security\"]"},
		{false, "roster.json", "[\"developers\"]", "[]"},
		{false, "roster.json", "\"name\":\"bob\"", "\"name\":\"bert\""},
		{false, "roster.json", "\"name\":\"build-08\"", "\"name\":\"build-09\""},
		{false, "roster.json", bob, bob2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct digest now;

		now = digest_with(rows[i].file, rows[i].old, rows[i].new, 0);
		if (digest_is_equal(&now, &before) != rows[i].same)
			fail_msg("row %zu: %s -> %s", i, rows[i].old, rows[i].new);
	}
}

/* The nightly rule, which names build-07 alone, with this in its artifact, and a roster in which
 * build-08 is somebody else. */
static bool stays_with(const char *artifact, const char *old, const char *new)
{
	AUTO(buf) struct buf changed;
	AUTO(buf) struct buf other;
	AUTO(policy) struct policy *p = NULL;
	AUTO(roster) struct roster *before = roster_read();
	AUTO(roster) struct roster *after = NULL;
	const struct digest key = {{1}};
	char with[256];
	struct digest a;
	struct digest b;

	(void)snprintf(with, sizeof(with), "{%s\"formats\":[\"cms\"],\"from\"", artifact);
	replaced("policy.json", "{\"formats\":[\"cms\"],\"from\"", with, &changed);
	assert_rc(RC_OK, policy_parse(buf_view(&changed), &p, NULL));
	replaced("roster.json", old, new, &other);
	assert_rc(RC_OK, roster_parse(buf_view(&other), &after, NULL));
	a = policy_rule_digest(p, &p->rules[1], before, &p->rules[1].keys[0], &key);
	b = policy_rule_digest(p, &p->rules[1], after, &p->rules[1].keys[0], &key);
	return digest_is_equal(&a, &b);
}

static void rule_digests_follow_whose_word_counts(void **state)
{
	static const char *const asks[] = {
		"\"artifact\":{\"scan\":{\"by\":[\"build-08\"]}},",
		"\"artifact\":{\"provenance\":{\"by\":[\"build-07\",\"build-08\"]}},",
		"\"artifact\":{\"rebuild\":{\"agree\":1,\"of\":[\"build-08\"]}},",
	};
	/* The same name, its key by enrolment. */
	static const char host[] =
		"{\"groups\":[\"build-farm\"],\"keys\":[\"ssh-ed25519 "
		"AAAAC3NzaC1lZDI1NTE5AAAAIC5QR9OjAhUx+bo2OwdEP5Tq3BLjSmWcaoYJlDoJie9P\"]";

	(void)state;
	assert_true(stays_with("", "IC5QR9OjAhUx+bo2OwdEP5Tq3BLjSmWcaoYJlDoJie9P",
			       "IF2eies6vcmAXbZrLHmys79ffGcByUAvlwzD+yb03gmz"));
	for (size_t i = 0; i < 3; i++) {
		assert_false(stays_with(asks[i], "IC5QR9OjAhUx+bo2OwdEP5Tq3BLjSmWcaoYJlDoJie9P",
					"IF2eies6vcmAXbZrLHmys79ffGcByUAvlwzD+yb03gmz"));
		assert_false(stays_with(asks[i], "\"build-08\"", "\"build-09\""));
		assert_false(
			stays_with(asks[i], host, "{\"enrol\":true,\"groups\":[\"build-farm\"]"));
		assert_true(stays_with(asks[i], "\"version\":1", "\"version\":2"));
	}
}

/* The definition in policy.h, written down a second time. */
static void rule_digests_are_as_documented(void **state)
{
	AUTO(policy) struct policy *p = policy_read();
	AUTO(roster) struct roster *r = roster_read();
	const struct name carol = name_of("carol");
	const struct name build = name_of("build-07");
	const struct principal *who = roster_person(r, &carol);
	const struct principal *host = roster_host(r, &build);
	const struct digest key = {{7}};
	struct digest parts[4];
	struct digest got = policy_rule_digest(p, &p->rules[1], r, &p->rules[1].keys[0], &key);
	struct digest want;
	struct view person[] = {view_str("greatseal-principal-v1\nperson\ncarol\n"),
				digest_view(sshkey_fingerprint(who->keys[0]))};
	struct view machine[] = {view_str("greatseal-principal-v1\nhost\nbuild-07\n"),
				 digest_view(sshkey_fingerprint(host->keys[0]))};
	struct view all[] = {view_str("greatseal-rule-v1\n"), digest_view(&parts[0]),
			     digest_view(&key), digest_view(&parts[1]), digest_view(&parts[2])};

	(void)state;
	parts[0] = digest_of(p->rules[1].json);
	parts[1] = digest_of_parts(person, 2);
	parts[2] = digest_of_parts(machine, 2);
	want = digest_of_parts(all, 5);
	assert_memory_equal(got.b, want.b, DIGEST_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_digests_follow_whose_word_counts),
		cmocka_unit_test(the_roster_finds_everybody),
		cmocka_unit_test(rosters_are_strict),
		cmocka_unit_test(a_key_stands_for_one),
		cmocka_unit_test(policies_are_read),
		cmocka_unit_test(policies_are_strict),
		cmocka_unit_test(policies_fit_their_roster),
		cmocka_unit_test(quorums_agree_with_brute_force),
		cmocka_unit_test(quorums_have_edges),
		cmocka_unit_test(who_fills_no_seat_is_told_why),
		cmocka_unit_test(rule_digests_follow_what_matters),
		cmocka_unit_test(rule_digests_are_as_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
