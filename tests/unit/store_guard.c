/* Unit tests of lib/store: what guards have said, and its end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/store/store.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static rc count_host(void *ctx, const struct store_guard_host *row)
{
	(void)row;
	++*(size_t *)ctx;
	return OK;
}

static rc count_seen(void *ctx, const struct store_guard_seen *row)
{
	(void)row;
	++*(size_t *)ctx;
	return OK;
}

static rc count_event(void *ctx, const struct store_guard_event *row)
{
	struct guard_event e;

	++*(size_t *)ctx;
	return guard_event_parse(row->body, &e, NULL);
}

/* What is older than the time of a sweep goes, and only that. */
static void guards_are_forgotten(void **state)
{
	struct store *s = NULL;
	struct store_guard_limits limits = {.now = 1000, .events_max = 100, .digests_max = 100};
	const struct store_guard_filter all = {.limit = 10};
	struct store_guard_host before;
	size_t hosts = 0, seen = 0, events = 0, quiet = 0;
	const struct digest d = digest_of(view_str("x"));

	(void)state;
	assert_rc(RC_OK, store_sqlite_open(":memory:", &s, NULL));
	for (unsigned i = 0; i < 2; i++) {
		struct guard_batch b = {.time = 1000 + 1000 * i}, again;
		struct guard_event e = {.seq = 1, .time = b.time, .has = GUARD_SHA256, .sha256 = d};
		AUTO(buf) struct buf bytes = {0};

		(void)strcpy(b.origin, "log.example");
		(void)strcpy(b.state.mode, GUARD_OBSERVE_WORD);
		(void)strcpy(b.state.level, "base");
		(void)strcpy(e.kind, guard_kind_name(GUARD_KIND_DENIED));
		assert_rc(RC_OK, name_parse(view_str(i == 0 ? "old" : "young"), &b.host));
		buf_init(&bytes, GUARD_BATCH_MAX);
		assert_rc(RC_OK, guard_batch_encode(&b, &e, 1, &bytes, NULL));
		assert_rc(RC_OK, guard_batch_parse(buf_view(&bytes), &again, NULL));
		limits.now = b.time;
		assert_rc(RC_OK, s->api->guard_put(s, &again, &limits, &before, NULL));
		assert_string_equal(before.run, "");
	}
	assert_rc(RC_OK, s->api->guard_silent(s, 1500, 2000, count_host, &quiet, NULL));
	assert_rc(RC_OK, s->api->guard_silent(s, 1500, 2000, count_host, &quiet, NULL));
	assert_int_equal(quiet, 1);
	assert_rc(RC_OK, s->api->guard_events(s, &all, count_event, &events, NULL));
	assert_int_equal(events, 3); /* one of them "silent" */
	assert_rc(RC_OK, s->api->guard_sweep(s, 1500, NULL));
	events = 0;
	assert_rc(RC_OK, s->api->guard_hosts(s, NULL, NULL, 10, count_host, &hosts, NULL));
	assert_rc(RC_OK, s->api->guard_seen(s, &d, NULL, 10, count_seen, &seen, NULL));
	assert_rc(RC_OK, s->api->guard_events(s, &all, count_event, &events, NULL));
	assert_int_equal(hosts, 1);
	assert_int_equal(seen, 1);
	assert_int_equal(events, 2);
	s->api->close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guards_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
