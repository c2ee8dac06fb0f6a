/* Unit tests of rpm packages: their headers (lib/codec/rpm.h), and what an inspection says of one
 * that rpmbuild made (tests/vectors/rpm). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/codec/rpm_script.h"
#include "lib/crypt/digest.h"
#include "lib/format/diff.h"
#include "lib/format/inspect.h"
#include "tests/unit/vectors.h"

#define HEADER_AT 4504 /* the main header of the sample, whose signature header has 4404 bytes */

/* ---- Headers --------------------------------------------------------------------------------*/

struct row {
	uint32_t tag, type, offset, count;
};

/* A header of these entries behind its region, and these data before the region's end. */
static struct view make(struct buf *b, const struct row *rows, size_t count, const char *data,
			size_t len)
{
	uint32_t entries = (uint32_t)count + 1;

	buf_init(b, 4096 + len);
	buf_put(b, "\x8e\xad\xe8\x01\0\0\0\0", 8);
	buf_put_u32be(b, entries);
	buf_put_u32be(b, (uint32_t)len + 16);
	for (size_t i = 0; i < entries; i++) {
		struct row r = i == 0 ? (struct row){63, 7, (uint32_t)len, 16} : rows[i - 1];

		buf_put_u32be(b, r.tag);
		buf_put_u32be(b, r.type);
		buf_put_u32be(b, r.offset);
		buf_put_u32be(b, r.count);
	}
	buf_put(b, data, len);
	buf_put_u32be(b, 63);
	buf_put_u32be(b, 7);
	buf_put_u32be(b, 0 - entries * 16);
	buf_put_u32be(b, 16);
	assert_rc(RC_OK, buf_done(b));
	return buf_view(b);
}

static void entries_are_read(void **state)
{
	static const struct row rows[] = {{1000, RPM_STRING, 0, 1},
					  {1003, RPM_INT32, 8, 2},
					  {1004, 9, 16, 1},
					  {1005, RPM_STRINGS, 18, 3}};
	static const char data[] = "hello\0\0\0\0\0\0\7\0\0\1\0x\0a\0\0c";
	AUTO(buf) struct buf b = {0};
	struct view v = make(&b, rows, 4, data, sizeof(data)), s;
	struct rpm_header h;
	uint64_t size;
	uint32_t n;

	(void)state;
	assert_rc(RC_OK, rpm_header_size(v, &size, NULL));
	assert_int_equal(v.len, size);
	assert_rc(RC_OK, rpm_header_open(v, 63, &h, NULL));
	assert_rc(RC_OK, rpm_header_string(&h, 1000, 0, &s));
	assert_true(view_is(s, "hello"));
	assert_rc(RC_OK, rpm_header_string(&h, 1004, 0, &s));
	assert_true(view_is(s, "x"));
	assert_rc(RC_OK, rpm_header_string(&h, 1005, 1, &s));
	assert_int_equal(0, s.len);
	assert_rc(RC_OK, rpm_header_string(&h, 1005, 2, &s));
	assert_true(view_is(s, "c"));
	assert_rc(RC_NOTFOUND, rpm_header_string(&h, 1005, 3, &s));
	assert_rc(RC_NOTFOUND, rpm_header_string(&h, 1006, 0, &s));
	assert_rc(RC_SYNTAX, rpm_header_string(&h, 1003, 0, &s));
	assert_rc(RC_OK, rpm_header_u32(&h, 1003, 0, &n));
	assert_int_equal(7, n);
	assert_rc(RC_OK, rpm_header_u32(&h, 1003, 1, &n));
	assert_int_equal(256, n);
	assert_rc(RC_NOTFOUND, rpm_header_u32(&h, 1003, 2, &n));
	assert_rc(RC_NOTFOUND, rpm_header_u32(&h, 1, 0, &n));
	assert_rc(RC_SYNTAX, rpm_header_u32(&h, 1000, 0, &n));
	assert_rc(RC_OK, rpm_header_strings(&h, 1005, &s, &n));
	assert_int_equal(3, n);
	assert_true(view_is_equal(s, view_of("a\0\0c", 5)));
	assert_rc(RC_SYNTAX, rpm_header_strings(&h, 1000, &s, &n));
	assert_rc(RC_NOTFOUND, rpm_header_strings(&h, 1, &s, &n));
	assert_rc(RC_OK, rpm_header_u32s(&h, 1003, &s));
	assert_true(view_is_equal(s, view_of("\0\0\0\7\0\0\1\0", 8)));
	assert_rc(RC_SYNTAX, rpm_header_u32s(&h, 1000, &s));
	assert_rc(RC_NOTFOUND, rpm_header_u32s(&h, 1, &s));
	assert_rc(RC_OK, rpm_header_bytes(&h, 63, &s));
	assert_int_equal(16, s.len);
	assert_rc(RC_SYNTAX, rpm_header_bytes(&h, 1000, &s));
	assert_rc(RC_NOTFOUND, rpm_header_bytes(&h, 1, &s));
}

static enum rc_code code_of(struct row row, const char *data, size_t len)
{
	AUTO(buf) struct buf b = {0};
	struct rpm_header h;

	return rpm_header_open(make(&b, &row, 1, data, len), 63, &h, NULL).code;
}

static void entries_are_refused(void **state)
{
	static const struct row twice[] = {{1000, RPM_STRING, 0, 1}, {1000, RPM_STRING, 2, 1}};
	static const struct row over[] = {{1000, RPM_STRING, 0, 1}, {1001, RPM_STRING, 1, 1}};
	AUTO(buf) struct buf b = {0};
	AUTO(buf) struct buf c = {0};
	struct rpm_header h;
	struct view v, s;
	uint64_t size;

	(void)state;
	assert_rc(RC_OK, RC(code_of((struct row){1, RPM_STRING, 0, 1}, "a\0", 2)));
	assert_rc(RC_SYNTAX, RC(code_of((struct row){1, 0, 0, 1}, "a\0", 2)));
	assert_rc(RC_SYNTAX, RC(code_of((struct row){1, 10, 0, 1}, "a\0", 2)));
	assert_rc(RC_SYNTAX, RC(code_of((struct row){1, RPM_STRING, 0, 2}, "a\0b\0", 4)));
	assert_rc(RC_RANGE, RC(code_of((struct row){1, RPM_STRING, 0, 0}, "a\0", 2)));
	assert_rc(RC_RANGE, RC(code_of((struct row){1, RPM_STRING, 19, 1}, "a\0", 2)));
	assert_rc(RC_RANGE, RC(code_of((struct row){1, RPM_STRINGS, 0, 100}, "a\0", 2)));
	assert_rc(RC_RANGE, RC(code_of((struct row){1, RPM_INT32, 0, 0x40000001}, "aaaa", 4)));
	assert_rc(RC_RANGE, RC(code_of((struct row){1, RPM_INT32, 16, 2}, "aaaa", 4)));
	/* Over the one before; the same tag again. */
	assert_rc(RC_RANGE, rpm_header_open(make(&b, over, 2, "a\0b", 4), 63, &h, NULL));
	buf_release(&b);
	assert_rc(RC_OK, rpm_header_open(make(&b, twice, 2, "a\0b", 4), 63, &h, NULL));
	assert_rc(RC_DUPLICATE, rpm_header_string(&h, 1000, 0, &s));

	/* The region: another one, not the whole, without its end. */
	buf_release(&b);
	v = make(&b, twice, 1, "a", 2);
	assert_rc(RC_SYNTAX, rpm_header_open(v, 62, &h, NULL));
	b.ptr[15]--;
	assert_rc(RC_TRAILING, rpm_header_open(v, 63, &h, NULL));
	assert_rc(RC_RANGE, rpm_header_open(view_of(v.ptr, v.len - 1), 63, &h, NULL));
	b.ptr[15]++;
	b.ptr[v.len - 5] += 16; /* the region's size */
	assert_rc(RC_NONCANON, rpm_header_open(v, 63, &h, NULL));
	b.ptr[v.len - 5] -= 16;
	b.ptr[27] += 1; /* where its end lies */
	assert_rc(RC_RANGE, rpm_header_open(v, 63, &h, NULL));
	b.ptr[27] -= 1;
	assert_rc(RC_OK, rpm_header_open(v, 63, &h, NULL));
	buf_init(&c, 4096);
	buf_put(&c, "\x8e\xad\xe8\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_rc(RC_SYNTAX, rpm_header_open(buf_view(&c), 63, &h, NULL));

	/* Cut anywhere; another beginning; more than is read. */
	for (size_t n = 0; n < v.len; n++)
		assert_rc(RC_TRUNCATED, rpm_header_open(view_of(v.ptr, n), 63, &h, NULL));
	assert_rc(RC_TRUNCATED, rpm_header_size(view_of(v.ptr, 15), &size, NULL));
	b.ptr[0] ^= 1;
	assert_rc(RC_SYNTAX, rpm_header_size(v, &size, NULL));
	b.ptr[0] ^= 1;
	b.ptr[9] = 2; /* entries */
	assert_rc(RC_LIMIT, rpm_header_size(v, &size, NULL));
	b.ptr[9] = 0;
	b.ptr[12] = 4; /* data */
	assert_rc(RC_LIMIT, rpm_header_size(v, &size, NULL));
}

static void leads_are_looked_at(void **state)
{
	AUTO(buf) struct buf b = {0};
	struct view v = vector_read(&b, "rpm", "sample.rpm");

	(void)state;
	assert_rc(RC_OK, rpm_lead_check(v, NULL));
	assert_rc(RC_SYNTAX, rpm_lead_check(view_of(v.ptr, 95), NULL));
	b.ptr[4] = 5;
	assert_rc(RC_UNSUPPORTED, rpm_lead_check(v, NULL));
	b.ptr[0] = 0;
	assert_rc(RC_SYNTAX, rpm_lead_check(v, NULL));
}

static void scripts_are_read(void **state)
{
	/* Lua with a word behind it is Lua; one of several triggers, one without a program; a
	 * program alone; flags. */
	static const struct row rows[] = {
		{1023, RPM_STRING, 0, 1},   {1085, RPM_STRINGS, 2, 2},	{1086, RPM_STRING, 10, 1},
		{1065, RPM_STRINGS, 12, 2}, {1092, RPM_STRINGS, 16, 1}, {5027, RPM_INT32, 20, 2},
	};
	static const char data[] = "a\0<lua>\0w\0p\0"
				   "b\0c\0"
				   "q\0\0\0"
				   "\0\0\0\1\0\0\0\2";
	AUTO(buf) struct buf b = {0};
	struct rpm_scripts at = {0};
	struct rpm_header h;
	struct rpm_script s;
	struct view word;

	(void)state;
	assert_rc(RC_OK, rpm_header_open(make(&b, rows, 6, data, sizeof(data) - 1), 63, &h, NULL));
	assert_rc(RC_OK, rpm_script_next(&h, &at, &s));
	assert_string_equal("prein", s.name);
	assert_true(s.lua && !s.expanded && view_is(s.text, "a"));
	assert_rc(RC_OK, rpm_script_word(&h, &s, 1, &word));
	assert_true(view_is(word, "w"));
	assert_rc(RC_NOTFOUND, rpm_script_word(&h, &s, 2, &word));
	assert_rc(RC_OK, rpm_script_next(&h, &at, &s));
	assert_string_equal("postin", s.name);
	assert_true(!s.lua && s.text.len == 0 && view_is(s.program, "p"));
	assert_rc(RC_OK, rpm_script_next(&h, &at, &s));
	assert_string_equal("trigger.0", s.name);
	assert_true(s.expanded && view_is(s.text, "b") && view_is(s.program, "q"));
	assert_rc(RC_NOTFOUND, rpm_script_word(&h, &s, 1, &word));
	assert_rc(RC_OK, rpm_script_next(&h, &at, &s));
	assert_string_equal("trigger.1", s.name);
	assert_true(s.expanded && view_is(s.text, "c") && view_is(s.program, "/bin/sh"));
	assert_rc(RC_NOTFOUND, rpm_script_next(&h, &at, &s));
	assert_rc(RC_NOTFOUND, rpm_script_next(&h, &at, &s));
}

static void scripts_that_cannot_be_read(void **state)
{
	static const struct {
		struct row rows[3];
		size_t count;
		const char *name;
		enum rc_code code;
	} cases[] = {
		{{{1024, RPM_INT32, 0, 1}}, 1, "postin", RC_SYNTAX},
		{{{1024, RPM_STRING, 0, 1}, {1086, RPM_INT32, 4, 1}}, 2, "postin", RC_SYNTAX},
		{{{1024, RPM_STRING, 0, 1}, {5021, RPM_STRING, 2, 1}}, 2, "postin", RC_SYNTAX},
		{{{1024, RPM_STRING, 0, 1}, {1024, RPM_STRING, 2, 1}}, 2, "postin", RC_DUPLICATE},
		{{{1065, RPM_STRINGS, 0, RPM_SCRIPTS_EACH + 1}}, 1, "trigger", RC_LIMIT},
	};
	static const char data[RPM_SCRIPTS_EACH + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO(buf) struct buf b = {0};
		struct rpm_scripts at = {0};
		struct rpm_header h;
		struct rpm_script s;
		rc r;

		assert_rc(RC_OK, rpm_header_open(make(&b, cases[i].rows, cases[i].count, data,
						      sizeof(data)),
						 63, &h, NULL));
		while (rc_is_ok(r = rpm_script_next(&h, &at, &s)))
			;
		assert_rc(cases[i].code, r);
		assert_string_equal(cases[i].name, s.name);
		/* It goes on behind that. */
		assert_rc(RC_NOTFOUND, rpm_script_next(&h, &at, &s));
	}
}

/* ---- Inspection -----------------------------------------------------------------------------*/

static json_t *inspect(struct view bytes)
{
	AUTO(fd) int fd = memfd_create("rpm", MFD_CLOEXEC);
	json_t *report = NULL;
	struct fault f = {0};

	assert_true(fd >= 0);
	assert_rc(RC_OK, fd_write_full(fd, bytes.ptr, bytes.len, NULL));
	assert_rc(RC_OK, inspect_file(fd, "sample.rpm", &inspect_limits_default, &report, &f));
	return report;
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static bool found(const json_t *report, const char *code, const char *path)
{
	size_t i;
	json_t *e;

	json_array_foreach(json_object_get(report, "findings"), i, e)
	{
		const char *at = text(e, "path");

		if (strcmp(text(e, "code"), code) == 0 && strcmp(at == NULL ? "" : at, path) == 0)
			return true;
	}
	return false;
}

static void a_package_is_described(void **state)
{
	static const struct {
		const char *name, *program, *body, *shown; /* NULL: as it is */
	} want[] = {
		{"prein", "/bin/sh", "echo pre"},
		{"postin", "/usr/bin/perl -w", "print \"post\\n\";", "print \"post\\\\n\";"},
		{"preun", "<lua>", "print(\"preun\")"},
		{"postun", "/sbin/ldconfig", ""},
		{"posttrans", "/bin/sh", "echo Sample_tool %{_host}"},
		{"trigger.0", "/bin/sh", "echo first"},
		{"trigger.1", "/usr/bin/python3", "print(\"second\")"},
		{"filetrigger.0", "/bin/sh", "echo files"},
	};
	AUTO(buf) struct buf b = {0};
	json_t *r = inspect(vector_read(&b, "rpm", "sample.rpm"));
	const json_t *rpm = json_object_get(r, "rpm");
	const json_t *scripts = json_object_get(rpm, "scripts");
	const json_t *entry =
		json_array_get(json_object_get(json_object_get(r, "archive"), "entries"), 0);

	(void)state;
	assert_string_equal("rpm", text(r, "type"));
	assert_true(json_is_true(json_object_get(r, "complete")));
	assert_string_equal("Sample_tool", text(rpm, "name"));
	assert_string_equal("3:1.0~rc1-2", text(rpm, "version"));
	assert_string_equal("noarch", text(rpm, "architecture"));
	assert_string_equal("builder.example", text(rpm, "build_host"));
	/* As rpm prints them. */
	assert_string_equal("5c8024606a3b1c7628f21b422fbdd8dc3fef6e5ec309639944070dc2e9f9607b",
			    text(rpm, "header"));
	assert_string_equal("457d12b1c57a1d5ba5a802862d15e7f543e21a09e13730797df01d779ef76100",
			    text(rpm, "payload"));
	assert_int_equal(sizeof(want) / sizeof(want[0]), json_array_size(scripts));
	for (size_t i = 0; i < json_array_size(scripts); i++) {
		const json_t *s = json_array_get(scripts, i);
		struct digest d = digest_of(view_str(want[i].body));
		char hex[DIGEST_HEX];

		digest_hex(&d, hex);
		assert_string_equal(want[i].name, text(s, "name"));
		assert_string_equal(want[i].program, text(s, "program"));
		assert_string_equal(want[i].shown == NULL ? want[i].body : want[i].shown,
				    text(s, "text"));
		assert_string_equal(hex, text(s, "sha256"));
		assert_true(found(r, "maintainer-script", want[i].name));
	}
	/* What stands for the one that rpm expands, and no other. */
	assert_string_equal("059a520a074654e6abd07621102381004d7643b4a91fa4af22fcfc4b1fa0ec71",
			    text(json_array_get(scripts, 4), "expanded"));
	assert_null(json_object_get(json_array_get(scripts, 0), "expanded"));
	assert_true(found(r, "rpm-lua", "preun"));
	assert_true(found(r, "rpm-expanded", "posttrans"));
	assert_false(found(r, "rpm-expanded", "prein"));
	assert_false(found(r, "compressed-twice", ""));
	assert_string_equal("usr/bin/sample", text(entry, "path"));
	assert_string_equal("script", text(entry, "runs"));
	json_decref(r);
}

/* The entry of this tag in the sample's main header gets another one. */
static void rename_tag(struct buf *b, uint32_t from, uint32_t to)
{
	uint8_t *at = b->ptr + HEADER_AT + RPM_INTRO;
	const uint8_t want[] = {(uint8_t)(from >> 24), (uint8_t)(from >> 16), (uint8_t)(from >> 8),
				(uint8_t)from};

	for (size_t i = 0; i < 200; i++, at += 16) {
		if (memcmp(at, want, 4) != 0)
			continue;
		at[2] = (uint8_t)(to >> 8);
		at[3] = (uint8_t)to;
		return;
	}
	fail();
}

static void what_is_wrong_is_found(void **state)
{
	AUTO(buf) struct buf b = {0};
	struct view v = vector_read(&b, "rpm", "sample.rpm");
	json_t *r;

	(void)state;
	/* Another payload than the header names. */
	b.ptr[v.len - 3] ^= 1;
	r = inspect(v);
	assert_true(found(r, "rpm-payload", ""));
	assert_null(json_object_get(json_object_get(r, "rpm"), "payload"));
	assert_true(json_is_false(json_object_get(r, "complete")));
	json_decref(r);
	b.ptr[v.len - 3] ^= 1;

	/* None that it names. 5092: the digest, 1106: made from sources, 5093: by which algorithm.
	 */
	rename_tag(&b, 5092, 5999);
	r = inspect(v);
	assert_true(found(r, "rpm-payload-unnamed", ""));
	assert_null(json_object_get(json_object_get(r, "rpm"), "payload"));
	json_decref(r);
	rename_tag(&b, 5999, 5092);
	rename_tag(&b, 5093, 1106);
	r = inspect(v);
	assert_true(found(r, "rpm-payload-unnamed", "") && found(r, "rpm-source", ""));
	json_decref(r);
	rename_tag(&b, 1106, 5093);

	/* A script twice; headers that cannot be read. */
	rename_tag(&b, 1024, 1023);
	r = inspect(v);
	assert_true(found(r, "rpm-malformed", "prein"));
	json_decref(r);
	rename_tag(&b, 1023, 1024);
	rename_tag(&b, 1024, 1023);
	r = inspect(view_of(v.ptr, HEADER_AT + 100));
	assert_true(found(r, "rpm-malformed", ""));
	assert_null(json_object_get(json_object_get(r, "rpm"), "name"));
	json_decref(r);
	r = inspect(view_of(v.ptr, 50));
	assert_true(found(r, "rpm-malformed", ""));
	json_decref(r);
}

/* ---- The header's list of files against the payload ------------------------------------------*/

/* tests/vectors/rpm/files.rpm has /opt/t/a (file), l (a link to a), b and c (one file), g (ghost).
 */
#define HEADER_MAGIC "\x8e\xad\xe8\x01"

static uint8_t *files_tag(struct buf *b, uint32_t tag)
{
	uint8_t *sig = b->ptr + RPM_LEAD;
	uint8_t *main = (uint8_t *)memmem(sig + 4, b->len - RPM_LEAD - 4, HEADER_MAGIC, 4);
	struct view v;
	uint32_t count, at, got;

	assert_non_null(main);
	v = view_of(main + 8, 4);
	assert_rc(RC_OK, view_u32be(&v, &count));
	for (size_t i = 0; i < count; i++) {
		v = view_of(main + RPM_INTRO + 16 * i, 16);
		assert_rc(RC_OK, view_u32be(&v, &got));
		if (got != tag)
			continue;
		assert_rc(RC_OK, view_skip(&v, 4));
		assert_rc(RC_OK, view_u32be(&v, &at));
		return main + RPM_INTRO + (size_t)16 * count + at;
	}
	fail();
	return NULL;
}

static const json_t *entry_of(const json_t *report, const char *path)
{
	size_t i;
	json_t *e;

	json_array_foreach(json_object_get(json_object_get(report, "archive"), "entries"), i, e)
	{
		if (strcmp(text(e, "path"), path) == 0)
			return e;
	}
	return NULL;
}

static void the_payload_is_what_the_header_lists(void **state)
{
	static const struct {
		uint32_t tag;
		size_t at;
		uint8_t before, after;
		const char *code, *path;
	} cases[] = {
		{1030, 0, 0x81, 0x89, "rpm-files", "opt/t/a"}, /* set-user-id */
		{1030, 1, 0xa4, 0xb6, "rpm-files", "opt/t/a"}, /* anybody may write */
		{1030, 0, 0x81, 0x21, "rpm-files", "opt/t/a"}, /* a device */
		{1036, 4, 'a', 'b', "rpm-files", "opt/t/l"},   /* leads elsewhere */
		{1117, 0, 'a', 'z', "rpm-files", "opt/t/a"},   /* not what is in the payload */
		{1117, 0, 'a', 'z', "rpm-files", "opt/t/z"},   /* not in the payload */
		{1118, 1, 'o', 'e', "rpm-files", "ept/t/a"},   /* elsewhere */
		{1037, 15, 64, 0, "rpm-files", "opt/t/g"},     /* no ghost */
		{1096, 15, 4, 1, "", ""},		       /* of a ghost: none */
		{1096, 3, 1, 2, "rpm-files", "opt/t/a"},       /* c's content, not its own */
		{1117, 0, 'a', 'b', "rpm-malformed", ""},      /* twice */
		{1116, 3, 0, 1, "rpm-malformed", ""},	       /* in no directory */
	};
	AUTO(buf) struct buf b = {0};
	struct view v = vector_read(&b, "rpm", "files.rpm");
	json_t *r = inspect(v);

	(void)state;
	assert_true(json_is_true(json_object_get(r, "complete")));
	assert_int_equal(
		4, json_array_size(json_object_get(json_object_get(r, "archive"), "entries")));
	/* What the payload has no place for. */
	assert_string_equal("nobody", text(entry_of(r, "opt/t/b"), "owner"));
	assert_null(text(entry_of(r, "opt/t/a"), "owner"));
	assert_string_equal("cap_setuid=ep", text(entry_of(r, "opt/t/b"), "capabilities"));
	assert_true(found(r, "rpm-capabilities", "opt/t/b"));
	json_decref(r);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *at = files_tag(&b, cases[i].tag) + cases[i].at;

		assert_int_equal(cases[i].before, *at);
		*at = cases[i].after;
		r = inspect(v);
		if (cases[i].code[0] != '\0')
			assert_true(found(r, cases[i].code, cases[i].path));
		assert_int_equal(cases[i].code[0] == '\0',
				 json_is_true(json_object_get(r, "complete")));
		json_decref(r);
		*at = cases[i].before;
	}
}

/* Owners are the header's, whatever numbers the payload has; other capabilities are a change. */
static void owners_and_capabilities(void **state)
{
	AUTO(buf) struct buf b = {0};
	struct view v = vector_read(&b, "rpm", "files-plain.rpm");
	json_t *was, *is, *d = NULL;
	const json_t *changed;
	uint8_t *at = (uint8_t *)memmem(b.ptr, b.len, "070701", 6);

	(void)state;
	assert_non_null(at);
	at[6 + 3 * 8 - 1] = '7'; /* c_uid of the first member */
	was = inspect(v);
	assert_null(json_object_get(entry_of(was, "opt/t/a"), "uid"));
	memcpy(files_tag(&b, 5010) + 1, "cap_setgid", 10);
	is = inspect(v);
	assert_rc(RC_OK, report_diff(was, is, &d, NULL));
	changed = json_object_get(json_object_get(d, "files"), "changed");
	assert_int_equal(1, json_array_size(changed));
	assert_string_equal("opt/t/b", text(json_array_get(changed, 0), "path"));
	json_decref(was);
	json_decref(is);
	json_decref(d);
}

/* The same tree, whatever it is packed with; what rpm would not unpack is no tree. */
static void payloads_of_any_compression(void **state)
{
	AUTO(buf) struct buf b = {0};
	struct view v = vector_read(&b, "rpm", "files-lzma.rpm");
	json_t *r = inspect(v);
	uint8_t *at;

	(void)state;
	assert_true(json_is_true(json_object_get(r, "complete")));
	assert_non_null(entry_of(r, "opt/t/a"));
	json_decref(r);
	buf_release(&b);
	/* A member by its number in the list (07070X): rpm takes it, libarchive does not. */
	v = vector_read(&b, "rpm", "files-plain.rpm");
	at = (uint8_t *)memmem(b.ptr, b.len, "070701", 6);
	assert_non_null(at);
	at[5] = 'X';
	r = inspect(v);
	assert_true(found(r, "rpm-files", "opt/t/a"));
	assert_null(entry_of(r, "data"));
	json_decref(r);
}

/* An inspection does not take the square of what a package brings. */
static void a_program_of_many_words(void **state)
{
	static const struct row program = {1085, RPM_STRINGS, 0, 1000000};
	AUTO(buf) struct buf sample = {0};
	AUTO(buf) struct buf main = {0};
	AUTO(buf) struct buf b = {0};
	char *words = (char *)calloc(program.count, 1);
	json_t *r;

	(void)state;
	buf_init(&b, 2 * (size_t)program.count);
	buf_put(&b, vector_read(&sample, "rpm", "sample.rpm").ptr, HEADER_AT);
	buf_put_view(&b, make(&main, &program, 1, words, program.count));
	r = inspect(buf_view(&b));
	assert_true(found(r, "rpm-malformed", "prein"));
	json_decref(r);
	free(words);
}

/* A change of any byte of the main header is another header, or none. */
static void any_change_of_the_header_shows(void **state)
{
	AUTO(buf) struct buf b = {0};
	struct view v = vector_read(&b, "rpm", "sample.rpm"), main;
	struct digest before, after;
	struct rpm_header h;
	uint64_t size;

	(void)state;
	assert_rc(RC_OK, rpm_header_size(view_of(v.ptr + HEADER_AT, RPM_INTRO), &size, NULL));
	main = view_of(v.ptr + HEADER_AT, (size_t)size);
	before = digest_of(main);
	for (size_t i = 0; i < main.len; i++) {
		b.ptr[HEADER_AT + i] ^= 0x41;
		if (rpm_header_open(main, 63, &h, NULL).code == RC_OK) {
			after = digest_of(h.bytes);
			assert_false(digest_is_equal(&before, &after));
		}
		b.ptr[HEADER_AT + i] ^= 0x41;
	}
}

/* The same text, run by something else, is another script. */
static void another_interpreter_is_a_difference(void **state)
{
	AUTO(buf) struct buf b = {0};
	struct view v = vector_read(&b, "rpm", "sample.rpm");
	json_t *was = inspect(v), *is, *d = NULL;
	const json_t *scripts;
	uint8_t *at =
		(uint8_t *)memmem(b.ptr + HEADER_AT, v.len - HEADER_AT, "/usr/bin/perl\0-w", 17);

	(void)state;
	assert_non_null(at);
	memcpy(at, "/usr/bin/evil", 13);
	is = inspect(v);
	assert_rc(RC_OK, report_diff(was, is, &d, NULL));
	scripts = json_object_get(d, "scripts");
	assert_int_equal(1, json_array_size(scripts));
	assert_string_equal("postin", text(json_array_get(scripts, 0), "name"));
	assert_non_null(strstr(text(json_array_get(scripts, 0), "diff"),
			       "-run by /usr/bin/perl -w\n+run by /usr/bin/evil -w\n"));
	json_decref(was);
	json_decref(is);
	json_decref(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_read),
		cmocka_unit_test(entries_are_refused),
		cmocka_unit_test(leads_are_looked_at),
		cmocka_unit_test(scripts_are_read),
		cmocka_unit_test(scripts_that_cannot_be_read),
		cmocka_unit_test(a_package_is_described),
		cmocka_unit_test(what_is_wrong_is_found),
		cmocka_unit_test(the_payload_is_what_the_header_lists),
		cmocka_unit_test(owners_and_capabilities),
		cmocka_unit_test(payloads_of_any_compression),
		cmocka_unit_test(a_program_of_many_words),
		cmocka_unit_test(any_change_of_the_header_shows),
		cmocka_unit_test(another_interpreter_is_a_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
