/* A lost store, or one that lost its newest rows with the power: lists, inboxes, searches and
 * comparisons come back from the log and the keeper, also when the server ends in between. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/store/store.h"
#include "tests/lib/front_checks.h"

#define ROBOTS 100 /* requests, three entries each: more than one bundle of the log */

static struct fixture fx;
static struct front s;
static struct fx_request waiting, signed_one, cancelled;
static const char *const ends[] = {"", "-wal", "-shm"};

static void db_path(const char *end, char out[400])
{
	(void)snprintf(out, 400, "%s/greatseald.db%s", s.data, end);
}

static void lose_store(void)
{
	char path[400];

	for (size_t i = 0; i < 3; i++) {
		db_path(ends[i], path);
		(void)unlink(path);
	}
}

static void request_for(struct fx_request *q, const char *text)
{
	fx_request_new(&fx, "release", 1, q);
	q->r.upload = true;
	fx_ok(name_parse(view_str("thing"), &q->items[0].product));
	q->items[0].size = strlen(text);
	q->items[0].sha256 = digest_of(view_str(text));
	q->items[0].content = hash_of(HASH_SHA256, view_str(text));
	fx_request_encode(q);
	front_upload(&s, "alice", view_str(text));
	answers(200, front_submit(&s, "/v1/requests", q, true));
}

static void robots(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct fx_request q;

		fx_request_new(&fx, "nightly", 1, &q);
		answers(200, front_submit(&s, "/v1/requests", &q, true));
		fx_request_release(&q);
	}
}

static int group_setup(void **state)
{
	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "release", "ecdsa-p256");
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	front_start(&s, &fx);
	request_for(&signed_one, "version one\n");
	answers(200, front_act(&s, STATEMENT_APPROVAL, "bob", &signed_one));
	answers(200, front_act(&s, STATEMENT_APPROVAL, "carol", &signed_one));
	robots(ROBOTS);
	request_for(&cancelled, "version two\n");
	answers(200, front_act(&s, STATEMENT_CANCELLATION, "alice", &cancelled));
	request_for(&waiting, "version three\n");
	answers(200, front_act(&s, STATEMENT_APPROVAL, "bob", &waiting));
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	front_end(&s);
	fx_end(&fx);
	fx_request_release(&waiting);
	fx_request_release(&signed_one);
	fx_request_release(&cancelled);
	return 0;
}

/* All rows of the list; the caller's. */
static json_t *all_rows(void)
{
	answers(200, front_get(&s, "dave", "/v1/requests?limit=500"));
	return json_incref(json_object_get(s.json, "requests"));
}

/* The store fills in the background. */
static json_t *wait_for_rows(size_t count)
{
	const struct timespec pause = {.tv_nsec = 20000000};

	for (;;) {
		json_t *rows = all_rows();

		if (json_array_size(rows) >= count) {
			assert_int_equal(json_array_size(rows), count);
			return rows;
		}
		json_decref(rows);
		(void)nanosleep(&pause, NULL); /* polls a condition */
	}
}

/* The same requests in the same order and state. What is shown of them may be fresher now. */
static void assert_same(const json_t *before, const json_t *after)
{
	static const char *const members[] = {"request", "state", "requester", "host",	    "key",
					      "items",	 "names", "deadline",  "not_before"};

	assert_int_equal(json_array_size(before), json_array_size(after));
	for (size_t i = 0; i < json_array_size(before); i++)
		for (size_t k = 0; k < sizeof(members) / sizeof(members[0]); k++) {
			const json_t *a = json_object_get(json_array_get(before, i), members[k]);
			const json_t *b = json_object_get(json_array_get(after, i), members[k]);

			if (a == NULL || !json_equal(a, b))
				fail_msg("row %zu differs in %s", i, members[k]);
		}
}

static void assert_lists(void)
{
	unix_time submitted, back;
	json_t *rows = all_rows();
	const json_t *newest = json_array_get(rows, 0);

	/* The inbox knows who has approved and what is missing. */
	answers(200, front_get(&s, "bob", "/v1/requests?for=me"));
	assert_int_equal(front_number(&s, "requests"), 0);
	answers(200, front_get(&s, "carol", "/v1/requests?for=me"));
	assert_int_equal(front_number(&s, "requests"), 1);
	answers(200, front_get(&s, "carol", "/v1/requests?state=closed"));
	assert_int_equal(front_number(&s, "requests"), 1);
	answers(200, front_get(&s, "carol",
			       front_path(&waiting.items[0].sha256, "/v1/search?digest=%s")));
	assert_int_equal(front_number(&s, "requests"), 1);
	answers(200, front_get(&s, "carol", "/v1/requests?product=thing"));
	assert_int_equal(front_number(&s, "requests"), 3);
	/* Submitted when the log says so, not when it came back. */
	fx_ok(time_parse(view_str(json_string_value(json_object_get(newest, "created"))), &back));
	submitted = waiting.r.not_before;
	assert_in_range(back, submitted, submitted + 5);
	json_decref(rows);
}

static void lists_come_back(void **state)
{
	json_t *before = all_rows();
	json_t *after;

	(void)state;
	assert_int_equal(json_array_size(before), ROBOTS + 3);
	front_stop(&s);
	lose_store();
	front_run(&s);
	after = wait_for_rows(ROBOTS + 3);
	assert_same(before, after);
	assert_lists();
	json_decref(before);
	json_decref(after);
}

/* What approvers look at is made again when they look. */
static void reports_come_back(void **state)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	struct digest previous;

	(void)state;
	/* The product's last signed file is found after the requests are. */
	for (;;) {
		front_stop(&s);
		lose_store();
		front_run(&s);
		json_decref(wait_for_rows(ROBOTS + 3));
		(void)nanosleep(&pause, NULL);
		answers(200, front_get(&s, "carol", front_path(&waiting.id, "/v1/requests/%s")));
		assert_int_equal(front_number(&s, "reports"), 1);
		if (front_text(&s, "reports.0.previous")[0] != '\0')
			break;
	}
	fx_ok(digest_parse(view_str(front_text(&s, "reports.0.previous")), &previous));
	assert_true(digest_is_equal(&previous, &signed_one.items[0].sha256));
	answers(200, front_get(&s, "carol", front_path(&signed_one.id, "/v1/requests/%s")));
	assert_int_equal(front_number(&s, "reports"), 1);
	answers(200, front_get(&s, "carol",
			       front_path(&signed_one.id, "/v1/requests/%s/items/0/signed?use=1")));
}

/* Whenever the server ends, the next one goes on. */
static void it_ends_in_between(void **state)
{
	json_t *before = all_rows();
	json_t *after;

	(void)state;
	front_stop(&s);
	lose_store();
	for (int i = 0; i < 4; i++) {
		front_run(&s);
		front_kill(&s);
	}
	front_run(&s);
	after = wait_for_rows(ROBOTS + 3);
	assert_same(before, after);
	assert_lists();
	json_decref(before);
	json_decref(after);
}

static void copy(const char *from, const char *to)
{
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = to, .mode = 0600};
	AUTO(buf) struct buf bytes;

	buf_init(&bytes, 64 << 20);
	fx_ok(file_read(from, &bytes, NULL));
	fx_ok(file_replace(&spec, buf_view(&bytes), NULL));
}

/* Rows that were written and not synced are gone after a loss of power. */
static void newest_rows_are_lost(void **state)
{
	char path[400], old[400];
	json_t *before, *after;

	(void)state;
	front_stop(&s);
	db_path("", path);
	db_path(".old", old);
	copy(path, old);
	front_run(&s);
	robots(5);
	before = all_rows();
	front_stop(&s);
	lose_store();
	assert_int_equal(rename(old, path), 0);
	front_run(&s);
	after = wait_for_rows(ROBOTS + 8);
	assert_same(before, after);
	json_decref(before);
	json_decref(after);
}

/* The process ended between the keeper's word and the store's. */
static void old_words_are_renewed(void **state)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	const struct store_status st = {.state = "open",
					.reason = "ok",
					.missing = view_str("[]"),
					.approvers = view_str("[]"),
					.status = view_str("{}")};
	struct store_version version;
	struct store *store;
	char path[400];
	json_t *before = all_rows();
	json_t *after = NULL;

	(void)state;
	front_stop(&s);
	db_path("", path);
	fx_ok(store_sqlite_open(path, &store, NULL));
	fx_ok(store->api->request_status(store, &signed_one.id, &st, &version, NULL));
	store->api->close(store);
	front_run(&s);
	for (;;) {
		answers(200, front_get(&s, "dave", "/v1/requests?state=open&limit=500"));
		if (front_number(&s, "requests") == 1)
			break;
		(void)nanosleep(&pause, NULL); /* polls a condition */
	}
	after = all_rows();
	assert_same(before, after);
	json_decref(before);
	json_decref(after);
}

/* Nothing can come back while the keeper is away; it does when the keeper is there. */
static void keeper_comes_later(void **state)
{
	json_t *before = all_rows();
	json_t *after;
	const struct timespec pause = {.tv_nsec = 20000000};

	(void)state;
	front_stop(&s);
	lose_store();
	front_run(&s);
	fx_kill(&fx);
	while (front_get(&s, NULL, "/readyz") == 200)
		(void)nanosleep(&pause, NULL);
	fx_run(&fx);
	while (front_get(&s, NULL, "/readyz") != 200)
		(void)nanosleep(&pause, NULL);
	after = wait_for_rows(ROBOTS + 8);
	assert_same(before, after);
	json_decref(before);
	json_decref(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_come_back),	 cmocka_unit_test(reports_come_back),
		cmocka_unit_test(it_ends_in_between),	 cmocka_unit_test(newest_rows_are_lost),
		cmocka_unit_test(old_words_are_renewed), cmocka_unit_test(keeper_comes_later),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
