/* list - reading: show and diff. The tables are sorted, so both go over them once. */
#include "prog/cli/list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/fd.h"

#define FEW 20 /* lines of each kind, unless all are wanted */

static rc open_contents(struct cli *c, struct list_input *in, const char *path)
{
	struct fault f = {0};
	rc r = list_open(in->map.bytes, &in->list, &f);

	in->is_list = rc_is_ok(r);
	in->contents = &in->list.contents;
	if (r.code == RC_MISMATCH) {
		r = package_record_open(in->map.bytes, &in->record, &f);
		in->contents = &in->record.contents;
	}
	if (rc_is_ok(r))
		r = contents_names_check(in->contents, &f);
	return rc_is_ok(r) ? OK : cli_problem(c, r.code, "", "%s: %s", path, f.text);
}

rc list_input_open(struct cli *c, const char *path, struct list_input *ret)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct fault f = {0};
	rc r;

	if (fd < 0)
		return cli_no_file(c, path, errno);
	CLI_TRY(c, &f, file_map_open(fd, &ret->map, &f));
	r = open_contents(c, ret, path);
	if (!rc_is_ok(r))
		list_input_release(ret);
	return r;
}

/* ---- Records as they are met ----------------------------------------------------------------*/

struct cursor {
	const struct contents *c;
	struct view names;
	size_t i;
	const uint8_t *digest; /* NULL: at the end */
	unsigned classes;
	struct view package;
	struct view path;
};

static void cursor_take(struct cursor *k)
{
	if (k->i >= k->c->count) {
		k->digest = NULL;
		return;
	}
	k->digest = contents_digest(k->c, k->i);
	k->classes = k->c->classes[k->i];
	contents_name_next(&k->names, &k->package, &k->path);
}

static void cursor_init(struct cursor *k, const struct contents *c)
{
	*k = (struct cursor){.c = c, .names = c->names};
	cursor_take(k);
}

static void cursor_next(struct cursor *k)
{
	k->i++;
	cursor_take(k);
}

static json_t *record_json(const struct cursor *k)
{
	char classes[LIST_CLASSES_TEXT];
	char hex[DIGEST_HEX];
	struct digest d;

	memcpy(d.b, k->digest, DIGEST_SIZE);
	digest_hex(&d, hex);
	list_classes_text(k->classes, classes);
	return json_pack("{s:s,s:s,s:s%,s:s%}", "sha256", hex, "classes", classes, "package",
			 k->package.len == 0 ? "" : (const char *)k->package.ptr, k->package.len,
			 "path", k->path.len == 0 ? "" : (const char *)k->path.ptr, k->path.len);
}

static void record_print(const struct cursor *k, const char *before)
{
	char classes[LIST_CLASSES_TEXT];
	char hex[DIGEST_HEX];
	struct digest d;

	memcpy(d.b, k->digest, DIGEST_SIZE);
	digest_hex(&d, hex);
	list_classes_text(k->classes, classes);
	(void)printf("%s%s  %s  %.*s%s%.*s\n", before, hex, classes, (int)k->package.len,
		     (const char *)k->package.ptr, k->package.len > 0 ? "  " : "", (int)k->path.len,
		     (const char *)k->path.ptr);
}

/* ---- show -----------------------------------------------------------------------------------*/

static json_t *header_json(const struct list_input *in)
{
	const struct list_header *h = &in->list.header;
	const struct package_record_header *p = &in->record.header;
	char times[2][TIME_TEXT] = {"", ""};
	char hex[DIGEST_HEX], header[DIGEST_HEX];
	json_t *groups;

	if (!in->is_list) {
		digest_hex(&p->archive, hex);
		digest_hex(&p->header, header);
		return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s*}", "kind", PACKAGE_RECORD_FORMAT,
				 "of", package_kind_name(p->kind), "package", p->name, "version",
				 p->version, "architecture", p->architecture, "archive", hex,
				 "header", p->kind == PACKAGE_RPM ? header : NULL);
	}
	rc_ignore(time_format(h->not_before, times[0]), "it was read from such a text");
	rc_ignore(time_format(h->not_after, times[1]), "it was read from such a text");
	groups = json_array();
	for (size_t i = 0; i < h->group_count; i++)
		(void)json_array_append_new(groups, json_string(h->groups[i].s));
	return json_pack("{s:s,s:s,s:s,s:I,s:o,s:s,s:s}", "kind", LIST_FORMAT, "list", h->name.s,
			 "origin", h->origin, "serial", (json_int_t)h->serial, "groups", groups,
			 "not_before", times[0], "not_after", times[1]);
}

static void add_counts(json_t *o, const struct contents *c)
{
	json_t *counts = json_object();

	for (size_t k = 0; k < LIST_CLASSES; k++) {
		size_t n = 0;

		for (size_t i = 0; i < c->count; i++)
			n += (c->classes[i] & 1u << k) != 0;
		(void)json_object_set_new(counts, list_class_name(1u << k),
					  json_integer((json_int_t)n));
	}
	(void)json_object_set_new(o, "count", json_integer((json_int_t)c->count));
	(void)json_object_set_new(o, "counts", counts);
}

static void print_value(const char *name, const json_t *v)
{
	size_t i;
	json_t *e;

	(void)printf("%-13s", name);
	if (json_is_integer(v))
		(void)printf("%lld", (long long)json_integer_value(v));
	else if (json_is_string(v))
		(void)printf("%s", json_string_value(v));
	else
		json_array_foreach(v, i, e)(void)
			printf(i == 0 ? "%s" : " %s", json_string_value(e));
	(void)printf("\n");
}

static void print_header(const json_t *o)
{
	void *it = json_object_iter((json_t *)(uintptr_t)o);
	const char *key;
	json_t *v;

	for (; it != NULL; it = json_object_iter_next((json_t *)(uintptr_t)o, it))
		if (!json_is_object(json_object_iter_value(it)))
			print_value(json_object_iter_key(it), json_object_iter_value(it));
	json_object_foreach(json_object_get(o, "counts"), key, v) if (json_integer_value(v) > 0)
		print_value(key, v);
}

rc cmd_list_show(struct cli *c, const struct args *a)
{
	AUTO(list_input) struct list_input in = {0};
	AUTO(json) json_t *o = NULL;
	struct cursor k;

	TRY(list_input_open(c, a->words[0], &in));
	o = header_json(&in);
	add_counts(o, in.contents);
	if (c->json && args_has(a, "all")) {
		json_t *records = json_array();

		for (cursor_init(&k, in.contents); k.digest != NULL; cursor_next(&k))
			(void)json_array_append_new(records, record_json(&k));
		(void)json_object_set_new(o, "records", records);
	}
	if (cli_print_json(c, o))
		return OK;
	print_header(o);
	if (!args_has(a, "all"))
		return OK;
	(void)printf("\n");
	for (cursor_init(&k, in.contents); k.digest != NULL; cursor_next(&k))
		record_print(&k, "");
	return OK;
}

/* ---- diff -----------------------------------------------------------------------------------*/

enum change { ADDED, REMOVED, CHANGED, CHANGES };
static const char *const change_names[CHANGES] = {"added", "removed", "changed"};

struct difference {
	struct cli *c;
	bool all;
	size_t count[CHANGES];
	json_t *lists[CHANGES];
};

static void note(struct difference *d, enum change what, const struct cursor *k, unsigned before)
{
	static const char *const marks[CHANGES] = {"+ ", "- ", "~ "};
	size_t n = d->count[what]++;
	char was[LIST_CLASSES_TEXT];

	list_classes_text(before, was);
	if (d->c->json) {
		json_t *o = record_json(k);

		if (what == CHANGED)
			(void)json_object_set_new(o, "classes_before", json_string(was));
		(void)json_array_append_new(d->lists[what], o);
		return;
	}
	if (!d->all && n >= FEW)
		return;
	record_print(k, marks[what]);
	if (what == CHANGED)
		(void)printf("      before: %s\n", was);
}

static void compare(struct difference *d, const struct contents *was, const struct contents *is)
{
	struct cursor a;
	struct cursor b;

	cursor_init(&a, was);
	cursor_init(&b, is);
	while (a.digest != NULL || b.digest != NULL) {
		int order = a.digest == NULL   ? 1
			    : b.digest == NULL ? -1
					       : memcmp(a.digest, b.digest, DIGEST_SIZE);

		if (order < 0)
			note(d, REMOVED, &a, 0);
		else if (order > 0)
			note(d, ADDED, &b, 0);
		else if (a.classes != b.classes)
			note(d, CHANGED, &b, a.classes);
		if (order <= 0)
			cursor_next(&a);
		if (order >= 0)
			cursor_next(&b);
	}
}

rc cmd_list_diff(struct cli *c, const struct args *a)
{
	AUTO(list_input) struct list_input was = {0};
	AUTO(list_input) struct list_input is = {0};
	AUTO(json) json_t *o = json_object();
	struct difference d = {.c = c, .all = args_has(a, "all")};
	size_t total = 0;

	TRY(list_input_open(c, a->words[0], &was));
	TRY(list_input_open(c, a->words[1], &is));
	for (size_t i = 0; i < CHANGES; i++) {
		d.lists[i] = json_array();
		(void)json_object_set_new(o, change_names[i], d.lists[i]);
	}
	compare(&d, was.contents, is.contents);
	(void)json_object_set_new(o, "old", header_json(&was));
	(void)json_object_set_new(o, "new", header_json(&is));
	for (size_t i = 0; i < CHANGES; i++)
		total += d.count[i];
	c->exit = total == 0 ? EXIT_DONE : EXIT_ERROR;
	if (cli_print_json(c, o))
		return OK;
	for (size_t i = 0; i < CHANGES; i++)
		if (!d.all && d.count[i] > FEW)
			(void)printf("... and %zu more %s\n", d.count[i] - FEW, change_names[i]);
	(void)printf("%zu added, %zu removed, %zu changed\n", d.count[ADDED], d.count[REMOVED],
		     d.count[CHANGED]);
	return OK;
}
