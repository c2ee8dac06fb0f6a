/* Unit tests of prog/keeper/guard: torn slots, locks, going back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/keeper/guard.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static char dir[200];
static char path[240];

static struct tree_head head_of(uint64_t size)
{
	struct tree_head h = {.size = size};

	memset(h.root.b, (int)size, sizeof(h.root.b));
	return h;
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char prefix[150];
	struct guard_mark mark = {.origin = "log.example", .epoch = 7};

	(void)state;
	mark.head = head_of(0);
	(void)snprintf(prefix, sizeof(prefix), "%s/guard-", tmp != NULL ? tmp : "/tmp");
	assert_rc(RC_OK, dir_temp(prefix, dir, sizeof(dir), NULL));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, GUARD_FILE);
	assert_rc(RC_OK, guard_create(dir, &mark, NULL));
	return 0;
}

static int teardown(void **state)
{
	char lock[240];

	(void)state;
	(void)snprintf(lock, sizeof(lock), "%s/lock", dir);
	(void)unlink(lock);
	(void)unlink(path);
	return rmdir(dir);
}

static void advance_and_reopen(void **state)
{
	struct guard *g;

	(void)state;
	for (uint64_t n = 1; n <= 5; n++) {
		struct tree_head h = head_of(n);

		assert_rc(RC_OK, guard_open(dir, &g, NULL));
		assert_int_equal(guard_mark(g)->head.size, n - 1);
		assert_string_equal(guard_mark(g)->origin, "log.example");
		assert_int_equal(guard_mark(g)->epoch, 7);
		assert_rc(RC_OK, guard_advance(g, &h, NULL));
		guard_close(g);
	}
}

static void never_goes_back(void **state)
{
	struct tree_head h = head_of(5);
	struct tree_head other = head_of(5);
	struct guard *g;

	(void)state;
	other.root.b[0] ^= 1;
	assert_rc(RC_OK, guard_open(dir, &g, NULL));
	assert_rc(RC_OK, guard_advance(g, &h, NULL));
	assert_rc(RC_OK, guard_advance(g, &h, NULL));
	assert_rc(RC_MISMATCH, guard_advance(g, &other, NULL));
	h = head_of(4);
	assert_rc(RC_RANGE, guard_advance(g, &h, NULL));
	assert_int_equal(guard_mark(g)->head.size, 5);
	guard_close(g);
}

static void flip(size_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t b;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &b, 1, (off_t)at), 1);
	b ^= 1;
	assert_int_equal(pwrite(fd, &b, 1, (off_t)at), 1);
	assert_int_equal(close(fd), 0);
}

/* Whatever byte of the slot in writing is lost, the one before it is found. */
static void survives_a_torn_slot(void **state)
{
	struct tree_head h = head_of(1);
	struct guard *g;

	(void)state;
	assert_rc(RC_OK, guard_open(dir, &g, NULL));
	assert_rc(RC_OK, guard_advance(g, &h, NULL)); /* counter 2: slot 0 */
	guard_close(g);
	for (size_t at = 0; at < GUARD_SLOT; at++) {
		flip(at);
		assert_rc(RC_OK, guard_open(dir, &g, NULL));
		assert_int_equal(guard_mark(g)->head.size, 0);
		guard_close(g);
		flip(at);
	}
	flip(0);
	flip(GUARD_SLOT);
	assert_rc(RC_CORRUPT, guard_open(dir, &g, NULL));
	flip(0);
	flip(GUARD_SLOT);
	assert_rc(RC_OK, guard_open(dir, &g, NULL));
	assert_int_equal(guard_mark(g)->head.size, 1);
	guard_close(g);
}

static void one_keeper_alone(void **state)
{
	struct guard_mark mark = {.origin = "log.example"};
	struct guard *g;
	struct guard *second;
	struct fault f;
	int lock;
	int again;

	(void)state;
	assert_rc(RC_EXISTS, guard_create(dir, &mark, &f));
	assert_rc(RC_OK, guard_open(dir, &g, NULL));
	assert_rc(RC_BUSY, guard_open(dir, &second, &f));
	guard_close(g);
	assert_rc(RC_OK, guard_open(dir, &g, NULL));
	guard_close(g);
	guard_close(NULL);
	assert_rc(RC_OK, lock_take(dir, "lock", &lock, NULL));
	assert_rc(RC_BUSY, lock_take(dir, "lock", &again, &f));
	fd_close(&lock);
	assert_rc(RC_OK, lock_take(dir, "lock", &lock, NULL));
	fd_close(&lock);
	assert_rc(RC_NOTFOUND, guard_open("/nonexistent", &g, &f));
	assert_int_equal(unlink(path), 0);
	assert_rc(RC_NOTFOUND, guard_open(dir, &g, &f));
	assert_rc(RC_OK, guard_create(dir, &mark, &f));
	assert_int_equal(truncate(path, 700), 0);
	assert_rc(RC_TRUNCATED, guard_open(dir, &g, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(advance_and_reopen, setup, teardown),
		cmocka_unit_test_setup_teardown(never_goes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_a_torn_slot, setup, teardown),
		cmocka_unit_test_setup_teardown(one_keeper_alone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
