/* Messages that reach the keeper in one piece, so that one round and one transaction has them all:
 * what the first of them takes away, the next must not find there any more. A server in enemy hands
 * chooses what it sends together, and in which order. */
#include "tests/flow/evil.h"

#include <string.h>

#include "lib/model/hostadmin.h"

static const char *const two[] = {"erin", "frank", NULL};
static const char *const one[] = {"bob", NULL};

/* ---- What is sent together ------------------------------------------------------------------*/

#define PIECES 8
static struct buf frames;
static size_t count;
static struct {
	uint64_t correlation;
	enum keeper_type type;
	enum reason reason;
} pieces[PIECES];

static void begin(void)
{
	buf_init(&frames, (size_t)PIECES * KEEPER_FRAME_MAX);
	count = 0;
}

static uint64_t next(void)
{
	assert_true(count < PIECES);
	return pieces[count++].correlation = ++fx.correlation;
}

static void put_submit(const struct fx_request *r, const char *who, const char *host)
{
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host_sig;

	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host_sig, KEEPER_SIG_MAX);
	fx_sign_as(&fx, who, STATEMENT_REQUEST, buf_view(&r->statement), &sig);
	fx_sign(&fx_host(&fx, host)->key[0], statement_info(STATEMENT_HOST)->ns,
		buf_view(&r->statement), &host_sig);
	keeper_put_submit(&frames, next(), KEEPER_SUBMIT,
			  &(struct keeper_submit){.statement = buf_view(&r->statement),
						  .requester_sig = buf_view(&sig),
						  .host_sig = buf_view(&host_sig),
						  .sign = true});
}

static void put_commit(const struct fx_request *r, uint32_t use)
{
	keeper_put_commit(&frames, next(), KEEPER_COMMIT,
			  &(struct keeper_commit){.request = r->id, .use = use});
}

static void put_act(const struct act *a, bool sign)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;

	buf_init(&statement, ACT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_ok(act_encode(a, &statement, NULL));
	fx_sign_as(&fx, a->person.s, a->kind, buf_view(&statement), &sig);
	keeper_put_act(&frames, next(),
		       &(struct keeper_act){.kind = a->kind,
					    .statement = buf_view(&statement),
					    .sig = buf_view(&sig),
					    .sign = sign});
}

static void put_change(enum statement_kind kind, struct view statement, const char *const *people)
{
	struct keeper_change m = {.kind = kind, .statement = statement};
	struct buf sigs[2];

	for (; people[m.sig_count] != NULL; m.sig_count++) {
		buf_init(&sigs[m.sig_count], KEEPER_SIG_MAX);
		fx_sign_as(&fx, people[m.sig_count], kind, statement, &sigs[m.sig_count]);
		m.sigs[m.sig_count] = buf_view(&sigs[m.sig_count]);
	}
	keeper_put_change(&frames, next(), &m);
	for (size_t i = 0; i < m.sig_count; i++)
		buf_release(&sigs[i]);
}

static void put_document(enum statement_kind kind, const struct buf *doc)
{
	struct document_change c = {.kind = kind, .expires = fx_now(&fx) + 3600};
	AUTO(buf) struct buf statement;

	c.document = buf_view(doc);
	c.previous = digest_of(buf_view(kind == STATEMENT_POLICY ? &fx.policy : &fx.roster));
	buf_init(&statement, DOCUMENT_BYTES_MAX);
	fx_ok(document_change_encode(&c, &statement, NULL));
	put_change(kind, buf_view(&statement), two);
}

static void put_key_change(enum key_action action, const char *key, const char *const *people)
{
	struct key_change c = {
		.action = action, .origin = "keeper.test", .expires = fx_now(&fx) + UNLOCK_LIFE};
	AUTO(buf) struct buf statement;

	fx_ok(name_parse(view_str(key), &c.key));
	memcpy(c.nonce, &(uint32_t){++fx.nonce}, sizeof(fx.nonce));
	buf_init(&statement, 8192);
	fx_ok(key_change_encode(&c, &statement, NULL));
	put_change(STATEMENT_KEYADMIN, buf_view(&statement), people);
}

static void put_host_change(enum host_action action, const char *host, const char *const *people)
{
	struct host_change c = {
		.action = action, .origin = "keeper.test", .expires = fx_now(&fx) + UNLOCK_LIFE};
	AUTO(buf) struct buf statement;

	fx_ok(name_parse(view_str(host), &c.host));
	memcpy(c.nonce, &(uint32_t){++fx.nonce}, sizeof(fx.nonce));
	buf_init(&statement, HOSTADMIN_BYTES_MAX);
	fx_ok(host_change_encode(&c, &statement, NULL));
	put_change(STATEMENT_HOSTADMIN, buf_view(&statement), people);
}

static void in_force(struct buf *old, uint64_t *version, const struct buf *doc)
{
	buf_clear(old);
	buf_put_view(old, buf_view(doc));
	(*version)++;
}

/* The policy in force with a shorter life of approvals in the rule "release". */
static void stricter(struct buf *out)
{
	static const char mark[] = "\"max_uses\":3";
	AUTO(buf) struct buf plain;
	const char *text, *at;

	buf_init(&plain, DOCUMENT_BYTES_MAX);
	fx_policy_doc(&fx, fx.policy_version + 1, "", &plain);
	text = buf_cstr(&plain);
	at = strstr(text, mark);
	fx_check(at != NULL);
	buf_put(out, text, (size_t)(at - text));
	buf_put_str(out, "\"max_uses\":2");
	buf_put_str(out, at + sizeof(mark) - 1);
	fx_ok(buf_done(out));
}

/* Sends them in one piece and sorts the answers: results come after what needs no key. */
static void send_all(void)
{
	fx_send(&fx, &frames);
	for (size_t n = 0; n < count; n++) {
		size_t i = 0;

		assert_true(fx_recv(&fx));
		while (i < count && pieces[i].correlation != fx.header.correlation)
			i++;
		assert_true(i < count);
		pieces[i].type = fx.header.type;
		pieces[i].reason =
			fx.header.type == KEEPER_R_ERROR || fx.header.type == KEEPER_R_STATUS
				? fx_reason(&fx)
				: REASON_NONE;
	}
	buf_release(&frames);
}

/* ---- Requests -------------------------------------------------------------------------------*/

static struct digest yes; /* bob's approval */

/* Through but for its signature: bob and carol have approved it. */
static void ready(uint32_t uses)
{
	AUTO(buf) struct buf statement;
	AUTO(buf) struct buf sig;
	struct act a;

	q.r.uses = uses;
	fx_request_encode(&q);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
	buf_init(&statement, ACT_BYTES_MAX);
	buf_init(&sig, KEEPER_SIG_MAX);
	fx_act(&fx, STATEMENT_APPROVAL, "bob", &q, &a);
	fx_ok(act_encode(&a, &statement, NULL));
	fx_sign_as(&fx, "bob", STATEMENT_APPROVAL, buf_view(&statement), &sig);
	yes = digest_of(buf_view(&statement));
	waits(REASON_APPROVE_QUORUM,
	      fx_act_raw(&fx, STATEMENT_APPROVAL, buf_view(&statement), buf_view(&sig), false));
	waits(REASON_NONE, fx_approve(&fx, "carol", &q, false));
}

/* How many uses the log has authorised for the request. */
static unsigned authorized(void)
{
	AUTO(buf) struct buf frame;
	struct keeper_hello m;
	struct digest entry;
	struct leaf leaf;
	unsigned n = 0;

	buf_init(&frame, 4096);
	keeper_put_hello_request(&frame, ++fx.correlation);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_HELLO);
	fx_ok(keeper_get_hello(buf_view(&fx.body), &m));
	for (uint64_t i = 0; i < m.log_size; i++) {
		assert_true(fx_entry(&fx, i, &leaf, &entry));
		n += leaf.kind == LEAF_AUTHORIZE && digest_is_equal(&leaf.request, &q.id);
	}
	return n;
}

/* What was sent behind a change finds the request waiting, for this reason, and it is not signed.
 */
static void nothing_is_signed(enum reason reason)
{
	send_all();
	assert_int_equal(pieces[0].type, KEEPER_R_CHANGE);
	for (size_t i = 1; i < count; i++) {
		assert_int_equal(pieces[i].type, KEEPER_R_STATUS);
		assert_string_equal(reason_id(pieces[i].reason), reason_id(reason));
	}
	assert_int_equal(authorized(), 0);
}

/* ---- Cases ----------------------------------------------------------------------------------*/

static void no_more_uses_than_were_granted(void **state)
{
	static const uint32_t uses[PIECES] = {1, 1, 2, 2, 3, 1, 4, 2};

	(void)state;
	ready(2);
	begin();
	for (size_t i = 0; i < PIECES; i++)
		put_commit(&q, uses[i]);
	send_all();
	for (size_t i = 0; i < PIECES; i++) {
		if (uses[i] > 2)
			assert_int_equal(pieces[i].reason, REASON_STATE_USES);
		else if (uses[i] == 1)
			assert_int_equal(pieces[i].type, KEEPER_R_RESULT);
		else /* unless the first one's signature was there already */
			assert_true(pieces[i].type == KEEPER_R_RESULT ||
				    pieces[i].reason == REASON_STATE_COMMITTED);
	}
	assert_in_range(authorized(), 1, 2);
	assert_int_equal(fx_commit(&fx, &q, 2), KEEPER_R_RESULT);
	assert_int_equal(authorized(), 2);
}

static void the_same_request_is_one(void **state)
{
	(void)state;
	fx_request_release(&q);
	fx_request_new(&fx, "nightly", 1, &q);
	begin();
	for (size_t i = 0; i < 4; i++)
		put_submit(&q, "robot", "build1");
	send_all();
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pieces[i].type, KEEPER_R_RESULT);
	assert_int_equal(authorized(), 1);
}

static void a_no_stops_what_is_sent_behind_it(void **state)
{
	struct act no, late;

	(void)state;
	ready(1);
	fx_act(&fx, STATEMENT_DENIAL, "dave", &q, &no);
	fx_act(&fx, STATEMENT_APPROVAL, "dave", &q, &late);
	begin();
	put_act(&no, false);
	put_commit(&q, 1);
	put_act(&late, true);
	put_commit(&q, 1);
	send_all();
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pieces[i].reason, REASON_STATE_DENIED);
	assert_int_equal(pieces[2].type, KEEPER_R_ERROR);
	assert_int_equal(authorized(), 0);
}

/* What was decided is decided. */
static void a_no_behind_a_commit_is_too_late(void **state)
{
	struct act no;

	(void)state;
	ready(2);
	fx_act(&fx, STATEMENT_DENIAL, "dave", &q, &no);
	begin();
	put_commit(&q, 1);
	put_act(&no, false);
	put_commit(&q, 2);
	send_all();
	assert_int_equal(pieces[0].type, KEEPER_R_RESULT);
	assert_int_equal(pieces[1].reason, REASON_STATE_COMMITTED);
	/* Another use is another decision, and nothing has stopped it. */
	assert_int_equal(fx_commit(&fx, &q, 2), KEEPER_R_RESULT);
	assert_int_equal(authorized(), 2);
}

static void a_withdrawal_counts_at_once(void **state)
{
	struct act back;

	(void)state;
	ready(1);
	fx_act(&fx, STATEMENT_WITHDRAWAL, "bob", &q, &back);
	back.approval = yes;
	begin();
	put_act(&back, false);
	put_commit(&q, 1);
	send_all();
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pieces[i].reason, REASON_APPROVE_QUORUM);
	assert_int_equal(authorized(), 0);
}

static void a_lock_counts_at_once(void **state)
{
	(void)state;
	ready(1);
	begin();
	put_key_change(KEY_LOCK, "release", one);
	put_commit(&q, 1);
	put_submit(&q, "alice", "build1");
	nothing_is_signed(REASON_KEY_LOCKED);
	begin();
	put_key_change(KEY_UNLOCK, "release", two);
	put_host_change(HOST_LOCK, "build1", one);
	send_all();
	assert_int_equal(pieces[0].type, KEEPER_R_CHANGE);
	waits(REASON_HOST_LOCKED, fx_commit(&fx, &q, 1));
	begin();
	put_host_change(HOST_UNLOCK, "build1", two);
	put_host_change(HOST_LOCK, "build1", one);
	put_commit(&q, 1);
	put_submit(&q, "alice", "build1");
	send_all();
	for (size_t i = 2; i < 4; i++)
		assert_int_equal(pieces[i].reason, REASON_HOST_LOCKED);
	assert_int_equal(authorized(), 0);
	begin();
	put_host_change(HOST_UNLOCK, "build1", two);
	put_commit(&q, 1);
	send_all();
	assert_int_equal(pieces[1].type, KEEPER_R_RESULT);
}

static void a_roster_counts_at_once(void **state)
{
	AUTO(buf) struct buf doc;

	(void)state;
	ready(1);
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_person(&fx, "carol")->gone = true;
	fx_roster_doc(&fx, fx.roster_version + 1, &doc);
	begin();
	put_document(STATEMENT_ROSTER, &doc);
	put_commit(&q, 1);
	put_submit(&q, "alice", "build1");
	nothing_is_signed(REASON_APPROVE_QUORUM);
	in_force(&fx.roster, &fx.roster_version, &doc);
	fx_person(&fx, "carol")->gone = false;
	buf_clear(&doc);
	fx_roster_doc(&fx, fx.roster_version + 1, &doc);
	begin();
	put_document(STATEMENT_ROSTER, &doc);
	send_all();
	assert_int_equal(pieces[0].type, KEEPER_R_CHANGE);
	in_force(&fx.roster, &fx.roster_version, &doc);
}

/* Two next versions of one: the second is after the first, or it is nothing. */
static void a_policy_counts_at_once(void **state)
{
	AUTO(buf) struct buf doc;
	AUTO(buf) struct buf other;

	(void)state;
	ready(1);
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	buf_init(&other, DOCUMENT_BYTES_MAX);
	fx_policy_doc(&fx, fx.policy_version + 1,
		      ",{\"formats\":[\"cms\"],\"from\":[\"build1\"],\"keys\":[\"nightly\"],"
		      "\"name\":\"more\",\"request\":[\"alice\"],\"unattended\":true}",
		      &other);
	stricter(&doc);
	begin();
	put_document(STATEMENT_POLICY, &doc);
	put_document(STATEMENT_POLICY, &other);
	put_commit(&q, 1);
	send_all();
	assert_int_equal(pieces[0].type, KEEPER_R_CHANGE);
	assert_int_equal(pieces[1].reason, REASON_CHANGE_PREVIOUS);
	assert_int_equal(pieces[2].reason, REASON_APPROVE_QUORUM);
	assert_int_equal(authorized(), 0);
	in_force(&fx.policy, &fx.policy_version, &doc);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fresh, done)
	const struct CMUnitTest tests[] = {
		T(no_more_uses_than_were_granted),    T(the_same_request_is_one),
		T(a_no_stops_what_is_sent_behind_it), T(a_no_behind_a_commit_is_too_late),
		T(a_withdrawal_counts_at_once),	      T(a_lock_counts_at_once),
		T(a_roster_counts_at_once),	      T(a_policy_counts_at_once),
	};
#undef T

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
