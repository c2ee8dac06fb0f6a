/* Unit tests of lib/format/rpm_index.h, the index of an rpm repository, and of archive_raw.h, by
 * which it is expanded. What createrepo_c makes: tests/vectors/rpm/repodata, read by flow/lists. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/format/archive_raw.h"
#include "lib/format/rpm_index.h"
#include "tests/unit/vectors.h"

#define HEX "7be267197534347a54ef8d952ee0b00c1866e440e0ea863b77a1a65e5637285a"
#define COMMON "<metadata xmlns='http://linux.duke.edu/metadata/common'>"
#define PACKAGE COMMON "<package type='rpm'>"
#define END "</package></metadata>"

struct seen {
	struct rpm_index_row last;
	size_t count;
	rc answer;
};

static rc see(void *ctx, const struct rpm_index_row *row, struct fault *f)
{
	struct seen *s = (struct seen *)ctx;

	(void)f;
	s->last = *row;
	s->count++;
	return s->answer;
}

/* In pieces of so many bytes. */
static enum rc_code read_pieces(struct view v, size_t piece, struct seen *s,
				enum rpm_index_kind *kind)
{
	AUTO(rpm_index) struct rpm_index *x = NULL;
	rc r = rpm_index_new(see, s, &x);

	for (size_t n; rc_is_ok(r) && v.len > 0; v = view_of(v.ptr + n, v.len - n)) {
		n = v.len < piece ? v.len : piece;
		r = rpm_index_feed(x, view_of(v.ptr, n), NULL);
	}
	return rc_is_ok(r) ? rpm_index_end(x, kind, NULL).code : r.code;
}

static enum rc_code read_text(const char *text, struct seen *s)
{
	enum rpm_index_kind kind;

	*s = (struct seen){.answer = OK};
	return read_pieces(view_str(text), 65536, s, &kind);
}

static rc gather(void *ctx, struct view bytes, struct fault *f)
{
	(void)f;
	buf_put_view((struct buf *)ctx, bytes);
	return buf_done((struct buf *)ctx);
}

static rc expand(struct view bytes, uint64_t max, struct buf *out)
{
	AUTO(fd) int fd = memfd_create("raw", MFD_CLOEXEC);

	assert_rc(RC_OK, fd_write_full(fd, bytes.ptr, bytes.len, NULL));
	buf_init(out, 1 << 20);
	return archive_raw_read(fd, max, gather, out, NULL);
}

static void what_createrepo_makes_is_read(void **state)
{
	static const size_t pieces[] = {1, 7, 100000};
	AUTO(buf) struct buf gz = {0};
	AUTO(buf) struct buf xml = {0};
	AUTO(buf) struct buf repomd = {0};
	enum rpm_index_kind kind = RPM_INDEX_REPOMD;
	struct digest want;

	(void)state;
	assert_rc(RC_OK, digest_parse(view_str(HEX), &want));
	assert_rc(RC_OK, expand(vector_read(&gz, "rpm", "repodata/primary.xml.gz"), 100000, &xml));
	(void)vector_read(&repomd, "rpm", "repodata/repomd.xml");
	for (size_t i = 0; i < 3; i++) {
		struct seen s = {.answer = OK};

		assert_int_equal(RC_OK, read_pieces(buf_view(&xml), pieces[i], &s, &kind));
		assert_int_equal(RPM_INDEX_PRIMARY, kind);
		assert_int_equal(1, s.count);
		assert_string_equal("Sample_tool", s.last.name);
		assert_string_equal("3:1.0~rc1-2", s.last.version);
		assert_string_equal("noarch", s.last.architecture);
		assert_string_equal("sample.rpm", s.last.location);
		assert_true(s.last.has_digest && digest_is_equal(&want, &s.last.digest));
		s = (struct seen){.answer = OK};
		assert_int_equal(RC_OK, read_pieces(buf_view(&repomd), pieces[i], &s, &kind));
		assert_int_equal(RPM_INDEX_REPOMD, kind);
		assert_int_equal(6, s.count);
		assert_true(s.last.has_digest && s.last.has_open);
		assert_string_equal("other_db", s.last.name);
	}
}

static void what_is_wrong_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum rc_code code;
	} cases[] = {
		{PACKAGE "<name>a</name>" END, RC_OK},
		{"", RC_SYNTAX},
		{"<a/>", RC_SYNTAX},
		{"<metadata/>", RC_SYNTAX}, /* of no namespace */
		{PACKAGE, RC_SYNTAX},
		{PACKAGE "<name>a</arch>" END, RC_SYNTAX},
		{PACKAGE "<name>\xff</name>" END, RC_SYNTAX},
		{PACKAGE "<name><b/>a</name>" END, RC_SYNTAX},
		{PACKAGE "<version ver='1'/>" END, RC_SYNTAX},
		{PACKAGE "<checksum type='sha256'>abc</checksum>" END, RC_SYNTAX},
		{PACKAGE "<name>&a;</name>" END, RC_SYNTAX},
		{PACKAGE "<name>a</name><name>b</name>" END, RC_DUPLICATE},
		{PACKAGE "<location href='a'/><location href='b'/>" END, RC_DUPLICATE},
		{"<!DOCTYPE a [<!ENTITY a 'b'>]>" PACKAGE "<name>&a;</name>" END, RC_UNSUPPORTED},
		{COMMON "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>", RC_LIMIT},
	};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (read_text(cases[i].text, &s) != cases[i].code)
			fail_msg("%s: %d", cases[i].text, (int)read_text(cases[i].text, &s));
}

static void limits_hold(void **state)
{
	static char text[RPM_INDEX_TEXT + 200], name[RPM_INDEX_TEXT + 2];
	struct seen s;

	(void)state;
	memset(name, 'a', RPM_INDEX_TEXT + 1);
	for (size_t more = 0; more < 2; more++) {
		enum rc_code want = more == 0 ? RC_OK : RC_LIMIT;

		name[RPM_INDEX_TEXT + more] = '\0';
		(void)snprintf(text, sizeof(text), PACKAGE "<name>%s</name>" END, name);
		assert_int_equal(want, read_text(text, &s));
		(void)snprintf(text, sizeof(text), PACKAGE "<location href='%s'/>" END, name);
		assert_int_equal(want, read_text(text, &s));
		name[RPM_INDEX_TEXT + more] = 'a';
	}
	(void)snprintf(text, sizeof(text), PACKAGE "<version ver='%.1022s' rel='12'/>" END, name);
	assert_int_equal(RC_LIMIT, read_text(text, &s));
}

/* What the reader of rows says ends it, and nothing more is visited. */
static void a_visit_ends_it(void **state)
{
	struct seen s = {.answer = RC(RC_NOSPACE)};
	enum rpm_index_kind kind;

	(void)state;
	assert_int_equal(RC_NOSPACE,
			 read_pieces(view_str(COMMON "<package type='rpm'/><package type='rpm'/>"
						     "</metadata>"),
				     65536, &s, &kind));
	assert_int_equal(1, s.count);
	/* Other packages than rpms are none; digests of other kinds do not count. */
	assert_int_equal(RC_OK,
			 read_text(COMMON "<package type='deb'/><package type='rpm'><checksum "
					  "type='md5'>a</checksum>" END,
				   &s));
	assert_int_equal(1, s.count);
	assert_false(s.last.has_digest);
}

static void too_many_rows(void **state)
{
	static const char row[] = "<package type='rpm'/>";
	AUTO(buf) struct buf b = {0};
	struct seen s;

	(void)state;
	buf_init(&b, (size_t)16 << 20);
	buf_put_str(&b, COMMON);
	for (size_t i = 0; i <= RPM_INDEX_ROWS; i++)
		buf_put_str(&b, row);
	assert_int_equal(RC_LIMIT, read_text(buf_cstr(&b), &s));
	assert_int_equal(RPM_INDEX_ROWS, s.count);
}

static void what_expands_too_far(void **state)
{
	AUTO(buf) struct buf gz = {0};
	AUTO(buf) struct buf out = {0};
	struct view v = vector_read(&gz, "rpm", "repodata/primary.xml.gz");

	(void)state;
	assert_rc(RC_OK, expand(v, 1370, &out));
	assert_int_equal(1370, out.len);
	buf_release(&out);
	assert_rc(RC_LIMIT, expand(v, 1369, &out));
	buf_release(&out);
	assert_rc(RC_SYNTAX, expand(view_of(v.ptr, v.len / 2), 1370, &out));
	buf_release(&out);
	assert_rc(RC_SYNTAX, expand(view_str(""), 1370, &out));
	buf_release(&out);
	/* As it is. */
	assert_rc(RC_OK, expand(view_str("<a/>"), 4, &out));
	assert_string_equal("<a/>", buf_cstr(&out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_createrepo_makes_is_read),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(a_visit_ends_it),
		cmocka_unit_test(too_many_rows),
		cmocka_unit_test(what_expands_too_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
