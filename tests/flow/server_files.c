/* What greatseald keeps of files, and for how long: the quota, incomplete uploads that rest, files
 * that no request needs any more, and rows and files that parted company. The clock is the test's.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/pe_file.h"
#include "tests/lib/front_checks.h"
#include "tests/support/pe.h"

#define HOUR 3600L
#define DAY (24 * HOUR)
#define TOTAL 1000000

static struct fixture fx;
static struct front s;
static uint8_t bytes[1000000];

static int setup(void **state)
{
	const struct front_options o = {.settings = {"--uploads-total", "1000000", "--upload-keep",
						     "72", "--artifacts-keep", "1"},
					.clock = true};

	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "release", "ecdsa-p256");
	front_start_with(&s, &fx, &o);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	front_end(&s);
	fx_end(&fx);
	return 0;
}

static struct digest file_of(size_t n, unsigned seed)
{
	assert_true(n <= sizeof(bytes));
	front_fill(bytes, n, seed);
	return digest_of(view_of(bytes, n));
}

/* Parts are alice's. */
static const char *file_path(const struct digest *d, const char *suffix)
{
	const struct digest name = strcmp(suffix, ".part") == 0 ? front_part("alice", d) : *d;
	static char ring[4][400];
	static size_t at;
	char hex[DIGEST_HEX];

	at = (at + 1) % 4;
	digest_hex(&name, hex);
	(void)snprintf(ring[at], sizeof(ring[at]), "%s/artifacts/%s%s", s.data, hex, suffix);
	return ring[at];
}

static bool is_there(const struct digest *d, const char *suffix)
{
	return access(file_path(d, suffix), F_OK) == 0;
}

/* The sweep comes by itself within a period of the timer. */
static void wait_until_gone(const struct digest *d, const char *suffix)
{
	const struct timespec pause = {.tv_nsec = 20000000};

	while (is_there(d, suffix))
		(void)nanosleep(&pause, NULL); /* polls a condition */
}

static int64_t offset_of(const struct digest *d)
{
	answers(200, front_get(&s, "alice", front_path(d, "/v1/uploads/%s")));
	return front_number(&s, "offset");
}

static void the_total_is_kept(void **state)
{
	struct digest a, b, c;

	(void)state;
	/* Announced bytes count before they are here, once for each who sends a file. */
	a = file_of(600000, 1);
	answers(200, front_announce(&s, "alice", &a, 600000));
	answers(200, front_announce(&s, "alice", &a, 600000));
	refuses(507, REASON_CALL_QUOTA, front_announce(&s, "bob", &a, 600000));
	b = file_of(400001, 2);
	refuses(507, REASON_CALL_QUOTA, front_announce(&s, "bob", &b, 400001));
	assert_non_null(strstr(front_text(&s, "error.text"), "600000 of 1000000 bytes"));
	assert_non_null(strstr(front_text(&s, "error.remedy"), "uploads-total"));
	c = file_of(400000, 3);
	answers(200, front_announce(&s, "bob", &c, 400000));
	answers(200, front_patch_at(&s, "bob", &c, 0, view_of(bytes, 400000)));
	assert_int_equal(front_number(&s, "complete"), 1);
	refuses(507, REASON_CALL_QUOTA, front_announce(&s, "bob", &b, 1));
	/* What was announced before may still come, and counts the same after a restart. */
	(void)file_of(600000, 1);
	answers(200, front_patch_at(&s, "alice", &a, 0, view_of(bytes, 600000)));
	assert_int_equal(front_number(&s, "complete"), 1);
	answers(200, front_announce(&s, "bob", &a, 600000));
	front_kill(&s);
	front_run(&s);
	refuses(507, REASON_CALL_QUOTA, front_announce(&s, "bob", &b, 1));
}

/* Everybody sends a part of their own: none but its sender's bytes get into it, nobody's wrong size
 * or bytes are in another's way, and the first that is whole is the file for all. */
static void nobody_spoils_an_upload(void **state)
{
	static const uint8_t junk[1000];
	struct digest d;

	(void)state;
	d = file_of(1000, 8);
	answers(200, front_announce(&s, "bob", &d, 999)); /* of another size */
	answers(200, front_announce(&s, "alice", &d, 1000));
	answers(200, front_patch_at(&s, "alice", &d, 0, view_of(bytes, 400)));
	refuses(404, REASON_CALL_NOTFOUND, front_patch_at(&s, "erin", &d, 400, view_of(junk, 600)));
	assert_non_null(strstr(front_text(&s, "error.text"), "erin: announce the upload first"));
	refuses(422, REASON_ARTIFACT_DIGEST, front_patch_at(&s, "bob", &d, 0, view_of(junk, 999)));
	answers(200, front_announce(&s, "erin", &d, 1000));
	assert_int_equal(front_number(&s, "offset"), 0);
	answers(200, front_patch_at(&s, "erin", &d, 0, view_of(bytes, 900)));
	answers(200, front_patch_at(&s, "alice", &d, 400, view_of(bytes + 400, 600)));
	assert_int_equal(front_number(&s, "complete"), 1);
	/* erin's next piece, and a lost answer's repetition. */
	answers(200, front_patch_at(&s, "erin", &d, 900, view_of(bytes + 900, 100)));
	assert_int_equal(front_number(&s, "complete"), 1);
	answers(200, front_patch_at(&s, "alice", &d, 400, view_of(bytes + 400, 600)));
	answers(200, front_announce(&s, "erin", &d, 1000));
	assert_int_equal(front_number(&s, "complete"), 1);
	refuses(422, REASON_ARTIFACT_DIGEST, front_announce(&s, "carol", &d, 999));
}

/* A file whose bytes are what names a part, and whose digest could be the part's name. */
static void no_file_is_a_part(void **state)
{
	static const char *const owner[] = {"alice", "bob"};
	uint8_t file[DIGEST_SIZE + 8];
	char part[500];
	struct digest d, of;
	size_t n;

	(void)state;
	d = file_of(1000, 8);
	answers(200, front_announce(&s, "alice", &d, 1000));
	answers(200, front_patch_at(&s, "alice", &d, 0, view_of(bytes, 400)));
	answers(200, front_announce(&s, "bob", &d, 1000));
	for (size_t i = 0; i < 2; i++) {
		n = DIGEST_SIZE + strlen(owner[i]);
		memcpy(file, d.b, DIGEST_SIZE);
		memcpy(file + DIGEST_SIZE, owner[i], strlen(owner[i]));
		of = digest_of(view_of(file, n));
		answers(200, front_announce(&s, "bob", &of, n));
		answers(200, front_patch_at(&s, "bob", &of, 0, view_of(file, n)));
		assert_int_equal(front_number(&s, "complete"), 1);
	}
	(void)file_of(1000, 8);
	answers(200, front_patch_at(&s, "alice", &d, 400, view_of(bytes + 400, 200)));
	answers(200, front_announce(&s, "alice", &d, 1000));
	assert_int_equal(front_number(&s, "offset"), 600);
	/* Still counted: the parts of both, and the two files. */
	of = file_of(10, 9);
	refuses(507, REASON_CALL_QUOTA, front_announce(&s, "erin", &of, 1000000 - 2000));
	(void)file_of(1000, 8);
	answers(200, front_patch_at(&s, "alice", &d, 600, view_of(bytes + 600, 400)));
	assert_int_equal(front_number(&s, "complete"), 1);
	/* A part as servers before had it. */
	(void)snprintf(part, sizeof(part), "%s.part", file_path(&d, ""));
	(void)close(open(part, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	front_kill(&s);
	front_run(&s);
	assert_int_not_equal(0, access(part, F_OK));
	answers(200, front_announce(&s, "erin", &d, 1000));
	assert_int_equal(front_number(&s, "complete"), 1);
}

static void resting_parts_go(void **state)
{
	struct digest oldest, held, newer, never;
	int fd;

	(void)state;
	oldest = file_of(1000, 1);
	answers(200, front_announce(&s, "alice", &oldest, 1000));
	answers(200, front_patch_at(&s, "alice", &oldest, 0, view_of(bytes, 600)));
	held = file_of(1000, 2);
	answers(200, front_announce(&s, "alice", &held, 1000));
	answers(200, front_patch_at(&s, "alice", &held, 0, view_of(bytes, 500)));
	never = file_of(900000, 3);
	answers(200, front_announce(&s, "alice", &never, 900000)); /* not one byte comes */
	fd = open(file_path(&held, ".part"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0); /* as an upload under way */
	fx_clock(&fx, 10 * HOUR);
	newer = file_of(1000, 4);
	answers(200, front_announce(&s, "alice", &newer, 1000));
	answers(200, front_patch_at(&s, "alice", &newer, 0, view_of(bytes, 400)));
	fx_clock(&fx, 73 * HOUR);
	wait_until_gone(&oldest, ".part");
	refuses(404, REASON_CALL_NOTFOUND,
		front_patch_at(&s, "alice", &oldest, 600, view_of(bytes, 1)));
	assert_int_equal(offset_of(&newer), 400);
	assert_int_equal(offset_of(&held), 500);
	(void)close(fd);
	/* Their bytes are free again; what is announced again is fresh again. */
	while (front_announce(&s, "alice", &oldest, 997000) == 507)
		continue; /* the announced one without bytes goes in the same sweep */
	answers(200, front_announce(&s, "alice", &newer, 1000));
	fx_clock(&fx, 140 * HOUR);
	wait_until_gone(&held, ".part");
	assert_int_equal(offset_of(&newer), 400);
}

/* One file under a request of alice's for key release. */
static void request_for(struct fx_request *q, const char *text, long deadline)
{
	fx_request_new(&fx, "release", 1, q);
	q->r.upload = true;
	q->r.deadline = fx_now(&fx) + deadline;
	q->items[0].size = strlen(text);
	q->items[0].sha256 = digest_of(view_str(text));
	q->items[0].content = hash_of(HASH_SHA256, view_str(text));
	fx_request_encode(q);
	front_upload(&s, "alice", view_str(text));
	answers(200, front_submit(&s, "/v1/requests", q, true));
}

/* docs/api.md, Who may read: erin may neither ask for this key nor approve. */
static void the_roster_reads_requests(void **state)
{
	struct fx_request q;
	char report[100];

	(void)state;
	request_for(&q, "read by all\n", HOUR);
	answers(200, front_get(&s, "erin", front_path(&q.id, "/v1/requests/%s/items/0/artifact")));
	assert_true(view_is(buf_view(&s.body), "read by all\n"));
	answers(200, front_get(&s, "erin", front_path(&q.id, "/v1/requests/%s")));
	(void)snprintf(report, sizeof(report), "/v1/reports/%s",
		       front_text(&s, "reports.0.report"));
	answers(200, front_get(&s, "erin", report));
	refuses(401, REASON_CALL_AUTH,
		front_get(&s, NULL, front_path(&q.id, "/v1/requests/%s/items/0/artifact")));
	fx_request_release(&q);
}

static void files_go_after_their_requests(void **state)
{
	static const char loose[] = "nobody asks for this one\n";
	struct digest nobody = digest_of(view_str(loose));
	struct fx_request done, open, again, next;

	(void)state;
	request_for(&done, "first version\n", HOUR);
	answers(200, front_act(&s, STATEMENT_APPROVAL, "bob", &done));
	answers(200, front_act(&s, STATEMENT_APPROVAL, "carol", &done));
	assert_string_equal(front_text(&s, "status.state"), "done");
	request_for(&open, "second version\n", 5 * DAY);
	/* One file under two requests: the later one keeps it. */
	request_for(&again, "third version\n", HOUR);
	fx_request_release(&again);
	request_for(&again, "third version\n", 5 * DAY);
	front_upload(&s, "alice", view_str(loose));
	fx_clock(&fx, 2 * DAY);
	/* What nobody could approve in time waits for nobody. */
	answers(200, front_get(&s, "dave", "/v1/requests?for=me"));
	assert_int_equal(front_number(&s, "requests"), 2);
	wait_until_gone(&done.items[0].sha256, "");
	wait_until_gone(&nobody, "");
	assert_true(is_there(&open.items[0].sha256, ""));
	assert_true(is_there(&again.items[0].sha256, ""));
	refuses(404, REASON_CALL_NOTFOUND,
		front_get(&s, "bob", front_path(&done.items[0].sha256, "/v1/artifacts/%s")));
	/* Its report stays: the next version is compared with it. */
	answers(200, front_get(&s, "bob", front_path(&done.id, "/v1/requests/%s")));
	assert_int_equal(front_number(&s, "reports"), 1);
	request_for(&next, "fourth version\n", HOUR);
	answers(200, front_get(&s, "bob", front_path(&next.id, "/v1/requests/%s")));
	assert_int_equal(strlen(front_text(&s, "reports.0.diff")), 64);
	/* It comes back like any other file. */
	front_upload(&s, "alice", view_str("first version\n"));
	answers(200, front_get(&s, "bob", front_path(&done.items[0].sha256, "/v1/artifacts/%s")));
	/* At the end of the deadlines the rest goes, too. */
	fx_clock(&fx, 7 * DAY);
	wait_until_gone(&open.items[0].sha256, "");
	wait_until_gone(&again.items[0].sha256, "");
	fx_request_release(&done);
	fx_request_release(&open);
	fx_request_release(&again);
	fx_request_release(&next);
}

/* ---- Signed files --------------------------------------------------------------------------*/

/* A small program, signed by two approvals. */
static void signed_program(struct fx_request *q, uint8_t variant)
{
	uint8_t image[PE_SIZE];
	AUTO(fd) int fd = -1;
	const struct file_spec spec = {
		.dirfd = AT_FDCWD, .name = file_path(&(struct digest){{0}}, ".pe"), .mode = 0600};

	pe_make(image, true);
	image[PE_SIZE - 1] = variant;
	fx_ok(file_replace(&spec, view_of(image, PE_SIZE), NULL));
	fd = open(spec.name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(unlink(spec.name), 0);
	fx_request_new(&fx, "release", 1, q);
	q->r.upload = true;
	q->items[0].size = PE_SIZE;
	q->items[0].sha256 = digest_of(view_of(image, PE_SIZE));
	fx_ok(format_pe_file.content(fd, HASH_SHA256, &q->items[0].content, NULL));
	(void)strcpy(q->items[0].format, "pe");
	fx_request_encode(q);
	front_upload(&s, "alice", view_of(image, PE_SIZE));
	answers(200, front_submit(&s, "/v1/requests", q, true));
	answers(200, front_act(&s, STATEMENT_APPROVAL, "bob", q));
	answers(200, front_act(&s, STATEMENT_APPROVAL, "carol", q));
	assert_string_equal(front_text(&s, "status.state"), "done");
}

static unsigned fetch(const struct fx_request *q)
{
	return front_get(&s, "alice", front_path(&q->id, "/v1/requests/%s/items/0/signed"));
}

/* signed/<artifact>/<request>.0.1 */
static const char *signed_name(const struct fx_request *q)
{
	static char out[500];
	char artifact[DIGEST_HEX], request[DIGEST_HEX];

	digest_hex(&q->items[0].sha256, artifact);
	digest_hex(&q->id, request);
	(void)snprintf(out, sizeof(out), "%s/signed/%s/%s.0.1", s.data, artifact, request);
	return out;
}

static uint64_t file_size(const char *path)
{
	struct stat st;

	fx_check(stat(path, &st) == 0);
	return (uint64_t)st.st_size;
}

static void signed_files_are_made_once(void **state)
{
	AUTO(buf) struct buf first;
	struct fx_request q, other;
	struct digest d;
	char name[500], left[600];
	struct file_spec spec = {.dirfd = AT_FDCWD, .name = left, .mode = 0600};
	uint64_t size;

	(void)state;
	buf_init(&first, 65536);
	signed_program(&q, 1);
	(void)strcpy(name, signed_name(&q));
	assert_int_not_equal(access(name, F_OK), 0);
	answers(200, fetch(&q));
	assert_true(s.body.len > PE_SIZE);
	buf_put_view(&first, buf_view(&s.body));
	size = file_size(name);
	assert_int_equal(size, first.len);
	/* Without the keeper nothing could be made any more. */
	fx_kill(&fx);
	while (front_get(&s, NULL, "/readyz") == 200)
		continue;
	answers(200, fetch(&q));
	assert_true(view_is_equal(buf_view(&s.body), buf_view(&first)));
	fx_run(&fx);
	while (front_get(&s, NULL, "/readyz") != 200)
		continue;
	/* What was not finished at an end, or whose artifact is gone, is cleared away; the rest
	 * counts. */
	front_kill(&s);
	(void)snprintf(left, sizeof(left), "%s.7.new", name);
	fx_ok(file_replace(&spec, view_str("half"), NULL));
	front_run(&s);
	assert_int_not_equal(access(left, F_OK), 0);
	d = file_of(1, 9);
	refuses(507, REASON_CALL_QUOTA,
		front_announce(&s, "alice", &d, TOTAL - PE_SIZE - size + 1));
	/* No room: handed out all the same, and made again. */
	signed_program(&other, 2);
	answers(200, front_announce(&s, "alice", &d, TOTAL - 2 * PE_SIZE - size));
	answers(200, fetch(&other));
	answers(200, fetch(&other));
	assert_true(s.body.len > PE_SIZE);
	assert_int_not_equal(access(signed_name(&other), F_OK), 0);
	/* It goes with its artifact. */
	fx_clock(&fx, 2 * DAY);
	wait_until_gone(&q.items[0].sha256, "");
	assert_int_not_equal(access(name, F_OK), 0);
	refuses(422, REASON_ARTIFACT_MISSING, fetch(&q));
	fx_request_release(&q);
	fx_request_release(&other);
}

struct fetcher {
	struct front front;
	const char *target;
	struct digest got;
};

static void *fetch_main(void *ctx)
{
	struct fetcher *f = (struct fetcher *)ctx;

	fx_check(front_get(&f->front, "alice", f->target) == 200);
	f->got = digest_of(buf_view(&f->front.body));
	return NULL;
}

/* All of them see whole files, and one is kept. */
static void many_fetch_at_once(void **state)
{
	static struct fetcher f[6];
	pthread_t threads[6];
	struct fx_request q;
	char target[300];

	(void)state;
	signed_program(&q, 3);
	(void)strcpy(target, front_path(&q.id, "/v1/requests/%s/items/0/signed"));
	for (size_t i = 0; i < 6; i++) {
		f[i].target = target;
		front_clone(&f[i].front, &s);
		assert_int_equal(pthread_create(&threads[i], NULL, fetch_main, &f[i]), 0);
	}
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		front_clone_end(&f[i].front);
		assert_true(digest_is_equal(&f[i].got, &f[0].got));
	}
	answers(200, fetch(&q));
	f[0].got = digest_of(buf_view(&s.body));
	assert_true(digest_is_equal(&f[0].got, &f[1].got));
	assert_int_equal(file_size(signed_name(&q)), s.body.len);
	fx_request_release(&q);
}

/* Whatever an end in between leaves behind, the next start makes one of it. */
static void rows_and_files_meet_again(void **state)
{
	struct digest lost, found, part, renamed;
	struct file_spec spec = {.dirfd = AT_FDCWD, .mode = 0600};

	(void)state;
	lost = file_of(300000, 1);
	front_upload(&s, "alice", view_of(bytes, 300000));
	renamed = file_of(1000, 2);
	answers(200, front_announce(&s, "alice", &renamed, 1000));
	answers(200, front_patch_at(&s, "alice", &renamed, 0, view_of(bytes, 999)));
	front_kill(&s);
	/* A row whose file is gone. */
	assert_int_equal(unlink(file_path(&lost, "")), 0);
	/* A file that was complete, under a row that does not know it yet. */
	(void)file_of(1000, 2);
	spec.name = file_path(&renamed, ".part");
	fx_ok(file_replace(&spec, view_of(bytes, 1000), NULL));
	assert_int_equal(rename(file_path(&renamed, ".part"), file_path(&renamed, "")), 0);
	/* A file and a part without rows. */
	found = file_of(500000, 3);
	spec.name = file_path(&found, "");
	fx_ok(file_replace(&spec, view_of(bytes, 500000), NULL));
	part = file_of(700, 4);
	spec.name = file_path(&part, ".part");
	fx_ok(file_replace(&spec, view_of(bytes, 300), NULL));
	front_run(&s);
	assert_false(is_there(&part, ".part"));
	answers(200, front_announce(&s, "alice", &renamed, 1000));
	assert_int_equal(front_number(&s, "complete"), 1);
	answers(200, front_announce(&s, "alice", &found, 500000));
	assert_int_equal(front_number(&s, "complete"), 1);
	refuses(422, REASON_ARTIFACT_DIGEST, front_announce(&s, "alice", &found, 500001));
	/* 501000 are here; 300000 are not counted any more. */
	refuses(507, REASON_CALL_QUOTA, front_announce(&s, "alice", &lost, TOTAL - 501000 + 1));
	answers(200, front_announce(&s, "alice", &lost, TOTAL - 501000));
	assert_int_equal(front_number(&s, "complete"), 0);
	assert_int_equal(front_number(&s, "offset"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_total_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_spoils_an_upload, setup, teardown),
		cmocka_unit_test_setup_teardown(no_file_is_a_part, setup, teardown),
		cmocka_unit_test_setup_teardown(resting_parts_go, setup, teardown),
		cmocka_unit_test_setup_teardown(the_roster_reads_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(files_go_after_their_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(signed_files_are_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(many_fetch_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(rows_and_files_meet_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
