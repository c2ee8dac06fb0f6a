#include "lib/codec/utf8.h"

/* Length of the sequence that starts with this byte, 0 if none does (RFC 3629 4). */
static size_t sequence(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

rc utf8_next(struct view *v, uint32_t *ret)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t code;
	size_t n;

	if (v->len == 0)
		return RC(RC_TRUNCATED);
	n = sequence(v->ptr[0]);
	if (n == 0 || n > v->len)
		return RC(RC_SYNTAX);
	code = v->ptr[0] & mask[n];
	for (size_t i = 1; i < n; i++) {
		if ((v->ptr[i] & 0xc0) != 0x80)
			return RC(RC_SYNTAX);
		code = code << 6 | (v->ptr[i] & 0x3f);
	}
	if (code < lowest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return RC(RC_SYNTAX);
	v->ptr += n;
	v->len -= n;
	*ret = code;
	return OK;
}

size_t utf8_put(uint32_t code, uint8_t out[4])
{
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (uint8_t)(0xc0 | code >> 6);
		out[1] = (uint8_t)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (uint8_t)(0xe0 | code >> 12);
		out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | code >> 18);
	out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (code & 0x3f));
	return 4;
}

rc utf8_check(struct view v, size_t *ret_at)
{
	const uint8_t *start = v.ptr;
	uint32_t code;

	while (v.len > 0) {
		if (!rc_is_ok(utf8_next(&v, &code))) {
			if (ret_at != NULL)
				*ret_at = (size_t)(v.ptr - start);
			return RC(RC_SYNTAX);
		}
	}
	return OK;
}
