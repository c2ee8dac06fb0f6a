/* What hosts' guards report: a source of events of the test's own before a real server and keeper.
 * A host speaks for itself alone, a batch counts once, and one that falls silent is noticed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/model/guard_batch.h"
#include "tests/lib/front_checks.h"

static struct fixture fx;
static struct front s;
static uint8_t run_id[GUARD_RUN];

static int setup(void **state)
{
	const struct front_options o = {.clock = true,
					.settings = {"--guard-events", "100", "--guard-digests",
						     "100", "--guard-silence", "600", NULL}};

	(void)state;
	fx_start(&fx);
	front_start_with(&s, &fx, &o);
	front_stop(&s);
	fx_clock(&fx, 1000);
	front_run(&s);
	fx_ok(rng_fill(&rng_system, run_id, sizeof(run_id)));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	front_end(&s);
	fx_end(&fx);
	return 0;
}

static struct guard_batch batch_of(const char *host)
{
	struct guard_batch b = {.time = fx_now(&fx)};

	fx_ok(name_parse(view_str(host), &b.host));
	(void)strcpy(b.origin, "keeper.test");
	memcpy(b.run, run_id, sizeof(b.run));
	(void)strcpy(b.state.mode, "observe");
	(void)strcpy(b.state.level, "base");
	b.state.has_list = true;
	fx_ok(name_parse(view_str("base"), &b.state.list));
	b.state.serial = 7;
	return b;
}

static struct guard_event event_of(uint64_t seq, const char *kind, unsigned content)
{
	struct guard_event e = {.seq = seq,
				.time = fx_now(&fx),
				.has = GUARD_SHA256 | GUARD_PATH | GUARD_UID,
				.uid = 1000};

	(void)snprintf(e.kind, sizeof(e.kind), "%s", kind);
	(void)snprintf(e.path, sizeof(e.path), "/usr/bin/tool-%u", content);
	e.sha256 = digest_of(view_of(&content, sizeof(content)));
	return e;
}

/* Sends the bytes as that host, signed with key. */
static unsigned send_bytes(const struct fx_key *key, const char *ns, struct view bytes)
{
	AUTO(buf) struct buf sig = {0};
	json_t *body;
	struct front_call c = {.method = "POST", .target = "/v1/guard/events", .authorization = ""};
	unsigned status;
	char *text;

	buf_init(&sig, 8192);
	fx_sign(key, ns, bytes, &sig);
	body = json_pack("{s:o,s:o}", "batch", front_base64(bytes), "signature",
			 front_base64(buf_view(&sig)));
	text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	c.body = view_str(text);
	status = front_send(&s, NULL, &c);
	free(text);
	return status;
}

static unsigned send_as(const char *signer, const struct guard_batch *b,
			const struct guard_event *events, size_t count)
{
	AUTO(buf) struct buf bytes = {0};
	struct fault f = {0};

	buf_init(&bytes, GUARD_BATCH_MAX);
	if (!rc_is_ok(guard_batch_encode(b, events, count, &bytes, &f)))
		fail_msg("%s", f.text);
	return send_bytes(&fx_host(&fx, signer)->key[0], GUARD_NS, buf_view(&bytes));
}

static size_t rows(const char *member)
{
	return json_array_size(json_object_get(s.json, member));
}

static const char *digest_target(unsigned content)
{
	const struct digest d = digest_of(view_of(&content, sizeof(content)));

	return front_path(&d, "/v1/guard/digests/%s");
}

/* ---- What is kept ---------------------------------------------------------------------------*/

static void state_and_events_are_shown(void **state)
{
	struct guard_batch b = batch_of("build1");
	const struct guard_event e[] = {event_of(1, "first-seen", 1), event_of(2, "denied", 2),
					event_of(3, "would-deny", 2), event_of(4, "new-kind", 3)};

	(void)state;
	answers(200, send_as("build1", &b, e, 4));
	assert_int_equal(front_number(&s, "seq"), 4);
	answers(200, front_get(&s, "alice", "/v1/guard/hosts"));
	assert_int_equal(rows("hosts"), 1);
	assert_string_equal(front_text(&s, "hosts.0.host"), "build1");
	assert_string_equal(front_text(&s, "hosts.0.mode"), "observe");
	assert_string_equal(front_text(&s, "hosts.0.list"), "base");
	assert_int_equal(front_number(&s, "hosts.0.serial"), 7);
	answers(200, front_get(&s, "alice", "/v1/guard/events"));
	assert_int_equal(rows("events"), 4);
	assert_string_equal(front_text(&s, "events.0.kind"), "new-kind");
	assert_string_equal(front_text(&s, "events.3.kind"), "first-seen");
	answers(200, front_get(&s, "alice", "/v1/guard/events?kind=denied&host=build1"));
	assert_int_equal(rows("events"), 1);
	assert_string_equal(front_text(&s, "events.0.path"), "/usr/bin/tool-2");
	answers(200, front_get(&s, "alice", "/v1/guard/events?host=laptop"));
	assert_int_equal(rows("events"), 0);
	answers(200, front_get(&s, "alice", digest_target(2)));
	assert_int_equal(rows("hosts"), 1);
	assert_int_equal(front_number(&s, "hosts.0.denied"), 1);
	assert_int_equal(front_number(&s, "hosts.0.would_deny"), 1);
	assert_int_equal(front_number(&s, "hosts.0.allowed"), 0);
	answers(200, front_get(&s, "alice", digest_target(1)));
	assert_int_equal(front_number(&s, "hosts.0.allowed"), 1);
}

/* The same batch again, and one that overlaps: each event counts once. */
static void a_batch_counts_once(void **state)
{
	struct guard_batch b = batch_of("build1");
	const struct guard_event e[] = {event_of(3, "would-deny", 2), event_of(4, "new-kind", 3),
					event_of(5, "denied", 2)};

	(void)state;
	answers(200, send_as("build1", &b, e, 3));
	answers(200, send_as("build1", &b, e, 3));
	answers(200, front_get(&s, "alice", "/v1/guard/events"));
	assert_int_equal(rows("events"), 5);
	answers(200, front_get(&s, "alice", digest_target(2)));
	assert_int_equal(front_number(&s, "hosts.0.denied"), 2);
	assert_int_equal(front_number(&s, "hosts.0.would_deny"), 1);
	front_stop(&s);
	front_run(&s);
	answers(200, send_as("build1", &b, e, 3));
	answers(200, front_get(&s, "alice", "/v1/guard/events"));
	assert_int_equal(rows("events"), 5);
}

static void events_have_pages(void **state)
{
	size_t count = 0;
	char at[120] = "/v1/guard/events?limit=2";

	(void)state;
	for (;;) {
		answers(200, front_get(&s, "alice", at));
		count += rows("events");
		if (front_text(&s, "next")[0] == '\0')
			break;
		(void)snprintf(at, sizeof(at), "/v1/guard/events?limit=2&after=%s",
			       front_text(&s, "next"));
	}
	assert_int_equal(count, 5);
	refuses(400, REASON_CALL_FORM, front_get(&s, "alice", "/v1/guard/events?kind=A%20B"));
	refuses(400, REASON_CALL_FORM, front_get(&s, "alice", "/v1/guard/events?limit=201"));
	refuses(400, REASON_CALL_FORM, front_get(&s, "alice", "/v1/guard/hosts?host=A%20B"));
	refuses(404, REASON_CALL_NOTFOUND, front_get(&s, "alice", "/v1/guard/digests/abc"));
}

/* ---- Whose it is ----------------------------------------------------------------------------*/

static void a_host_speaks_for_itself(void **state)
{
	struct guard_batch b = batch_of("laptop");
	struct guard_batch nobody = batch_of("build7");
	struct guard_batch other = batch_of("laptop");
	AUTO(buf) struct buf bytes = {0};

	(void)state;
	(void)strcpy(other.origin, "log.other.example");
	refuses(403, REASON_SIG_HOST, send_as("build1", &b, NULL, 0));
	refuses(403, REASON_WHO_HOST, send_as("build1", &nobody, NULL, 0));
	refuses(422, REASON_FORM_ORIGIN, send_as("laptop", &other, NULL, 0));
	buf_init(&bytes, GUARD_BATCH_MAX);
	fx_ok(guard_batch_encode(&b, NULL, 0, &bytes, NULL));
	/* A signature that the host has given for something else. */
	refuses(403, REASON_SIG_HOST,
		send_bytes(&fx_host(&fx, "laptop")->key[0], "host.v1@greatseal", buf_view(&bytes)));
	refuses(403, REASON_SIG_HOST,
		send_bytes(&fx_person(&fx, "alice")->key[0], GUARD_NS, buf_view(&bytes)));
	answers(200, front_get(&s, "alice", "/v1/guard/hosts?host=laptop"));
	assert_int_equal(rows("hosts"), 0);
	answers(200, send_as("laptop", &b, NULL, 0));
	answers(200, front_get(&s, "alice", "/v1/guard/hosts?host=laptop"));
	assert_int_equal(rows("hosts"), 1);
}

static void readers_are_of_the_roster(void **state)
{
	const struct front_call c = {
		.method = "GET", .target = "/v1/guard/hosts", .authorization = ""};

	(void)state;
	refuses(401, REASON_CALL_AUTH, front_send(&s, NULL, &c));
}

/* ---- Times ----------------------------------------------------------------------------------*/

static void old_batches_are_refused(void **state)
{
	struct guard_batch b = batch_of("laptop");
	struct guard_batch before;

	(void)state;
	b.time = fx_now(&fx) - 600;
	refuses(401, REASON_CALL_TIME, send_as("laptop", &b, NULL, 0));
	b.time = fx_now(&fx) + 600;
	refuses(401, REASON_CALL_TIME, send_as("laptop", &b, NULL, 0));
	b = batch_of("laptop");
	b.time = fx_now(&fx) + 60;
	(void)strcpy(b.state.mode, "observe");
	answers(200, send_as("laptop", &b, NULL, 0));
	/* One of before that is brought now: it would say that the guard still enforces. */
	before = batch_of("laptop");
	before.time = b.time - 1;
	(void)strcpy(before.state.mode, "enforce");
	refuses(401, REASON_CALL_REPLAY, send_as("laptop", &before, NULL, 0));
	/* Nor may an earlier run come again in the same second. */
	before.time = b.time;
	before.run[0] ^= 1;
	refuses(401, REASON_CALL_REPLAY, send_as("laptop", &before, NULL, 0));
	answers(200, front_get(&s, "alice", "/v1/guard/hosts?host=laptop"));
	assert_string_equal(front_text(&s, "hosts.0.mode"), "observe");
}

/* ---- Hostile --------------------------------------------------------------------------------*/

static void bad_forms_are_refused(void **state)
{
	static const char *const bad[] = {"",
					  "{}",
					  "[]",
					  "null",
					  "{\"batch\":\"\"}",
					  "{\"batch\":\"e30=\",\"signature\":\"AAAA\"}",
					  "{\"batch\":\"####\",\"signature\":\"AAAA\"}",
					  "{\"batch\":\"e30=\",\"signature\":\"AAAA\",\"more\":1}"};
	const struct fx_key *key = &fx_host(&fx, "build1")->key[0];
	struct guard_batch b = batch_of("build1");
	const struct guard_event e = event_of(900, "denied", 9);
	AUTO(buf) struct buf bytes = {0};
	AUTO(buf) struct buf large = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct front_call c = {.method = "POST",
					     .target = "/v1/guard/events",
					     .body = view_str(bad[i]),
					     .authorization = ""};

		refuses(400, REASON_CALL_FORM, front_send(&s, NULL, &c));
	}
	buf_init(&bytes, GUARD_BATCH_MAX);
	fx_ok(guard_batch_encode(&b, &e, 1, &bytes, NULL));
	refuses(400, REASON_CALL_FORM,
		send_bytes(key, GUARD_NS, view_of(bytes.ptr, bytes.len - 1)));
	/* Larger than a batch may be, and than the path permits. */
	buf_init(&large, (size_t)4 << 20);
	for (size_t i = 0; i < GUARD_BATCH_MAX + 1; i++)
		buf_put_u8(&large, ' ');
	refuses(400, REASON_CALL_FORM, send_bytes(key, GUARD_NS, buf_view(&large)));
	while (large.len < 620u << 10)
		buf_put_u8(&large, ' ');
	refuses(413, REASON_FORM_LIMIT, send_bytes(key, GUARD_NS, buf_view(&large)));
}

/* A host that is taken over fills its own rows, and nobody else's. */
static void a_flood_stays_the_hosts_own(void **state)
{
	static struct guard_event e[GUARD_EVENTS_MAX];

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		struct guard_batch b = batch_of("build1");

		for (unsigned i = 0; i < GUARD_EVENTS_MAX; i++)
			e[i] = event_of(1000 + round * GUARD_EVENTS_MAX + i, "denied",
					5000 + round * GUARD_EVENTS_MAX + i);
		b.dropped = 17;
		answers(200, send_as("build1", &b, e, GUARD_EVENTS_MAX));
	}
	answers(200, front_get(&s, "alice", "/v1/guard/events?host=build1&limit=200"));
	assert_int_equal(rows("events"), 100); /* --guard-events */
	assert_int_equal(front_number(&s, "events.0.seq"), 1000 + 3 * GUARD_EVENTS_MAX - 1);
	answers(200, front_get(&s, "alice", "/v1/guard/hosts?host=build1"));
	assert_int_equal(front_number(&s, "hosts.0.digests"), 100); /* --guard-digests */
	assert_true(front_number(&s, "hosts.0.unkept") > 200);
	assert_int_equal(front_number(&s, "hosts.0.dropped"), 17);
	/* What is known is still counted. */
	answers(200, front_get(&s, "alice", digest_target(2)));
	assert_int_equal(rows("hosts"), 1);
}

/* ---- Silence --------------------------------------------------------------------------------*/

static bool is_silent(const char *host)
{
	char at[80];

	(void)snprintf(at, sizeof(at), "/v1/guard/hosts?host=%s", host);
	answers(200, front_get(&s, "alice", at));
	return json_is_true(
		json_object_get(json_array_get(json_object_get(s.json, "hosts"), 0), "silent"));
}

static void silence_is_noticed(void **state)
{
	struct guard_batch b;

	(void)state;
	assert_false(is_silent("build1"));
	fx_clock(&fx, 1000 + 700);
	while (!is_silent("build1") || !is_silent("laptop"))
		(void)usleep(50000); /* polls a condition */
	answers(200, front_get(&s, "alice", "/v1/guard/events?kind=silent"));
	assert_int_equal(rows("events"), 2);
	b = batch_of("build1");
	answers(200, send_as("build1", &b, NULL, 0));
	assert_false(is_silent("build1"));
	assert_true(is_silent("laptop"));
	answers(200, front_get(&s, "alice", "/v1/guard/events?kind=silent"));
	assert_int_equal(rows("events"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_and_events_are_shown),
		cmocka_unit_test(a_batch_counts_once),
		cmocka_unit_test(events_have_pages),
		cmocka_unit_test(a_host_speaks_for_itself),
		cmocka_unit_test(readers_are_of_the_roster),
		cmocka_unit_test(old_batches_are_refused),
		cmocka_unit_test(bad_forms_are_refused),
		cmocka_unit_test(a_flood_stays_the_hosts_own),
		cmocka_unit_test(silence_is_noticed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
