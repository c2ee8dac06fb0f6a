#include "lib/model/contents.h"

#include <stdlib.h>

#include "lib/base/num.h"

#define ALIGN 32u /* a digest never straddles two cache lines of a mapping */

static const char *const class_names[LIST_CLASSES] = {
	"program", "library", "interpreter", "producer", "script", "revoked", "archive"};
_Static_assert(LIST_CLASS_ALL == (1u << LIST_CLASSES) - 1, "a name for each class");

const char *list_class_name(unsigned class_bit)
{
	for (size_t i = 0; i < LIST_CLASSES; i++)
		if (class_bit == 1u << i)
			return class_names[i];
	return NULL;
}

void list_classes_text(unsigned classes, char out[static LIST_CLASSES_TEXT])
{
	struct buf b;

	buf_init_fixed(&b, out, LIST_CLASSES_TEXT);
	for (size_t i = 0; i < LIST_CLASSES; i++) {
		if ((classes & 1u << i) == 0)
			continue;
		if (b.len > 0)
			buf_put_u8(&b, ' ');
		buf_put_str(&b, class_names[i]);
	}
	(void)buf_cstr(&b);
}

rc list_class_parse(struct view name, unsigned *ret)
{
	for (size_t i = 0; i < LIST_CLASSES; i++) {
		if (!view_is(name, class_names[i]))
			continue;
		*ret = 1u << i;
		return OK;
	}
	return RC(RC_UNKNOWN);
}

/* ---- Reading --------------------------------------------------------------------------------*/

struct frame {
	uint32_t header;
	uint32_t count;
	uint64_t names;
};

static rc cut(struct fault *f, rc r, const char *what)
{
	return rc_is_ok(r) ? OK : fault_set(f, r.code, 0, "contents: %s is cut short", what);
}

static rc frame_read(struct view *v, const char *magic, struct frame *ret, struct fault *f)
{
	struct view m = {0};

	TRY(cut(f, view_take(v, CONTENTS_MAGIC, &m), "the magic"));
	if (!view_is_equal(m, view_of(magic, CONTENTS_MAGIC)))
		return fault_set(f, RC_MISMATCH, 0, "contents: does not begin with %s", magic);
	TRY(cut(f, view_u32be(v, &ret->header), "the frame"));
	TRY(cut(f, view_u32be(v, &ret->count), "the frame"));
	TRY(cut(f, view_u64be(v, &ret->names), "the frame"));
	if (ret->header > CONTENTS_HEADER_MAX)
		return fault_set(f, RC_LIMIT, CONTENTS_MAGIC,
				 "contents: header of %u bytes, at most %u", ret->header,
				 CONTENTS_HEADER_MAX);
	if (ret->count > CONTENTS_COUNT_MAX)
		return fault_set(f, RC_LIMIT, CONTENTS_MAGIC + 4,
				 "contents: %u records, at most %u", ret->count,
				 CONTENTS_COUNT_MAX);
	if (ret->names > CONTENTS_NAMES_MAX)
		return fault_set(f, RC_LIMIT, CONTENTS_MAGIC + 8,
				 "contents: names of %llu bytes, at most %llu",
				 (unsigned long long)ret->names,
				 (unsigned long long)CONTENTS_NAMES_MAX);
	return OK;
}

static size_t padding_of(size_t header)
{
	return (ALIGN - (CONTENTS_FRAME + header) % ALIGN) % ALIGN;
}

static rc padding_read(struct view *v, size_t header, struct fault *f)
{
	struct view pad = {0};

	TRY(cut(f, view_take(v, padding_of(header), &pad), "the padding"));
	for (size_t i = 0; i < pad.len; i++)
		if (pad.ptr[i] != 0)
			return fault_set(f, RC_NONCANON, CONTENTS_FRAME + header + i,
					 "contents: padding that is not zero");
	return OK;
}

static rc digests_check(const struct contents *c, struct fault *f)
{
	for (size_t i = 1; i < c->count; i++) {
		int order = memcmp(contents_digest(c, i - 1), contents_digest(c, i), DIGEST_SIZE);

		if (order == 0)
			return fault_set(f, RC_DUPLICATE, 0, "contents: record %zu is there twice",
					 i);
		if (order > 0)
			return fault_set(f, RC_NONCANON, 0,
					 "contents: record %zu is less than the one before", i);
	}
	return OK;
}

static bool is_class(unsigned c)
{
	return c != 0 && c <= LIST_CLASS_ALL && ((c & LIST_REVOKED) == 0 || c == LIST_REVOKED);
}

static rc classes_check(const struct contents *c, struct fault *f)
{
	for (size_t i = 0; i < c->count; i++)
		if (!is_class(c->classes[i]))
			return fault_set(f, RC_RANGE, 0, "contents: record %zu has classes 0x%02x",
					 i, c->classes[i]);
	return OK;
}

rc contents_peek(struct view bytes, const char magic[static CONTENTS_MAGIC + 1],
		 struct view *ret_header, struct fault *f)
{
	struct view v = bytes, header = {0};
	struct frame frame = {0};

	TRY(frame_read(&v, magic, &frame, f));
	TRY(cut(f, view_take(&v, frame.header, &header), "the header"));
	*ret_header = header;
	return OK;
}

rc contents_open(struct view bytes, const char magic[static CONTENTS_MAGIC + 1],
		 struct view *ret_header, struct contents *ret, struct fault *f)
{
	struct contents c = {0};
	struct view digests = {0};
	struct view classes = {0};
	struct view header = {0};
	struct frame frame = {0};

	TRY(frame_read(&bytes, magic, &frame, f));
	TRY(cut(f, view_take(&bytes, frame.header, &header), "the header"));
	TRY(padding_read(&bytes, frame.header, f));
	TRY(cut(f, view_take(&bytes, (size_t)frame.count * DIGEST_SIZE, &digests), "the table"));
	TRY(cut(f, view_take(&bytes, frame.count, &classes), "the table"));
	TRY(cut(f, view_take(&bytes, frame.names, &c.names), "the names"));
	if (!rc_is_ok(view_end(&bytes)))
		return fault_set(f, RC_TRAILING, 0, "contents: %zu bytes behind the names",
				 bytes.len);
	c.count = frame.count;
	c.digests = digests.ptr;
	c.classes = classes.ptr;
	TRY(digests_check(&c, f));
	TRY(classes_check(&c, f));
	*ret_header = header;
	*ret = c;
	return OK;
}

unsigned contents_find(const struct contents *c, const uint8_t digest[static DIGEST_SIZE])
{
	size_t low = 0;
	size_t high = c->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = memcmp(digest, contents_digest(c, mid), DIGEST_SIZE);

		if (order == 0)
			return c->classes[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return 0;
}

/* ---- Names ----------------------------------------------------------------------------------*/

/* Characters that show what they are; others are escaped by whoever makes a list. */
static bool is_plain(struct view v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.ptr[i] < 0x20 || v.ptr[i] > 0x7e)
			return false;
	return true;
}

static rc name_check(struct view package, struct view path)
{
	if (package.len > CONTENTS_PACKAGE_MAX || path.len > CONTENTS_PATH_MAX)
		return RC(RC_LIMIT);
	return is_plain(package) && is_plain(path) ? OK : RC(RC_SYNTAX);
}

static rc name_read(struct view *rest, struct view *ret_package, struct view *ret_path)
{
	struct view line;

	TRY(view_until(rest, '\n', &line));
	if (!rc_is_ok(view_until(&line, '\t', ret_package)))
		return RC(RC_SYNTAX);
	*ret_path = line;
	return OK;
}

rc contents_names_check(const struct contents *c, struct fault *f)
{
	struct view rest = c->names;
	struct view package;
	struct view path;
	bool any = false;

	if (rest.len == 0)
		return OK;
	for (size_t i = 0; i < c->count; i++) {
		rc r = name_read(&rest, &package, &path);

		if (rc_is_ok(r))
			r = name_check(package, path);
		if (!rc_is_ok(r))
			return fault_set(f, r.code, 0, "contents: the name of record %zu: %s", i,
					 rc_name(r));
		any |= package.len > 0 || path.len > 0;
	}
	if (!rc_is_ok(view_end(&rest)))
		return fault_set(f, RC_TRAILING, 0, "contents: more names than records");
	return any ? OK : fault_set(f, RC_NONCANON, 0, "contents: names, and all are empty");
}

void contents_name_next(struct view *rest, struct view *ret_package, struct view *ret_path)
{
	if (rest->len > 0 && rc_is_ok(name_read(rest, ret_package, ret_path)))
		return;
	*rest = view_of(NULL, 0);
	*ret_package = *rest;
	*ret_path = *rest;
}

/* ---- Writing --------------------------------------------------------------------------------*/

static const char *text(const char *s)
{
	return s == NULL ? "" : s;
}

static int records_order(const void *a, const void *b)
{
	const struct content *x = (const struct content *)a;
	const struct content *y = (const struct content *)b;
	int order = memcmp(x->digest.b, y->digest.b, DIGEST_SIZE);

	if (order == 0)
		order = strcmp(text(x->package), text(y->package));
	return order != 0 ? order : strcmp(text(x->path), text(y->path));
}

static rc records_check(const struct content *r, size_t count, struct fault *f)
{
	if (count > CONTENTS_COUNT_MAX)
		return fault_set(f, RC_LIMIT, 0, "contents: %zu records, at most %u", count,
				 CONTENTS_COUNT_MAX);
	for (size_t i = 0; i < count; i++) {
		rc good = name_check(view_str(text(r[i].package)), view_str(text(r[i].path)));

		if (!rc_is_ok(good))
			return fault_set(f, good.code, 0, "contents: a record's name: %s",
					 rc_name(good));
		if (!is_class(r[i].classes))
			return fault_set(f, RC_RANGE, 0, "contents: a record has classes 0x%02x",
					 r[i].classes);
	}
	return OK;
}

/* One record for each digest; returns how many. */
static size_t records_merge(struct content *r, size_t count)
{
	size_t n = 0;

	if (count > 1)
		qsort(r, count, sizeof(*r), records_order);
	for (size_t i = 0; i < count; i++) {
		if (n == 0 || !digest_is_equal(&r[n - 1].digest, &r[i].digest)) {
			r[n++] = r[i];
			continue;
		}
		if (text(r[n - 1].path)[0] == '\0') {
			r[n - 1].package = r[i].package;
			r[n - 1].path = r[i].path;
		}
		r[n - 1].classes = (uint8_t)(r[n - 1].classes | r[i].classes);
		if ((r[n - 1].classes & LIST_REVOKED) != 0)
			r[n - 1].classes = LIST_REVOKED;
	}
	return n;
}

/* Bytes of the names: none if nothing has one. */
static uint64_t names_size(const struct content *r, size_t count)
{
	uint64_t size = 0;
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		size += strlen(text(r[i].package)) + strlen(text(r[i].path)) + 2;
		any |= text(r[i].package)[0] != '\0' || text(r[i].path)[0] != '\0';
	}
	return any ? size : 0;
}

static void names_put(const struct content *r, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		buf_put_str(out, text(r[i].package));
		buf_put_u8(out, '\t');
		buf_put_str(out, text(r[i].path));
		buf_put_u8(out, '\n');
	}
}

rc contents_write(const char magic[static CONTENTS_MAGIC + 1], struct view header,
		  struct content *records, size_t count, struct buf *out, struct fault *f)
{
	uint64_t names;

	TRY(records_check(records, count, f));
	count = records_merge(records, count);
	names = names_size(records, count);
	if (header.len > CONTENTS_HEADER_MAX || names > CONTENTS_NAMES_MAX)
		return fault_set(f, RC_LIMIT, 0, "contents: header of %zu bytes, names of %llu",
				 header.len, (unsigned long long)names);
	buf_put(out, magic, CONTENTS_MAGIC);
	buf_put_u32be(out, (uint32_t)header.len);
	buf_put_u32be(out, (uint32_t)count);
	buf_put_u64be(out, names);
	buf_put_view(out, header);
	(void)buf_space(out, padding_of(header.len));
	for (size_t i = 0; i < count; i++)
		buf_put_view(out, digest_view(&records[i].digest));
	for (size_t i = 0; i < count; i++)
		buf_put_u8(out, records[i].classes);
	if (names > 0)
		names_put(records, count, out);
	if (!rc_is_ok(buf_done(out)))
		return fault_set(f, buf_done(out).code, 0, "contents: %s", rc_name(buf_done(out)));
	return OK;
}
