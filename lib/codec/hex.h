/* hex - lower-case hexadecimal, the one form of digests in text.
 *
 * Owns: both directions. Upper case, odd lengths and separators are refusals. */
#ifndef GS_CODEC_HEX_H
#define GS_CODEC_HEX_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

/* Writes 2 * bytes.len digits and a NUL to out. */
void hex_encode(struct view bytes, char *out);
/* Appends 2 * bytes.len digits. */
void hex_put(struct buf *out, struct view bytes);
/* Reads exactly 2 * n digits of [0-9a-f] into out; parse into a local, since out is written as far
 * as the digits are good. RC_SYNTAX for a wrong length or digit. */
MUST rc hex_parse(struct view text, uint8_t *out, size_t n);

#endif
