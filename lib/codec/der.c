/* Purpose: see der.h. Section numbers are those of X.690. */
#include "lib/codec/der.h"

#include <string.h>

#define LONG_TAG 0x1f /* 8.1.2.4: the tag number follows in more octets */

/* Tag and length octets; on success *v is at the contents and *len fits into it. */
static rc header(struct view *v, uint8_t *ret_tag, size_t *ret_len)
{
	struct view rest = *v;
	uint8_t tag;
	uint8_t first;
	uint8_t next;
	size_t len;

	TRY(view_u8(&rest, &tag));
	if ((tag & LONG_TAG) == LONG_TAG)
		return RC(RC_UNSUPPORTED);
	TRY(view_u8(&rest, &first));
	len = first;
	if (first == 0x80) /* 10.1: the definite form */
		return RC(RC_NONCANON);
	if (first > 0x84)
		return RC(RC_LIMIT);
	if (first > 0x80) {
		len = 0;
		for (unsigned i = 0; i < (first & 0x7fU); i++) {
			TRY(view_u8(&rest, &next));
			if (i == 0 && next == 0)
				return RC(RC_NONCANON);
			len = len << 8 | next;
		}
		if (len < 0x80)
			return RC(RC_NONCANON);
	}
	if (len > rest.len)
		return RC(RC_TRUNCATED);
	*v = rest;
	*ret_tag = tag;
	*ret_len = len;
	return OK;
}

rc der_any(struct view *v, struct der_tlv *ret)
{
	struct view rest = *v;
	struct der_tlv t;
	size_t len;

	TRY(header(&rest, &t.tag, &len));
	TRY(view_take(&rest, len, &t.body));
	t.full = view_of(v->ptr, v->len - rest.len);
	*v = rest;
	*ret = t;
	return OK;
}

static rc with_tag(struct view *v, uint8_t tag, struct der_tlv *ret)
{
	struct view rest = *v;
	struct der_tlv t;

	TRY(der_any(&rest, &t));
	if (t.tag != tag)
		return RC(RC_SYNTAX);
	*v = rest;
	*ret = t;
	return OK;
}

rc der_body(struct view *v, uint8_t tag, struct view *ret_body)
{
	struct der_tlv t;

	TRY(with_tag(v, tag, &t));
	*ret_body = t.body;
	return OK;
}

rc der_full(struct view *v, uint8_t tag, struct view *ret_full)
{
	struct der_tlv t;

	TRY(with_tag(v, tag, &t));
	*ret_full = t.full;
	return OK;
}

bool der_is_next(struct view v, uint8_t tag)
{
	return v.len > 0 && v.ptr[0] == tag;
}

rc der_optional(struct view *v, uint8_t tag, struct view *ret_body, bool *ret_present)
{
	if (!der_is_next(*v, tag)) {
		*ret_present = false;
		return OK;
	}
	TRY(der_body(v, tag, ret_body));
	*ret_present = true;
	return OK;
}

rc der_integer(struct view *v, struct view *ret_body)
{
	struct view rest = *v;
	struct view body;

	TRY(der_body(&rest, DER_INTEGER, &body));
	if (body.len == 0)
		return RC(RC_NONCANON);
	/* 8.3.2: the first nine bits are neither all zero nor all one. */
	if (body.len > 1 && ((body.ptr[0] == 0x00 && body.ptr[1] < 0x80) ||
			     (body.ptr[0] == 0xff && body.ptr[1] >= 0x80)))
		return RC(RC_NONCANON);
	*v = rest;
	*ret_body = body;
	return OK;
}

rc der_uint(struct view *v, uint64_t max, uint64_t *ret)
{
	struct view rest = *v;
	struct view body;
	uint64_t n = 0;

	TRY(der_integer(&rest, &body));
	if (body.ptr[0] >= 0x80 || body.len > 9 || (body.len == 9 && body.ptr[0] != 0))
		return RC(RC_RANGE);
	for (size_t i = 0; i < body.len; i++)
		n = n << 8 | body.ptr[i];
	if (n > max)
		return RC(RC_RANGE);
	*v = rest;
	*ret = n;
	return OK;
}

rc der_bool(struct view *v, bool *ret)
{
	struct view rest = *v;
	struct view body;

	TRY(der_body(&rest, DER_BOOLEAN, &body));
	if (body.len != 1 || (body.ptr[0] != 0x00 && body.ptr[0] != 0xff)) /* 11.1 */
		return RC(RC_NONCANON);
	*v = rest;
	*ret = body.ptr[0] != 0;
	return OK;
}

rc der_null(struct view *v)
{
	struct view rest = *v;
	struct view body;

	TRY(der_body(&rest, DER_NULL, &body));
	if (body.len != 0)
		return RC(RC_NONCANON);
	*v = rest;
	return OK;
}

rc der_oid(struct view *v, struct view *ret_body)
{
	struct view rest = *v;
	struct view body;

	TRY(der_body(&rest, DER_OID, &body));
	if (body.len == 0 || body.ptr[body.len - 1] >= 0x80)
		return RC(RC_NONCANON);
	for (size_t i = 0; i < body.len; i++) /* 8.19.2: an arc does not begin with 0x80 */
		if (body.ptr[i] == 0x80 && (i == 0 || body.ptr[i - 1] < 0x80))
			return RC(RC_NONCANON);
	*v = rest;
	*ret_body = body;
	return OK;
}

rc der_bits(struct view *v, struct view *ret)
{
	struct view rest = *v;
	struct view body;
	uint8_t unused;

	TRY(der_body(&rest, DER_BIT_STRING, &body));
	if (body.len == 0)
		return RC(RC_NONCANON);
	TRY(view_u8(&body, &unused));
	if (unused != 0)
		return RC(RC_UNSUPPORTED);
	*v = rest;
	*ret = body;
	return OK;
}

/* RFC 5280 4.1.2.5: both forms become the project's text form of time, which time_parse checks. */
rc der_time(struct view *v, unix_time *ret)
{
	struct view rest = *v;
	struct der_tlv t;
	char text[TIME_TEXT];
	const char *p;
	unix_time when;

	TRY(der_any(&rest, &t));
	if (t.tag != DER_UTC_TIME && t.tag != DER_GENERALIZED_TIME)
		return RC(RC_SYNTAX);
	if (t.body.len != (t.tag == DER_UTC_TIME ? 13U : 15U))
		return RC(RC_NONCANON);
	p = (const char *)t.body.ptr;
	if (t.tag == DER_UTC_TIME) {
		memcpy(text, p[0] >= '5' ? "19" : "20", 2);
		memcpy(text + 2, p, 2);
		p += 2;
	} else {
		memcpy(text, p, 4);
		p += 4;
	}
	text[4] = '-';
	memcpy(text + 5, p, 2);
	text[7] = '-';
	memcpy(text + 8, p + 2, 2);
	text[10] = 'T';
	memcpy(text + 11, p + 4, 2);
	text[13] = ':';
	memcpy(text + 14, p + 6, 2);
	text[16] = ':';
	memcpy(text + 17, p + 8, 2);
	text[19] = p[10];
	text[20] = '\0';
	TRY(time_parse(view_of(text, 20), &when));
	if (t.tag == DER_GENERALIZED_TIME && memcmp(text, "2050", 4) < 0)
		return RC(RC_NONCANON);
	*v = rest;
	*ret = when;
	return OK;
}

void der_init(struct der *d, void *mem, size_t cap)
{
	*d = (struct der){.base = (uint8_t *)mem, .at = cap, .cap = cap};
}

void der_put_raw(struct der *d, struct view bytes)
{
	if (d->failed || bytes.len > d->at) {
		d->failed = true;
		return;
	}
	d->at -= bytes.len;
	if (bytes.len > 0)
		memcpy(d->base + d->at, bytes.ptr, bytes.len);
}

static void put_u8(struct der *d, uint8_t b)
{
	der_put_raw(d, view_of(&b, 1));
}

void der_wrap(struct der *d, uint8_t tag, size_t mark)
{
	size_t len = mark - d->at;
	uint8_t octets = 0;

	if (len < 0x80) {
		put_u8(d, (uint8_t)len);
	} else {
		for (size_t n = len; n > 0; n >>= 8, octets++)
			put_u8(d, (uint8_t)(n & 0xff));
		put_u8(d, (uint8_t)(0x80 | octets));
	}
	put_u8(d, tag);
}

void der_put(struct der *d, uint8_t tag, struct view body)
{
	size_t mark = der_mark(d);

	der_put_raw(d, body);
	der_wrap(d, tag, mark);
}

void der_put_uint(struct der *d, uint64_t v)
{
	size_t mark = der_mark(d);
	uint8_t last;

	do {
		last = (uint8_t)(v & 0xff);
		put_u8(d, last);
		v >>= 8;
	} while (v > 0);
	if (last >= 0x80)
		put_u8(d, 0);
	der_wrap(d, DER_INTEGER, mark);
}

void der_put_bits(struct der *d, struct view bytes)
{
	size_t mark = der_mark(d);

	der_put_raw(d, bytes);
	put_u8(d, 0);
	der_wrap(d, DER_BIT_STRING, mark);
}

void der_put_time(struct der *d, unix_time t)
{
	char text[TIME_TEXT];
	char out[15];
	bool utc;

	if (!rc_is_ok(time_format(t, text))) {
		d->failed = true;
		return;
	}
	utc = memcmp(text, "2050", 4) < 0;
	memcpy(out, text, 4);
	memcpy(out + 4, text + 5, 2);
	memcpy(out + 6, text + 8, 2);
	memcpy(out + 8, text + 11, 2);
	memcpy(out + 10, text + 14, 2);
	memcpy(out + 12, text + 17, 2);
	out[14] = 'Z';
	if (utc)
		der_put(d, DER_UTC_TIME, view_of(out + 2, 13));
	else
		der_put(d, DER_GENERALIZED_TIME, view_of(out, 15));
}

struct view der_view(const struct der *d, size_t mark)
{
	return view_of(d->base + d->at, mark - d->at);
}

rc der_done(const struct der *d, struct buf *out)
{
	if (d->failed)
		return RC(RC_LIMIT);
	buf_put_view(out, der_view(d, d->cap));
	return buf_done(out);
}

/* 11.6: as if the shorter were padded with zero octets. DER elements are never a prefix of another,
 * so the first difference decides. */
static bool is_after(struct view a, struct view b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = memcmp(a.ptr, b.ptr, n);

	return c > 0 || (c == 0 && a.len > b.len);
}

void der_put_set_of(struct der *d, const struct view *elements, size_t count)
{
	struct view sorted[DER_SET_MAX];

	if (count > DER_SET_MAX) {
		d->failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = i;

		for (; at > 0 && is_after(sorted[at - 1], elements[i]); at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = elements[i];
	}
	while (count > 0)
		der_put_raw(d, sorted[--count]);
}
