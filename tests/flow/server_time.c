/* Requests that only wait for time: greatseald asks for their signatures when it has come, and
 * nobody else does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "tests/lib/front_checks.h"

static struct fixture fx;
static struct front s;

static int group_setup(void **state)
{
	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	front_start_with(&s, &fx, &(struct front_options){.clock = true});
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	front_end(&s);
	fx_end(&fx);
	return 0;
}

/* Waits until the request is signed, without anybody asking the keeper for it. */
static void until_done(const struct fx_request *q)
{
	char wait[200];

	answers(200, front_get(&s, "robot", front_path(&q->id, "/v1/requests/%s/wait?timeout=0")));
	do {
		(void)snprintf(wait, sizeof(wait), "/v1/requests/%%s/wait?timeout=10&since=%lld",
			       (long long)front_number(&s, "version"));
		answers(200, front_get(&s, "robot", front_path(&q->id, wait)));
	} while (strcmp(front_text(&s, "status.state"), "done") != 0);
}

/* Approved before its time: it is signed then. */
static void scheduled(void **state)
{
	struct fx_request q;

	(void)state;
	fx_request_new(&fx, "nightly", 1, &q);
	q.r.not_before = fx_now(&fx) + 3;
	fx_request_encode(&q);
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	assert_string_equal(front_text(&s, "status.reason"), "time.not-before");
	until_done(&q);
	fx_request_release(&q);
}

/* Used as often as its rate permits: the next is signed when the period is over. */
static void rate_passes_by_itself(void **state)
{
	static const char *const two[] = {"erin", "frank", NULL};
	static const char keys[] = "\"keys\":[{\"name\":\"nightly\",\"rate\":[\"1 per 4s\"]}],";
	struct digest previous = digest_of(buf_view(&fx.policy));
	AUTO(buf) struct buf plain;
	AUTO(buf) struct buf doc;
	struct fx_request q[2];
	const char *rules;

	(void)state;
	buf_init(&plain, DOCUMENT_BYTES_MAX);
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_policy_doc(&fx, fx.policy_version + 1, "", &plain);
	rules = strstr(buf_cstr(&plain), "\"rules\":");
	buf_put(&doc, plain.ptr, (size_t)(rules - (const char *)plain.ptr));
	buf_printf(&doc, "%s%s", keys, rules);
	(void)fx_change_document(&fx, STATEMENT_POLICY, buf_view(&doc), &previous, two);
	assert_int_equal(fx.header.type, KEEPER_R_CHANGE);
	for (size_t i = 0; i < 2; i++) {
		fx_request_new(&fx, "nightly", 1, &q[i]);
		answers(200, front_submit(&s, "/v1/requests", &q[i], true));
	}
	assert_string_equal(front_text(&s, "status.reason"), "limit.rate");
	until_done(&q[1]);
	for (size_t i = 0; i < 2; i++)
		fx_request_release(&q[i]);
}

static void forget_store(void)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[400];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/greatseald.db%s", s.data, ends[i]);
		(void)unlink(path);
	}
}

static unsigned result_of(const struct fx_request *q)
{
	return front_get(&s, "robot", front_path(&q->id, "/v1/requests/%s/result?use=1"));
}

/* Signed at once and held: nothing is to be had before, and then the server sees by itself that it
 * is out. */
static void released(void **state)
{
	struct fx_request q;
	char text[TIME_TEXT];

	(void)state;
	fx_request_new(&fx, "nightly", 1, &q);
	q.r.release = fx_now(&fx) + 600;
	fx_request_encode(&q);
	fx_ok(time_format(q.r.release, text));
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	assert_string_equal(front_text(&s, "status.reason"), "time.release");
	assert_string_equal(front_text(&s, "status.state"), "committed");
	assert_string_equal(front_text(&s, "status.release"), text);
	assert_int_equal(front_number(&s, "status.uses_spent"), 1);
	assert_int_equal(front_number(&s, "status.uses_done"), 0);
	refuses(403, REASON_TIME_RELEASE, result_of(&q));
	refuses(403, REASON_TIME_RELEASE,
		front_get(&s, "robot", front_path(&q.id, "/v1/requests/%s/items/0/signed?use=1")));
	answers(200, front_get(&s, "robot", "/v1/requests?state=committed"));
	assert_string_equal(front_text(&s, "requests.0.release"), text);
	/* Also a server that has forgotten everything. */
	front_stop(&s);
	forget_store();
	front_run(&s);
	answers(200, front_get(&s, "robot", front_path(&q.id, "/v1/requests/%s")));
	assert_string_equal(front_text(&s, "status.reason"), "time.release");
	fx_clock(&fx, fx.clock + 601);
	until_done(&q);
	answers(200, result_of(&q));
	fx_request_release(&q);
}

/* A version of a product, sent and held. */
static void submit_version(struct fx_request *q, const char *text)
{
	fx_request_new(&fx, "nightly", 1, q);
	q->r.upload = true;
	fx_ok(name_parse(view_str("thing"), &q->items[0].product));
	q->items[0].size = strlen(text);
	q->items[0].sha256 = digest_of(view_str(text));
	q->items[0].content = hash_of(HASH_SHA256, view_str(text));
	q->r.release = fx_now(&fx) + 600;
	fx_request_encode(q);
	front_upload(&s, "robot", view_str(text));
	answers(200, front_submit(&s, "/v1/requests", q, true));
	assert_string_equal(front_text(&s, "status.reason"), "time.release");
}

/* The next version is compared with one that came out, also if that was seen by a mere look; not
 * with one that did not. */
static void released_is_the_last_version(void **state)
{
	struct fx_request first, second, third;

	(void)state;
	submit_version(&first, "version one\n");
	submit_version(&second, "version two\n");
	answers(200, front_get(&s, "robot", front_path(&second.id, "/v1/requests/%s")));
	assert_string_equal(front_text(&s, "reports.0.previous"), "");
	answers(200, front_act(&s, STATEMENT_CANCELLATION, "robot", &second));
	fx_clock(&fx, fx.clock + 601);
	do
		answers(200, front_get(&s, "robot", front_path(&first.id, "/v1/requests/%s")));
	while (strcmp(front_text(&s, "status.state"), "done") != 0);
	submit_version(&third, "version three\n");
	answers(200, front_get(&s, "robot", front_path(&third.id, "/v1/requests/%s")));
	{
		struct digest previous;

		fx_ok(digest_parse(view_str(front_text(&s, "reports.0.previous")), &previous));
		assert_true(digest_is_equal(&previous, &first.items[0].sha256));
	}
	fx_request_release(&first);
	fx_request_release(&second);
	fx_request_release(&third);
}

/* A "no" while it is held. */
static void never_released(void **state)
{
	struct fx_request q;

	(void)state;
	fx_request_new(&fx, "nightly", 1, &q);
	q.r.release = fx_now(&fx) + 600;
	fx_request_encode(&q);
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	answers(200, front_act(&s, STATEMENT_CANCELLATION, "robot", &q));
	assert_string_equal(front_text(&s, "status.state"), "closed");
	assert_true(front_number(&s, "receipt.leaf") > 0);
	fx_clock(&fx, fx.clock + 601);
	refuses(409, REASON_STATE_CANCELLED, result_of(&q));
	fx_request_release(&q);
}

/* A rule's hold is over: the last approver is long gone, and it is signed all the same. */
static void signed_after_the_hold(void **state)
{
	static const char *const two[] = {"erin", "frank", NULL};
	static const char rule[] =
		",{\"approve\":[\"2 of security\"],\"formats\":[\"cms\"],\"from\":[\"build1\"],"
		"\"hold\":600,\"keys\":[\"held\"],\"name\":\"held\",\"request\":[\"robot\"],"
		"\"upload\":\"optional\"}";
	struct digest previous = digest_of(buf_view(&fx.policy));
	AUTO(buf) struct buf doc;
	struct fx_request q;

	(void)state;
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_policy_doc(&fx, fx.policy_version + 1, rule, &doc);
	(void)fx_change_document(&fx, STATEMENT_POLICY, buf_view(&doc), &previous, two);
	assert_int_equal(fx.header.type, KEEPER_R_CHANGE);
	fx.policy_version++;
	buf_clear(&fx.policy);
	buf_put_view(&fx.policy, buf_view(&doc));
	fx_make_key(&fx, "held", "ecdsa-p256");
	fx_request_new(&fx, "held", 1, &q);
	fx_ok(name_parse(view_str("robot"), &q.r.requester));
	fx_request_encode(&q);
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	answers(200, front_act(&s, STATEMENT_APPROVAL, "bob", &q));
	answers(200, front_act(&s, STATEMENT_APPROVAL, "carol", &q));
	assert_string_equal(front_text(&s, "status.reason"), "time.hold");
	fx_clock(&fx, fx.clock + 601);
	until_done(&q);
	answers(200, result_of(&q));
	fx_request_release(&q);
}

/* Everybody had said yes while the key was locked: it is signed once it is not. */
static void signed_when_the_key_is_unlocked(void **state)
{
	static const char *const two[] = {"erin", "frank", NULL};
	static const char *const one[] = {"erin", NULL};
	struct key_change c = {.action = KEY_LOCK};
	struct fx_request q;

	(void)state;
	fx_ok(name_parse(view_str("nightly"), &c.key));
	assert_int_equal(fx_key_change(&fx, &c, one), KEEPER_R_CHANGE);
	fx_request_new(&fx, "nightly", 1, &q);
	answers(200, front_submit(&s, "/v1/requests", &q, true));
	assert_string_equal(front_text(&s, "status.reason"), "key.locked");
	c.action = KEY_UNLOCK;
	assert_int_equal(fx_key_change(&fx, &c, two), KEEPER_R_CHANGE);
	until_done(&q);
	fx_request_release(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scheduled),
		cmocka_unit_test(released),
		cmocka_unit_test(released_is_the_last_version),
		cmocka_unit_test(never_released),
		cmocka_unit_test(signed_after_the_hold),
		cmocka_unit_test(signed_when_the_key_is_unlocked),
		cmocka_unit_test(rate_passes_by_itself),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
