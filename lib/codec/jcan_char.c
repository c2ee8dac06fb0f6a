#include "lib/codec/jcan_char.h"

#include <assert.h>

uint8_t jcan_char_letter(uint32_t code)
{
	switch (code) {
	case '"':
	case '\\':
		return (uint8_t)code;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return 0;
	}
}

static rc hex4(struct view *v, uint32_t *ret)
{
	uint32_t code = 0;
	bool lower = false;
	struct view part;

	TRY(view_take(v, 4, &part));
	for (size_t i = 0; i < 4; i++) {
		uint8_t c = part.ptr[i];

		if (c >= '0' && c <= '9')
			code = code << 4 | (uint32_t)(c - '0');
		else if (c >= 'A' && c <= 'F')
			code = code << 4 | (uint32_t)(c - 'A' + 10);
		else if (c >= 'a' && c <= 'f')
			lower = true;
		else
			return RC(RC_SYNTAX);
	}
	if (lower)
		return RC(RC_NONCANON);
	*ret = code;
	return OK;
}

/* After "\u": one code point that may be written so, with its second surrogate if it has one. */
static rc long_escape(struct view *v, uint32_t *ret)
{
	uint32_t code;
	uint32_t low;
	struct view prefix;

	TRY(hex4(v, &code));
	if (code == 0 || (code >= 0xdc00 && code <= 0xdfff))
		return RC(RC_SYNTAX);
	if (code >= 0xd800 && code <= 0xdbff) {
		TRY(view_take(v, 2, &prefix));
		if (!view_is(prefix, "\\u"))
			return RC(RC_SYNTAX);
		TRY(hex4(v, &low));
		if (low < 0xdc00 || low > 0xdfff)
			return RC(RC_SYNTAX);
		code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
	}
	if ((code >= 0x20 && code < 0x80) || jcan_char_letter(code) != 0)
		return RC(RC_NONCANON);
	*ret = code;
	return OK;
}

rc jcan_char_next(struct view *v, uint32_t *ret)
{
	uint8_t c;

	TRY(view_u8(v, &c));
	if (jcan_char_is_plain(c)) {
		*ret = c;
		return OK;
	}
	if (c >= 0x80)
		return RC(RC_NONCANON);
	if (c != '\\')
		return RC(RC_SYNTAX);
	TRY(view_u8(v, &c));
	switch (c) {
	case '"':
	case '\\':
		*ret = c;
		return OK;
	case 'b':
		*ret = '\b';
		return OK;
	case 'f':
		*ret = '\f';
		return OK;
	case 'n':
		*ret = '\n';
		return OK;
	case 'r':
		*ret = '\r';
		return OK;
	case 't':
		*ret = '\t';
		return OK;
	case 'u':
		return long_escape(v, ret);
	case '/':
		return RC(RC_NONCANON);
	default:
		return RC(RC_SYNTAX);
	}
}

int jcan_name_order(struct view a, struct view b)
{
	size_t least = a.len < b.len ? a.len : b.len;
	uint32_t ca = 0;
	uint32_t cb = 0;
	size_t n = 0;

	/* Nearly all names are plain, and plain characters are their own code points. */
	while (n < least && a.ptr[n] == b.ptr[n] && jcan_char_is_plain(a.ptr[n]))
		n++;
	if (n < least && jcan_char_is_plain(a.ptr[n]) && jcan_char_is_plain(b.ptr[n]))
		return a.ptr[n] < b.ptr[n] ? -1 : 1;
	a = view_of(a.ptr + n, a.len - n);
	b = view_of(b.ptr + n, b.len - n);
	while (a.len > 0 && b.len > 0) {
		/* Both were checked when they were read or written. */
		bool ok = rc_is_ok(jcan_char_next(&a, &ca)) && rc_is_ok(jcan_char_next(&b, &cb));

		assert(ok);
		if (ca != cb)
			return ca < cb ? -1 : 1;
	}
	return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}
