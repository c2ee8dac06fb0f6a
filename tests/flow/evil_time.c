/* Windows, freezes, tiers, rates, break-glass and rules on trial against a real keeper: what the
 * policy says about time and number holds through restarts, changed policies and clocks that jump.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/model/leaf.h"
#include "tests/flow/evil.h"

/* The parts of a policy that a case changes. NULL: none. */
struct parts {
	const char *freezes;
	const char *keys;
	const char
		*release;  /* more fields of rule "release", which end the object: ,"windows":.. */
	const char *rules; /* more rules: ,{..} */
	const char *tiers;
	const char *windows;
};

static const char *or_nothing(const char *s)
{
	return s == NULL ? "" : s;
}

static void section(struct buf *out, const char *name, const char *rows)
{
	if (rows != NULL)
		buf_printf(out, ",\"%s\":[%s]", name, rows);
}

static void put_policy(const struct parts *p, struct buf *out)
{
	buf_clear(out);
	buf_put_str(out, "{\"admin\":{\"approve\":[\"2 of admins\"]},"
			 "\"change\":{\"approve\":[\"2 of admins\"]}");
	section(out, "freezes", p->freezes);
	section(out, "keys", p->keys);
	buf_printf(out,
		   ",\"rules\":[{\"approve\":[\"2 of security\"],\"formats\":[\"cms\",\"pe\"],"
		   "\"from\":[\"group:builders\"],\"keys\":[\"release\"],\"max_uses\":3,"
		   "\"name\":\"release\",\"request\":[\"group:developers\"],"
		   "\"upload\":\"optional\"%s},"
		   "{\"formats\":[\"cms\"],\"from\":[\"build1\"],\"keys\":[\"nightly\"],"
		   "\"name\":\"nightly\",\"request\":[\"group:robots\",\"alice\"],"
		   "\"unattended\":true,\"upload\":\"optional\"}%s]",
		   or_nothing(p->release), or_nothing(p->rules));
	section(out, "tiers", p->tiers);
	buf_printf(out, ",\"unlock\":{\"approve\":[\"2 of admins\"]},\"version\":%llu",
		   (unsigned long long)fx.policy_version + 1);
	section(out, "windows", p->windows);
	buf_put_str(out, "}");
	fx_ok(buf_done(out));
}

static enum keeper_type propose(const struct parts *p)
{
	AUTO(buf) struct buf doc;

	buf_init(&doc, DOCUMENT_BYTES_MAX);
	put_policy(p, &doc);
	return fx_policy(&fx, &doc);
}

static void in_force(const struct parts *p)
{
	if (propose(p) != KEEPER_R_CHANGE)
		fail_msg("%s: %.*s", reason_id(fx_reason(&fx)), (int)fx.body.len,
			 (const char *)fx.body.ptr);
}

static int zones_setup(void **state)
{
	(void)group_setup(state);
	fx_zone(&fx, true);
	return 0;
}

/* "2026-11-26 09:05", the whole minute of t; form 11: "2026-11-26 ", and so on. */
static const char *minute(unix_time t, char out[TIME_TEXT])
{
	fx_ok(time_format(t, out));
	out[10] = ' ';
	out[16] = '\0';
	return out;
}

/* To a whole minute, so that what follows is exact whatever the wall clock does meanwhile. */
static unix_time whole_minute(void)
{
	fx_clock(&fx, fx.clock + 60 - (long)(fx_now(&fx) % 60));
	return fx_now(&fx) / 60 * 60;
}

/* A window that opens a quarter of an hour from now, every day, for ten minutes. */
static char window_text[300];
static const char *window_ahead(unix_time now)
{
	char text[TIME_TEXT];

	(void)snprintf(window_text, sizeof(window_text),
		       "{\"length\":600,\"name\":\"hours\",\"open\":\"%s\",\"zone\":\"UTC\"}",
		       minute(now + 900, text) + 11);
	return window_text;
}

static char freeze_text[400];
static const char *freeze_now(const char *keys, unix_time now, unix_time end)
{
	char from[TIME_TEXT], to[TIME_TEXT];

	(void)snprintf(freeze_text, sizeof(freeze_text),
		       "{\"from\":\"%s\",\"keys\":[%s],\"name\":\"ice\",\"reason\":\"audit\","
		       "\"to\":\"%s\",\"zone\":\"UTC\"}",
		       minute(now - 3600, from), keys, minute(end, to));
	return freeze_text;
}

/* Another request, whose times are those of the clock as it is now. */
static void fresh_again(void **state)
{
	fx_request_release(&q);
	(void)fresh(state);
}

static bool says(const char *text)
{
	return memmem(fx.body.ptr, fx.body.len, text, strlen(text)) != NULL;
}

/* ---- Windows --------------------------------------------------------------------------------*/

static void signed_when_the_window_opens(void **state)
{
	unix_time now = whole_minute();
	char text[TIME_TEXT];

	(void)state;
	fresh_again(state); /* its times are those of the new clock */
	in_force(&(struct parts){.release = ",\"windows\":[\"hours\"]",
				 .windows = window_ahead(now)});
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	waits(REASON_TIME_WINDOW, fx_approve(&fx, "carol", &q, true));
	fx_ok(time_format(now + 900, text));
	assert_true(says("\"passes\":\""));
	assert_true(says(text));
	waits(REASON_TIME_WINDOW, fx_commit(&fx, &q, 1));
	/* The window is the keeper's, whatever a front end says and however often. */
	waits(REASON_TIME_WINDOW, fx_submit(&fx, &q, true));
	fx_stop(&fx);
	fx_run(&fx);
	waits(REASON_TIME_WINDOW, fx_commit(&fx, &q, 1));
	fx_clock(&fx, fx.clock + 901);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	fx_clock(&fx, fx.clock + 600);
	fresh_again(state);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	waits(REASON_TIME_WINDOW, fx_approve(&fx, "carol", &q, true)); /* until tomorrow */
}

/* Approvals are for the rule with its windows and the freezes over its key; not for others. */
static void changed_windows_void_approvals(void **state)
{
	unix_time now = whole_minute();
	struct parts p = {.release = ",\"windows\":[\"hours\"]", .windows = window_ahead(now)};
	char longer[310];

	(void)state;
	fresh_again(state);
	in_force(&p);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, false));
	waits(REASON_TIME_WINDOW, fx_approve(&fx, "carol", &q, false));
	p.freezes = freeze_now("\"nightly\"", now, now + 7200); /* another key's */
	in_force(&p);
	waits(REASON_TIME_WINDOW, fx_show(&fx, &q));
	(void)snprintf(longer, sizeof(longer), "{\"length\":601%s", window_text + 13);
	p.windows = longer;
	in_force(&p);
	waits(REASON_APPROVE_QUORUM, fx_show(&fx, &q));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, false));
	waits(REASON_TIME_WINDOW, fx_approve(&fx, "carol", &q, false));
	p.freezes = freeze_now("\"rel*\"", now, now + 7200); /* this key's */
	in_force(&p);
	waits(REASON_APPROVE_QUORUM, fx_show(&fx, &q));
}

/* ---- Freezes and break-glass ----------------------------------------------------------------*/

#define GLASS                                                                                      \
	",{\"approve\":[\"2 of security\"],\"break_glass\":true,\"formats\":[\"cms\"],\"from\":"   \
	"[\"group:builders\"],\"keys\":[\"release\"],\"name\":\"glass\",\"request\":"              \
	"[\"group:developers\"],\"review\":{\"approve\":[\"1 of admins\"],\"within\":86400},"      \
	"\"ticket\":\"INC-*\",\"upload\":\"optional\"}"

static void frozen_until_the_end(void **state)
{
	unix_time now = whole_minute();

	(void)state;
	fresh_again(state);
	in_force(&(struct parts){.freezes = freeze_now("\"rel*\"", now, now + 900)});
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	waits(REASON_TIME_FREEZE, fx_approve(&fx, "carol", &q, true));
	assert_true(says("freeze ice until "));
	assert_true(says(": audit"));
	waits(REASON_TIME_FREEZE, fx_commit(&fx, &q, 1));
	fx_clock(&fx, fx.clock + 901);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
}

/* The authorize entry of the use whose result came last. */
static struct leaf authorized(void)
{
	struct keeper_result m;
	struct digest entry;
	struct leaf leaf;

	fx_ok(keeper_get_result(buf_view(&fx.body), &m));
	fx_check(fx_entry(&fx, m.authorize_leaf, &leaf, &entry));
	return leaf;
}

static void glass_passes_freezes_alone(void **state)
{
	unix_time now = whole_minute();
	struct parts p = {.freezes = freeze_now("\"*\"", now, now + 900), .rules = GLASS};

	(void)state;
	fresh_again(state);
	in_force(&p);
	/* "a test" names no ticket: the ordinary rule, frozen */
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	waits(REASON_TIME_FREEZE, fx_approve(&fx, "carol", &q, true));
	fresh_again(state);
	(void)snprintf(q.r.reason, sizeof(q.r.reason), "hot fix, INC-4711");
	fx_request_encode(&q);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	assert_true(says("\"rule\":\"glass\""));
	waits(REASON_APPROVE_QUORUM, fx_commit(&fx, &q, 1)); /* people are not passed */
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	assert_int_equal(fx_approve(&fx, "carol", &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT); /* the same again */
	assert_true(authorized().break_glass);			  /* everybody can see it */
	/* The robot's rule is frozen too. */
	struct fx_request n;
	fx_request_new(&fx, "nightly", 1, &n);
	waits(REASON_TIME_FREEZE, fx_submit(&fx, &n, true));
	fx_request_release(&n);
	/* Once the freeze has ended there is no glass to break. */
	fx_clock(&fx, fx.clock + 901);
	fx_request_new(&fx, "nightly", 1, &n);
	assert_int_equal(fx_submit(&fx, &n, true), KEEPER_R_RESULT);
	assert_false(authorized().break_glass);
	fx_request_release(&n);
}

/* A rule that demands reason and ticket, with nothing beside it. */
static void reasons_and_tickets(void **state)
{
	(void)state;
	in_force(&(struct parts){.keys = "{\"name\":\"release\"}",
				 .rules = GLASS,
				 .release = ",\"windows\":[\"never\"]",
				 .windows =
					 "{\"length\":1,\"name\":\"never\",\"open\":\"2001-01-01\","
					 "\"zone\":\"UTC\"}"});
	/* Both rules deny: the first is reported, and says that it never opens. */
	refused(REASON_TIME_WINDOW, fx_submit(&fx, &q, true));
	in_force(&(struct parts){.rules = ",{\"formats\":[\"cms\"],\"from\":[\"build1\"],\"keys\":["
					  "\"spare\"],\"name\":"
					  "\"r\",\"reason\":\"required\",\"request\":[\"alice\"],"
					  "\"ticket\":\"INC-*\","
					  "\"unattended\":true,\"upload\":\"optional\"}"});
	fx_make_key(&fx, "spare", "ecdsa-p256");
	fx_request_release(&q);
	fx_request_new(&fx, "spare", 1, &q);
	refused(REASON_RULE_TICKET, fx_submit(&fx, &q, true));
	q.r.reason[0] = '\0';
	fx_request_encode(&q);
	refused(REASON_RULE_REASON, fx_submit(&fx, &q, true));
	(void)snprintf(q.r.reason, sizeof(q.r.reason), "INC-1");
	fx_request_encode(&q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
}

static void on_trial_nothing_is_signed(void **state)
{
	(void)state;
	in_force(&(struct parts){
		.rules = ",{\"formats\":[\"cms\"],\"from\":[\"build1\"],\"keys\":[\"spare\"],"
			 "\"mode\":"
			 "\"observe\",\"name\":\"t\",\"request\":[\"alice\"],\"unattended\":true,"
			 "\"upload\":\"optional\"}"});
	fx_request_release(&q);
	fx_request_new(&fx, "spare", 1, &q);
	refused(REASON_RULE_OBSERVE, fx_submit(&fx, &q, true));
	assert_int_equal(fx_submit_raw(&fx, KEEPER_EXPLAIN, buf_view(&q.statement),
				       view_of(NULL, 0), view_of(NULL, 0), false),
			 KEEPER_R_STATUS);
	assert_true(says("rule t, on trial, would say allow"));
}

/* ---- What is refused when it is proposed ----------------------------------------------------*/

static void policies_that_do_not_hold_are_refused(void **state)
{
	static const char tier[] =
		"{\"approve\":[\"2 of security\"],\"max_uses\":3,\"name\":\"prod\"}";
	const char *keys = "{\"name\":\"release\",\"tier\":\"prod\"}";

	(void)state;
#define REFUSED(...) refused(REASON_CHANGE_INVALID, propose(&(struct parts){__VA_ARGS__}))
	REFUSED(.windows =
			"{\"length\":1,\"name\":\"w\",\"open\":\"Mon\",\"zone\":\"Mars/Olympus\"}");
	assert_true(says("window w: zone Mars/Olympus"));
	REFUSED(.windows = "{\"length\":1,\"name\":\"w\",\"open\":\"Mon\",\"zone\":\"../policy\"}");
	REFUSED(.windows = "{\"length\":1,\"name\":\"w\",\"open\":\"*-02-30\",\"zone\":\"UTC\"}");
	REFUSED(.release = ",\"windows\":[\"w\"]");
	REFUSED(.keys = keys);
	REFUSED(.keys = keys, .tiers = "{\"max_uses\":2,\"name\":\"prod\"}");
	assert_true(says("rule release undercuts tier prod of key release: max_uses is 3"));
	REFUSED(.keys = keys, .tiers = "{\"approve\":[\"3 of security\"],\"name\":\"prod\"}");
	REFUSED(.keys = keys, .tiers = "{\"name\":\"prod\",\"upload\":\"required\"}");
	REFUSED(.keys = keys, .tiers = tier,
		.rules = ",{\"formats\":[\"cms\"],\"from\":[\"build1\"],\"keys\":[\"release\"],"
			 "\"name\":\"side-door\",\"request\":[\"alice\"],\"unattended\":true}");
	assert_true(says("rule side-door undercuts tier prod"));
#undef REFUSED
	in_force(&(struct parts){.keys = keys, .tiers = tier});
}

/* P7: the zone's file is gone after the policy was accepted. */
static void zones_that_are_gone_refuse(void **state)
{
	unix_time now = whole_minute();

	(void)state;
	fresh_again(state);
	in_force(&(struct parts){.release = ",\"windows\":[\"hours\"]",
				 .windows = window_ahead(now)});
	fx_zone(&fx, false);
	refused(REASON_TIME_ZONE, fx_submit(&fx, &q, true));
	fx_stop(&fx);
	fx_run(&fx); /* it starts all the same */
	refused(REASON_TIME_ZONE, fx_submit(&fx, &q, true));
	fx_zone(&fx, true);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
}

/* ---- Rates ----------------------------------------------------------------------------------*/

static enum keeper_type nightly(const char *who, struct fx_request *ret)
{
	fx_request_new(&fx, "nightly", 1, ret);
	fx_ok(name_parse(view_str(who), &ret->r.requester));
	fx_request_encode(ret);
	return fx_submit(&fx, ret, true);
}

static void rates_hold_through_restarts(void **state)
{
	struct fx_request n[4];

	(void)state;
	fx_clock(&fx, fx.clock + 100000); /* past what other cases have signed */
	in_force(&(struct parts){.keys = "{\"name\":\"nightly\",\"rate\":[\"3 per 1h\","
					 "\"2 per 1d per requester\"]}"});
	assert_int_equal(nightly("robot", &n[0]), KEEPER_R_RESULT);
	assert_int_equal(nightly("robot", &n[1]), KEEPER_R_RESULT);
	waits(REASON_LIMIT_RATE, nightly("robot", &n[2]));
	assert_true(says("for robot; the next at "));
	fx_kill(&fx);
	fx_run(&fx);
	waits(REASON_LIMIT_RATE, fx_commit(&fx, &n[2], 1));
	assert_int_equal(nightly("alice", &n[3]),
			 KEEPER_R_RESULT); /* by herself she has used one */
	fx_request_release(&n[3]);
	waits(REASON_LIMIT_RATE, nightly("alice", &n[3]));
	/* The same again is no further use. */
	assert_int_equal(fx_submit(&fx, &n[0], true), KEEPER_R_RESULT);
	/* A clock that is set back frees nothing. */
	fx_clock(&fx, fx.clock - 90000);
	refused(REASON_TIME_CLOCK, fx_commit(&fx, &n[3], 1));
	fx_clock(&fx, fx.clock + 90000);
	waits(REASON_LIMIT_RATE, fx_commit(&fx, &n[3], 1));
	fx_clock(&fx, fx.clock + 3500); /* deadlines are an hour away */
	waits(REASON_LIMIT_RATE, fx_show(&fx, &n[3]));
	for (size_t i = 0; i < 4; i++)
		fx_request_release(&n[i]);
	fx_clock(&fx, fx.clock + 101);
	assert_int_equal(nightly("alice", &n[0]), KEEPER_R_RESULT);
	waits(REASON_LIMIT_RATE, nightly("alice", &n[1])); /* her second of the day was that */
	fx_request_release(&n[0]);
	fx_request_release(&n[1]);
}

/* Random requests, clock moves and restarts, against a list of when each was signed. */
static void rates_agree_with_a_model(void **state)
{
	enum { STEPS = 150, PERIOD = 1000, LIMIT = 4, OWN_PERIOD = 3000, OWN = 5 };
	static const char *const who[] = {"robot", "alice"};
	struct {
		unix_time from; /* it was signed between these two */
		unix_time to;
		unsigned who;
	} used[STEPS];
	unsigned count = 0, signed_count = 0, waited = 0;
	uint64_t seed = 20261126;

	(void)state;
	print_message("seed %llu\n", (unsigned long long)seed);
	fx_clock(&fx, fx.clock + 200000);
	in_force(&(struct parts){.keys = "{\"name\":\"nightly\",\"rate\":[\"4 per 1000s\","
					 "\"5 per 3000s per requester\"]}"});
	for (int step = 0; step < STEPS; step++) {
		unsigned of_key[2] = {0}, own[2] = {0}, by;
		struct fx_request n;
		enum keeper_type answer;
		unix_time before, after;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		by = (unsigned)(seed >> 40) % 2;
		if ((seed >> 33) % 2 == 0)
			fx_clock(&fx, fx.clock + (long)(seed >> 45) % 700);
		if ((seed >> 50) % 16 == 0) {
			fx_kill(&fx);
			fx_run(&fx);
		}
		before = fx_now(&fx);
		answer = nightly(who[by], &n);
		after = fx_now(&fx);
		fx_request_release(&n);
		/* The clock runs meanwhile: at least [0] and at most [1] uses count. */
		for (unsigned i = 0; i < count; i++) {
			of_key[0] += used[i].from > after - PERIOD ? 1 : 0;
			of_key[1] += used[i].to > before - PERIOD ? 1 : 0;
			own[0] += used[i].who == by && used[i].from > after - OWN_PERIOD ? 1 : 0;
			own[1] += used[i].who == by && used[i].to > before - OWN_PERIOD ? 1 : 0;
		}
		if (answer == KEEPER_R_RESULT) {
			if (of_key[0] >= LIMIT || own[0] >= OWN)
				fail_msg("step %d: signed over the rate", step);
			used[count].from = before;
			used[count].to = after;
			used[count++].who = by;
			signed_count++;
		} else {
			assert_int_equal(answer, KEEPER_R_STATUS);
			assert_int_equal(fx_reason(&fx), REASON_LIMIT_RATE);
			if (of_key[1] < LIMIT && own[1] < OWN)
				fail_msg("step %d: refused below the rate", step);
			waited++;
		}
	}
	print_message("%u signed, %u waited\n", signed_count, waited);
	assert_true(signed_count > 20 && waited > 20);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fresh, done)
	const struct CMUnitTest tests[] = {
		CASE(signed_when_the_window_opens),
		CASE(changed_windows_void_approvals),
		CASE(frozen_until_the_end),
		CASE(glass_passes_freezes_alone),
		CASE(reasons_and_tickets),
		CASE(on_trial_nothing_is_signed),
		CASE(policies_that_do_not_hold_are_refused),
		CASE(zones_that_are_gone_refuse),
		CASE(rates_hold_through_restarts),
		CASE(rates_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, zones_setup, group_teardown);
}
