/* Unit tests of prog/guard/backlog: order, limits, restarts, torn lines. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/backlog.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

struct box {
	char dir[200];
	struct backlog b;
	struct buf out;
	uint32_t count;
};

static void load(struct box *x, uint64_t bytes)
{
	struct backlog_files files;

	for (size_t i = 0; i < 2; i++)
		if (x->b.files.half[i] > 0)
			(void)close(x->b.files.half[i]);
	if (x->b.files.mark > 0)
		(void)close(x->b.files.mark);
	assert_rc(RC_OK, backlog_open(x->dir, &files, NULL));
	backlog_load(&x->b, &files, bytes);
}

static int setup(void **state)
{
	struct box *x = (struct box *)calloc(1, sizeof(*x));
	char prefix[150];

	assert_non_null(x);
	(void)snprintf(prefix, sizeof(prefix), "%s/backlog-",
		       getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_rc(RC_OK, dir_temp(prefix, x->dir, sizeof(x->dir), NULL));
	buf_init(&x->out, 1 << 20);
	load(x, 1 << 20);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct box *x = (struct box *)*state;
	char command[300];

	buf_release(&x->out);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", x->dir);
	assert_int_equal(system(command), 0);
	free(x);
	return 0;
}

static void put(struct box *x, unsigned n)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "{\"n\":%u}", n);
	backlog_put(&x->b, view_str(text));
}

static const char *get(struct box *x, uint32_t max)
{
	buf_clear(&x->out);
	assert_rc(RC_OK, backlog_get(&x->b, max, &x->out, &x->count));
	return buf_cstr(&x->out);
}

static void path_of(const struct box *x, const char *name, char out[300])
{
	(void)snprintf(out, 300, "%s/%s/%s", x->dir, BACKLOG_DIR, name);
}

static void in_order_until_acknowledged(void **state)
{
	struct box *x = (struct box *)*state;

	assert_string_equal(get(x, 10), "");
	for (unsigned i = 1; i <= 3; i++)
		put(x, i);
	assert_string_equal(get(x, 2), "{\"event\":{\"n\":1},\"seq\":1}\n{\"event\":{\"n\":2},"
				       "\"seq\":2}\n");
	assert_int_equal(x->count, 2);
	assert_int_equal(strncmp(get(x, 9), "{\"event\":{\"n\":1}", 16), 0);
	backlog_ack(&x->b, 2);
	assert_string_equal(get(x, 9), "{\"event\":{\"n\":3},\"seq\":3}\n");
	backlog_ack(&x->b, 1); /* late, and one from the future: neither counts */
	backlog_ack(&x->b, 77);
	assert_string_equal(get(x, 9), "{\"event\":{\"n\":3},\"seq\":3}\n");
	backlog_ack(&x->b, 3);
	assert_string_equal(get(x, 9), "");
}

static void restarts_go_on(void **state)
{
	struct box *x = (struct box *)*state;
	uint8_t run[BACKLOG_RUN];

	for (unsigned i = 1; i <= 5; i++)
		put(x, i);
	backlog_ack(&x->b, 3);
	memcpy(run, x->b.run, sizeof(run));
	load(x, 1 << 20);
	assert_memory_equal(run, x->b.run, sizeof(run));
	assert_string_equal(get(x, 1), "{\"event\":{\"n\":4},\"seq\":4}\n");
	put(x, 6);
	(void)get(x, 9);
	assert_int_equal(x->count, 3);
	backlog_ack(&x->b, 6);
	load(x, 1 << 20);
	put(x, 7);
	assert_string_equal(get(x, 9), "{\"event\":{\"n\":7},\"seq\":7}\n");
	assert_int_equal(x->b.dropped, 0);
}

/* The older half goes when the younger one is full; what nobody had is counted. */
static void old_ones_make_room(void **state)
{
	struct box *x = (struct box *)*state;
	uint64_t first, seen = 0;
	const char *at;

	load(x, 2000);
	for (unsigned i = 1; i <= 500; i++)
		put(x, i);
	assert_true(x->b.half[0].size <= 1000 && x->b.half[1].size <= 1000);
	at = get(x, 500);
	assert_int_equal(sscanf(at, "{\"event\":{\"n\":%lu}", &first), 1);
	assert_int_equal(x->b.dropped, first - 1);
	/* All that was not dropped comes, in order, whatever half it lies in. */
	for (;;) {
		(void)get(x, 7);
		if (x->count == 0)
			break;
		for (at = buf_cstr(&x->out); at != NULL && *at != '\0'; at = strchr(at, '\n') + 1) {
			unsigned long n;

			assert_int_equal(sscanf(at, "{\"event\":{\"n\":%lu}", &n), 1);
			assert_int_equal(n, first + seen);
			seen++;
		}
		backlog_ack(&x->b, first + seen - 1);
	}
	assert_int_equal(seen, 500 - (first - 1));
	load(x, 2000);
	assert_int_equal(x->b.dropped, first - 1);
	assert_int_equal(x->b.next, 501);
}

/* Cut after each byte, and with each byte changed: whole lines before it stay, and it goes on. */
static void torn_lines_are_cut_off(void **state)
{
	struct box *x = (struct box *)*state;
	char path[300], text[400];
	size_t len, second;
	int fd;

	put(x, 1);
	second = (size_t)x->b.half[0].size;
	put(x, 2);
	len = (size_t)x->b.half[0].size;
	path_of(x, "0", path);
	assert_rc(RC_OK, fd_pread_full(x->b.files.half[0], text, len, 0, NULL));
	for (size_t i = second; i < 2 * len; i++) {
		char bad[400];
		size_t size = i < len ? i : len;

		memcpy(bad, text, len);
		if (i >= len && i - len >= second)
			bad[i - len] ^= 1;
		else if (i >= len)
			continue;
		fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_rc(RC_OK, fd_write_full(fd, bad, size, NULL));
		(void)close(fd);
		load(x, 1 << 20);
		put(x, 9);
		assert_string_equal(get(x, 9),
				    "{\"event\":{\"n\":1},\"seq\":1}\n{\"event\":{\"n\":9},"
				    "\"seq\":2}\n");
	}
}

/* A mark that is gone or broken begins another run; the events are still there. */
static void a_lost_mark_is_another_run(void **state)
{
	struct box *x = (struct box *)*state;
	uint8_t run[BACKLOG_RUN];
	char path[300];

	put(x, 1);
	put(x, 2);
	backlog_ack(&x->b, 1);
	memcpy(run, x->b.run, sizeof(run));
	path_of(x, "mark", path);
	assert_int_equal(truncate(path, 40), 0);
	load(x, 1 << 20);
	assert_memory_not_equal(run, x->b.run, sizeof(run));
	(void)get(x, 9);
	assert_int_equal(x->count, 2);
}

/* No file, a line that is too long: counted, and nothing else happens. */
static void what_cannot_be_kept_is_counted(void **state)
{
	static char large[BACKLOG_LINE_MAX + 1];
	const struct backlog_files none = {.half = {-1, -1}, .mark = -1};
	struct box *x = (struct box *)*state;
	struct backlog b;

	memset(large, ' ', sizeof(large) - 1);
	backlog_put(&x->b, view_str(large));
	assert_int_equal(x->b.dropped, 1);
	put(x, 1);
	assert_string_equal(get(x, 9), "{\"event\":{\"n\":1},\"seq\":1}\n");
	backlog_load(&b, &none, 1000);
	backlog_put(&b, view_str("{}"));
	assert_int_equal(b.dropped, 1);
	buf_clear(&x->out);
	assert_rc(RC_OK, backlog_get(&b, 9, &x->out, &x->count));
	assert_int_equal(x->count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_order_until_acknowledged, setup, teardown),
		cmocka_unit_test_setup_teardown(restarts_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(old_ones_make_room, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_lines_are_cut_off, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_mark_is_another_run, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_kept_is_counted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
