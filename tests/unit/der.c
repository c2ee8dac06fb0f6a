/* Unit tests of lib/codec/der: each refusal of the reader, and reader against writer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "lib/codec/der.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define BYTES(...) view_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* One element; on a refusal the view stays where it was. */
static enum rc_code any(struct view v)
{
	const struct view before = v;
	struct der_tlv t = {0};
	rc r = der_any(&v, &t);

	if (rc_is_ok(r)) {
		assert_int_equal(v.len + t.full.len, before.len);
		assert_true(t.full.ptr == before.ptr);
	} else {
		assert_true(v.ptr == before.ptr && v.len == before.len);
	}
	return r.code;
}

static void lengths(void **state)
{
	uint8_t big[300] = {0x04, 0x82, 0x01, 0x28};

	(void)state;
	assert_int_equal(RC_OK, any(BYTES(0x04, 0x00)));
	assert_int_equal(RC_OK, any(BYTES(0x04, 0x01, 0xff)));
	assert_int_equal(RC_OK, any(view_of(big, sizeof(big))));
	assert_int_equal(RC_TRUNCATED, any(view_of(big, sizeof(big) - 1)));
	assert_int_equal(RC_TRUNCATED, any(view_of("", 0)));
	assert_int_equal(RC_TRUNCATED, any(BYTES(0x04)));
	assert_int_equal(RC_TRUNCATED, any(BYTES(0x04, 0x02, 0x01)));
	assert_int_equal(RC_TRUNCATED, any(BYTES(0x04, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00)));
	assert_int_equal(RC_TRUNCATED, any(BYTES(0x04, 0x82, 0x01)));
	assert_int_equal(RC_NONCANON, any(BYTES(0x30, 0x80, 0x00, 0x00)));
	assert_int_equal(RC_NONCANON, any(BYTES(0x04, 0x81, 0x01, 0xff)));
	assert_int_equal(RC_NONCANON, any(BYTES(0x04, 0x82, 0x00, 0x80)));
	assert_int_equal(RC_LIMIT, any(BYTES(0x04, 0x85, 0, 0, 0, 0, 1, 0)));
	assert_int_equal(RC_UNSUPPORTED, any(BYTES(0x1f, 0x21, 0x00)));
}

static void integers(void **state)
{
	struct view v;
	struct view body;
	uint64_t n = 7;

	(void)state;
	v = BYTES(0x02, 0x01, 0x7f);
	assert_rc(RC_OK, der_uint(&v, 127, &n));
	assert_int_equal(n, 127);
	v = BYTES(0x02, 0x09, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
	assert_rc(RC_OK, der_uint(&v, UINT64_MAX, &n));
	assert_true(n == UINT64_MAX);
	v = BYTES(0x02, 0x01, 0x80);
	assert_rc(RC_RANGE, der_uint(&v, 127, &n));
	assert_rc(RC_OK, der_integer(&v, &body));
	v = BYTES(0x02, 0x02, 0x01, 0x00);
	assert_rc(RC_RANGE, der_uint(&v, 255, &n));
	v = BYTES(0x02, 0x0a, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_rc(RC_RANGE, der_uint(&v, UINT64_MAX, &n));
	v = BYTES(0x02, 0x02, 0x00, 0x7f);
	assert_rc(RC_NONCANON, der_uint(&v, 255, &n));
	v = BYTES(0x02, 0x02, 0xff, 0x80);
	assert_rc(RC_NONCANON, der_integer(&v, &body));
	v = BYTES(0x02, 0x00);
	assert_rc(RC_NONCANON, der_integer(&v, &body));
	v = BYTES(0x04, 0x01, 0x00);
	assert_rc(RC_SYNTAX, der_integer(&v, &body));
}

static void small_types(void **state)
{
	struct view v;
	struct view body;
	bool b;

	(void)state;
	v = BYTES(0x01, 0x01, 0xff);
	assert_rc(RC_OK, der_bool(&v, &b));
	assert_true(b);
	v = BYTES(0x01, 0x01, 0x01);
	assert_rc(RC_NONCANON, der_bool(&v, &b));
	v = BYTES(0x01, 0x02, 0x00, 0x00);
	assert_rc(RC_NONCANON, der_bool(&v, &b));
	v = BYTES(0x05, 0x00);
	assert_rc(RC_OK, der_null(&v));
	v = BYTES(0x05, 0x01, 0x00);
	assert_rc(RC_NONCANON, der_null(&v));
	v = BYTES(0x06, 0x03, 0x2a, 0x86, 0x48);
	assert_rc(RC_OK, der_oid(&v, &body));
	v = BYTES(0x06, 0x02, 0x2a, 0x86);
	assert_rc(RC_NONCANON, der_oid(&v, &body));
	v = BYTES(0x06, 0x03, 0x2a, 0x80, 0x01);
	assert_rc(RC_NONCANON, der_oid(&v, &body));
	v = BYTES(0x06, 0x00);
	assert_rc(RC_NONCANON, der_oid(&v, &body));
	v = BYTES(0x03, 0x02, 0x00, 0x55);
	assert_rc(RC_OK, der_bits(&v, &body));
	assert_int_equal(body.len, 1);
	v = BYTES(0x03, 0x02, 0x01, 0x54);
	assert_rc(RC_UNSUPPORTED, der_bits(&v, &body));
	v = BYTES(0x03, 0x00);
	assert_rc(RC_NONCANON, der_bits(&v, &body));
	v = BYTES(0x05, 0x00);
	assert_rc(RC_OK, der_optional(&v, DER_INTEGER, &body, &b));
	assert_false(b);
	assert_rc(RC_OK, der_optional(&v, DER_NULL, &body, &b));
	assert_true(b);
	assert_int_equal(v.len, 0);
}

static enum rc_code read_time(uint8_t tag, const char *text, unix_time *ret)
{
	uint8_t mem[40];
	struct view v;

	mem[0] = tag;
	mem[1] = (uint8_t)strlen(text);
	memcpy(mem + 2, text, strlen(text));
	v = view_of(mem, 2 + strlen(text));
	return der_time(&v, ret).code;
}

static void times(void **state)
{
	unix_time t = 0;

	(void)state;
	assert_int_equal(RC_OK, read_time(DER_UTC_TIME, "700101000001Z", &t));
	assert_int_equal(t, 1);
	assert_int_equal(RC_OK, read_time(DER_UTC_TIME, "491231235959Z", &t));
	assert_int_equal(RC_OK, read_time(DER_GENERALIZED_TIME, "99991231235959Z", &t));
	assert_true(t == TIME_MAX);
	assert_int_equal(RC_NONCANON, read_time(DER_GENERALIZED_TIME, "20491231235959Z", &t));
	assert_int_equal(RC_NONCANON, read_time(DER_UTC_TIME, "7001010000Z", &t));
	assert_int_equal(RC_NONCANON, read_time(DER_UTC_TIME, "700101000001+0000", &t));
	assert_int_not_equal(RC_OK, read_time(DER_UTC_TIME, "700101000001z", &t));
	assert_int_not_equal(RC_OK, read_time(DER_UTC_TIME, "701301000001Z", &t));
	assert_int_not_equal(RC_OK, read_time(DER_UTC_TIME, "69123123595aZ", &t));
	assert_int_equal(RC_RANGE, read_time(DER_UTC_TIME, "691231235959Z", &t));
	assert_int_equal(RC_SYNTAX, read_time(DER_OCTET_STRING, "700101000001Z", &t));
}

/* What the writer writes the reader reads, for lengths around every step of the length octets. */
static void writer_round_trip(void **state)
{
	static const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536};
	static const uint64_t numbers[] = {0, 1, 127, 128, 255, 256, 65535, UINT64_MAX};
	static uint8_t mem[70000];
	static uint8_t zeros[65536];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		AUTO(buf) struct buf out;
		struct der d;
		struct view v;
		struct view body;
		uint64_t n;
		unix_time t;

		buf_init(&out, sizeof(mem));
		der_init(&d, mem, sizeof(mem));
		der_put_time(&d, 4102444800 + (unix_time)i);
		der_put_time(&d, (unix_time)i);
		der_put_uint(&d, numbers[i]);
		der_put(&d, DER_OCTET_STRING, view_of(zeros, sizes[i]));
		der_wrap(&d, DER_SEQUENCE, sizeof(mem));
		assert_rc(RC_OK, der_done(&d, &out));
		v = buf_view(&out);
		assert_rc(RC_OK, der_body(&v, DER_SEQUENCE, &body));
		assert_rc(RC_OK, view_end(&v));
		assert_rc(RC_OK, der_body(&body, DER_OCTET_STRING, &v));
		assert_int_equal(v.len, sizes[i]);
		assert_rc(RC_OK, der_uint(&body, UINT64_MAX, &n));
		assert_true(n == numbers[i]);
		assert_rc(RC_OK, der_time(&body, &t));
		assert_int_equal(t, i);
		assert_rc(RC_OK, der_time(&body, &t));
		assert_true(t == 4102444800 + (unix_time)i);
		assert_rc(RC_OK, view_end(&body));
	}
}

static void writer_refuses(void **state)
{
	uint8_t mem[4];
	struct view many[DER_SET_MAX + 1] = {0};
	AUTO(buf) struct buf out;
	struct der d;

	(void)state;
	buf_init(&out, 3);
	der_init(&d, mem, sizeof(mem));
	der_put(&d, DER_OCTET_STRING, BYTES(1, 2, 3));
	assert_rc(RC_LIMIT, der_done(&d, &out));
	der_init(&d, mem, sizeof(mem));
	der_put(&d, DER_OCTET_STRING, BYTES(1, 2));
	assert_rc(RC_LIMIT, der_done(&d, &out)); /* fits d, not out */
	der_init(&d, mem, sizeof(mem));
	der_put_time(&d, -1);
	assert_true(d.failed);
	der_init(&d, mem, sizeof(mem));
	der_put_set_of(&d, many, DER_SET_MAX + 1);
	assert_true(d.failed);
}

static void set_order(void **state)
{
	uint8_t mem[64];
	struct der d;
	const struct view in[] = {BYTES(0x04, 0x02, 1, 2), BYTES(0x04, 0x01, 9),
				  BYTES(0x02, 0x01, 9), BYTES(0x04, 0x02, 1, 1)};
	const struct view want =
		BYTES(0x02, 0x01, 9, 0x04, 0x01, 9, 0x04, 0x02, 1, 1, 0x04, 0x02, 1, 2);

	(void)state;
	der_init(&d, mem, sizeof(mem));
	der_put_set_of(&d, in, 4);
	assert_true(view_is_equal(der_view(&d, sizeof(mem)), want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths),	     cmocka_unit_test(integers),
		cmocka_unit_test(small_types),	     cmocka_unit_test(times),
		cmocka_unit_test(writer_round_trip), cmocka_unit_test(writer_refuses),
		cmocka_unit_test(set_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
