#include "lib/format/clean.h"

#include <stdint.h>

/* Ranges of characters that are not shown as themselves: Unicode 15, general categories Cc, Cf, Zl,
 * Zp, Co, Cs, the variation selectors and the fillers that look like nothing. Sorted. */
static const struct {
	uint32_t from;
	uint32_t to;
} hidden[] = {
	{0x0000, 0x001f},   {0x007f, 0x009f},	{0x00ad, 0x00ad},   {0x034f, 0x034f},
	{0x0600, 0x0605},   {0x061c, 0x061c},	{0x06dd, 0x06dd},   {0x070f, 0x070f},
	{0x0890, 0x0891},   {0x08e2, 0x08e2},	{0x115f, 0x1160},   {0x17b4, 0x17b5},
	{0x180b, 0x180f},   {0x2000, 0x200f},	{0x2028, 0x202f},   {0x205f, 0x206f},
	{0x2800, 0x2800},   {0x3000, 0x3000},	{0x3164, 0x3164},   {0xd800, 0xf8ff},
	{0xfe00, 0xfe0f},   {0xfeff, 0xfeff},	{0xffa0, 0xffa0},   {0xfff0, 0xfffb},
	{0xfffe, 0xffff},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1345f},
	{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0x1fffe, 0x1ffff}, {0x323b0, 0x10ffff},
};

static bool is_hidden(uint32_t c)
{
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]) && hidden[i].from <= c; i++)
		if (c <= hidden[i].to)
			return true;
	return false;
}

/* Length of the well-formed UTF-8 sequence at the front (Unicode table 3-7), 0 if there is none. */
static size_t sequence(struct view in, uint32_t *ret)
{
	uint8_t a = in.ptr[0];
	size_t n = a < 0x80 ? 1 : a < 0xc2 ? 0 : a < 0xe0 ? 2 : a < 0xf0 ? 3 : a < 0xf5 ? 4 : 0;
	uint32_t c = n == 1 ? a : n == 2 ? a & 0x1fu : n == 3 ? a & 0x0fu : a & 0x07u;

	if (n == 0 || n > in.len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((in.ptr[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (in.ptr[i] & 0x3fu);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

#define PIECE 12 /* "\u{10ffff}" and NUL fit */

static size_t utf8_encode(uint32_t c, char out[PIECE])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static size_t hex_escape(uint32_t c, bool is_byte, char out[PIECE])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;
	unsigned shift = is_byte ? 4 : c > 0xfffff ? 20 : c > 0xffff ? 16 : 12;

	out[n++] = '\\';
	out[n++] = is_byte ? 'x' : 'u';
	if (!is_byte)
		out[n++] = '{';
	for (;; shift -= 4) {
		out[n++] = digits[c >> shift & 15];
		if (shift == 0)
			break;
	}
	if (!is_byte)
		out[n++] = '}';
	return n;
}

static size_t one(uint32_t c, enum clean_mode mode, char out[PIECE])
{
	if (c == '\\' && mode != CLEAN_SHOWN) {
		out[0] = out[1] = '\\';
		return 2;
	}
	if ((c == '\n' || c == '\t') && mode == CLEAN_TEXT)
		return utf8_encode(c, out);
	if (!is_hidden(c))
		return utf8_encode(c, out);
	return hex_escape(c, c < 0x80, out);
}

/* Appends a piece unless it and a possible "\+" after it would pass the end. */
static bool append(struct buf *b, const char *piece, size_t n, size_t end)
{
	if (b->len + n + 2 > end)
		return false;
	buf_put(b, piece, n);
	return true;
}

bool clean_put(struct buf *b, struct view in, enum clean_mode mode, size_t max)
{
	size_t end = b->len + max;
	char piece[PIECE];

	while (in.len > 0) {
		uint32_t c = 0;
		size_t n = sequence(in, &c);
		size_t len = n == 0 ? hex_escape(in.ptr[0], true, piece) : one(c, mode, piece);

		if (!append(b, piece, len, end)) {
			buf_put_str(b, "\\+");
			return true;
		}
		in.ptr += n == 0 ? 1 : n;
		in.len -= n == 0 ? 1 : n;
	}
	return false;
}

bool clean_put_utf16(struct buf *b, struct view in, size_t max)
{
	size_t end = b->len + max;
	char piece[PIECE];
	uint16_t u;

	while (rc_is_ok(view_u16le(&in, &u)) && u != 0) {
		struct view after = in;
		uint16_t low;
		uint32_t c = u;

		if (u >= 0xd800 && u <= 0xdbff && rc_is_ok(view_u16le(&after, &low)) &&
		    low >= 0xdc00 && low <= 0xdfff) {
			c = 0x10000 + ((u - 0xd800u) << 10) + (low - 0xdc00u);
			in = after;
		}
		if (!append(b, piece, one(c, CLEAN_LINE, piece), end)) {
			buf_put_str(b, "\\+");
			return true;
		}
	}
	return false;
}
