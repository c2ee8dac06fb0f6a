/* Allowlists and package records: what opens and has good names is found again, record by record,
 * and is written back as the same bytes. */
#include <stdlib.h>

#include "lib/model/list.h"
#include "lib/model/package_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORDS 256

struct text {
	char package[CONTENTS_PACKAGE_MAX + 1];
	char path[CONTENTS_PATH_MAX + 1];
};

/* The records as they were before they were written. */
static void take_apart(const struct contents *c, struct content out[RECORDS],
		       struct text texts[RECORDS])
{
	struct view names = c->names;

	for (size_t i = 0; i < c->count; i++) {
		struct view package;
		struct view path;

		contents_name_next(&names, &package, &path);
		memcpy(texts[i].package, package.ptr == NULL ? (const uint8_t *)"" : package.ptr,
		       package.len);
		texts[i].package[package.len] = '\0';
		memcpy(texts[i].path, path.ptr == NULL ? (const uint8_t *)"" : path.ptr, path.len);
		texts[i].path[path.len] = '\0';
		memcpy(out[i].digest.b, contents_digest(c, i), DIGEST_SIZE);
		out[i].classes = c->classes[i];
		out[i].package = texts[i].package;
		out[i].path = texts[i].path;
		if (contents_find(c, contents_digest(c, i)) != c->classes[i])
			abort();
	}
	if (names.len != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct content records[RECORDS];
	static struct text texts[RECORDS];
	struct view bytes = view_of(data, size);
	struct package_record_header record_header;
	struct list_header list_header;
	struct package_record p;
	struct contents *c;
	AUTO(buf) struct buf out;
	struct list l;
	rc r;

	buf_init(&out, size + 1);
	r = list_open(bytes, &l, NULL);
	c = &l.contents;
	if (!rc_is_ok(r)) {
		/* Of bytes that are no list either has nothing to say but an rc. */
		(void)list_peek(bytes, &list_header, NULL).code;
		if (!rc_is_ok(package_record_open(bytes, &p, NULL)))
			return 0;
		if (!rc_is_ok(package_record_peek(bytes, &record_header, NULL)) ||
		    memcmp(&record_header, &p.header, sizeof(p.header)) != 0)
			abort();
		c = &p.contents;
	} else if (!rc_is_ok(list_peek(bytes, &list_header, NULL)) ||
		   memcmp(&list_header, &l.header, sizeof(l.header)) != 0) {
		abort();
	}
	if (c->count > RECORDS || !rc_is_ok(contents_names_check(c, NULL)))
		return 0;
	take_apart(c, records, texts);
	if (rc_is_ok(r))
		r = list_encode(&l.header, records, c->count, &out, NULL);
	else
		r = package_record_encode(&p.header, records, c->count, &out, NULL);
	if (!rc_is_ok(r) || !view_is_equal(buf_view(&out), bytes))
		abort();
	return 0;
}
