/* Unit tests of what a Debian package shows when its tars are made to be read in two ways: each of
 * these was installed by dpkg 1.21 as something else than a report showed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/buf.h"
#include "lib/base/fd.h"
#include "lib/format/inspect.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)
#define BLOCK 512u
#define SCRIPT "#!/bin/sh\necho script\n"
#define CONTROL "Package: demo\nVersion: 1\n"

/* One header of a tar, as freely as POSIX.1-1988 ustar has fields. */
struct head {
	const char *name;
	const char *magic;  /* NULL: "ustar" and version 00; 8 bytes */
	const char *prefix; /* NULL: none */
	const char *link;   /* NULL: none */
	char type;	    /* 0: '0' */
	size_t size;	    /* with body NULL: what the header says alone */
	const char *body;
};

static void put_sum(uint8_t *h)
{
	unsigned sum = 0;
	char text[8];

	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += h[i];
	(void)snprintf(text, sizeof(text), "%06o", sum);
	memcpy(h + 148, text, 7);
}

static void put_head(struct buf *tar, struct head m)
{
	size_t size = m.body == NULL ? m.size : strlen(m.body);
	uint8_t h[BLOCK] = {0};
	char text[13];

	memcpy(h, m.name, strlen(m.name));
	memcpy(h + 100, "0000755", 8);
	memcpy(h + 108, "0000000", 8);
	memcpy(h + 116, "0000000", 8);
	(void)snprintf(text, sizeof(text), "%011zo", size);
	memcpy(h + 124, text, 12);
	memcpy(h + 136, "00000000000", 12);
	h[156] = (uint8_t)(m.type == 0 ? '0' : m.type);
	if (m.link != NULL)
		memcpy(h + 157, m.link, strlen(m.link));
	memcpy(h + 257, m.magic == NULL ? "ustar\00000" : m.magic, 8);
	if (m.prefix != NULL)
		memcpy(h + 345, m.prefix, strlen(m.prefix));
	put_sum(h);
	buf_put(tar, h, sizeof(h));
	if (m.body == NULL)
		return;
	buf_put_str(tar, m.body);
	while (tar->len % BLOCK != 0)
		buf_put_u8(tar, 0);
}

static void put_end(struct buf *tar)
{
	static const uint8_t zero[2 * BLOCK];

	buf_put(tar, zero, sizeof(zero));
}

static void put_member(struct buf *ar, const char *name, struct view bytes)
{
	buf_printf(ar, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, "100644", bytes.len);
	buf_put_view(ar, bytes);
	if (bytes.len % 2 != 0)
		buf_put_u8(ar, '\n');
}

/* A package as deb(5) has it; an empty tar is a sound one. */
static json_t *inspect_deb(struct view control, const char *data_name, struct view data)
{
	int fd = memfd_create("deb", MFD_CLOEXEC);
	AUTO(buf) struct buf ar = {0};
	AUTO(buf) struct buf sound = {0};
	json_t *report = NULL;

	buf_init(&ar, 1 << 20);
	buf_init(&sound, 1 << 20);
	put_head(&sound, (struct head){.name = "./control", .body = CONTROL});
	put_end(&sound);
	buf_put_str(&ar, "!<arch>\n");
	put_member(&ar, "debian-binary", view_str("2.0\n"));
	put_member(&ar, "control.tar", control.len == 0 ? buf_view(&sound) : control);
	put_member(&ar, data_name, data.len == 0 ? buf_view(&sound) : data);
	assert_rc(RC_OK, buf_done(&ar));
	assert_true(fd >= 0);
	assert_rc(RC_OK, fd_write_full(fd, ar.ptr, ar.len, NULL));
	assert_rc(RC_OK, inspect_file(fd, "demo.deb", &inspect_limits_default, &report, NULL));
	fd_close(&fd);
	return report;
}

/* The finding of that code; NULL: there is none. */
static const json_t *found(const json_t *report, const char *code)
{
	size_t i;
	json_t *e;

	json_array_foreach(json_object_get(report, "findings"), i, e)
	{
		if (strcmp(json_string_value(json_object_get(e, "code")), code) == 0)
			return e;
	}
	return NULL;
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void assert_error(const json_t *report, const char *code, const char *path)
{
	const json_t *e = found(report, code);

	assert_non_null(e);
	assert_string_equal(text(e, "severity"), "error");
	if (path != NULL)
		assert_string_equal(text(e, "path"), path);
	assert_true(json_is_false(json_object_get(report, "complete")));
}

static const json_t *list(const json_t *report, const char *object, const char *key)
{
	return json_object_get(json_object_get(report, object), key);
}

static void sound_package(void **state)
{
	json_t *r = inspect_deb((struct view){0}, "data.tar", (struct view){0});

	(void)state;
	assert_int_equal(json_array_size(json_object_get(r, "findings")), 0);
	assert_true(json_is_true(json_object_get(r, "complete")));
	assert_string_equal(text(list(r, "deb", "control"), "Package"), "demo");
	json_decref(r);
}

/* An empty gzip stream in the name of the first member, which was all that was read: for dpkg,
 * data.tar is no compressed file, and what follows it is installed. */
static void name_that_is_a_gzip_stream(void **state)
{
	static const char gzip[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
	AUTO(buf) struct buf tar = {0};
	json_t *r;

	(void)state;
	buf_init(&tar, 1 << 20);
	put_head(&tar, (struct head){.name = "x", .body = "x"});
	memcpy(tar.ptr, gzip, sizeof(gzip));
	put_sum(tar.ptr);
	put_head(&tar, (struct head){.name = "./evil", .body = SCRIPT});
	put_end(&tar);
	r = inspect_deb((struct view){0}, "data.tar", buf_view(&tar));
	assert_int_equal(json_array_size(list(r, "archive", "entries")), 2);
	assert_string_equal(text(json_array_get(list(r, "archive", "entries"), 1), "path"), "evil");
	json_decref(r);
	/* Nor with a name that promises one compression, which zlib steps over if there is none. */
	r = inspect_deb((struct view){0}, "data.tar.xz", buf_view(&tar));
	assert_string_equal(text(json_array_get(list(r, "archive", "entries"), 1), "path"), "evil");
	json_decref(r);
}

static void unknown_compression(void **state)
{
	json_t *r = inspect_deb((struct view){0}, "data.tar.lzma", (struct view){0});

	(void)state;
	assert_error(r, "deb-member", "data.tar.lzma");
	json_decref(r);
}

static void script_by_another_name(void **state)
{
	static const char *const names[] = {"././postinst", ".//postinst", "/postinst",
					    ".///.//postinst"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		AUTO(buf) struct buf tar = {0};
		const json_t *script;
		json_t *r;

		buf_init(&tar, 1 << 20);
		put_head(&tar, (struct head){.name = "./control", .body = CONTROL});
		put_head(&tar, (struct head){.name = names[i], .body = SCRIPT});
		put_end(&tar);
		r = inspect_deb(buf_view(&tar), "data.tar", (struct view){0});
		script = json_array_get(list(r, "deb", "scripts"), 0);
		assert_string_equal(text(script, "name"), "postinst");
		assert_string_equal(text(script, "text"), SCRIPT);
		assert_non_null(found(r, "maintainer-script"));
		json_decref(r);
	}
}

static void script_that_is_a_link(void **state)
{
	(void)state;
	for (const char *type = "12"; *type != '\0'; type++) {
		AUTO(buf) struct buf tar = {0};
		json_t *r;

		buf_init(&tar, 1 << 20);
		put_head(&tar, (struct head){.name = "./control", .body = CONTROL});
		put_head(&tar, (struct head){.name = "./notes", .body = SCRIPT});
		put_head(&tar,
			 (struct head){.name = "./postinst", .type = *type, .link = "./notes"});
		put_end(&tar);
		r = inspect_deb(buf_view(&tar), "data.tar", (struct view){0});
		assert_error(r, "deb-control", "postinst");
		json_decref(r);
	}
}

static void fields_behind_empty_lines(void **state)
{
	AUTO(buf) struct buf tar = {0};
	json_t *r;

	(void)state;
	buf_init(&tar, 1 << 20);
	put_head(&tar, (struct head){.name = "./control", .body = "\n\n" CONTROL});
	put_end(&tar);
	r = inspect_deb(buf_view(&tar), "data.tar", (struct view){0});
	assert_string_equal(text(list(r, "deb", "control"), "Package"), "demo");
	json_decref(r);
}

/* Tars that dpkg's own reader, GNU tar (which unpacks control.tar) or node-tar make something else
 * of than libarchive does. */
static void tars_of_two_meanings(void **state)
{
	static const struct {
		const char *what;
		struct head heads[4];
	} table[] = {
		{"prefix for some alone",
		 {{.name = "etc/cron.d/x", .magic = "ustar 00", .prefix = "usr/doc", .body = "x"}}},
		{"prefix for some alone, again",
		 {{.name = "etc/cron.d/x", .magic = "ustarX00", .prefix = "usr/doc", .body = "x"}}},
		{"body of a hard link",
		 {{.name = "a", .body = "a"},
		  {.name = "b", .type = '1', .link = "a", .size = 1024},
		  {.name = "evil", .magic = "\0\0\0\0\0\0\0", .body = SCRIPT}}},
		{"body of a symbolic link",
		 {{.name = "b", .type = '2', .link = "a", .size = 1024},
		  {.name = "x", .body = "x"}}},
		{"body of a directory",
		 {{.name = "d", .type = '5', .size = 1024}, {.name = "x", .body = "x"}}},
		{"body of a file that is a directory",
		 {{.name = "d/", .size = 1024}, {.name = "x", .body = "x"}}},
		{"name for all that follow",
		 {{.name = "g", .type = 'g', .body = "17 path=postinst\n"},
		  {.name = "x", .body = "x"}}},
		{"two names",
		 {{.name = "p", .type = 'x', .body = "10 path=a\n10 path=b\n"},
		  {.name = "x", .body = "x"}}},
		{"two headers with a name",
		 {{.name = "p", .type = 'x', .body = "10 path=a\n"},
		  {.name = "p", .type = 'x', .body = "10 path=b\n"},
		  {.name = "x", .body = "x"}}},
		{"GNU's name and pax's",
		 {{.name = "L", .type = 'L', .body = "a"},
		  {.name = "p", .type = 'x', .body = "10 path=b\n"},
		  {.name = "x", .body = "x"}}},
		{"pax's name and GNU's",
		 {{.name = "p", .type = 'x', .body = "10 path=b\n"},
		  {.name = "L", .type = 'L', .body = "a"},
		  {.name = "x", .body = "x"}}},
		{"two sizes",
		 {{.name = "p", .type = 'x', .body = "12 size=600\n"},
		  {.name = "x", .body = "x"},
		  {.name = "y", .body = "y"}}},
		{"no record", {{.name = "p", .type = 'x', .body = "8 path=a\n"}, {.name = "x"}}},
		{"no type", {{.name = "x", .type = 'V'}, {.name = "y", .body = "y"}}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		AUTO(buf) struct buf tar = {0};
		AUTO(fd) int fd = memfd_create("tar", MFD_CLOEXEC);
		json_t *r = NULL;

		buf_init(&tar, 1 << 20);
		for (size_t j = 0; j < 4 && table[i].heads[j].name != NULL; j++)
			put_head(&tar, table[i].heads[j]);
		put_end(&tar);
		print_message("%s\n", table[i].what);
		r = inspect_deb((struct view){0}, "data.tar", buf_view(&tar));
		assert_error(r, "tar-ambiguous", NULL);
		json_decref(r);
		/* Any other tar, too. */
		assert_rc(RC_OK, fd_write_full(fd, tar.ptr, tar.len, NULL));
		assert_rc(RC_OK, inspect_file(fd, "x.tar", &inspect_limits_default, &r, NULL));
		assert_error(r, "tar-ambiguous", NULL);
		json_decref(r);
	}
}

/* git puts the commit there. */
static void global_comment(void **state)
{
	AUTO(buf) struct buf tar = {0};
	json_t *r;

	(void)state;
	buf_init(&tar, 1 << 20);
	put_head(&tar, (struct head){.name = "g", .type = 'g', .body = "16 comment=abcd\n"});
	put_head(&tar, (struct head){.name = "./x", .body = "x"});
	put_end(&tar);
	r = inspect_deb((struct view){0}, "data.tar", buf_view(&tar));
	assert_null(found(r, "tar-ambiguous"));
	json_decref(r);
}

/* libarchive steps over it; dpkg ends there. */
static void header_that_is_damaged(void **state)
{
	AUTO(buf) struct buf tar = {0};
	json_t *r;

	(void)state;
	buf_init(&tar, 1 << 20);
	put_head(&tar, (struct head){.name = "./x", .body = "x"});
	put_head(&tar, (struct head){.name = "./y", .size = 0});
	tar.ptr[tar.len - BLOCK] = 'z';
	put_head(&tar, (struct head){.name = "./w", .body = "w"});
	put_end(&tar);
	r = inspect_deb((struct view){0}, "data.tar", buf_view(&tar));
	assert_error(r, "archive-damaged", NULL);
	assert_error(r, "tar-ambiguous", NULL);
	json_decref(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_package),
		cmocka_unit_test(name_that_is_a_gzip_stream),
		cmocka_unit_test(unknown_compression),
		cmocka_unit_test(script_by_another_name),
		cmocka_unit_test(script_that_is_a_link),
		cmocka_unit_test(fields_behind_empty_lines),
		cmocka_unit_test(tars_of_two_meanings),
		cmocka_unit_test(global_comment),
		cmocka_unit_test(header_that_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
