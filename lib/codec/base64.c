#include "lib/codec/base64.h"

static const char alphabet_std[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_size(enum base64_form form, size_t n)
{
	static const size_t tail[] = {0, 2, 3};

	return n / 3 * 4 + (n % 3 == 0 ? 0 : form == BASE64_STD ? 4 : tail[n % 3]);
}

void base64_put(enum base64_form form, struct view bytes, struct buf *out)
{
	const char *alphabet = form == BASE64_URL ? alphabet_url : alphabet_std;
	uint8_t *to = buf_space(out, base64_size(form, bytes.len));
	const uint8_t *p = bytes.ptr;
	size_t left = bytes.len;

	if (to == NULL)
		return;
	for (; left >= 3; left -= 3, p += 3, to += 4) {
		uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		to[0] = (uint8_t)alphabet[bits >> 18];
		to[1] = (uint8_t)alphabet[bits >> 12 & 63];
		to[2] = (uint8_t)alphabet[bits >> 6 & 63];
		to[3] = (uint8_t)alphabet[bits & 63];
	}
	if (left > 0) {
		uint32_t bits = (uint32_t)p[0] << 16 | (left > 1 ? (uint32_t)p[1] << 8 : 0);

		to[0] = (uint8_t)alphabet[bits >> 18];
		to[1] = (uint8_t)alphabet[bits >> 12 & 63];
		if (left > 1)
			to[2] = (uint8_t)alphabet[bits >> 6 & 63];
		else if (form == BASE64_STD)
			to[2] = '=';
		if (form == BASE64_STD)
			to[3] = '=';
	}
}

/* What a character stands for, in six bits, and the forms that do not have it, in the two above. */
#define NOT_URL 0x40u
#define NOT_STD 0x80u
static const uint8_t values[128] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7e, 0xff,
	0xbe, 0xff, 0x7f, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
	0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
	0x19, 0xff, 0xff, 0xff, 0xff, 0xbf, 0xff, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21,
	0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30,
	0x31, 0x32, 0x33, 0xff, 0xff, 0xff, 0xff, 0xff,
};

/* 0..63, or the bits of `not` too. */
static inline uint32_t value_of(uint8_t c)
{
	return c < sizeof(values) ? values[c] : 0xff;
}

/* What is wrong with one of the n characters at `at`. */
static rc refuse_group(uint32_t not, struct view text, size_t at, struct fault *f)
{
	while ((value_of(text.ptr[at]) & not ) == 0)
		at++;
	return fault_set(f, RC_SYNTAX, at,
			 "base64: byte 0x%02x is not of the alphabet (RFC 4648 3.3)", text.ptr[at]);
}

/* Whole groups of four; *ret_at is where they end. */
static rc groups(uint32_t not, struct view text, uint8_t *to, size_t *ret_at, struct fault *f)
{
	size_t at = 0;

	for (; text.len - at >= 4; at += 4, to += 3) {
		const uint8_t *p = text.ptr + at;
		uint32_t a = value_of(p[0]), b = value_of(p[1]), c = value_of(p[2]),
			 d = value_of(p[3]);
		uint32_t bits = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);

		if (((a | b | c | d) & not ) != 0)
			return refuse_group(not, text, at, f);
		to[0] = (uint8_t)(bits >> 16);
		to[1] = (uint8_t)(bits >> 8);
		to[2] = (uint8_t)bits;
	}
	*ret_at = at;
	return OK;
}

/* Two or three characters at the end, without padding. */
static rc tail(uint32_t not, struct view text, size_t at, uint8_t *to, struct fault *f)
{
	uint32_t bits = 0;

	for (size_t i = at; i < text.len; i++) {
		uint32_t v = value_of(text.ptr[i]);

		if ((v & not ) != 0)
			return refuse_group(not, text, i, f);
		bits = bits << 6 | (v & 63);
	}
	bits <<= 6 * (4 - (text.len - at));
	if ((bits & (text.len - at == 2 ? 0xffffu : 0xffu)) != 0)
		return fault_set(f, RC_NONCANON, text.len - 1,
				 "base64: unused bits are not zero (RFC 4648 3.5)");
	to[0] = (uint8_t)(bits >> 16);
	if (text.len - at == 3)
		to[1] = (uint8_t)(bits >> 8);
	return OK;
}

/* Removes the padding that BASE64_STD must have. */
static rc unpad(struct view *text, struct fault *f)
{
	if (text->len % 4 != 0)
		return fault_set(f, RC_SYNTAX, text->len,
				 "base64: %zu characters are no multiple of 4 (RFC 4648 4)",
				 text->len);
	for (int i = 0; i < 2 && text->len != 0 && text->ptr[text->len - 1] == '='; i++)
		text->len--;
	return OK;
}

rc base64_parse(enum base64_form form, struct view text, struct buf *out, struct fault *f)
{
	const uint32_t not = form == BASE64_URL ? NOT_URL : NOT_STD;
	size_t before = out->len;
	size_t at = 0;
	uint8_t *to;
	rc r;

	if (form == BASE64_STD)
		TRY(unpad(&text, f));
	if (text.len % 4 == 1)
		return fault_set(f, RC_SYNTAX, text.len,
				 "base64: a last group of one character (RFC 4648 4)");
	if (text.len == 0)
		return buf_done(out);
	to = buf_space(out, text.len / 4 * 3 + (text.len % 4 == 0 ? 0 : text.len % 4 - 1));
	if (to == NULL)
		return fault_set(f, buf_done(out).code, 0, "base64: no room for %zu characters",
				 text.len);
	r = groups(not, text, to, &at, f);
	if (rc_is_ok(r) && at < text.len)
		r = tail(not, text, at, to + at / 4 * 3, f);
	if (!rc_is_ok(r))
		out->len = before;
	return r;
}
