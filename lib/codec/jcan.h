/* jcan - canonical JSON, the only form of every signed statement, policy, roster and log leaf.
 *
 * The form: ASCII bytes, no white space; object names sorted bytewise (by their UTF-8) and unique;
 * numbers are 0..2^53-1 without sign, fraction, exponent or leading zero; strings escape `"` `\` as
 * `\"` `\\`, control characters as `\b \f \n \r \t` or `\u00XX`, everything from U+0080 as `\uXXXX`
 * in upper-case hex with surrogate pairs; U+0000 does not occur; at most JCAN_DEPTH levels. These
 * are the bytes that jansson writes with JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII.
 *
 * Owns: reading and writing that form, driven by the caller's schema: no tree, no allocation.
 * Must not own: what the fields mean. */
#ifndef GS_CODEC_JCAN_H
#define GS_CODEC_JCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define JCAN_DEPTH 16u /* nested objects and arrays */
#define JCAN_NUMBER_MAX ((UINT64_C(1) << 53) - 1)

/* ---- Reader --------------------------------------------------------------------------------
 *
 *	struct jcan j;
 *	jcan_init(&j, bytes, f);
 *	TRY(jcan_object(&j));
 *	TRY(jcan_key(&j, "count"));                  in sorted order, always
 *	TRY(jcan_u64(&j, 1000, &count));
 *	TRY(jcan_key_optional(&j, "note", &has));
 *	if (has)
 *		TRY(jcan_string(&j, note, sizeof(note), NULL));
 *	TRY(jcan_key(&j, "tags"));
 *	TRY(jcan_array(&j));
 *	for (;;) {
 *		TRY(jcan_next(&j, &more));
 *		if (!more)
 *			break;
 *		TRY(jcan_text(&j, 64, &tag));
 *	}
 *	TRY(jcan_object_end(&j));
 *	TRY(jcan_end(&j));
 *
 * Every function fills the fault given to jcan_init (may be NULL) with the byte offset and returns:
 *   RC_TRUNCATED  the input ends inside the value
 *   RC_SYNTAX     not JSON, a value of another type than asked for, or a required field is missing
 *   RC_NONCANON   JSON, but not the one permitted encoding of it (white space, order, escapes...)
 *   RC_DUPLICATE  an object name equals the one before
 *   RC_UNKNOWN    a field that was not asked for; the fault names it
 *   RC_LIMIT      longer than the caller's maximum, or nested deeper than JCAN_DEPTH
 *   RC_RANGE      number larger than the caller's maximum or than JCAN_NUMBER_MAX
 *   RC_STATE      the caller asked for a value where a key belongs, or the other way round (our
 *bug) After a failure the reader must not be used any more. It may be copied to look ahead. */
struct jcan_level {
	struct view last; /* object: name read last, as escaped; ptr NULL before the first */
	bool array;
	bool first; /* nothing read at this level yet */
};

struct jcan {
	struct view in; /* all of the input; borrowed */
	size_t at;
	struct fault *fault;
	size_t depth;
	bool value_next; /* a value must come now */
	struct jcan_level level[JCAN_DEPTH];
};

/* The bytes must outlive the reader and every view it hands out. */
void jcan_init(struct jcan *j, struct view bytes, struct fault *f);

/* Opens an object. */
MUST rc jcan_object(struct jcan *j);
/* The next field must be this one. Names in the schema are plain ASCII without escapes. */
MUST rc jcan_key(struct jcan *j, const char *name);
/* *ret_found: whether the next field is this one; if not, nothing was read. */
MUST rc jcan_key_optional(struct jcan *j, const char *name, bool *ret_found);
/* For objects whose names are data: the next name, decoded and NUL-terminated, in out of cap bytes;
 * *ret_more false means that the object has ended and is closed (no jcan_object_end then). */
MUST rc jcan_key_any(struct jcan *j, char *out, size_t cap, bool *ret_more);
/* Closes the object; RC_UNKNOWN if a field is left. */
MUST rc jcan_object_end(struct jcan *j);
/* Looks ahead in the object just opened or half read, without moving: the canonical bytes of the
 * value of that field, e.g. "kind". RC_NOTFOUND if no further field has that name. */
MUST rc jcan_peek(const struct jcan *j, const char *name, struct view *ret);

/* Opens an array; then jcan_next before each value. *ret_more false: the array is closed. */
MUST rc jcan_array(struct jcan *j);
MUST rc jcan_next(struct jcan *j, bool *ret_more);

/* A string, decoded to UTF-8 with a NUL behind it; at most cap - 1 bytes. ret_len may be NULL.
 * After a failure out is not defined. */
MUST rc jcan_string(struct jcan *j, char *out, size_t cap, size_t *ret_len);
/* A string that needs no escapes (ids, digests, names), as a view of at most max bytes into the
 * input; RC_SYNTAX if it has one. */
MUST rc jcan_text(struct jcan *j, size_t max, struct view *ret);
/* Exactly n bytes as 2n lower-case hex digits. After a failure out is not defined. */
MUST rc jcan_hex(struct jcan *j, uint8_t *out, size_t n);
/* Exactly this string (no escapes in it), e.g. a type URI. RC_MISMATCH. */
MUST rc jcan_literal(struct jcan *j, const char *expected);
MUST rc jcan_u64(struct jcan *j, uint64_t max, uint64_t *ret);
MUST rc jcan_bool(struct jcan *j, bool *ret);
/* Any value, checked to be canonical (null is permitted here alone), as a view into the input. */
MUST rc jcan_raw(struct jcan *j, struct view *ret);

/* Everything closed and no byte left. RC_TRAILING; RC_STATE if the caller left something open. */
MUST rc jcan_end(struct jcan *j);

/* RC_OK if the bytes are one canonical value and nothing else. */
MUST rc jcan_check(struct view bytes, struct fault *f);

/* ---- Writer --------------------------------------------------------------------------------
 * Onto a struct buf, with the buf's sticky failure: write freely, then TRY(jcan_out_done(&w)).
 * Names must come in sorted order; commas are handled. Sticky failures beside the buf's own:
 *   RC_STATE   names out of order or twice, a value where a name belongs, unbalanced ends (our bug)
 *   RC_SYNTAX  a string that is not UTF-8 or holds U+0000
 *   RC_RANGE   a number above JCAN_NUMBER_MAX
 *   RC_LIMIT   nested deeper than JCAN_DEPTH */
struct jcan_out_level {
	size_t last_at; /* where in the buf the last name lies, as escaped */
	size_t last_len;
	bool array;
	bool first;
};

struct jcan_out {
	struct buf *buf; /* borrowed; the value is appended to what it holds */
	size_t depth;
	bool value_next;
	struct jcan_out_level level[JCAN_DEPTH];
};

void jcan_out_init(struct jcan_out *w, struct buf *out);
void jcan_out_object(struct jcan_out *w);
void jcan_out_object_end(struct jcan_out *w);
void jcan_out_array(struct jcan_out *w);
void jcan_out_array_end(struct jcan_out *w);
void jcan_out_key(struct jcan_out *w, const char *name);
void jcan_out_key_view(struct jcan_out *w, struct view name);
void jcan_out_string(struct jcan_out *w, const char *s);
void jcan_out_view(struct jcan_out *w, struct view utf8);
void jcan_out_hex(struct jcan_out *w, struct view bytes);
/* A string: the bytes in base64 with padding (RFC 4648 4). */
void jcan_out_base64(struct jcan_out *w, struct view bytes);
void jcan_out_u64(struct jcan_out *w, uint64_t n);
void jcan_out_bool(struct jcan_out *w, bool b);
/* One value that is canonical already (RC_SYNTAX or RC_NONCANON if not: it is checked). */
void jcan_out_raw(struct jcan_out *w, struct view canonical);
/* How all writes went; RC_STATE unless exactly one whole value was written. */
MUST rc jcan_out_done(const struct jcan_out *w);

#endif
