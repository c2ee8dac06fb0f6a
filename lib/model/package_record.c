#include "lib/model/package_record.h"

#include "lib/model/field.h"

enum shape { SHAPE_NAME, SHAPE_VERSION, SHAPE_ARCHITECTURE, SHAPE__COUNT };

static const char *const kinds[] = {[PACKAGE_DEB] = "deb", [PACKAGE_RPM] = "rpm"};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == PACKAGE__COUNT, "each kind has a name");

/* Characters beside [a-z0-9]; upper: [A-Z] too; first: those that it may begin with. */
static const struct {
	const char *more, *first;
	bool upper;
} shapes[PACKAGE__COUNT][SHAPE__COUNT] = {
	[PACKAGE_DEB] = {[SHAPE_NAME] = {"+.-", "", false},
			 [SHAPE_VERSION] = {"+.:~-", "", true},
			 [SHAPE_ARCHITECTURE] = {"-", "", false}},
	[PACKAGE_RPM] = {[SHAPE_NAME] = {"_+.-", "_", true},
			 [SHAPE_VERSION] = {"_+.:~^-", "", true},
			 [SHAPE_ARCHITECTURE] = {"_", "", false}},
};

const char *package_kind_name(enum package_kind kind)
{
	return kinds[kind];
}

static bool is_shaped(struct view v, enum package_kind kind, enum shape shape)
{
	for (size_t i = 0; i < v.len; i++) {
		char c = (char)v.ptr[i];
		const char *more = i == 0 ? shapes[kind][shape].first : shapes[kind][shape].more;
		bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			     (shapes[kind][shape].upper && c >= 'A' && c <= 'Z');

		if (!alnum && (c == '\0' || strchr(more, c) == NULL))
			return false;
	}
	return v.len > 0;
}

static rc text_read(struct jcan *j, const char *key, enum package_kind kind, enum shape shape,
		    char out[PACKAGE_TEXT_MAX + 1])
{
	struct view v;
	size_t at;

	TRY(jcan_key(j, key));
	at = j->at;
	TRY(jcan_text(j, PACKAGE_TEXT_MAX, &v));
	if (!is_shaped(v, kind, shape))
		return fault_set(j->fault, RC_SYNTAX, at, "%s is not one of kind %s", key,
				 kinds[kind]);
	memcpy(out, v.ptr, v.len);
	return OK;
}

/* What the fields before it mean hangs on it. */
static rc kind_look(const struct jcan *j, enum package_kind *ret)
{
	struct view v;
	rc r = jcan_peek(j, "kind", &v);

	if (r.code == RC_NOTFOUND)
		return fault_set(j->fault, RC_SYNTAX, j->at, "kind is missing");
	TRY(r);
	for (enum package_kind k = PACKAGE_DEB; k < PACKAGE__COUNT; k++)
		if (v.len == strlen(kinds[k]) + 2 && memcmp(v.ptr + 1, kinds[k], v.len - 2) == 0) {
			*ret = k;
			return OK;
		}
	return fault_set(j->fault, RC_UNKNOWN, j->at, "kind: neither deb nor rpm");
}

static rc header_read(struct jcan *j, struct package_record_header *h)
{
	TRY(jcan_object(j));
	TRY(kind_look(j, &h->kind));
	TRY(text_read(j, "architecture", h->kind, SHAPE_ARCHITECTURE, h->architecture));
	TRY(field_digest(j, "archive", &h->archive));
	if (h->kind == PACKAGE_RPM)
		TRY(field_digest(j, "header", &h->header));
	TRY(field_literal(j, "kind", kinds[h->kind]));
	TRY(text_read(j, "name", h->kind, SHAPE_NAME, h->name));
	TRY(text_read(j, "version", h->kind, SHAPE_VERSION, h->version));
	TRY(jcan_object_end(j));
	return jcan_end(j);
}

static rc header_parse(struct view bytes, struct package_record_header *ret, struct fault *f)
{
	struct jcan j;

	memset(ret, 0, sizeof(*ret));
	jcan_init(&j, bytes, f);
	return header_read(&j, ret);
}

static rc open_record(struct view bytes, struct package_record *ret, struct fault *f)
{
	struct view header;

	TRY(contents_open(bytes, PACKAGE_RECORD_MAGIC, &header, &ret->contents, f));
	for (size_t i = 0; i < ret->contents.count; i++)
		if ((ret->contents.classes[i] & LIST_CLASS_RUNS) != ret->contents.classes[i])
			return fault_set(f, RC_DENIED, 0,
					 "record %zu revokes, or is an archive; only a list's do",
					 i);
	return header_parse(header, &ret->header, f);
}

rc package_record_open(struct view bytes, struct package_record *ret, struct fault *f)
{
	struct package_record p;
	rc r = open_record(bytes, &p, f);

	if (!rc_is_ok(r))
		return fault_wrap(f, r, "package record");
	*ret = p;
	return OK;
}

rc package_record_peek(struct view bytes, struct package_record_header *ret, struct fault *f)
{
	struct package_record_header h;
	struct view header;
	rc r = contents_peek(bytes, PACKAGE_RECORD_MAGIC, &header, f);

	if (rc_is_ok(r))
		r = header_parse(header, &h, f);
	if (!rc_is_ok(r))
		return fault_wrap(f, r, "package record");
	*ret = h;
	return OK;
}

bool package_record_is_of(const struct package_record_header *h, const struct digest *asked)
{
	return digest_is_equal(&h->archive, asked) ||
	       (h->kind == PACKAGE_RPM && digest_is_equal(&h->header, asked));
}

static rc write_record(const struct package_record_header *h, struct content *records, size_t count,
		       struct buf *out, struct fault *f)
{
	AUTO(buf) struct buf header;
	struct package_record_header check;
	struct jcan_out w;

	buf_init(&header, CONTENTS_HEADER_MAX);
	jcan_out_init(&w, &header);
	jcan_out_object(&w);
	field_out_string(&w, "architecture", h->architecture);
	field_out_digest(&w, "archive", &h->archive);
	if (h->kind == PACKAGE_RPM)
		field_out_digest(&w, "header", &h->header);
	field_out_string(&w, "kind", kinds[h->kind]);
	field_out_string(&w, "name", h->name);
	field_out_string(&w, "version", h->version);
	jcan_out_object_end(&w);
	if (!rc_is_ok(jcan_out_done(&w)))
		return fault_set(f, jcan_out_done(&w).code, 0, "%s", rc_name(jcan_out_done(&w)));
	TRY(header_parse(buf_view(&header), &check, f));
	for (size_t i = 0; i < count; i++)
		if ((records[i].classes & LIST_CLASS_RUNS) != records[i].classes)
			return fault_set(f, RC_DENIED, 0,
					 "a record that revokes, or is an archive");
	return contents_write(PACKAGE_RECORD_MAGIC, buf_view(&header), records, count, out, f);
}

rc package_record_encode(const struct package_record_header *h, struct content *records,
			 size_t count, struct buf *out, struct fault *f)
{
	rc r = write_record(h, records, count, out, f);

	return rc_is_ok(r) ? OK : fault_wrap(f, r, "package record");
}
