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

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t bits = 0;
		char quad[4] = {'=', '=', '=', '='};

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < n ? bytes.ptr[i + k] : 0u);
		for (size_t k = 0; k <= n; k++)
			quad[k] = alphabet[bits >> (18 - 6 * k) & 63];
		buf_put(out, quad, form == BASE64_STD ? 4 : n + 1);
	}
}

/* 0..63, or 64 for a character outside the alphabet. */
static uint32_t value_of(enum base64_form form, uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0') + 52;
	if (c == (form == BASE64_URL ? '-' : '+'))
		return 62;
	return c == (form == BASE64_URL ? '_' : '/') ? 63 : 64;
}

/* Up to four characters of one group, without padding. */
static rc group(enum base64_form form, struct view text, size_t at, struct buf *out,
		struct fault *f)
{
	size_t n = text.len - at < 4 ? text.len - at : 4;
	uint32_t bits = 0;

	for (size_t k = 0; k < 4; k++) {
		uint32_t v = k < n ? value_of(form, text.ptr[at + k]) : 0;

		if (v == 64)
			return fault_set(
				f, RC_SYNTAX, at + k,
				"base64: byte 0x%02x is not of the alphabet (RFC 4648 3.3)",
				text.ptr[at + k]);
		bits = bits << 6 | v;
	}
	if ((n == 2 && (bits & 0xffff) != 0) || (n == 3 && (bits & 0xff) != 0))
		return fault_set(f, RC_NONCANON, at + n - 1,
				 "base64: unused bits are not zero (RFC 4648 3.5)");
	for (size_t k = 0; k + 1 < n; k++)
		buf_put_u8(out, (uint8_t)(bits >> (16 - 8 * k)));
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
	size_t before = out->len;
	rc r = OK;

	if (form == BASE64_STD)
		TRY(unpad(&text, f));
	if (text.len % 4 == 1)
		return fault_set(f, RC_SYNTAX, text.len,
				 "base64: a last group of one character (RFC 4648 4)");
	for (size_t at = 0; rc_is_ok(r) && at < text.len; at += 4)
		r = group(form, text, at, out, f);
	if (rc_is_ok(r) && !rc_is_ok(buf_done(out)))
		r = fault_set(f, buf_done(out).code, 0, "base64: no room for %zu characters",
			      text.len);
	if (!rc_is_ok(r))
		out->len = before;
	return r;
}
