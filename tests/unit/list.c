/* Unit tests of lib/model contents, list and package_record: vectors, every refusal, every byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "lib/model/list.h"
#include "lib/model/package_record.h"
#include "tests/unit/vectors.h"

#define DAY 86400
#define BORN ((unix_time)1795651200) /* 2026-11-26T00:00:00Z */

static const struct list_header base = {
	.name = {"base"},
	.origin = "log.example.org",
	.serial = 7,
	.not_before = BORN,
	.not_after = BORN + 90 * (unix_time)DAY,
	.groups = {{"build"}, {"desktops"}},
	.group_count = 2,
};

static struct content record(const char *text, unsigned classes, const char *package,
			     const char *path)
{
	return (struct content){.digest = digest_of(view_str(text)),
				.classes = (uint8_t)classes,
				.package = package,
				.path = path};
}

/* In an order that is not the table's; "ld" comes in two halves. */
static size_t base_records(struct content out[8])
{
	size_t n = 0;

	out[n++] = record("libc", LIST_LIBRARY, "libc6 2.36-9 amd64", "/lib/libc.so.6");
	out[n++] = record("ld", LIST_PRODUCER, "binutils 2.40-2 amd64", "/usr/bin/ld.bfd");
	out[n++] = record("bad", LIST_REVOKED, NULL, NULL);
	out[n++] = record("dash", LIST_PROGRAM | LIST_INTERPRETER, "dash 0.5.12-2 amd64",
			  "/usr/bin/dash");
	out[n++] = record("tool", LIST_SCRIPT, "", "/usr/local/bin/to\\x0aol");
	out[n++] = record("ld", LIST_PROGRAM, "binutils 2.40-2 amd64", "/usr/bin/ld");
	out[n++] = record("true", LIST_PROGRAM, "coreutils 9.1-1 amd64", "/usr/bin/true");
	return n;
}

static struct view base_list(struct buf *b)
{
	struct content records[8];
	size_t n = base_records(records);

	buf_clear(b);
	assert_rc(RC_OK, list_encode(&base, records, n, b, NULL));
	return buf_view(b);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void vector(const char *name, struct buf *out)
{
	buf_release(out);
	(void)vector_read(out, "list", name);
}

/* The beginning is enough for the header; a piece of it is not. */
static void headers_are_read_alone(struct view list)
{
	struct package_record_header other;
	struct list_header h;
	size_t least = 0;

	while (least < list.len && !rc_is_ok(list_peek(view_of(list.ptr, least), &h, NULL))) {
		assert_rc(RC_TRUNCATED, list_peek(view_of(list.ptr, least), &h, NULL));
		least++;
	}
	assert_in_range(least, CONTENTS_FRAME + 1, CONTENTS_FRAME + 400);
	assert_memory_equal(&h, &base, sizeof(base));
	assert_rc(RC_OK, list_peek(list, &h, NULL));
	assert_rc(RC_MISMATCH, package_record_peek(list, &other, NULL));
}

static void vectors_are_what_we_write(void **state)
{
	static const struct package_record_header hello = {
		.name = "hello", .version = "2:2.10-3~deb12u1", .architecture = "amd64"};
	struct package_record_header h = hello;
	struct content brought[2];
	struct content records[8];
	struct package_record p;
	AUTO(buf) struct buf want;
	AUTO(buf) struct buf have;
	struct list l;
	size_t n;

	(void)state;
	buf_init(&want, 1 << 16);
	buf_init(&have, 1 << 16);
	vector("base.list", &want);
	assert_true(view_is_equal(buf_view(&want), base_list(&have)));
	assert_rc(RC_OK, list_open(buf_view(&want), &l, NULL));
	assert_memory_equal(&l.header, &base, sizeof(base));
	assert_int_equal(l.contents.count, 6);

	headers_are_read_alone(buf_view(&want));

	n = base_records(records);
	for (size_t i = 0; i < n; i++)
		records[i].package = records[i].path = NULL;
	buf_clear(&have);
	assert_rc(RC_OK, list_encode(&base, records, n, &have, NULL));
	vector("unnamed.list", &want);
	assert_true(view_is_equal(buf_view(&want), buf_view(&have)));

	h.archive = digest_of(view_str("hello.deb"));
	brought[0] = record("postinst", LIST_SCRIPT, NULL, "DEBIAN/postinst");
	brought[1] = record("hello", LIST_PROGRAM, NULL, "/usr/bin/hello");
	buf_clear(&have);
	assert_rc(RC_OK, package_record_encode(&h, brought, 2, &have, NULL));
	vector("hello.record", &want);
	assert_true(view_is_equal(buf_view(&want), buf_view(&have)));
	assert_rc(RC_OK, package_record_open(buf_view(&want), &p, NULL));
	assert_memory_equal(&p.header, &h, sizeof(h));
	buf_clear(&have);
	h = (struct package_record_header){.kind = PACKAGE_RPM,
					   .name = "NetworkManager-libnm_x",
					   .version = "1:1.44.2~rc1^git-3.el9",
					   .architecture = "x86_64",
					   .archive = digest_of(view_str("NetworkManager.rpm")),
					   .header = digest_of(view_str("its header"))};
	assert_rc(RC_OK, package_record_encode(&h, brought, 2, &have, NULL));
	vector("rpm.record", &want);
	assert_true(view_is_equal(buf_view(&want), buf_view(&have)));
	assert_rc(RC_OK, package_record_open(buf_view(&want), &p, NULL));
	assert_memory_equal(&p.header, &h, sizeof(h));

	h = hello;
	h.archive = digest_of(view_str("hello.deb"));
	buf_clear(&have);
	assert_rc(RC_OK, package_record_encode(&h, NULL, 0, &have, NULL));
	vector("empty.record", &want);
	assert_true(view_is_equal(buf_view(&want), buf_view(&have)));
}

static unsigned find(const struct list *l, const char *text)
{
	struct digest d = digest_of(view_str(text));

	return list_find(l, d.b);
}

static void contents_are_found_by_digest(void **state)
{
	static const uint8_t least[DIGEST_SIZE];
	uint8_t most[DIGEST_SIZE];
	AUTO(buf) struct buf b;
	struct list l;

	(void)state;
	memset(most, 0xff, sizeof(most));
	buf_init(&b, 1 << 16);
	assert_rc(RC_OK, list_open(base_list(&b), &l, NULL));
	assert_int_equal(find(&l, "true"), LIST_PROGRAM);
	assert_int_equal(find(&l, "dash"), LIST_PROGRAM | LIST_INTERPRETER);
	assert_int_equal(find(&l, "ld"), LIST_PROGRAM | LIST_PRODUCER);
	assert_int_equal(find(&l, "libc"), LIST_LIBRARY);
	assert_int_equal(find(&l, "tool"), LIST_SCRIPT);
	assert_int_equal(find(&l, "bad"), LIST_REVOKED);
	assert_int_equal(find(&l, "anything else"), 0);
	assert_int_equal(list_find(&l, least), 0);
	assert_int_equal(list_find(&l, most), 0);
	l.contents.count = 0;
	assert_int_equal(find(&l, "true"), 0);
}

/* Who revokes means it, whatever else the same list says. */
static void revoked_wins(void **state)
{
	struct content records[2] = {record("x", LIST_PROGRAM, NULL, NULL),
				     record("x", LIST_REVOKED, "p", "/x")};
	AUTO(buf) struct buf b;
	struct view package;
	struct view path;
	struct view names;
	struct list l;

	(void)state;
	buf_init(&b, 1 << 16);
	assert_rc(RC_OK, list_encode(&base, records, 2, &b, NULL));
	assert_rc(RC_OK, list_open(buf_view(&b), &l, NULL));
	assert_int_equal(l.contents.count, 1);
	assert_int_equal(find(&l, "x"), LIST_REVOKED);
	assert_rc(RC_OK, contents_names_check(&l.contents, NULL));
	names = l.contents.names;
	contents_name_next(&names, &package, &path);
	assert_true(view_is(package, "p") && view_is(path, "/x"));
	/* Reading on does no harm. */
	contents_name_next(&names, &package, &path);
	assert_int_equal(package.len + path.len, 0);
}

static void classes_have_names(void **state)
{
	unsigned bit;

	(void)state;
	for (unsigned i = 0; i < LIST_CLASSES; i++) {
		assert_rc(RC_OK, list_class_parse(view_str(list_class_name(1u << i)), &bit));
		assert_int_equal(bit, 1u << i);
	}
	assert_null(list_class_name(0));
	assert_null(list_class_name(LIST_PROGRAM | LIST_SCRIPT));
	assert_null(list_class_name(128));
	assert_rc(RC_UNKNOWN, list_class_parse(view_str("programs"), &bit));
}

/* ---- Refusals -------------------------------------------------------------------------------*/

/* Of base.list: header of 150 bytes or so; where the table begins. */
static size_t table_at(struct view v)
{
	size_t header = (size_t)v.ptr[18] << 8 | v.ptr[19];

	return (CONTENTS_FRAME + header + 31) / 32 * 32;
}

static enum rc_code open_code(struct view v)
{
	struct list l;
	struct fault f;

	return list_open(v, &l, &f).code;
}

/* The list with one byte at `at` set. */
static enum rc_code with(struct view v, size_t at, uint8_t byte)
{
	uint8_t *copy = (uint8_t *)malloc(v.len);
	enum rc_code code;

	assert_non_null(copy);
	memcpy(copy, v.ptr, v.len);
	copy[at] = byte;
	code = open_code(view_of(copy, v.len));
	free(copy);
	return code;
}

static void bodies_are_refused(void **state)
{
	uint8_t copy[1024];
	AUTO(buf) struct buf b;
	struct view v;
	size_t at;

	(void)state;
	buf_init(&b, 1 << 16);
	v = base_list(&b);
	at = table_at(v);
	assert_true(v.len < sizeof(copy));
	assert_rc(RC_OK, RC(open_code(v)));
	for (size_t n = 0; n < v.len; n++)
		assert_rc(RC_TRUNCATED, RC(open_code(view_of(v.ptr, n))));
	memcpy(copy, v.ptr, v.len);
	copy[v.len] = '\n';
	assert_rc(RC_TRAILING, RC(open_code(view_of(copy, v.len + 1))));
	assert_rc(RC_MISMATCH, RC(with(v, 15, '2')));
	assert_rc(RC_LIMIT, RC(with(v, 17, 0xff)));	/* header */
	assert_rc(RC_LIMIT, RC(with(v, 20, 0x01)));	/* count */
	assert_rc(RC_LIMIT, RC(with(v, 24, 0x80)));	/* names */
	assert_rc(RC_NONCANON, RC(with(v, at - 1, 1))); /* padding */
	assert_rc(RC_NONCANON, RC(with(v, at, 0xff)));	/* order */
	memcpy(copy + at, v.ptr + at + 32, 32);
	assert_rc(RC_DUPLICATE, RC(open_code(view_of(copy, v.len))));
	at += 6 * DIGEST_SIZE;
	assert_rc(RC_RANGE, RC(with(v, at, 0)));
	assert_rc(RC_RANGE, RC(with(v, at, 128)));
	assert_rc(RC_RANGE, RC(with(v, at, LIST_REVOKED | LIST_PROGRAM)));
	assert_rc(RC_OK, RC(with(v, at, LIST_REVOKED)));
}

static enum rc_code header_code(const struct list_header *h)
{
	AUTO(buf) struct buf b;

	buf_init(&b, 1 << 16);
	return list_encode(h, NULL, 0, &b, NULL).code;
}

static void headers_are_refused(void **state)
{
	struct list_header h = base;

	(void)state;
	assert_rc(RC_OK, RC(header_code(&h)));
	h.group_count = 0;
	assert_rc(RC_RANGE, RC(header_code(&h)));
	h.group_count = LIST_GROUPS_MAX + 1;
	assert_rc(RC_LIMIT, RC(header_code(&h)));
	h = base;
	h.groups[1] = h.groups[0];
	assert_rc(RC_DUPLICATE, RC(header_code(&h)));
	h.groups[0] = base.groups[1];
	assert_rc(RC_NONCANON, RC(header_code(&h)));
	h = base;
	h.serial = 0;
	assert_rc(RC_RANGE, RC(header_code(&h)));
	h = base;
	h.not_before = h.not_after + 1;
	assert_rc(RC_RANGE, RC(header_code(&h)));
	h = base;
	h.origin[0] = '\0';
	assert_rc(RC_SYNTAX, RC(header_code(&h)));
	h = base;
	h.name.s[0] = 'B';
	assert_rc(RC_SYNTAX, RC(header_code(&h)));
}

static void headers_are_strict_json(void **state)
{
	AUTO(buf) struct buf b;
	struct view v;

	(void)state;
	buf_init(&b, 1 << 16);
	v = base_list(&b);
	assert_rc(RC_NONCANON, RC(with(v, CONTENTS_FRAME + 1, ' ')));
	assert_rc(RC_SYNTAX, RC(with(v, CONTENTS_FRAME, '[')));
	assert_rc(RC_UNKNOWN, RC(with(v, CONTENTS_FRAME + 2, 'a'))); /* "aroups" */
}

static enum rc_code write_code(struct content *records, size_t count)
{
	AUTO(buf) struct buf b;

	buf_init(&b, 1 << 16);
	return list_encode(&base, records, count, &b, NULL).code;
}

static void records_are_refused(void **state)
{
	static char path[CONTENTS_PATH_MAX + 2];
	struct content one;
	AUTO(buf) struct buf small;

	(void)state;
	one = record("x", 0, NULL, NULL);
	assert_rc(RC_RANGE, RC(write_code(&one, 1)));
	one = record("x", LIST_REVOKED | LIST_SCRIPT, NULL, NULL);
	assert_rc(RC_RANGE, RC(write_code(&one, 1)));
	one = record("x", LIST_SCRIPT, "a\tb", NULL);
	assert_rc(RC_SYNTAX, RC(write_code(&one, 1)));
	one = record("x", LIST_SCRIPT, NULL, "/a\nb");
	assert_rc(RC_SYNTAX, RC(write_code(&one, 1)));
	one = record("x", LIST_SCRIPT, NULL, "/\xc3\xa4");
	assert_rc(RC_SYNTAX, RC(write_code(&one, 1)));
	memset(path, 'p', sizeof(path) - 1);
	one = record("x", LIST_SCRIPT, NULL, path);
	assert_rc(RC_LIMIT, RC(write_code(&one, 1)));
	assert_rc(RC_LIMIT, RC(write_code(&one, CONTENTS_COUNT_MAX + 1)));
	path[CONTENTS_PATH_MAX] = '\0';
	assert_rc(RC_OK, RC(write_code(&one, 1)));
	buf_init(&small, 300);
	assert_rc(RC_LIMIT, list_encode(&base, &one, 1, &small, NULL));
}

/* The body of one record with these names behind it. */
static enum rc_code names_code(const char *names, size_t count)
{
	const uint8_t classes[2] = {LIST_PROGRAM, LIST_PROGRAM};
	uint8_t digests[2 * DIGEST_SIZE] = {0};
	struct contents c = {
		.count = count, .digests = digests, .classes = classes, .names = view_str(names)};
	struct fault f;

	return contents_names_check(&c, &f).code;
}

static void names_are_strict(void **state)
{
	(void)state;
	assert_rc(RC_OK, RC(names_code("", 2)));
	assert_rc(RC_OK, RC(names_code("p 1\t/a b\n\t\n", 2)));
	assert_rc(RC_NONCANON, RC(names_code("\t\n\t\n", 2)));
	assert_rc(RC_TRUNCATED, RC(names_code("p\t/a\n", 2)));
	assert_rc(RC_TRUNCATED, RC(names_code("p\t/a", 1)));
	assert_rc(RC_TRAILING, RC(names_code("p\t/a\n\t\n", 1)));
	assert_rc(RC_TRAILING, RC(names_code("p\t/a\n", 0)));
	assert_rc(RC_SYNTAX, RC(names_code("/a\n", 1)));
	assert_rc(RC_SYNTAX, RC(names_code("p\t/a\tb\n", 1)));
	assert_rc(RC_SYNTAX, RC(names_code("p\t/\x1b[31m\n", 1)));
}

static enum rc_code package_code(const struct package_record_header *h, struct content *records,
				 size_t count)
{
	AUTO(buf) struct buf b;

	buf_init(&b, 1 << 16);
	return package_record_encode(h, records, count, &b, NULL).code;
}

static void package_records_are_refused(void **state)
{
	const struct package_record_header good = {
		.name = "libstdc++6", .version = "12.2.0-14+deb12u1", .architecture = "amd64"};
	struct content one = record("x", LIST_REVOKED, NULL, NULL);
	struct package_record_header h = good;
	struct package_record p;
	AUTO(buf) struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	assert_rc(RC_OK, RC(package_code(&h, NULL, 0)));
	assert_rc(RC_DENIED, RC(package_code(&h, &one, 1)));
	assert_rc(RC_OK, package_record_encode(&h, (one.classes = LIST_SCRIPT, &one), 1, &b, NULL));
	b.ptr[b.len - 1] = LIST_REVOKED; /* no names: the class comes last */
	assert_rc(RC_DENIED, package_record_open(buf_view(&b), &p, NULL));
	assert_rc(RC_MISMATCH, package_record_open(base_list(&b), &p, NULL));
	(void)strcpy(h.name, "Hello");
	assert_rc(RC_SYNTAX, RC(package_code(&h, NULL, 0)));
	h = good;
	(void)strcpy(h.version, "1 2");
	assert_rc(RC_SYNTAX, RC(package_code(&h, NULL, 0)));
	h = good;
	(void)strcpy(h.architecture, "a.b");
	assert_rc(RC_SYNTAX, RC(package_code(&h, NULL, 0)));
	h.architecture[0] = '\0';
	assert_rc(RC_SYNTAX, RC(package_code(&h, NULL, 0)));
}

/* Each kind has its own words; a header belongs to an rpm, and to nothing else. */
static void records_of_rpm_packages_are_refused(void **state)
{
	const struct package_record_header good = {.kind = PACKAGE_RPM,
						   .name = "gcc-c++",
						   .version = "13.2.1^1-6_a",
						   .architecture = "x86_64"};
	static const char *const headers[] = {
		/* none; of a deb; twice; after the kind; no kind; another kind */
		"{\"architecture\":\"x\",\"archive\":\"" ZEROS
		"\",\"kind\":\"rpm\",\"name\":\"a\",\"version\":\"1-1\"}",
		"{\"architecture\":\"x\",\"archive\":\"" ZEROS "\",\"header\":\"" ZEROS
		"\",\"kind\":\"deb\",\"name\":\"a\",\"version\":\"1-1\"}",
		"{\"architecture\":\"x\",\"archive\":\"" ZEROS "\",\"header\":\"" ZEROS
		"\",\"header\":\"" ZEROS "\",\"kind\":\"rpm\",\"name\":\"a\",\"version\":\"1-1\"}",
		"{\"architecture\":\"x\",\"archive\":\"" ZEROS "\",\"header\":\"" ZEROS
		"\",\"name\":\"a\",\"version\":\"1-1\"}",
		"{\"architecture\":\"x\",\"archive\":\"" ZEROS "\",\"header\":\"" ZEROS
		"\",\"kind\":\"apk\",\"name\":\"a\",\"version\":\"1-1\"}"};
	static const enum rc_code codes[] = {RC_SYNTAX, RC_UNKNOWN, RC_DUPLICATE, RC_SYNTAX,
					     RC_UNKNOWN};
	static const struct {
		const char *name, *version, *architecture;
	} bad[] = {{"-a", "1-1", "x"}, {"a b", "1-1", "x"}, {"a/b", "1-1", "x"}, {"a", "^1-1", "x"},
		   {"a", "1/1", "x"},  {"a", "1-1", "x-y"}, {"a", "1-1", "X86"}, {"", "1-1", "x"}};
	struct package_record_header h = good;

	(void)state;
	assert_rc(RC_OK, RC(package_code(&h, NULL, 0)));
	/* What is good for one kind is not for the other. */
	h.kind = PACKAGE_DEB;
	assert_rc(RC_SYNTAX, RC(package_code(&h, NULL, 0)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		h = (struct package_record_header){.kind = PACKAGE_RPM};
		(void)strcpy(h.name, bad[i].name);
		(void)strcpy(h.version, bad[i].version);
		(void)strcpy(h.architecture, bad[i].architecture);
		assert_rc(RC_SYNTAX, RC(package_code(&h, NULL, 0)));
	}
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		AUTO(buf) struct buf b = {0};
		struct package_record p;

		buf_init(&b, 1 << 16);
		assert_rc(RC_OK, contents_write(PACKAGE_RECORD_MAGIC, view_str(headers[i]), NULL, 0,
						&b, NULL));
		assert_rc(codes[i], package_record_open(buf_view(&b), &p, NULL));
	}
}

/* A change of any byte is refused, or it changes what the list says: there are no bytes that
 * nothing reads, which two lists that say the same could differ in. */
static void every_byte_counts(void **state)
{
	AUTO(buf) struct buf b;
	struct list good;
	struct view v;
	size_t names;

	(void)state;
	buf_init(&b, 1 << 16);
	v = base_list(&b);
	assert_rc(RC_OK, list_open(v, &good, NULL));
	names = (size_t)(good.contents.names.ptr - v.ptr);
	for (size_t i = 0; i < v.len; i++) {
		uint8_t was = b.ptr[i];
		struct list l;

		b.ptr[i] ^= 1;
		if (rc_is_ok(list_open(v, &l, NULL)) && i < names)
			assert_true(memcmp(&l.header, &good.header, sizeof(l.header)) != 0 ||
				    i >= table_at(v));
		b.ptr[i] = was;
	}
	assert_rc(RC_OK, list_open(v, &good, NULL));
}

/* ---- A host takes a list --------------------------------------------------------------------*/

static void hosts_choose(void **state)
{
	static const struct name groups[2] = {{"servers"}, {"desktops"}};
	static const struct name other = {"other"};
	const struct digest digest = digest_of(view_str("a"));
	const struct list_host good = {.origin = "log.example.org",
				       .name = &base.name,
				       .groups = groups,
				       .group_count = 2,
				       .serial = 6,
				       .now = BORN};
	struct list_host h = good;

	(void)state;
	assert_rc(RC_OK, list_check(&base, &digest, &h, NULL));
	h.name = NULL;
	assert_rc(RC_OK, list_check(&base, &digest, &h, NULL));
	h.name = &other;
	assert_rc(RC_MISMATCH, list_check(&base, &digest, &h, NULL));
	h = good;
	h.origin = "log.example.com";
	assert_rc(RC_MISMATCH, list_check(&base, &digest, &h, NULL));
	h = good;
	h.group_count = 1;
	assert_rc(RC_DENIED, list_check(&base, &digest, &h, NULL));
	h.group_count = 0;
	assert_rc(RC_DENIED, list_check(&base, &digest, &h, NULL));
	h = good;
	h.serial = 8;
	assert_rc(RC_STATE, list_check(&base, &digest, &h, NULL));
	h.serial = 7;
	assert_rc(RC_STATE, list_check(&base, &digest, &h, NULL));
	h.digest = digest; /* the very list it has */
	assert_rc(RC_OK, list_check(&base, &digest, &h, NULL));
	h = good;
	h.now = BORN - 1;
	assert_rc(RC_WAIT, list_check(&base, &digest, &h, NULL));
	h.now = base.not_after;
	assert_rc(RC_OK, list_check(&base, &digest, &h, NULL));
	h.now++;
	assert_rc(RC_EXPIRED, list_check(&base, &digest, &h, NULL));
	h.serial = 8; /* older and expired: older is what matters */
	assert_rc(RC_STATE, list_check(&base, &digest, &h, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_are_what_we_write),
		cmocka_unit_test(contents_are_found_by_digest),
		cmocka_unit_test(revoked_wins),
		cmocka_unit_test(classes_have_names),
		cmocka_unit_test(bodies_are_refused),
		cmocka_unit_test(headers_are_refused),
		cmocka_unit_test(headers_are_strict_json),
		cmocka_unit_test(records_are_refused),
		cmocka_unit_test(names_are_strict),
		cmocka_unit_test(package_records_are_refused),
		cmocka_unit_test(records_of_rpm_packages_are_refused),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(hosts_choose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
