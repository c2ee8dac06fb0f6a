/* der - ASN.1 DER (X.690 8, 10): a strict reader over struct view and a writer that works
 * backwards.
 *
 * Owns: tags, lengths, integers, object identifiers, times. Must not own: what a structure means.
 * The reader keeps no state but the view, so it has no depth. Refused: indefinite lengths, lengths
 * longer than needed, lengths over 4 octets, tag numbers above 30, non-minimal integers.
 * As with view_*, a function that fails leaves the view as it was. */
#ifndef GS_CODEC_DER_H
#define GS_CODEC_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_IA5_STRING = 0x16,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_BMP_STRING = 0x1e,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
};
#define DER_CONTEXT(n) ((uint8_t)(0x80 | (n))) /* [n] IMPLICIT, primitive */
#define DER_CONTEXT_CONSTRUCTED(n)                                                                 \
	((uint8_t)(0xa0 | (n))) /* [n] EXPLICIT, or IMPLICIT SEQUENCE                              \
				 */

/* Reading. Each takes one element from the front of *v.
 * RC_TRUNCATED: the bytes end early. RC_NONCANON: BER but not DER. RC_SYNTAX: another tag.
 * RC_UNSUPPORTED: long-form tag. RC_RANGE: value outside the stated limits. */
struct der_tlv {
	uint8_t tag;
	struct view body; /* the contents octets */
	struct view full; /* tag, length and contents */
};
MUST rc der_any(struct view *v, struct der_tlv *ret);
MUST rc der_body(struct view *v, uint8_t tag, struct view *ret_body);
MUST rc der_full(struct view *v, uint8_t tag, struct view *ret_full);
/* True if the next element has this tag (its length is not looked at). */
bool der_is_next(struct view v, uint8_t tag);
/* If the next element has this tag: its contents and *ret_present = true. Else false, and OK. */
MUST rc der_optional(struct view *v, uint8_t tag, struct view *ret_body, bool *ret_present);

/* INTEGER, minimal, any sign and length >= 1: the contents octets. */
MUST rc der_integer(struct view *v, struct view *ret_body);
/* INTEGER 0..max. */
MUST rc der_uint(struct view *v, uint64_t max, uint64_t *ret);
/* BOOLEAN, 0x00 or 0xff only. */
MUST rc der_bool(struct view *v, bool *ret);
MUST rc der_null(struct view *v);
/* OBJECT IDENTIFIER: contents octets, every arc minimal. Compare with view_is_equal. */
MUST rc der_oid(struct view *v, struct view *ret_body);
/* BIT STRING with no unused bits: the octets. */
MUST rc der_bits(struct view *v, struct view *ret);
/* UTCTime (1950..2049) or GeneralizedTime (2050 and later), seconds present, "Z"; RFC 5280 4.1.2.5.
 * RC_RANGE before 1970. */
MUST rc der_time(struct view *v, unix_time *ret);

/* Writing, last element first: lengths are then known and nothing is moved.
 *   size_t end = der_mark(&d);  put last field; ... put first field;  der_wrap(&d, DER_SEQUENCE,
 * end); A failure (not enough room) is sticky; der_done looks at it. */
struct der {
	uint8_t *base;
	size_t at; /* everything from here to cap is written */
	size_t cap;
	bool failed;
};
void der_init(struct der *d, void *mem, size_t cap);
static inline size_t der_mark(const struct der *d)
{
	return d->at;
}
void der_put_raw(struct der *d, struct view bytes);
void der_put(struct der *d, uint8_t tag, struct view body);
void der_wrap(struct der *d, uint8_t tag, size_t mark);
void der_put_uint(struct der *d, uint64_t v);
/* BIT STRING with no unused bits. */
void der_put_bits(struct der *d, struct view bytes);
/* UTCTime through 2049, else GeneralizedTime. Fails outside 1970..9999. */
void der_put_time(struct der *d, unix_time t);
/* What was written since mark. Valid until the next write. */
struct view der_view(const struct der *d, size_t mark);
/* Appends everything written to out. RC_LIMIT if d or out was too small, RC_NOMEM. */
MUST rc der_done(const struct der *d, struct buf *out);
/* Writes count (<= 16) complete elements in the order DER demands of a SET OF (X.690 11.6). */
#define DER_SET_MAX 16
void der_put_set_of(struct der *d, const struct view *elements, size_t count);

#endif
