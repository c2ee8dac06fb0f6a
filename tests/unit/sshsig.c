/* Unit tests of lib/crypt/sshsig.h: vectors of ssh-keygen and Chromium, every byte flipped, and the
 * checks beyond ssh-keygen against correctly signed but forbidden signatures. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <string.h>

#include "lib/codec/base64.h"
#include "lib/crypt/sshsig.h"
#include "tests/unit/vectors.h"

#define NS "test@v1"
static const struct sshsig_rules strict = {0};

static struct sshkey *read_key(const char *file)
{
	AUTO(buf) struct buf b;
	struct sshkey *k = NULL;

	assert_rc(RC_OK, sshkey_parse_line(vector_read(&b, "sshsig", file), &k, NULL, NULL));
	return k;
}

static void read_sig(const char *file, struct buf *blob)
{
	AUTO(buf) struct buf b;

	buf_init(blob, SSHSIG_BLOB_MAX);
	assert_rc(RC_OK, sshsig_dearmor(vector_read(&b, "sshsig", file), blob, NULL));
}

static const struct {
	const char *key;
	const char *sig;
	uint8_t flags;
} good[] = {
	{"ed25519.pub", "ed25519.sig", 0},   {"ecdsa.pub", "ecdsa.sig", 0},
	{"rsa.pub", "rsa.sig", 0},	     {"sk-ed25519.pub", "sk-ed25519.sig", 5},
	{"sk-ecdsa.pub", "sk-ecdsa.sig", 5}, {"ed25519.pub", "ed25519.sha256.sig", 0},
};
#define GOOD_COUNT (sizeof(good) / sizeof(good[0]))

static void keygen_signatures_verify(void **state)
{
	AUTO(buf) struct buf m;
	struct view message = vector_read(&m, "sshsig", "message");

	(void)state;
	for (size_t i = 0; i < GOOD_COUNT; i++) {
		AUTO(sshkey) struct sshkey *k = read_key(good[i].key);
		AUTO(buf) struct buf blob;
		AUTO(buf) struct buf armor;
		AUTO(buf) struct buf file;
		struct sshsig_info info;
		struct sshsig s;
		struct hash h;
		struct fault f = {0};

		read_sig(good[i].sig, &blob);
		if (!rc_is_ok(sshsig_verify(k, NS, message, buf_view(&blob), &strict, &info, &f)))
			fail_msg("%s: %s", good[i].sig, f.text);
		assert_int_equal(info.channel, SSHKEY_CLI);
		assert_int_equal(info.flags, good[i].flags);
		assert_int_equal(info.counter, good[i].flags == 0 ? 0 : 7);
		assert_int_equal(info.user_verified, good[i].flags == 5);
		assert_false(info.synced);
		assert_int_equal(info.origin.len, 0);
		/* the key can be found from the signature alone, and the digest suffices */
		assert_rc(RC_OK, sshsig_parse(buf_view(&blob), &s, NULL));
		assert_true(view_is_equal(s.key_blob, sshkey_blob(k)));
		assert_true(view_is(s.ns, NS));
		assert_int_equal(s.hash, info.hash);
		h = hash_of(s.hash, message);
		assert_rc(RC_OK,
			  sshsig_verify_hash(k, NS, &h, buf_view(&blob), &strict, NULL, NULL));
		h = hash_of(s.hash == HASH_SHA256 ? HASH_SHA512 : HASH_SHA256, message);
		assert_rc(RC_MISMATCH,
			  sshsig_verify_hash(k, NS, &h, buf_view(&blob), &strict, NULL, NULL));
		/* our wrapping and armor are ssh-keygen's */
		AUTO(buf) struct buf again;
		buf_init(&again, SSHSIG_BLOB_MAX);
		sshsig_wrap(k, NS, s.hash, s.signature, &again);
		assert_true(view_is_equal(buf_view(&again), buf_view(&blob)));
		buf_init(&armor, SSHSIG_ARMOR_MAX);
		sshsig_armor(buf_view(&blob), &armor);
		assert_true(
			view_is_equal(buf_view(&armor), vector_read(&file, "sshsig", good[i].sig)));
	}
}

static void wrong_message_key_namespace(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOOD_COUNT; i++) {
		AUTO(sshkey) struct sshkey *k = read_key(good[i].key);
		AUTO(sshkey) struct sshkey *other = read_key("ed25519-encrypted.pub");
		AUTO(buf) struct buf blob;
		struct view v;
		struct fault f = {0};

		read_sig(good[i].sig, &blob);
		v = buf_view(&blob);
		assert_rc(RC_BADSIG, sshsig_verify(k, NS, view_str("other"), v, &strict, NULL, &f));
		assert_int_equal(f.code, RC_BADSIG);
		assert_rc(RC_MISMATCH, sshsig_verify(other, NS, view_str("the message\n"), v,
						     &strict, NULL, NULL));
		assert_rc(RC_MISMATCH, sshsig_verify(k, "test@v", view_str("the message\n"), v,
						     &strict, NULL, NULL));
		assert_rc(RC_MISMATCH, sshsig_verify(k, "test@v11", view_str("the message\n"), v,
						     &strict, NULL, NULL));
	}
	AUTO(sshkey) struct sshkey *k = read_key("ed25519.pub");
	AUTO(buf) struct buf blob;
	read_sig("ed25519.v2.sig", &blob);
	assert_rc(RC_MISMATCH, sshsig_verify(k, NS, view_str("the message\n"), buf_view(&blob),
					     &strict, NULL, NULL));
	assert_rc(RC_OK, sshsig_verify(k, "test@v2", view_str("the message\n"), buf_view(&blob),
				       &strict, NULL, NULL));
}

static void every_byte_counts(void **state)
{
	static const uint8_t masks[] = {0x01, 0x80};

	(void)state;
	for (size_t i = 0; i < GOOD_COUNT; i++) {
		AUTO(sshkey) struct sshkey *k = read_key(good[i].key);
		AUTO(buf) struct buf blob;
		struct view message = view_str("the message\n");

		read_sig(good[i].sig, &blob);
		for (size_t n = 0; n < blob.len; n++) {
			for (size_t m = 0; m < sizeof(masks); m++) {
				blob.ptr[n] ^= masks[m];
				if (rc_is_ok(sshsig_verify(k, NS, message, buf_view(&blob), &strict,
							   NULL, NULL)))
					fail_msg("%s: byte %zu ^ %d", good[i].sig, n, masks[m]);
				blob.ptr[n] ^= masks[m];
			}
			assert_false(rc_is_ok(sshsig_verify(k, NS, message, view_of(blob.ptr, n),
							    &strict, NULL, NULL)));
		}
		buf_put_u8(&blob, 0);
		assert_rc(RC_TRAILING,
			  sshsig_verify(k, NS, message, buf_view(&blob), &strict, NULL, NULL));
	}
}

static void armor_is_strict(void **state)
{
	AUTO(buf) struct buf file;
	AUTO(buf) struct buf blob;
	struct view text = vector_read(&file, "sshsig", "ed25519.sig");
	static uint8_t big[SSHSIG_ARMOR_MAX + 1];

	(void)state;
	buf_init(&blob, SSHSIG_BLOB_MAX);
	assert_rc(RC_TRUNCATED, sshsig_dearmor(view_of(text.ptr, text.len - 1), &blob, NULL));
	assert_rc(RC_MISMATCH, sshsig_dearmor(view_of(text.ptr + 1, text.len - 1), &blob, NULL));
	assert_rc(RC_LIMIT, sshsig_dearmor(view_of(big, sizeof(big)), &blob, NULL));
	assert_rc(RC_MISMATCH, sshsig_dearmor(view_str("-----BEGIN PGP SIGNATURE-----\nYQ==\n"
						       "-----END PGP SIGNATURE-----\n"),
					      &blob, NULL));
	file.ptr[99] = ' ';
	assert_rc(RC_SYNTAX, sshsig_dearmor(text, &blob, NULL));
}

static void chromium_passkey(void **state)
{
	const struct view origins[] = {view_str("https://sign.example"),
				       view_str("http://localhost:36691")};
	const struct sshsig_rules browser = {.origins = origins, .origin_count = 2};
	const struct sshsig_rules elsewhere = {.origins = origins, .origin_count = 1};
	AUTO(buf) struct buf b;
	AUTO(buf) struct buf m;
	AUTO(buf) struct buf blob;
	AUTO(sshkey) struct sshkey *k = NULL;
	struct view line = vector_read(&b, "sshsig", "webauthn.allowed_signers");
	struct view message = vector_read(&m, "sshsig", "webauthn.json");
	struct view word;
	struct sshsig_info info;
	struct fault f = {0};

	(void)state;
	assert_rc(RC_OK, view_until(&line, ' ', &word));
	assert_rc(RC_OK, view_until(&line, ' ', &word));
	assert_rc(RC_OK, sshkey_parse_line(line, &k, NULL, NULL));
	read_sig("webauthn.json.sig", &blob);
	if (!rc_is_ok(sshsig_verify(k, "signing-approval@v1", message, buf_view(&blob), &browser,
				    &info, &f)))
		fail_msg("%s", f.text);
	assert_int_equal(info.channel, SSHKEY_BROWSER);
	assert_true(info.user_verified);
	assert_int_equal(info.flags, 5);
	assert_int_equal(info.counter, 2);
	assert_true(view_is(info.origin, "http://localhost:36691"));
	assert_rc(RC_DENIED, sshsig_verify(k, "signing-approval@v1", message, buf_view(&blob),
					   &elsewhere, NULL, NULL));
	assert_rc(RC_DENIED, sshsig_verify(k, "signing-approval@v1", message, buf_view(&blob),
					   &strict, NULL, NULL));
	for (size_t n = 0; n < blob.len; n++) {
		blob.ptr[n] ^= 0x01;
		assert_false(rc_is_ok(sshsig_verify(k, "signing-approval@v1", message,
						    buf_view(&blob), &browser, NULL, NULL)));
		blob.ptr[n] ^= 0x01;
	}
	buf_release(&m);
	message = vector_read(&m, "sshsig", "webauthn-tampered.json");
	assert_rc(RC_MISMATCH, sshsig_verify(k, "signing-approval@v1", message, buf_view(&blob),
					     &browser, NULL, NULL));
}

static void older_sk_vector(void **state)
{
	AUTO(sshkey) struct sshkey *k = read_key("sk.pub");
	AUTO(buf) struct buf m;
	AUTO(buf) struct buf blob;

	(void)state;
	read_sig("sk.json.sig", &blob);
	assert_rc(RC_OK,
		  sshsig_verify(k, "signing-approval@v1", vector_read(&m, "sshsig", "sk.json"),
				buf_view(&blob), &strict, NULL, NULL));
}

static void sk_flags_by_rule(void **state)
{
	const struct sshsig_rules touch = {.allow_unverified = true};
	const struct sshsig_rules synced = {.allow_synced = true};
	static const struct {
		const char *file;
		enum rc_code strict, touch, synced;
	} cases[] = {
		{"sk-ed25519.flags0.sig", RC_DENIED, RC_DENIED, RC_DENIED},
		{"sk-ed25519.flags4.sig", RC_DENIED, RC_DENIED, RC_DENIED},
		{"sk-ed25519.flags1.sig", RC_DENIED, RC_OK, RC_DENIED},
		{"sk-ed25519.flags13.sig", RC_DENIED, RC_DENIED, RC_OK},
		{"sk-ed25519.flags29.sig", RC_DENIED, RC_DENIED, RC_OK},
	};
	AUTO(sshkey) struct sshkey *k = read_key("sk-ed25519.pub");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(buf) struct buf blob;
		struct view message = view_str("the message\n");

		read_sig(cases[i].file, &blob);
		assert_rc(cases[i].strict,
			  sshsig_verify(k, NS, message, buf_view(&blob), &strict, NULL, NULL));
		assert_rc(cases[i].touch,
			  sshsig_verify(k, NS, message, buf_view(&blob), &touch, NULL, NULL));
		assert_rc(cases[i].synced,
			  sshsig_verify(k, NS, message, buf_view(&blob), &synced, NULL, NULL));
	}
}

static void refused_keys_are_named_in_their_signatures(void **state)
{
	static const char *const files[] = {"rsa2048.sig", "p384.sig", "dsa.sig", "cert.sig"};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO(buf) struct buf blob;
		struct sshkey *k = NULL;
		struct sshsig s;

		read_sig(files[i], &blob);
		assert_rc(RC_OK, sshsig_parse(buf_view(&blob), &s, NULL));
		assert_rc(RC_UNSUPPORTED, sshkey_parse_blob(s.key_blob, &k, NULL));
	}
}

/* A key of our own, to sign correctly what must be refused all the same. */
struct own {
	EVP_PKEY *evp;
	struct sshkey *plain; /* the point as ecdsa-sha2-nistp256 */
	struct sshkey *sk;    /* ... as a security key of application app */
};

static struct sshkey *as_key(const char *type, const uint8_t point[65], const char *app)
{
	AUTO(buf) struct buf b;
	struct sshkey *k = NULL;

	buf_init(&b, SSHKEY_BLOB_MAX);
	buf_put_string(&b, view_str(type));
	buf_put_string(&b, view_str("nistp256"));
	buf_put_string(&b, view_of(point, 65));
	if (app != NULL)
		buf_put_string(&b, view_str(app));
	assert_rc(RC_OK, sshkey_parse_blob(buf_view(&b), &k, NULL));
	return k;
}

static void own_init(struct own *o, const char *app)
{
	uint8_t point[65];
	size_t len = 0;

	o->evp = EVP_EC_gen("P-256");
	assert_non_null(o->evp);
	assert_int_equal(1, EVP_PKEY_get_octet_string_param(o->evp, OSSL_PKEY_PARAM_PUB_KEY, point,
							    sizeof(point), &len));
	o->plain = as_key("ecdsa-sha2-nistp256", point, NULL);
	o->sk = as_key("sk-ecdsa-sha2-nistp256@openssh.com", point, app);
}

static void own_release(struct own *o)
{
	EVP_PKEY_free(o->evp);
	sshkey_free(o->plain);
	sshkey_free(o->sk);
}
AUTO_DEFINE(own, struct own, own_release)

/* DER over bytes, appended to der. */
static void own_der(const struct own *o, struct view bytes, struct buf *der)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = 128;

	assert_int_equal(1, EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, o->evp));
	assert_int_equal(1, EVP_DigestSign(ctx, buf_space(der, 128), &len, bytes.ptr, bytes.len));
	der->len = len;
	EVP_MD_CTX_free(ctx);
}

/* What an authenticator and a browser would produce; each test changes one thing. */
struct act {
	const char *form;
	uint8_t flags;
	const char *origin;
	const char *json; /* with %s for the challenge */
	const char *extensions;
	const char *tail; /* too many bytes */
	enum rc_code expected;
	const char *why;
};
#define WEBAUTHN "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"
#define SK "sk-ecdsa-sha2-nistp256@openssh.com"
#define ORIGIN "https://sign.example"
#define JSON                                                                                       \
	"{\"type\":\"webauthn.get\",\"challenge\":\"%s\",\"origin\":\"https://sign.example\","     \
	"\"crossOrigin\":false}"
#define BROWSER .form = WEBAUTHN, .origin = ORIGIN, .json = JSON, .extensions = "", .tail = ""

static void sign_act(const struct own *o, const struct act *a, struct buf *blob)
{
	AUTO(buf) struct buf tbs, json, challenge, bytes, der, value, signature;
	struct view app = sshkey_application(o->sk);
	struct digest app_hash = digest_of(app);
	struct digest inner;
	struct view v;
	struct view name;
	const char *slot = a->json == NULL ? NULL : strstr(a->json, "%s");

	buf_init(&tbs, 1000), buf_init(&json, 9000), buf_init(&challenge, 1000);
	buf_init(&bytes, 1000), buf_init(&der, 200), buf_init(&value, 1000);
	buf_init(&signature, SSHSIG_BLOB_MAX), buf_init(blob, SSHSIG_BLOB_MAX);
	sshsig_put_tbs(NS, HASH_SHA512, view_str("message"), &tbs);
	base64_put(BASE64_URL, buf_view(&tbs), &challenge);
	if (slot != NULL) {
		buf_put(&json, a->json, (size_t)(slot - a->json));
		buf_put_view(&json, buf_view(&challenge));
		buf_put_str(&json, slot + 2);
	} else if (a->json != NULL) {
		buf_put_str(&json, a->json);
	}
	inner = digest_of(a->json == NULL ? buf_view(&tbs) : buf_view(&json));
	buf_put_view(&bytes, digest_view(&app_hash));
	buf_put_u8(&bytes, a->flags);
	buf_put_u32be(&bytes, 9);
	if (a->extensions != NULL)
		buf_put_str(&bytes, a->extensions);
	buf_put_view(&bytes, digest_view(&inner));
	own_der(o, buf_view(&bytes), &der);
	assert_rc(RC_OK, sshsig_put_signature(o->plain, buf_view(&der), &value, NULL));
	v = buf_view(&value);
	assert_rc(RC_OK, view_string(&v, 100, &name));
	buf_put_string(&signature, view_str(a->form));
	buf_put_view(&signature, v);
	buf_put_u8(&signature, a->flags);
	buf_put_u32be(&signature, 9);
	if (a->json != NULL) {
		buf_put_string(&signature, view_str(a->origin));
		buf_put_string(&signature, buf_view(&json));
		buf_put_string(&signature, view_str(a->extensions));
	}
	buf_put_str(&signature, a->tail);
	sshsig_wrap(o->sk, NS, HASH_SHA512, buf_view(&signature), blob);
	assert_rc(RC_OK, buf_done(blob));
}

static void run_acts(const struct own *o, const struct act *acts, size_t n,
		     const struct sshsig_rules *rules)
{
	for (size_t i = 0; i < n; i++) {
		AUTO(buf) struct buf blob;
		struct fault f = {0};

		sign_act(o, &acts[i], &blob);
		if (sshsig_verify(o->sk, NS, view_str("message"), buf_view(&blob), rules, NULL, &f)
			    .code != acts[i].expected)
			fail_msg("%s: %s %s", acts[i].why, rc_name(RC(f.code)), f.text);
		assert_int_equal(f.code, acts[i].expected);
	}
}

#define FROM(page)                                                                                 \
	WEBAUTHN, 5, page,                                                                         \
		"{\"type\":\"webauthn.get\",\"challenge\":\"%s\",\"origin\":\"" page               \
		"\",\"crossOrigin\":false}",                                                       \
		"", ""

/* For those who do not know the origins: what a browser would ask the passkey for. */
static void origins_of_the_rp(void **state)
{
	static const struct sshsig_rules rules = {.rp_origins = true};
	static const struct act acts[] = {
		{FROM("https://sign.example"), RC_OK, "the RP id"},
		{FROM("https://sign.example:8443"), RC_OK, "... with a port"},
		{FROM("https://approve.sign.example"), RC_OK, "below it"},
		{FROM("http://sign.example"), RC_DENIED, "not https"},
		{FROM("https://example"), RC_DENIED, "above it"},
		{FROM("https://design.example"), RC_DENIED, "ends with it"},
		{FROM("https://sign.example.evil"), RC_DENIED, "begins with it"},
		{FROM("https://evil/sign.example"), RC_DENIED, "in the path"},
		{FROM("https://evil:1.sign.example"), RC_DENIED, "in the port"},
		{FROM("https://"), RC_DENIED, "no host"},
	};
	AUTO(own) struct own o = {0};

	(void)state;
	own_init(&o, "sign.example");
	run_acts(&o, acts, sizeof(acts) / sizeof(acts[0]), &rules);
}

static void a_form_has_a_channel(void **state)
{
	static const struct act browser = {BROWSER, .flags = 5};
	static const struct act cli = {SK, 5, NULL, NULL, NULL, "", RC_OK, ""};
	enum sshkey_channel channel = 0;
	AUTO(own) struct own o = {0};
	AUTO(buf) struct buf blob = {0};
	AUTO(buf) struct buf other = {0};
	struct sshsig s;

	(void)state;
	own_init(&o, "sign.example");
	sign_act(&o, &browser, &blob);
	assert_rc(RC_OK, sshsig_parse(buf_view(&blob), &s, NULL));
	assert_rc(RC_OK, sshsig_form_channel(&s, &channel));
	assert_int_equal(channel, SSHKEY_BROWSER);
	sign_act(&o, &cli, &other);
	assert_rc(RC_OK, sshsig_parse(buf_view(&other), &s, NULL));
	assert_rc(RC_OK, sshsig_form_channel(&s, &channel));
	assert_int_equal(channel, SSHKEY_CLI);
	s.signature = view_str("\0\0\0");
	assert_rc(RC_TRUNCATED, sshsig_form_channel(&s, &channel));
	s.signature = view_of("\0\0\0\003new", 7);
	assert_rc(RC_UNSUPPORTED, sshsig_form_channel(&s, &channel));
}

static void browser_signatures(void **state)
{
	const struct view origins[] = {view_str("https://other.example"), view_str(ORIGIN)};
	const struct sshsig_rules rules = {.origins = origins, .origin_count = 2};
	const struct sshsig_rules lax = {.origins = origins,
					 .origin_count = 2,
					 .allow_synced = true,
					 .allow_unverified = true};
	static const char longer[] = JSON "          ";
	static const struct act acts[] = {
		{BROWSER, .flags = 5, .expected = RC_OK, .why = "good"},
		{BROWSER, .flags = 1, .expected = RC_DENIED, .why = "no PIN"},
		{BROWSER, .flags = 4, .expected = RC_DENIED, .why = "no touch"},
		{BROWSER, .flags = 0x0d, .expected = RC_DENIED, .why = "may be synced"},
		{BROWSER, .flags = 0x1d, .expected = RC_DENIED, .why = "is synced"},
		{BROWSER, .flags = 0x15, .expected = RC_SYNTAX, .why = "BS without BE"},
		{BROWSER, .flags = 0x45, .expected = RC_SYNTAX, .why = "AT"},
		{BROWSER, .flags = 0x07, .expected = RC_SYNTAX, .why = "reserved bit 1"},
		{BROWSER, .flags = 0x25, .expected = RC_SYNTAX, .why = "reserved bit 5"},
		{BROWSER, .flags = 0x85, .expected = RC_SYNTAX, .why = "ED without extensions"},
		{WEBAUTHN, 5, ORIGIN, JSON, "\xa0", "", RC_SYNTAX, "extensions without ED"},
		{WEBAUTHN, 0x85, ORIGIN, JSON, "\xa0", "", RC_UNSUPPORTED, "extensions"},
		{WEBAUTHN, 5, ORIGIN, JSON, "", "x", RC_TRAILING, "a byte too many"},
		{WEBAUTHN, 5, ORIGIN, longer, "", "", RC_TRAILING, "spaces after client data"},
		{WEBAUTHN, 5, "https://other.example", JSON, "", "", RC_MISMATCH, "two origins"},
		{WEBAUTHN, 5, "https://sign.example.evil",
		 "{\"type\":\"webauthn.get\",\"challenge\":\"%s\",\"origin\":"
		 "\"https://sign.example.evil\",\"crossOrigin\":false}",
		 "", "", RC_DENIED, "origin not listed"},
		{WEBAUTHN, 5, "https://sign.exampl",
		 "{\"type\":\"webauthn.get\",\"challenge\":\"%s\",\"origin\":"
		 "\"https://sign.exampl\",\"crossOrigin\":false}",
		 "", "", RC_DENIED, "origin is a prefix"},
		{WEBAUTHN, 5, ORIGIN,
		 "{\"type\":\"webauthn.get\",\"challenge\":\"%s\",\"origin\":"
		 "\"https://sign.example\",\"crossOrigin\":true}",
		 "", "", RC_DENIED, "framed page"},
		{WEBAUTHN, 5, ORIGIN,
		 "{\"type\":\"webauthn.create\",\"challenge\":\"%s\",\"origin\":"
		 "\"https://sign.example\",\"crossOrigin\":false}",
		 "", "", RC_MISMATCH, "registration"},
		{WEBAUTHN, 5, ORIGIN,
		 "{\"type\":\"webauthn.get\",\"challenge\":\"%s=\",\"origin\":"
		 "\"https://sign.example\",\"crossOrigin\":false}",
		 "", "", RC_MISMATCH, "padded challenge"},
		{WEBAUTHN, 5, ORIGIN,
		 "{\"type\":\"webauthn.get\",\"challenge\":\"bG9naW4\",\"origin\":"
		 "\"https://sign.example\",\"crossOrigin\":false}",
		 "", "", RC_MISMATCH, "another challenge, such as a log-in"},
		{SK, 5, NULL, NULL, NULL, "", RC_MISMATCH,
		 "a passkey in the form of the command line"},
	};
	static const struct act permitted[] = {
		{BROWSER, .flags = 1, .expected = RC_OK, .why = "no PIN, permitted"},
		{BROWSER, .flags = 0x0d, .expected = RC_OK, .why = "may be synced, permitted"},
		{BROWSER, .flags = 0x1d, .expected = RC_OK, .why = "is synced, permitted"},
		{BROWSER, .flags = 4, .expected = RC_DENIED, .why = "no touch is never permitted"},
	};
	AUTO(own) struct own o = {0};

	(void)state;
	own_init(&o, "sign.example");
	run_acts(&o, acts, sizeof(acts) / sizeof(acts[0]), &rules);
	run_acts(&o, permitted, sizeof(permitted) / sizeof(permitted[0]), &lax);
}

static void cli_sk_signatures(void **state)
{
	const struct view origins[] = {view_str(ORIGIN)};
	const struct sshsig_rules rules = {.origins = origins, .origin_count = 1};
	static const struct act acts[] = {
		{SK, 5, NULL, NULL, NULL, "", RC_OK, "good"},
		{SK, 5, NULL, NULL, NULL, "x", RC_TRAILING, "a byte too many"},
		{SK, 0x85, NULL, NULL, NULL, "", RC_SYNTAX, "ED"},
		{SK, 0x45, NULL, NULL, NULL, "", RC_SYNTAX, "AT"},
		{BROWSER, .flags = 5, .expected = RC_MISMATCH, .why = "a CLI key in browser form"},
		{"sk-ssh-ed25519@openssh.com", 5, NULL, NULL, NULL, "", RC_MISMATCH, "other type"},
		{"ecdsa-sha2-nistp256", 5, NULL, NULL, NULL, "", RC_MISMATCH, "plain form"},
		{"ssh-rsa", 5, NULL, NULL, NULL, "", RC_UNSUPPORTED, "SHA-1"},
		{"rsa-sha2-384", 5, NULL, NULL, NULL, "", RC_UNSUPPORTED, "no such algorithm"},
	};
	AUTO(own) struct own o = {0};

	(void)state;
	own_init(&o, "ssh:test");
	run_acts(&o, acts, sizeof(acts) / sizeof(acts[0]), &rules);
}

static void assertion_from_a_browser(void **state)
{
	const struct view origins[] = {view_str(ORIGIN)};
	const struct sshsig_rules rules = {.origins = origins, .origin_count = 1};
	AUTO(own) struct own o = {0};
	AUTO(buf) struct buf tbs, json, bytes, der, signature, blob;
	struct digest rp = digest_of(view_str("sign.example"));
	struct digest inner;
	struct sshsig_assertion a;
	struct sshsig_info info;

	(void)state;
	own_init(&o, "sign.example");
	buf_init(&tbs, 1000), buf_init(&json, 1000), buf_init(&bytes, 1000), buf_init(&der, 200);
	buf_init(&signature, SSHSIG_BLOB_MAX), buf_init(&blob, SSHSIG_BLOB_MAX);
	sshsig_put_tbs(NS, HASH_SHA512, view_str("message"), &tbs);
	buf_put_str(&json, "{\"type\":\"webauthn.get\",\"challenge\":\"");
	base64_put(BASE64_URL, buf_view(&tbs), &json);
	buf_put_str(&json, "\",\"origin\":\"" ORIGIN "\",\"crossOrigin\":false}");
	buf_put_view(&bytes, digest_view(&rp));
	buf_put(&bytes, "\x05\0\0\0\x2a", 5);
	inner = digest_of(buf_view(&json));
	buf_put_view(&bytes, digest_view(&inner));
	own_der(&o, buf_view(&bytes), &der);
	a = (struct sshsig_assertion){.der = buf_view(&der),
				      .auth_data = view_of(bytes.ptr, 37),
				      .client_data = buf_view(&json)};
	assert_rc(RC_OK, sshsig_put_assertion(o.sk, &a, &signature, NULL));
	sshsig_wrap(o.sk, NS, HASH_SHA512, buf_view(&signature), &blob);
	assert_rc(RC_OK, sshsig_verify(o.sk, NS, view_str("message"), buf_view(&blob), &rules,
				       &info, NULL));
	assert_int_equal(info.counter, 42);
	a.auth_data.len = 36;
	assert_rc(RC_TRUNCATED, sshsig_put_assertion(o.sk, &a, &signature, NULL));
	a.auth_data.len = 37;
	a.client_data.len--;
	assert_rc(RC_TRUNCATED, sshsig_put_assertion(o.sk, &a, &signature, NULL));
	a.client_data.len++;
	a.der.len--;
	assert_rc(RC_SYNTAX, sshsig_put_assertion(o.sk, &a, &signature, NULL));
	a.der.len++;
	bytes.ptr[0] ^= 1;
	assert_rc(RC_MISMATCH, sshsig_put_assertion(o.sk, &a, &signature, NULL));
	bytes.ptr[0] ^= 1;
	assert_rc(RC_MISMATCH, sshsig_put_assertion(o.plain, &a, &signature, NULL));
	a.client_data.len = SSHSIG_CLIENT_DATA_MAX + 1;
	assert_rc(RC_LIMIT, sshsig_put_assertion(o.sk, &a, &signature, NULL));
}

/* r and s as given, in a blob by the plain key. */
static void expect_rs(const struct own *o, struct view r, struct view s, const char *tail,
		      enum rc_code expected)
{
	AUTO(buf) struct buf value, signature, blob;
	struct fault f = {0};

	buf_init(&value, 500), buf_init(&signature, 500), buf_init(&blob, 1000);
	buf_put_string(&value, r);
	buf_put_string(&value, s);
	buf_put_str(&value, tail);
	buf_put_string(&signature, view_str("ecdsa-sha2-nistp256"));
	buf_put_string(&signature, buf_view(&value));
	sshsig_wrap(o->plain, NS, HASH_SHA512, buf_view(&signature), &blob);
	if (sshsig_verify(o->plain, NS, view_str("message"), buf_view(&blob), &strict, NULL, &f)
		    .code != expected)
		fail_msg("expected %s: %s %s", rc_name(RC(expected)), rc_name(RC(f.code)), f.text);
}

static void ecdsa_numbers(void **state)
{
	static const uint8_t order[33] = {0,	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
					  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
					  0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9,
					  0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
	uint8_t below[33];
	uint8_t large[34] = {0x01};
	const struct view one = view_of("\x01", 1);
	AUTO(own) struct own o = {0};

	(void)state;
	own_init(&o, "ssh:");
	memcpy(below, order, sizeof(below));
	below[32]--;
	expect_rs(&o, one, one, "", RC_BADSIG);
	expect_rs(&o, view_of(below, 33), one, "", RC_BADSIG);
	expect_rs(&o, view_of(order, 33), one, "", RC_RANGE);
	expect_rs(&o, one, view_of(order, 33), "", RC_RANGE);
	expect_rs(&o, view_of(large, 33), one, "", RC_RANGE);
	expect_rs(&o, view_of("\0", 1), one, "", RC_NONCANON);
	expect_rs(&o, view_of("", 0), one, "", RC_NONCANON);
	expect_rs(&o, one, view_of("\0\x01", 2), "", RC_NONCANON);
	expect_rs(&o, one, view_of("\x80", 1), "", RC_NONCANON);
	expect_rs(&o, one, one, "x", RC_TRAILING);
}

static void put_signature_refuses(void **state)
{
	static const struct {
		const char *der;
		size_t len;
		enum rc_code code;
	} cases[] = {
		{"\x30\x06\x02\x01\x01\x02\x01\x01", 8, RC_OK},
		{"", 0, RC_TRUNCATED},
		{"\x31\x06\x02\x01\x01\x02\x01\x01", 8, RC_SYNTAX},
		{"\x30\x07\x02\x01\x01\x02\x01\x01", 8, RC_SYNTAX},
		{"\x30\x07\x02\x01\x01\x02\x01\x01\x00", 9, RC_TRAILING},
		{"\x30\x06\x03\x01\x01\x02\x01\x01", 8, RC_SYNTAX},
		{"\x30\x07\x02\x02\x00\x01\x02\x01\x01", 9, RC_NONCANON},
		{"\x30\x06\x02\x01\xff\x02\x01\x01", 8, RC_NONCANON},
		{"\x30\x05\x02\x00\x02\x01\x01", 7, RC_NONCANON},
		{"\x30\x81\x06\x02\x01\x01\x02\x01\x01", 9, RC_SYNTAX},
	};
	AUTO(own) struct own o = {0};
	AUTO(sshkey) struct sshkey *ed = read_key("ed25519.pub");
	AUTO(sshkey) struct sshkey *rsa = read_key("rsa.pub");
	AUTO(buf) struct buf out;
	uint8_t raw[512] = {0};

	(void)state;
	own_init(&o, "ssh:");
	buf_init(&out, 5000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		assert_rc(cases[i].code,
			  sshsig_put_signature(o.plain, view_of(cases[i].der, cases[i].len), &out,
					       NULL));
		assert_int_equal(out.len != 0, cases[i].code == RC_OK);
	}
	assert_rc(RC_UNSUPPORTED, sshsig_put_signature(o.sk, view_of(raw, 64), &out, NULL));
	assert_rc(RC_SYNTAX, sshsig_put_signature(ed, view_of(raw, 63), &out, NULL));
	assert_rc(RC_OK, sshsig_put_signature(ed, view_of(raw, 64), &out, NULL));
	assert_rc(RC_SYNTAX, sshsig_put_signature(rsa, view_of(raw, 383), &out, NULL));
	assert_rc(RC_OK, sshsig_put_signature(rsa, view_of(raw, 384), &out, NULL));
}

/* Replaces the n-th string after the version by other bytes. */
static void expect_field(int field, const char *with, enum rc_code expected)
{
	AUTO(buf) struct buf blob, out;
	struct sshsig s;
	struct fault f = {0};
	struct view v;
	struct view part;

	read_sig("ed25519.sig", &blob);
	buf_init(&out, SSHSIG_BLOB_MAX);
	v = buf_view(&blob);
	assert_rc(RC_OK, view_take(&v, 10, &part));
	buf_put_view(&out, part);
	for (int i = 0; i < 5; i++) {
		assert_rc(RC_OK, view_string(&v, 6000, &part));
		buf_put_string(&out, i == field ? view_str(with) : part);
	}
	if (sshsig_parse(buf_view(&out), &s, &f).code != expected)
		fail_msg("field %d: %s", field, f.text);
}

static void blob_fields(void **state)
{
	static uint8_t big[SSHSIG_BLOB_MAX + 1];
	AUTO(buf) struct buf blob, out;
	AUTO(sshkey) struct sshkey *k = read_key("ed25519.pub");
	struct sshsig s;
	char ns[SSHSIG_NAMESPACE_MAX + 2];

	(void)state;
	memset(ns, 'n', sizeof(ns));
	ns[sizeof(ns) - 1] = '\0';
	expect_field(-1, "", RC_OK);
	expect_field(1, "", RC_SYNTAX);
	expect_field(1, "two words", RC_SYNTAX);
	expect_field(1, ns, RC_LIMIT);
	expect_field(2, "x", RC_NONCANON);
	expect_field(3, "sha1", RC_UNSUPPORTED);
	expect_field(3, "sha384", RC_UNSUPPORTED);
	expect_field(3, "SHA512", RC_UNSUPPORTED);
	assert_rc(RC_LIMIT, sshsig_parse(view_of(big, sizeof(big)), &s, NULL));
	assert_rc(RC_SYNTAX, sshsig_parse(view_str(""), &s, NULL));
	assert_rc(RC_TRUNCATED, sshsig_parse(view_str("SSHSIG\0"), &s, NULL));
	read_sig("ed25519.sig", &blob);
	blob.ptr[9] = 2;
	assert_rc(RC_UNSUPPORTED, sshsig_parse(buf_view(&blob), &s, NULL));
	/* our own writing refuses the same */
	static const struct {
		const char *ns;
		enum hash_alg alg;
		enum rc_code code;
	} cases[] = {
		{"", HASH_SHA512, RC_RANGE},
		{"a b", HASH_SHA512, RC_RANGE},
		{"a", HASH_SHA384, RC_UNSUPPORTED},
		{"a", HASH_SHA256, RC_OK},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_init(&out, 1000);
		sshsig_put_tbs(cases[i].ns, cases[i].alg, view_str("m"), &out);
		assert_rc(cases[i].code, buf_done(&out));
		buf_clear(&out);
		sshsig_wrap(k, cases[i].ns, cases[i].alg, view_str("m"), &out);
		assert_rc(cases[i].code, buf_done(&out));
		buf_release(&out);
	}
	ns[SSHSIG_NAMESPACE_MAX] = '\0';
	uint8_t mem[SSHSIG_TBS_MAX];
	buf_init_fixed(&out, mem, sizeof(mem));
	sshsig_put_tbs(ns, HASH_SHA512, view_str("m"), &out);
	assert_rc(RC_OK, buf_done(&out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keygen_signatures_verify),
		cmocka_unit_test(wrong_message_key_namespace),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(armor_is_strict),
		cmocka_unit_test(chromium_passkey),
		cmocka_unit_test(older_sk_vector),
		cmocka_unit_test(sk_flags_by_rule),
		cmocka_unit_test(refused_keys_are_named_in_their_signatures),
		cmocka_unit_test(browser_signatures),
		cmocka_unit_test(origins_of_the_rp),
		cmocka_unit_test(a_form_has_a_channel),
		cmocka_unit_test(cli_sk_signatures),
		cmocka_unit_test(assertion_from_a_browser),
		cmocka_unit_test(ecdsa_numbers),
		cmocka_unit_test(put_signature_refuses),
		cmocka_unit_test(blob_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
