/* A zip says everything twice: in its directory, and in front of each member. libarchive and stream
 * readers go by the one, unzip and others by the other. Owns: noticing where the two differ.
 * Numbers are sections of APPNOTE.TXT 6.3. Must not own: the ends of the file (inspect_zip.c). */
#include <stdlib.h>
#include <string.h>

#include "lib/format/inspect_zip.h"

#define CENTRAL 46		  /* 4.3.12, without name, extra field and comment */
#define LOCAL 30		  /* 4.3.7 */
#define DESCRIPTOR_MAX 24	  /* 4.3.9 */
#define DIRECTORY_MAX (64u << 20) /* bytes; 200,000 members have far less */
#define EXTRA_ZIP64 0x0001	  /* 4.5.3 */
#define EXTRA_NAME 0x7075	  /* 4.6.9 */
#define LONGEST_NAME 65535

struct entry {
	struct view name;
	struct view extra;
	uint16_t flags;
	uint16_t method;
	uint64_t size; /* compressed */
	uint64_t at;   /* of the local header, as the entry says */
};

struct span {
	uint64_t from;
	uint64_t to;
};

static void spans_release(struct span **s)
{
	free(*s);
}
AUTO_DEFINE(spans, struct span *, spans_release)

static rc ambiguous(struct inspection *in, struct view name, const char *what)
{
	return finding(in, SEVERITY_ERROR, "zip-ambiguous", name,
		       "%s; what unpacks it may see another tree", what);
}

/* The extra field of that id; one that is malformed has none. */
static bool extra_find(struct view extra, uint16_t id, struct view *ret)
{
	uint16_t what;
	uint16_t len;

	while (rc_is_ok(view_u16le(&extra, &what)) && rc_is_ok(view_u16le(&extra, &len)) &&
	       rc_is_ok(view_take(&extra, len, ret)))
		if (what == id)
			return true;
	return false;
}

/* 4.5.3: those that are all ones, in this order. */
static rc wide(struct entry *e, uint64_t unpacked)
{
	uint64_t *const fields[] = {&unpacked, &e->size, &e->at};
	struct view v = {0};

	(void)extra_find(e->extra, EXTRA_ZIP64, &v);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (*fields[i] == UINT32_MAX)
			TRY(view_u64le(&v, fields[i]));
	return OK;
}

static rc entry_read(struct view *v, struct entry *e)
{
	struct view fixed;
	struct view comment;
	uint32_t magic, size, unpacked, at;
	uint16_t name, extra, rest;

	TRY(view_take(v, CENTRAL, &fixed));
	TRY(view_u32le(&fixed, &magic));
	TRY(view_skip(&fixed, 4));
	TRY(view_u16le(&fixed, &e->flags));
	TRY(view_u16le(&fixed, &e->method));
	TRY(view_skip(&fixed, 8));
	TRY(view_u32le(&fixed, &size));
	TRY(view_u32le(&fixed, &unpacked));
	TRY(view_u16le(&fixed, &name));
	TRY(view_u16le(&fixed, &extra));
	TRY(view_u16le(&fixed, &rest));
	TRY(view_skip(&fixed, 8));
	TRY(view_u32le(&fixed, &at));
	TRY(view_take(v, name, &e->name));
	TRY(view_take(v, extra, &e->extra));
	TRY(view_take(v, rest, &comment));
	e->size = size;
	e->at = at;
	TRY(wide(e, unpacked));
	return magic == 0x02014b50 ? OK : RC(RC_SYNTAX);
}

static bool is_ascii(struct view name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] >= 0x80)
			return false;
	return true;
}

/* A name that needs no other one, and has it. */
static bool has_two_names(const struct entry *e)
{
	struct view other;

	return is_ascii(e->name) && extra_find(e->extra, EXTRA_NAME, &other) &&
	       (!rc_is_ok(view_skip(&other, 5)) || !view_is_equal(other, e->name));
}

/* What the header in front of the member says; NULL: the same. *ret_from: where its bytes begin. */
static rc local_check(struct inspection *in, const struct entry *e, uint64_t at,
		      const char **ret_what, uint64_t *ret_from, struct fault *f)
{
	uint8_t bytes[LOCAL + LONGEST_NAME];
	struct view v;
	struct view other;
	uint32_t magic = 0, size = 0;
	uint16_t method = 0, name = 0, extra = 0;
	size_t got;
	bool whole;

	TRY(inspect_read(in, at, bytes, LOCAL + e->name.len, &got, f));
	v = view_of(bytes, got);
	whole = rc_is_ok(view_u32le(&v, &magic)) && rc_is_ok(view_skip(&v, 4)) &&
		rc_is_ok(view_u16le(&v, &method)) && rc_is_ok(view_skip(&v, 8)) &&
		rc_is_ok(view_u32le(&v, &size)) && rc_is_ok(view_skip(&v, 4)) &&
		rc_is_ok(view_u16le(&v, &name)) && rc_is_ok(view_u16le(&v, &extra));
	*ret_what = NULL;
	*ret_from = at + LOCAL + name + extra;
	if (!whole || magic != 0x04034b50)
		*ret_what = "the directory names a member that is not there";
	else if (!rc_is_ok(view_take(&v, name, &other)) || !view_is_equal(other, e->name))
		*ret_what = "the directory and the member have two names";
	else if (method != e->method)
		*ret_what = "the directory and the member have two methods";
	else if ((e->flags & 8) == 0 && size != UINT32_MAX && size != e->size)
		*ret_what = "the directory and the member have two sizes";
	return OK;
}

static int span_compare(const void *a, const void *b)
{
	const struct span *x = (const struct span *)a;
	const struct span *y = (const struct span *)b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* Stream readers find members where the directory has none. */
static rc gaps_check(struct inspection *in, struct span *spans, size_t n, uint64_t end)
{
	uint64_t at = 0;

	qsort(spans, n, sizeof(spans[0]), span_compare);
	spans[n] = (struct span){.from = end};
	for (size_t i = 0; i <= n; i++) {
		if (spans[i].from < at)
			return ambiguous(in, NO_PATH, "members lie over each other");
		if (spans[i].from - at > DESCRIPTOR_MAX)
			return finding(in, SEVERITY_WARNING, "zip-gap", NO_PATH,
				       "%llu bytes at %llu that the directory does not name",
				       (unsigned long long)(spans[i].from - at),
				       (unsigned long long)at);
		at = spans[i].to;
	}
	return OK;
}

static rc entries_check(struct inspection *in, const struct zip_directory *d, struct view v,
			struct fault *f)
{
	AUTO(spans)
	struct span *spans = (struct span *)calloc(v.len / CENTRAL + 1, sizeof(struct span));
	size_t n = 0;

	if (spans == NULL)
		return RC(RC_NOMEM);
	while (v.len > 0) {
		struct entry e = {0};
		const char *what = NULL;

		if (!rc_is_ok(entry_read(&v, &e)) || e.at > d->at || d->before > d->at - e.at)
			return ambiguous(in, NO_PATH, "the directory is malformed");
		spans[n].from = e.at + d->before;
		TRY(local_check(in, &e, spans[n].from, &what, &spans[n].to, f));
		if (what == NULL && memchr(e.name.ptr, 0, e.name.len) != NULL)
			what = "a name with a NUL";
		if (what == NULL && has_two_names(&e))
			what = "an extra field with another name";
		if (what == NULL && (spans[n].to > d->at || e.size > d->at - spans[n].to))
			what = "a member that reaches into the directory";
		if (what != NULL)
			return ambiguous(in, e.name, what);
		spans[n++].to += e.size;
	}
	if (n != d->count)
		return ambiguous(in, NO_PATH, "the end record counts other members");
	return gaps_check(in, spans, n, d->at);
}

rc zip_directory_check(struct inspection *in, const struct zip_directory *d, struct fault *f)
{
	AUTO(buf) struct buf b = {0};
	uint8_t *to;
	size_t got = 0;

	if (d->size > DIRECTORY_MAX)
		return ambiguous(in, NO_PATH, "a directory longer than is read");
	buf_init(&b, DIRECTORY_MAX);
	to = buf_space(&b, (size_t)d->size);
	TRY(buf_done(&b));
	if (d->size > 0)
		TRY(inspect_read(in, d->at, to, (size_t)d->size, &got, f));
	return entries_check(in, d, view_of(to, got), f);
}
