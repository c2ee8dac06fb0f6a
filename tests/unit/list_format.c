/* Unit tests of the formats allowlist and package-record: what is signed as one is nothing else,
 * what is no list is not signed, and what people are shown of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

#include "lib/format/cms_file.h"
#include "lib/format/cms_tbs.h"
#include "lib/format/diff.h"
#include "lib/format/inspect.h"
#include "lib/format/list_file.h"
#include "lib/format/list_tbs.h"
#include "lib/format/report_text.h"
#include "lib/model/list.h"
#include "lib/model/package_record.h"
#include "tests/support/ca.h"
#include "tests/unit/vectors.h"

static struct ca world;
static struct fault f;

static int setup(void **state)
{
	(void)state;
	ca_new(&world, KEY_P256);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ca_free(&world);
	return 0;
}

static int file_of(struct view bytes)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_rc(RC_OK, fd_pwrite_full(fd, bytes.ptr, bytes.len, 0, NULL));
	return fd;
}

static int vector_file(const char *name)
{
	AUTO(buf) struct buf b;

	return file_of(vector_read(&b, "list", name));
}

static void sign(const struct format_tbs *format, const struct hash *content, struct buf *object)
{
	const struct view chain[] = {buf_view(&world.middle.cert)};
	struct tbs_key key;
	struct tbs_input in = {.content = *content,
			       .params = view_str("{\"digest\":\"sha256\"}"),
			       .when = CA_NOW,
			       .key = &key};
	AUTO(buf) struct buf tbs;
	AUTO(buf) struct buf sig;

	buf_init(&tbs, TBS_MAX);
	buf_init(&sig, PKEY_SIGNATURE_MAX);
	buf_clear(object);
	assert_rc(RC_OK, tbs_key_init(&key, KEY_P256, buf_view(&world.leaf.cert), chain, 1, &f));
	assert_rc(RC_OK, format->tbs(&in, &tbs, &f));
	assert_rc(RC_OK, tbs_sign(&in, buf_view(&tbs), &world.leaf.signer, &sig, &f));
	assert_rc(RC_OK, format->finish(&in, buf_view(&sig), object, &f));
}

static enum rc_code judge(const struct format_file *format, int fd, struct view object)
{
	const struct view root = buf_view(&world.root.cert);
	const struct verify_trust trust = {&root, 1, CA_NOW};
	struct verify_report report;

	return format->verify(fd, object, &trust, &report, &f).code;
}

static void a_signature_is_of_one_format(void **state)
{
	const struct format_file *files[] = {&format_cms_file, &format_allowlist_file,
					     &format_package_record_file};
	const struct format_tbs *halves[] = {&format_cms_tbs, &format_allowlist_tbs,
					     &format_package_record_tbs};
	AUTO(fd) int list = vector_file("base.list");
	AUTO(fd) int record = vector_file("hello.record");
	AUTO(buf) struct buf object;
	struct hash h;

	(void)state;
	buf_init(&object, 1 << 16);
	for (size_t i = 0; i < 3; i++) {
		const int own = i == 2 ? record : list;

		assert_ptr_equal(format_file_find(view_str(files[i]->name)), files[i]);
		assert_ptr_equal(format_tbs_find(view_str(files[i]->name)), halves[i]);
		assert_rc(RC_OK, files[i]->content(own, HASH_SHA256, &h, &f));
		sign(halves[i], &h, &object);
		assert_rc(RC_OK, RC(judge(files[i], own, buf_view(&object))));
		for (size_t k = 0; k < 3; k++)
			if (k != i)
				assert_rc(RC_UNSUPPORTED,
					  RC(judge(files[k], own, buf_view(&object))));
		assert_int_not_equal(RC_OK,
				     judge(files[i], i == 2 ? list : record, buf_view(&object)));
	}
}

static void no_byte_of_a_signature_may_change(void **state)
{
	AUTO(fd) int list = vector_file("base.list");
	AUTO(buf) struct buf object;
	struct hash h;

	(void)state;
	buf_init(&object, 1 << 16);
	assert_rc(RC_OK, format_allowlist_file.content(list, HASH_SHA256, &h, &f));
	sign(&format_allowlist_tbs, &h, &object);
	for (size_t i = 0; i < object.len; i++) {
		object.ptr[i] ^= 1;
		assert_int_not_equal(RC_OK, judge(&format_allowlist_file, list, buf_view(&object)));
		object.ptr[i] ^= 1;
	}
	assert_rc(RC_OK, RC(judge(&format_allowlist_file, list, buf_view(&object))));
}

/* RFC 5652 5.1: 3 where the content is not id-data. The version is not signed. */
static void versions_are_those_of_the_rfc(void **state)
{
	AUTO(fd) int list = vector_file("base.list");
	AUTO(buf) struct buf object;
	struct hash h;

	(void)state;
	buf_init(&object, 1 << 16);
	assert_rc(RC_OK, format_allowlist_file.content(list, HASH_SHA256, &h, &f));
	for (size_t i = 0; i < 2; i++) {
		const uint8_t right = i == 0 ? 3 : 1;
		uint8_t *version;

		sign(i == 0 ? &format_allowlist_tbs : &format_cms_tbs, &h, &object);
		/* ContentInfo, its OID, [0], SignedData, all with lengths of two bytes. */
		version = object.ptr + 4 + 11 + 4 + 4 + 2;
		assert_int_equal(*version, right);
		*version = (uint8_t)(4 - right);
		assert_rc(RC_UNSUPPORTED,
			  RC(judge(i == 0 ? &format_allowlist_file : &format_cms_file, list,
				   buf_view(&object))));
		*version = 2;
		assert_rc(RC_UNSUPPORTED, RC(judge(&format_cms_file, list, buf_view(&object))));
	}
}

static enum rc_code content_code(const struct format_file *format, struct view bytes)
{
	AUTO(fd) int fd = file_of(bytes);
	struct hash h;

	return format->content(fd, HASH_SHA256, &h, &f).code;
}

static void what_is_no_list_has_no_digest(void **state)
{
	AUTO(fd) int huge = memfd_create("huge", MFD_CLOEXEC);
	AUTO(buf) struct buf b;
	struct hash h;
	struct view v;

	(void)state;
	v = vector_read(&b, "list", "base.list");
	assert_rc(RC_OK, RC(content_code(&format_allowlist_file, v)));
	assert_rc(RC_MISMATCH, RC(content_code(&format_package_record_file, v)));
	assert_rc(RC_TRUNCATED, RC(content_code(&format_allowlist_file, view_of(v.ptr, 0))));
	assert_rc(RC_TRUNCATED,
		  RC(content_code(&format_allowlist_file, view_of(v.ptr, v.len - 1))));
	b.ptr[b.len - 1] = ' '; /* a name without its end */
	assert_rc(RC_TRUNCATED, RC(content_code(&format_allowlist_file, v)));
	assert_int_equal(0, ftruncate(huge, (off_t)CONTENTS_BYTES_MAX + 1));
	assert_rc(RC_LIMIT, format_allowlist_file.content(huge, HASH_SHA256, &h, &f));
}

/* ---- What people are shown ------------------------------------------------------------------*/

static json_t *report_of(struct view bytes)
{
	AUTO(fd) int fd = file_of(bytes);
	json_t *report;

	assert_rc(RC_OK, inspect_file(fd, "x.list", &inspect_limits_default, &report, &f));
	return report;
}

static bool has_finding(const json_t *report, const char *code)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(report, "findings"), i,
			   row) if (strcmp(json_string_value(json_object_get(row, "code")), code) ==
				    0) return true;
	return false;
}

static long long count(const json_t *o, const char *part, const char *key)
{
	return json_integer_value(
		json_object_get(json_object_get(json_object_get(o, part), "counts"), key));
}

static void lists_are_shown(void **state)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf b;
	const json_t *records;
	json_t *report;

	(void)state;
	buf_init(&text, 1 << 16);
	report = report_of(vector_read(&b, "list", "base.list"));
	assert_string_equal(json_string_value(json_object_get(report, "type")), "list");
	assert_true(json_is_true(json_object_get(report, "complete")));
	assert_int_equal(count(report, "list", "records"), 6);
	assert_int_equal(count(report, "list", "program"), 3);
	assert_int_equal(count(report, "list", "revoked"), 1);
	records = json_object_get(json_object_get(report, "list"), "records");
	assert_int_equal(json_array_size(records), 6);
	/* In the order of packages: what has none comes first. */
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(records, 2), "package")),
		"binutils 2.40-2 amd64");
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(records, 2), "classes")),
		"program producer");
	assert_true(has_finding(report, "list-producer"));
	assert_false(has_finding(report, "list-unnamed"));
	assert_rc(RC_OK, report_print_text(report, (struct text_style){0}, &text, &f));
	assert_non_null(strstr(buf_cstr(&text), "program interpreter  dash 0.5.12-2 amd64  "
						"/usr/bin/dash  sha256 "));
	json_decref(report);
	buf_release(&b);
	report = report_of(vector_read(&b, "list", "unnamed.list"));
	assert_true(has_finding(report, "list-unnamed"));
	json_decref(report);
	buf_release(&b);
	report = report_of(vector_read(&b, "list", "hello.record"));
	assert_string_equal(json_string_value(json_object_get(report, "type")), "record");
	assert_int_equal(count(report, "record", "script"), 1);
	json_decref(report);
}

static void broken_lists_are_told(void **state)
{
	struct inspect_limits few = inspect_limits_default;
	AUTO(buf) struct buf b;
	json_t *report;
	struct view v;

	(void)state;
	v = vector_read(&b, "list", "base.list");
	few.entries = 5;
	{
		AUTO(fd) int fd = file_of(v);

		assert_rc(RC_OK, inspect_file(fd, "x", &few, &report, &f));
		assert_true(has_finding(report, "list-too-long"));
		assert_false(json_is_true(json_object_get(report, "complete")));
		json_decref(report);
		few.entries = 6;
		few.report = 300;
		assert_rc(RC_OK, inspect_file(fd, "x", &few, &report, &f));
		assert_true(has_finding(report, "report-too-large"));
		json_decref(report);
	}
	b.ptr[b.len - 1] = ' ';
	report = report_of(v);
	assert_true(has_finding(report, "list-malformed"));
	json_decref(report);
	report = report_of(view_of(v.ptr, v.len - 40));
	assert_true(has_finding(report, "list-malformed"));
	assert_false(json_is_true(json_object_get(report, "complete")));
	json_decref(report);
}

static void write_list(uint64_t serial, struct content *records, size_t n, struct buf *out)
{
	const struct list_header h = {.name = {"base"},
				      .origin = "log.example.org",
				      .serial = serial,
				      .not_before = CA_NOW,
				      .not_after = CA_NOW + 86400,
				      .groups = {{"build"}},
				      .group_count = 1};

	buf_clear(out);
	assert_rc(RC_OK, list_encode(&h, records, n, out, &f));
}

static void approvers_see_the_difference(void **state)
{
	struct content before[] = {
		{digest_of(view_str("kept")), LIST_PROGRAM, "a 1 all", "/bin/kept"},
		{digest_of(view_str("old")), LIST_LIBRARY, "b 1 all", "/lib/old"},
		{digest_of(view_str("bad")), LIST_PROGRAM, "c 1 all", "/bin/bad"},
	};
	struct content after[] = {
		{digest_of(view_str("kept")), LIST_PROGRAM, "a 1 all", "/bin/kept"},
		{digest_of(view_str("new")), LIST_LIBRARY, "b 2 all", "/lib/new"},
		{digest_of(view_str("bad")), LIST_REVOKED, "c 1 all", "/bin/bad"},
	};
	AUTO(buf) struct buf a = {0};
	AUTO(buf) struct buf b = {0};
	AUTO(buf) struct buf text = {0};
	json_t *reports[2];
	json_t *diff;

	(void)state;
	buf_init(&a, 1 << 16);
	buf_init(&b, 1 << 16);
	buf_init(&text, 1 << 16);
	write_list(1, before, 3, &a);
	write_list(2, after, 3, &b);
	reports[0] = report_of(buf_view(&a));
	reports[1] = report_of(buf_view(&b));
	assert_rc(RC_OK, report_diff(reports[0], reports[1], &diff, &f));
	assert_true(json_is_true(json_object_get(diff, "complete")));
	assert_int_equal(count(diff, "records", "added"), 1);
	assert_int_equal(count(diff, "records", "removed"), 1);
	assert_int_equal(count(diff, "records", "changed"), 1);
	assert_int_equal(count(diff, "records", "unchanged"), 1);
	assert_rc(RC_OK, diff_print_text(diff, (struct text_style){0}, &text, &f));
	assert_non_null(strstr(buf_cstr(&text), "list.serial: 1 -> 2"));
	assert_non_null(strstr(buf_cstr(&text), "+ library  b 2 all  /lib/new  sha256 "));
	assert_non_null(strstr(buf_cstr(&text), "- library  b 1 all  /lib/old  sha256 "));
	assert_non_null(strstr(buf_cstr(&text), "~ /bin/bad\n      classes: program -> revoked"));
	json_decref(diff);
	json_decref(reports[0]);
	json_decref(reports[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_is_of_one_format),
		cmocka_unit_test(no_byte_of_a_signature_may_change),
		cmocka_unit_test(versions_are_those_of_the_rfc),
		cmocka_unit_test(what_is_no_list_has_no_digest),
		cmocka_unit_test(lists_are_shown),
		cmocka_unit_test(broken_lists_are_told),
		cmocka_unit_test(approvers_see_the_difference),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
