/* Unit tests of lib/crypt/sshkey.h: each type from ssh-keygen, each refusal, every byte flipped. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/codec/base64.h"
#include "lib/crypt/sshkey.h"
#include "tests/unit/vectors.h"

static const struct {
	const char *file;
	enum sshkey_type type;
	const char *name;
	bool sk;
	const char *fingerprint; /* ssh-keygen -l */
} good[] = {
	{"ed25519.pub", SSHKEY_ED25519, "ssh-ed25519", false,
	 "SHA256:T5nEJpijz5abaJ7qk0WNfIZLVrOUJKpG8KphNDWM4UE"},
	{"ecdsa.pub", SSHKEY_ECDSA_P256, "ecdsa-sha2-nistp256", false,
	 "SHA256:8yhl2mU3UZUF5v7e8hDLTuAVVYUktbw9J4Y+a6J9x1c"},
	{"rsa.pub", SSHKEY_RSA, "ssh-rsa", false,
	 "SHA256:PLPKJaoihBaz0r+j8oXSjqWFZY911jTHnm72PLI2bMU"},
	{"sk-ed25519.pub", SSHKEY_SK_ED25519, "sk-ssh-ed25519@openssh.com", true,
	 "SHA256:2BW6w3WAGtSqOvKyeQBgnCpOKW5IfsxTDkVPhVDFmT0"},
	{"sk-ecdsa.pub", SSHKEY_SK_ECDSA_P256, "sk-ecdsa-sha2-nistp256@openssh.com", true,
	 "SHA256:aqvuB9Ct1EUfVWoRJxCBN49T8o7x4PCviSQVdgOpecI"},
};
#define GOOD_COUNT (sizeof(good) / sizeof(good[0]))

static struct sshkey *read_key(const char *file)
{
	AUTO(buf) struct buf b;
	struct sshkey *k = NULL;
	struct fault f = {0};

	if (!rc_is_ok(sshkey_parse_line(vector_read(&b, "sshsig", file), &k, NULL, &f)))
		fail_msg("%s: %s", file, f.text);
	return k;
}

static void every_type_parses(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOOD_COUNT; i++) {
		AUTO(sshkey) struct sshkey *k = read_key(good[i].file);
		AUTO(sshkey) struct sshkey *again = NULL;
		char text[SSHKEY_FINGERPRINT];
		struct digest d;

		assert_int_equal(sshkey_type(k), good[i].type);
		assert_string_equal(sshkey_type_name(sshkey_type(k)), good[i].name);
		assert_int_equal(sshkey_is_sk(k), good[i].sk);
		assert_int_equal(sshkey_channel(k), SSHKEY_CLI);
		assert_true(view_is(sshkey_application(k), good[i].sk ? "ssh:" : ""));
		sshkey_fingerprint_text(sshkey_fingerprint(k), text);
		assert_string_equal(text, good[i].fingerprint);
		assert_rc(RC_OK, sshkey_fingerprint_parse(view_str(text), &d));
		assert_true(digest_is_equal(&d, sshkey_fingerprint(k)));
		assert_rc(RC_OK, sshkey_parse_blob(sshkey_blob(k), &again, NULL));
		assert_true(sshkey_is_equal(k, again));
	}
}

static void line_round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOOD_COUNT; i++) {
		AUTO(buf) struct buf file;
		AUTO(buf) struct buf out;
		AUTO(sshkey) struct sshkey *k = NULL;
		struct view line = vector_read(&file, "sshsig", good[i].file);
		struct view comment;

		buf_init(&out, SSHKEY_LINE_MAX);
		assert_rc(RC_OK, sshkey_parse_line(line, &k, &comment, NULL));
		sshkey_put_line(k, comment, &out);
		buf_put_u8(&out, '\n');
		assert_true(view_is_equal(buf_view(&out), line));
		assert_true(comment.len != 0);
		buf_clear(&out);
		sshkey_put_line(k, view_str(""), &out);
		sshkey_free(k);
		k = NULL;
		assert_rc(RC_OK, sshkey_parse_line(buf_view(&out), &k, &comment, NULL));
		assert_int_equal(comment.len, 0);
	}
}

static void passkeys_are_browser_keys(void **state)
{
	AUTO(buf) struct buf b;
	AUTO(sshkey) struct sshkey *k = NULL;
	struct view line = vector_read(&b, "sshsig", "webauthn.allowed_signers");
	struct view word;

	(void)state;
	assert_rc(RC_OK, view_until(&line, ' ', &word)); /* principal */
	assert_rc(RC_OK, view_until(&line, ' ', &word)); /* options */
	assert_rc(RC_OK, sshkey_parse_line(line, &k, NULL, NULL));
	assert_int_equal(sshkey_type(k), SSHKEY_SK_ECDSA_P256);
	assert_int_equal(sshkey_channel(k), SSHKEY_BROWSER);
	assert_string_equal(sshkey_channel_name(SSHKEY_BROWSER), "browser");
	assert_string_equal(sshkey_channel_name(SSHKEY_CLI), "cli");
	assert_true(view_is(sshkey_application(k), "localhost"));
}

static void files_refused(void **state)
{
	static const char *const files[] = {"rsa2048.pub", "p384.pub", "dsa.pub",
					    "ed25519-cert.pub"};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO(buf) struct buf b;
		struct sshkey *k = NULL;
		struct view line = vector_read(&b, "sshsig", files[i]);

		assert_rc(RC_UNSUPPORTED, sshkey_parse_line(line, &k, NULL, NULL));
		assert_null(k);
	}
}

static void lines_refused(void **state)
{
	AUTO(sshkey) struct sshkey *ed = read_key("ed25519.pub");
	AUTO(buf) struct buf b64;
	const char *key;
	char line[SSHKEY_LINE_MAX + 10];
	struct sshkey *k = NULL;
	const struct {
		const char *format;
		enum rc_code code;
	} cases[] = {
		{"ssh-ed25519 %s", RC_OK},
		{"ssh-ed25519 %s alice@example", RC_OK},
		{"ssh-ed25519 %s with spaces\n", RC_OK},
		{"", RC_SYNTAX},
		{"ssh-ed25519", RC_SYNTAX},
		{"ssh-ed25519 ", RC_SYNTAX},
		{"ssh-ed25519 %s ", RC_SYNTAX},
		{"ssh-ed25519  %s", RC_SYNTAX},
		{"ssh-ed25519 %s  two", RC_SYNTAX},
		{"ssh-ed25519 %s a\tb", RC_SYNTAX},
		{"ssh-ed25519 %s \xc3\xa9", RC_SYNTAX},
		{"ssh-ed25519 %s\r\n", RC_SYNTAX},
		{"ssh-ed25519 %s\n\n", RC_SYNTAX},
		{"ssh-ed25519 %s one\nssh-ed25519", RC_SYNTAX},
		{" ssh-ed25519 %s", RC_UNKNOWN},
		{"SSH-ED25519 %s", RC_UNKNOWN},
		{"no-pty ssh-ed25519 %s", RC_UNKNOWN},
		{"ssh-rsa %s", RC_MISMATCH},
		{"ecdsa-sha2-nistp384 %s", RC_UNSUPPORTED},
		{"ssh-ed25519-cert-v01@openssh.com %s", RC_UNSUPPORTED},
		{"ssh-ed25519 %s=", RC_SYNTAX},
		{"ssh-ed25519 AA%s", RC_SYNTAX},
	};

	(void)state;
	buf_init(&b64, SSHKEY_LINE_MAX);
	base64_put(BASE64_STD, sshkey_blob(ed), &b64);
	key = buf_cstr(&b64);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault f = {0};
		AUTO(buf) struct buf text;
		char *at;

		buf_init(&text, SSHKEY_LINE_MAX);
		buf_put_str(&text, cases[i].format);
		(void)buf_cstr(&text);
		at = strstr((char *)text.ptr, "%s");
		if (at == NULL)
			(void)snprintf(line, sizeof(line), "%s", cases[i].format);
		else
			(void)snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - (char *)text.ptr),
				       (char *)text.ptr, key, at + 2);
		if (sshkey_parse_line(view_str(line), &k, NULL, &f).code != cases[i].code)
			fail_msg("case %zu: %s %s", i, rc_name(RC(f.code)), f.text);
		sshkey_free(k);
		k = NULL;
	}
	memset(line, 'a', sizeof(line));
	assert_rc(RC_LIMIT, sshkey_parse_line(view_of(line, sizeof(line)), &k, NULL, NULL));
}

/* Builds blobs by hand. */
struct blob {
	struct buf b;
	uint8_t mem[SSHKEY_BLOB_MAX + 100];
};
static void start(struct blob *x, const char *type)
{
	buf_init_fixed(&x->b, x->mem, sizeof(x->mem));
	buf_put_string(&x->b, view_str(type));
}
static void expect(const struct blob *x, enum rc_code code)
{
	struct sshkey *k = NULL;
	struct fault f = {0};

	assert_rc(RC_OK, buf_done(&x->b));
	if (sshkey_parse_blob(buf_view(&x->b), &k, &f).code != code)
		fail_msg("expected %s, got %s: %s", rc_name(RC(code)), rc_name(RC(f.code)), f.text);
	assert_true(code == RC_OK || (k == NULL && f.code == code && f.text[0] != '\0'));
	sshkey_free(k);
}

static void ed25519_points(void **state)
{
	uint8_t pk[33] = {0};
	struct blob x;

	(void)state;
	for (size_t len = 0; len <= 33; len++) {
		start(&x, "ssh-ed25519");
		buf_put_string(&x.b, view_of(pk, len));
		/* 32 zero bytes are a point of small order */
		expect(&x, len == 32 ? RC_CRYPTO : len < 32 ? RC_SYNTAX : RC_LIMIT);
	}
	for (unsigned sign = 0; sign < 2; sign++) {
		pk[0] = 1;
		pk[31] = (uint8_t)(sign << 7);
		start(&x, "ssh-ed25519");
		buf_put_string(&x.b, view_of(pk, 32));
		expect(&x, RC_CRYPTO); /* the neutral element */
		memset(pk, 0xff, 32);
		pk[31] = (uint8_t)(0x7f | sign << 7);
		for (unsigned low = 0xec; low <= 0xff; low++) {
			pk[0] = (uint8_t)low;
			start(&x, "ssh-ed25519");
			buf_put_string(&x.b, view_of(pk, 32));
			expect(&x, low == 0xec ? RC_CRYPTO : RC_NONCANON); /* p - 1; p and more */
		}
		memset(pk, 0, 32);
	}
}

static void p256_points(void **state)
{
	AUTO(sshkey) struct sshkey *k = read_key("ecdsa.pub");
	struct view blob = sshkey_blob(k);
	uint8_t point[65];
	struct blob x;

	(void)state;
	memcpy(point, blob.ptr + blob.len - 65, 65);
	start(&x, "ecdsa-sha2-nistp256");
	buf_put_string(&x.b, view_str("nistp384"));
	buf_put_string(&x.b, view_of(point, 65));
	expect(&x, RC_MISMATCH);
	point[64] ^= 1; /* not on the curve */
	start(&x, "ecdsa-sha2-nistp256");
	buf_put_string(&x.b, view_str("nistp256"));
	buf_put_string(&x.b, view_of(point, 65));
	expect(&x, RC_CRYPTO);
	point[64] ^= 1;
	point[0] = (uint8_t)(2 + (point[64] & 1)); /* compressed form of the same point */
	start(&x, "ecdsa-sha2-nistp256");
	buf_put_string(&x.b, view_str("nistp256"));
	buf_put_string(&x.b, view_of(point, 33));
	expect(&x, RC_SYNTAX);
	point[0] = (uint8_t)(6 + (point[64] & 1)); /* hybrid form */
	start(&x, "ecdsa-sha2-nistp256");
	buf_put_string(&x.b, view_str("nistp256"));
	buf_put_string(&x.b, view_of(point, 65));
	expect(&x, RC_SYNTAX);
	start(&x, "ecdsa-sha2-nistp256");
	buf_put_string(&x.b, view_str("nistp256"));
	buf_put_string(&x.b, view_of("\0", 1)); /* the point at infinity */
	expect(&x, RC_SYNTAX);
}

static void rsa(struct blob *x, struct view e, size_t n_len, uint8_t first, uint8_t last)
{
	uint8_t n[1100];

	memset(n, 0xa5, sizeof(n));
	n[0] = first;
	n[n_len - 1] = last;
	start(x, "ssh-rsa");
	buf_put_string(&x->b, e);
	buf_put_string(&x->b, view_of(n, n_len));
}

static void rsa_numbers(void **state)
{
	const struct view e = view_of("\x01\x00\x01", 3);
	struct blob x;

	(void)state;
	rsa(&x, e, 385, 0, 1);
	x.mem[4 + 7 + 4 + 3 + 4 + 1] |= 0x80; /* top bit of the modulus: 3072 bits */
	expect(&x, RC_OK);
	rsa(&x, e, 384, 0x7f, 1); /* 3071 bits */
	expect(&x, RC_UNSUPPORTED);
	rsa(&x, e, 1025, 0, 1); /* 8192 bits */
	expect(&x, RC_OK);
	rsa(&x, e, 1025, 1, 1); /* 8193 bits */
	expect(&x, RC_UNSUPPORTED);
	rsa(&x, e, 385, 0, 2);
	expect(&x, RC_RANGE);
	rsa(&x, e, 386, 0, 1);
	x.mem[4 + 7 + 4 + 3 + 4 + 1] = 0;
	expect(&x, RC_NONCANON);
	rsa(&x, e, 384, 0xff, 1);
	expect(&x, RC_NONCANON);
	rsa(&x, view_of("\x03", 1), 385, 0, 1);
	expect(&x, RC_RANGE);
	rsa(&x, view_of("\x00\xff\xff", 3), 385, 0, 1);
	expect(&x, RC_RANGE);
	rsa(&x, view_of("\x01\x00\x00", 3), 385, 0, 1);
	expect(&x, RC_RANGE);
	rsa(&x, view_of("\x00\x01\x00\x01", 4), 385, 0, 1);
	expect(&x, RC_NONCANON);
	rsa(&x, view_of("", 0), 385, 0, 1);
	expect(&x, RC_NONCANON);
	rsa(&x, view_of("\x01\x00\x00\x00\x00\x00\x00\x00\x01", 9), 385, 0, 1);
	expect(&x, RC_RANGE);
}

static void sk_applications(void **state)
{
	static const struct {
		const char *app;
		enum rc_code ed;
		enum rc_code ec;
	} cases[] = {
		{"ssh:", RC_OK, RC_OK},
		{"ssh:greatseal", RC_OK, RC_OK},
		{"sign.example", RC_UNSUPPORTED, RC_OK},
		{"", RC_SYNTAX, RC_SYNTAX},
		{"a b", RC_SYNTAX, RC_SYNTAX},
		{"ssh:\x7f", RC_SYNTAX, RC_SYNTAX},
	};
	AUTO(sshkey) struct sshkey *ed = read_key("ed25519.pub");
	AUTO(sshkey) struct sshkey *ec = read_key("ecdsa.pub");
	char longest[SSHKEY_APPLICATION_MAX + 1];
	struct blob x;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(&x, "sk-ssh-ed25519@openssh.com");
		buf_put_string(&x.b, view_of(sshkey_blob(ed).ptr + 19, 32));
		buf_put_string(&x.b, view_str(cases[i].app));
		expect(&x, cases[i].ed);
		start(&x, "sk-ecdsa-sha2-nistp256@openssh.com");
		buf_put(&x.b, sshkey_blob(ec).ptr + 23, sshkey_blob(ec).len - 23);
		buf_put_string(&x.b, view_str(cases[i].app));
		expect(&x, cases[i].ec);
	}
	memset(longest, 'a', sizeof(longest));
	start(&x, "sk-ecdsa-sha2-nistp256@openssh.com");
	buf_put(&x.b, sshkey_blob(ec).ptr + 23, sshkey_blob(ec).len - 23);
	buf_put_string(&x.b, view_of(longest, sizeof(longest)));
	expect(&x, RC_LIMIT);
}

static void blobs_cut_grown_flipped(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOOD_COUNT; i++) {
		AUTO(sshkey) struct sshkey *k = read_key(good[i].file);
		struct view blob = sshkey_blob(k);
		uint8_t mem[SSHKEY_BLOB_MAX + 1] = {0};

		memcpy(mem, blob.ptr, blob.len);
		for (size_t n = 0; n < blob.len; n++) {
			struct sshkey *other = NULL;

			assert_rc(RC_TRUNCATED, sshkey_parse_blob(view_of(mem, n), &other, NULL));
		}
		struct sshkey *more = NULL;
		assert_rc(RC_TRAILING, sshkey_parse_blob(view_of(mem, blob.len + 1), &more, NULL));
		for (size_t n = 0; n < blob.len; n++) {
			AUTO(sshkey) struct sshkey *other = NULL;

			mem[n] ^= 0x04;
			if (rc_is_ok(sshkey_parse_blob(view_of(mem, blob.len), &other, NULL)))
				assert_false(sshkey_is_equal(k, other));
			mem[n] ^= 0x04;
		}
	}
	uint8_t big[SSHKEY_BLOB_MAX + 1] = {0};
	struct sshkey *k = NULL;
	assert_rc(RC_LIMIT, sshkey_parse_blob(view_of(big, sizeof(big)), &k, NULL));
	assert_rc(RC_TRUNCATED, sshkey_parse_blob(view_of(NULL, 0), &k, NULL));
}

static void fingerprints_refused(void **state)
{
	struct digest d;

	(void)state;
	assert_rc(RC_SYNTAX, sshkey_fingerprint_parse(view_str(""), &d));
	assert_rc(RC_SYNTAX,
		  sshkey_fingerprint_parse(
			  view_str("MD5:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUaaa"), &d));
	assert_rc(RC_OK,
		  sshkey_fingerprint_parse(
			  view_str("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"), &d));
	assert_rc(RC_SYNTAX,
		  sshkey_fingerprint_parse(
			  view_str("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF="), &d));
	assert_rc(RC_SYNTAX,
		  sshkey_fingerprint_parse(
			  view_str("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="), &d));
	assert_rc(RC_NONCANON,
		  sshkey_fingerprint_parse(
			  view_str("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV"), &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_parses),
		cmocka_unit_test(line_round_trips),
		cmocka_unit_test(passkeys_are_browser_keys),
		cmocka_unit_test(files_refused),
		cmocka_unit_test(lines_refused),
		cmocka_unit_test(ed25519_points),
		cmocka_unit_test(p256_points),
		cmocka_unit_test(rsa_numbers),
		cmocka_unit_test(sk_applications),
		cmocka_unit_test(blobs_cut_grown_flipped),
		cmocka_unit_test(fingerprints_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
