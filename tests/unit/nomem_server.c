/* Memory that is not to be had, in greatseald: a signature that a guard has met is read, or the
 * batch comes again. It is never taken for one that nobody has met. See failing.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prog/server/server.h"
#include "prog/server/sighting.h"
#include "tests/support/failing.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

/* Two signatures, one that is not whole, and an event of another kind. */
static void make_batch(struct buf *bytes, struct guard_batch *ret)
{
	static struct guard_event events[4];
	struct guard_batch b = {.origin = "log.example",
				.time = 1800000000,
				.state = {.mode = "enforce", .level = "base"}};

	for (size_t i = 0; i < 4; i++) {
		struct guard_event *e = &events[i];

		*e = (struct guard_event){.has = GUARD_SHA256 | GUARD_REASON | GUARD_HASH |
						 GUARD_DIGEST | GUARD_SPKI | GUARD_SIGNATURE |
						 GUARD_SIGNED | GUARD_PATH | GUARD_FITS,
					  .seq = i + 1,
					  .time = 1800000000,
					  .kind = "signature",
					  .reason = "cms",
					  .path = "/x",
					  .hash = "sha256",
					  .signature = "c2lnbmF0dXJl",
					  .signed_ = "bWVzc2FnZQ==",
					  .spki = "c3BraQ=="};
		memset(e->digest, 'a', 64);
	}
	events[2].has &= ~(unsigned)GUARD_SPKI;
	(void)snprintf(events[3].kind, sizeof(events[3].kind), "denied");
	assert_rc(RC_OK, name_parse(view_str("build-07"), &b.host));
	buf_init(bytes, GUARD_BATCH_MAX);
	assert_rc(RC_OK, guard_batch_encode(&b, events, 4, bytes, NULL));
	assert_rc(RC_OK, guard_batch_parse(buf_view(bytes), ret, NULL));
}

static rc read_with(const struct guard_batch *b, size_t failing, size_t *ret_count,
		    size_t *ret_allocations)
{
	AUTO(sightings) struct sightings all = {.count = 0};
	AUTO(json) json_t *rows = json_array();
	rc r;

	assert_rc(RC_OK, sightings_new(GUARD_EVENTS_MAX, &all));
	failing_begin(failing);
	r = sightings_read_batch(b, rows, &all);
	*ret_allocations = failing_end();
	*ret_count = all.count;
	for (size_t i = 0; i < all.count; i++) {
		assert_true(view_is(buf_view(&all.rows[i].message), "message"));
		assert_true(view_is(buf_view(&all.rows[i].value), "signature"));
		assert_true(view_is(buf_view(&all.rows[i].spki), "spki"));
		assert_string_equal(all.rows[i].kind, "cms");
	}
	return r;
}

static void signatures_are_read_or_come_again(void **state)
{
	AUTO(buf) struct buf bytes = {0};
	struct guard_batch b;
	size_t count = 0, allocations = 0, n;

	(void)state;
	make_batch(&bytes, &b);
	assert_rc(RC_OK, read_with(&b, 0, &count, &allocations));
	assert_int_equal(count, 2);
	assert_true(allocations > 10);
	for (n = 1; n <= allocations; n++) {
		size_t used;
		rc r = read_with(&b, n, &count, &used);

		if (r.code != RC_NOMEM)
			fail_msg("allocation %zu of %zu: %s, %zu signatures", n, allocations,
				 rc_name(r), count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_are_read_or_come_again),
	};

	/* Of JSON, too: here malloc is the one that fails. */
	json_set_alloc_funcs(malloc, free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
