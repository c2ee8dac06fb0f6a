/* Unit tests of what is said of zips that are made to be read in two ways. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

#include "lib/base/buf.h"
#include "lib/base/fd.h"
#include "lib/format/inspect.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

/* The members have one byte each, stored. */
#define BODY "x"
#define BODY_CRC 0x8cdc1683u

static void put_local(struct buf *zip, struct view name, uint16_t method, uint32_t size)
{
	buf_put_u32le(zip, 0x04034b50);
	buf_put_u16le(zip, 20);
	buf_put_u16le(zip, 0);
	buf_put_u16le(zip, method);
	buf_put_u32le(zip, 0x00210000); /* 1980-01-01 */
	buf_put_u32le(zip, BODY_CRC);
	buf_put_u32le(zip, size);
	buf_put_u32le(zip, size);
	buf_put_u16le(zip, (uint16_t)name.len);
	buf_put_u16le(zip, 0);
	buf_put_view(zip, name);
	buf_put_str(zip, BODY);
}

static void put_central(struct buf *zip, struct view name, struct view extra, size_t at)
{
	buf_put_u32le(zip, 0x02014b50);
	buf_put_u16le(zip, 20);
	buf_put_u16le(zip, 20);
	buf_put_u16le(zip, 0);
	buf_put_u16le(zip, 0);
	buf_put_u32le(zip, 0x00210000);
	buf_put_u32le(zip, BODY_CRC);
	buf_put_u32le(zip, 1);
	buf_put_u32le(zip, 1);
	buf_put_u16le(zip, (uint16_t)name.len);
	buf_put_u16le(zip, (uint16_t)extra.len);
	buf_put_u16le(zip, 0);
	buf_put_u16le(zip, 0);
	buf_put_u16le(zip, 0);
	buf_put_u32le(zip, 0);
	buf_put_u32le(zip, (uint32_t)at);
	buf_put_view(zip, name);
	buf_put_view(zip, extra);
}

static void put_end(struct buf *zip, uint16_t count, size_t from, size_t to, uint16_t comment)
{
	buf_put_u32le(zip, 0x06054b50);
	buf_put_u32le(zip, 0);
	buf_put_u16le(zip, count);
	buf_put_u16le(zip, count);
	buf_put_u32le(zip, (uint32_t)(to - from));
	buf_put_u32le(zip, (uint32_t)from);
	buf_put_u16le(zip, comment);
}

static void assert_finding(struct buf *zip, const char *code, const char *severity)
{
	AUTO(fd) int fd = memfd_create("zip", MFD_CLOEXEC);
	json_t *report = NULL;
	bool found = false;
	size_t i;
	json_t *e;

	assert_rc(RC_OK, buf_done(zip));
	assert_true(fd >= 0);
	assert_rc(RC_OK, fd_write_full(fd, zip->ptr, zip->len, NULL));
	assert_rc(RC_OK, inspect_file(fd, "a.zip", &inspect_limits_default, &report, NULL));
	json_array_foreach(json_object_get(report, "findings"), i, e)
	{
		assert_non_null(code);
		if (strcmp(json_string_value(json_object_get(e, "code")), code) != 0)
			continue;
		found = true;
		assert_string_equal(json_string_value(json_object_get(e, "severity")), severity);
	}
	assert_int_equal(found, code != NULL);
	json_decref(report);
}

struct one {
	const char *what;
	struct view local;
	struct view central;
	struct view extra;
	uint16_t method;
	uint32_t size;
	uint16_t count;
	const char *code; /* NULL: none */
};
#define V(s)                                                                                       \
	{                                                                                          \
		.ptr = (const uint8_t *)(s), .len = sizeof(s) - 1                                  \
	}

static void one_member(void **state)
{
	static const struct one table[] = {
		{"sound", V("ok.txt"), V("ok.txt"), {0}, 0, 1, 1, NULL},
		{"two names", V("evil.sh"), V("docs.md"), {0}, 0, 1, 1, "zip-ambiguous"},
		{"two lengths", V("ok.txt.sh"), V("ok.txt"), {0}, 0, 1, 1, "zip-ambiguous"},
		{"two methods", V("ok.txt"), V("ok.txt"), {0}, 8, 1, 1, "zip-ambiguous"},
		{"two sizes", V("ok.txt"), V("ok.txt"), {0}, 0, 0, 1, "zip-ambiguous"},
		{"a NUL", V("a.sh\0.txt"), V("a.sh\0.txt"), {0}, 0, 1, 1, "zip-ambiguous"},
		{"count", V("ok.txt"), V("ok.txt"), {0}, 0, 1, 2, "zip-ambiguous"},
		{"extra name", V("ok.txt"), V("ok.txt"), V("\x75\x70\x09\0\1\0\0\0\0evil"), 0, 1, 1,
		 "zip-ambiguous"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		AUTO(buf) struct buf zip = {0};
		size_t from;

		print_message("%s\n", table[i].what);
		buf_init(&zip, 1 << 16);
		put_local(&zip, table[i].local, table[i].method, table[i].size);
		from = zip.len;
		put_central(&zip, table[i].central, table[i].extra, 0);
		put_end(&zip, table[i].count, from, zip.len, 0);
		assert_finding(&zip, table[i].code, "error");
	}
}

/* Shown by what reads a zip from the front. */
static void member_without_entry(void **state)
{
	AUTO(buf) struct buf zip = {0};
	size_t from;

	(void)state;
	buf_init(&zip, 1 << 16);
	put_local(&zip, view_str("evil.sh"), 0, 1);
	from = zip.len;
	put_local(&zip, view_str("ok.txt"), 0, 1);
	put_central(&zip, view_str("ok.txt"), (struct view){0}, from);
	from = zip.len - 46 - 6;
	put_end(&zip, 1, from, zip.len, 0);
	assert_finding(&zip, "zip-gap", "warning");
}

static void entries_over_each_other(void **state)
{
	AUTO(buf) struct buf zip = {0};
	size_t from;

	(void)state;
	buf_init(&zip, 1 << 16);
	put_local(&zip, view_str("ok.txt"), 0, 1);
	from = zip.len;
	put_central(&zip, view_str("ok.txt"), (struct view){0}, 0);
	put_central(&zip, view_str("ok.txt"), (struct view){0}, 0);
	put_end(&zip, 2, from, zip.len, 0);
	assert_finding(&zip, "zip-ambiguous", "error");
}

/* The second one lies in the comment of the first. */
static void two_end_records(void **state)
{
	AUTO(buf) struct buf zip = {0};
	size_t from, to;

	(void)state;
	buf_init(&zip, 1 << 16);
	put_local(&zip, view_str("ok.txt"), 0, 1);
	from = zip.len;
	put_central(&zip, view_str("ok.txt"), (struct view){0}, 0);
	to = zip.len;
	put_end(&zip, 1, from, to, 22);
	put_end(&zip, 1, from, to, 0);
	assert_finding(&zip, "zip-ambiguous", "error");
}

/* A wide record and its locator; Info-ZIP writes one beside a narrow record that says the same. */
static void put_wide(struct buf *zip, uint64_t from, uint64_t size)
{
	uint64_t at = zip->len;

	buf_put_u32le(zip, 0x06064b50);
	buf_put_u32le(zip, 44);
	buf_put_u32le(zip, 0);
	buf_put_u32le(zip, 45 | 45 << 16);
	buf_put_u32le(zip, 0);
	buf_put_u32le(zip, 0);
	for (size_t i = 0; i < 2; i++) {
		buf_put_u32le(zip, 1);
		buf_put_u32le(zip, 0);
	}
	buf_put_u32le(zip, (uint32_t)size);
	buf_put_u32le(zip, 0);
	buf_put_u32le(zip, (uint32_t)from);
	buf_put_u32le(zip, 0);
	buf_put_u32le(zip, 0x07064b50);
	buf_put_u32le(zip, 0);
	buf_put_u32le(zip, (uint32_t)at);
	buf_put_u32le(zip, 0);
	buf_put_u32le(zip, 1);
}

static void wide_records(void **state)
{
	(void)state;
	/* Bit 0: all ones in the narrow record; 1: two names; 2: it says something else. */
	for (unsigned i = 0; i < 8; i++) {
		AUTO(buf) struct buf zip = {0};
		size_t from, size;
		size_t narrow;

		buf_init(&zip, 1 << 16);
		put_local(&zip, view_str((i & 2) != 0 ? "evil.s" : "ok.txt"), 0, 1);
		from = zip.len;
		put_central(&zip, view_str("ok.txt"), (struct view){0}, 0);
		size = zip.len - from;
		put_wide(&zip, from, size);
		narrow = (i & 1) != 0 ? UINT32_MAX : from;
		put_end(&zip, 1, narrow, narrow + size + ((i & 4) != 0), 0);
		assert_finding(&zip, i < 2 ? NULL : "zip-ambiguous", "error");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_member),
		cmocka_unit_test(member_without_entry),
		cmocka_unit_test(entries_over_each_other),
		cmocka_unit_test(two_end_records),
		cmocka_unit_test(wide_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
