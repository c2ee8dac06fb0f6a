/* As nomem.c, of what the guard reads in files: RC_NOMEM, nothing leaked, no MET_END that would say
 * that all was seen, and the next run is good. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/handover.h"
#include "prog/guard/looks.h"
#include "prog/guard/scan.h"
#include "prog/guard/supervisor.h"
#include "prog/guard/told.h"
#include "tests/support/failing.h"
#include "tests/support/pe.h"
#include "tests/support/signed_files.h"

static struct ca world;
static struct buf pem, object, ima;
static int image = -1;
static unsigned good, ends;

#define ok(expr) assert_int_equal(RC_OK, (expr).code)

static int setup(void **state)
{
	uint8_t bytes[PE_SIZE];
	AUTO(fd) int in = memfd_create("in", MFD_CLOEXEC);
	AUTO(buf) struct buf unused = {0};
	AUTO(buf) struct buf whole = {0};

	(void)state;
	ca_new(&world, KEY_P256);
	buf_init(&pem, 65536);
	signed_pem(&world, &pem);
	signed_pem(&world, &pem);
	pe_make(bytes, true);
	image = memfd_create("image", MFD_CLOEXEC);
	ok(fd_pwrite_full(in, bytes, sizeof(bytes), 0, NULL));
	signed_image(&world, in, image, &unused);
	assert_int_equal(lseek(image, 0, SEEK_SET), 0);
	buf_init(&whole, 65536);
	ok(fd_read_all(image, &whole, NULL));
	signed_cms(&world, buf_view(&whole), &object);
	signed_ima(&world, buf_view(&whole), &ima);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ca_free(&world);
	buf_release(&pem);
	buf_release(&object);
	buf_release(&ima);
	(void)close(image);
	return 0;
}

static rc take(void *ctx, const struct met *m)
{
	(void)ctx;
	good += m->what == MET_GOOD;
	ends += m->what == MET_END;
	return OK;
}

static rc scans(void)
{
	AUTO(fd) int beside = memfd_create("beside", MFD_CLOEXEC);
	struct scan_input in = {
		.fd = image, .beside = beside, .ima = buf_view(&ima), .pem = buf_view(&pem)};
	rc r;

	ok(fd_pwrite_full(beside, object.ptr, object.len, 0, NULL));
	assert_int_equal(lseek(beside, 0, SEEK_SET), 0);
	good = ends = 0;
	r = scan_file(&in, take, NULL, NULL);
	assert_int_equal(ends, rc_is_ok(r));
	assert_true(!rc_is_ok(r) || good == 3);
	return r;
}

static rc remembers(void)
{
	struct told t;

	if (!told_init(&t, -1))
		return RC(RC_NOMEM);
	told_add(&t, view_str("a"), 0);
	assert_true(told_has(&t, view_str("a"), 0));
	told_release(&t);
	return OK;
}

/* What one guard writes down, and another reads. */
static rc takes_over(void)
{
	static const struct conf conf;
	static struct supervisor from, to;
	AUTO(buf) struct buf state = {0};
	AUTO(handover) struct handover sent = {0};
	AUTO(handover) struct handover got = {0};
	rc r;

	from = to = (struct supervisor){.g = {.conf = &conf}};
	from.g.share = (struct share *)__real_calloc(1, share_size(1));
	to.g.share = (struct share *)__real_calloc(1, share_size(1));
	from.g.share->slot_count = to.g.share->slot_count = 1;
	from.g.group = 10;
	from.listener = 11;
	from.g.feed = from.g.told = from.g.looks.in = from.g.looks.out = -1;
	from.g.met_in = from.g.met_out = -1;
	from.g.backlog = (struct backlog_files){.half = {-1, -1}, .mark = -1};
	atomic_store(&from.g.share->list_fd, -1);
	atomic_store(&from.g.share->records_fd, -1);
	buf_init(&state, HANDOVER_BYTES);
	handover_encode(&from, &sent, &state);
	r = buf_done(&state);
	if (rc_is_ok(r))
		r = handover_decode(buf_view(&state), &to, &got, NULL);
	assert_true(!rc_is_ok(r) || got.count == sent.count);
	free(from.g.share);
	free(to.g.share);
	return r;
}

static rc opens_a_queue(void)
{
	struct looks l = {.in = -1, .out = -1};
	rc r = looks_open(&l, NULL);

	if (!rc_is_ok(r)) {
		assert_true(l.in == -1 && l.looked == NULL);
		return RC(RC_NOMEM);
	}
	(void)close(l.in);
	(void)close(l.out);
	(void)munmap(l.looked, sizeof(*l.looked));
	return OK;
}

static const struct {
	const char *name;
	rc (*run)(void);
} cases[] = {{"scan_file", scans},
	     {"told_init", remembers},
	     {"looks_open", opens_a_queue},
	     {"handover", takes_over}};

static void every_allocation_fails_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t all;

		failing_begin(0);
		ok(cases[i].run());
		all = failing_end();
		assert_true(all > 0);
		for (size_t n = 1; n <= all; n++) {
			rc r;

			failing_begin(n);
			r = cases[i].run();
			(void)failing_end();
			if (r.code != RC_NOMEM)
				fail_msg("%s, allocation %zu of %zu: %s", cases[i].name, n, all,
					 rc_name(r));
		}
		failing_begin(0);
		ok(cases[i].run());
		assert_int_equal(failing_end(), all);
		(void)printf("%s: %zu allocations\n", cases[i].name, all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_once)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
