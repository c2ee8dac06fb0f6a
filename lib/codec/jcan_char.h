/* jcan_char - one character of a canonical JSON string; shared by jcan's reader and writer alone.
 *
 * Owns: which escape each character has, and the order of names. */
#ifndef GS_CODEC_JCAN_CHAR_H
#define GS_CODEC_JCAN_CHAR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/result.h"
#include "lib/base/view.h"

/* Stands for itself in a string. */
static inline bool jcan_char_is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* How many characters at the beginning stand for themselves; eight are looked at together (a byte
 * of `odd` has its top bit set if that of the word, or one before it, is no plain one). */
static inline size_t jcan_plain_run(struct view v)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t tops = ones << 7;
	size_t n = 0;

	for (; v.len - n >= sizeof(uint64_t); n += sizeof(uint64_t)) {
		uint64_t w, quote, slash, odd;

		memcpy(&w, v.ptr + n, sizeof(w));
		quote = w ^ ones * '"';
		slash = w ^ ones * '\\';
		odd = w | (w - ones * 0x20) | (quote - ones) | (slash - ones);
		if ((odd & tops) != 0)
			break;
	}
	while (n < v.len && jcan_char_is_plain(v.ptr[n]))
		n++;
	return n;
}

/* The letter after the backslash for a code point that has a short escape, or 0. */
uint8_t jcan_char_letter(uint32_t code);

/* Takes one character, plain or escaped, from a string's inside. RC_TRUNCATED; RC_SYNTAX;
 * RC_NONCANON for anything but its one permitted form. */
MUST rc jcan_char_next(struct view *v, uint32_t *ret);

/* Order of two checked names in escaped form, <0, 0, >0: that of their code points, which is that
 * of their UTF-8 bytes. */
int jcan_name_order(struct view a, struct view b);

#endif
