/* Unit tests of prog/guard's ring of the kernel's reports (kernel.h), whose form is the kernel's.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prog/guard/kernel.h"

#define BUSY 0x80000000u /* BPF_RINGBUF_BUSY_BIT: it is being written */
#define DISCARDED 0x40000000u
#define ROW (8u + sizeof(struct kernel_event)) /* a multiple of 8 */

static struct kernel k;
static uint8_t *memory;
static unsigned long written;
_Static_assert(ROW % 8 == 0, "no bytes between rows");

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static int begin(void **state)
{
	size_t len = 2 * page() + 2 * (size_t)KERNEL_EVENTS_BYTES;

	(void)state;
	memory = (uint8_t *)aligned_alloc(page(), len);
	if (memory == NULL)
		return 1;
	memset(memory, 0, len);
	k = (struct kernel){.active = true, .ring = memory};
	written = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

/* As the kernel maps it: what is behind the end is what is at the beginning. */
static void put(const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t at = (written + i) % KERNEL_EVENTS_BYTES;

		memory[2 * page() + at] = memory[2 * page() + KERNEL_EVENTS_BYTES + at] =
			((const uint8_t *)from)[i];
	}
	written += len;
}

static void publish(void)
{
	memcpy(memory + page(), &written, sizeof(written));
}

static void row(uint32_t flags, uint32_t len, uint32_t pid)
{
	const uint8_t nothing[64] = {0};
	struct kernel_event e = {.act = KERNEL_MAP, .pid = pid};
	const uint32_t head[2] = {len | flags, 0};

	put(head, sizeof(head));
	if (len == sizeof(e))
		put(&e, sizeof(e));
	else
		put(nothing, (len + 7) / 8 * 8);
	publish();
}

static unsigned long read_up_to(void)
{
	unsigned long at;

	memcpy(&at, memory, sizeof(at));
	return at;
}

static void rows_come_in_order(void **state)
{
	struct kernel_event e;

	(void)state;
	assert_false(kernel_event_next(&k, &e));
	row(0, sizeof(e), 1);
	row(0, sizeof(e), 2);
	assert_true(kernel_event_next(&k, &e));
	assert_int_equal(1, e.pid);
	assert_int_equal(KERNEL_MAP, e.act);
	/* The kernel may have its place. */
	assert_int_equal(ROW, read_up_to());
	assert_true(kernel_event_next(&k, &e));
	assert_int_equal(2, e.pid);
	assert_false(kernel_event_next(&k, &e));
	k.active = false;
	row(0, sizeof(e), 3);
	assert_false(kernel_event_next(&k, &e));
}

/* One that is being written holds up those behind it: their order is kept. */
static void a_row_that_is_written_is_waited_for(void **state)
{
	const uint32_t done = sizeof(struct kernel_event);
	struct kernel_event e;

	(void)state;
	row(BUSY, sizeof(e), 1);
	row(0, sizeof(e), 2);
	assert_false(kernel_event_next(&k, &e));
	assert_int_equal(0, read_up_to());
	memcpy(memory + 2 * page(), &done, sizeof(done));
	assert_true(kernel_event_next(&k, &e));
	assert_int_equal(1, e.pid);
}

static void other_rows_are_passed_over(void **state)
{
	struct kernel_event e;

	(void)state;
	row(DISCARDED, sizeof(e), 1);
	row(0, 0, 0);
	row(0, 13, 0);
	row(0, sizeof(e), 2);
	assert_true(kernel_event_next(&k, &e));
	assert_int_equal(2, e.pid);
	row(DISCARDED, sizeof(e), 3);
	assert_false(kernel_event_next(&k, &e));
	assert_int_equal(written, read_up_to());
}

/* Twice round: a row lies across the end. */
static void it_goes_round(void **state)
{
	struct kernel_event e;

	(void)state;
	for (uint32_t i = 1; written < 2ul * KERNEL_EVENTS_BYTES + ROW; i++) {
		row(0, sizeof(e), i);
		assert_true(kernel_event_next(&k, &e));
		assert_int_equal(i, e.pid);
	}
	assert_int_not_equal(0, KERNEL_EVENTS_BYTES % ROW); /* or none did */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_come_in_order, begin, end),
		cmocka_unit_test_setup_teardown(a_row_that_is_written_is_waited_for, begin, end),
		cmocka_unit_test_setup_teardown(other_rows_are_passed_over, begin, end),
		cmocka_unit_test_setup_teardown(it_goes_round, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
