#include "lib/codec/hex.h"

static const char digits[] = "0123456789abcdef";

void hex_encode(struct view bytes, char *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		out[2 * i] = digits[bytes.ptr[i] >> 4];
		out[2 * i + 1] = digits[bytes.ptr[i] & 15];
	}
	out[2 * bytes.len] = '\0';
}

void hex_put(struct buf *out, struct view bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		char pair[3];

		hex_encode(view_of(bytes.ptr + i, 1), pair);
		buf_put(out, pair, 2);
	}
}

static rc nibble(uint8_t c, uint8_t *ret)
{
	if (c >= '0' && c <= '9')
		*ret = (uint8_t)(c - '0');
	else if (c >= 'a' && c <= 'f')
		*ret = (uint8_t)(c - 'a' + 10);
	else
		return RC(RC_SYNTAX);
	return OK;
}

rc hex_parse(struct view text, uint8_t *out, size_t n)
{
	if (text.len / 2 != n || text.len % 2 != 0)
		return RC(RC_SYNTAX);
	for (size_t i = 0; i < n; i++) {
		uint8_t hi;
		uint8_t lo;

		TRY(nibble(text.ptr[2 * i], &hi));
		TRY(nibble(text.ptr[2 * i + 1], &lo));
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return OK;
}
