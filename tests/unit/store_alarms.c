/* Unit tests of lib/store: the log's signatures, and alarms. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/store/store.h"
#include "tests/unit/store_box.h"

static rc count_held(void *ctx, const struct store_held *row)
{
	uint64_t *sum = ctx;

	assert_true(row->leaf > 0 && row->use == 7);
	*sum += row->leaf;
	return OK;
}

static void issued_and_held(void **state)
{
	struct box *b = (struct box *)*state;
	const struct store_api *api = b->s->api;
	struct store_issued i = {digest_n(1), digest_n(2), digest_n(3), 4, 5};
	struct store_issued back;
	uint64_t n = 9;

	assert_rc(RC_NOTFOUND, api->issued_get(b->s, &i.signature, &back, NULL));
	assert_rc(RC_OK, api->issued_count(b->s, &i.key, &n, NULL));
	assert_int_equal(n, 0);
	assert_rc(RC_NOTFOUND, api->issued_by(b->s, &i.key, &back, NULL));
	assert_rc(RC_OK, api->issued_put(b->s, &i, NULL));
	i.leaf = 99; /* the first word stays */
	assert_rc(RC_OK, api->issued_put(b->s, &i, NULL));
	assert_rc(RC_OK, api->issued_get(b->s, &i.signature, &back, NULL));
	assert_true(back.leaf == 4 && back.item == 5 &&
		    digest_is_equal(&back.request, &i.request) &&
		    digest_is_equal(&back.key, &i.key));
	assert_rc(RC_OK, api->issued_count(b->s, &i.key, &n, NULL));
	assert_int_equal(n, 1);
	assert_rc(RC_OK, api->issued_by(b->s, &i.key, &back, NULL));
	assert_true(back.leaf == 4 && digest_is_equal(&back.signature, &i.signature));
	assert_rc(RC_NOTFOUND, api->issued_by(b->s, &i.signature, &back, NULL));
	for (uint64_t leaf = 1; leaf < 4; leaf++)
		assert_rc(RC_OK,
			  api->held_put(b->s, &(struct store_held){leaf, digest_n(1), 7}, NULL));
	assert_rc(RC_OK, api->held_drop(b->s, 2, NULL));
	n = 0;
	assert_rc(RC_OK, api->held_list(b->s, 0, 10, count_held, &n, NULL));
	assert_int_equal(n, 4);
	n = 0;
	assert_rc(RC_OK, api->held_list(b->s, 1, 10, count_held, &n, NULL));
	assert_int_equal(n, 3);
	n = 0;
	assert_rc(RC_OK, api->held_list(b->s, 0, 1, count_held, &n, NULL));
	assert_int_equal(n, 1);
}

struct seen_alarms {
	size_t count;
	uint64_t last_seq;
	uint64_t told;
	char state[16];
};

static rc take_alarm(void *ctx, const struct store_alarm *row)
{
	struct seen_alarms *seen = ctx;

	assert_true(seen->count == 0 || row->seq < seen->last_seq);
	assert_true(view_is(row->evidence, "{}") && view_is(row->name, "a file") &&
		    strcmp(row->kind, "cms") == 0 && strcmp(row->key_name.s, "release") == 0 &&
		    strcmp(row->reporter.s, "carol") == 0 && row->log_size == 12);
	assert_true(row->first == 1000 && row->last == 1000 + (unix_time)row->count - 1);
	assert_true((row->closer.s[0] == '\0') == (strcmp(row->state, "open") == 0));
	seen->count++;
	seen->last_seq = row->seq;
	seen->told = row->count;
	(void)strcpy(seen->state, row->state);
	return OK;
}

static void alarms(void **state)
{
	struct box *b = (struct box *)*state;
	const struct store_api *api = b->s->api;
	struct store_alarm a = {.key = digest_n(1),
				.file = digest_n(2),
				.key_name = name_of("release"),
				.reporter = name_of("carol"),
				.first = 1000,
				.log_size = 12,
				.kind = "cms",
				.name = view_str("a file"),
				.evidence = view_str("{}")};
	struct seen_alarms seen = {.count = 0};
	bool is_new = false;

	assert_rc(RC_NOTFOUND, api->alarm_get(b->s, &a.signature, take_alarm, &seen, NULL));
	assert_rc(RC_NOTFOUND, api->alarm_close(b->s, &a, NULL));
	for (unsigned i = 0; i < 3; i++) {
		a.signature = digest_n(i);
		assert_rc(RC_OK, api->alarm_put(b->s, &a, &is_new, NULL));
		assert_true(is_new);
	}
	a.first = 1001;
	assert_rc(RC_OK, api->alarm_put(b->s, &a, &is_new, NULL));
	assert_false(is_new);
	assert_rc(RC_OK, api->alarm_get(b->s, &a.signature, take_alarm, &seen, NULL));
	assert_true(seen.told == 2 && strcmp(seen.state, "open") == 0);
	(void)strcpy(a.state, "known");
	a.closer = name_of("dave");
	a.closed = 2000;
	a.comment = view_str("old");
	assert_rc(RC_OK, api->alarm_close(b->s, &a, NULL));
	seen = (struct seen_alarms){.count = 0};
	assert_rc(RC_OK, api->alarm_list(b->s, NULL, 0, 200, take_alarm, &seen, NULL));
	assert_int_equal(seen.count, 3);
	seen = (struct seen_alarms){.count = 0};
	assert_rc(RC_OK, api->alarm_list(b->s, "open", 0, 200, take_alarm, &seen, NULL));
	assert_int_equal(seen.count, 2);
	seen = (struct seen_alarms){.count = 0};
	assert_rc(RC_OK, api->alarm_list(b->s, NULL, 3, 1, take_alarm, &seen, NULL));
	assert_true(seen.count == 1 && seen.last_seq == 2);
	(void)reopen(b);
	seen = (struct seen_alarms){.count = 0};
	assert_rc(RC_OK, b->s->api->alarm_list(b->s, "known", 0, 200, take_alarm, &seen, NULL));
	assert_int_equal(seen.count, 1);
}

static void alarms_have_an_end(void **state)
{
	struct box *b = (struct box *)*state;
	const struct store_api *api = b->s->api;
	struct store_alarm a = {.key_name = name_of("release"),
				.reporter = name_of("carol"),
				.first = 1000,
				.name = view_str("a file"),
				.evidence = view_str("{}")};
	bool is_new;

	assert_rc(RC_OK, api->batch_begin(b->s, NULL));
	for (unsigned i = 0; i < STORE_ALARMS_MAX; i++) {
		a.signature = digest_n(i);
		assert_rc(RC_OK, api->alarm_put(b->s, &a, &is_new, NULL));
	}
	assert_rc(RC_OK, api->batch_end(b->s, NULL));
	assert_rc(RC_OK, api->alarm_put(b->s, &a, &is_new, NULL));
	assert_false(is_new);
	a.signature = digest_n(STORE_ALARMS_MAX);
	assert_rc(RC_LIMIT, api->alarm_put(b->s, &a, &is_new, NULL));
}

static void alarms_of_a_reporter(void **state)
{
	struct box *b = (struct box *)*state;
	const struct store_api *api = b->s->api;
	const struct name host = name_of("build-07"), other = name_of("build-08");
	struct store_alarm a = {.reporter = host,
				.key_name = name_of("release"),
				.kind = "ima",
				.first = 1000,
				.name = view_str("x"),
				.evidence = view_str("{}")};
	uint64_t n = 7;
	bool is_new;

	assert_rc(RC_OK, api->alarm_count(b->s, &host, &n, NULL));
	assert_int_equal(n, 0);
	for (unsigned i = 0; i < 3; i++) {
		a.signature = digest_n(i);
		assert_rc(RC_OK, api->alarm_put(b->s, &a, &is_new, NULL));
	}
	/* told again by another: the first one counts */
	a.reporter = other;
	assert_rc(RC_OK, api->alarm_put(b->s, &a, &is_new, NULL));
	assert_rc(RC_OK, api->alarm_count(b->s, &host, &n, NULL));
	assert_int_equal(n, 3);
	assert_rc(RC_OK, api->alarm_count(b->s, &other, &n, NULL));
	assert_int_equal(n, 0);
	/* one that is closed does not */
	(void)strcpy(a.state, "closed");
	a.closer = name_of("dave");
	assert_rc(RC_OK, api->alarm_close(b->s, &a, NULL));
	assert_rc(RC_OK, api->alarm_count(b->s, &host, &n, NULL));
	assert_int_equal(n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(issued_and_held, setup, teardown),
		cmocka_unit_test_setup_teardown(alarms, setup, teardown),
		cmocka_unit_test_setup_teardown(alarms_have_an_end, setup, teardown),
		cmocka_unit_test_setup_teardown(alarms_of_a_reporter, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
