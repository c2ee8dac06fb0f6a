/* Unit tests of prog/server/open_rate: calls of one address, of many, of more than there is room
 * for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "prog/server/open_rate.h"

static struct open_rate rate;

static unsigned taken(struct view address, int64_t now, unsigned tries)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += open_rate_take(&rate, address, now);
	return n;
}

static void one_address(void **state)
{
	static const uint8_t one[] = {192, 0, 2, 1};
	static const uint8_t two[] = {192, 0, 2, 2};
	static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
	struct view a = view_of(one, 4);

	(void)state;
	open_rate_init(&rate);
	assert_int_equal(taken(a, 5000, 1000), OPEN_RATE_BURST);
	assert_int_equal(taken(view_of(mapped, 16), 5000, 10), 0);
	assert_int_equal(taken(view_of(two, 4), 5000, 10), 10);
	assert_int_equal(taken(a, 5999, 10), 0);
	assert_int_equal(taken(a, 6000, 10), 1);
	assert_int_equal(taken(a, 9000, 10), 3);
	assert_int_equal(taken(a, 1000000, 1000), OPEN_RATE_BURST);
	open_rate_give(&rate, view_of(mapped, 16));
	open_rate_give(&rate, view_of("\x7f\0\0\1", 4));
	assert_int_equal(taken(a, 1000000, 10), 1);
	assert_int_equal(taken(view_of("", 0), 5000, 1000), OPEN_RATE_BURST);
	open_rate_release(&rate);
}

static void one_network(void **state)
{
	uint8_t a[16] = {0x20, 1, 0xd, 0xb8};
	unsigned n = 0;

	(void)state;
	open_rate_init(&rate);
	for (unsigned i = 0; i < 1000; i++) {
		a[15] = (uint8_t)i;
		a[14] = (uint8_t)(i >> 8);
		n += taken(view_of(a, 16), 0, 1);
	}
	assert_int_equal(n, OPEN_RATE_BURST);
	a[7] = 1;
	assert_int_equal(taken(view_of(a, 16), 0, 1), 1);
	open_rate_release(&rate);
}

/* Who floods is not forgotten for strangers, while they come once each. */
static void more_than_there_is_room(void **state)
{
	static const uint8_t loud[] = {198, 51, 100, 1};

	(void)state;
	open_rate_init(&rate);
	assert_int_equal(taken(view_of(loud, 4), 0, 1000), OPEN_RATE_BURST);
	for (unsigned i = 0; i < 5000; i++) {
		const uint8_t a[] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};

		assert_int_equal(taken(view_of(a, 4), 0, 1), 1);
	}
	assert_int_equal(taken(view_of(loud, 4), 0, 10), 0);
	assert_int_equal(rate.count, OPEN_RATE_ADDRESSES);
	open_rate_release(&rate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_address),
		cmocka_unit_test(one_network),
		cmocka_unit_test(more_than_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
