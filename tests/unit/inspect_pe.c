/* Unit tests of PE inspection on an image built here, field by field, and then bent. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/diff.h"
#include "lib/format/inspect.h"
#include "lib/format/report_text.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

/* Headers in the first 0x400 bytes, ".text" at 0x400 (address 0x1000), ".rsrc" at 0x600 (address
 * 0x2000), each 0x200 bytes; "certificates" behind them when a test asks for them. */
#define IMAGE 0x800
#define OPT 0x98 /* optional header: 0x80 + 24 */
#define DIRS (OPT + 96)
#define SECTION(i) (OPT + 224 + 40 * (i))

struct image {
	uint8_t b[IMAGE + 64];
	size_t len;
};

static void u16(struct image *m, size_t at, unsigned v)
{
	m->b[at] = (uint8_t)v;
	m->b[at + 1] = (uint8_t)(v >> 8);
}

static void u32(struct image *m, size_t at, uint32_t v)
{
	u16(m, at, v & 0xffff);
	u16(m, at + 2, v >> 16);
}

static void str(struct image *m, size_t at, const char *s)
{
	memcpy(m->b + at, s, strlen(s));
}

static size_t utf16(struct image *m, size_t at, const char *s)
{
	for (; *s != '\0'; s++, at += 2)
		u16(m, at, (uint8_t)*s);
	return at + 2;
}

static void section(struct image *m, unsigned i, const char *name, uint32_t flags)
{
	str(m, SECTION(i), name);
	u32(m, SECTION(i) + 8, 0x200);
	u32(m, SECTION(i) + 12, 0x1000 * (i + 1));
	u32(m, SECTION(i) + 16, 0x200);
	u32(m, SECTION(i) + 20, 0x400 + 0x200 * i);
	u32(m, SECTION(i) + 36, flags);
}

/* One DLL with a function by name and one by number. */
static void imports(struct image *m)
{
	u32(m, DIRS + 8, 0x1000);
	u32(m, DIRS + 12, 40);
	u32(m, 0x400, 0x1040);	    /* lookup table */
	u32(m, 0x400 + 12, 0x1080); /* name */
	u32(m, 0x440, 0x1090);
	u32(m, 0x444, 0x80000007);
	str(m, 0x480, "KERNEL32.dll");
	str(m, 0x492, "ExitProcess");
}

/* type 16, name 1, language 1033: a version block with one string. */
static void version(struct image *m)
{
	const size_t v = 0x680;
	size_t at;

	u32(m, DIRS + 16, 0x2000);
	u32(m, DIRS + 20, 0x200);
	for (unsigned level = 0; level < 3; level++) {
		u16(m, 0x600 + 0x18 * level + 14, 1);
		u32(m, 0x600 + 0x18 * level + 16, level == 0 ? 16 : level == 1 ? 1 : 1033);
		u32(m, 0x600 + 0x18 * level + 20,
		    level == 2 ? 0x48 : 0x80000000 + 0x18 * (level + 1));
	}
	u32(m, 0x648, 0x2080);
	u32(m, 0x64c, 0x110);
	u16(m, v, 0x110);
	u16(m, v + 2, 52);
	(void)utf16(m, v + 6, "VS_VERSION_INFO");
	u32(m, v + 40, 0xfeef04bd);
	u32(m, v + 48, 0x00010002);
	u32(m, v + 52, 0x00030004);
	u32(m, v + 56, 0x00050006);
	u32(m, v + 60, 0x00070008);
	at = v + 92;
	u16(m, at, 0x110 - 92);
	u16(m, at + 4, 1);
	at = utf16(m, at + 6, "StringFileInfo");
	at = (at - v + 3) / 4 * 4 + v;
	u16(m, at, (unsigned)(v + 0x110 - at));
	u16(m, at + 4, 1);
	at = utf16(m, at + 6, "040904b0");
	at = (at - v + 3) / 4 * 4 + v;
	u16(m, at, (unsigned)(v + 0x110 - at));
	u16(m, at + 2, 5);
	u16(m, at + 4, 1);
	at = utf16(m, at + 6, "ProductName");
	at = (at - v + 3) / 4 * 4 + v;
	(void)utf16(m, at, "Demo");
}

static void build(struct image *m)
{
	*m = (struct image){.len = IMAGE};
	str(m, 0, "MZ");
	u32(m, 0x3c, 0x80);
	str(m, 0x80, "PE");
	u16(m, 0x84, 0x14c);
	u16(m, 0x86, 2);
	u32(m, 0x88, 1700000000);
	u16(m, 0x94, 224);
	u16(m, 0x96, 0x2102);
	u16(m, OPT, 0x10b);
	u32(m, OPT + 16, 0x1010);
	u32(m, OPT + 60, 0x400);
	u16(m, OPT + 68, 3);
	u16(m, OPT + 70, 0x0140);
	u32(m, OPT + 92, 16);
	section(m, 0, ".text", 0x60000020);
	section(m, 1, ".rsrc", 0x40000040);
	imports(m);
	version(m);
}

static json_t *inspect(const struct image *m)
{
	AUTO(fd) int fd = memfd_create("pe", MFD_CLOEXEC);
	json_t *report = NULL;

	assert_true(fd >= 0);
	assert_rc(RC_OK, fd_write_full(fd, m->b, m->len, NULL));
	assert_rc(RC_OK, inspect_file(fd, "a.dll", &inspect_limits_default, &report, NULL));
	assert_string_equal(json_string_value(json_object_get(report, "type")), "pe");
	return report;
}

static bool found(const json_t *report, const char *code)
{
	size_t i;
	json_t *e;

	json_array_foreach(json_object_get(report, "findings"), i,
			   e) if (strcmp(json_string_value(json_object_get(e, "code")), code) ==
				  0) return true;
	return false;
}

static const json_t *pe_of(const json_t *report, const char *key)
{
	return json_object_get(json_object_get(report, "pe"), key);
}

#define assert_text(o, key, want)                                                                  \
	assert_string_equal(json_string_value(json_object_get(o, key)), want)

/* Found in a review: one byte changed in a section of a signed release showed no difference at all.
 */
static void changed_bytes_show(void **state)
{
	static const struct {
		size_t at;
		const char *shown;
	} cases[] = {
		{0x5ff, "~ .text\n"},
		{0x7ff, "~ .rsrc\n"},
		{IMAGE + 3, "pe.overlay_sha256: "},
		{0x3ff, "in nothing that an inspection lists"}, /* behind the section table */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(buf) struct buf text = {0};
		json_t *was, *is, *diff = NULL;
		struct image m;

		buf_init(&text, 65536);
		build(&m);
		m.len = IMAGE + 8; /* an overlay of 8 bytes */
		was = inspect(&m);
		m.b[cases[i].at] ^= 1;
		is = inspect(&m);
		assert_rc(RC_OK, report_diff(was, is, &diff, NULL));
		assert_rc(RC_OK, diff_print_text(diff, (struct text_style){0}, &text, NULL));
		assert_non_null(strstr(buf_cstr(&text), cases[i].shown));
		json_decref(was);
		json_decref(is);
		json_decref(diff);
	}
}

static void good_image(void **state)
{
	struct image m;
	const json_t *pe, *dll, *list;
	json_t *r;

	(void)state;
	build(&m);
	r = inspect(&m);
	pe = json_object_get(r, "pe");
	assert_int_equal(json_array_size(json_object_get(r, "findings")), 0);
	assert_true(json_is_true(json_object_get(r, "complete")));
	assert_text(pe, "machine", "i386");
	assert_text(pe, "format", "PE32");
	assert_text(pe, "subsystem", "console");
	assert_true(json_is_true(json_object_get(pe, "dll")));
	assert_true(json_is_true(json_object_get(pe, "aslr")));
	assert_true(json_is_true(json_object_get(pe, "nx")));
	assert_true(json_is_false(json_object_get(pe, "cfg")));
	assert_int_equal(json_integer_value(json_object_get(pe, "timestamp")), 1700000000);
	assert_int_equal(json_integer_value(json_object_get(pe, "overlay")), 0);
	dll = json_array_get(json_object_get(pe, "imports"), 0);
	assert_text(dll, "dll", "KERNEL32.dll");
	list = json_object_get(dll, "functions");
	assert_string_equal(json_string_value(json_array_get(list, 0)), "ExitProcess");
	assert_string_equal(json_string_value(json_array_get(list, 1)), "#7");
	assert_int_equal(json_array_size(list), 2);
	assert_text(json_array_get(json_object_get(pe, "sections"), 0), "name", ".text");
	assert_text(json_array_get(json_object_get(pe, "sections"), 0), "flags", "r-x");
	assert_text(pe_of(r, "version"), "file", "1.2.3.4");
	assert_text(pe_of(r, "version"), "product", "5.6.7.8");
	assert_text(json_object_get(pe_of(r, "version"), "strings"), "ProductName", "Demo");
	json_decref(r);
}

static void bent_headers(void **state)
{
	struct image m;
	json_t *r;

	(void)state;
	build(&m);
	u32(&m, SECTION(0) + 36, 0xe0000020);
	u16(&m, OPT + 70, 0);
	u32(&m, OPT + 16, 0x2010);
	memset(m.b + IMAGE, 'x', 64);
	m.len = IMAGE + 64;
	r = inspect(&m);
	assert_true(found(r, "pe-writable-code"));
	assert_true(found(r, "pe-no-aslr"));
	assert_true(found(r, "pe-no-nx"));
	assert_true(found(r, "pe-entry-point"));
	assert_true(found(r, "pe-overlay"));
	assert_int_equal(json_integer_value(pe_of(r, "overlay")), 64);
	json_decref(r);

	build(&m);
	u32(&m, SECTION(1) + 16, 0x10000);
	r = inspect(&m);
	assert_true(found(r, "pe-truncated"));
	assert_true(json_is_false(json_object_get(r, "complete")));
	json_decref(r);

	build(&m);
	u16(&m, OPT, 0x107);
	r = inspect(&m);
	assert_true(found(r, "pe-malformed"));
	json_decref(r);

	build(&m);
	u16(&m, 0x86, 400);
	r = inspect(&m);
	assert_true(found(r, "pe-malformed") || found(r, "pe-too-many-sections"));
	json_decref(r);
}

static void bent_tables(void **state)
{
	struct image m;
	json_t *r;

	(void)state;
	build(&m);
	u32(&m, 0x440, 0x7ffffff0); /* a function's name outside of everything */
	r = inspect(&m);
	assert_true(found(r, "pe-malformed"));
	json_decref(r);

	build(&m);
	u32(&m, 0x614, 0x80000000); /* the resource directory leads to itself */
	r = inspect(&m);
	assert_true(found(r, "pe-malformed"));
	json_decref(r);

	build(&m);
	u32(&m, 0x64c, 0x7fffffff); /* a version block without end */
	r = inspect(&m);
	assert_true(found(r, "pe-resource"));
	json_decref(r);

	build(&m);
	u16(&m, 0x680, 3); /* shorter than its own header */
	r = inspect(&m);
	assert_true(found(r, "pe-malformed"));
	json_decref(r);
}

static void certificates(struct image *m, uint32_t size, uint32_t der)
{
	u32(m, DIRS + 32, IMAGE);
	u32(m, DIRS + 36, size);
	u32(m, IMAGE, size);
	u32(m, IMAGE + 4, 0x00020200);
	m->b[IMAGE + 8] = 0x30;
	m->b[IMAGE + 9] = (uint8_t)(der - 2);
	m->len = IMAGE + size;
}

static void certificate_table(void **state)
{
	struct image m;
	json_t *r;

	(void)state;
	build(&m);
	certificates(&m, 40, 30);
	r = inspect(&m);
	assert_int_equal(json_integer_value(pe_of(r, "signatures")), 1);
	assert_int_equal(json_array_size(json_object_get(r, "findings")), 0);
	json_decref(r);

	build(&m);
	certificates(&m, 40, 16);
	r = inspect(&m);
	assert_true(found(r, "pe-certificate-padding"));
	json_decref(r);

	build(&m);
	certificates(&m, 40, 30);
	m.b[IMAGE + 8] = 0x31;
	m.len += 8;
	r = inspect(&m);
	assert_true(found(r, "pe-certificate"));
	assert_true(found(r, "pe-data-after-signature"));
	json_decref(r);

	build(&m);
	certificates(&m, 40, 30);
	m.len -= 8;
	r = inspect(&m);
	assert_true(found(r, "pe-malformed"));
	json_decref(r);
}

static void cut_anywhere(void **state)
{
	struct image m;

	(void)state;
	build(&m);
	for (m.len = 64; m.len < IMAGE; m.len += 5) {
		json_t *r = inspect(&m);

		assert_true(json_is_false(json_object_get(r, "complete")));
		json_decref(r);
	}
}

/* Any byte may be anything: no finding is asked for, only an answer. */
static void every_byte(void **state)
{
	struct image m, bent;

	(void)state;
	build(&m);
	for (size_t i = 0x3c; i < 0x700; i++) {
		if (i >= 0x40 && i < 0x82)
			continue;
		bent = m;
		bent.b[i] ^= 0xff;
		AUTO(fd) int fd = memfd_create("pe", MFD_CLOEXEC);
		json_t *r = NULL;

		assert_rc(RC_OK, fd_write_full(fd, bent.b, bent.len, NULL));
		assert_rc(RC_OK, inspect_file(fd, "a.dll", &inspect_limits_default, &r, NULL));
		json_decref(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_image),	     cmocka_unit_test(changed_bytes_show),
		cmocka_unit_test(bent_headers),	     cmocka_unit_test(bent_tables),
		cmocka_unit_test(certificate_table), cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
