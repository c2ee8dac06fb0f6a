/* view - the one reader for bytes from outside: a borrowed range that shrinks as it is read.
 *
 * Owns: bounds. Must not own: the bytes (they outlive the view) or their meaning.
 * Each reading function takes from the front, fails with RC_TRUNCATED when too little is left, and
 * then leaves the view as it was. */
#ifndef GS_BASE_VIEW_H
#define GS_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/result.h"

struct view {
	const uint8_t *ptr;
	size_t len;
};

static inline struct view view_of(const void *p, size_t len)
{
	return (struct view){.ptr = (const uint8_t *)p, .len = len};
}

/* The bytes of a C string without its NUL. */
static inline struct view view_str(const char *s)
{
	return view_of(s, strlen(s));
}

static inline bool view_is_equal(struct view a, struct view b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool view_is(struct view a, const char *s)
{
	return view_is_equal(a, view_str(s));
}

MUST static inline rc view_take(struct view *v, size_t n, struct view *ret)
{
	if (n > v->len)
		return RC(RC_TRUNCATED);
	*ret = view_of(v->ptr, n);
	v->ptr += n;
	v->len -= n;
	return OK;
}

MUST static inline rc view_skip(struct view *v, size_t n)
{
	struct view ignored;

	return view_take(v, n, &ignored);
}

MUST static inline rc view_copy(struct view *v, void *out, size_t n)
{
	struct view part;

	TRY(view_take(v, n, &part));
	memcpy(out, part.ptr, n);
	return OK;
}

/* A range inside v without moving it: RC_TRUNCATED unless at + n <= v.len. */
MUST static inline rc view_slice(struct view v, uint64_t at, uint64_t n, struct view *ret)
{
	if (at > v.len || n > v.len - at)
		return RC(RC_TRUNCATED);
	*ret = view_of(v.ptr + at, (size_t)n);
	return OK;
}

/* RC_TRAILING unless everything has been read. */
MUST static inline rc view_end(const struct view *v)
{
	return v->len == 0 ? OK : RC(RC_TRAILING);
}

MUST rc view_u8(struct view *v, uint8_t *ret);
MUST rc view_u16be(struct view *v, uint16_t *ret);
MUST rc view_u32be(struct view *v, uint32_t *ret);
MUST rc view_u64be(struct view *v, uint64_t *ret);
MUST rc view_u16le(struct view *v, uint16_t *ret);
MUST rc view_u32le(struct view *v, uint32_t *ret);
MUST rc view_u64le(struct view *v, uint64_t *ret);

/* u32 big-endian length, then that many bytes (the SSH string, RFC 4251 5; also our own messages).
 * RC_LIMIT if the length is over max, RC_TRUNCATED if the bytes are not there. */
MUST rc view_string(struct view *v, size_t max, struct view *ret);

/* Up to and without the next byte c, which is read too; RC_TRUNCATED if there is none. */
MUST rc view_until(struct view *v, uint8_t c, struct view *ret);

#endif
