/* Unit tests of lib/crypt/pkey and pkey_soft: every algorithm, every refusal. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "lib/crypt/pkey.h"
#include "lib/crypt/pkey_soft.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static void names(void **state)
{
	enum key_alg alg;

	(void)state;
	for (int i = 0; i < KEY_ALG_COUNT; i++) {
		assert_rc(RC_OK, key_alg_parse(view_str(key_alg_name((enum key_alg)i)), &alg));
		assert_int_equal(alg, i);
		assert_true(key_alg_signature_max(alg) <= PKEY_SIGNATURE_MAX);
	}
	assert_rc(RC_UNKNOWN, key_alg_parse(view_str("rsa-2048"), &alg));
	assert_false(key_alg_permits(KEY_ED25519, HASH_SHA256));
	assert_true(key_alg_permits(KEY_ED25519, HASH_SHA512));
	assert_true(key_alg_permits(KEY_P256, HASH_SHA384));
}

static void sign_and_verify(const struct pkey_soft *key, enum hash_alg hash)
{
	const struct pkey *pub = pkey_soft_public(key);
	enum sign_scheme scheme = key_alg_scheme(pkey_alg(pub));
	struct hash h = hash_of(hash, view_str("content"));
	struct sign_input in = {.scheme = scheme, .hash = hash, .input = hash_view(&h)};
	AUTO(pkey_soft_ctx) struct pkey_soft_ctx *ctx = NULL;
	AUTO(buf) struct buf sig;
	struct signer s;
	struct fault f;

	if (scheme == SIGN_ED25519)
		in.input = view_str("the message itself");
	buf_init(&sig, 4096);
	assert_rc(RC_OK, pkey_soft_ctx_new(key, &ctx, &f));
	s = pkey_soft_signer(ctx);
	for (int i = 0; i < 3; i++) { /* a context is used again and again */
		buf_clear(&sig);
		assert_rc(RC_OK, s.sign(s.ctx, scheme, hash, in.input, &sig, &f));
		assert_true(sig.len <= key_alg_signature_max(pkey_alg(pub)));
		assert_rc(RC_OK, pkey_verify(pub, &in, buf_view(&sig), &f));
	}
	sig.ptr[sig.len / 2] ^= 1;
	assert_rc(RC_BADSIG, pkey_verify(pub, &in, buf_view(&sig), &f));
	sig.ptr[sig.len / 2] ^= 1;
	assert_rc(RC_BADSIG, pkey_verify(pub, &in, view_of(sig.ptr, sig.len - 1), &f));
	assert_rc(RC_BADSIG, pkey_verify(pub, &in, view_of("", 0), &f));
	in.input.len -= 1;
	assert_rc(scheme == SIGN_ED25519 ? RC_BADSIG : RC_USAGE,
		  pkey_verify(pub, &in, buf_view(&sig), &f));
	assert_rc(scheme == SIGN_ED25519 ? RC_OK : RC_USAGE, pkey_soft_sign(ctx, &in, &sig, &f));
	in.scheme = scheme == SIGN_ECDSA ? SIGN_RSA_PKCS1 : SIGN_ECDSA;
	assert_rc(RC_USAGE, pkey_verify(pub, &in, buf_view(&sig), &f));
	assert_rc(RC_USAGE, pkey_soft_sign(ctx, &in, &sig, &f));
	buf_release(&sig);
	buf_init(&sig, 8);
	in.scheme = scheme;
	in.input = scheme == SIGN_ED25519 ? view_str("m") : hash_view(&h);
	assert_rc(RC_LIMIT, pkey_soft_sign(ctx, &in, &sig, &f));
}

static void one_algorithm(enum key_alg alg)
{
	AUTO(pkey_soft) struct pkey_soft *key = NULL;
	AUTO(pkey_soft) struct pkey_soft *again = NULL;
	AUTO(pkey) struct pkey *pub = NULL;
	AUTO(secret) struct secret pkcs8 = {0};
	struct fault f;

	assert_rc(RC_OK, pkey_soft_generate(alg, &key, &f));
	assert_int_equal(pkey_alg(pkey_soft_public(key)), alg);
	assert_rc(RC_OK, pkey_soft_export(key, &pkcs8, &f));
	assert_rc(RC_OK, pkey_soft_import(secret_view(&pkcs8), &again, &f));
	assert_true(view_is_equal(pkey_spki(pkey_soft_public(key)),
				  pkey_spki(pkey_soft_public(again))));
	assert_rc(RC_OK, pkey_from_spki(pkey_spki(pkey_soft_public(key)), &pub, &f));
	assert_true(
		digest_is_equal(pkey_fingerprint(pub), pkey_fingerprint(pkey_soft_public(key))));
	for (enum hash_alg h = HASH_SHA256; h <= HASH_SHA512; h++)
		sign_and_verify(again, h);
}

static void algorithms(void **state)
{
	(void)state;
	one_algorithm(KEY_P256);
	one_algorithm(KEY_P384);
	one_algorithm(KEY_ED25519);
	one_algorithm(KEY_RSA3072);
}

static enum rc_code spki(EVP_PKEY *evp)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(evp, &der);
	AUTO(pkey) struct pkey *pub = NULL;
	struct fault f;
	rc r;

	assert_true(len > 0);
	r = pkey_from_spki(view_of(der, (size_t)len), &pub, &f);
	OPENSSL_free(der);
	EVP_PKEY_free(evp);
	return r.code;
}

static void refused_public_keys(void **state)
{
	AUTO(pkey_soft) struct pkey_soft *key = NULL;
	AUTO(pkey) struct pkey *pub = NULL;
	static const uint8_t big[PKEY_SPKI_MAX + 1];
	uint8_t der[200];
	struct view good;
	struct fault f;

	(void)state;
	assert_int_equal(RC_UNSUPPORTED, spki(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)));
	assert_int_equal(RC_UNSUPPORTED, spki(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521")));
	assert_int_equal(RC_UNSUPPORTED, spki(EVP_PKEY_Q_keygen(NULL, NULL, "X25519")));
	assert_rc(RC_LIMIT, pkey_from_spki(view_of(big, sizeof(big)), &pub, &f));
	assert_rc(RC_TRUNCATED, pkey_from_spki(view_of(big, 0), &pub, &f));
	assert_rc(RC_SYNTAX, pkey_from_spki(view_of(big, 10), &pub, &f));
	assert_rc(RC_OK, pkey_soft_generate(KEY_ED25519, &key, &f));
	good = pkey_spki(pkey_soft_public(key));
	memcpy(der, good.ptr, good.len);
	der[good.len] = 0;
	assert_rc(RC_TRAILING, pkey_from_spki(view_of(der, good.len + 1), &pub, &f));
	/* The outer length in two octets: BER, not DER. */
	der[0] = 0x30;
	der[1] = 0x81;
	memcpy(der + 2, good.ptr + 1, good.len - 1);
	assert_rc(RC_NONCANON, pkey_from_spki(view_of(der, good.len + 1), &pub, &f));
	assert_null(pub);
}

static void refused_private_keys(void **state)
{
	AUTO(pkey_soft) struct pkey_soft *key = NULL;
	AUTO(pkey_soft) struct pkey_soft *again = NULL;
	AUTO(secret) struct secret s = {0};
	AUTO(secret) struct secret longer = {0};
	struct fault f;

	(void)state;
	assert_rc(RC_SYNTAX, pkey_soft_import(view_of("", 0), &again, &f));
	assert_rc(RC_SYNTAX, pkey_soft_import(view_str("garbage"), &again, &f));
	assert_rc(RC_OK, pkey_soft_generate(KEY_P256, &key, &f));
	assert_rc(RC_OK, pkey_soft_export(key, &s, &f));
	assert_rc(RC_SYNTAX, pkey_soft_import(view_of(s.ptr, s.len - 1), &again, &f));
	assert_rc(RC_OK, secret_new(&longer, s.len + 1));
	memcpy(longer.ptr, s.ptr, s.len);
	assert_rc(RC_TRAILING, pkey_soft_import(secret_view(&longer), &again, &f));
	assert_null(again);
}

/* The group's order, to turn s into n - s. */
static const char p256_order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/* DER of the same signature with n - s. */
static size_t turned(struct view sig, uint8_t *out)
{
	const uint8_t *p = sig.ptr;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)sig.len);
	ECDSA_SIG *t = ECDSA_SIG_new();
	BIGNUM *n = NULL;
	BIGNUM *other = BN_new();
	int len;

	assert_true(s != NULL && t != NULL && other != NULL && BN_hex2bn(&n, p256_order) > 0);
	assert_int_equal(1, BN_sub(other, n, ECDSA_SIG_get0_s(s)));
	assert_int_equal(1, ECDSA_SIG_set0(t, BN_dup(ECDSA_SIG_get0_r(s)), other));
	len = i2d_ECDSA_SIG(t, &out);
	ECDSA_SIG_free(s);
	ECDSA_SIG_free(t);
	BN_free(n);
	return (size_t)len;
}

/* Anybody can turn an ECDSA signature into its twin: both have one id. */
static void signature_ids(void **state)
{
	const struct hash h = hash_of(HASH_SHA256, view_str("x"));
	const struct sign_input in = {SIGN_ECDSA, HASH_SHA256, hash_view(&h)};
	AUTO(pkey_soft) struct pkey_soft *k = NULL;
	AUTO(pkey_soft_ctx) struct pkey_soft_ctx *ctx = NULL;
	uint8_t der[PKEY_SIGNATURE_MAX];
	struct digest one;
	struct digest two;
	struct view twin;

	(void)state;
	assert_rc(RC_OK, pkey_soft_generate(KEY_P256, &k, NULL));
	assert_rc(RC_OK, pkey_soft_ctx_new(k, &ctx, NULL));
	for (int i = 0; i < 20; i++) {
		AUTO(buf) struct buf sig;

		buf_init(&sig, PKEY_SIGNATURE_MAX);
		assert_rc(RC_OK, pkey_soft_sign(ctx, &in, &sig, NULL));
		twin = view_of(der, turned(buf_view(&sig), der));
		assert_rc(RC_OK, pkey_verify(pkey_soft_public(k), &in, twin, NULL));
		assert_false(view_is_equal(twin, buf_view(&sig)));
		assert_rc(RC_OK, pkey_signature_id(KEY_P256, buf_view(&sig), &one, NULL));
		assert_rc(RC_OK, pkey_signature_id(KEY_P256, twin, &two, NULL));
		assert_true(digest_is_equal(&one, &two));
		assert_rc(RC_OK, pkey_signature_id(KEY_ED25519, view_of(der, 64), &two, NULL));
		assert_false(digest_is_equal(&one, &two));
		buf_put_u8(&sig, 0);
		assert_rc(RC_SYNTAX, pkey_signature_id(KEY_P256, buf_view(&sig), &two, NULL));
	}
	assert_rc(RC_SYNTAX, pkey_signature_id(KEY_P384, view_str("no"), &two, NULL));
	assert_rc(RC_SYNTAX, pkey_signature_id(KEY_ED25519, view_of(der, 65), &two, NULL));
	assert_rc(RC_SYNTAX, pkey_signature_id(KEY_RSA3072, view_of(NULL, 0), &two, NULL));
	assert_rc(RC_OK, pkey_signature_id(KEY_RSA3072, view_of(der, 384), &two, NULL));
	one = digest_of(view_of(der, 384));
	assert_true(digest_is_equal(&one, &two));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(algorithms),
		cmocka_unit_test(refused_public_keys),
		cmocka_unit_test(refused_private_keys),
		cmocka_unit_test(signature_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
