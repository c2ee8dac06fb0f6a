#include "lib/model/call.h"

#include "lib/codec/base64.h"
#include "lib/codec/hex.h"

#define SCHEME "Greatseal "
#define HOST_SCHEME "Greatseal-Host "

static size_t header_max(bool host)
{
	return host ? CALL_HOST_HEADER_MAX : CALL_HEADER_MAX;
}

/* A request line has no white space or control characters in it; one here would let two calls have
 * the same text. */
static bool is_token(struct view v, size_t max)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.ptr[i] <= 0x20 || v.ptr[i] > 0x7e)
			return false;
	return v.len > 0 && v.len <= max;
}

static bool is_method(struct view v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.ptr[i] < 'A' || v.ptr[i] > 'Z')
			return false;
	return v.len > 0 && v.len <= 16;
}

static void put_body(const struct call *c, struct buf *out)
{
	if (c->has_body_digest)
		hex_put(out, digest_view(&c->body));
	else
		buf_put_u8(out, '-');
}

rc call_text(const struct call *c, struct buf *out)
{
	char time[TIME_TEXT];

	if (!is_method(c->method) || !is_token(c->target, CALL_TARGET_MAX))
		return RC(RC_SYNTAX);
	TRY(time_format(c->time, time));
	buf_put_str(out, "greatseal-call-v1\n");
	buf_put_view(out, c->method);
	buf_put_u8(out, '\n');
	buf_put_view(out, c->target);
	buf_put_u8(out, '\n');
	put_body(c, out);
	buf_printf(out, "\n%s\n", time);
	hex_put(out, view_of(c->nonce, sizeof(c->nonce)));
	buf_put_u8(out, '\n');
	hex_put(out, digest_view(&c->pin));
	buf_put_u8(out, '\n');
	return buf_done(out);
}

rc call_header_encode(const struct call *c, struct view sig, struct buf *out)
{
	bool host = c->host.s[0] != '\0';
	char time[TIME_TEXT];
	size_t at = out->len;

	TRY(time_format(c->time, time));
	if (host)
		buf_printf(out, HOST_SCHEME "h=%s,", c->host.s);
	else
		buf_put_str(out, SCHEME);
	buf_printf(out, "t=%s,n=", time);
	hex_put(out, view_of(c->nonce, sizeof(c->nonce)));
	buf_put_str(out, ",b=");
	put_body(c, out);
	buf_put_str(out, ",s=");
	base64_put(BASE64_STD, sig, out);
	if (out->len - at > header_max(host))
		buf_fail(out, RC_LIMIT);
	return buf_done(out);
}

/* Takes "key=" and what stands before the next comma, or all that is left. */
static rc part(struct view *v, const char *key, bool last, struct view *ret)
{
	struct view name;

	TRY(view_take(v, strlen(key), &name));
	if (!view_is(name, key))
		return RC(RC_SYNTAX);
	if (!last)
		return view_until(v, ',', ret);
	return view_take(v, v->len, ret);
}

static bool is_hosts(struct view header)
{
	const size_t n = sizeof(HOST_SCHEME) - 1;

	return header.len >= n && view_is(view_of(header.ptr, n), HOST_SCHEME);
}

static rc header_read(struct view v, struct call *c, struct buf *sig)
{
	struct view text;

	c->host = (struct name){.s = ""};
	if (is_hosts(v)) {
		TRY(part(&v, HOST_SCHEME "h=", false, &text));
		TRY(name_parse(text, &c->host));
		TRY(part(&v, "t=", false, &text));
	} else {
		TRY(part(&v, SCHEME "t=", false, &text));
	}
	TRY(time_parse(text, &c->time));
	TRY(part(&v, "n=", false, &text));
	TRY(hex_parse(text, c->nonce, sizeof(c->nonce)));
	TRY(part(&v, "b=", false, &text));
	c->has_body_digest = !view_is(text, "-");
	c->body = (struct digest){0};
	if (c->has_body_digest)
		TRY(digest_parse(text, &c->body));
	TRY(part(&v, "s=", true, &text));
	if (text.len == 0)
		return RC(RC_TRUNCATED);
	return base64_parse(BASE64_STD, text, sig, NULL);
}

rc call_header_parse(struct view header, struct call *c, struct buf *sig, struct fault *f)
{
	const size_t max = header_max(is_hosts(header));
	struct call got = *c;
	rc r;

	if (header.len > max)
		return fault_set(f, RC_LIMIT, 0, "call: header of %zu bytes, at most %zu",
				 header.len, max);
	r = header_read(header, &got, sig);
	if (!rc_is_ok(r))
		return fault_set(f, r.code, 0,
				 "call: header is not Greatseal t=TIME,n=NONCE,b=BODY,s=SIGNATURE");
	*c = got;
	return OK;
}
