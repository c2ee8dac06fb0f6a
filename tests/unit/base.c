/* Unit tests of lib/base: every rc in its headers is provoked once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/fd.h"
#include "lib/base/num.h"
#include "lib/base/secret.h"
#include "lib/base/view.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static void view_reads_in_bounds(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4, 5, 0, 0, 0, 2, 'h', 'i'};
	struct view v = view_of(bytes, sizeof(bytes));
	uint8_t u8;
	uint16_t u16;
	uint16_t u16le;
	uint64_t u64;
	struct view s;

	(void)state;
	assert_rc(RC_OK, view_u8(&v, &u8));
	assert_rc(RC_OK, view_u16be(&v, &u16));
	assert_rc(RC_OK, view_u16le(&v, &u16le));
	assert_int_equal(u8, 1);
	assert_int_equal(u16, 0x0203);
	assert_int_equal(u16le, 0x0504);
	assert_rc(RC_TRUNCATED, view_u64be(&v, &u64));
	assert_rc(RC_LIMIT, view_string(&v, 1, &s));
	assert_rc(RC_TRAILING, view_end(&v));
	assert_rc(RC_OK, view_string(&v, 2, &s));
	assert_true(view_is(s, "hi"));
	assert_rc(RC_OK, view_end(&v));
	assert_rc(RC_TRUNCATED, view_slice(s, 1, 2, &v));
	assert_rc(RC_TRUNCATED, view_slice(s, UINT64_MAX, 2, &v));
}

static void buf_is_sticky(void **state)
{
	AUTO(buf) struct buf b;
	uint8_t small[4];
	struct buf fixed;

	(void)state;
	buf_init(&b, 300);
	buf_put_str(&b, "abc");
	buf_printf(&b, "%d-%s", 42, "x");
	assert_string_equal(buf_cstr(&b), "abc42-x");
	for (int i = 0; i < 100; i++)
		buf_put_u32be(&b, 7);
	assert_rc(RC_LIMIT, buf_done(&b));
	buf_clear(&b);
	assert_rc(RC_OK, buf_done(&b));
	buf_init_fixed(&fixed, small, sizeof(small));
	buf_put_u32le(&fixed, 0x01020304);
	assert_rc(RC_OK, buf_done(&fixed));
	assert_int_equal(small[0], 4);
	buf_put_u8(&fixed, 1);
	assert_rc(RC_LIMIT, buf_done(&fixed));
	buf_release(&fixed);
}

static void numbers_are_checked(void **state)
{
	uint64_t v;
	uint32_t u32;

	(void)state;
	assert_rc(RC_OK, num_parse_u64("18446744073709551615", 20, UINT64_MAX, &v));
	assert_rc(RC_RANGE, num_parse_u64("18446744073709551616", 20, UINT64_MAX, &v));
	assert_rc(RC_SYNTAX, num_parse_u64("01", 2, 100, &v));
	assert_rc(RC_SYNTAX, num_parse_u64("", 0, 100, &v));
	assert_rc(RC_SYNTAX, num_parse_u64("1x", 2, 100, &v));
	assert_rc(RC_RANGE, num_parse_u64("101", 3, 100, &v));
	assert_rc(RC_RANGE, num_to_u32(1ULL << 32, &u32));
}

static void time_text_is_exact(void **state)
{
	char text[TIME_TEXT];
	unix_time t;

	(void)state;
	assert_rc(RC_OK, time_format(1795424400, text));
	assert_rc(RC_OK, time_parse(view_str(text), &t));
	assert_int_equal(t, 1795424400);
	assert_rc(RC_RANGE, time_parse(view_str("2026-02-30T00:00:00Z"), &t));
	assert_rc(RC_RANGE, time_parse(view_str("2026-12-31T23:59:60Z"), &t));
	assert_rc(RC_RANGE, time_parse(view_str("1969-12-31T23:59:59Z"), &t));
	assert_rc(RC_SYNTAX, time_parse(view_str("2026-02-03 00:00:00Z"), &t));
	assert_rc(RC_TRUNCATED, time_parse(view_str("2026-02-03"), &t));
	assert_rc(RC_TRAILING, time_parse(view_str("2026-02-03T00:00:00ZZ"), &t));
	assert_rc(RC_RANGE, time_format(-1, text));
}

static void buffers_are_wiped(void **state)
{
	uint8_t mem[16];
	struct buf b;
	struct buf none = {0};

	(void)state;
	buf_init_fixed(&b, mem, sizeof(mem));
	buf_put_str(&b, "a token");
	b.len = 2; /* also what is behind the end */
	secret_buf_release(&b);
	for (size_t i = 0; i < sizeof(mem); i++)
		assert_int_equal(mem[i], 0);
	secret_buf_release(&none);
}

static void secrets_compare(void **state)
{
	AUTO(secret) struct secret s = {0};

	(void)state;
	assert_rc(RC_LIMIT, secret_new(&s, 0));
	assert_rc(RC_LIMIT, secret_new(&s, SECRET_MAX + 1));
	assert_rc(RC_OK, secret_new(&s, 3));
	memcpy(s.ptr, "abc", 3);
	assert_true(ct_equal(secret_view(&s), view_str("abc")));
	assert_false(ct_equal(secret_view(&s), view_str("abd")));
	assert_false(ct_equal(secret_view(&s), view_str("ab")));
}

static void files_are_replaced_whole(void **state)
{
	char dir[200];
	char path[300], other[310];
	AUTO(buf) struct buf b;
	struct fault f;
	struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0600, .durable = true};
	const char *tmp = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";

	(void)state;
	buf_init(&b, 4);
	(void)snprintf(path, sizeof(path), "%s/gs-base-", tmp);
	assert_rc(RC_OK, dir_temp(path, dir, sizeof(dir), &f));
	(void)snprintf(path, sizeof(path), "%s/a/b", dir);
	assert_rc(RC_OK, dir_make(path, 0700, &f));
	(void)snprintf(path, sizeof(path), "%s/a/b/file", dir);
	assert_rc(RC_NOTFOUND, file_read(path, &b, &f));
	assert_rc(RC_OK, file_replace(&spec, view_str("1234"), &f));
	assert_rc(RC_OK, file_read(path, &b, &f));
	assert_true(view_is(buf_view(&b), "1234"));
	assert_rc(RC_OK, file_replace(&spec, view_str("12345"), &f));
	buf_clear(&b);
	assert_rc(RC_LIMIT, file_read(path, &b, &f));
	/* A link where the temporary file would be is not followed, and gone afterwards. */
	(void)snprintf(other, sizeof(other), "%s.tmp", path);
	assert_int_equal(0, symlink("aim", other));
	assert_rc(RC_OK, file_replace(&spec, view_str("56"), &f));
	assert_int_equal(-1, access(other, F_OK));
	(void)snprintf(other, sizeof(other), "%s/a/b/aim", dir);
	assert_int_equal(-1, access(other, F_OK));
	buf_clear(&b);
	assert_rc(RC_OK, file_read(path, &b, &f));
	assert_true(view_is(buf_view(&b), "56"));
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/a/b", dir);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/a", dir);
	(void)rmdir(path);
	assert_int_equal(rmdir(dir), 0);
}

static void faults_are_printable(void **state)
{
	struct fault f;

	(void)state;
	assert_rc(RC_RANGE, fault_set(&f, RC_RANGE, 7, "bad \x1b[31m%d", 5));
	assert_string_equal(f.text, "bad ?[31m5");
	assert_rc(RC_RANGE, fault_wrap(&f, RC(RC_RANGE), "item %d", 3));
	assert_string_equal(f.text, "item 3: bad ?[31m5");
	assert_int_equal(f.offset, 7);
	assert_rc(RC_NOSPACE, fault_errno(&f, 28, "disk"));
	for (int i = 0; i < RC__COUNT; i++)
		assert_true(strlen(rc_name(RC((enum rc_code)i))) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(view_reads_in_bounds),	    cmocka_unit_test(buf_is_sticky),
		cmocka_unit_test(numbers_are_checked),	    cmocka_unit_test(time_text_is_exact),
		cmocka_unit_test(secrets_compare),	    cmocka_unit_test(buffers_are_wiped),
		cmocka_unit_test(files_are_replaced_whole), cmocka_unit_test(faults_are_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
