/* Unit tests of the keyring: each action, each refusal, damaged rows, jobs, snapshots, sessions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/base64.h"
#include "lib/codec/jcan.h"
#include "prog/keeper/keyring.h"
#include "tests/support/ca.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define NOW CA_NOW
#define DAY 86400

struct fixture {
	char dir[200];
	struct token *token;
	struct token *absent;
	struct keyring *ring;
	struct refusal why;
	struct key_row row;
	struct key_change change;
};

static struct fixture x;

static struct name named(const char *s)
{
	struct name n;

	assert_rc(RC_OK, name_parse(view_str(s), &n));
	return n;
}

static struct token *open_token(const char *text, const char *secret, bool make)
{
	AUTO(secret) struct secret s = {0};
	struct token_spec spec;
	struct token *t = NULL;

	assert_rc(RC_OK, token_spec_parse(view_str(text), x.dir, &spec, NULL));
	assert_rc(RC_OK, secret_new(&s, strlen(secret)));
	memcpy(s.ptr, secret, strlen(secret));
	if (make)
		assert_rc(RC_OK, token_make(&spec, &s, NULL));
	assert_rc(RC_OK, token_open(&spec, &s, &t, NULL));
	return t;
}

static struct keyring *new_ring(bool self_sign)
{
	struct token *tokens[] = {x.token, x.absent};
	const struct keyring_config c = {
		.tokens = tokens, .token_count = 2, .permit_self_sign = self_sign};
	struct keyring *k = NULL;

	assert_rc(RC_OK, keyring_new(&c, &k, NULL));
	return k;
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char prefix[120];

	(void)state;
	snprintf(prefix, sizeof(prefix), "%s/keyring", tmp != NULL ? tmp : "/tmp");
	assert_rc(RC_OK, dir_temp(prefix, x.dir, sizeof(x.dir), NULL));
	x.token = open_token("file:main,scrypt=10", "words", true);
	x.absent = open_token("pkcs11:hsm,module=/nonexistent.so,label=l,pin=/p", "1234", false);
	x.ring = new_ring(true);
	key_row_init(&x.row);
	return 0;
}

static int teardown(void **state)
{
	char path[300];

	(void)state;
	key_row_release(&x.row);
	keyring_free(x.ring);
	token_close(x.token);
	token_close(x.absent);
	snprintf(path, sizeof(path), "%s/main.token", x.dir);
	unlink(path);
	rmdir(x.dir);
	return 0;
}

/* An order for a key; the statement's digest is that of `id`. */
static struct key_order order(enum key_action action, const char *key, const char *id)
{
	x.change = (struct key_change){
		.action = action, .key = named(key), .expires = NOW + UNLOCK_LIFE};
	return (struct key_order){
		.change = &x.change, .statement = digest_of(view_str(id)), .now = NOW};
}

static struct key_order order_create(const char *key, const char *alg, const char *token)
{
	struct key_order o = order(KEY_CREATE, key, key);

	snprintf(x.change.algorithm, sizeof(x.change.algorithm), "%s", alg);
	x.change.token = named(token);
	return o;
}

#define assert_refused(r, expr)                                                                    \
	do {                                                                                       \
		x.why = (struct refusal){0};                                                       \
		rc got_ = (expr);                                                                  \
		assert_true(got_.code == RC_DENIED || got_.code == RC_WAIT);                       \
		assert_string_equal(reason_id(x.why.reason), reason_id(r));                        \
		assert_true(x.why.text[0] != '\0');                                                \
	} while (0)

static const struct key *create(const char *key, const char *alg)
{
	struct key_order o = order_create(key, alg, "main");
	struct key_job *j = NULL;
	struct name n = named(key);

	assert_rc(RC_OK, key_job_new(x.ring, &o, &j, &x.why));
	key_job_run(j);
	assert_rc(RC_OK, key_job_finish(j, &x.row, NULL, &x.why));
	key_job_free(j);
	assert_null(keyring_find(x.ring, &n)); /* not before it is put */
	assert_rc(RC_OK, keyring_put(x.ring, &x.row, NULL));
	return keyring_find(x.ring, &n);
}

static void plan_and_put(enum key_action action, const char *key)
{
	struct key_order o = order(action, key, "p");

	assert_rc(RC_OK, keyring_plan(x.ring, &o, &x.row, &x.why));
	assert_rc(RC_OK, keyring_put(x.ring, &x.row, NULL));
}

static rc plan(enum key_action action, const char *key)
{
	struct key_order o = order(action, key, "p");

	return keyring_plan(x.ring, &o, &x.row, &x.why);
}

static void created_key_signs(void **state)
{
	static const char *const algs[] = {"ecdsa-p256", "ecdsa-p384", "ed25519"};
	struct key_user *u = NULL;

	(void)state;
	assert_rc(RC_OK, key_user_new(&u));
	for (size_t i = 0; i < 3; i++) {
		const struct key *k = create(algs[i], algs[i]);
		struct hash h = hash_of(HASH_SHA256, view_str("x"));
		struct sign_input in = {.scheme = key_alg_scheme(key_algorithm(k)),
					.hash = HASH_SHA256,
					.input = hash_view(&h)};
		struct key_use use = {.user = u, .key = k};
		struct signer s = key_use_signer(&use);
		uint8_t mem[PKEY_SIGNATURE_MAX];
		struct buf out;

		buf_init_fixed(&out, mem, sizeof(mem));
		assert_rc(RC_OK, s.sign(s.ctx, in.scheme, in.hash, in.input, &out, NULL));
		assert_rc(RC_OK, pkey_verify(key_public(k), &in, buf_view(&out), NULL));
		assert_ptr_equal(keyring_find_fingerprint(x.ring, key_fingerprint(k)), k);
		assert_ptr_equal(key_token(k), x.token);
		assert_null(key_tbs(k));
		assert_rc(RC_OK, key_check_use(k, false, NOW, &x.why));
		assert_refused(REASON_KEY_NO_CERT, key_check_use(k, true, NOW, &x.why));
	}
	assert_int_equal(keyring_count(x.ring), 3);
	key_user_free(u);
}

/* More keys than a thread keeps sessions for. */
static void sessions_make_room(void **state)
{
	struct key_user *u = NULL;
	struct hash h = hash_of(HASH_SHA256, view_str("x"));
	struct sign_input in = {.scheme = SIGN_ECDSA, .hash = HASH_SHA256, .input = hash_view(&h)};

	(void)state;
	assert_rc(RC_OK, key_user_new(&u));
	for (int i = 0; i < KEY_USER_SESSIONS + 8; i++) {
		char name[16];

		snprintf(name, sizeof(name), "k%03d", i);
		(void)create(name, "ecdsa-p256");
	}
	for (int i = 0; i < 2 * (KEY_USER_SESSIONS + 8); i++) {
		struct name n;
		const struct key *k;
		uint8_t mem[PKEY_SIGNATURE_MAX];
		char name[16];
		struct buf out;

		snprintf(name, sizeof(name), "k%03d", i % (KEY_USER_SESSIONS + 8));
		n = named(name);
		k = keyring_find(x.ring, &n);
		buf_init_fixed(&out, mem, sizeof(mem));
		assert_rc(RC_OK, key_user_sign(u, k, &in, &out, NULL));
		assert_rc(RC_OK, pkey_verify(key_public(k), &in, buf_view(&out), NULL));
	}
	key_user_free(u);
}

static void create_is_refused(void **state)
{
	struct key_job *j = NULL;
	struct key_job *second = NULL;
	struct key_order o;

	(void)state;
	(void)create("there", "ecdsa-p256");
	o = order_create("there", "ecdsa-p256", "main");
	assert_refused(REASON_KEY_EXISTS, key_job_new(x.ring, &o, &j, &x.why));
	o = order_create("new", "dsa", "main");
	assert_refused(REASON_CHANGE_INVALID, key_job_new(x.ring, &o, &j, &x.why));
	o = order_create("new", "ed25519", "nowhere");
	assert_refused(REASON_CHANGE_INVALID, key_job_new(x.ring, &o, &j, &x.why));
	o = order_create("new", "ed25519", "hsm");
	assert_refused(REASON_KEY_TOKEN, key_job_new(x.ring, &o, &j, &x.why));
	assert_null(j);
	o = order_create("new", "ed25519", "main");
	assert_rc(RC_OK, key_job_new(x.ring, &o, &j, &x.why));
	assert_refused(REASON_KEEPER_BUSY, key_job_new(x.ring, &o, &second, &x.why));
	assert_rc(RC_STATE, key_job_finish(j, &x.row, NULL, &x.why));
	assert_ptr_equal(key_job_token(j), x.token);
	key_job_free(j);
	assert_rc(RC_OK, key_job_new(x.ring, &o, &j, &x.why)); /* free again */
	key_job_free(j);
	o = order(KEY_LOCK, "there", "l");
	assert_rc(RC_USAGE, key_job_new(x.ring, &o, &j, &x.why));
	o = order(KEY_CREATE, "there", "l");
	assert_rc(RC_USAGE, keyring_plan(x.ring, &o, &x.row, &x.why));
}

/* The same statement can make one key only, whatever name it is sent under. */
static void one_statement_one_key(void **state)
{
	struct key_order o;
	struct key_job *j = NULL;

	(void)state;
	(void)create("first", "ecdsa-p256");
	o = order_create("second", "ecdsa-p256", "main");
	o.statement = digest_of(view_str("first"));
	assert_rc(RC_OK, key_job_new(x.ring, &o, &j, &x.why));
	key_job_run(j);
	assert_refused(REASON_KEY_EXISTS, key_job_finish(j, &x.row, NULL, &x.why));
	key_job_free(j);
	o = order_create("third", "ed25519", "main");
	o.statement = digest_of(view_str("first"));
	assert_rc(RC_OK, key_job_new(x.ring, &o, &j, &x.why));
	key_job_run(j);
	assert_refused(REASON_CHANGE_INVALID, key_job_finish(j, &x.row, NULL, &x.why));
	key_job_free(j);
}

static void too_many_jobs(void **state)
{
	struct key_job *jobs[KEYRING_JOBS_MAX + 1] = {0};

	(void)state;
	for (int i = 0; i <= KEYRING_JOBS_MAX; i++) {
		char name[16];
		struct key_order o;

		snprintf(name, sizeof(name), "k%d", i);
		o = order_create(name, "ed25519", "main");
		if (i < KEYRING_JOBS_MAX)
			assert_rc(RC_OK, key_job_new(x.ring, &o, &jobs[i], &x.why));
		else
			assert_refused(REASON_KEEPER_BUSY,
				       key_job_new(x.ring, &o, &jobs[i], &x.why));
	}
	for (int i = 0; i < KEYRING_JOBS_MAX; i++)
		key_job_free(jobs[i]);
}

static void states_follow_their_rules(void **state)
{
	const struct key *k = create("a", "ecdsa-p256");

	(void)state;
	for (enum key_action a = KEY_IMPORT; a < KEY_ACTION__COUNT; a++)
		if (!key_action_is_slow(a))
			assert_refused(REASON_KEY_UNKNOWN, plan(a, "nobody"));
	assert_refused(REASON_CHANGE_INVALID, plan(KEY_UNLOCK, "a"));
	plan_and_put(KEY_LOCK, "a");
	k = keyring_find(x.ring, &x.row.name);
	assert_int_equal(key_state_of(k), KEY_LOCKED);
	assert_refused(REASON_KEY_LOCKED, key_check_use(k, false, NOW, &x.why));
	x.row.locked = 0;
	plan_and_put(KEY_LOCK, "a"); /* anew */
	assert_int_equal(x.row.locked, NOW);
	assert_refused(REASON_KEY_LOCKED, plan(KEY_IMPORT, "a"));
	plan_and_put(KEY_UNLOCK, "a");
	assert_int_equal(key_state_of(keyring_find(x.ring, &x.row.name)), KEY_ACTIVE);
	plan_and_put(KEY_LOCK, "a");
	plan_and_put(KEY_RETIRE, "a"); /* a locked key may be retired */
	k = keyring_find(x.ring, &x.row.name);
	assert_refused(REASON_KEY_RETIRED, key_check_use(k, false, NOW, &x.why));
	assert_refused(REASON_KEY_RETIRED, plan(KEY_RETIRE, "a"));
	assert_refused(REASON_KEY_RETIRED, plan(KEY_UNLOCK, "a"));
	assert_refused(REASON_KEY_RETIRED, plan(KEY_LOCK, "a"));
	assert_refused(REASON_KEY_RETIRED, plan(KEY_IMPORT, "a"));
}

/* ---- Certificates ---------------------------------------------------------------------------- */

static struct buf texts[3];

static void set_certificates(const struct view *der, size_t count)
{
	x.change.certificate_count = count;
	for (size_t i = 0; i < count; i++) {
		buf_release(&texts[i]);
		buf_init(&texts[i], 1 << 16);
		base64_put(BASE64_STD, der[i], &texts[i]);
		x.change.certificates[i] = buf_view(&texts[i]);
	}
}

static void issue_for(const struct ca *ca, const struct key *k, unix_time from, unix_time to,
		      struct buf *out)
{
	const uint8_t serial[] = {1, 2, 3};
	const struct x509_make m = {.provider = ca->provider,
				    .pub = key_public(k),
				    .signer = &ca->root.signer,
				    .hash = HASH_SHA256,
				    .subject = view_str("CN=Ours,O=Example")};
	const struct x509_issue i = {
		.validity = {.not_before = from, .not_after = to, .serial = view_of(serial, 3)},
		.issuer_der = buf_view(&ca->root.cert),
		.issuer_pub = pkey_soft_public(ca->root.key)};

	buf_init(out, X509_DER_MAX);
	assert_rc(RC_OK, x509_issue(&m, &i, out, NULL));
}

static void certificates_are_imported(void **state)
{
	const struct key *k = create("a", "ecdsa-p256");
	const struct key *held;
	AUTO(buf) struct buf good;
	AUTO(buf) struct buf old;
	struct view certs[X509_CHAIN_MAX];
	struct view der[2];
	struct key_order o;
	struct ca ca;

	(void)state;
	ca_new(&ca, KEY_P256);
	issue_for(&ca, k, NOW - DAY, NOW + DAY, &good);
	issue_for(&ca, k, NOW - 2 * DAY, NOW - DAY, &old);
	o = order(KEY_IMPORT, "a", "i");
	der[0] = buf_view(&old);
	der[1] = buf_view(&ca.root.cert);
	set_certificates(der, 2);
	assert_refused(REASON_KEY_CERT_TIME, keyring_plan(x.ring, &o, &x.row, &x.why));
	der[0] = buf_view(&ca.leaf.cert);
	set_certificates(der, 1);
	assert_refused(REASON_KEY_CERT, keyring_plan(x.ring, &o, &x.row, &x.why));
	x.change.certificates[0] = view_str("AAAA");
	assert_refused(REASON_KEY_CERT, keyring_plan(x.ring, &o, &x.row, &x.why));
	x.change.certificates[0] = view_str("not base64!");
	assert_refused(REASON_KEY_CERT, keyring_plan(x.ring, &o, &x.row, &x.why));
	x.change.certificate_count = 0;
	assert_refused(REASON_KEY_CERT, keyring_plan(x.ring, &o, &x.row, &x.why));
	der[0] = buf_view(&good);
	set_certificates(der, 2);
	held = key_hold(k);
	assert_rc(RC_OK, keyring_plan(x.ring, &o, &x.row, &x.why));
	assert_null(key_tbs(keyring_find(x.ring, &o.change->key)));
	assert_rc(RC_OK, keyring_put(x.ring, &x.row, NULL));
	k = keyring_find(x.ring, &o.change->key);
	assert_null(key_tbs(held)); /* a snapshot does not change */
	key_drop(held);
	assert_int_equal(key_certificates(k, certs), 2);
	assert_true(view_is_equal(certs[0], buf_view(&good)));
	assert_true(view_is_equal(key_tbs(k)->cert, buf_view(&good)));
	assert_int_equal(key_tbs(k)->chain_count, 1);
	assert_rc(RC_OK, key_check_use(k, true, NOW, &x.why));
	assert_refused(REASON_KEY_CERT_TIME, key_check_use(k, true, NOW + 2 * DAY, &x.why));
	assert_refused(REASON_KEY_CERT_TIME, key_check_use(k, true, NOW - 2 * DAY, &x.why));
	for (size_t i = 0; i < 3; i++)
		buf_release(&texts[i]);
	ca_free(&ca);
}

static struct key_order order_self_sign(uint32_t days, const char *subject)
{
	struct key_order o = order(KEY_SELF_SIGN, "a", "s");

	x.change.days = days;
	snprintf(x.change.subject, sizeof(x.change.subject), "%s", subject);
	return o;
}

static void self_signed_certificate(void **state)
{
	struct key_order o = order_self_sign(30, "CN=Ours,O=Example");
	const struct key *k;
	struct digest other;
	struct key_job *j = NULL;

	(void)state;
	assert_refused(REASON_KEY_UNKNOWN, key_job_new(x.ring, &o, &j, &x.why));
	(void)create("a", "ecdsa-p384");
	o = order_self_sign(0, "CN=Ours");
	assert_refused(REASON_CHANGE_INVALID, key_job_new(x.ring, &o, &j, &x.why));
	o = order_self_sign(KEYRING_DAYS_MAX + 1, "CN=Ours");
	assert_refused(REASON_CHANGE_INVALID, key_job_new(x.ring, &o, &j, &x.why));
	o = order_self_sign(30, "Ours");
	assert_refused(REASON_CHANGE_INVALID, key_job_new(x.ring, &o, &j, &x.why));
	o = order_self_sign(30, "CN=Ours,O=Example");
	assert_rc(RC_OK, key_job_new(x.ring, &o, &j, &x.why));
	key_job_run(j);
	assert_rc(RC_OK, key_job_finish(j, &x.row, NULL, &x.why));
	assert_rc(RC_OK, keyring_put(x.ring, &x.row, NULL));
	k = keyring_find(x.ring, &x.row.name);
	assert_rc(RC_OK, key_check_use(k, true, NOW + 29 * DAY, &x.why));
	other = digest_of(view_str("another statement"));
	assert_true(key_is_self_signed_by(k, &o.statement));
	assert_false(key_is_self_signed_by(k, &other));
	/* The key is locked while the job runs: its result is not used. */
	plan_and_put(KEY_LOCK, "a");
	assert_refused(REASON_KEY_LOCKED, key_job_finish(j, &x.row, NULL, &x.why));
	key_job_free(j);
	o = order_self_sign(30, "CN=Ours");
	assert_refused(REASON_KEY_LOCKED, key_job_new(x.ring, &o, &j, &x.why));
	plan_and_put(KEY_RETIRE, "a");
	o = order_self_sign(30, "CN=Ours");
	assert_refused(REASON_KEY_RETIRED, key_job_new(x.ring, &o, &j, &x.why));
}

static void self_sign_needs_permission(void **state)
{
	struct key_order o;
	struct key_job *j = NULL;

	(void)state;
	(void)create("a", "ecdsa-p256");
	keyring_free(x.ring);
	x.ring = new_ring(false);
	assert_rc(RC_OK, keyring_put(x.ring, &x.row, NULL));
	o = order_self_sign(30, "CN=Ours");
	assert_refused(REASON_CHANGE_INVALID, key_job_new(x.ring, &o, &j, &x.why));
}

static void csr_is_made(void **state)
{
	const struct key *k = create("a", "ecdsa-p256");
	struct name n = named("a");
	struct name none = named("nobody");
	struct view subject = view_str("CN=Ours,O=Example,C=FI");
	struct key_job *j = NULL;
	AUTO(buf) struct buf csr;
	bool found = false;

	(void)state;
	buf_init(&csr, X509_DER_MAX);
	assert_refused(REASON_KEY_UNKNOWN, key_job_csr(x.ring, &none, subject, &j, &x.why));
	assert_refused(REASON_CHANGE_INVALID,
		       key_job_csr(x.ring, &n, view_str("C=FI"), &j, &x.why));
	assert_rc(RC_OK, key_job_csr(x.ring, &n, subject, &j, &x.why));
	key_job_run(j);
	assert_rc(RC_OK, key_job_finish(j, NULL, &csr, &x.why));
	key_job_free(j);
	for (size_t i = 0; i + pkey_spki(key_public(k)).len <= csr.len && !found; i++)
		found = view_is_equal(view_of(csr.ptr + i, pkey_spki(key_public(k)).len),
				      pkey_spki(key_public(k)));
	assert_true(found);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void damaged_rows_are_refused(void **state)
{
	struct key_row row;
	enum key_state states[] = {(enum key_state)0, (enum key_state)4};

	(void)state;
	(void)create("a", "ecdsa-p256");
	key_row_init(&row);
	row = x.row;
	row.fingerprint.b[0] ^= 1;
	assert_rc(RC_CORRUPT, keyring_put(x.ring, &row, NULL));
	row = x.row;
	row.id.b[0] ^= 1;
	assert_rc(RC_CORRUPT, keyring_put(x.ring, &row, NULL));
	row = x.row;
	row.name = named("b");
	assert_rc(RC_CORRUPT, keyring_put(x.ring, &row, NULL));
	row = x.row;
	row.alg = KEY_P384;
	assert_rc(RC_CORRUPT, keyring_put(x.ring, &row, NULL));
	for (size_t i = 0; i < 2; i++) {
		row = x.row;
		row.state = states[i];
		assert_rc(RC_CORRUPT, keyring_put(x.ring, &row, NULL));
	}
	row = x.row;
	row.spki.len--;
	assert_rc(RC_CORRUPT, keyring_put(x.ring, &row, NULL));
	row = x.row;
	row.certificates = x.row.spki;
	assert_rc(RC_CORRUPT, keyring_put(x.ring, &row, NULL));
	row = x.row;
	row.token = named("nowhere");
	assert_rc(RC_NOTFOUND, keyring_put(x.ring, &row, NULL));
	assert_int_equal(keyring_count(x.ring), 1);
}

static void tokens_have_one_name_each(void **state)
{
	struct token *tokens[KEYRING_TOKENS_MAX + 1];
	struct keyring_config c = {.tokens = tokens, .token_count = 2};
	struct keyring *k = NULL;

	(void)state;
	for (size_t i = 0; i <= KEYRING_TOKENS_MAX; i++)
		tokens[i] = x.token;
	assert_rc(RC_DUPLICATE, keyring_new(&c, &k, NULL));
	c.token_count = KEYRING_TOKENS_MAX + 1;
	assert_rc(RC_LIMIT, keyring_new(&c, &k, NULL));
	assert_null(k);
}

static void json_is_canonical_and_sorted(void **state)
{
	AUTO(buf) struct buf out;
	struct name b = named("b");
	struct name none = named("none");
	const char *at;

	(void)state;
	(void)create("b", "ecdsa-p256");
	(void)create("a", "ed25519");
	buf_init(&out, 1 << 16);
	assert_rc(RC_OK, keyring_json(x.ring, NULL, &out));
	assert_rc(RC_OK, jcan_check(buf_view(&out), NULL));
	at = strstr(buf_cstr(&out), "\"name\":\"a\",\"state\":\"active\",\"token\":\"main\","
				    "\"token_state\":\"ready\"}");
	assert_non_null(at);
	assert_non_null(strstr(at, "\"name\":\"b\""));
	assert_non_null(strstr(buf_cstr(&out), "[{\"algorithm\":\"ed25519\",\"certificate\":null,"
					       "\"created\":\"2026-11-23T09:00:00Z\","));
	buf_clear(&out);
	assert_rc(RC_OK, keyring_json(x.ring, &b, &out));
	assert_null(strstr(buf_cstr(&out), "\"name\":\"a\""));
	buf_clear(&out);
	assert_rc(RC_OK, keyring_json(x.ring, &none, &out));
	assert_string_equal(buf_cstr(&out), "[]");
	out.max = 20;
	buf_clear(&out);
	assert_rc(RC_LIMIT, keyring_json(x.ring, NULL, &out));
}

struct found {
	size_t count;
	struct digest id;
};

static void note_orphan(void *ctx, const struct token *t, const struct digest *id,
			const struct digest *fingerprint)
{
	struct found *o = (struct found *)ctx;

	(void)t;
	(void)fingerprint;
	o->count++;
	o->id = *id;
}

/* The crash between the token and the journal: reported, and used by the same statement again. */
static void orphan_is_reported_and_adopted(void **state)
{
	struct key_order o = order_create("a", "ecdsa-p256", "main");
	struct found found = {0};
	struct key_job *j = NULL;
	struct name n = named("a");

	(void)state;
	(void)create("known", "ed25519");
	o = order_create("a", "ecdsa-p256", "main");
	assert_rc(RC_OK, key_job_new(x.ring, &o, &j, &x.why));
	key_job_run(j);
	key_job_free(j);
	assert_rc(RC_OK, keyring_orphans(x.ring, note_orphan, &found, NULL));
	assert_int_equal(found.count, 1);
	assert_true(digest_is_equal(&found.id, &o.statement));
	(void)create("a", "ecdsa-p256");
	assert_true(digest_is_equal(&x.row.id, &found.id));
	found.count = 0;
	assert_rc(RC_OK, keyring_orphans(x.ring, note_orphan, &found, NULL));
	assert_int_equal(found.count, 0);
	assert_non_null(keyring_find(x.ring, &n));
}

static void state_names(void **state)
{
	enum key_state s;

	(void)state;
	for (enum key_state i = KEY_ACTIVE; i <= KEY_RETIRED; i++) {
		assert_rc(RC_OK, key_state_parse(view_str(key_state_name(i)), &s));
		assert_int_equal(s, i);
	}
	assert_rc(RC_UNKNOWN, key_state_parse(view_str("asleep"), &s));
}

#define WITH_RING(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RING(created_key_signs),
		WITH_RING(sessions_make_room),
		WITH_RING(create_is_refused),
		WITH_RING(one_statement_one_key),
		WITH_RING(too_many_jobs),
		WITH_RING(states_follow_their_rules),
		WITH_RING(certificates_are_imported),
		WITH_RING(self_signed_certificate),
		WITH_RING(self_sign_needs_permission),
		WITH_RING(csr_is_made),
		WITH_RING(damaged_rows_are_refused),
		WITH_RING(tokens_have_one_name_each),
		WITH_RING(json_is_canonical_and_sorted),
		WITH_RING(orphan_is_reported_and_adopted),
		cmocka_unit_test(state_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
