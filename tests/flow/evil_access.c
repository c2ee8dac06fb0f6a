/* Access for a while, against a real keeper: grants by the one who asks, by people who own nothing,
 * for others, for too long, after their end, and when the owners have changed (P2, P7, P8). */
#include <string.h>

#include "lib/model/access.h"
#include "tests/flow/evil.h"

static const char *const admins[] = {"erin", "frank", NULL};
static const char *const asker[] = {"erin", NULL};
static const char *const owners[] = {"bob", "carol", "erin", NULL};
static const char *const bob[] = {"bob", NULL};

#define DAY 86400
#define OWNED "{\"name\":\"release\",\"owners\":[\"2 of security\"]}"

static bool answer_has(const char *text)
{
	return memmem(fx.body.ptr, fx.body.len, text, strlen(text)) != NULL;
}

/* ---- What people say ------------------------------------------------------------------------*/

static struct buf statement; /* the last one */
static struct buf held;	     /* one that a server keeps back, with all its signatures */

static struct access_change a_grant(void)
{
	struct access_change c = {.action = ACCESS_GRANT,
				  .key = {"release"},
				  .person = {"erin"},
				  .origin = "keeper.test",
				  .expires = fx_now(&fx) + 3600,
				  .until = fx_now(&fx) + 30 * DAY,
				  .comment = "alice is away"};
	struct tree_head seen;

	fx_check(fx_seen(&fx, &seen));
	c.seen_size = seen.size;
	c.seen_root = seen.root;
	(void)snprintf((char *)c.nonce, sizeof(c.nonce), "n%u", fx.nonce++);
	return c;
}

static enum keeper_type say(const struct access_change *c, const char *const *people)
{
	buf_clear(&statement);
	fx_ok(access_change_encode(c, &statement, NULL));
	return fx_change(&fx, STATEMENT_ACCESS, buf_view(&statement), people);
}

static enum keeper_type say_again(const char *const *people)
{
	return fx_change(&fx, STATEMENT_ACCESS, buf_view(&statement), people);
}

static void granted(const struct access_change *c, struct digest *ret)
{
	assert_int_equal(say(c, owners), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"done\""));
	*ret = digest_of(buf_view(&statement));
}

static enum keeper_type end(const struct digest *grant, const char *person,
			    const char *const *people)
{
	struct access_change c = a_grant();

	c.action = ACCESS_REVOKE;
	c.grant = *grant;
	(void)snprintf(c.person.s, sizeof(c.person.s), "%s", person);
	return say(&c, people);
}

/* erin, or somebody else, asks for a signature of the key "release" from there. */
static enum keeper_type ask(const char *person, const char *host)
{
	fx_request_release(&q);
	fx_request_new(&fx, "release", 1, &q);
	(void)snprintf(q.r.requester.s, sizeof(q.r.requester.s), "%s", person);
	(void)snprintf(q.r.host.s, sizeof(q.r.host.s), "%s", host);
	fx_request_encode(&q);
	return fx_submit(&fx, &q, true);
}

static void set_policy(const char *keys)
{
	struct digest in_force = digest_of(buf_view(&fx.policy));
	AUTO(buf) struct buf doc;
	AUTO(buf) struct buf plain;
	const char *at;

	buf_init(&doc, DOCUMENT_BYTES_MAX);
	buf_init(&plain, DOCUMENT_BYTES_MAX);
	fx_policy_doc(&fx, ++fx.policy_version, "", &plain);
	at = strstr(buf_cstr(&plain), ",\"rules\"");
	fx_check(at != NULL);
	buf_put(&doc, plain.ptr, (size_t)(at - buf_cstr(&plain)));
	if (keys[0] != '\0')
		buf_printf(&doc, ",\"keys\":[%s]", keys);
	buf_put_str(&doc, at);
	fx_ok(buf_done(&doc));
	if (fx_change_document(&fx, STATEMENT_POLICY, buf_view(&doc), &in_force, admins) !=
	    KEEPER_R_CHANGE)
		fail_msg("%.*s", (int)fx.body.len, (const char *)fx.body.ptr);
	buf_clear(&fx.policy);
	buf_put_view(&fx.policy, buf_view(&doc));
}

static void set_roster(void)
{
	struct digest in_force = digest_of(buf_view(&fx.roster));
	AUTO(buf) struct buf doc;

	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_roster_doc(&fx, ++fx.roster_version, &doc);
	assert_int_equal(
		fx_change_document(&fx, STATEMENT_ROSTER, buf_view(&doc), &in_force, admins),
		KEEPER_R_CHANGE);
	buf_clear(&fx.roster);
	buf_put_view(&fx.roster, buf_view(&doc));
}

static enum keeper_type list(const char *key, const char *person)
{
	const struct keeper_grants m = {.key = view_str(key), .person = view_str(person)};
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_grants(&frame, ++fx.correlation, &m);
	return fx_exchange(&fx, &frame);
}

static int access_setup(void **state)
{
	(void)group_setup(state);
	buf_init(&statement, ACCESS_BYTES_MAX);
	buf_init(&held, ACCESS_BYTES_MAX);
	return 0;
}

static int access_teardown(void **state)
{
	buf_release(&held);
	buf_release(&statement);
	return group_teardown(state);
}

static int owned(void **state)
{
	(void)fresh(state);
	set_policy(OWNED);
	return 0;
}

/* ---- The way that is meant ------------------------------------------------------------------*/

static void a_grant_lets_its_person_ask(void **state)
{
	struct access_change c = a_grant();
	char hex[DIGEST_HEX];
	struct digest id;

	(void)state;
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	assert_true(answer_has("greatseal access request --key release"));
	granted(&c, &id);
	digest_hex(&id, hex);
	/* seats stay as they are, and nobody fills one of their own request */
	waits(REASON_APPROVE_QUORUM, ask("erin", "build1"));
	assert_true(answer_has(" by grant "));
	refused(REASON_WHO_SELF, fx_approve(&fx, "erin", &q, true));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	assert_int_equal(fx_approve(&fx, "carol", &q, true), KEEPER_R_RESULT);
	fx_check_result(&fx, &q);
	/* the person alone, with the key of the grant alone, from where the rule says */
	refused(REASON_RULE_REQUESTER, ask("frank", "build1"));
	refused(REASON_RULE_HOST, ask("erin", "laptop"));
	assert_int_equal(list("release", ""), KEEPER_R_JSON);
	assert_true(answer_has(hex));
	assert_true(answer_has("\"state\":\"live\""));
	assert_int_equal(list("", "frank"), KEEPER_R_JSON);
	assert_false(answer_has(hex));
	assert_int_equal(list("Release", ""), KEEPER_R_ERROR);
	/* the same bytes again are the same grant */
	assert_int_equal(say(&c, owners), KEEPER_R_CHANGE);
	/* either may end it */
	assert_int_equal(end(&id, "erin", asker), KEEPER_R_CHANGE);
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	refused(REASON_ACCESS_REVOKED, end(&id, "erin", bob));
	(void)say(&c, owners);
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	assert_int_equal(list("", "erin"), KEEPER_R_JSON);
	assert_true(answer_has("\"state\":\"revoked\""));
}

static void a_grant_for_a_host(void **state)
{
	struct access_change c = a_grant();
	struct digest id;

	(void)state;
	(void)snprintf(c.host.s, sizeof(c.host.s), "laptop");
	granted(&c, &id);
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	waits(REASON_APPROVE_QUORUM, ask("erin", "laptop"));
	refused(REASON_RULE_HOST, ask("alice", "laptop"));
	assert_int_equal(end(&id, "erin", bob), KEEPER_R_CHANGE);
	refused(REASON_RULE_REQUESTER, ask("erin", "laptop"));
	/* a host that nobody knows */
	(void)snprintf(c.host.s, sizeof(c.host.s), "attic");
	refused(REASON_WHO_HOST, say(&c, owners));
}

/* ---- Who may grant --------------------------------------------------------------------------*/

static void missing(enum keeper_type type, const char *seat)
{
	assert_int_equal(type, KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"pending\""));
	assert_true(answer_has(seat));
}

static void nobody_grants_alone(void **state)
{
	static const char *const twice[] = {"bob", "bob", "erin", NULL};
	static const char *const strangers[] = {"erin", "frank", "robot", NULL};
	static const char *const without[] = {"bob", "carol", NULL};
	static const char *const with_self[] = {"bob", "carol", NULL};
	struct access_change c = a_grant();

	(void)state;
	missing(say(&c, asker), "2 of security");
	missing(say_again(strangers), "2 of security");
	/* not erin, who asks */
	assert_true(answer_has(",\"unseated\":[{\"person\":\"frank\",\"reason\":\"who.seat\","));
	refused(REASON_APPROVE_DUPLICATE, say_again(twice));
	missing(say_again(without), "1 of @erin");
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	/* an owner who asks never fills an owner's seat */
	(void)snprintf(c.person.s, sizeof(c.person.s), "bob");
	missing(say(&c, with_self), "1 of security");
	refused(REASON_RULE_REQUESTER, ask("bob", "build1"));
}

static void signatures_are_for_their_bytes(void **state)
{
	struct access_change c = a_grant();
	struct keeper_change m = {.kind = STATEMENT_ACCESS};
	AUTO(buf) struct buf frame;
	AUTO(buf) struct buf other;
	struct buf sig[3];

	(void)state;
	buf_init(&frame, KEEPER_FRAME_MAX);
	buf_init(&other, ACCESS_BYTES_MAX);
	buf_clear(&statement);
	fx_ok(access_change_encode(&c, &statement, NULL));
	for (size_t i = 0; i < 3; i++) {
		buf_init(&sig[i], KEEPER_SIG_MAX);
		fx_sign_as(&fx, owners[i], STATEMENT_ACCESS, buf_view(&statement), &sig[i]);
		m.sigs[m.sig_count++] = buf_view(&sig[i]);
	}
	/* another person, key, end, host: under the signatures of the first */
	for (size_t i = 0; i < 4; i++) {
		struct access_change d = c;

		if (i == 0)
			(void)snprintf(d.person.s, sizeof(d.person.s), "frank");
		if (i == 1)
			(void)snprintf(d.key.s, sizeof(d.key.s), "nightly");
		if (i == 2)
			d.until += 30 * DAY;
		if (i == 3)
			(void)snprintf(d.host.s, sizeof(d.host.s), "laptop");
		buf_clear(&other);
		fx_ok(access_change_encode(&d, &other, NULL));
		m.statement = buf_view(&other);
		buf_clear(&frame);
		keeper_put_change(&frame, ++fx.correlation, &m);
		refused(REASON_SIG_ADMIN, fx_exchange(&fx, &frame));
	}
	for (size_t i = 0; i < 3; i++)
		buf_release(&sig[i]);
}

static void words_and_times(void **state)
{
	struct access_change c = a_grant();

	(void)state;
	c.until = fx_now(&fx) + 91 * DAY;
	refused(REASON_ACCESS_LIFE, say(&c, owners));
	c.until = TIME_MAX;
	refused(REASON_ACCESS_LIFE, say(&c, owners));
	c.until = fx_now(&fx) - 1;
	refused(REASON_ACCESS_LIFE, say(&c, owners));
	c = a_grant();
	c.expires = fx_now(&fx) - 1;
	refused(REASON_CHANGE_EXPIRED, say(&c, owners));
	c = a_grant();
	(void)snprintf(c.origin, sizeof(c.origin), "other.test");
	refused(REASON_FORM_ORIGIN, say(&c, owners));
	c = a_grant();
	(void)snprintf(c.person.s, sizeof(c.person.s), "nobody");
	refused(REASON_WHO_PERSON, say(&c, owners));
	/* keys without owners, and keys that nobody has heard of */
	c = a_grant();
	(void)snprintf(c.key.s, sizeof(c.key.s), "nightly");
	refused(REASON_ACCESS_OWNER, say(&c, owners));
	(void)snprintf(c.key.s, sizeof(c.key.s), "nothing");
	refused(REASON_ACCESS_OWNER, say(&c, owners));
	/* a role that there is not, and another kind's bytes */
	c = a_grant();
	buf_clear(&statement);
	fx_ok(access_change_encode(&c, &statement, NULL));
	memcpy(memmem(statement.ptr, statement.len, "\"requester\"", 11), "\"approverer\"", 11);
	refused(REASON_FORM_STATEMENT, say_again(owners));
	refused(REASON_FORM_KIND, fx_change(&fx, STATEMENT_ACCESS, buf_view(&q.statement), owners));
}

/* ---- No, and what comes after ---------------------------------------------------------------*/

static void a_no_stays(void **state)
{
	static const char *const frank[] = {"frank", NULL};
	struct access_change c = a_grant();
	struct digest id;

	(void)state;
	missing(say(&c, asker), "2 of security");
	id = digest_of(buf_view(&statement));
	/* neither by people who own nothing, nor in somebody else's name */
	refused(REASON_ACCESS_OWNER, end(&id, "erin", frank));
	assert_int_equal(end(&id, "frank", frank), KEEPER_R_CHANGE);
	assert_int_equal(end(&id, "erin", bob), KEEPER_R_CHANGE);
	refused(REASON_ACCESS_REVOKED, say(&c, owners));
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	assert_int_equal(list("release", "erin"), KEEPER_R_JSON);
	assert_true(answer_has("\"state\":\"denied\""));
	/* what frank said of his own name has not hurt another grant */
	c = a_grant();
	granted(&c, &id);
	refused(REASON_CHANGE_INVALID, end(&id, "frank", frank));
	assert_int_equal(ask("erin", "build1"), KEEPER_R_STATUS);
	assert_int_equal(end(&id, "erin", bob), KEEPER_R_CHANGE);
}

static void a_waiting_request_loses_its_grant(void **state)
{
	struct access_change c = a_grant();
	struct digest id;

	(void)state;
	granted(&c, &id);
	waits(REASON_APPROVE_QUORUM, ask("erin", "build1"));
	waits(REASON_APPROVE_QUORUM, fx_approve(&fx, "bob", &q, true));
	assert_int_equal(end(&id, "erin", bob), KEEPER_R_CHANGE);
	waits(REASON_RULE_REQUESTER, fx_approve(&fx, "carol", &q, true));
	waits(REASON_RULE_REQUESTER, fx_commit(&fx, &q, 1));
}

static void a_grant_ends(void **state)
{
	struct access_change c = a_grant();
	struct digest id;

	(void)state;
	c.until = fx_now(&fx) + 2 * DAY;
	granted(&c, &id);
	waits(REASON_APPROVE_QUORUM, ask("erin", "build1"));
	/* also over a restart */
	fx_kill(&fx);
	fx_run(&fx);
	waits(REASON_APPROVE_QUORUM, ask("erin", "build1"));
	fx_clock(&fx, 2 * DAY + 1);
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	assert_int_equal(list("", "erin"), KEEPER_R_JSON);
	assert_true(answer_has("\"state\":\"expired\""));
	/* the log has seen the later time: a clock that is set back wins nothing */
	assert_int_equal(ask("alice", "build1"), KEEPER_R_STATUS);
	fx_clock(&fx, 0);
	refused(REASON_TIME_CLOCK, ask("erin", "build1"));
	fx_clock(&fx, 2 * DAY + 2);
}

/* ---- Owners change --------------------------------------------------------------------------*/

static void owners_change(void **state)
{
	struct access_change c = a_grant();
	struct digest id;

	(void)state;
	granted(&c, &id);
	assert_int_equal(ask("erin", "build1"), KEEPER_R_STATUS);
	set_policy("");
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	assert_int_equal(list("", "erin"), KEEPER_R_JSON);
	assert_true(answer_has("\"state\":\"void\"") || answer_has("\"state\":\"expired\""));
	set_policy("{\"name\":\"release\",\"owners\":[\"1 of @frank\"]}");
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	assert_int_equal(list("", "erin"), KEEPER_R_JSON);
	assert_true(answer_has("\"state\":\"void\""));
	/* in the hands of those who gave it, it is one again */
	set_policy(OWNED);
	assert_int_equal(ask("erin", "build1"), KEEPER_R_STATUS);
	/* somebody who gave it leaves, and comes back */
	fx_person(&fx, "carol")->gone = true;
	set_roster();
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	fx_person(&fx, "carol")->gone = false;
	set_roster();
	assert_int_equal(ask("erin", "build1"), KEEPER_R_STATUS);
	/* a shorter life is for grants that were given, too */
	set_policy(
		"{\"access_max_life\":3600,\"name\":\"release\",\"owners\":[\"2 of security\"]}");
	assert_int_equal(ask("erin", "build1"), KEEPER_R_STATUS);
	fx_clock(&fx, fx.clock + 3601);
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	assert_int_equal(end(&id, "erin", bob), KEEPER_R_CHANGE);
}

/* Of one person's grants the eight that end last were looked at, and no others. */
static void old_ones_crowd_nobody_out(void **state)
{
	static const char *const with_dave[] = {"bob", "dave", "erin", NULL};
	struct access_change c = a_grant();
	struct digest id;

	(void)state;
	for (int i = 0; i < 9; i++) {
		c = a_grant();
		granted(&c, &id);
	}
	/* None of them holds any more; the one that does ends before them. */
	fx_person(&fx, "carol")->gone = true;
	set_roster();
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	c = a_grant();
	c.until = fx_now(&fx) + DAY;
	assert_int_equal(say(&c, with_dave), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"done\""));
	id = digest_of(buf_view(&statement));
	assert_int_equal(ask("erin", "build1"), KEEPER_R_STATUS);
	/* Nor do nine that are for any host take the place of one that is for this. */
	fx_person(&fx, "carol")->gone = false;
	set_roster();
	c = a_grant();
	c.until = fx_now(&fx) + 2 * DAY;
	(void)snprintf(c.host.s, sizeof(c.host.s), "laptop");
	granted(&c, &id);
	assert_int_equal(ask("erin", "laptop"), KEEPER_R_STATUS);
}

/* ---- Held back ------------------------------------------------------------------------------*/

static void hold(const struct access_change *c)
{
	buf_clear(&held);
	fx_ok(access_change_encode(c, &held, NULL));
}

static enum keeper_type play(void)
{
	return fx_change(&fx, STATEMENT_ACCESS, buf_view(&held), owners);
}

/* Nothing of it is left, and one that is asked for now is granted; *ret is that. */
static void too_late(struct digest *ret)
{
	struct access_change c;

	refused(REASON_ACCESS_REVOKED, play());
	fx_kill(&fx);
	fx_run(&fx);
	refused(REASON_ACCESS_REVOKED, play());
	refused(REASON_RULE_REQUESTER, ask("erin", "build1"));
	c = a_grant();
	granted(&c, ret);
	assert_int_equal(ask("erin", "build1"), KEEPER_R_STATUS);
}

static void held_over_a_no(void **state)
{
	struct access_change c = a_grant();
	struct access_change other = a_grant();
	struct digest id;

	(void)state;
	/* another is revoked; one that is for another host, too, and also if the person says so */
	hold(&c);
	(void)snprintf(other.host.s, sizeof(other.host.s), "laptop");
	granted(&other, &id);
	assert_int_equal(end(&id, "erin", asker), KEEPER_R_CHANGE);
	too_late(&id);
	/* another is denied that nobody has granted yet */
	assert_int_equal(end(&id, "erin", bob), KEEPER_R_CHANGE);
	c = a_grant();
	hold(&c);
	other = a_grant();
	missing(say(&other, asker), "2 of security");
	id = digest_of(buf_view(&statement));
	assert_int_equal(end(&id, "erin", bob), KEEPER_R_CHANGE);
	too_late(&id);
	assert_int_equal(end(&id, "erin", bob), KEEPER_R_CHANGE);
	/* what is said of another person does nothing to it */
	c = a_grant();
	hold(&c);
	id.b[0] ^= 1;
	assert_int_equal(end(&id, "frank", bob), KEEPER_R_CHANGE);
	assert_int_equal(play(), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"done\""));
	id = digest_of(buf_view(&held));
	assert_int_equal(end(&id, "erin", bob), KEEPER_R_CHANGE);
}

static void held_over_a_lock(void **state)
{
	struct key_change change = {.action = KEY_LOCK, .key = {"release"}};
	struct access_change c = a_grant();
	struct digest id;

	(void)state;
	hold(&c);
	assert_int_equal(fx_key_change(&fx, &change, bob), KEEPER_R_CHANGE);
	refused(REASON_ACCESS_REVOKED, play());
	change.action = KEY_UNLOCK;
	assert_int_equal(fx_key_change(&fx, &change, admins), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"done\""));
	too_late(&id);
	assert_int_equal(end(&id, "erin", bob), KEEPER_R_CHANGE);
	/* of another key it is no matter */
	c = a_grant();
	hold(&c);
	change = (struct key_change){.action = KEY_LOCK, .key = {"nightly"}};
	assert_int_equal(fx_key_change(&fx, &change, bob), KEEPER_R_CHANGE);
	assert_int_equal(play(), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"done\""));
	id = digest_of(buf_view(&held));
	assert_int_equal(end(&id, "erin", bob), KEEPER_R_CHANGE);
	change.action = KEY_UNLOCK;
	assert_int_equal(fx_key_change(&fx, &change, admins), KEEPER_R_CHANGE);
}

static void away_and_back(const char *person)
{
	fx_person(&fx, person)->gone = true;
	set_roster();
	fx_person(&fx, person)->gone = false;
	set_roster();
}

static void held_over_an_absence(void **state)
{
	struct access_change c = a_grant();
	struct access_change other = a_grant();
	struct digest id;

	(void)state;
	/* of an owner who signed: what had been granted goes on, what was not is void */
	hold(&c);
	granted(&other, &id);
	away_and_back("bob");
	assert_int_equal(ask("erin", "build1"), KEEPER_R_STATUS);
	refused(REASON_ACCESS_REVOKED, play());
	/* of somebody who has nothing to do with it */
	c = a_grant();
	hold(&c);
	away_and_back("dave");
	assert_int_equal(play(), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"done\""));
	/* of who asked: all is over; admins are two, so frank and erin are not both away */
	c = a_grant();
	(void)snprintf(c.person.s, sizeof(c.person.s), "dave");
	buf_clear(&statement);
	fx_ok(access_change_encode(&c, &statement, NULL));
	assert_int_equal(say_again((const char *const[]){"bob", "carol", "dave", NULL}),
			 KEEPER_R_CHANGE);
	id = digest_of(buf_view(&statement));
	waits(REASON_APPROVE_QUORUM, ask("dave", "build1"));
	c.nonce[0] ^= 0x55;
	hold(&c);
	away_and_back("dave");
	refused(REASON_RULE_REQUESTER, ask("dave", "build1"));
	refused(REASON_ACCESS_REVOKED,
		fx_change(&fx, STATEMENT_ACCESS, buf_view(&held),
			  (const char *const[]){"bob", "carol", "dave", NULL}));
	assert_int_equal(list("", "dave"), KEEPER_R_JSON);
	assert_true(answer_has("\"state\":\"revoked\""));
	refused(REASON_ACCESS_REVOKED, end(&id, "dave", bob));
}

/* What somebody says that they have seen must be so: nobody can have seen what is to come. */
static void held_with_a_lie(void **state)
{
	struct access_change c = a_grant();

	(void)state;
	c.seen_size += 1000;
	refused(REASON_KEEPER_RESTORED, say(&c, owners));
	c = a_grant();
	c.seen_root.b[31] ^= 1;
	refused(REASON_KEEPER_RESTORED, say(&c, owners));
	/* who has seen nothing asks for nothing, where there ever was a no */
	c = a_grant();
	c.seen_size = 0;
	c.seen_root = (struct digest){0};
	refused(REASON_ACCESS_REVOKED, say(&c, owners));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_grant_lets_its_person_ask, owned, done),
		cmocka_unit_test_setup_teardown(a_grant_for_a_host, owned, done),
		cmocka_unit_test_setup_teardown(nobody_grants_alone, owned, done),
		cmocka_unit_test_setup_teardown(signatures_are_for_their_bytes, owned, done),
		cmocka_unit_test_setup_teardown(words_and_times, owned, done),
		cmocka_unit_test_setup_teardown(a_no_stays, owned, done),
		cmocka_unit_test_setup_teardown(a_waiting_request_loses_its_grant, owned, done),
		cmocka_unit_test_setup_teardown(a_grant_ends, owned, done),
		cmocka_unit_test_setup_teardown(owners_change, owned, done),
		cmocka_unit_test_setup_teardown(held_over_a_no, owned, done),
		cmocka_unit_test_setup_teardown(held_over_a_lock, owned, done),
		cmocka_unit_test_setup_teardown(held_with_a_lie, owned, done),
		cmocka_unit_test_setup_teardown(old_ones_crowd_nobody_out, owned, done),
		cmocka_unit_test_setup_teardown(held_over_an_absence, owned, done),
	};

	return cmocka_run_group_tests(tests, access_setup, access_teardown);
}
