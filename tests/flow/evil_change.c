/* How policy and roster are changed, against a real keeper: what waits for its time, objections,
 * recovery keys, unlocks that come late; and that nothing of it decides before its time, or is
 * decided by what it replaced.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/codec/base64.h"
#include "lib/model/change_life.h"
#include "lib/model/objection.h"
#include "tests/flow/evil.h"

#define DAY 86400L

static const char *const two[] = {"erin", "frank", NULL};
static const char *const one[] = {"erin", NULL};
static struct fx_key rescue[3];
static struct buf sent; /* the newest statement */

/* ---- Documents -----------------------------------------------------------------------------*/

static void put_key(const struct fx_key *k, struct buf *out)
{
	buf_put_str(out, "\"");
	sshkey_put_line(k->ssh, view_of(NULL, 0), out);
	buf_put_str(out, "\"");
}

/* delay 0: none; keys 0: no recovery; seats of rule "release". */
static void policy_doc(long delay, size_t keys, const char *seats, struct buf *out)
{
	buf_init(out, DOCUMENT_BYTES_MAX);
	buf_put_str(out, "{\"admin\":{\"approve\":[\"2 of admins\"]},"
			 "\"change\":{\"approve\":[\"2 of admins\"]");
	if (delay > 0)
		buf_printf(out, ",\"delay\":%ld", delay);
	buf_put_str(out, "}");
	if (keys > 0)
		buf_printf(out, ",\"recovery\":{\"delay\":%ld,\"keys\":[", 3 * DAY);
	for (size_t i = 0; i < keys; i++) {
		buf_put_str(out, i > 0 ? "," : "");
		put_key(&rescue[i], out);
	}
	if (keys > 0)
		buf_put_str(out, "],\"need\":2}");
	buf_printf(out,
		   ",\"rules\":[{\"approve\":[\"%s\"],\"formats\":[\"cms\",\"pe\"],"
		   "\"from\":[\"group:builders\"],\"keys\":[\"release\"],\"max_uses\":3,"
		   "\"name\":\"release\",\"request\":[\"group:developers\"],"
		   "\"upload\":\"optional\"}],\"unlock\":{\"approve\":[\"2 of admins\"]},"
		   "\"version\":%llu}",
		   seats, (unsigned long long)fx.policy_version + 1);
	fx_ok(buf_done(out));
}

static void statement_of(enum statement_kind kind, const struct buf *doc, struct buf *out)
{
	struct document_change c = {.kind = kind, .expires = fx_now(&fx) + 30 * DAY + ++fx.nonce};

	c.previous = digest_of(buf_view(kind == STATEMENT_POLICY ? &fx.policy : &fx.roster));
	c.document = buf_view(doc);
	buf_clear(out);
	fx_ok(document_change_encode(&c, out, NULL));
}

static enum keeper_type propose(enum statement_kind kind, const struct buf *doc,
				const char *const *people)
{
	statement_of(kind, doc, &sent);
	return fx_change(&fx, kind, buf_view(&sent), people);
}

static void in_force(enum statement_kind kind, const struct buf *doc)
{
	struct buf *old = kind == STATEMENT_POLICY ? &fx.policy : &fx.roster;

	if (kind == STATEMENT_POLICY)
		fx.policy_version++;
	else
		fx.roster_version++;
	buf_clear(old);
	buf_put_view(old, buf_view(doc));
}

static bool answer_has(const char *text)
{
	return memmem(fx.body.ptr, fx.body.len, text, strlen(text)) != NULL;
}

/* At once: the policy in force has no delay. */
static void now(long delay, size_t keys, const char *seats)
{
	AUTO(buf) struct buf doc;

	policy_doc(delay, keys, seats, &doc);
	assert_int_equal(propose(STATEMENT_POLICY, &doc, two), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"done\""));
	in_force(STATEMENT_POLICY, &doc);
}

static void versions(uint64_t policy, uint64_t roster)
{
	AUTO(buf) struct buf frame;
	struct keeper_hello hello;

	buf_init(&frame, 4096);
	/* The round in which something comes into force has no messages; this one is after it. */
	for (int i = 0; i < 2; i++) {
		buf_clear(&frame);
		keeper_put_hello_request(&frame, ++fx.correlation);
		assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_HELLO);
	}
	fx_ok(keeper_get_hello(buf_view(&fx.body), &hello));
	assert_int_equal(hello.policy_version, policy);
	assert_int_equal(hello.roster_version, roster);
}

static void later(long seconds)
{
	fx_clock(&fx, fx.clock + seconds);
}

static bool waits_for(const char *document)
{
	const struct view which[1] = {view_str(document)};
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_strings(&frame, ++fx.correlation, KEEPER_PENDING, which, 1);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_JSON);
	return !answer_has("\"pending\":[]");
}

static enum keeper_type object_to(const struct digest *change, const char *const *people)
{
	struct objection o = {.change = *change, .expires = fx_now(&fx) + DAY};
	AUTO(buf) struct buf statement;

	buf_init(&statement, OBJECTION_BYTES_MAX);
	(void)snprintf(o.comment, sizeof(o.comment), "no %u", ++fx.nonce);
	fx_ok(objection_encode(&o, &statement, NULL));
	return fx_change(&fx, STATEMENT_OBJECTION, buf_view(&statement), people);
}

/* The next roster, signed by these recovery keys. */
static enum keeper_type rescue_by(const struct view statement, const size_t *keys, size_t count)
{
	struct keeper_change m = {
		.kind = STATEMENT_RECOVERY, .statement = statement, .sig_count = count};
	AUTO(buf) struct buf frame;
	struct buf sig[4];
	enum keeper_type answer;

	buf_init(&frame, KEEPER_FRAME_MAX);
	for (size_t i = 0; i < count; i++) {
		buf_init(&sig[i], KEEPER_SIG_MAX);
		fx_sign(&rescue[keys[i]], statement_info(STATEMENT_RECOVERY)->ns, statement,
			&sig[i]);
		m.sigs[i] = buf_view(&sig[i]);
	}
	keeper_put_change(&frame, ++fx.correlation, &m);
	answer = fx_exchange(&fx, &frame);
	for (size_t i = 0; i < count; i++)
		buf_release(&sig[i]);
	return answer;
}

/* ---- A change that waits -------------------------------------------------------------------*/

static void change_waits_for_its_time(void **state)
{
	AUTO(buf) struct buf doc;
	AUTO(buf) struct buf other;

	(void)state;
	now(DAY, 0, "2 of security");
	policy_doc(0, 0, "1 of security", &doc);
	assert_int_equal(propose(STATEMENT_POLICY, &doc, one), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"pending\""));
	assert_false(waits_for("policy"));
	assert_int_equal(propose(STATEMENT_POLICY, &doc, two), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"accepted\"") && answer_has("\"due\":") &&
		    answer_has("change.delay"));
	assert_true(waits_for("policy"));
	assert_false(waits_for("roster"));
	/* The same bytes again change nothing, nor does another one that would come first. */
	assert_int_equal(fx_change(&fx, STATEMENT_POLICY, buf_view(&sent), two), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"accepted\""));
	policy_doc(0, 0, "1 of @bob", &other);
	refused(REASON_CHANGE_DELAY, propose(STATEMENT_POLICY, &other, two));
	versions(fx.policy_version, fx.roster_version);
	later(DAY - 10);
	versions(fx.policy_version, fx.roster_version);
	fx_stop(&fx);
	fx_run(&fx);
	assert_true(waits_for("policy"));
	later(20);
	versions(fx.policy_version + 1, fx.roster_version);
	in_force(STATEMENT_POLICY, &doc);
	assert_false(waits_for("policy"));
}

/* The delay of the policy in force counts, whatever the new one says. */
static void new_policy_does_not_shorten_its_own_delay(void **state)
{
	AUTO(buf) struct buf doc;

	(void)state;
	now(DAY, 0, "2 of security");
	policy_doc(1, 0, "2 of security", &doc);
	assert_int_equal(propose(STATEMENT_POLICY, &doc, two), KEEPER_R_CHANGE);
	later(3600);
	versions(fx.policy_version, fx.roster_version);
	/* It may be over while the keeper is down. */
	fx_stop(&fx);
	later(DAY);
	fx_run(&fx);
	versions(fx.policy_version + 1, fx.roster_version);
	in_force(STATEMENT_POLICY, &doc);
	buf_release(&doc);
	policy_doc(0, 0, "2 of security", &doc);
	assert_int_equal(propose(STATEMENT_POLICY, &doc, two), KEEPER_R_CHANGE);
	later(2);
	versions(fx.policy_version + 1, fx.roster_version);
	in_force(STATEMENT_POLICY, &doc);
}

static void objection_stops_it(void **state)
{
	static const char *const outsider[] = {"bob", NULL};
	AUTO(buf) struct buf doc;
	struct digest id;

	(void)state;
	now(DAY, 0, "2 of security");
	policy_doc(0, 0, "1 of security", &doc);
	assert_int_equal(propose(STATEMENT_POLICY, &doc, two), KEEPER_R_CHANGE);
	id = digest_of(buf_view(&sent));
	refused(REASON_WHO_SEAT, object_to(&id, outsider));
	assert_true(waits_for("policy"));
	assert_int_equal(object_to(&id, one), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"done\""));
	assert_false(waits_for("policy"));
	refused(REASON_CHANGE_OBJECTION, object_to(&id, one));
	/* What was stopped does not come back by being sent again. */
	refused(REASON_CHANGE_OBJECTION, fx_change(&fx, STATEMENT_POLICY, buf_view(&sent), two));
	later(2 * DAY);
	versions(fx.policy_version, fx.roster_version);
	/* The same document under a new statement is another proposal. */
	assert_int_equal(propose(STATEMENT_POLICY, &doc, two), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"accepted\""));
	later(DAY);
	versions(fx.policy_version + 1, fx.roster_version);
	in_force(STATEMENT_POLICY, &doc);
	id = digest_of(buf_view(&sent));
	refused(REASON_CHANGE_OBJECTION, object_to(&id, two));
}

/* A roster that takes away what a waiting policy needs is refused, and the other way round. */
static void both_must_fit_whichever_is_first(void **state)
{
	AUTO(buf) struct buf policy;
	AUTO(buf) struct buf roster;
	struct digest id;

	(void)state;
	now(DAY, 0, "2 of security");
	policy_doc(0, 0, "1 of @carol", &policy);
	assert_int_equal(propose(STATEMENT_POLICY, &policy, two), KEEPER_R_CHANGE);
	id = digest_of(buf_view(&sent));
	buf_init(&roster, DOCUMENT_BYTES_MAX);
	fx_person(&fx, "carol")->gone = true;
	fx_roster_doc(&fx, fx.roster_version + 1, &roster);
	refused(REASON_CHANGE_INVALID, propose(STATEMENT_ROSTER, &roster, two));
	assert_int_equal(object_to(&id, one), KEEPER_R_CHANGE);
	assert_int_equal(propose(STATEMENT_ROSTER, &roster, two), KEEPER_R_CHANGE);
	id = digest_of(buf_view(&sent));
	refused(REASON_CHANGE_INVALID, propose(STATEMENT_POLICY, &policy, two));
	fx_person(&fx, "carol")->gone = false;
	assert_int_equal(object_to(&id, one), KEEPER_R_CHANGE);
	buf_release(&policy);
	policy_doc(0, 0, "2 of security", &policy);
	assert_int_equal(propose(STATEMENT_POLICY, &policy, two), KEEPER_R_CHANGE);
	later(DAY);
	versions(fx.policy_version + 1, fx.roster_version);
	in_force(STATEMENT_POLICY, &policy);
}

/* An approval under the old rule does not act under the new one, in the very round after it. */
static void approval_does_not_outlive_its_rule(void **state)
{
	AUTO(buf) struct buf doc;

	(void)state;
	now(DAY, 0, "2 of security");
	policy_doc(0, 0, "1 of security", &doc);
	assert_int_equal(propose(STATEMENT_POLICY, &doc, two), KEEPER_R_CHANGE);
	q.r.deadline = fx_now(&fx) + 5 * DAY;
	fx_request_encode(&q);
	assert_int_equal(fx_submit(&fx, &q, true), KEEPER_R_STATUS);
	assert_int_equal(fx_approve(&fx, "bob", &q, true), KEEPER_R_STATUS);
	waits(REASON_APPROVE_QUORUM, fx_show(&fx, &q));
	later(DAY + 1);
	/* One approval would do now, and bob's is of another rule. */
	versions(fx.policy_version + 1, fx.roster_version);
	in_force(STATEMENT_POLICY, &doc);
	assert_int_equal(fx_commit(&fx, &q, 1), KEEPER_R_STATUS);
	waits(REASON_APPROVE_QUORUM, fx_show(&fx, &q));
	assert_true(answer_has("\"live\":false"));
	assert_int_equal(fx_approve(&fx, "carol", &q, true), KEEPER_R_RESULT);
}

/* ---- Recovery ------------------------------------------------------------------------------*/

static const size_t both[] = {0, 1};

static void roster_doc(uint64_t version, struct buf *out)
{
	buf_init(out, DOCUMENT_BYTES_MAX);
	fx_roster_doc(&fx, version, out);
}

static void recovery_replaces_the_roster_alone(void **state)
{
	static const size_t twice[] = {1, 1};
	static const size_t stranger[] = {0, 2};
	AUTO(buf) struct buf doc;
	AUTO(buf) struct buf roster;
	AUTO(buf) struct buf jump;

	(void)state;
	roster_doc(fx.roster_version + 1, &roster);
	statement_of(STATEMENT_RECOVERY, &roster, &sent);
	refused(REASON_CHANGE_RECOVERY, rescue_by(buf_view(&sent), both, 2));
	now(0, 2, "2 of security");
	/* The policy's text cannot come this way. */
	policy_doc(0, 0, "1 of security", &doc);
	statement_of(STATEMENT_RECOVERY, &doc, &sent);
	refused(REASON_CHANGE_INVALID, rescue_by(buf_view(&sent), both, 2));
	statement_of(STATEMENT_POLICY, &doc, &sent);
	refused(REASON_FORM_KIND, rescue_by(buf_view(&sent), both, 2));
	roster_doc(fx.roster_version + 2, &jump);
	statement_of(STATEMENT_RECOVERY, &jump, &sent);
	refused(REASON_CHANGE_VERSION, rescue_by(buf_view(&sent), both, 2));
	statement_of(STATEMENT_RECOVERY, &roster, &sent);
	refused(REASON_APPROVE_DUPLICATE, rescue_by(buf_view(&sent), twice, 2));
	refused(REASON_CHANGE_RECOVERY, rescue_by(buf_view(&sent), stranger, 2));
	/* People of the roster are not recovery keys, and the other way round. */
	refused(REASON_CHANGE_RECOVERY, fx_change(&fx, STATEMENT_RECOVERY, buf_view(&sent), two));
	assert_int_equal(rescue_by(buf_view(&sent), both, 1), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"pending\"") && answer_has("1 of recovery-keys"));
	assert_int_equal(rescue_by(buf_view(&sent), both, 0), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"pending\""));
	assert_false(waits_for("roster"));
	versions(fx.policy_version, fx.roster_version);
}

static void recovery_waits_and_is_objected_to(void **state)
{
	AUTO(buf) struct buf roster;
	AUTO(buf) struct buf older;
	struct digest id;

	(void)state;
	now(0, 2, "2 of security");
	roster_doc(fx.roster_version + 1, &roster);
	statement_of(STATEMENT_RECOVERY, &roster, &sent);
	assert_int_equal(rescue_by(buf_view(&sent), both, 2), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"accepted\""));
	assert_true(waits_for("roster") && answer_has("\"kind\":\"recovery\""));
	id = digest_of(buf_view(&sent));
	/* The ordinary quorum says no before it says something else. */
	refused(REASON_CHANGE_RECOVERY, propose(STATEMENT_ROSTER, &roster, two));
	assert_int_equal(object_to(&id, one), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"pending\""));
	assert_int_equal(object_to(&id, two), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"done\""));
	later(4 * DAY);
	versions(fx.policy_version, fx.roster_version);
	/* One that nobody objects to. */
	statement_of(STATEMENT_RECOVERY, &roster, &sent);
	assert_int_equal(rescue_by(buf_view(&sent), both, 2), KEEPER_R_CHANGE);
	buf_init(&older, DOCUMENT_BYTES_MAX);
	buf_put_view(&older, buf_view(&sent));
	later(3 * DAY - 60);
	versions(fx.policy_version, fx.roster_version);
	later(61);
	versions(fx.policy_version, fx.roster_version + 1);
	in_force(STATEMENT_ROSTER, &roster);
	fx_stop(&fx);
	fx_run(&fx);
	versions(fx.policy_version, fx.roster_version);
	/* It does not act a second time, nor on a later roster. */
	assert_int_equal(rescue_by(buf_view(&older), both, 2), KEEPER_R_CHANGE);
	assert_true(answer_has("\"state\":\"done\""));
	versions(fx.policy_version, fx.roster_version);
}

/* Whoever is in the roster has no recovery key, and who has one does not get into it. */
static void recovery_keys_are_nobodys(void **state)
{
	struct fx_who *carol = fx_person(&fx, "carol");
	AUTO(buf) struct buf doc;
	AUTO(buf) struct buf roster;
	struct fx_key mine = rescue[0];

	(void)state;
	rescue[0] = carol->key[0];
	policy_doc(0, 2, "2 of security", &doc);
	refused(REASON_CHANGE_INVALID, propose(STATEMENT_POLICY, &doc, two));
	rescue[0] = mine;
	now(0, 2, "2 of security");
	carol->key[carol->key_count++] = rescue[1];
	roster_doc(fx.roster_version + 1, &roster);
	carol->key[--carol->key_count] = (struct fx_key){.ssh = NULL};
	refused(REASON_CHANGE_INVALID, propose(STATEMENT_ROSTER, &roster, two));
}

/* ---- Locks ---------------------------------------------------------------------------------*/

static void write_unlock(unix_time expires, struct buf *out)
{
	struct key_change c = {.action = KEY_UNLOCK, .origin = "keeper.test", .expires = expires};

	fx_ok(name_parse(view_str("release"), &c.key));
	(void)snprintf((char *)c.nonce, sizeof(c.nonce), "u%u", fx.nonce++);
	buf_clear(out);
	fx_ok(key_change_encode(&c, out, NULL));
}

/* A server that has all signatures under an unlock keeps it for the next lock. */
static void unlocks_are_for_one_lock(void **state)
{
	struct key_change c = {.action = KEY_LOCK};
	AUTO(buf) struct buf held;

	(void)state;
	buf_init(&held, DOCUMENT_BYTES_MAX);
	fx_ok(name_parse(view_str("release"), &c.key));
	assert_int_equal(fx_key_change(&fx, &c, one), KEEPER_R_CHANGE);
	write_unlock(fx_now(&fx) + UNLOCK_LIFE, &held);
	c.action = KEY_UNLOCK;
	assert_int_equal(fx_key_change(&fx, &c, two), KEEPER_R_CHANGE);
	fx_clock(&fx, fx.clock + 5);
	c.action = KEY_LOCK;
	assert_int_equal(fx_key_change(&fx, &c, one), KEEPER_R_CHANGE);
	refused(REASON_CHANGE_INVALID, fx_change(&fx, STATEMENT_KEYADMIN, buf_view(&held), two));
	/* Another reason to lock it while it is locked: what was made for the first is no answer.
	 */
	write_unlock(fx_now(&fx) + UNLOCK_LIFE, &held);
	fx_clock(&fx, fx.clock + 5);
	assert_int_equal(fx_key_change(&fx, &c, one), KEEPER_R_CHANGE);
	fx_kill(&fx);
	fx_run(&fx);
	refused(REASON_CHANGE_INVALID, fx_change(&fx, STATEMENT_KEYADMIN, buf_view(&held), two));
	/* Nor is one made for all locks to come. */
	write_unlock(fx_now(&fx) + UNLOCK_LIFE + UNLOCK_AHEAD + 1, &held);
	refused(REASON_CHANGE_INVALID, fx_change(&fx, STATEMENT_KEYADMIN, buf_view(&held), two));
	waits(REASON_KEY_LOCKED, fx_submit(&fx, &q, true));
	write_unlock(fx_now(&fx) + UNLOCK_LIFE, &held);
	assert_int_equal(fx_change(&fx, STATEMENT_KEYADMIN, buf_view(&held), two), KEEPER_R_CHANGE);
	waits(REASON_APPROVE_QUORUM, fx_submit(&fx, &q, false));
}

/* ---- Certificates --------------------------------------------------------------------------*/

static void certificate_of(struct buf *base64)
{
	const struct view which[1] = {view_str("release")};
	struct keeper_certs certs;
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_strings(&frame, ++fx.correlation, KEEPER_CERTS, which, 1);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_CERTS);
	fx_ok(keeper_get_certs(buf_view(&fx.body), &certs));
	assert_int_equal(certs.count, 1);
	buf_clear(base64);
	base64_put(BASE64_STD, certs.certs[0], base64);
	fx_ok(buf_done(base64));
}

static void write_import(const struct buf *certificate, unix_time made, struct buf *out)
{
	struct key_change c = {.action = KEY_IMPORT,
			       .key = {"release"},
			       .origin = "keeper.test",
			       .expires = made + CHANGE_LIFE,
			       .certificates = {buf_view(certificate)},
			       .certificate_count = 1};

	(void)snprintf((char *)c.nonce, sizeof(c.nonce), "i%u", fx.nonce++);
	buf_clear(out);
	fx_ok(key_change_encode(&c, out, NULL));
}

static enum keeper_type import(const struct buf *statement)
{
	return fx_change(&fx, STATEMENT_KEYADMIN, buf_view(statement), two);
}

/* A server that has all signatures under an import keeps it until the key has a newer certificate.
 */
static void certificates_do_not_come_back(void **state)
{
	struct key_change c = {.action = KEY_SELF_SIGN, .key = {"release"}, .days = 365};
	AUTO(buf) struct buf old;
	AUTO(buf) struct buf newer;
	AUTO(buf) struct buf held;
	AUTO(buf) struct buf other;

	(void)state;
	buf_init(&old, KEEPER_CERT_MAX * 2);
	buf_init(&newer, KEEPER_CERT_MAX * 2);
	buf_init(&held, DOCUMENT_BYTES_MAX);
	buf_init(&other, DOCUMENT_BYTES_MAX);
	(void)snprintf(c.subject, sizeof(c.subject), "CN=another");
	certificate_of(&old);
	write_import(&old, fx_now(&fx), &held);
	fx_clock(&fx, fx.clock + 5);
	assert_int_equal(fx_key_change(&fx, &c, two), KEEPER_R_CHANGE);
	refused(REASON_CHANGE_INVALID, import(&held));
	certificate_of(&newer);
	assert_false(view_is_equal(buf_view(&old), buf_view(&newer)));
	fx_kill(&fx);
	fx_run(&fx);
	refused(REASON_CHANGE_INVALID, import(&held));
	/* Nor one made for all certificates to come. */
	write_import(&old, fx_now(&fx) + UNLOCK_AHEAD + 1, &other);
	refused(REASON_CHANGE_INVALID, import(&other));
	/* On purpose it does come back; and then this is what others are held against. */
	write_import(&newer, fx_now(&fx), &held);
	fx_clock(&fx, fx.clock + 5);
	write_import(&old, fx_now(&fx), &other);
	assert_int_equal(import(&other), KEEPER_R_CHANGE);
	refused(REASON_CHANGE_INVALID, import(&held));
	assert_int_equal(import(&other), KEEPER_R_CHANGE); /* the same again: it is done */
	/* A lock is a reason to think again. */
	write_import(&newer, fx_now(&fx), &held);
	fx_clock(&fx, fx.clock + 5);
	c.action = KEY_LOCK;
	assert_int_equal(fx_key_change(&fx, &c, one), KEEPER_R_CHANGE);
	c.action = KEY_UNLOCK;
	assert_int_equal(fx_key_change(&fx, &c, two), KEEPER_R_CHANGE);
	refused(REASON_CHANGE_INVALID, import(&held));
	write_import(&newer, fx_now(&fx), &other);
	assert_int_equal(import(&other), KEEPER_R_CHANGE);
}

static int change_setup(void **state)
{
	(void)group_setup(state);
	buf_init(&sent, DOCUMENT_BYTES_MAX);
	for (size_t i = 0; i < 3; i++)
		fx_key_new(&rescue[i], i == 1);
	return 0;
}

static int change_teardown(void **state)
{
	for (size_t i = 0; i < 3; i++) {
		ed25519_key_free(rescue[i].ed);
		pkey_soft_free(rescue[i].soft);
		sshkey_free(rescue[i].ssh);
	}
	buf_release(&sent);
	return group_teardown(state);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(change_waits_for_its_time),
		CASE(new_policy_does_not_shorten_its_own_delay),
		CASE(objection_stops_it),
		CASE(both_must_fit_whichever_is_first),
		CASE(approval_does_not_outlive_its_rule),
		CASE(recovery_replaces_the_roster_alone),
		CASE(recovery_waits_and_is_objected_to),
		CASE(recovery_keys_are_nobodys),
		CASE(unlocks_are_for_one_lock),
		CASE(certificates_do_not_come_back),
	};

	return cmocka_run_group_tests(tests, change_setup, change_teardown);
}
