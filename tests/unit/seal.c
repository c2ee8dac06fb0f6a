/* Unit tests of lib/crypt/seal: published vectors, and every refusal. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "lib/codec/hex.h"
#include "lib/crypt/seal.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static void check_hex(const struct secret *s, const char *hex)
{
	char text[2 * SEAL_KEY + 1];

	hex_encode(secret_view(s), text);
	assert_string_equal(text, hex);
}

/* RFC 7914 12, third vector has r = 8, p = 1 (N = 2^14); the first 32 of its 64 bytes. */
static void scrypt_is_rfc7914(void **state)
{
	AUTO(secret) struct secret k = {0};
	AUTO(secret) struct secret none = {0};

	(void)state;
	assert_rc(RC_OK,
		  seal_scrypt(view_str("pleaseletmein"), view_str("SodiumChloride"), 14, &k, NULL));
	check_hex(&k, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
	assert_rc(RC_RANGE, seal_scrypt(view_str("a"), view_str("b"), 9, &none, NULL));
	assert_rc(RC_RANGE, seal_scrypt(view_str("a"), view_str("b"), 23, &none, NULL));
	assert_null(none.ptr);
}

/* RFC 5869 A.1 with an info that is no text cannot be given here; A.3: no salt, no info. */
static void hkdf_is_rfc5869(void **state)
{
	AUTO(secret) struct secret k = {0};
	uint8_t ikm[22];

	(void)state;
	memset(ikm, 0x0b, sizeof(ikm));
	assert_rc(RC_OK, seal_hkdf(view_of(ikm, sizeof(ikm)), view_of("", 0), "", &k, NULL));
	check_hex(&k, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

/* The GCM specification's test case 14: zero key and nonce, one zero block. */
static void gcm_is_the_published_one(void **state)
{
	AUTO(secret) struct secret key = {0};
	AUTO(secret) struct secret back = {0};
	AUTO(buf) struct buf out;
	const uint8_t zero[16] = {0};
	struct seal s = {.key = &key};
	char text[65];

	(void)state;
	buf_init(&out, 64);
	assert_rc(RC_OK, secret_new(&key, SEAL_KEY));
	assert_rc(RC_OK, seal_encrypt(&s, view_of(zero, 16), &out, NULL));
	hex_encode(buf_view(&out), text);
	assert_string_equal(text,
			    "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
	assert_rc(RC_OK, seal_decrypt(&s, buf_view(&out), &back, NULL));
	assert_memory_equal(back.ptr, zero, 16);
}

static void gcm_refuses_every_change(void **state)
{
	AUTO(secret) struct secret key = {0};
	AUTO(secret) struct secret back = {0};
	AUTO(buf) struct buf out;
	struct seal s = {.key = &key, .nonce = {1, 2, 3}, .aad = view_str("header")};

	(void)state;
	buf_init(&out, 64);
	assert_rc(RC_OK, secret_new(&key, SEAL_KEY));
	assert_rc(RC_OK, seal_encrypt(&s, view_str("the secret"), &out, NULL));
	for (size_t i = 0; i < out.len; i++) {
		out.ptr[i] ^= 0x10;
		assert_rc(RC_BADSIG, seal_decrypt(&s, buf_view(&out), &back, NULL));
		out.ptr[i] ^= 0x10;
	}
	s.aad = view_str("Header");
	assert_rc(RC_BADSIG, seal_decrypt(&s, buf_view(&out), &back, NULL));
	s.aad = view_str("header");
	s.nonce[11] = 1;
	assert_rc(RC_BADSIG, seal_decrypt(&s, buf_view(&out), &back, NULL));
	s.nonce[11] = 0;
	key.ptr[0] = 1;
	assert_rc(RC_BADSIG, seal_decrypt(&s, buf_view(&out), &back, NULL));
	key.ptr[0] = 0;
	assert_rc(RC_TRUNCATED, seal_decrypt(&s, view_of(out.ptr, SEAL_TAG), &back, NULL));
	assert_rc(RC_LIMIT,
		  seal_decrypt(&s, view_of(out.ptr, SECRET_MAX + SEAL_TAG + 1), &back, NULL));
	assert_rc(RC_LIMIT, seal_encrypt(&s, view_of(out.ptr, SECRET_MAX + 1), &out, NULL));
	assert_null(back.ptr);
	buf_clear(&out);
	out.max = 20;
	assert_rc(RC_LIMIT, seal_encrypt(&s, view_str("the secret"), &out, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scrypt_is_rfc7914),
		cmocka_unit_test(hkdf_is_rfc5869),
		cmocka_unit_test(gcm_is_the_published_one),
		cmocka_unit_test(gcm_refuses_every_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
