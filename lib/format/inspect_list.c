/* Allowlists and package records: what is approved, as people read it, in the order of packages and
 * paths. Owns: the report's "list" and "record" objects. Must not own: the files' form
 * (lib/model/contents.h). Packages and paths are what the maker of the file says: what is approved
 * is the digest. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/format/inspect_impl.h"
#include "lib/format/list_file.h"
#include "lib/model/list.h"
#include "lib/model/package_record.h"

struct row {
	struct view package;
	struct view path;
	size_t at; /* position in the table */
};

static int view_order(struct view a, struct view b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int rows_order(const void *a, const void *b)
{
	const struct row *x = (const struct row *)a;
	const struct row *y = (const struct row *)b;
	int order = view_order(x->package, y->package);

	if (order == 0)
		order = view_order(x->path, y->path);
	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static rc one(struct inspection *in, const struct contents *c, const struct row *row, json_t *list)
{
	json_t *o = json_object();
	char classes[LIST_CLASSES_TEXT];
	char hex[DIGEST_HEX];
	struct digest d;

	list_classes_text(c->classes[row->at], classes);
	TRY(report_add(list, o));
	TRY(report_spend(in, 800 + row->package.len + row->path.len));
	memcpy(d.b, contents_digest(c, row->at), DIGEST_SIZE);
	digest_hex(&d, hex);
	TRY(report_set(o, "sha256", json_string_nocheck(hex)));
	TRY(report_set(o, "classes", json_string_nocheck(classes)));
	if (row->package.len > 0)
		TRY(report_set_text(o, "package", row->package, CONTENTS_PACKAGE_MAX * 2));
	return row->path.len == 0 ? OK
				  : report_set_text(o, "path", row->path, CONTENTS_PATH_MAX * 2);
}

static rc rows_sorted(struct inspection *in, const struct contents *c, struct row *rows,
		      json_t *list)
{
	struct view names = c->names;
	size_t unnamed = 0;

	for (size_t i = 0; i < c->count; i++) {
		contents_name_next(&names, &rows[i].package, &rows[i].path);
		rows[i].at = i;
		unnamed += rows[i].path.len == 0 && c->classes[i] != LIST_REVOKED;
	}
	qsort(rows, c->count, sizeof(*rows), rows_order);
	for (size_t i = 0; i < c->count; i++) {
		rc r = one(in, c, &rows[i], list);

		if (r.code == RC_LIMIT)
			return finding(in, SEVERITY_ERROR, "report-too-large", NO_PATH,
				       "only %zu of %zu records are shown", i, c->count);
		TRY(r);
	}
	if (unnamed == 0)
		return OK;
	return finding(in, SEVERITY_WARNING, "list-unnamed", NO_PATH,
		       "%zu contents are approved without a word what they are", unnamed);
}

static rc counts(struct inspection *in, const struct contents *c, json_t *o)
{
	size_t n[LIST_CLASSES] = {0};
	json_t *all = json_object();

	TRY(report_set(o, "counts", all));
	TRY(report_set_u64(all, "records", c->count));
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < LIST_CLASSES; k++)
			n[k] += (c->classes[i] & 1u << k) != 0;
	for (size_t k = 0; k < LIST_CLASSES; k++)
		TRY(report_set_u64(all, list_class_name(1u << k), n[k]));
	if (n[3] == 0)
		return OK;
	return finding(in, SEVERITY_WARNING, "list-producer", NO_PATH,
		       "%zu producers: what they write may run in build zones", n[3]);
}
_Static_assert(LIST_PRODUCER == 1u << 3, "n[3] counts producers");

static rc records(struct inspection *in, const struct contents *c, json_t *o, struct fault *f)
{
	json_t *list = json_array();
	struct row *rows;
	rc r;

	TRY(report_set(o, "records", list));
	TRY(counts(in, c, o));
	if (!rc_is_ok(contents_names_check(c, f)))
		return finding(in, SEVERITY_ERROR, "list-malformed", NO_PATH, "%s", f->text);
	if (c->count > in->limits->entries)
		return finding(in, SEVERITY_ERROR, "list-too-long", NO_PATH,
			       "%zu records, of which none is shown: over %u; see greatseal list",
			       c->count, in->limits->entries);
	if (c->count == 0)
		return OK;
	rows = (struct row *)calloc(c->count, sizeof(*rows));
	if (rows == NULL)
		return RC(RC_NOMEM);
	r = rows_sorted(in, c, rows, list);
	free(rows);
	return r;
}

static rc set_time(json_t *o, const char *key, unix_time t)
{
	char text[TIME_TEXT];

	TRY(time_format(t, text));
	return report_set(o, key, json_string_nocheck(text));
}

static rc allowlist(struct inspection *in, const struct list *l, struct fault *f)
{
	const struct list_header *h = &l->header;
	AUTO(buf) struct buf groups;
	json_t *o = json_object();

	buf_init(&groups, sizeof(h->groups));
	for (size_t i = 0; i < h->group_count; i++)
		buf_printf(&groups, i == 0 ? "%s" : " %s", h->groups[i].s);
	TRY(report_set(in->report, "list", o));
	TRY(report_set(o, "list", json_string_nocheck(h->name.s)));
	TRY(report_set(o, "origin", json_string_nocheck(h->origin)));
	TRY(report_set_u64(o, "serial", h->serial));
	TRY(report_set(o, "groups", json_string_nocheck(buf_cstr(&groups))));
	TRY(set_time(o, "not_before", h->not_before));
	TRY(set_time(o, "not_after", h->not_after));
	return records(in, &l->contents, o, f);
}

static rc package_record(struct inspection *in, const struct package_record *p, struct fault *f)
{
	const struct package_record_header *h = &p->header;
	json_t *o = json_object();
	char hex[DIGEST_HEX];

	digest_hex(&h->archive, hex);
	TRY(report_set(in->report, "record", o));
	TRY(report_set(o, "package", json_string_nocheck(h->name)));
	TRY(report_set(o, "version", json_string_nocheck(h->version)));
	TRY(report_set(o, "architecture", json_string_nocheck(h->architecture)));
	TRY(report_set(o, "archive", json_string_nocheck(hex)));
	TRY(report_set(o, "kind", json_string_nocheck(package_kind_name(h->kind))));
	if (h->kind == PACKAGE_RPM) {
		digest_hex(&h->header, hex);
		TRY(report_set(o, "header", json_string_nocheck(hex)));
	}
	return records(in, &p->contents, o, f);
}

rc list_inspect(struct inspection *in, const char *type, struct fault *f)
{
	AUTO(file_map) struct file_map map = {0};
	bool is_list = strcmp(type, "list") == 0;
	struct fault why = {0};
	struct package_record p;
	struct list l;
	rc r = file_map_open(in->fd, &map, &why);

	if (rc_is_ok(r))
		r = is_list ? list_open(map.bytes, &l, &why)
			    : package_record_open(map.bytes, &p, &why);
	if (r.code == RC_NOMEM || r.code == RC_IO)
		return fault_set(f, r.code, 0, "%s", why.text);
	if (!rc_is_ok(r))
		return finding(in, SEVERITY_ERROR, "list-malformed", NO_PATH, "%s", why.text);
	return is_list ? allowlist(in, &l, &why) : package_record(in, &p, &why);
}
