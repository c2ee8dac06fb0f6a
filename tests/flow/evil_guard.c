/* A server in enemy hands and rules that ask for a guard: what a host says of its guard is neither
 * added, changed, taken from another host, nor of another time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "tests/lib/fixture.h"

static struct fixture fx;
static struct fx_request q;

static int setup(void **state)
{
	static const char *const admins[] = {"erin", "frank", NULL};
	static const char rules[] =
		",{\"formats\":[\"cms\"],\"from\":[\"build1\"],\"guard\":\"enforcing\","
		"\"keys\":[\"guarded\"],\"name\":\"guarded\",\"request\":[\"group:developers\"],"
		"\"unattended\":true,\"upload\":\"optional\"},"
		"{\"formats\":[\"cms\"],\"from\":[\"build1\"],\"guard\":\"observing\","
		"\"keys\":[\"watched\"],\"name\":\"watched\",\"request\":[\"group:developers\"],"
		"\"unattended\":true,\"upload\":\"optional\"}";
	struct digest before;
	AUTO(buf) struct buf doc = {0};

	(void)state;
	fx_start(&fx);
	before = digest_of(buf_view(&fx.policy));
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_policy_doc(&fx, fx.policy_version + 1, rules, &doc);
	fx_check(fx_change_document(&fx, STATEMENT_POLICY, buf_view(&doc), &before, admins) ==
		 KEEPER_R_CHANGE);
	fx_make_key(&fx, "guarded", "ecdsa-p256");
	fx_make_key(&fx, "watched", "ecdsa-p256");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fx_request_release(&q);
	fx_end(&fx);
	return 0;
}

/* mode NULL: nothing is said. */
static void begin(const char *key, const char *mode, long age)
{
	struct request_guard *g;

	fx_request_release(&q);
	fx_request_new(&fx, key, 1, &q);
	g = &q.r.guard;
	*g = (struct request_guard){.given = mode != NULL, .at = fx_now(&fx) - age};
	if (mode != NULL) {
		(void)snprintf(g->state.mode, sizeof(g->state.mode), "%s", mode);
		(void)strcpy(g->state.level, "base");
	}
	fx_request_encode(&q);
}

static void refused(enum reason reason)
{
	fx_check(fx_submit(&fx, &q, true) != KEEPER_R_RESULT);
	assert_string_equal(reason_id(fx_reason(&fx)), reason_id(reason));
}

static void accepted(void)
{
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
}

static void the_mode_counts(void **state)
{
	(void)state;
	begin("guarded", NULL, 0);
	refused(REASON_HOST_GUARD);
	begin("guarded", "observe", 0);
	refused(REASON_HOST_GUARD);
	begin("guarded", "absent", 0);
	refused(REASON_HOST_GUARD);
	begin("guarded", "enforce", 0);
	accepted();
	begin("watched", NULL, 0);
	refused(REASON_HOST_GUARD);
	begin("watched", "absent", 0);
	refused(REASON_HOST_GUARD);
	begin("watched", "observe", 0);
	accepted();
	begin("watched", "enforce", 0);
	accepted();
}

/* A state that was kept for later, and one of a clock that is ahead. */
static void the_time_counts(void **state)
{
	(void)state;
	begin("guarded", "enforce", 3600);
	refused(REASON_HOST_GUARD);
	begin("guarded", "enforce", -3600);
	refused(REASON_HOST_GUARD);
	begin("guarded", "enforce", 300);
	accepted();
	/* A request that is held back by the server goes stale with it. */
	begin("guarded", "enforce", 0);
	fx_clock(&fx, 1800);
	refused(REASON_HOST_GUARD);
}

/* Both signatures are over what is said: in other bytes neither counts. */
static void nothing_is_changed_on_the_way(void **state)
{
	static const char was[] = "\"mode\":\"observe\"", is[] = "\"mode\":\"enforce\"";
	AUTO(buf) struct buf sig = {0};
	AUTO(buf) struct buf host_sig = {0};
	uint8_t *at;

	(void)state;
	begin("guarded", "observe", 0);
	buf_init(&sig, 8192);
	buf_init(&host_sig, 8192);
	fx_sign_as(&fx, q.r.requester.s, STATEMENT_REQUEST, buf_view(&q.statement), &sig);
	fx_sign(&fx_host(&fx, "build1")->key[0], statement_info(STATEMENT_HOST)->ns,
		buf_view(&q.statement), &host_sig);
	at = memmem(q.statement.ptr, q.statement.len, was, sizeof(was) - 1);
	assert_non_null(at);
	memcpy(at, is, sizeof(is) - 1);
	fx_check(fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement), buf_view(&sig),
			       buf_view(&host_sig), true) != KEEPER_R_RESULT);
	assert_string_equal(reason_id(fx_reason(&fx)), reason_id(REASON_SIG_REQUESTER));
	/* A requester who says it themselves still lacks the host's word. */
	buf_clear(&sig);
	fx_sign_as(&fx, q.r.requester.s, STATEMENT_REQUEST, buf_view(&q.statement), &sig);
	fx_check(fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement), buf_view(&sig),
			       buf_view(&host_sig), true) != KEEPER_R_RESULT);
	assert_string_equal(reason_id(fx_reason(&fx)), reason_id(REASON_SIG_HOST));
	/* And that of another host, whose guard enforces, does not do. */
	buf_clear(&host_sig);
	fx_sign(&fx_host(&fx, "laptop")->key[0], statement_info(STATEMENT_HOST)->ns,
		buf_view(&q.statement), &host_sig);
	fx_check(fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement), buf_view(&sig),
			       buf_view(&host_sig), true) != KEEPER_R_RESULT);
	assert_string_equal(reason_id(fx_reason(&fx)), reason_id(REASON_SIG_HOST));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mode_counts), cmocka_unit_test(nothing_is_changed_on_the_way),
		cmocka_unit_test(the_time_counts), /* moves the clock */
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
