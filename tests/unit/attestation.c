/* Unit tests of lib/model/attestation.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "lib/model/attestation.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct attestation an_attestation(void)
{
	return (struct attestation){.time = 1795680000,
				    .ek = view_str("ek"),
				    .certificate = view_str("certificate"),
				    .ak = view_str("ak"),
				    .key = view_str("key"),
				    .attest = view_str("attest"),
				    .signature = view_str("signature")};
}

static void there_and_back(void **state)
{
	struct attestation a = an_attestation();
	struct attestation back;
	struct fault f = {0};
	AUTO(buf) struct buf b;
	AUTO(buf) struct buf again;

	(void)state;
	buf_init(&b, ATTESTATION_BYTES_MAX);
	buf_init(&again, ATTESTATION_BYTES_MAX);
	assert_rc(RC_OK, attestation_encode(&a, &b, &f));
	assert_rc(RC_OK, attestation_parse(buf_view(&b), &back, &f));
	assert_int_equal(back.time, a.time);
	assert_true(view_is(back.ek, "ek") && view_is(back.certificate, "certificate"));
	assert_true(view_is(back.ak, "ak") && view_is(back.key, "key"));
	assert_true(view_is(back.attest, "attest") && view_is(back.signature, "signature"));
	assert_rc(RC_OK, attestation_encode(&back, &again, &f));
	assert_true(view_is_equal(buf_view(&b), buf_view(&again)));
	for (size_t n = 0; n < b.len; n++)
		assert_rc(RC_TRUNCATED, attestation_parse(view_of(b.ptr, n), &back, &f));
	buf_put_u8(&b, 0);
	assert_rc(RC_TRAILING, attestation_parse(buf_view(&b), &back, &f));
	b.ptr[0] = 2;
	assert_rc(RC_UNKNOWN, attestation_parse(buf_view(&b), &back, &f));
	b.ptr[0] = 1;
	b.ptr[1] = 0x80;
	assert_rc(RC_RANGE, attestation_parse(buf_view(&b), &back, &f));
}

static void limits(void **state)
{
	static const uint8_t zeros[EK_CERTIFICATE_MAX + 1];
	struct attestation a = an_attestation();
	struct fault f = {0};
	AUTO(buf) struct buf b;

	(void)state;
	buf_init(&b, 2 * ATTESTATION_BYTES_MAX);
	a.certificate = view_of(zeros, sizeof(zeros));
	assert_rc(RC_LIMIT, attestation_encode(&a, &b, &f));
	a = an_attestation();
	a.ek = view_of(zeros, 2 + TPM_PUBLIC_MAX + 1);
	assert_rc(RC_LIMIT, attestation_encode(&a, &b, &f));
	a = an_attestation();
	a.time = -1;
	assert_rc(RC_RANGE, attestation_encode(&a, &b, &f));
	/* A length over its maximum, where a reader might believe it. */
	buf_clear(&b);
	buf_put_u8(&b, 1);
	buf_put_u64be(&b, 0);
	buf_put_u32be(&b, 2 + TPM_PUBLIC_MAX + 1);
	buf_put(&b, zeros, 2 + TPM_PUBLIC_MAX + 1);
	assert_rc(RC_LIMIT, attestation_parse(buf_view(&b), &a, &f));
	assert_string_equal(f.text, "attestation: endorsement key: limit");
}

static void words(void **state)
{
	uint8_t secret[TPM_SECRET] = {1};
	struct digest statement = digest_of(view_str("statement"));
	struct digest first = attestation_words(secret, &statement);
	struct digest second;

	(void)state;
	statement.b[31] ^= 1;
	second = attestation_words(secret, &statement);
	assert_false(digest_is_equal(&first, &second));
	statement.b[31] ^= 1;
	secret[31] ^= 1;
	second = attestation_words(secret, &statement);
	assert_false(digest_is_equal(&first, &second));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(limits),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
