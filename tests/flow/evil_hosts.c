/* Hosts that enrol, against a real keeper: tokens that were stolen, replayed or guessed, keys that
 * are somebody else's, copies of a host, and a server that sees everything pass (P2, P5, P9). */
#include <string.h>

#include "lib/base/secret.h"
#include "lib/crypt/pkey.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/enrolment.h"
#include "lib/model/host_token.h"
#include "lib/model/hostadmin.h"
#include "tests/flow/evil.h"

static const char *const admins[] = {"erin", "frank", NULL};
static const char *const one_person[] = {"bob", NULL};

/* A machine that enrols: its key, and what it remembers. */
struct machine {
	struct fx_key key;
	uint64_t counter;
	struct buf statement; /* the last one sent */
	struct buf host_sig;
	struct buf token_sig;
};

static struct machine m1;
static struct machine m2;

static void key_new(struct fx_key *k)
{
	pkey_soft_free(k->soft);
	sshkey_free(k->ssh);
	fx_key_new(k, true);
}

static void machine_init(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	key_new(&m->key);
	buf_init(&m->statement, ENROLMENT_BYTES_MAX);
	buf_init(&m->host_sig, KEEPER_SIG_MAX);
	buf_init(&m->token_sig, KEEPER_SIG_MAX);
}

static void machine_release(struct machine *m)
{
	pkey_soft_free(m->key.soft);
	sshkey_free(m->key.ssh);
	buf_release(&m->statement);
	buf_release(&m->host_sig);
	buf_release(&m->token_sig);
}

/* ---- What people and machines send ----------------------------------------------------------*/

static enum keeper_type say(enum host_action action, const char *host, const struct digest *token,
			    const char *const *people)
{
	struct host_change c = {.action = action,
				.origin = "keeper.test",
				.expires = fx_now(&fx) + UNLOCK_LIFE,
				.lifetime = INVITE_DEFAULT};
	AUTO(buf) struct buf statement;

	buf_init(&statement, HOSTADMIN_BYTES_MAX);
	(void)snprintf(c.host.s, sizeof(c.host.s), "%s", host);
	(void)snprintf((char *)c.nonce, sizeof(c.nonce), "n%u", fx.nonce++);
	if (token != NULL)
		c.token = *token;
	fx_ok(host_change_encode(&c, &statement, NULL));
	return fx_change(&fx, STATEMENT_HOSTADMIN, buf_view(&statement), people);
}

static void invite(const char *host, struct secret *seed)
{
	struct digest token;

	secret_release(seed);
	fx_ok(host_token_make(seed));
	fx_ok(host_token_digest(seed, &token, NULL));
	assert_int_equal(say(HOST_INVITE, host, &token, admins), KEEPER_R_CHANGE);
}

/* Fills the machine's statement and its own signature. */
static void write_statement(struct machine *m, const char *host, uint64_t counter,
			    const char *klass)
{
	struct enrolment e = {.counter = counter, .origin = "keeper.test", .time = fx_now(&fx)};

	(void)snprintf(e.host.s, sizeof(e.host.s), "%s", host);
	(void)snprintf(e.klass, sizeof(e.klass), "%s", klass);
	(void)snprintf((char *)e.nonce, sizeof(e.nonce), "n%u", fx.nonce++);
	e.key = *pkey_fingerprint(pkey_soft_public(m->key.soft));
	buf_clear(&m->statement);
	buf_clear(&m->host_sig);
	fx_ok(enrolment_encode(&e, &m->statement, NULL));
	fx_sign(&m->key, statement_info(STATEMENT_ENROLMENT)->ns, buf_view(&m->statement),
		&m->host_sig);
}

static enum keeper_type send_enrol(struct machine *m, enum keeper_type type,
				   struct view attestation)
{
	const struct keeper_enrol e = {.statement = buf_view(&m->statement),
				       .host_sig = buf_view(&m->host_sig),
				       .token_sig = buf_view(&m->token_sig),
				       .attestation = attestation};
	AUTO(buf) struct buf frame;

	buf_init(&frame, KEEPER_FRAME_MAX);
	keeper_put_enrol(&frame, ++fx.correlation, type, &e);
	return fx_exchange(&fx, &frame);
}

static enum keeper_type enrol_as(struct machine *m, const char *host, const char *klass,
				 const struct secret *seed)
{
	write_statement(m, host, 0, klass);
	buf_clear(&m->token_sig);
	if (seed->len > 0)
		fx_ok(host_token_sign(seed, buf_view(&m->statement), &m->token_sig, NULL));
	return send_enrol(m, KEEPER_ENROL, view_of("", 0));
}

static enum keeper_type enrol(struct machine *m, const char *host, const struct secret *seed)
{
	return enrol_as(m, host, "software", seed);
}

static enum keeper_type renew(struct machine *m, const char *host, uint64_t counter)
{
	write_statement(m, host, counter, "software");
	return send_enrol(m, KEEPER_RENEW, view_of("", 0));
}

/* robot's request from that host, signed by the machine. */
static enum keeper_type ask(struct machine *m, const char *host)
{
	AUTO(buf) struct buf sig;
	AUTO(buf) struct buf host_sig;
	struct fx_request n;
	enum keeper_type type;

	buf_init(&sig, KEEPER_SIG_MAX);
	buf_init(&host_sig, KEEPER_SIG_MAX);
	fx_request_new(&fx, "nightly", 1, &n);
	(void)snprintf(n.r.host.s, sizeof(n.r.host.s), "%s", host);
	fx_request_encode(&n);
	fx_sign_as(&fx, "robot", STATEMENT_REQUEST, buf_view(&n.statement), &sig);
	fx_sign(&m->key, statement_info(STATEMENT_HOST)->ns, buf_view(&n.statement), &host_sig);
	type = fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&n.statement), buf_view(&sig),
			     buf_view(&host_sig), true);
	fx_request_release(&n);
	return type;
}

static bool answer_has(const char *text)
{
	struct view v = buf_view(&fx.body);
	size_t len = strlen(text);

	for (size_t i = 0; i + len <= v.len; i++)
		if (memcmp(v.ptr + i, text, len) == 0)
			return true;
	return false;
}

/* The next roster and policy: hosts that enrol, and a rule for them. */
#define POOL3                                                                                      \
	"{\"enrol\":true,\"groups\":[\"farm\"],\"name\":\"pool1\"},"                               \
	"{\"enrol\":true,\"groups\":[\"farm\"],\"name\":\"pool2\"},"                               \
	"{\"class\":\"tpm\",\"enrol\":true,\"groups\":[\"farm\"],\"name\":\"pool3\"},"
#define POOL POOL3 "{\"enrol\":true,\"groups\":[\"farm\"],\"name\":\"pool4\"},"

static enum keeper_type offer_roster(const char *pool)
{
	enum keeper_type type;
	AUTO(buf) struct buf next;
	AUTO(buf) struct buf doc;
	struct digest previous = digest_of(buf_view(&fx.roster));
	static const char head[] = "{\"hosts\":[";

	buf_init(&next, DOCUMENT_BYTES_MAX);
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	fx_roster_doc(&fx, ++fx.roster_version, &next);
	buf_put_str(&doc, head);
	buf_put_str(&doc, pool);
	buf_put(&doc, next.ptr + sizeof(head) - 1, next.len - (sizeof(head) - 1));
	fx_ok(buf_done(&doc));
	type = fx_change_document(&fx, STATEMENT_ROSTER, buf_view(&doc), &previous, admins);
	if (type != KEEPER_R_CHANGE) {
		fx.roster_version--;
		return type;
	}
	buf_clear(&fx.roster);
	buf_put_view(&fx.roster, buf_view(&doc));
	return type;
}

static void set_roster(const char *pool)
{
	assert_int_equal(offer_roster(pool), KEEPER_R_CHANGE);
}

static int hosts_setup(void **state)
{
	AUTO(buf) struct buf policy;
	struct digest previous;

	(void)group_setup(state);
	set_roster(POOL);
	buf_init(&policy, DOCUMENT_BYTES_MAX);
	previous = digest_of(buf_view(&fx.policy));
	fx_policy_doc(&fx, ++fx.policy_version,
		      ",{\"formats\":[\"cms\"],\"from\":[\"group:farm\"],\"keys\":[\"nightly\"],"
		      "\"name\":\"pool\",\"request\":[\"group:robots\"],\"unattended\":true,"
		      "\"upload\":\"optional\"}",
		      &policy);
	assert_int_equal(
		fx_change_document(&fx, STATEMENT_POLICY, buf_view(&policy), &previous, admins),
		KEEPER_R_CHANGE);
	return 0;
}

static int machines(void **state)
{
	(void)state;
	machine_init(&m1);
	machine_init(&m2);
	return 0;
}

static int no_machines(void **state)
{
	(void)state;
	machine_release(&m1);
	machine_release(&m2);
	return 0;
}

/* ---- The way it is meant --------------------------------------------------------------------*/

static void a_host_enrols_signs_and_renews(void **state)
{
	struct secret seed = {0};

	(void)state;
	refused(REASON_HOST_UNENROLLED, ask(&m1, "pool1"));
	invite("pool1", &seed);
	refused(REASON_HOST_UNENROLLED, ask(&m1, "pool1"));
	assert_int_equal(enrol(&m1, "pool1", &seed), KEEPER_R_JSON);
	assert_true(answer_has("BEGIN CERTIFICATE"));
	assert_true(answer_has("\"counter\":0"));
	assert_int_equal(ask(&m1, "pool1"), KEEPER_R_RESULT);
	/* The answer was lost: the same bytes again. */
	assert_int_equal(send_enrol(&m1, KEEPER_ENROL, view_of("", 0)), KEEPER_R_JSON);
	assert_int_equal(renew(&m1, "pool1", 1), KEEPER_R_JSON);
	assert_true(answer_has("\"counter\":1"));
	assert_int_equal(send_enrol(&m1, KEEPER_RENEW, view_of("", 0)), KEEPER_R_JSON);
	/* The keeper ends at any time: what was answered stays. */
	fx_kill(&fx);
	fx_run(&fx);
	assert_int_equal(send_enrol(&m1, KEEPER_RENEW, view_of("", 0)), KEEPER_R_JSON);
	assert_int_equal(ask(&m1, "pool1"), KEEPER_R_RESULT);
	/* Locked by one person, whoever it is; two of the admins unlock. */
	assert_int_equal(say(HOST_LOCK, "pool1", NULL, one_person), KEEPER_R_CHANGE);
	refused(REASON_HOST_LOCKED, ask(&m1, "pool1"));
	refused(REASON_HOST_LOCKED, renew(&m1, "pool1", 2));
	assert_int_equal(say(HOST_UNLOCK, "pool1", NULL, one_person), KEEPER_R_CHANGE);
	assert_true(answer_has("change.quorum"));
	refused(REASON_HOST_LOCKED, ask(&m1, "pool1"));
	assert_int_equal(say(HOST_UNLOCK, "pool1", NULL, admins), KEEPER_R_CHANGE);
	assert_int_equal(ask(&m1, "pool1"), KEEPER_R_RESULT);
	/* Forgotten: the key is nobody's, and the statement that bound it does not bind it again.
	 */
	assert_int_equal(say(HOST_FORGET, "pool1", NULL, admins), KEEPER_R_CHANGE);
	refused(REASON_HOST_UNENROLLED, ask(&m1, "pool1"));
	refused(REASON_HOST_UNENROLLED, send_enrol(&m1, KEEPER_RENEW, view_of("", 0)));
	secret_release(&seed);
}

/* robot's request from build1, which the roster lists with its key. */
static enum keeper_type ask_static(void)
{
	struct fx_key own = m1.key;
	enum keeper_type type;

	m1.key = fx_host(&fx, "build1")->key[0];
	type = ask(&m1, "build1");
	m1.key = own;
	return type;
}

static void hosts_of_the_roster_are_locked_too(void **state)
{
	(void)state;
	assert_int_equal(ask_static(), KEEPER_R_RESULT);
	refused(REASON_CHANGE_INVALID, say(HOST_UNLOCK, "build1", NULL, admins));
	refused(REASON_WHO_HOST, say(HOST_FORGET, "build1", NULL, admins));
	assert_int_equal(say(HOST_LOCK, "build1", NULL, one_person), KEEPER_R_CHANGE);
	refused(REASON_HOST_LOCKED, ask_static());
	fx_kill(&fx);
	fx_run(&fx);
	refused(REASON_HOST_LOCKED, ask_static());
	/* Another roster that lists it does not free it. */
	set_roster(POOL);
	refused(REASON_HOST_LOCKED, ask_static());
	assert_int_equal(say(HOST_UNLOCK, "build1", NULL, one_person), KEEPER_R_CHANGE);
	assert_true(answer_has("change.quorum"));
	refused(REASON_HOST_LOCKED, ask_static());
	assert_int_equal(say(HOST_UNLOCK, "build1", NULL, admins), KEEPER_R_CHANGE);
	assert_int_equal(ask_static(), KEEPER_R_RESULT);
}

/* An unlock that a server has held back is none for the next lock. */
static void an_unlock_is_for_one_lock(const char *host)
{
	struct host_change c = {.action = HOST_UNLOCK, .origin = "keeper.test"};
	AUTO(buf) struct buf held;

	buf_init(&held, HOSTADMIN_BYTES_MAX);
	(void)snprintf(c.host.s, sizeof(c.host.s), "%s", host);
	(void)snprintf((char *)c.nonce, sizeof(c.nonce), "held %u", fx.nonce++);
	assert_int_equal(say(HOST_LOCK, host, NULL, one_person), KEEPER_R_CHANGE);
	c.expires = fx_now(&fx) + UNLOCK_LIFE;
	fx_ok(host_change_encode(&c, &held, NULL));
	assert_int_equal(say(HOST_UNLOCK, host, NULL, admins), KEEPER_R_CHANGE);
	fx_clock(&fx, fx.clock + 5);
	assert_int_equal(say(HOST_LOCK, host, NULL, one_person), KEEPER_R_CHANGE);
	fx_kill(&fx);
	fx_run(&fx);
	refused(REASON_CHANGE_INVALID,
		fx_change(&fx, STATEMENT_HOSTADMIN, buf_view(&held), admins));
	assert_int_equal(say(HOST_UNLOCK, host, NULL, admins), KEEPER_R_CHANGE);
}

static void unlocks_are_for_one_lock(void **state)
{
	(void)state;
	an_unlock_is_for_one_lock("build1"); /* of the roster's own key */
	an_unlock_is_for_one_lock("pool4");  /* of one that enrols */
}

/* Two rosters, of which the first has not the host, are no way around the quorum that unlocks. */
static void a_lock_outlives_the_roster(void **state)
{
	(void)state;
	assert_int_equal(say(HOST_LOCK, "pool4", NULL, one_person), KEEPER_R_CHANGE);
	set_roster(POOL3);
	refused(REASON_WHO_HOST, say(HOST_UNLOCK, "pool4", NULL, admins));
	fx_kill(&fx);
	fx_run(&fx);
	set_roster(POOL);
	refused(REASON_CHANGE_INVALID, say(HOST_INVITE, "pool4", NULL, admins)); /* it is locked */
	assert_int_equal(say(HOST_UNLOCK, "pool4", NULL, admins), KEEPER_R_CHANGE);
}

/* ---- Tokens ---------------------------------------------------------------------------------*/

static void tokens(void **state)
{
	struct secret seed = {0};
	struct secret other = {0};
	struct secret none = {0};
	struct digest token;

	(void)state;
	fx_ok(host_token_make(&other));
	refused(REASON_HOST_TOKEN, enrol(&m1, "pool2", &other)); /* nobody invited it */
	invite("pool2", &seed);
	refused(REASON_HOST_TOKEN, enrol(&m1, "pool2", &other)); /* guessed */
	refused(REASON_HOST_TOKEN, enrol(&m1, "pool2", &none));
	refused(REASON_HOST_TOKEN, enrol(&m1, "pool4", &seed)); /* of another host */
	/* A server that sees an enrolment pass puts its own key into it. */
	write_statement(&m1, "pool2", 0, "software");
	buf_clear(&m2.token_sig);
	fx_ok(host_token_sign(&seed, buf_view(&m1.statement), &m2.token_sig, NULL));
	write_statement(&m2, "pool2", 0, "software");
	refused(REASON_HOST_TOKEN, send_enrol(&m2, KEEPER_ENROL, view_of("", 0)));
	/* An invitation by one admin is none. */
	fx_ok(host_token_digest(&other, &token, NULL));
	assert_int_equal(say(HOST_INVITE, "pool2", &token, one_person), KEEPER_R_CHANGE);
	assert_true(answer_has("change.quorum"));
	refused(REASON_HOST_TOKEN, enrol(&m1, "pool2", &other));
	/* Spent. */
	assert_int_equal(enrol(&m1, "pool2", &seed), KEEPER_R_JSON);
	refused(REASON_HOST_TOKEN, enrol(&m2, "pool2", &seed));
	refused(REASON_HOST_TOKEN, enrol(&m1, "pool2", &seed));
	/* Too late. */
	invite("pool2", &seed);
	fx_clock(&fx, fx.clock + INVITE_DEFAULT + 1);
	refused(REASON_HOST_TOKEN, enrol(&m2, "pool2", &seed));
	secret_release(&seed);
	secret_release(&other);
}

/* Good until the last second, and not in the one in which it ends. */
static void a_token_ends_on_the_second(void **state)
{
	const unix_time start = fx_now(&fx);
	struct secret seed = {0};

	(void)state;
	fx_clock_at(&fx, start);
	invite("pool2", &seed);
	fx_clock_at(&fx, start + INVITE_DEFAULT);
	refused(REASON_HOST_TOKEN, enrol(&m1, "pool2", &seed));
	assert_true(answer_has("has expired"));
	invite("pool2", &seed);
	fx_clock_at(&fx, start + 2 * INVITE_DEFAULT - 1);
	assert_int_equal(enrol(&m1, "pool2", &seed), KEEPER_R_JSON);
	refused(REASON_HOST_TOKEN, enrol(&m2, "pool2", &seed));
	fx_clock(&fx, fx.clock + 2 * INVITE_DEFAULT + 1);
	secret_release(&seed);
}

/* Both with the same token, in one round: exactly one is the host. */
static void two_machines_race(void **state)
{
	struct machine *const both[2] = {&m1, &m2};
	struct secret seed = {0};

	(void)state;
	for (unsigned round = 0; round < 6; round++) {
		AUTO(buf) struct buf frames = {0};
		unsigned won = 0;
		unsigned lost = 0;

		buf_init(&frames, KEEPER_FRAME_MAX);
		invite("pool2", &seed);
		for (unsigned i = 0; i < 2; i++) {
			struct machine *m = both[(i + round) % 2];
			struct keeper_enrol e;

			write_statement(m, "pool2", 0, "software");
			buf_clear(&m->token_sig);
			fx_ok(host_token_sign(&seed, buf_view(&m->statement), &m->token_sig, NULL));
			e = (struct keeper_enrol){.statement = buf_view(&m->statement),
						  .host_sig = buf_view(&m->host_sig),
						  .token_sig = buf_view(&m->token_sig)};
			keeper_put_enrol(&frames, ++fx.correlation, KEEPER_ENROL, &e);
		}
		fx_send(&fx, &frames);
		for (unsigned i = 0; i < 2; i++) {
			assert_true(fx_recv(&fx));
			if (fx.header.type == KEEPER_R_JSON) {
				won++;
				continue;
			}
			assert_int_equal(fx_reason(&fx), REASON_HOST_TOKEN);
			lost++;
		}
		assert_int_equal(won, 1);
		assert_int_equal(lost, 1);
		won = 0;
		for (unsigned i = 0; i < 2; i++)
			won += ask(both[i], "pool2") == KEEPER_R_RESULT;
		assert_int_equal(won, 1);
	}
	secret_release(&seed);
}

/* A token does not outlive its host's place in the roster, not even when it is listed again. */
static void a_host_leaves_with_its_token(void **state)
{
	struct secret seed = {0};

	(void)state;
	invite("pool4", &seed);
	set_roster("{\"enrol\":true,\"groups\":[\"farm\"],\"name\":\"pool1\"},");
	refused(REASON_WHO_HOST, enrol(&m1, "pool4", &seed));
	set_roster(POOL);
	refused(REASON_HOST_TOKEN, enrol(&m1, "pool4", &seed));
	refused(REASON_HOST_TOKEN, send_enrol(&m1, KEEPER_ENROL, view_of("", 0)));
	secret_release(&seed);
}

/* The statement with another name in it, by the machine's key and the token. */
static enum reason enrol_named(struct machine *m, const char *name, size_t len,
			       const struct secret *seed)
{
	static const char before[] = "\"host\":\"";
	static const char own[] = "pool4";
	AUTO(buf) struct buf changed = {0};
	struct view s;
	size_t at = 0;

	write_statement(m, own, 0, "software");
	s = buf_view(&m->statement);
	while (memcmp(s.ptr + at, before, sizeof(before) - 1) != 0)
		at++; /* it is there */
	at += sizeof(before) - 1;
	buf_init(&changed, ENROLMENT_BYTES_MAX);
	buf_put(&changed, s.ptr, at);
	buf_put(&changed, name, len);
	buf_put(&changed, s.ptr + at + sizeof(own) - 1, s.len - at - (sizeof(own) - 1));
	fx_ok(buf_done(&changed));
	buf_clear(&m->statement);
	buf_put_view(&m->statement, buf_view(&changed));
	buf_clear(&m->host_sig);
	fx_sign(&m->key, statement_info(STATEMENT_ENROLMENT)->ns, buf_view(&m->statement),
		&m->host_sig);
	buf_clear(&m->token_sig);
	fx_ok(host_token_sign(seed, buf_view(&m->statement), &m->token_sig, NULL));
	return send_enrol(m, KEEPER_ENROL, view_of("", 0)) == KEEPER_R_ERROR ? fx_reason(&fx)
									     : REASON_NONE;
}

static void names_that_look_like_it(void **state)
{
#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
	static const struct {
		const char *text;
		size_t len;
	} names[] = {
		NAME("pool4\0"),
		NAME("pool4\0.evil"),
		NAME("pool4\\u0000"),
		NAME("p\xd0\xbe"
		     "ol4"), /* a Cyrillic o */
		NAME("POOL4"),
		NAME("pool4 "),
		NAME("pool4."),
		NAME("\xef\xbb\xbfpool4"),
		NAME("pool4\\u200b"),
		NAME("\\u0070ool4"),
		NAME("pool\xef\xbc\x94"), /* a full-width 4 */
		NAME("../pool4"),
		NAME(""),
	};
#undef NAME
	struct secret seed = {0};

	(void)state;
	invite("pool4", &seed);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		enum reason r = enrol_named(&m1, names[i].text, names[i].len, &seed);

		if (strncmp(reason_id(r), "form.", 5) != 0 && r != REASON_WHO_HOST)
			fail_msg("name %zu: %s", i, reason_id(r));
	}
	/* None of them has spent it. */
	assert_int_equal(enrol_named(&m1, "pool4", 5, &seed), REASON_NONE);
	secret_release(&seed);
}

/* ---- Names and keys -------------------------------------------------------------------------*/

static void names_and_keys(void **state)
{
	struct secret seed = {0};
	struct secret second = {0};
	struct fx_key mine;

	(void)state;
	/* A host that the roster lists with its key, and one that it does not list. */
	refused(REASON_WHO_HOST, say(HOST_INVITE, "build1", &(struct digest){{1}}, admins));
	refused(REASON_WHO_HOST, say(HOST_INVITE, "pool9", &(struct digest){{1}}, admins));
	fx_ok(host_token_make(&seed));
	refused(REASON_WHO_HOST, enrol(&m1, "build1", &seed));
	refused(REASON_WHO_HOST, enrol(&m1, "pool9", &seed));
	invite("pool4", &seed);
	/* Another kind of key, and another key than the statement names. */
	mine = m1.key;
	m1.key = fx_person(&fx, "alice")->key[0];
	write_statement(&m2, "pool4", 0, "software");
	buf_clear(&m1.host_sig);
	fx_sign(&m1.key, statement_info(STATEMENT_ENROLMENT)->ns, buf_view(&m2.statement),
		&m1.host_sig);
	buf_clear(&m2.host_sig);
	buf_put_view(&m2.host_sig, buf_view(&m1.host_sig));
	m1.key = mine;
	refused(REASON_SIG_HOST, send_enrol(&m2, KEEPER_ENROL, view_of("", 0)));
	write_statement(&m1, "pool4", 0, "software");
	write_statement(&m2, "pool4", 0, "software");
	buf_clear(&m2.host_sig);
	fx_sign(&m1.key, statement_info(STATEMENT_ENROLMENT)->ns, buf_view(&m2.statement),
		&m2.host_sig);
	refused(REASON_SIG_HOST, send_enrol(&m2, KEEPER_ENROL, view_of("", 0)));
	/* A class that nobody can verify, an attestation that proves nothing, and less than the
	 * roster demands. */
	refused(REASON_HOST_CLASS, enrol_as(&m1, "pool4", "attested", &seed));
	refused(REASON_HOST_CLASS, enrol_as(&m1, "pool4", "hardware", &seed));
	write_statement(&m1, "pool4", 0, "software");
	buf_clear(&m1.token_sig);
	fx_ok(host_token_sign(&seed, buf_view(&m1.statement), &m1.token_sig, NULL));
	refused(REASON_HOST_CLASS, send_enrol(&m1, KEEPER_ENROL, view_str("quote")));
	invite("pool3", &second);
	refused(REASON_HOST_CLASS, enrol(&m1, "pool3", &second));
	/* The key of another host. */
	assert_int_equal(enrol(&m1, "pool4", &seed), KEEPER_R_JSON);
	invite("pool1", &second);
	refused(REASON_SIG_HOST, enrol(&m1, "pool1", &second));
	refused(REASON_SIG_HOST, ask(&m2, "pool4"));
	/* A new invitation, a new key: the old one is no longer the host's. */
	invite("pool4", &seed);
	assert_int_equal(ask(&m1, "pool4"), KEEPER_R_RESULT);
	assert_int_equal(enrol(&m2, "pool4", &seed), KEEPER_R_JSON);
	refused(REASON_SIG_HOST, ask(&m1, "pool4"));
	refused(REASON_HOST_UNENROLLED, renew(&m1, "pool4", 1));
	assert_int_equal(ask(&m2, "pool4"), KEEPER_R_RESULT);
	secret_release(&seed);
	secret_release(&second);
}

/* ---- Copies and time ------------------------------------------------------------------------*/

static void a_copy_shows_itself(void **state)
{
	struct machine *copy = &m2;
	struct fx_key its_own = m2.key;
	AUTO(buf) struct buf old;
	struct secret seed = {0};

	(void)state;
	buf_init(&old, ENROLMENT_BYTES_MAX);
	invite("pool1", &seed);
	assert_int_equal(enrol(&m1, "pool1", &seed), KEEPER_R_JSON);
	assert_int_equal(renew(&m1, "pool1", 1), KEEPER_R_JSON);
	/* An old statement again is a server's replay: no reason to lock anybody. */
	buf_put_view(&copy->statement, buf_view(&m1.statement));
	buf_put_view(&copy->host_sig, buf_view(&m1.host_sig));
	assert_int_equal(renew(&m1, "pool1", 2), KEEPER_R_JSON);
	refused(REASON_CALL_REPLAY, send_enrol(copy, KEEPER_RENEW, view_of("", 0)));
	/* Ahead of what is known: refused, and nothing else. */
	refused(REASON_HOST_CLONE, renew(&m1, "pool1", 9));
	assert_int_equal(ask(&m1, "pool1"), KEEPER_R_RESULT);
	/* Another key's word locks nobody. */
	refused(REASON_HOST_UNENROLLED, renew(copy, "pool1", 2));
	assert_int_equal(ask(&m1, "pool1"), KEEPER_R_RESULT);
	/* The disk was copied: both renew. */
	copy->key = m1.key;
	refused(REASON_HOST_CLONE, renew(copy, "pool1", 2));
	refused(REASON_HOST_LOCKED, ask(&m1, "pool1"));
	refused(REASON_HOST_LOCKED, renew(&m1, "pool1", 3));
	refused(REASON_CHANGE_INVALID, say(HOST_UNLOCK, "pool1", NULL, admins));
	fx_ok(host_token_make(&seed));
	refused(REASON_CHANGE_INVALID, say(HOST_INVITE, "pool1", &(struct digest){{2}}, admins));
	assert_int_equal(say(HOST_FORGET, "pool1", NULL, admins), KEEPER_R_CHANGE);
	copy->key = its_own;
	invite("pool1", &seed);
	assert_int_equal(enrol(&m2, "pool1", &seed), KEEPER_R_JSON);
	assert_int_equal(ask(&m2, "pool1"), KEEPER_R_RESULT);
	secret_release(&seed);
}

static void certificates_end(void **state)
{
	struct secret seed = {0};

	(void)state;
	invite("pool2", &seed);
	assert_int_equal(enrol(&m1, "pool2", &seed), KEEPER_R_JSON);
	fx_clock(&fx, fx.clock + 24 * 3600 + 1);
	refused(REASON_HOST_EXPIRED, ask(&m1, "pool2"));
	assert_int_equal(renew(&m1, "pool2", 1), KEEPER_R_JSON);
	assert_int_equal(ask(&m1, "pool2"), KEEPER_R_RESULT);
	fx_clock(&fx, fx.clock + 31 * 24 * 3600 + 1);
	refused(REASON_HOST_EXPIRED, renew(&m1, "pool2", 2));
	/* Left out of a roster and listed again: the key it had is gone. */
	invite("pool2", &seed);
	assert_int_equal(enrol(&m1, "pool2", &seed), KEEPER_R_JSON);
	set_roster("{\"enrol\":true,\"groups\":[\"farm\"],\"name\":\"pool1\"},");
	refused(REASON_WHO_HOST, ask(&m1, "pool2"));
	refused(REASON_WHO_HOST, renew(&m1, "pool2", 1));
	set_roster(POOL);
	refused(REASON_HOST_UNENROLLED, ask(&m1, "pool2"));
	/* The roster demands more than the host has shown: its key no longer counts. */
	invite("pool2", &seed);
	assert_int_equal(enrol(&m1, "pool2", &seed), KEEPER_R_JSON);
	assert_int_equal(ask(&m1, "pool2"), KEEPER_R_RESULT);
	set_roster("{\"class\":\"vtpm\",\"enrol\":true,\"groups\":[\"farm\"],\"name\":\"pool2\"},");
	refused(REASON_HOST_CLASS, ask(&m1, "pool2"));
	refused(REASON_HOST_CLASS, renew(&m1, "pool2", 1));
	set_roster(POOL);
	assert_int_equal(ask(&m1, "pool2"), KEEPER_R_RESULT);
	secret_release(&seed);
}

/* Life and grace are the keeper's settings; what was given before keeps its end. */
static void settings_of_life_and_grace(void **state)
{
	static const char *const settings[] = {"--host-cert-life", "2h", "--host-cert-grace", "1h",
					       NULL};
	const unix_time start = fx_now(&fx);
	struct secret seed = {0};
	unix_time t = start;

	(void)state;
	fx_clock_at(&fx, t);
	invite("pool2", &seed);
	assert_int_equal(enrol(&m1, "pool2", &seed), KEEPER_R_JSON);
	fx_kill(&fx);
	fx.run_with = settings;
	fx_run(&fx);
	fx_clock_at(&fx, t += 24 * 3600);
	assert_int_equal(ask(&m1, "pool2"), KEEPER_R_RESULT);
	assert_int_equal(renew(&m1, "pool2", 1), KEEPER_R_JSON);
	fx_clock_at(&fx, t += 2 * 3600);
	assert_int_equal(ask(&m1, "pool2"), KEEPER_R_RESULT);
	fx_clock_at(&fx, t += 1);
	refused(REASON_HOST_EXPIRED, ask(&m1, "pool2"));
	fx_clock_at(&fx, t += 3599);
	assert_int_equal(renew(&m1, "pool2", 2), KEEPER_R_JSON);
	assert_int_equal(ask(&m1, "pool2"), KEEPER_R_RESULT);
	fx_clock_at(&fx, t += 3 * 3600 + 1);
	refused(REASON_HOST_EXPIRED, renew(&m1, "pool2", 3));
	assert_true(answer_has("more than 3600 seconds ago"));
	fx_kill(&fx);
	fx.run_with = NULL;
	fx_run(&fx);
	assert_int_equal(renew(&m1, "pool2", 3), KEEPER_R_JSON);
	fx_clock(&fx, fx.clock + (long)(t - start) + 1);
	secret_release(&seed);
}

/* A roster that gives an enrolled host's key to another host forgets nobody else on the way. */
static void a_roster_takes_no_hosts_key(void **state)
{
	AUTO(buf) struct buf pool;
	struct secret seed = {0};

	(void)state;
	buf_init(&pool, 4096);
	invite("pool1", &seed);
	assert_int_equal(enrol(&m2, "pool1", &seed), KEEPER_R_JSON);
	invite("pool2", &seed);
	assert_int_equal(enrol(&m1, "pool2", &seed), KEEPER_R_JSON);
	buf_put_str(&pool, "{\"enrol\":true,\"groups\":[\"farm\"],\"name\":\"pool2\"},"
			   "{\"groups\":[\"farm\"],\"keys\":[\"");
	sshkey_put_line(m1.key.ssh, view_of("", 0), &pool);
	buf_put_str(&pool, "\"],\"name\":\"thief\"},");
	refused(REASON_CHANGE_INVALID, offer_roster(buf_cstr(&pool)));
	assert_int_equal(ask(&m1, "pool2"), KEEPER_R_RESULT);
	assert_int_equal(ask(&m2, "pool1"), KEEPER_R_RESULT);
	secret_release(&seed);
}

static void the_list(void **state)
{
	AUTO(buf) struct buf frame;
	const struct view all[2] = {view_of("", 0), view_of("", 0)};
	const struct view odd[2] = {view_str("POOL1"), view_of("", 0)};

	(void)state;
	buf_init(&frame, 4096);
	keeper_put_strings(&frame, ++fx.correlation, KEEPER_HOSTS, all, 2);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_JSON);
	assert_true(answer_has("\"name\":\"build1\""));
	assert_true(answer_has("\"state\":\"static\""));
	assert_true(answer_has("\"least\":\"tpm\""));
	assert_true(answer_has("BEGIN CERTIFICATE"));
	buf_clear(&frame);
	keeper_put_strings(&frame, ++fx.correlation, KEEPER_HOSTS, odd, 2);
	refused(REASON_WHO_HOST, fx_exchange(&fx, &frame));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_host_enrols_signs_and_renews, machines,
						no_machines),
		cmocka_unit_test_setup_teardown(a_lock_outlives_the_roster, machines, no_machines),
		cmocka_unit_test_setup_teardown(hosts_of_the_roster_are_locked_too, machines,
						no_machines),
		cmocka_unit_test_setup_teardown(unlocks_are_for_one_lock, machines, no_machines),
		cmocka_unit_test_setup_teardown(tokens, machines, no_machines),
		cmocka_unit_test_setup_teardown(a_token_ends_on_the_second, machines, no_machines),
		cmocka_unit_test_setup_teardown(two_machines_race, machines, no_machines),
		cmocka_unit_test_setup_teardown(a_host_leaves_with_its_token, machines,
						no_machines),
		cmocka_unit_test_setup_teardown(names_that_look_like_it, machines, no_machines),
		cmocka_unit_test_setup_teardown(names_and_keys, machines, no_machines),
		cmocka_unit_test_setup_teardown(a_copy_shows_itself, machines, no_machines),
		cmocka_unit_test_setup_teardown(certificates_end, machines, no_machines),
		cmocka_unit_test_setup_teardown(settings_of_life_and_grace, machines, no_machines),
		cmocka_unit_test_setup_teardown(a_roster_takes_no_hosts_key, machines, no_machines),
		cmocka_unit_test(the_list),
	};

	(void)fresh;
	(void)done;
	return cmocka_run_group_tests(tests, hosts_setup, group_teardown);
}
