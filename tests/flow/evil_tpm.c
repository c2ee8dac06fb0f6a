/* Hosts whose key is in a TPM, against a real keeper: what a TPM proves, and what somebody who has
 * no such TPM tries: keys of other TPMs and of none, answers of other challenges, other vendors
 * (P2). */
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/fd.h"
#include "lib/base/secret.h"
#include "lib/codec/base64.h"
#include "lib/crypt/pkey.h"
#include "lib/crypt/sshsig.h"
#include "lib/model/attestation.h"
#include "lib/model/enrolment.h"
#include "lib/model/host_token.h"
#include "lib/model/hostadmin.h"
#include "lib/model/leaf.h"
#include "lib/tlog/proof_file.h"
#include "tests/flow/evil.h"
#include "tests/support/fake_tpm.h"

static const char *const admins[] = {"erin", "frank", NULL};
static struct fake_vendor vendor, cloud, stranger;
static struct fake_tpm chip, second, virtual, odd, bare;
static char vendors_dir[200], virtuals_dir[200];

/* One enrolment on its way; a case changes what it likes before it is sent. */
struct machine {
	struct fx_key key;
	struct secret seed; /* of the token */
	struct enrolment e;
	struct buf statement, host_sig, token_sig;
	struct buf public, attest, signature;
	struct attestation a;
	char klass[16]; /* as the challenge has said */
	uint8_t secret[TPM_SECRET];
	bool opened;
};
static struct machine m;

static void machine_begin(void)
{
	memset(&m, 0, sizeof(m));
	fx_key_new(&m.key, true);
	buf_init(&m.statement, ENROLMENT_BYTES_MAX);
	buf_init(&m.host_sig, KEEPER_SIG_MAX);
	buf_init(&m.token_sig, KEEPER_SIG_MAX);
	buf_init(&m.public, 1024);
	buf_init(&m.attest, 1024);
	buf_init(&m.signature, 1024);
	fake_tpm_public(pkey_soft_public(m.key.soft), FAKE_ID_ATTRIBUTES, &m.public);
}

static void machine_end(void)
{
	pkey_soft_free(m.key.soft);
	sshkey_free(m.key.ssh);
	secret_release(&m.seed);
	buf_release(&m.statement);
	buf_release(&m.host_sig);
	buf_release(&m.token_sig);
	buf_release(&m.public);
	buf_release(&m.attest);
	buf_release(&m.signature);
}

static int begin(void **state)
{
	(void)state;
	machine_begin();
	return 0;
}

static int end(void **state)
{
	(void)state;
	machine_end();
	return 0;
}

/* ---- What people say ------------------------------------------------------------------------*/

static void invite(const char *host, const struct digest *ek)
{
	struct host_change c = {.action = HOST_INVITE,
				.origin = "keeper.test",
				.expires = fx_now(&fx) + 3600,
				.lifetime = INVITE_DEFAULT};
	AUTO(buf) struct buf statement;

	buf_init(&statement, HOSTADMIN_BYTES_MAX);
	secret_release(&m.seed);
	fx_ok(host_token_make(&m.seed));
	fx_ok(host_token_digest(&m.seed, &c.token, NULL));
	(void)snprintf(c.host.s, sizeof(c.host.s), "%s", host);
	(void)snprintf((char *)c.nonce, sizeof(c.nonce), "n%u", fx.nonce++);
	if (ek != NULL)
		c.ek = *ek;
	fx_ok(host_change_encode(&c, &statement, NULL));
	assert_int_equal(fx_change(&fx, STATEMENT_HOSTADMIN, buf_view(&statement), admins),
			 KEEPER_R_CHANGE);
}

static void pool_roster(void)
{
	static const char head[] = "{\"hosts\":[";
	static const char pool[] =
		"{\"enrol\":true,\"groups\":[\"farm\"],\"name\":\"pool1\"},"
		"{\"class\":\"attested\",\"enrol\":true,\"groups\":[\"farm\"],\"name\":\"pool2\"},"
		"{\"class\":\"tpm\",\"enrol\":true,\"groups\":[\"farm\"],\"name\":\"pool3\"},";
	struct digest previous = digest_of(buf_view(&fx.roster));
	AUTO(buf) struct buf next;
	AUTO(buf) struct buf doc;
	AUTO(buf) struct buf policy;

	buf_init(&next, DOCUMENT_BYTES_MAX);
	buf_init(&doc, DOCUMENT_BYTES_MAX);
	buf_init(&policy, DOCUMENT_BYTES_MAX);
	fx_roster_doc(&fx, ++fx.roster_version, &next);
	buf_put_str(&doc, head);
	buf_put_str(&doc, pool);
	buf_put(&doc, next.ptr + sizeof(head) - 1, next.len - (sizeof(head) - 1));
	fx_ok(buf_done(&doc));
	assert_int_equal(
		fx_change_document(&fx, STATEMENT_ROSTER, buf_view(&doc), &previous, admins),
		KEEPER_R_CHANGE);
	previous = digest_of(buf_view(&fx.policy));
	fx_policy_doc(&fx, ++fx.policy_version,
		      ",{\"formats\":[\"cms\"],\"from\":[\"group:farm\"],\"keys\":[\"nightly\"],"
		      "\"name\":\"pool\",\"request\":[\"group:robots\"],\"unattended\":true,"
		      "\"upload\":\"optional\"}",
		      &policy);
	assert_int_equal(
		fx_change_document(&fx, STATEMENT_POLICY, buf_view(&policy), &previous, admins),
		KEEPER_R_CHANGE);
}

/* ---- What the machine sends -----------------------------------------------------------------*/

static void decode(const json_t *o, const char *name, struct buf *out)
{
	const char *text = json_string_value(json_object_get(o, name));

	fx_check(text != NULL);
	fx_ok(base64_parse(BASE64_STD, view_str(text), out, NULL));
	fx_ok(buf_done(out));
}

/* The challenge for this EK, this AK, this host and the machine's key. */
static enum keeper_type challenge(const char *host, const struct fake_tpm *ek,
				  const struct fake_tpm *ak)
{
	const struct keeper_challenge c = {.host = view_str(host),
					   .key = *pkey_fingerprint(pkey_soft_public(m.key.soft)),
					   .ek = buf_view(&ek->ek_public),
					   .certificate = buf_view(&ek->certificate),
					   .ak = buf_view(&ak->ak_public)};
	AUTO(buf) struct buf frame;
	AUTO(buf) struct buf credential;
	AUTO(buf) struct buf seed;
	enum keeper_type type;
	json_t *o;

	buf_init(&frame, KEEPER_FRAME_MAX);
	buf_init(&credential, 1024);
	buf_init(&seed, 1024);
	keeper_put_challenge(&frame, ++fx.correlation, &c);
	type = fx_exchange(&fx, &frame);
	if (type != KEEPER_R_JSON)
		return type;
	o = json_loadb((const char *)fx.body.ptr, fx.body.len, 0, NULL);
	fx_check(o != NULL);
	decode(o, "credential", &credential);
	decode(o, "seed", &seed);
	m.a = (struct attestation){
		.time = json_integer_value(json_object_get(o, "time")),
		.ek = buf_view(&ek->ek_public),
		.certificate = buf_view(&ek->certificate),
		.ak = buf_view(&ak->ak_public),
	};
	(void)snprintf(m.klass, sizeof(m.klass), "%s",
		       json_string_value(json_object_get(o, "class")));
	json_decref(o);
	/* Whoever cannot open it guesses. */
	memset(m.secret, 0x5a, sizeof(m.secret));
	m.opened = fake_tpm_activate(ak, buf_view(&credential), buf_view(&seed), m.secret);
	return type;
}

/* The statement, signed by the machine's key and the token. */
static void say(const char *host, const char *klass, uint64_t counter)
{
	m.e = (struct enrolment){.counter = counter, .origin = "keeper.test", .time = fx_now(&fx)};
	(void)snprintf(m.e.host.s, sizeof(m.e.host.s), "%s", host);
	(void)snprintf(m.e.klass, sizeof(m.e.klass), "%s", klass);
	(void)snprintf((char *)m.e.nonce, sizeof(m.e.nonce), "n%u", fx.nonce++);
	m.e.key = *pkey_fingerprint(pkey_soft_public(m.key.soft));
	buf_clear(&m.statement);
	buf_clear(&m.host_sig);
	buf_clear(&m.token_sig);
	fx_ok(enrolment_encode(&m.e, &m.statement, NULL));
	fx_sign(&m.key, statement_info(STATEMENT_ENROLMENT)->ns, buf_view(&m.statement),
		&m.host_sig);
	if (counter == 0)
		fx_ok(host_token_sign(&m.seed, buf_view(&m.statement), &m.token_sig, NULL));
}

/* The certification of the machine's key for the statement that was said last. */
static void certify(const struct fake_tpm *by)
{
	const struct digest statement = digest_of(buf_view(&m.statement));
	const struct digest words = attestation_words(m.secret, &statement);

	buf_clear(&m.attest);
	buf_clear(&m.signature);
	fake_tpm_certify(by, buf_view(&m.public), digest_view(&words), &m.attest, &m.signature);
	m.a.key = buf_view(&m.public);
	m.a.attest = buf_view(&m.attest);
	m.a.signature = buf_view(&m.signature);
}

static enum keeper_type send_bytes(enum keeper_type type, struct view attestation)
{
	const struct keeper_enrol e = {.statement = buf_view(&m.statement),
				       .host_sig = buf_view(&m.host_sig),
				       .token_sig = buf_view(&m.token_sig),
				       .attestation = attestation};
	AUTO(buf) struct buf frame;

	buf_init(&frame, KEEPER_FRAME_MAX);
	keeper_put_enrol(&frame, ++fx.correlation, type, &e);
	return fx_exchange(&fx, &frame);
}

static enum keeper_type send_it(void)
{
	AUTO(buf) struct buf bytes;

	buf_init(&bytes, ATTESTATION_BYTES_MAX);
	fx_ok(attestation_encode(&m.a, &bytes, NULL));
	return send_bytes(KEEPER_ENROL, buf_view(&bytes));
}

/* All of it as it is meant, with one TPM. */
static enum keeper_type enrol(const char *host, const char *klass, const struct fake_tpm *t)
{
	assert_int_equal(challenge(host, t, t), KEEPER_R_JSON);
	assert_true(m.opened);
	say(host, klass, 0);
	certify(t);
	return send_it();
}

static bool answer_has(const char *text)
{
	return memmem(fx.body.ptr, fx.body.len, text, strlen(text)) != NULL;
}

static enum keeper_type list(const char *host)
{
	const struct view in[2] = {view_str(host), view_of("", 0)};
	AUTO(buf) struct buf frame;

	buf_init(&frame, 4096);
	keeper_put_strings(&frame, ++fx.correlation, KEEPER_HOSTS, in, 2);
	return fx_exchange(&fx, &frame);
}

/* robot's request from that host, signed by the machine. */
static enum keeper_type ask(const char *host)
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
	fx_sign(&m.key, statement_info(STATEMENT_HOST)->ns, buf_view(&n.statement), &host_sig);
	type = fx_submit_raw(&fx, KEEPER_SUBMIT, buf_view(&n.statement), buf_view(&sig),
			     buf_view(&host_sig), true);
	fx_request_release(&n);
	return type;
}

/* The newest entry of the log names, after two signatures, what the TPM said. */
static void entry_names_the_attestation(void)
{
	AUTO(buf) struct buf frame;
	AUTO(buf) struct buf bytes;
	struct keeper_hello hello;
	struct proof_file proof;
	struct digest said;
	struct leaf leaf;

	buf_init(&bytes, ATTESTATION_BYTES_MAX);
	fx_ok(attestation_encode(&m.a, &bytes, NULL));
	said = digest_of(buf_view(&bytes));
	buf_clear(&bytes);
	buf_init(&frame, 4096);
	keeper_put_hello_request(&frame, ++fx.correlation);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_HELLO);
	fx_ok(keeper_get_hello(buf_view(&fx.body), &hello));
	buf_clear(&frame);
	keeper_put_proof_request(&frame, ++fx.correlation, hello.log_size - 1, 0);
	assert_int_equal(fx_exchange(&fx, &frame), KEEPER_R_PROOF);
	fx_ok(proof_file_parse(buf_view(&fx.body), &proof, NULL));
	fx_ok(base64_parse(BASE64_STD, proof.extra, &bytes, NULL));
	fx_ok(leaf_parse(buf_view(&bytes), &leaf, NULL));
	assert_string_equal(leaf.action, "host.enrol");
	assert_int_equal(leaf.approval_count, 3);
	assert_true(digest_is_equal(&leaf.approvals[2], &said));
}

/* ---- The way it is meant --------------------------------------------------------------------*/

static void each_class(void **state)
{
	const struct digest named = fake_tpm_ek(&bare);
	const struct digest chips = fake_tpm_ek(&chip);
	char hex[DIGEST_HEX];

	(void)state;
	invite("pool2", NULL);
	assert_int_equal(enrol("pool2", "attested", &chip), KEEPER_R_JSON);
	assert_string_equal(m.klass, "attested");
	assert_true(answer_has("\"class\":\"attested\""));
	entry_names_the_attestation();
	assert_int_equal(ask("pool2"), KEEPER_R_RESULT);
	assert_int_equal(list("pool2"), KEEPER_R_JSON);
	digest_hex(&chips, hex);
	assert_true(answer_has(hex));
	/* A renewal says what it likes: the class is that of the key that was proved. */
	say("pool2", "software", 1);
	assert_int_equal(send_bytes(KEEPER_RENEW, view_of("", 0)), KEEPER_R_JSON);
	assert_true(answer_has("\"class\":\"attested\""));
	fx_kill(&fx);
	fx_run(&fx);
	assert_int_equal(ask("pool2"), KEEPER_R_RESULT);
	/* Virtual; and a chip without certificate that the administrators name. */
	machine_end();
	machine_begin();
	invite("pool1", NULL);
	assert_int_equal(enrol("pool1", "vtpm", &virtual), KEEPER_R_JSON);
	assert_string_equal(m.klass, "vtpm");
	machine_end();
	machine_begin();
	invite("pool3", &named);
	assert_int_equal(enrol("pool3", "tpm", &bare), KEEPER_R_JSON);
	assert_string_equal(m.klass, "tpm");
	assert_int_equal(ask("pool3"), KEEPER_R_RESULT);
}

/* ---- Other TPMs and none --------------------------------------------------------------------*/

static void keys_of_others(void **state)
{
	struct fx_key mine;

	(void)state;
	invite("pool2", NULL);
	/* The attestation key is in another TPM than the one with the certificate. */
	assert_int_equal(challenge("pool2", &chip, &second), KEEPER_R_JSON);
	assert_false(m.opened);
	say("pool2", "attested", 0);
	certify(&second);
	refused(REASON_HOST_CLASS, send_it());
	/* The other TPM's own challenge is no help for this certificate. */
	assert_int_equal(challenge("pool2", &second, &second), KEEPER_R_JSON);
	assert_true(m.opened);
	say("pool2", "attested", 0);
	certify(&second);
	m.a.ek = buf_view(&chip.ek_public);
	refused(REASON_HOST_CLASS, send_it());
	m.a.certificate = buf_view(&chip.certificate);
	refused(REASON_HOST_CLASS, send_it());
	/* The certificate of another TPM's endorsement key. */
	assert_int_equal(challenge("pool2", &bare, &bare), KEEPER_R_JSON);
	say("pool2", "attested", 0);
	certify(&bare);
	m.a.certificate = buf_view(&chip.certificate);
	refused(REASON_HOST_CLASS, send_it());
	/* The proof is of a key in the TPM; who signs as host has another. */
	assert_int_equal(challenge("pool2", &chip, &chip), KEEPER_R_JSON);
	mine = m.key;
	fx_key_new(&m.key, true);
	say("pool2", "attested", 0);
	certify(&chip);
	refused(REASON_HOST_CLASS, send_it());
	pkey_soft_free(mine.soft);
	sshkey_free(mine.ssh);
	/* No proof at all. */
	say("pool2", "attested", 0);
	refused(REASON_HOST_CLASS, send_bytes(KEEPER_ENROL, view_of("", 0)));
	refused(REASON_HOST_CLASS, send_bytes(KEEPER_ENROL, view_str("quote")));
	say("pool1", "attested", 0);
	refused(REASON_HOST_TOKEN, send_bytes(KEEPER_ENROL, view_of("", 0)));
}

/* A key that can leave the TPM, was made outside, or does other things. */
static void wrong_attributes(void **state)
{
	static const uint32_t odd_ones[] = {
		FAKE_ID_ATTRIBUTES & ~0x2u,	/* fixedTPM */
		FAKE_ID_ATTRIBUTES & ~0x10u,	/* fixedParent */
		FAKE_ID_ATTRIBUTES & ~0x20u,	/* sensitiveDataOrigin */
		FAKE_ID_ATTRIBUTES | 0x20000u,	/* decrypt */
		FAKE_ID_ATTRIBUTES | 0x10000u,	/* restricted */
		FAKE_ID_ATTRIBUTES | 0x1000000u /* reserved */
	};

	(void)state;
	invite("pool2", NULL);
	for (size_t i = 0; i < sizeof(odd_ones) / sizeof(odd_ones[0]); i++) {
		assert_int_equal(challenge("pool2", &chip, &chip), KEEPER_R_JSON);
		say("pool2", "attested", 0);
		buf_clear(&m.public);
		fake_tpm_public(pkey_soft_public(m.key.soft), odd_ones[i], &m.public);
		certify(&chip);
		refused(REASON_HOST_CLASS, send_it());
		assert_true(answer_has("identity key"));
	}
}

/* ---- Other challenges -----------------------------------------------------------------------*/

static void other_challenges(void **state)
{
	(void)state;
	invite("pool2", NULL);
	assert_int_equal(challenge("pool2", &chip, &chip), KEEPER_R_JSON);
	/* The certification of another statement, by another nonce. */
	say("pool2", "attested", 0);
	certify(&chip);
	say("pool2", "attested", 0);
	refused(REASON_HOST_CLASS, send_it());
	/* Of another host. */
	assert_int_equal(challenge("pool1", &chip, &chip), KEEPER_R_JSON);
	say("pool2", "attested", 0);
	certify(&chip);
	refused(REASON_HOST_CLASS, send_it());
	/* With a time that was not the challenge's. */
	assert_int_equal(challenge("pool2", &chip, &chip), KEEPER_R_JSON);
	say("pool2", "attested", 0);
	certify(&chip);
	m.a.time++;
	refused(REASON_HOST_CLASS, send_it());
	/* Of an invitation that another one has replaced. */
	assert_int_equal(challenge("pool2", &chip, &chip), KEEPER_R_JSON);
	invite("pool2", NULL);
	say("pool2", "attested", 0);
	certify(&chip);
	refused(REASON_HOST_CLASS, send_it());
	/* Of a keeper that has ended since. */
	assert_int_equal(challenge("pool2", &chip, &chip), KEEPER_R_JSON);
	fx_kill(&fx);
	fx_run(&fx);
	say("pool2", "attested", 0);
	certify(&chip);
	refused(REASON_HOST_CLASS, send_it());
	/* Too late. */
	assert_int_equal(challenge("pool2", &chip, &chip), KEEPER_R_JSON);
	say("pool2", "attested", 0);
	certify(&chip);
	fx_clock(&fx, fx.clock + 301);
	refused(REASON_HOST_CLASS, send_it());
	assert_true(answer_has("has expired"));
	/* Spent: the same bytes are answered again, and nothing else comes from that challenge. */
	assert_int_equal(enrol("pool2", "attested", &chip), KEEPER_R_JSON);
	assert_int_equal(send_it(), KEEPER_R_JSON);
	say("pool2", "attested", 0);
	certify(&chip);
	refused(REASON_HOST_TOKEN, send_it());
	invite("pool2", NULL);
	say("pool2", "attested", 0);
	certify(&chip);
	refused(REASON_HOST_CLASS, send_it());
	/* Who is not in the roster, is there with a key, or sends no public areas. */
	refused(REASON_WHO_HOST, challenge("pool9", &chip, &chip));
	refused(REASON_WHO_HOST, challenge("build1", &chip, &chip));
	refused(REASON_WHO_HOST, challenge("POOL", &chip, &chip));
	odd.ek_public.ptr[5] ^= 0xff;
	refused(REASON_HOST_CLASS, challenge("pool2", &odd, &odd));
	odd.ek_public.ptr[5] ^= 0xff;
}

/* ---- Classes --------------------------------------------------------------------------------*/

static void classes(void **state)
{
	const struct digest named = fake_tpm_ek(&bare);

	(void)state;
	invite("pool1", NULL);
	/* A vendor that this keeper does not know, and a maker of virtual ones. */
	refused(REASON_HOST_CLASS, enrol("pool1", "attested", &odd));
	assert_string_equal(m.klass, "tpm");
	refused(REASON_HOST_CLASS, enrol("pool1", "vtpm", &odd));
	refused(REASON_HOST_CLASS, enrol("pool1", "attested", &virtual));
	refused(REASON_HOST_CLASS, enrol("pool1", "vtpm", &chip));
	/* No certificate, and nobody has named it. */
	refused(REASON_HOST_CLASS, enrol("pool1", "attested", &bare));
	refused(REASON_HOST_CLASS, enrol("pool1", "tpm", &bare));
	assert_true(answer_has("--ek"));
	/* A proof that claims nothing. */
	refused(REASON_HOST_CLASS, enrol("pool1", "software", &chip));
	/* Less than the roster demands. */
	invite("pool3", NULL);
	refused(REASON_HOST_CLASS, enrol("pool3", "vtpm", &virtual));
	invite("pool2", &named);
	refused(REASON_HOST_CLASS, enrol("pool2", "tpm", &bare));
	/* The invitation names one TPM: no other may, with whatever certificate, nor a host
	 * without.
	 */
	invite("pool1", &named);
	refused(REASON_HOST_CLASS, enrol("pool1", "attested", &chip));
	refused(REASON_HOST_CLASS, enrol("pool1", "tpm", &second));
	say("pool1", "software", 0);
	refused(REASON_HOST_CLASS, send_bytes(KEEPER_ENROL, view_of("", 0)));
	assert_int_equal(list("pool1"), KEEPER_R_JSON);
	assert_true(answer_has("invited_ek"));
	assert_int_equal(enrol("pool1", "tpm", &bare), KEEPER_R_JSON);
}

/* A new invitation does not let a host of a TPM come back as less; its key stays what it was. */
static void no_way_back_to_software(void **state)
{
	const struct digest named = fake_tpm_ek(&bare);

	(void)state;
	invite("pool3", &named);
	assert_int_equal(enrol("pool3", "tpm", &bare), KEEPER_R_JSON);
	machine_end();
	machine_begin();
	invite("pool3", NULL);
	say("pool3", "software", 0);
	refused(REASON_HOST_CLASS, send_bytes(KEEPER_ENROL, view_of("", 0)));
	assert_true(answer_has("the roster demands tpm"));
	invite("pool3", &named);
	say("pool3", "software", 0);
	refused(REASON_HOST_CLASS, send_bytes(KEEPER_ENROL, view_of("", 0)));
	/* Its renewals are by the TPM's key. */
	say("pool3", "software", 1);
	refused(REASON_HOST_UNENROLLED, send_bytes(KEEPER_RENEW, view_of("", 0)));
	assert_int_equal(list("pool3"), KEEPER_R_JSON);
	assert_true(answer_has("\"class\":\"tpm\""));
}

/* ---- Damage ---------------------------------------------------------------------------------*/

/* No changed byte (of every fifth) and no shorter form of a good attestation is taken. */
static void damage(void **state)
{
	AUTO(buf) struct buf good;

	(void)state;
	buf_init(&good, ATTESTATION_BYTES_MAX);
	invite("pool2", NULL);
	assert_int_equal(challenge("pool2", &chip, &chip), KEEPER_R_JSON);
	say("pool2", "attested", 0);
	certify(&chip);
	fx_ok(attestation_encode(&m.a, &good, NULL));
	for (size_t i = 0; i < good.len; i += 5) {
		good.ptr[i] ^= 1;
		assert_int_equal(send_bytes(KEEPER_ENROL, buf_view(&good)), KEEPER_R_ERROR);
		assert_int_equal(fx_reason(&fx), REASON_HOST_CLASS);
		good.ptr[i] ^= 1;
	}
	for (size_t n = 0; n < good.len; n += 61) {
		assert_int_equal(send_bytes(KEEPER_ENROL, view_of(good.ptr, n)), KEEPER_R_ERROR);
		assert_int_equal(fx_reason(&fx), REASON_HOST_CLASS);
	}
	assert_int_equal(send_bytes(KEEPER_ENROL, buf_view(&good)), KEEPER_R_JSON);
}

/* ---- The world ------------------------------------------------------------------------------*/

static void put_root(const char *dir, const struct fake_vendor *v)
{
	AUTO(fd) int dirfd = -1;
	const char *const name = "root.der";

	fx_check(mkdir(dir, 0755) == 0);
	fx_ok(dir_open(dir, &dirfd, NULL));
	fx_ok(file_replace(&(struct file_spec){.dirfd = dirfd, .name = name, .mode = 0644},
			   buf_view(&v->der), NULL));
}

static const char *const settings[] = {"--tpm-roots", vendors_dir, "--vtpm-roots", virtuals_dir,
				       NULL};

static int setup(void **state)
{
	fake_vendor_new(&vendor, "Vendor");
	fake_vendor_new(&cloud, "Cloud");
	fake_vendor_new(&stranger, "Stranger");
	fake_tpm_new(&chip, &vendor);
	fake_tpm_new(&second, &vendor);
	fake_tpm_new(&virtual, &cloud);
	fake_tpm_new(&odd, &stranger);
	fake_tpm_new(&bare, NULL);
	(void)group_setup(state);
	(void)snprintf(vendors_dir, sizeof(vendors_dir), "%.180s/vendors", fx.dir);
	(void)snprintf(virtuals_dir, sizeof(virtuals_dir), "%.180s/virtuals", fx.dir);
	put_root(vendors_dir, &vendor);
	put_root(virtuals_dir, &cloud);
	fx_stop(&fx);
	fx.run_with = settings;
	fx_run(&fx);
	pool_roster();
	return 0;
}

static int teardown(void **state)
{
	fake_tpm_free(&chip);
	fake_tpm_free(&second);
	fake_tpm_free(&virtual);
	fake_tpm_free(&odd);
	fake_tpm_free(&bare);
	fake_vendor_free(&vendor);
	fake_vendor_free(&cloud);
	fake_vendor_free(&stranger);
	return group_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_class, begin, end),
		cmocka_unit_test_setup_teardown(keys_of_others, begin, end),
		cmocka_unit_test_setup_teardown(wrong_attributes, begin, end),
		cmocka_unit_test_setup_teardown(other_challenges, begin, end),
		cmocka_unit_test_setup_teardown(classes, begin, end),
		cmocka_unit_test_setup_teardown(no_way_back_to_software, begin, end),
		cmocka_unit_test_setup_teardown(damage, begin, end),
	};

	(void)fresh;
	(void)done;
	return cmocka_run_group_tests(tests, setup, teardown);
}
