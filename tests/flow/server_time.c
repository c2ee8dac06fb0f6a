/* Requests that only wait for time: greatseald asks for their signatures when it has come, and
 * nobody else does. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "tests/lib/front_checks.h"

static struct fixture fx;
static struct front s;

static int group_setup(void **state)
{
	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	front_start(&s, &fx);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scheduled),
		cmocka_unit_test(rate_passes_by_itself),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
