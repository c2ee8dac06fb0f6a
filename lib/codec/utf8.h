/* utf8 - one code point at a time, strictly: no overlong forms, no surrogates, nothing above
 * U+10FFFF (RFC 3629 3).
 *
 * Owns: decoding and encoding. Must not own: which characters a text may have. */
#ifndef GS_CODEC_UTF8_H
#define GS_CODEC_UTF8_H

#include <stdint.h>

#include "lib/base/result.h"
#include "lib/base/view.h"

/* Takes one code point from the front. RC_TRUNCATED when nothing is left, RC_SYNTAX otherwise; then
 * the view is as it was. */
MUST rc utf8_next(struct view *v, uint32_t *ret);

/* Writes the 1..4 bytes of a code point (a scalar value, our own invariant) and returns how many.
 */
size_t utf8_put(uint32_t code, uint8_t out[4]);

/* RC_SYNTAX unless all of v is UTF-8; *ret_at (may be NULL) is then the offset of the first bad
 * byte. */
MUST rc utf8_check(struct view v, size_t *ret_at);

#endif
