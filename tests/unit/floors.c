/* Unit tests of lib/policy/floors: against every set of people, and against policies that are made
 * to keep the check busy. What it says of each field: evaluate_time.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/policy/quorum.h"
#include "tests/organisation.h"

/* Random small rosters and quorums: floors_check() against every set of people. */
#define PEOPLE 5u

struct lot {
	uint64_t seed;
};

static unsigned lot_draw(struct lot *l, unsigned n)
{
	l->seed = l->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(l->seed >> 33) % n;
}

static void put_seats(struct lot *l, struct buf *b)
{
	unsigned clauses = 1 + lot_draw(l, 3);
	unsigned used = 0;

	buf_put_str(b, "[");
	for (unsigned i = 0; i < clauses; i++) {
		unsigned who = lot_draw(l, 4 + PEOPLE);

		if ((used >> who & 1) != 0)
			continue;
		if (who < 4)
			buf_printf(b, "%s\"%u of g%u\"", used == 0 ? "" : ",", 1 + lot_draw(l, 2),
				   who);
		else
			buf_printf(b, "%s\"1 of @p%u\"", used == 0 ? "" : ",", who - 4);
		used |= 1u << who;
	}
	buf_put_str(b, "]");
}

static bool set_fills(const struct quorum_spec *spec, const struct roster *r, unsigned set)
{
	struct voter people[PEOPLE];
	struct quorum_result q;
	size_t n = 0;

	for (unsigned i = 0; i < PEOPLE; i++)
		if ((set >> i & 1) != 0)
			people[n++] = (struct voter){r->people[i].name, 1u << SSHKEY_CLI};
	assert_rc(RC_OK, quorum_solve(spec, r, people, n, NULL, &q));
	return q.filled;
}

/* A roster of p0.. in groups g0..g3 by lot, and the boss, who requests. */
struct small {
	struct principal people[PEOPLE + 1]; /* "boss" < "p0" */
	struct name groups[PEOPLE][4];
	struct roster_group group[4];
	struct roster all;
	struct roster without_boss;
};

static void small_make(struct small *s, struct lot *l, const struct roster *base)
{
	char name[4];

	memset(s, 0, sizeof(*s));
	s->people[0] = (struct principal){.name = name_of("boss"), .channels = 1u << SSHKEY_CLI};
	for (unsigned i = 0; i < PEOPLE; i++) {
		struct principal *p = &s->people[i + 1];

		(void)snprintf(name, sizeof(name), "p%u", i);
		*p = (struct principal){.name = name_of(name),
					.groups = s->groups[i],
					.channels = 1u << SSHKEY_CLI};
		for (unsigned g = 0; g < 4; g++)
			if (lot_draw(l, 2) == 0) {
				(void)snprintf(name, sizeof(name), "g%u", g);
				s->groups[i][p->group_count++] = name_of(name);
			}
	}
	for (unsigned g = 0; g < 4; g++) {
		(void)snprintf(name, sizeof(name), "g%u", g);
		s->group[g] = (struct roster_group){.name = name_of(name), .member_count = 1};
	}
	s->all = *base;
	s->all.people = s->people;
	s->all.people_count = PEOPLE + 1;
	s->all.groups = s->group;
	s->all.group_count = 4;
	s->without_boss = s->all;
	s->without_boss.people = s->people + 1;
	s->without_boss.people_count = PEOPLE;
}

static struct policy *policy_draw(struct lot *l)
{
	AUTO(buf) struct buf b;
	struct policy *p = NULL;
	struct fault f = {0};

	buf_init(&b, 8192);
	buf_put_str(&b, "{\"admin\":{\"approve\":[\"1 of @p0\"]},\"change\":{\"approve\":"
			"[\"1 of @p0\"]},\"keys\":[{\"name\":\"k\",\"tier\":\"t\"}],"
			"\"rules\":[{\"approve\":");
	put_seats(l, &b);
	buf_put_str(&b, ",\"formats\":[\"cms\"],\"from\":[\"build-07\"],\"keys\":[\"k\"],"
			"\"name\":\"r\",\"request\":[\"boss\"]}],\"tiers\":[{\"approve\":");
	put_seats(l, &b);
	buf_put_str(&b, ",\"name\":\"t\"}],\"unlock\":{\"approve\":[\"1 of @p0\"]},"
			"\"version\":1}");
	if (!rc_is_ok(policy_parse(buf_view(&b), &p, &f)))
		fail_msg("%s: %s", buf_cstr(&b), f.text);
	return p;
}

static void floors_agree_with_brute_force(void **state)
{
	struct lot l = {.seed = 20261126};
	size_t undercut = 0, kept = 0;
	AUTO(roster) struct roster *base = roster_read();

	(void)state;
	for (int round = 0; round < 4000; round++) {
		AUTO(policy) struct policy *p = policy_draw(&l);
		struct fault f = {0};
		struct small s;
		bool want = true;
		rc got;

		small_make(&s, &l, base);
		got = policy_check(p, &s.all, &f);
		if (!rc_is_ok(got) && strstr(f.text, "undercuts") == NULL)
			continue; /* the rule itself cannot be filled */
		for (unsigned set = 0; set < 1u << PEOPLE; set++)
			want &= !set_fills(&p->rules[0].approve, &s.without_boss, set) ||
				set_fills(&p->tiers[0].approve, &s.without_boss, set);
		if (rc_is_ok(got) != want)
			fail_msg("round %d: %s %s", round, buf_cstr(&p->bytes), f.text);
		kept += want ? 1 : 0;
		undercut += want ? 0 : 1;
	}
	print_message("%zu floors kept, %zu undercut\n", kept, undercut);
	assert_true(kept > 150 && undercut > 500);
}

/* Many rules against a tier of eight clauses, none by name: refused in bounded time. */
static void floors_end(void **state)
{
	AUTO(roster) struct roster *base = roster_read();
	AUTO(policy) struct policy *p = NULL;
	AUTO(buf) struct buf b;
	static struct principal people[4096];
	struct roster big = *base;
	struct roster_group groups[9] = {0};
	struct name all[9];
	struct fault f = {0};

	(void)state;
	buf_init(&b, DOCUMENT_BYTES_MAX);
	buf_put_str(
		&b,
		"{\"admin\":{\"approve\":[\"1 of all\"]},\"change\":{\"approve\":[\"1 of all\"]},"
		"\"keys\":[{\"name\":\"k\",\"tier\":\"t\"}],\"rules\":[");
	for (unsigned i = 0; i < 200; i++)
		buf_printf(
			&b,
			"%s{\"approve\":[\"8 of all\"],\"formats\":[\"cms\"],\"from\":["
			"\"build-07\"],\"keys\":[\"k\"],\"name\":\"r%u\",\"request\":[\"boss\"]}",
			i == 0 ? "" : ",", i);
	buf_put_str(&b, "],\"tiers\":[{\"approve\":[");
	for (unsigned i = 0; i < 8; i++)
		buf_printf(&b, "%s\"1 of g%u\"", i == 0 ? "" : ",", i);
	buf_put_str(&b,
		    "],\"name\":\"t\"}],\"unlock\":{\"approve\":[\"1 of all\"]},\"version\":1}");
	assert_rc(RC_OK, policy_parse(buf_view(&b), &p, &f));
	/* everybody is in all groups, so the floors hold */
	all[0] = groups[0].name = name_of("all");
	for (unsigned i = 1; i < 9; i++) {
		char name[4];

		(void)snprintf(name, sizeof(name), "g%u", i - 1);
		all[i] = groups[i].name = name_of(name);
	}
	for (unsigned i = 0; i < 9; i++)
		groups[i].member_count = 1;
	people[0] = (struct principal){.name = name_of("boss"), .channels = 1u << SSHKEY_CLI};
	for (unsigned i = 1; i < 4096; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "p%04u", i);
		people[i] =
			(struct principal){.name = name_of(name), .groups = all, .group_count = 9};
	}
	big.people = people;
	big.people_count = 4096;
	big.groups = groups;
	big.group_count = 9;
	assert_rc(RC_LIMIT, policy_check(p, &big, &f));
	assert_non_null(strstr(f.text, "tier t: too many rules"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floors_agree_with_brute_force),
		cmocka_unit_test(floors_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
