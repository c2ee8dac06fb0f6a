/* Unit tests of the guard's lookout: what is told of one file (scan), its shape and line (met),
 * what was told before (told), walks, and the queue (looks). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/seen_near.h"
#include "lib/model/guard_batch.h"
#include "prog/guard/looks.h"
#include "prog/guard/plain.h"
#include "prog/guard/scan.h"
#include "prog/guard/told.h"
#include "prog/guard/walk.h"
#include "tests/support/pe.h"
#include "tests/support/signed_files.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct ca ours, theirs;
static struct buf pem;
static char dir[200];

static int setup(void **state)
{
	char prefix[150];

	(void)state;
	ca_new(&ours, KEY_P256);
	ca_new(&theirs, KEY_P256);
	buf_init(&pem, 1 << 20);
	signed_pem(&ours, &pem);
	(void)snprintf(prefix, sizeof(prefix), "%s/met-",
		       getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_rc(RC_OK, dir_temp(prefix, dir, sizeof(dir), NULL));
	return 0;
}

static int teardown(void **state)
{
	char command[300];

	(void)state;
	ca_free(&ours);
	ca_free(&theirs);
	buf_release(&pem);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static int file_of(struct view bytes)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_rc(RC_OK, fd_write_full(fd, bytes.ptr, bytes.len, NULL));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* ---- scan -----------------------------------------------------------------------------------*/

struct heard {
	unsigned good, unjudged, ends;
	struct met last;
	struct met_end end;
};

static rc hear(void *ctx, const struct met *m)
{
	struct heard *h = (struct heard *)ctx;

	assert_true(met_check(m));
	h->good += m->what == MET_GOOD;
	h->unjudged += m->what == MET_UNJUDGED;
	h->ends += m->what == MET_END;
	if (m->what == MET_END)
		h->end = m->end;
	else
		h->last = *m;
	return OK;
}

static struct heard scan(int fd, struct view beside, struct view certs)
{
	AUTO(fd) int object = beside.len > 0 ? file_of(beside) : -1;
	const struct scan_input in = {.fd = fd, .beside = object, .pem = certs};
	struct heard h = {.good = 0};

	assert_rc(RC_OK, scan_file(&in, hear, &h, NULL));
	assert_int_equal(h.ends, 1);
	return h;
}

static void ours_are_told_and_others_not(void **state)
{
	AUTO(fd) int fd = file_of(view_str("content"));
	AUTO(buf) struct buf object = {0};
	AUTO(buf) struct buf foreign = {0};
	const struct digest sum = digest_of(view_str("content"));
	struct sign_input in = {.scheme = SIGN_ECDSA, .hash = HASH_SHA256};
	const struct pkey *key = pkey_soft_public(ours.leaf.key);
	struct hash signed_digest;
	struct heard h;

	(void)state;
	signed_cms(&ours, view_str("content"), &object);
	signed_cms(&theirs, view_str("content"), &foreign);
	h = scan(fd, buf_view(&object), buf_view(&pem));
	assert_true(h.good == 1 && h.unjudged == 0 && h.end.certs == 1 && h.end.bad_certs == 0);
	assert_true(strcmp(h.last.form, "cms") == 0 && h.last.fits == 1);
	assert_true(digest_is_equal(&h.last.file, &sum));
	assert_true(digest_is_equal(&h.last.key, pkey_fingerprint(key)));
	/* What is told is enough to verify it. */
	signed_digest = hash_of(HASH_SHA256, view_of(h.last.message, h.last.message_len));
	in.input = hash_view(&signed_digest);
	assert_memory_equal(signed_digest.b, h.last.digest, 32);
	assert_rc(RC_OK, pkey_verify(key, &in, view_of(h.last.value, h.last.value_len), NULL));
	assert_int_equal(scan(fd, buf_view(&foreign), buf_view(&pem)).good, 0);
	/* Without the certificate: by a key that is named by its fingerprint. */
	assert_int_equal(scan(fd, buf_view(&object), view_str("")).good, 0);
	{
		AUTO(fd) int beside = file_of(buf_view(&object));
		const struct scan_input by_key = {
			.fd = fd, .beside = beside, .keys = pkey_fingerprint(key), .key_count = 1};
		struct heard again = {.good = 0};

		assert_rc(RC_OK, scan_file(&by_key, hear, &again, NULL));
		assert_int_equal(again.good, 1);
	}
	object.ptr[object.len - 1] ^= 1;
	h = scan(fd, buf_view(&object), buf_view(&pem));
	assert_true(h.good == 0 && h.end.bad == 1);
	h = scan(fd,
		 view_str("\x30\x03"
			  "abc"),
		 buf_view(&pem));
	assert_true(h.good == 0 && h.end.unreadable == 1);
}

/* A file with more than is told of one. */
static void one_file_tells_so_many(void **state)
{
	AUTO(fd) int fd = file_of(view_str("module"));
	unsigned objects = 0;
	struct heard h;

	(void)state;
	/* The reader of appended signatures looks at eight, one over the other. */
	for (unsigned i = 0; i < 12; i++, objects++) {
		AUTO(buf) struct buf whole = {0};
		AUTO(buf) struct buf object = {0};

		buf_init(&whole, 1 << 20);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_rc(RC_OK, fd_read_all(fd, &whole, NULL));
		signed_cms(&ours, buf_view(&whole), &object);
		signed_append(fd, buf_view(&object));
	}
	h = scan(fd, view_of(NULL, 0), buf_view(&pem));
	assert_true(h.good >= 2 && h.good <= MET_FILE_MAX && strcmp(h.last.form, "appended") == 0);
}

static void certificates_that_are_none(void **state)
{
	AUTO(buf) struct buf mixed = {0};
	struct heard h;

	(void)state;
	buf_init(&mixed, 1 << 20);
	buf_put_view(&mixed, buf_view(&pem));
	buf_put_str(&mixed, "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n");
	buf_put_view(&mixed, buf_view(&pem));
	h = scan(-1, view_of(NULL, 0), buf_view(&mixed));
	assert_true(h.end.certs == 2 && h.end.bad_certs == 1);
	buf_put_str(&mixed, "and words\n");
	h = scan(-1, view_of(NULL, 0), buf_view(&mixed));
	assert_true(h.end.certs == 2 && h.end.bad_certs == 2);
	h = scan(-1, view_of(NULL, 0), view_str("words"));
	assert_true(h.end.certs == 0 && h.end.bad_certs == 1);
}

/* ---- met ------------------------------------------------------------------------------------*/

static void a_shape_that_is_none_is_refused(void **state)
{
	struct met good = {.what = MET_GOOD, .hash = HASH_SHA256, .form = "cms"};
	struct met m;

	(void)state;
	assert_true(met_check(&good));
#define BREAK(field, value)                                                                        \
	m = good;                                                                                  \
	m.field = (value);                                                                         \
	assert_false(met_check(&m))
	BREAK(what, 0);
	BREAK(what, MET_END + 1);
	BREAK(fits, 2);
	BREAK(hash, 0);
	BREAK(hash, HASH_SHA512 + 1);
	BREAK(spki_len, PKEY_SPKI_MAX + 1);
	BREAK(message_len, GUARD_SIGNED_MAX + 1);
	BREAK(value_len, PKEY_SIGNATURE_MAX + 1);
	m = good;
	memset(m.form, 'x', sizeof(m.form));
	assert_false(met_check(&m));
	m = good;
	memset(m.why, 'x', sizeof(m.why));
	assert_false(met_check(&m));
	m = good;
	(void)strcpy(m.form, "pgp");
	assert_false(met_check(&m));
}

/* Whoever reads a hostile file may be that file's: of one scan no more is taken than it may tell.
 */
static void one_scan_tells_no_more_than_it_may(void **state)
{
	const struct met good = {.what = MET_GOOD, .hash = HASH_SHA256, .form = "cms"};
	const struct met unjudged = {.what = MET_UNJUDGED, .form = "pe"};
	const struct met end = {.what = MET_END};
	const struct met none = {.what = 0};
	uint32_t told = 0;

	(void)state;
	for (uint32_t i = 0; i < MET_FILE_MAX; i++)
		assert_true(met_check_next(i % 2 == 0 ? &good : &unjudged, &told));
	assert_true(met_check_next(&end, &told));
	assert_false(met_check_next(&good, &told));
	assert_false(met_check_next(&unjudged, &told));
	told = 0;
	assert_false(met_check_next(&none, &told));
}

/* The largest there can be: it fits into a line of the backlog, and into an event. */
static void the_largest_line_fits(void **state)
{
	static struct met_report r;
	static uint8_t memory[32768];
	struct buf line;

	(void)state;
	r.met = (struct met){.what = MET_GOOD,
			     .fits = 1,
			     .hash = HASH_SHA512,
			     .form = "appended",
			     .spki_len = PKEY_SPKI_MAX,
			     .message_len = GUARD_SIGNED_MAX,
			     .value_len = PKEY_SIGNATURE_MAX};
	memset(&r.met.cert, 7, sizeof(r.met.cert));
	memset(r.path, 0xe9, GUARD_PATH_MAX);
	buf_init_fixed(&line, memory, sizeof(memory));
	met_put(&line, &r, "2026-11-26T20:00:00Z");
	assert_rc(RC_OK, buf_done(&line));
	assert_true(line.ptr[line.len - 1] == '\n');
	assert_non_null(strstr(buf_cstr(&line), "\"reason\":\"appended\""));
	assert_non_null(strstr(buf_cstr(&line), "\"fits\":1,\"hash\":\"sha512\""));
}

/* ---- told -----------------------------------------------------------------------------------*/

static void told_once_in_thirty_days(void **state)
{
	const unix_time now = 1795424400;
	char path[260];
	struct told t;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/signatures", dir);
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(told_reserve(fd));
	assert_true(told_init(&t, fd));
	assert_false(told_has(&t, view_str("a"), now));
	told_add(&t, view_str("a"), now);
	assert_true(told_has(&t, view_str("a"), now));
	assert_false(told_has(&t, view_str("b"), now));
	told_release(&t);
	/* The next one knows. */
	assert_true(told_init(&t, fd));
	assert_true(told_has(&t, view_str("a"), now + (TOLD_DAYS - 1) * 86400));
	assert_false(told_has(&t, view_str("a"), now + TOLD_DAYS * 86400));
	/* A clock that was wrong. */
	assert_false(told_has(&t, view_str("a"), now - 3 * 86400));
	/* Far more than it holds: the newest are there. */
	for (unsigned i = 0; i < 4 * TOLD_ROWS; i++) {
		told_add(&t, view_of(&i, sizeof(i)), now + (unix_time)(i / TOLD_ROWS) * 86400);
		assert_true(told_has(&t, view_of(&i, sizeof(i)),
				     now + (unix_time)(i / TOLD_ROWS) * 86400));
	}
	told_release(&t);
}

static void files_are_looked_into_once(void **state)
{
	struct stat st = {.st_dev = 1, .st_ino = 2, .st_size = 3};
	struct told t;

	(void)state;
	assert_true(told_init(&t, -1));
	assert_false(told_looked(&t, &st));
	assert_true(told_looked(&t, &st));
	st.st_ctim.tv_nsec = 1;
	assert_false(told_looked(&t, &st));
	st.st_ino = 3;
	assert_false(told_looked(&t, &st));
	told_release(&t);
}

/* ---- walk -----------------------------------------------------------------------------------*/

static void count(void *ctx, const struct walk_file *f)
{
	unsigned *n = (unsigned *)ctx;
	struct stat st;
	AUTO(fd) int fd = plain_open_at(f->dir, f->name, &st);

	assert_true(fd >= 0 && st.st_ino == f->st.st_ino && st.st_dev == f->st.st_dev);
	assert_true(S_ISREG(f->st.st_mode) && strncmp(f->path, dir, strlen(dir)) == 0);
	(*n)++;
}

static void walks_see_each_file(void **state)
{
	char command[600];
	struct walk w;
	unsigned n = 0, steps = 0;

	(void)state;
	(void)snprintf(command, sizeof(command),
		       "cd '%s' && mkdir -p w/a/b w/c && touch w/1 w/a/2 w/a/b/3 w/c/4 && "
		       "ln -s .. w/c/up && ln -s 1 w/link && mkfifo w/pipe",
		       dir);
	assert_int_equal(system(command), 0);
	(void)snprintf(command, sizeof(command), "%s/w", dir);
	walk_begin(&w, command);
	while (walk_on(&w, 2, count, &n))
		steps++;
	assert_int_equal(n, 4);
	assert_true(steps >= 4);
	walk_begin(&w, "/nowhere/at/all");
	assert_false(walk_on(&w, 10, count, &n));
	/* Half way. */
	walk_begin(&w, command);
	(void)walk_on(&w, 1, count, &n);
	walk_end(&w);
	/* Deeper than it goes: the rest is passed over. */
	(void)snprintf(command, sizeof(command),
		       "cd '%s' && mkdir d && cd d && for i in $(seq 40); do mkdir d && cd d && "
		       "touch f; done",
		       dir);
	assert_int_equal(system(command), 0);
	(void)snprintf(command, sizeof(command), "%s/d", dir);
	n = 0;
	walk_begin(&w, command);
	while (walk_on(&w, 100, count, &n))
		;
	assert_int_equal(n, WALK_DEPTH - 1);
}

/* Links lead nowhere, and what is no regular file is none. */
static void plain_files_alone(void **state)
{
	char command[600], path[300];
	struct stat st, seen;
	int fd;

	(void)state;
	(void)snprintf(command, sizeof(command),
		       "cd '%s' && mkdir -p p/sub && echo x >p/file && ln -s file p/link && "
		       "ln -s p plink && mkfifo p/pipe && ln -s /dev/null p/device",
		       dir);
	assert_int_equal(system(command), 0);
#define OPENED(name)                                                                               \
	((void)snprintf(path, sizeof(path), "%s/%s", dir, (name)), fd = plain_open(path, &st),     \
	 fd >= 0 ? close(fd) == 0 : false)
	assert_true(OPENED("p/file"));
	assert_true(plain_stat(AT_FDCWD, path, &seen));
	assert_true(seen.st_ino == st.st_ino && seen.st_dev == st.st_dev &&
		    seen.st_size == st.st_size && seen.st_ctim.tv_nsec == st.st_ctim.tv_nsec &&
		    S_ISREG(seen.st_mode));
	assert_false(OPENED("p/link"));
	assert_false(OPENED("plink/file"));
	assert_false(OPENED("p/pipe"));
	assert_false(OPENED("p/device"));
	assert_false(OPENED("p/sub"));
	assert_false(OPENED("p/nothing"));
	(void)snprintf(path, sizeof(path), "%s/p/file", dir);
	AUTO(fd) int file = plain_open(path, &st);
	AUTO(fd) int parent = plain_parent(path, file);
	assert_true(parent >= 0);
	fd = plain_open_at(parent, "file", &st);
	assert_true(fd >= 0 && close(fd) == 0);
	assert_int_equal(plain_open_at(parent, "link", &st), -1);
	assert_int_equal(plain_open_at(parent, "../p/file", &st), -1);
	assert_int_equal(plain_open_at(parent, "sub", &st), -1);
	/* Another file system has come to lie there. */
	assert_int_equal(plain_parent("/proc/self", file), -1);
	assert_int_equal(plain_parent("nothing", file), -1);
}

static void names_of_signatures(void **state)
{
	char of[20];

	(void)state;
	assert_true(seen_is_beside("/a/b.p7s", of, sizeof(of)) && strcmp(of, "/a/b") == 0);
	assert_true(seen_is_beside("b.tar.sig", of, sizeof(of)) && strcmp(of, "b.tar") == 0);
	assert_false(seen_is_beside("/a/.p7s", of, sizeof(of)));
	assert_false(seen_is_beside(".p7s", of, sizeof(of)));
	assert_false(seen_is_beside("/a/b", of, sizeof(of)));
	assert_false(seen_is_beside("/a/much-too-long-for-this.p7s", of, sizeof(of)));
}

/* ---- looks ----------------------------------------------------------------------------------*/

static void the_queue_holds_what_it_holds(void **state)
{
	AUTO(fd) int fd = file_of(view_str("x"));
	char path[PATH_MAX], byte;
	struct looks l;
	unsigned put = 0, taken = 0;
	int got = -1;

	(void)state;
	assert_rc(RC_OK, looks_open(&l, NULL));
	assert_false(looks_take(&l, &got, path));
	looks_put_path(&l, "/some/path");
	looks_put_file(&l, fd);
	assert_true(looks_take(&l, &got, path));
	assert_true(got == -1 && strcmp(path, "/some/path") == 0);
	assert_true(looks_take(&l, &got, path));
	assert_true(got >= 0 && path[0] == '\0');
	assert_int_equal(pread(got, &byte, 1, 0), 1);
	(void)close(got);
	/* Full: counted, and nobody waits. */
	while (atomic_load(&l.looked->passed_over) == 0 && put < 100000) {
		looks_put_file(&l, fd);
		put++;
	}
	assert_true(put < 100000);
	while (looks_take(&l, &got, path)) {
		(void)close(got);
		taken++;
	}
	assert_int_equal(taken, put - 1);
	(void)close(l.in);
	(void)close(l.out);
	(void)munmap(l.looked, sizeof(*l.looked));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours_are_told_and_others_not),
		cmocka_unit_test(one_file_tells_so_many),
		cmocka_unit_test(certificates_that_are_none),
		cmocka_unit_test(a_shape_that_is_none_is_refused),
		cmocka_unit_test(one_scan_tells_no_more_than_it_may),
		cmocka_unit_test(the_largest_line_fits),
		cmocka_unit_test(told_once_in_thirty_days),
		cmocka_unit_test(files_are_looked_into_once),
		cmocka_unit_test(walks_see_each_file),
		cmocka_unit_test(plain_files_alone),
		cmocka_unit_test(names_of_signatures),
		cmocka_unit_test(the_queue_holds_what_it_holds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
