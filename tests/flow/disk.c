/* Real file systems that are full to the last block or read-only, under the keeper and under
 * greatseald: refused with a reason, nothing lost, and on it goes when there is room again. The
 * faults that a preloaded library plays: faults.c.
 *
 * Needs a mount namespace of its own; without one it is skipped and says so. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/front.h"
#include "tests/lib/mounts.h"

#define STATE_KIB 2048	/* journal, tokens, log; and what is left to fill */
#define SERVER_KIB 4096 /* store, uploads */
#define ROUNDS_MAX 4000 /* more than fit: reaching it means that the disk is not full */

static struct fixture fx;
static struct front s;

static const char *in_dir(const char *name)
{
	static char path[4][300];
	static unsigned at;

	at = (at + 1) % 4;
	(void)snprintf(path[at], sizeof(path[at]), "%s/%s", fx.dir, name);
	return path[at];
}

static int group_setup(void **state)
{
	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "release", "ecdsa-p256");
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	fx_stop(&fx);
	mount_small(in_dir("state"), STATE_KIB);
	fx_run(&fx);
	assert_true(fx.fd >= 0);
	assert_int_equal(mkdir(in_dir("server"), 0700), 0);
	mount_small(in_dir("server"), SERVER_KIB);
	front_start(&s, &fx);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	front_end(&s);
	fx_stop(&fx);
	mount_end(in_dir("server"));
	mount_end(in_dir("state"));
	fx_end(&fx);
	return 0;
}

/* Has the program written this to its log since the log had `from` bytes? */
static bool says(const char *log, size_t from, const char *words)
{
	AUTO(buf) struct buf text;

	buf_init(&text, 16u << 20);
	fx_ok(file_read(in_dir(log), &text, NULL));
	return strstr(buf_cstr(&text) + from, words) != NULL;
}

static size_t log_size(const char *log)
{
	struct stat st;

	return stat(in_dir(log), &st) == 0 ? (size_t)st.st_size : 0;
}

static void sign_one(void)
{
	struct fx_request q;

	fx_request_new(&fx, "nightly", 1, &q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	fx_request_release(&q);
}

static void whole(void)
{
	fx_stop(&fx);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	fx_run(&fx);
	assert_true(fx.fd >= 0);
	sign_one();
	front_ready(&s);
}

/* ---- The keeper's state is full ------------------------------------------------------------*/

/* Signs until there is no room. What was acknowledged is kept in acked, the refused one in last. */
static size_t sign_until_full(struct fx_request acked[ROUNDS_MAX], struct fx_request *last)
{
	size_t n = 0;

	for (; n < ROUNDS_MAX; n++) {
		fx_request_new(&fx, "nightly", 4, &acked[n]);
		if (fx_submit(&fx, &acked[n], true) != KEEPER_R_RESULT)
			break;
	}
	assert_true(n < ROUNDS_MAX);
	assert_int_equal(fx.header.type, KEEPER_R_ERROR);
	assert_string_equal(reason_id(fx_reason(&fx)), reason_id(REASON_KEEPER_STORAGE));
	*last = acked[n];
	return n;
}

static void signed_still(struct fx_request *acked, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(fx_submit(&fx, &acked[i], true), KEEPER_R_RESULT);
		fx_check_result(&fx, &acked[i]);
		fx_request_release(&acked[i]);
	}
}

static void state_fills_up(void **state)
{
	static struct fx_request acked[ROUNDS_MAX];
	struct fx_request last, other;
	size_t from = log_size("log");
	size_t n;

	(void)state;
	fx_request_new(&fx, "release", 1, &other);
	assert_int_equal(fx_submit(&fx, &other, true), KEEPER_R_STATUS);
	assert_int_equal(fx_approve(&fx, "bob", &other, true), KEEPER_R_STATUS);
	disk_fill(in_dir("state"));
	n = sign_until_full(acked, &last);
	assert_true(says("log", from, reason_id(REASON_KEEPER_STORAGE)));
	/* Nothing else gets in either, however it is asked for. */
	assert_int_equal(fx_approve(&fx, "carol", &other, true), KEEPER_R_ERROR);
	assert_string_equal(reason_id(fx_reason(&fx)), reason_id(REASON_KEEPER_STORAGE));
	assert_int_equal(fx_submit(&fx, &last, true), KEEPER_R_ERROR);
	/* What asks for nothing new is answered. */
	assert_int_equal(fx_show(&fx, &other), KEEPER_R_STATUS);
	disk_free(in_dir("state"));
	/* The same process, without anybody's help. */
	assert_int_equal(fx_submit(&fx, &last, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &last);
	assert_int_equal(fx_approve(&fx, "carol", &other, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &other);
	fx_request_release(&other);
	fx_request_release(&last);
	signed_still(acked, n);
	whole();
}

/* Killed while nothing can be written: the next one says that it cannot start, or starts; and once
 * there is room everything is there. */
static void killed_while_full(void **state)
{
	static struct fx_request acked[ROUNDS_MAX];
	struct fx_request last;
	size_t from, n;

	(void)state;
	disk_fill(in_dir("state"));
	n = sign_until_full(acked, &last);
	fx_kill(&fx);
	from = log_size("log");
	assert_int_equal(fx_verb(&fx, "run", NULL), 1);
	assert_true(says("log", from, "full") || says("log", from, "No space left"));
	disk_free(in_dir("state"));
	fx_run(&fx);
	assert_true(fx.fd >= 0);
	assert_int_equal(fx_submit(&fx, &last, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &last);
	fx_request_release(&last);
	signed_still(acked, n);
	whole();
}

/* ---- The keeper's directories are read-only ------------------------------------------------*/

/* A start is refused with words that name the fault; nothing is changed by it. */
static void start_is_refused_on(const char *dir)
{
	size_t from = log_size("log");

	mount_readonly(in_dir(dir), true);
	assert_int_equal(fx_verb(&fx, "run", NULL), 1);
	if (!says("log", from, "Read-only file system") && !says("log", from, "readonly database"))
		fail_msg("%s: the log does not say what is wrong", dir);
	mount_readonly(in_dir(dir), false);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	fx_run(&fx);
	assert_true(fx.fd >= 0);
	sign_one();
	fx_stop(&fx);
}

static void start_on_read_only(void **state)
{
	(void)state;
	fx_stop(&fx);
	start_is_refused_on("guard");
	start_is_refused_on("state/public");
	mount_end(in_dir("state/public"));
	mount_end(in_dir("guard"));
	start_is_refused_on("state");
	fx_run(&fx);
	sign_one();
}

/* The log's files turn read-only under a keeper that runs: what it signs is not released. */
static void public_turns_read_only(void **state)
{
	struct fx_request q;

	(void)state;
	fx_stop(&fx);
	mount_readonly(in_dir("state/public"), false);
	fx_run(&fx);
	sign_one();
	mount_readonly(in_dir("state/public"), true);
	fx_request_new(&fx, "nightly", 1, &q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_ERROR);
	assert_string_equal(reason_id(fx_reason(&fx)), reason_id(REASON_KEEPER_STORAGE));
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_ERROR);
	mount_readonly(in_dir("state/public"), false);
	/* The same process; its next round publishes, the one after that takes messages again. */
	for (int i = 0; i < ROUNDS_MAX && fx_submit(&fx, &q, true) != KEEPER_R_RESULT; i++)
		assert_string_equal(reason_id(fx_reason(&fx)), reason_id(REASON_KEEPER_STORAGE));
	fx_check_result(&fx, &q);
	fx_request_release(&q);
	fx_stop(&fx);
	mount_end(in_dir("state/public"));
	fx_run(&fx);
	whole();
}

/* ---- greatseald ----------------------------------------------------------------------------*/

#define answers(expected, expr)                                                                    \
	do {                                                                                       \
		unsigned got_ = (expr);                                                            \
		if (got_ != (expected))                                                            \
			fail_msg("%u instead of %u: %s", got_, (expected), buf_cstr(&s.body));     \
	} while (0)

static void refuses_for_its_disk(unsigned status)
{
	answers(429U, status);
	assert_string_equal(front_reason(&s), reason_id(REASON_CALL_LIMIT));
	if (strstr(front_text(&s, "error.text"), "disk") == NULL &&
	    strstr(front_text(&s, "error.text"), "store") == NULL)
		fail_msg("it does not say what is wrong: %s", buf_cstr(&s.body));
}

static const char *upload_path(const struct digest *d, size_t offset)
{
	static char path[160];
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	(void)snprintf(path, sizeof(path), "/v1/uploads/%s?offset=%zu", hex, offset);
	return path;
}

static json_t *announcement(const struct digest *d, size_t size)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return json_pack("{s:s,s:I,s:s}", "sha256", hex, "size", (json_int_t)size, "name", "file");
}

/* An upload that does not fit: refused, and goes on where the disk ended. */
static void uploads_wait_for_room(void **state)
{
	static uint8_t bytes[300000];
	static const uint8_t small[5000] = {7};
	struct digest d, whole_one = digest_of(view_of(small, sizeof(small)));
	json_int_t here;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 9));
	d = digest_of(view_of(bytes, sizeof(bytes)));
	front_upload(&s, "alice", view_of(small, sizeof(small)));
	answers(200U, front_post(&s, "alice", "/v1/uploads", announcement(&d, sizeof(bytes))));
	disk_fill(in_dir("server"));
	for (int i = 0; i < ROUNDS_MAX; i++)
		if (front_patch(&s, "alice", upload_path(&d, 0), view_of(bytes, sizeof(bytes))) !=
		    200)
			break;
	refuses_for_its_disk(s.status);
	disk_free(in_dir("server"));
	answers(200U, front_get(&s, "alice", upload_path(&d, 0)));
	here = front_number(&s, "offset");
	assert_in_range(here, 0, sizeof(bytes) - 1);
	assert_int_equal(front_number(&s, "complete"), 0);
	answers(200U, front_patch(&s, "alice", upload_path(&d, (size_t)here),
				  view_of(bytes + here, sizeof(bytes) - (size_t)here)));
	assert_int_equal(front_number(&s, "complete"), 1);
	front_stop(&s);
	front_run(&s);
	answers(200U, front_get(&s, "alice", upload_path(&whole_one, 0)));
	assert_int_equal(front_number(&s, "complete"), 1);
	answers(200U, front_get(&s, "alice", upload_path(&d, 0)));
	assert_int_equal(front_number(&s, "complete"), 1);
}

/* Calls, too, are written down, so that none is taken twice: a full disk refuses them, and the
 * first that is taken again is not forgotten by a restart, wherever the last one was cut off. */
static void calls_wait_for_room(void **state)
{
	struct front_call c = {.method = "GET", .target = "/v1/keys"};
	AUTO(buf) struct buf header;
	struct fx_request q;

	(void)state;
	buf_init(&header, 8192);
	disk_fill(in_dir("server"));
	for (int i = 0; i < ROUNDS_MAX && front_get(&s, "alice", "/v1/keys") == 200; i++)
		;
	refuses_for_its_disk(s.status);
	/* What nobody signs needs no room. */
	answers(200U, front_get(&s, NULL, "/v1/info"));
	disk_free(in_dir("server"));
	for (int i = 0; i < 3; i++) {
		buf_clear(&header);
		front_authorize(&s, "alice", &c, &header);
		c.authorization = buf_cstr(&header);
		answers(200U, front_send(&s, NULL, &c));
		front_kill(&s);
		front_run(&s);
		answers(401U, front_send(&s, NULL, &c));
		assert_string_equal(front_reason(&s), reason_id(REASON_CALL_REPLAY));
	}
	fx_request_new(&fx, "nightly", 1, &q);
	answers(200U, front_submit(&s, "/v1/requests", &q, true));
	assert_string_equal(front_text(&s, "status.state"), "done");
	fx_request_release(&q);
}

/* A request that cannot be stored is not half accepted; what was signed before that was noticed is
 * in the log. */
static void requests_wait_for_room(void **state)
{
	static const uint8_t bytes[1] = {3};
	const struct digest d = digest_of(view_of(bytes, sizeof(bytes)));
	struct fx_request q;

	(void)state;
	disk_fill(in_dir("server"));
	fx_request_new(&fx, "nightly", 4, &q);
	for (int i = 0; i < ROUNDS_MAX; i++) {
		if (front_submit(&s, "/v1/requests", &q, true) != 200)
			break;
		/* Rows of what was signed at once wait for a write that does not wait. */
		answers(507U,
			front_post(&s, "alice", "/v1/uploads", announcement(&d, sizeof(bytes))));
		fx_request_release(&q);
		fx_request_new(&fx, "nightly", 4, &q);
	}
	refuses_for_its_disk(s.status);
	disk_free(in_dir("server"));
	answers(200U, front_submit(&s, "/v1/requests", &q, true));
	assert_string_equal(front_text(&s, "status.state"), "done");
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	fx_request_release(&q);
}

static void server_starts_read_only(void **state)
{
	size_t from;

	(void)state;
	front_stop(&s);
	mount_readonly(in_dir("server"), true);
	from = log_size("server.log");
	assert_int_equal(front_try(&s), 1);
	if (!says("server.log", from, "Read-only file system"))
		fail_msg("the log does not say what is wrong");
	mount_readonly(in_dir("server"), false);
	front_run(&s);
	answers(200U, front_get(&s, "alice", "/v1/keys"));
}

static void uploads_turn_read_only(void **state)
{
	static const uint8_t bytes[3000] = {9};
	struct digest d = digest_of(view_of(bytes, sizeof(bytes)));

	(void)state;
	mount_readonly(in_dir("server/artifacts"), true);
	answers(200U, front_post(&s, "alice", "/v1/uploads", announcement(&d, sizeof(bytes))));
	refuses_for_its_disk(
		front_patch(&s, "alice", upload_path(&d, 0), view_of(bytes, sizeof(bytes))));
	mount_readonly(in_dir("server/artifacts"), false);
	answers(200U, front_patch(&s, "alice", upload_path(&d, 0), view_of(bytes, sizeof(bytes))));
	assert_int_equal(front_number(&s, "complete"), 1);
	mount_end(in_dir("server/artifacts"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_fills_up),	  cmocka_unit_test(killed_while_full),
		cmocka_unit_test(start_on_read_only),	  cmocka_unit_test(public_turns_read_only),
		cmocka_unit_test(uploads_wait_for_room),  cmocka_unit_test(calls_wait_for_room),
		cmocka_unit_test(requests_wait_for_room), cmocka_unit_test(server_starts_read_only),
		cmocka_unit_test(uploads_turn_read_only),
	};

	if (!mounts_private())
		return MOUNTS_SKIP;
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
