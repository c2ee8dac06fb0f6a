/* Reviews of uses that broke the glass, against a real keeper and an evil front end: an overdue
 * one stops the key, through restarts and changed policies, and nothing but the seats that the
 * rule named then ends it. */
#include "tests/flow/evil.h"

#include <string.h>

#include "lib/model/leaf.h"
#include "lib/model/review.h"

static const char *const admins[] = {"erin", "frank", NULL};

#define GLASS(seats, within, request)                                                              \
	"{\"approve\":[\"1 of security\"],\"break_glass\":true,\"formats\":[\"cms\"],\"from\":["   \
	"\"group:builders\"],\"keys\":[\"release\"],\"max_uses\":3,\"name\":\"glass\","            \
	"\"request\":[" request "],\"review\":{\"approve\":[" seats "],\"within\":" within "},"    \
	"\"ticket\":\"INC-*\",\"upload\":\"optional\",\"windows\":[\"never\"]}"
#define DAY "86400"
#define ANYBODY "\"group:developers\",\"service:bot\""

/* Rule "glass" alone for key release, and a window that is never open. */
static void policy_with(const char *rule)
{
	struct digest before = digest_of(buf_view(&fx.policy));
	AUTO(buf) struct buf doc;

	buf_init(&doc, DOCUMENT_BYTES_MAX);
	buf_printf(&doc,
		   "{\"admin\":{\"approve\":[\"2 of admins\"]},\"change\":{\"approve\":[\"2 of "
		   "admins\"]},\"rules\":[%s,{\"formats\":[\"cms\"],\"from\":[\"build1\"],\"keys\":"
		   "[\"nightly\"],\"name\":\"nightly\",\"request\":[\"group:robots\"],"
		   "\"unattended\":true,\"upload\":\"optional\"}],\"unlock\":{\"approve\":[\"2 of "
		   "admins\"]},\"version\":%llu,\"windows\":[{\"length\":1,\"name\":\"never\","
		   "\"open\":\"2001-01-01\",\"zone\":\"UTC\"}]}",
		   rule, (unsigned long long)fx.policy_version + 1);
	fx_ok(buf_done(&doc));
	if (fx_change_document(&fx, STATEMENT_POLICY, buf_view(&doc), &before, admins) !=
	    KEEPER_R_CHANGE)
		fail_msg("%s: %.*s", reason_id(fx_reason(&fx)), (int)fx.body.len,
			 (const char *)fx.body.ptr);
	fx.policy_version++;
	buf_clear(&fx.policy);
	buf_put_view(&fx.policy, buf_view(&doc));
}

/* The people as they are, and service "bot" with key bots, of dave, unless owner is NULL. */
static struct fx_key bots;
static void roster_in_force(const char *owner)
{
	struct digest before = digest_of(buf_view(&fx.roster));
	AUTO(buf) struct buf plain;
	AUTO(buf) struct buf doc;
	const char *version;

	buf_init(&plain, DOCUMENT_BYTES_MAX);
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_roster_doc(&fx, fx.roster_version + 1, &plain);
	version = strstr(buf_cstr(&plain), "\"version\":");
	buf_put(&doc, plain.ptr, (size_t)(version - (const char *)plain.ptr));
	buf_put_str(&doc, "\"services\":[{\"keys\":[\"");
	sshkey_put_line(bots.ssh, view_of(NULL, 0), &doc);
	buf_printf(&doc, "\"],\"name\":\"bot\",\"owners\":[\"%s\"]}],%s", owner, version);
	fx_ok(buf_done(&doc));
	assert_int_equal(fx_change_document(&fx, STATEMENT_ROSTER, buf_view(&doc), &before, admins),
			 KEEPER_R_CHANGE);
	fx.roster_version++;
	buf_clear(&fx.roster);
	buf_put_view(&fx.roster, buf_view(&doc));
}

static int review_setup(void **state)
{
	(void)group_setup(state);
	fx_zone(&fx, true);
	fx_key_new(&bots, false);
	roster_in_force("dave");
	policy_with(GLASS("\"1 of security\"", DAY, ANYBODY));
	return 0;
}

/* Another rule for the key, which passes nothing. */
#define PLAIN                                                                                      \
	"{\"approve\":[\"1 of security\"],\"formats\":[\"cms\"],\"from\":[\"build1\"],"            \
	"\"keys\":[\"release\"],\"name\":\"plain\",\"request\":[\"alice\"],\"upload\":"            \
	"\"optional\"}"

/* A request under the rule, with its ticket. */
static void begin(uint32_t uses)
{
	fx_request_release(&q);
	fx_request_new(&fx, "release", 1, &q);
	(void)snprintf(q.r.reason, sizeof(q.r.reason), "INC-1: it burns");
	q.r.uses = uses;
	fx_request_encode(&q);
}

/* The digest of the authorize entry of the result that came last. */
static struct digest entry_of_result(void)
{
	struct keeper_result m;
	struct digest entry;
	struct leaf leaf;

	fx_ok(keeper_get_result(buf_view(&fx.body), &m));
	fx_check(fx_entry(&fx, m.authorize_leaf, &leaf, &entry));
	return entry;
}

/* Breaks the glass: the use's entry. */
static struct digest broken(void)
{
	begin(1);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_RESULT);
	return entry_of_result();
}

static struct review review_by(const char *person, const struct digest *entry)
{
	struct review r = {.request = q.id,
			   .authorize = *entry,
			   .use = 1,
			   .time = fx_now(&fx),
			   .origin = "keeper.test",
			   .comment = "looked at it"};

	fx_ok(name_parse(view_str(person), &r.person));
	fx.nonce++;
	memcpy(r.nonce, &fx.nonce, sizeof(fx.nonce));
	return r;
}

static enum keeper_type send_as(const struct review *r, const char *signer,
				enum statement_kind kind)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;

	buf_init(&statement, REVIEW_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_ok(review_encode(r, &statement, NULL));
	fx_sign_as(&fx, signer, kind, buf_view(&statement), &sig);
	return fx_act_raw(&fx, STATEMENT_REVIEW, buf_view(&statement), buf_view(&sig), true);
}

static enum keeper_type send(const struct review *r)
{
	return send_as(r, r->person.s, STATEMENT_REVIEW);
}

static bool says(const char *text)
{
	return memmem(fx.body.ptr, fx.body.len, text, strlen(text)) != NULL;
}

/* What is owed; of the request in q if of is true. */
static void ask_reviews(bool of)
{
	struct keeper_reviews m = {.from = 0};
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	if (of)
		m.request = q.id;
	keeper_put_reviews(&frame, ++fx.correlation, &m);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_JSON);
}

/* Another request, as far as its key lets it; what that owes is reviewed at once. */
static enum keeper_type another(void)
{
	struct fx_request mine = q;
	enum keeper_type type;
	struct digest entry;
	struct review r;

	q = (struct fx_request){0};
	begin(1);
	(void)fx_submit(&fx, &q, true);
	type = fx_approve(&fx, "bob", &q, true);
	if (type == KEEPER_R_RESULT) {
		entry = entry_of_result();
		r = review_by("bob", &entry);
		(void)send(&r); /* refused if nothing is owed */
		r = review_by("carol", &entry);
		(void)send(&r); /* and if one was enough */
		ask_reviews(true);
		assert_true(says("\"list\":[]") || says("\"state\":\"done\""));
	}
	fx_request_release(&q);
	q = mine;
	return type;
}

static void an_overdue_review_stops_the_key(void **state)
{
	struct digest entry = broken();
	struct review r;

	(void)state;
	fx_kill(&fx); /* what the result was released with is durable */
	fx_run(&fx);
	ask_reviews(false);
	assert_true(says("\"missing\":[\"1 of security\"],\"never\":[\"alice\"]"));
	assert_true(says("\"state\":\"owed\",\"use\":1"));
	assert_int_equal(fx_show(&fx, &q), KEEPER_R_STATUS);
	assert_true(says("\"owed\":1,\"state\":\"owed\"}"));
	fx_clock(&fx, fx.clock + 86401);
	waits(REASON_KEY_REVIEW, another());
	assert_true(says("was due"));
	fx_stop(&fx); /* nor does a keeper that begins anew forget it */
	fx_run(&fx);
	waits(REASON_KEY_REVIEW, another());
	ask_reviews(true);
	assert_true(says("\"state\":\"overdue\""));
	/* The other key is none of it. */
	struct fx_request n;
	fx_request_new(&fx, "nightly", 1, &n);
	assert_int_equal(fx_submit(&fx, &n, true), KEEPER_R_RESULT);
	fx_request_release(&n);
	/* A policy without the rule does not end what was owed under it. */
	policy_with(PLAIN);
	waits(REASON_KEY_REVIEW, another());
	r = review_by("bob", &entry); /* who has approved it may review it */
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_true(says("\"owed\":0,\"state\":\"done\"}"));
	assert_int_equal(another(), KEEPER_R_RESULT);
	/* The same again is the same; another has come too late. */
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	r = review_by("carol", &entry);
	refused(REASON_STATE_REVIEW, send(&r));
	ask_reviews(true);
	assert_true(says("\"verdict\":\"ok\"") && says("\"state\":\"done\""));
	policy_with(GLASS("\"1 of security\"", DAY, ANYBODY));
}

/* What is signed already and given out later waits for the review, too. */
static void an_overdue_review_holds_a_release(void **state)
{
	struct digest entry = broken();
	const struct digest first = q.id;
	struct review r;

	(void)state;
	policy_with(GLASS("\"1 of security\"", DAY, ANYBODY) "," PLAIN);
	fx_request_release(&q);
	fx_request_new(&fx, "release", 1, &q); /* without a ticket */
	q.r.release = q.r.not_before + 2 * 86400;
	q.r.deadline = q.r.not_before + 3 * 86400;
	fx_request_encode(&q);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_TIME_RELEASE, fx_approve(&fx, "bob", &q, true));
	fx_clock(&fx, fx.clock + 86401);
	waits(REASON_TIME_RELEASE, fx_show(&fx, &q));
	fx_clock(&fx, fx.clock + 86400);
	waits(REASON_KEY_REVIEW, fx_show(&fx, &q));
	fx_kill(&fx);
	fx_run(&fx);
	waits(REASON_KEY_REVIEW, fx_commit(&fx, &q, 1));
	r = review_by("bob", &entry);
	r.request = first;
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_RESULT);
	policy_with(GLASS("\"1 of security\"", DAY, ANYBODY));
}

static void nobody_reviews_their_own(void **state)
{
	struct digest entry = broken();
	struct review r = review_by("alice", &entry);

	(void)state;
	refused(REASON_WHO_SELF, send(&r)); /* she is of security, too */
	r = review_by("erin", &entry);
	refused(REASON_WHO_SEAT, send(&r));
	r = review_by("bob", &entry);
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	/* Whose service asks, and whoever owned it then. */
	begin(1);
	fx_ok(name_parse(view_str("bot"), &q.r.requester));
	fx_request_encode(&q);
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host;
	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host, KEEPER_SIG_MAX);
	fx_sign(&bots, statement_info(STATEMENT_REQUEST)->ns, buf_view(&q.statement), &sig);
	fx_sign(&fx_host(&fx, "build1")->key[0], statement_info(STATEMENT_HOST)->ns,
		buf_view(&q.statement), &host);
	waits(REASON_APPROVE_QUORUM, fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&q.statement),
						   buf_view(&sig), buf_view(&host), true));
	assert_int_equal(fx_approve(&fx, "carol", &q, true), KEEPER_R_RESULT);
	entry = entry_of_result();
	r = review_by("dave", &entry);
	refused(REASON_WHO_BEHIND, send(&r));
	roster_in_force("carol"); /* now it is carol's; it was dave's */
	r = review_by("dave", &entry);
	refused(REASON_WHO_BEHIND, send(&r));
	r = review_by("carol", &entry);
	refused(REASON_WHO_BEHIND, send(&r));
	roster_in_force("dave");
	r = review_by("bob", &entry);
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_true(says("\"state\":\"done\"}"));
}

static void reviews_are_of_one_use(void **state)
{
	struct digest first;
	struct digest second;
	struct review r;

	(void)state;
	begin(2);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_RESULT);
	first = entry_of_result();
	r = review_by("carol", &first);
	r.use = 2;
	refused(REASON_STATE_REVIEW, send(&r)); /* there is none yet */
	assert_int_equal(fx_commit(&fx, &q, 2), KEEPER_R_RESULT);
	second = entry_of_result();
	refused(REASON_STATE_REVIEW, send(&r)); /* that is the first one's entry */
	r = review_by("carol", &second);
	refused(REASON_STATE_REVIEW, send(&r));
	r = review_by("carol", &first);
	(void)snprintf(r.origin, sizeof(r.origin), "keeper.other");
	refused(REASON_FORM_ORIGIN, send(&r));
	r = review_by("carol", &first);
	r.request.b[0] ^= 1;
	refused(REASON_STATE_UNKNOWN, send(&r));
	r = review_by("carol", &first);
	r.time = fx_now(&fx) + 1000;
	refused(REASON_FORM_TIME, send(&r));
	r.time = fx_now(&fx) - 1000;
	refused(REASON_FORM_TIME, send(&r));
	r = review_by("carol", &first);
	refused(REASON_SIG_APPROVER, send_as(&r, "bob", STATEMENT_REVIEW));
	refused(REASON_SIG_APPROVER, send_as(&r, "carol", STATEMENT_APPROVAL));
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_true(says("\"owed\":1"));
	/* Nor is it a review of another request, in whose place it is shown. */
	r = review_by("carol", &second);
	r.use = 2;
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_true(says("\"owed\":0"));
	/* A use that broke nothing owes nothing. */
	fx_request_release(&q);
	fx_request_new(&fx, "nightly", 1, &q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
	first = entry_of_result();
	r = review_by("carol", &first);
	refused(REASON_STATE_REVIEW, send(&r));
	ask_reviews(true);
	assert_true(says("\"list\":[]"));
}

static void who_has_left_counts_no_more(void **state)
{
	struct digest entry;
	struct review r;

	(void)state;
	policy_with(GLASS("\"2 of security\"", DAY, ANYBODY));
	entry = broken();
	r = review_by("carol", &entry);
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_true(says("\"owed\":1"));
	r = review_by("carol", &entry);
	refused(REASON_APPROVE_DUPLICATE, send(&r));
	fx_person(&fx, "carol")->gone = true;
	roster_in_force("erin");
	refused(REASON_WHO_PERSON, send(&r));
	ask_reviews(true);
	assert_true(says("\"live\":false,\"person\":\"carol\""));
	assert_true(says("\"missing\":[\"2 of security\"]"));
	r = review_by("bob", &entry);
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_true(says("\"owed\":1"));
	r = review_by("dave", &entry);
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_true(says("\"owed\":0"));
	/* What is complete stays so. */
	fx_person(&fx, "carol")->gone = false;
	fx_person(&fx, "dave")->gone = true;
	roster_in_force("erin");
	fx_clock(&fx, fx.clock + 86401);
	ask_reviews(true);
	assert_true(says("\"state\":\"done\""));
	assert_int_equal(another(), KEEPER_R_RESULT);
	fx_person(&fx, "dave")->gone = false;
	roster_in_force("dave");
	policy_with(GLASS("\"1 of security\"", DAY, ANYBODY));
}

/* Nobody can fill the seats of then: the quorum that unlocks keys may. */
static void seats_that_nobody_can_fill(void **state)
{
	struct digest entry;
	struct review r;

	(void)state;
	policy_with(GLASS("\"1 of @dave\"", DAY, "\"alice\""));
	entry = broken();
	policy_with(GLASS("\"1 of security\"", DAY, "\"alice\""));
	r = review_by("erin", &entry);
	refused(REASON_WHO_SEAT, send(&r));
	fx_person(&fx, "dave")->gone = true;
	roster_in_force("erin");
	ask_reviews(true);
	assert_true(says("\"seats\":[\"2 of admins\"]"));
	r = review_by("bob", &entry);
	refused(REASON_WHO_SEAT, send(&r));
	r = review_by("erin", &entry);
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_true(says("\"owed\":1"));
	r = review_by("frank", &entry);
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_true(says("\"owed\":0"));
	fx_person(&fx, "dave")->gone = false;
	roster_in_force("dave");
	policy_with(GLASS("\"1 of security\"", DAY, ANYBODY));
}

static enum keeper_type unlock(const char *const *people)
{
	struct key_change c = {.action = KEY_UNLOCK, .expires = fx_now(&fx) + UNLOCK_LIFE};

	fx_ok(name_parse(view_str("release"), &c.key));
	return fx_key_change(&fx, &c, people);
}

static void an_incident_locks_the_key(void **state)
{
	struct digest entry = broken();
	struct review r = review_by("carol", &entry);

	(void)state;
	r.incident = true;
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_true(says("\"state\":\"done\"}")); /* it was looked at */
	waits(REASON_KEY_LOCKED, another());
	fx_kill(&fx);
	fx_run(&fx);
	waits(REASON_KEY_LOCKED, another());
	assert_int_equal(unlock(admins), KEEPER_R_CHANGE);
	assert_int_equal(another(), KEEPER_R_RESULT);
	ask_reviews(true);
	assert_true(says("\"verdict\":\"incident\""));
}

/* Found by the property test: such a review was refused, for no reason that has a name. */
static void an_incident_with_a_locked_key(void **state)
{
	static const char *const one[] = {"erin", NULL};
	struct digest entry = broken();
	struct review r = review_by("carol", &entry);
	struct key_change c = {.action = KEY_LOCK};

	(void)state;
	r.incident = true;
	fx_ok(name_parse(view_str("release"), &c.key));
	assert_int_equal(fx_key_change(&fx, &c, one), KEEPER_R_CHANGE);
	assert_int_equal(send(&r), KEEPER_R_STATUS);
	assert_true(says("\"state\":\"done\"}"));
	waits(REASON_KEY_LOCKED, another());
	assert_int_equal(unlock(admins), KEEPER_R_CHANGE);
	assert_int_equal(another(), KEEPER_R_RESULT);
}

/* Found by the property test: the very review that locks the key gave out what was held. */
static void an_incident_holds_what_is_signed(void **state)
{
	struct keeper_commit m = {.use = 1};
	AUTO(buf) struct buf frame;
	struct digest entry = {{0}};
	struct leaf leaf = {.kind = LEAF_LOG};
	struct review r;

	(void)state;
	begin(1);
	q.r.release = fx_now(&fx) + 600;
	fx_request_encode(&q);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, true));
	waits(REASON_TIME_RELEASE, fx_approve(&fx, "bob", &q, true));
	for (uint64_t i = 1;
	     !(leaf.kind == LEAF_AUTHORIZE && digest_is_equal(&leaf.request, &q.id)); i++)
		fx_check(fx_entry(&fx, i, &leaf, &entry));
	fx_clock(&fx, fx.clock + 601);
	r = review_by("carol", &entry);
	r.incident = true;
	waits(REASON_KEY_LOCKED, send(&r));
	m.request = q.id;
	buf_init(&frame, 4096);
	keeper_put_commit(&frame, ++fx.correlation, KEEPER_RESULT, &m);
	waits(REASON_KEY_LOCKED, fx_exchange(&fx, &frame));
	assert_int_equal(unlock(admins), KEEPER_R_CHANGE);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_RESULT);
}

/* The journal is what a check of it finds, and the log has a review for each that is done. */
static void the_journal_checks(void **state)
{
	(void)state;
	fx_stop(&fx);
	assert_int_equal(fx_verb(&fx, "fsck", NULL), 0);
	fx_run(&fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_overdue_review_stops_the_key, fresh, done),
		cmocka_unit_test_setup_teardown(an_overdue_review_holds_a_release, fresh, done),
		cmocka_unit_test_setup_teardown(nobody_reviews_their_own, fresh, done),
		cmocka_unit_test_setup_teardown(reviews_are_of_one_use, fresh, done),
		cmocka_unit_test_setup_teardown(who_has_left_counts_no_more, fresh, done),
		cmocka_unit_test_setup_teardown(seats_that_nobody_can_fill, fresh, done),
		cmocka_unit_test_setup_teardown(an_incident_locks_the_key, fresh, done),
		cmocka_unit_test_setup_teardown(an_incident_with_a_locked_key, fresh, done),
		cmocka_unit_test_setup_teardown(an_incident_holds_what_is_signed, fresh, done),
		cmocka_unit_test_setup_teardown(the_journal_checks, fresh, done),
	};

	return cmocka_run_group_tests(tests, review_setup, group_teardown);
}
