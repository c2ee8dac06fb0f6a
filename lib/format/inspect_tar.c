/* Purpose: see inspect_tar.h. Fields are those of POSIX.1 pax, "ustar Interchange Format". */
#include "lib/format/inspect_tar.h"

#include <string.h>

#include "lib/base/num.h"

#define NAME_SIZE 100
#define SIZE_AT 124
#define SUM_AT 148
#define TYPE_AT 156
#define MAGIC_AT 257
#define SPARSE_MORE_AT 482  /* GNU: a block with more of the map follows the header */
#define SPARSE_AGAIN_AT 504 /* ... and another one that block */
#define OCTAL_SIZE_MAX 077777777777ULL

void tar_watch_release(struct tar_watch *w)
{
	buf_release(&w->records);
}

static void ambiguous(struct tar_watch *w, const char *what)
{
	struct view name = view_of(w->block, strnlen((const char *)w->block, NAME_SIZE));

	w->off = true;
	w->result = finding(w->in, SEVERITY_ERROR, "tar-ambiguous", name,
			    "%s: %s; what unpacks it may see another tree", w->label, what);
}

static bool is_zero(const uint8_t *block)
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (block[i] != 0)
			return false;
	return true;
}

/* Octal digits between spaces, ended by NUL, space or the field's end. */
static bool octal(const uint8_t *p, size_t n, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	if (i < n && p[i] != 0 && p[i] != ' ')
		return false;
	*ret = v;
	return true;
}

/* Octal, or GNU's 0x80 and 11 bytes, of which the value has at most seven. */
static bool size_read(const uint8_t *p, uint64_t *ret)
{
	uint64_t v = 0;

	if ((p[0] & 0x80) == 0)
		return octal(p, 12, ret);
	for (size_t i = 0; i < 12; i++) {
		uint8_t b = i == 0 ? p[i] ^ 0x80 : p[i];

		if (i < 5 && b != 0)
			return false;
		v = v << 8 | b;
	}
	*ret = v;
	return true;
}

static bool sum_is_good(const uint8_t *h)
{
	uint64_t sum = 8 * (uint64_t)' ';
	uint64_t want;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (i < SUM_AT || i >= SUM_AT + 8)
			sum += h[i];
	return octal(h + SUM_AT, 8, &want) && sum == want;
}

/* Some take "ustar" for the sign of a prefix, others "ustar" and NUL; GNU has spaces there and no
 * prefix. */
static bool magic_is_one(const uint8_t *h)
{
	return memcmp(h + MAGIC_AT, "ustar", 5) != 0 || h[MAGIC_AT + 5] == 0 ||
	       memcmp(h + MAGIC_AT, "ustar  ", 8) == 0;
}

/* ---- Extended headers: "LENGTH KEY=VALUE\n" -------------------------------------------------*/

static bool record(struct view *rest, struct view *ret_key, struct view *ret_value)
{
	struct view v = *rest;
	struct view number;
	uint64_t len;
	size_t digits;

	if (!rc_is_ok(view_until(&v, ' ', &number)) ||
	    !rc_is_ok(num_parse_u64((const char *)number.ptr, number.len, TAR_RECORDS_MAX, &len)))
		return false;
	digits = number.len + 1;
	if (len <= digits || !rc_is_ok(view_take(rest, (size_t)len, &v)) ||
	    v.ptr[v.len - 1] != '\n')
		return false;
	v = view_of(v.ptr + digits, v.len - digits - 1);
	if (!rc_is_ok(view_until(&v, '=', ret_key)) || ret_key->len == 0)
		return false;
	*ret_value = v;
	return true;
}

/* What may stand in a header for all that follow: some apply it and some do not. */
static bool is_harmless(struct view key)
{
	return view_is(key, "comment") || view_is(key, "mtime") || view_is(key, "atime") ||
	       view_is(key, "ctime");
}

static const char *record_check(struct tar_watch *w, struct view key, struct view value,
				unsigned *seen)
{
	static const char *const once[] = {"path", "linkpath", "size"};

	if (w->type == 'g')
		return is_harmless(key) ? NULL
					: "a global header that renames or changes what follows";
	for (unsigned i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		if (!view_is(key, once[i]))
			continue;
		if ((*seen & 1u << i) != 0)
			return "an extended header that says the same thing twice";
		*seen |= 1u << i;
		if (value.len == 0 || memchr(value.ptr, 0, value.len) != NULL)
			return "an extended header with an empty name, or one with a NUL";
	}
	if (!view_is(key, "size"))
		return NULL;
	w->sized = true;
	return rc_is_ok(num_parse_u64((const char *)value.ptr, value.len, INT64_MAX, &w->size))
		       ? NULL
		       : "an extended header whose size is no number";
}

static void records_check(struct tar_watch *w)
{
	struct view rest = buf_view(&w->records);
	const char *what = NULL;
	unsigned seen = 0;

	while (rest.len > 0 && what == NULL) {
		struct view key;
		struct view value;

		what = record(&rest, &key, &value) ? record_check(w, key, value, &seen)
						   : "an extended header that is malformed";
	}
	if (what != NULL)
		ambiguous(w, what);
}

/* ---- Headers --------------------------------------------------------------------------------*/

/* K and L name the next entry, x says more of it, g of all: which one of two has the last word is
 * every program's own choice. */
static void extension(struct tar_watch *w, uint64_t size)
{
	bool pax = w->type == 'x' || w->type == 'g';

	if (w->type != 'g' && (w->extended || (pax && w->named)))
		ambiguous(w, "two headers that name the same entry");
	if (w->type == 'g' && (w->extended || w->named))
		ambiguous(w, "a global header between an entry and its name");
	w->extended = w->extended || w->type == 'x';
	w->named = w->named || !pax;
	if (!pax || w->off)
		return;
	if (size > TAR_RECORDS_MAX) {
		ambiguous(w, "an extended header that is too long");
		return;
	}
	w->body = size;
	buf_release(&w->records);
	buf_init(&w->records, TAR_RECORDS_MAX);
}

/* Only files have bodies. What else claims one is followed by it for some, by a header for others.
 */
static void entry(struct tar_watch *w, uint64_t *size)
{
	size_t n = strnlen((const char *)w->block, NAME_SIZE);
	bool plain = w->type == '0' || w->type == '\0' || w->type == '7';
	bool slash = n > 0 && w->block[n - 1] == '/' && !w->named && !w->extended;

	if (!plain && (w->type < '1' || w->type > '6') && w->type != 'S') {
		ambiguous(w, "a type that not all know");
		return;
	}
	if (w->sized && w->size != *size && w->size <= OCTAL_SIZE_MAX) {
		ambiguous(w, "an entry with two sizes");
		return;
	}
	if (w->sized)
		*size = w->size;
	if (*size > 0 && ((!plain && w->type != 'S') || slash))
		ambiguous(w, "a body of what is no file");
	w->sparse = w->type == 'S' && w->block[SPARSE_MORE_AT] != 0;
	w->named = w->extended = w->sized = false;
}

static void header(struct tar_watch *w)
{
	uint64_t size;

	if (is_zero(w->block))
		return;
	if (!sum_is_good(w->block)) {
		/* What does not begin like a tar is for other readers; within one, libarchive looks
		 * for the next header, and others give up. */
		if (w->begun)
			ambiguous(w, "a block that is no header where one must be");
		w->off = true;
		return;
	}
	w->begun = true;
	w->type = (char)w->block[TYPE_AT];
	if (!magic_is_one(w->block)) {
		ambiguous(w, "a header whose magic is of no format");
		return;
	}
	if (!size_read(w->block + SIZE_AT, &size)) {
		ambiguous(w, "a size that is no number");
		return;
	}
	if (w->type == 'x' || w->type == 'g' || w->type == 'K' || w->type == 'L')
		extension(w, size);
	else
		entry(w, &size);
	if (size > INT64_MAX - TAR_BLOCK)
		ambiguous(w, "a size beyond all files");
	else
		w->skip = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

static void block(struct tar_watch *w)
{
	if (w->sparse)
		w->sparse = w->block[SPARSE_AGAIN_AT] != 0;
	else
		header(w);
}

/* Bytes of a body; those of pax headers are kept. */
static void body(struct tar_watch *w, struct view v)
{
	uint64_t keep = w->body < v.len ? w->body : v.len;

	buf_put(&w->records, v.ptr, (size_t)keep);
	w->body -= keep;
	w->skip -= v.len;
	if (w->skip > 0 || (w->type != 'x' && w->type != 'g'))
		return;
	if (rc_is_ok(buf_done(&w->records))) {
		records_check(w);
	} else {
		w->off = true;
		w->result = RC(RC_NOMEM);
	}
}

void tar_watch_take(struct tar_watch *w, struct view bytes)
{
	while (bytes.len > 0 && !w->off) {
		bool in_body = w->skip > 0 && !w->sparse;
		uint64_t want = in_body ? w->skip : TAR_BLOCK - w->have;
		size_t n = want < bytes.len ? (size_t)want : bytes.len;
		struct view part = view_of(bytes.ptr, n);

		bytes = view_of(bytes.ptr + n, bytes.len - n);
		if (in_body) {
			body(w, part);
			continue;
		}
		memcpy(w->block + w->have, part.ptr, n);
		w->have += n;
		if (w->have < TAR_BLOCK)
			continue;
		w->have = 0;
		block(w);
	}
}
