/* Unit tests of prog/guard's build zones: settings, tables, and who is in one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prog/guard/zone.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static void settings_are_read(void **state)
{
	static const struct {
		const char *text;
		enum rc_code code;
	} bad[] = {
		{"", RC_SYNTAX},
		{"uid:1000", RC_SYNTAX},
		{"uid:1000 /srv", RC_SYNTAX},
		{"uid:1000  1h", RC_SYNTAX},
		{"uid:1000 srv 1h", RC_SYNTAX},
		{"uid: /srv 1h", RC_SYNTAX},
		{"uid:-1 /srv 1h", RC_RANGE},
		{"uid:4294967295 /srv 1h", RC_RANGE},
		{"gid:1000 /srv 1h", RC_SYNTAX},
		{"cgroup:/ /srv 1h", RC_SYNTAX}, /* everybody is in that */
		{"cgroup:a /srv 1h", RC_SYNTAX},
		{"uid:1000 /srv 1", RC_RANGE},
		{"uid:1000 /srv 0s", RC_RANGE},
		{"uid:1000 /srv 31d", RC_RANGE},
		{"uid:1000 /srv h", RC_RANGE},
		{"uid:1000 /srv 1h ", RC_RANGE},
	};
	static struct zone z;

	(void)state;
	assert_rc(RC_OK, zone_parse(view_str("uid:1000 /srv/my builds 90m"), &z, NULL));
	assert_int_equal(1000, z.uid);
	assert_string_equal("/srv/my builds", z.dir);
	assert_int_equal(5400, z.seconds);
	assert_string_equal("", z.cgroup);
	assert_rc(RC_OK, zone_parse(view_str("cgroup:/build.slice /srv 2d"), &z, NULL));
	assert_string_equal("/build.slice", z.cgroup);
	assert_int_equal(2 * 86400, z.seconds);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (zone_parse(view_str(bad[i].text), &z, NULL).code != bad[i].code)
			fail_msg("%s", bad[i].text);
}

static void who_is_in_it(void **state)
{
	static struct zone z = {.uid = 1000};
	static const char *const in[] = {"12:cpu:/other\n0::/build.slice\n",
					 "0::/build.slice/job-1.scope\n"};
	static const char *const out[] = {"0::/build.slice2\n",
					  "0::/other/build.slice\n",
					  "1:name=x:/build.slice\n",
					  "0::/build.slic\n",
					  "0::/\n",
					  ""};

	(void)state;
	assert_true(zone_has_status(&z, "Name:\tx\nUid:\t1000\t1000\t1000\t1000\nGid:\t0\n"));
	assert_false(zone_has_status(&z, "Name:\tx\nUid:\t1000\t0\t1000\t1000\n"));
	assert_false(zone_has_status(&z, "Name:\tx\nUid:\t0\t1000\t1000\t1000\n"));
	assert_false(zone_has_status(&z, "Name:\tx\nUid:\t1000"));
	assert_false(zone_has_status(&z, "Name:\tUid:\t1000\t1000\t1000\t1000\n"));
	assert_false(zone_has_status(&z, ""));
	z.uid = getuid();
	assert_true(zone_has(&z, getpid()));
	z.uid++;
	assert_false(zone_has(&z, getpid()));
	assert_false(zone_has(&z, 0));
	strcpy(z.cgroup, "/build.slice/");
	for (size_t i = 0; i < 2; i++)
		assert_true(zone_has_cgroup(&z, in[i]));
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		assert_false(zone_has_cgroup(&z, out[i]));
}

static struct zone_file file_of(uint64_t ino, uint64_t born, uint64_t size)
{
	return (struct zone_file){.dev = 1, .ino = ino, .born = born, .size = size};
}

static void make(struct zone_state *z, const struct zone_file *f, uint64_t now)
{
	zone_opened(z, f, true, now);
	zone_closed(z, f, true, now);
}

/* What does not fit drives out the oldest, and is counted. */
static void outputs_are_bounded(void **state)
{
	struct zone_state *z = (struct zone_state *)calloc(1, sizeof(*z));
	struct zone_file f = file_of(5, 50, 100);
	const uint64_t all = OUTPUT_ROWS * OUTPUT_WIDE;
	size_t known = 0;

	(void)state;
	assert_non_null(z);
	make(z, &f, 7);
	assert_int_equal(100, zone_find(z, &f)->size);
	f.size = 200;
	assert_null(zone_find(z, &f)); /* it has another size now */
	make(z, &f, 8);
	assert_int_equal(8, zone_find(z, &f)->at);
	f.born++;
	assert_null(zone_find(z, &f)); /* another file of this number */
	f.born--;
	f.dev = 2;
	zone_closed(z, &f, false, 9);
	f.dev = 1;
	assert_non_null(zone_find(z, &f));
	zone_closed(z, &f, false, 9);
	assert_null(zone_find(z, &f));
	for (uint64_t i = 0; i < 4 * all; i++) {
		f = file_of(i, 51, 1);
		make(z, &f, i + 1);
		assert_non_null(zone_find(z, &f));
	}
	for (uint64_t i = 0; i < 4 * all; i++) {
		f = file_of(i, 51, 1);
		known += zone_find(z, &f) != NULL;
	}
	assert_true(known <= all && known > all / 2);
	assert_int_equal(4 * all - known, z->dropped);
	/* Those that are known are the newest of their row: none of the first. */
	for (uint64_t i = 0; i < all / 2; i++) {
		f = file_of(i, 51, 1);
		assert_null(zone_find(z, &f));
	}
	free(z);
}

/* Only what nobody but producers has opened, from its birth to the close. */
static void who_has_opened_counts(void **state)
{
	struct zone_state *z = (struct zone_state *)calloc(1, sizeof(*z));
	struct zone_file f = file_of(1, 100, 1);

	(void)state;
	assert_non_null(z);
	zone_closed(z, &f, true, 1); /* opened by nobody that was seen */
	assert_null(zone_find(z, &f));
	zone_opened(z, &f, true, 1);
	assert_null(zone_find(z, &f)); /* not closed */
	zone_opened(z, &f, false, 1);
	zone_closed(z, &f, true, 1); /* another was there */
	assert_null(zone_find(z, &f));
	make(z, &f, 2); /* and has been since */
	assert_null(zone_find(z, &f));
	f.born++;
	make(z, &f, 3);
	assert_non_null(zone_find(z, &f));
	make(z, &f, 4); /* once more */
	assert_non_null(zone_find(z, &f));
	zone_opened(z, &f, false, 5); /* read */
	assert_non_null(zone_find(z, &f));
	zone_closed(z, &f, true, 6); /* but then it may be that one's descriptor */
	assert_null(zone_find(z, &f));
	make(z, &f, 7);
	assert_null(zone_find(z, &f));
	f = file_of(2, 0, 1); /* without a birth */
	make(z, &f, 8);
	assert_null(zone_find(z, &f));
	atomic_store(&z->floor, 200);
	f = file_of(3, 200, 1);
	make(z, &f, 9);
	assert_null(zone_find(z, &f));
	f.born++;
	make(z, &f, 10);
	assert_non_null(zone_find(z, &f));
	/* An open that nobody could see: that may have been it. */
	zone_lost(z);
	assert_null(zone_find(z, &f));
	assert_true(atomic_load(&z->dropped) >= 1);
	make(z, &f, 11);
	assert_null(zone_find(z, &f));
	f.born = atomic_load(&z->floor) + 1;
	make(z, &f, 12);
	assert_non_null(zone_find(z, &f));
	free(z);
}

/* What is forgotten is as good as touched. */
static void touched_files_are_bounded(void **state)
{
	struct zone_state *z = (struct zone_state *)calloc(1, sizeof(*z));
	const uint64_t all = 4 * TOUCHED_ROWS * TOUCHED_WIDE;
	struct zone_file f;

	(void)state;
	assert_non_null(z);
	for (uint64_t i = 1; i <= all; i++) {
		f = file_of(i, i, 1);
		zone_opened(z, &f, false, i);
	}
	assert_true(atomic_load(&z->floor) > all / 4 && atomic_load(&z->floor) < all);
	for (uint64_t i = 1; i <= all; i++) {
		f = file_of(i, i, 1);
		make(z, &f, i);
		assert_null(zone_find(z, &f));
	}
	f = file_of(1, all + 1, 1);
	make(z, &f, all);
	assert_non_null(zone_find(z, &f));
	free(z);
}

static pid_t sleeper(int *ret_pidfd)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	assert_true(pid > 0);
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(*ret_pidfd >= 0);
	return pid;
}

/* A number is a producer's until it has ended and the queue was read. */
static void producers_end(void **state)
{
	struct zone_state *z = (struct zone_state *)calloc(1, sizeof(*z));
	int fd;
	pid_t pid = sleeper(&fd);

	(void)state;
	assert_non_null(z);
	zone_producer(z, pid, fd, 1, 2, 10);
	zone_note_ended(z);
	zone_drop_ended(z);
	assert_int_equal(2, zone_producer_find(z, pid)->ino);
	/* The same process runs another one. */
	zone_producer(z, pid, dup(fd), 1, 3, 11);
	assert_int_equal(3, zone_producer_find(z, pid)->ino);
	assert_int_equal(0, kill(pid, SIGKILL));
	assert_int_equal(pid, waitpid(pid, NULL, 0));
	zone_drop_ended(z); /* not seen before the queue was read */
	assert_non_null(zone_producer_find(z, pid));
	zone_note_ended(z);
	assert_non_null(zone_producer_find(z, pid));
	zone_drop_ended(z);
	assert_null(zone_producer_find(z, pid));
	/* Without a pidfd it is not remembered. */
	zone_producer(z, 7, -1, 1, 2, 12);
	assert_null(zone_producer_find(z, 7));
	assert_null(zone_producer_find(z, 0));
	for (int32_t i = 1; i <= (int32_t)PRODUCERS_MAX + 3; i++)
		zone_producer(z, i, dup(0), 1, 2, 20 + (uint64_t)i);
	assert_int_equal(3, z->dropped);
	assert_null(zone_producer_find(z, 3));
	assert_non_null(zone_producer_find(z, 4));
	assert_non_null(zone_producer_find(z, (int32_t)PRODUCERS_MAX + 3));
	free(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_are_read),
		cmocka_unit_test(who_is_in_it),
		cmocka_unit_test(outputs_are_bounded),
		cmocka_unit_test(who_has_opened_counts),
		cmocka_unit_test(touched_files_are_bounded),
		cmocka_unit_test(producers_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
