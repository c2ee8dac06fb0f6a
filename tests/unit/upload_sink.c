/* Unit tests of prog/server/upload_sink: bytes and digest with and without a thread, resuming, a
 * disk that fails, many at once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/server/upload_sink.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define LARGE (SINK_THREAD_FROM + SINK_BLOCK / 2 + 123)

static atomic_uint running;
static uint8_t *bytes;

static int setup(void **state)
{
	uint32_t x = 1;

	(void)state;
	bytes = malloc(LARGE);
	for (size_t i = 0; i < LARGE; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(x >> 24);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(bytes);
	assert_int_equal(atomic_load(&running), 0);
	return 0;
}

static int file(void)
{
	int fd = memfd_create("part", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	return fd;
}

static struct upload_sink *sink(int fd, uint64_t at, uint64_t size)
{
	const struct sink_spec spec = {.fd = fd, .at = at, .size = size, .running = &running};
	struct upload_sink *s = NULL;

	assert_rc(RC_OK, upload_sink_new(&spec, &s, NULL));
	return s;
}

/* In pieces of an odd size, as a TLS connection gives them. */
static rc put(struct upload_sink *s, uint64_t from, uint64_t to)
{
	while (from < to) {
		size_t n = to - from < 16411 ? (size_t)(to - from) : 16411;

		TRY(upload_sink_put(s, view_of(bytes + from, n), NULL));
		from += n;
	}
	return OK;
}

static void assert_file(int fd, uint64_t size)
{
	uint8_t *back = malloc(LARGE);
	uint64_t found;

	assert_rc(RC_OK, fd_size(fd, &found, NULL));
	assert_int_equal(found, size);
	assert_rc(RC_OK, fd_pread_full(fd, back, size, 0, NULL));
	assert_memory_equal(back, bytes, size);
	free(back);
}

static void assert_whole(struct upload_sink *s, int fd, uint64_t size)
{
	struct hash expected = hash_of(HASH_SHA256, view_of(bytes, size));
	struct hash sum;

	assert_rc(RC_OK, upload_sink_finish(s, &sum, NULL));
	assert_true(hash_is_equal(&sum, &expected));
	upload_sink_free(s);
	assert_file(fd, size);
}

static void small_and_large(void **state)
{
	static const uint64_t sizes[] = {0, 1, 70000, SINK_THREAD_FROM, LARGE};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		AUTO(fd) int fd = file();
		struct upload_sink *s = sink(fd, 0, sizes[i]);

		assert_int_equal(atomic_load(&running), sizes[i] >= SINK_THREAD_FROM ? 1 : 0);
		assert_rc(RC_OK, put(s, 0, sizes[i]));
		assert_whole(s, fd, sizes[i]);
	}
}

/* Given up in the middle: what was put is in the file, and the next one goes on from there. */
static void resumed(void **state)
{
	const uint64_t stop = SINK_BLOCK * 2 + 77777;
	AUTO(fd) int fd = file();
	struct upload_sink *s = sink(fd, 0, LARGE);
	struct hash sum;

	(void)state;
	assert_rc(RC_OK, put(s, 0, stop));
	upload_sink_free(s);
	assert_file(fd, stop);
	/* Less is left than a thread is made for. */
	s = sink(fd, stop, LARGE);
	assert_int_equal(atomic_load(&running), 0);
	assert_rc(RC_OK, put(s, stop, LARGE));
	assert_whole(s, fd, LARGE);
	/* Only what was put counts: the same size with another end has another digest. */
	s = sink(fd, stop, LARGE);
	bytes[LARGE - 1] ^= 1;
	assert_rc(RC_OK, put(s, stop, LARGE));
	bytes[LARGE - 1] ^= 1;
	assert_rc(RC_OK, upload_sink_finish(s, &sum, NULL));
	assert_memory_not_equal(sum.b, hash_of(HASH_SHA256, view_of(bytes, LARGE)).b, DIGEST_SIZE);
	upload_sink_free(s);
}

static void shorter_than_said(void **state)
{
	AUTO(fd) int fd = file();
	const struct sink_spec spec = {.fd = fd, .at = 10, .size = 20, .running = &running};
	struct upload_sink *s = NULL;

	(void)state;
	assert_rc(RC_TRUNCATED, upload_sink_new(&spec, &s, NULL));
	assert_null(s);
}

/* A sealed memory file cannot grow: every write fails. */
static void a_disk_that_fails(void **state)
{
	static const uint64_t sizes[] = {70000, LARGE};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO(fd) int fd = file();
		struct upload_sink *s = sink(fd, 0, sizes[i]);
		struct fault f = {0};
		struct hash sum;

		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
		rc_ignore(put(s, 0, sizes[i]), "it may be noticed at the end only");
		assert_rc(RC_IO, upload_sink_finish(s, &sum, &f));
		assert_int_equal(f.code, RC_IO);
		upload_sink_free(s);
	}
}

/* More than may have a thread: the others work too. */
static void many(void **state)
{
	struct upload_sink *s[SINKS_MAX + 2];
	int fd[SINKS_MAX + 2];

	(void)state;
	for (size_t i = 0; i < SINKS_MAX + 2; i++) {
		fd[i] = file();
		s[i] = sink(fd[i], 0, LARGE);
	}
	assert_int_equal(atomic_load(&running), SINKS_MAX);
	for (size_t i = 0; i < SINKS_MAX + 2; i++)
		assert_rc(RC_OK, put(s[i], 0, SINK_BLOCK + i));
	for (size_t i = 0; i < SINKS_MAX + 2; i++) {
		assert_whole(s[i], fd[i], SINK_BLOCK + i);
		fd_close(&fd[i]);
	}
	upload_sink_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_and_large, setup, teardown),
		cmocka_unit_test_setup_teardown(resumed, setup, teardown),
		cmocka_unit_test_setup_teardown(shorter_than_said, setup, teardown),
		cmocka_unit_test_setup_teardown(a_disk_that_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
