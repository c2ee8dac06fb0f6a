/* Unit tests of lib/crypt/spki.h, and of signing with keys that are elsewhere (sshsig_sign). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/crypt/pkey_soft.h"
#include "lib/crypt/spki.h"
#include "lib/crypt/sshsig.h"
#include "tests/unit/vectors.h"

#define NS "test@v1"

static const struct sshsig_rules strict = {0};
static const enum key_alg kinds[] = {KEY_RSA3072, KEY_P256, KEY_ED25519};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static struct sshkey *read_key(const char *file)
{
	AUTO(buf) struct buf b;
	struct sshkey *k = NULL;

	assert_rc(RC_OK, sshkey_parse_line(vector_read(&b, "sshsig", file), &k, NULL, NULL));
	return k;
}

static void both_ways(void **state)
{
	static const char *const files[] = {"ed25519.pub", "ecdsa.pub", "rsa.pub"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		AUTO(sshkey) struct sshkey *k = read_key(files[i]);
		AUTO(sshkey) struct sshkey *back = NULL;
		AUTO(pkey) struct pkey *p = NULL;
		AUTO(buf) struct buf spki = {0};
		struct buf small;
		uint8_t mem[20];

		buf_init(&spki, PKEY_SPKI_MAX);
		assert_rc(RC_OK, spki_from_ssh(k, &spki));
		/* libcrypto reads it, and would write it in the same way */
		assert_rc(RC_OK, pkey_from_spki(buf_view(&spki), &p, NULL));
		assert_rc(RC_OK, spki_to_ssh(buf_view(&spki), &back, NULL));
		assert_true(sshkey_is_equal(k, back));
		buf_init_fixed(&small, mem, sizeof(mem));
		assert_rc(RC_LIMIT, spki_from_ssh(k, &small));
	}
}

static void every_byte_and_length_counts(void **state)
{
	static const char *const files[] = {"ed25519.pub", "ecdsa.pub"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO(sshkey) struct sshkey *k = read_key(files[i]);
		AUTO(buf) struct buf spki = {0};

		buf_init(&spki, PKEY_SPKI_MAX);
		assert_rc(RC_OK, spki_from_ssh(k, &spki));
		for (size_t n = 0; n < spki.len; n++) {
			AUTO(sshkey) struct sshkey *other = NULL;
			AUTO(sshkey) struct sshkey *cut = NULL;

			assert_rc(RC_UNSUPPORTED, spki_to_ssh(view_of(spki.ptr, n), &cut, NULL));
			spki.ptr[n] ^= 1;
			if (rc_is_ok(spki_to_ssh(buf_view(&spki), &other, NULL)))
				assert_false(sshkey_is_equal(k, other));
			spki.ptr[n] ^= 1;
		}
		buf_put_u8(&spki, 0);
		assert_rc(RC_UNSUPPORTED,
			  spki_to_ssh(buf_view(&spki), &(struct sshkey *){NULL}, NULL));
	}
}

static void other_kinds(void **state)
{
	AUTO(pkey_soft) struct pkey_soft *p384 = NULL;
	AUTO(sshkey) struct sshkey *device = read_key("sk-ecdsa.pub");
	AUTO(buf) struct buf out = {0};
	struct sshkey *k = NULL;
	struct fault f = {0};

	(void)state;
	assert_rc(RC_OK, pkey_soft_generate(KEY_P384, &p384, NULL));
	assert_rc(RC_UNSUPPORTED, spki_to_ssh(pkey_spki(pkey_soft_public(p384)), &k, &f));
	assert_string_equal(f.text, "the key is not of P-256, RSA or Ed25519");
	buf_init(&out, PKEY_SPKI_MAX);
	assert_rc(RC_UNSUPPORTED, spki_from_ssh(device, &out));
	assert_int_equal(out.len, 0);
}

static void what_is_signed_verifies(void **state)
{
	(void)state;
	for (size_t i = 0; i < KIND_COUNT; i++) {
		AUTO(pkey_soft) struct pkey_soft *soft = NULL;
		AUTO(pkey_soft_ctx) struct pkey_soft_ctx *ctx = NULL;
		AUTO(sshkey) struct sshkey *k = NULL;
		AUTO(buf) struct buf blob = {0};
		AUTO(buf) struct buf small = {0};
		struct sshsig_info info;
		struct signer s;

		assert_rc(RC_OK, pkey_soft_generate(kinds[i], &soft, NULL));
		assert_rc(RC_OK, pkey_soft_ctx_new(soft, &ctx, NULL));
		s = pkey_soft_signer(ctx);
		assert_rc(RC_OK, spki_to_ssh(pkey_spki(pkey_soft_public(soft)), &k, NULL));
		buf_init(&blob, SSHSIG_BLOB_MAX);
		assert_rc(RC_OK, sshsig_sign(k, &s, NS, view_str("m"), &blob, NULL));
		assert_rc(RC_OK, sshsig_verify(k, NS, view_str("m"), buf_view(&blob), &strict,
					       &info, NULL));
		assert_int_equal(info.hash, SSHSIG_HASH);
		assert_rc(RC_BADSIG, sshsig_verify(k, NS, view_str("n"), buf_view(&blob), &strict,
						   NULL, NULL));
		assert_rc(RC_RANGE, sshsig_sign(k, &s, "a b", view_str("m"), &blob, NULL));
		buf_init(&small, 50);
		assert_rc(RC_LIMIT, sshsig_sign(k, &s, NS, view_str("m"), &small, NULL));
	}
}

static rc broken(void *ctx, enum sign_scheme scheme, enum hash_alg alg, struct view input,
		 struct buf *out, struct fault *f)
{
	(void)scheme;
	(void)alg;
	(void)input;
	++*(unsigned *)ctx;
	buf_put_str(out, "half a value");
	return fault_set(f, RC_TOKEN, 0, "the token is gone");
}

static void a_signer_that_fails(void **state)
{
	AUTO(sshkey) struct sshkey *k = read_key("ecdsa.pub");
	AUTO(sshkey) struct sshkey *device = read_key("sk-ed25519.pub");
	AUTO(buf) struct buf blob = {0};
	unsigned calls = 0;
	const struct signer s = {.sign = broken, .ctx = &calls};
	struct fault f = {0};

	(void)state;
	buf_init(&blob, SSHSIG_BLOB_MAX);
	assert_rc(RC_TOKEN, sshsig_sign(k, &s, NS, view_str("m"), &blob, &f));
	assert_string_equal(f.text, "the token is gone");
	assert_rc(RC_UNSUPPORTED, sshsig_sign(device, &s, NS, view_str("m"), &blob, &f));
	assert_int_equal(calls, 1); /* a device makes the whole; nobody was asked */
	assert_int_equal(blob.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(every_byte_and_length_counts),
		cmocka_unit_test(other_kinds),
		cmocka_unit_test(what_is_signed_verifies),
		cmocka_unit_test(a_signer_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
