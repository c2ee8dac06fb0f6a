/* decide - how long a decision takes under the policy of a large organisation.
 *
 * usage: decide COUNT
 * 1,000 rules that name five of 200 keys each, 1,000 people in 40 groups, a window and a freeze
 * with zone files that are read each time, tiers and rates. Each decision is for a key and a
 * requester by lot, with three approvals under one of the key's rules; the others are looked at all
 * the same. Prints one JSON object: microseconds for reading the policy, checking it against the
 * roster, and deciding; and what one request costs that is decided again by two such policies, with
 * reading its statement (`greatseal policy diff --replay`). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/base/secret.h"
#include "lib/codec/base64.h"
#include "lib/crypt/ed25519.h"
#include "lib/model/statement.h"
#include "lib/policy/evaluate.h"
#include "lib/policy/replay.h"

#define RULES 1000u
#define PEOPLE 1000u
#define KEYS 200u
#define GROUPS 40u
#define COUNT_MAX 1000000u
#define ZONES "/usr/share/zoneinfo"
#define NOW ((unix_time)1795683600) /* 2026-11-26 09:00 UTC, a Thursday */

static uint64_t now_ns(void)
{
	struct timespec t = {0};

	/* Of this thread: other work on the machine does not show. */
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static unsigned lot(unsigned n)
{
	static uint64_t seed = 20261126;

	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

/* ---- Documents ------------------------------------------------------------------------------*/

/* ssh-ed25519 and a key made from the number. */
static rc put_key(struct buf *b, uint32_t number, struct fault *f)
{
	uint8_t blob[4 + 11 + 4 + ED25519_PUBLIC] = "\0\0\0\013ssh-ed25519\0\0\0\040";
	AUTO(ed25519_key) struct ed25519_key *key = NULL;
	AUTO(secret) struct secret seed = {0};

	TRY(secret_new(&seed, 32));
	memcpy(seed.ptr, &number, sizeof(number));
	TRY(ed25519_key_new(&seed, &key, f));
	ed25519_key_public(key, blob + 19);
	buf_put_str(b, "\"ssh-ed25519 ");
	base64_put(BASE64_STD, view_of(blob, sizeof(blob)), b);
	buf_put_str(b, "\"");
	return OK;
}

static rc roster_make(struct roster **ret, struct fault *f)
{
	AUTO(buf) struct buf b = {0};

	buf_init(&b, DOCUMENT_BYTES_MAX);
	buf_put_str(&b, "{\"hosts\":[{\"groups\":[\"farm\"],\"keys\":[");
	TRY(put_key(&b, PEOPLE, f));
	buf_put_str(&b, "],\"name\":\"host\"}],\"people\":[");
	for (uint32_t i = 0; i < PEOPLE; i++) {
		buf_printf(&b, "%s{\"groups\":[\"g%02u\",\"h%02u\"],\"keys\":[", i == 0 ? "" : ",",
			   i % GROUPS, i / 7 % GROUPS);
		TRY(put_key(&b, i, f));
		buf_printf(&b, "],\"name\":\"p%03u\"}", i);
	}
	buf_put_str(&b, "],\"version\":1}");
	TRY(buf_done(&b));
	return roster_parse(buf_view(&b), ret, f);
}

static void policy_text(struct buf *b)
{
	buf_put_str(
		b,
		"{\"admin\":{\"approve\":[\"2 of g00\"]},\"change\":{\"approve\":[\"2 of g00\"]},"
		"\"freezes\":[{\"from\":\"2026-11-25 00:00\",\"keys\":[\"*\"],\"name\":\"over\","
		"\"to\":\"2026-11-26 09:30\",\"zone\":\"Europe/Berlin\"}],\"keys\":[");
	for (unsigned i = 0; i < KEYS; i++)
		buf_printf(b,
			   "%s{\"name\":\"k%03u\",\"rate\":[\"40 per 1h\",\"9 per 1h per "
			   "requester\"],\"tier\":\"t\"}",
			   i == 0 ? "" : ",", i);
	buf_put_str(b, "],\"rules\":[");
	for (unsigned i = 0; i < RULES; i++) {
		buf_printf(b,
			   "%s{\"approve\":[\"2 of g%02u\",\"1 of h%02u\"],\"formats\":[\"cms\","
			   "\"pe\"],\"from\":[\"group:farm\"],\"keys\":[",
			   i == 0 ? "" : ",", i % GROUPS, (i + 1) % GROUPS);
		for (unsigned k = 0; k < 5; k++)
			buf_printf(b, "%s\"k%03u\"", k == 0 ? "" : ",", (i + k * 37) % KEYS);
		buf_printf(b,
			   "],\"name\":\"r%04u\",\"request\":[\"group:g%02u\",\"group:h%02u\"],"
			   "\"windows\":[\"w\"]}",
			   i, (i + 3) % GROUPS, (i + 5) % GROUPS);
	}
	buf_put_str(b, "],\"tiers\":[{\"approval_lifetime\":259200,\"max_uses\":1,\"name\":\"t\"}],"
		       "\"unlock\":{\"approve\":[\"2 of g00\"]},\"version\":1,\"windows\":[{"
		       "\"length\":36000,\"name\":\"w\",\"open\":\"Mon..Fri 08:00\",\"zone\":"
		       "\"Europe/Berlin\"}]}");
}

/* ---- Decisions ------------------------------------------------------------------------------*/

static rc zone_read(void *ctx, const char *name, struct buf *out, struct fault *f)
{
	return file_read_at(*(const int *)ctx, name, out, f);
}

struct scene {
	const struct policy *policy;
	const struct roster *roster;
	struct zone_source zones;
	struct request_item item;
	struct request request;
	struct approval_fact approvals[3];
	struct facts facts;
};

static rc member_of(const struct roster *r, const struct name *group, struct name *ret)
{
	const struct roster_group *g = roster_group(r, false, group);

	if (g == NULL)
		return RC(RC_NOTFOUND);
	*ret = g->members[lot((unsigned)g->member_count)]->name;
	return OK;
}

/* A key by lot, and people who approve under one of its rules and do not always suffice. */
static rc scene_draw(struct scene *s)
{
	const struct rule *rule = &s->policy->rules[lot(RULES)];

	(void)snprintf(s->item.format, sizeof(s->item.format), "cms");
	s->request = (struct request){.key = rule->keys[lot((unsigned)rule->key_count)],
				      .not_before = NOW - 60,
				      .deadline = NOW + 3600,
				      .uses = 1,
				      .upload = true,
				      .items = &s->item,
				      .count = 1};
	TRY(member_of(s->roster, &rule->request[lot(2)].name, &s->request.requester));
	TRY(name_parse(view_str("host"), &s->request.host));
	s->facts = (struct facts){.request = &s->request,
				  .key_known = true,
				  .approvals = s->approvals,
				  .approval_count = 3,
				  .now = NOW,
				  .zones = &s->zones,
				  .rate_count = 2};
	for (size_t i = 0; i < 3; i++) {
		struct approval_fact *a = &s->approvals[i];

		*a = (struct approval_fact){.given = NOW - 60, .expires = NOW + 60};
		TRY(member_of(s->roster, &rule->approve.seats[i / 2].who, &a->person));
		a->rule = policy_rule_digest(s->policy, rule, s->roster, &s->request.key,
					     &s->request.key_fingerprint);
	}
	return OK;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static rc measure(struct scene *s, size_t count, uint64_t *took, size_t outcomes[3])
{
	static struct decision d;

	for (size_t i = 0; i < count; i++) {
		uint64_t from;

		TRY(scene_draw(s));
		from = now_ns();
		TRY(evaluate(s->policy, s->roster, &s->facts, &d));
		took[i] = now_ns() - from;
		outcomes[d.outcome]++;
	}
	qsort(took, count, sizeof(*took), compare);
	return OK;
}

/* Its approvals come one after the other; both worlds are the same, which saves nothing. */
static rc replay_one(const struct scene *s, struct view statement)
{
	const struct replay_world w = {s->policy, s->roster, &s->zones};
	struct request request = {0};
	struct replay_request q = {.request = &request, .arrived = NOW - 60};
	static struct decision d;
	unix_time at;
	rc r = request_parse(statement, &request, NULL);

	for (size_t i = 0; i < s->facts.approval_count; i++)
		q.approvals[q.approval_count++] =
			(struct replay_approval){.person = s->approvals[i].person,
						 .channel = SSHKEY_CLI,
						 .given = NOW - 30 + 10 * (unix_time)i,
						 .expires = NOW + 60};
	if (rc_is_ok(r))
		r = replay_moment(&w, &q, &at, &d);
	if (rc_is_ok(r))
		r = replay_decide(&w, &q, at, &d);
	request_release(&request);
	return r;
}

static rc measure_replay(struct scene *s, size_t count, double *ret_us, struct fault *f)
{
	static const char *const names[] = {"file.bin"};
	AUTO(buf) struct buf statement = {0};
	uint64_t took = 0;

	buf_init(&statement, REQUEST_BYTES_MAX);
	for (size_t i = 0; i < count; i++) {
		uint64_t from;

		TRY(scene_draw(s));
		(void)snprintf(s->request.origin, sizeof(s->request.origin), "bench");
		s->item.params = view_str("{}");
		s->item.content = hash_of(HASH_SHA256, view_str("file"));
		TRY(name_parse(view_str("product"), &s->item.product));
		buf_clear(&statement);
		TRY(request_encode(&s->request, names, &statement, f));
		from = now_ns();
		TRY(replay_one(s, buf_view(&statement)));
		took += now_ns() - from;
	}
	*ret_us = (double)took / 1e3 / (double)count;
	return OK;
}

static rc run(size_t count, uint64_t *took, struct fault *f)
{
	AUTO(roster) struct roster *roster = NULL;
	AUTO(policy) struct policy *policy = NULL;
	AUTO(buf) struct buf text = {0};
	AUTO(fd) int zones = -1;
	struct scene s = {0};
	size_t outcomes[3] = {0};
	uint64_t start;
	uint64_t parsed;
	uint64_t checked;
	double replay_us;

	TRY(dir_open(ZONES, &zones, f));
	TRY(roster_make(&roster, f));
	buf_init(&text, DOCUMENT_BYTES_MAX);
	policy_text(&text);
	TRY(buf_done(&text));
	start = now_ns();
	TRY(policy_parse(buf_view(&text), &policy, f));
	parsed = now_ns();
	TRY(policy_check(policy, roster, f));
	checked = now_ns();
	s.policy = policy;
	s.roster = roster;
	s.zones = (struct zone_source){.read = zone_read, .ctx = &zones};
	TRY(measure(&s, count, took, outcomes));
	TRY(measure_replay(&s, count / 10 + 1, &replay_us, f));
	(void)printf("{\"decisions\":%zu,\"allow\":%zu,\"wait\":%zu,\"deny\":%zu,\"p50_us\":%.1f,"
		     "\"p99_us\":%.1f,\"max_us\":%.1f,\"policy_bytes\":%zu,\"parse_us\":%llu,"
		     "\"check_us\":%llu,\"replay_us\":%.1f}\n",
		     count, outcomes[OUTCOME_ALLOW], outcomes[OUTCOME_WAIT], outcomes[OUTCOME_DENY],
		     (double)took[count / 2] / 1e3, (double)took[count - 1 - count / 100] / 1e3,
		     (double)took[count - 1] / 1e3, text.len,
		     (unsigned long long)(parsed - start) / 1000,
		     (unsigned long long)(checked - parsed) / 1000, replay_us);
	return OK;
}

int main(int argc, char **argv)
{
	struct fault f = {0};
	uint64_t count;
	uint64_t *took;
	rc r;

	if (argc != 2 || !rc_is_ok(num_parse_u64(argv[1], strlen(argv[1]), COUNT_MAX, &count)) ||
	    count == 0) {
		(void)fprintf(stderr, "usage: decide COUNT\n");
		return 2;
	}
	took = calloc(count, sizeof(*took));
	if (took == NULL)
		return 1;
	r = run(count, took, &f);
	free(took);
	if (!rc_is_ok(r))
		(void)fprintf(stderr, "decide: %s: %s\n", rc_name(r), f.text);
	return rc_is_ok(r) ? 0 : 1;
}
