/* The writing half of jcan.h. */
#include "lib/codec/jcan.h"

#include "lib/codec/base64.h"
#include "lib/codec/hex.h"
#include "lib/codec/jcan_char.h"
#include "lib/codec/utf8.h"

void jcan_out_init(struct jcan_out *w, struct buf *out)
{
	w->buf = out;
	w->depth = 0;
	w->value_next = true;
}

static bool failed(const struct jcan_out *w)
{
	return !rc_is_ok(buf_done(w->buf));
}

/* A comma unless this is the first at its level. */
static void separate(struct jcan_out *w)
{
	struct jcan_out_level *l = &w->level[w->depth - 1];

	if (!l->first)
		buf_put_u8(w->buf, ',');
	l->first = false;
}

/* Before each value: false if none belongs here or a write failed before. */
static bool out_value(struct jcan_out *w)
{
	bool in_array = w->depth > 0 && w->level[w->depth - 1].array;

	if (!w->value_next && !in_array)
		buf_fail(w->buf, RC_STATE);
	if (failed(w))
		return false;
	if (in_array)
		separate(w);
	w->value_next = false;
	return true;
}

static void out_open(struct jcan_out *w, bool array)
{
	if (!out_value(w))
		return;
	if (w->depth == JCAN_DEPTH) {
		buf_fail(w->buf, RC_LIMIT);
		return;
	}
	buf_put_u8(w->buf, array ? '[' : '{');
	w->level[w->depth++] = (struct jcan_out_level){.array = array, .first = true};
}

static void out_close(struct jcan_out *w, bool array)
{
	if (w->depth == 0 || w->value_next || w->level[w->depth - 1].array != array)
		buf_fail(w->buf, RC_STATE);
	if (failed(w))
		return;
	buf_put_u8(w->buf, array ? ']' : '}');
	w->depth--;
}

void jcan_out_object(struct jcan_out *w)
{
	out_open(w, false);
}

void jcan_out_object_end(struct jcan_out *w)
{
	out_close(w, false);
}

void jcan_out_array(struct jcan_out *w)
{
	out_open(w, true);
}

void jcan_out_array_end(struct jcan_out *w)
{
	out_close(w, true);
}

static void put_u16_escape(struct buf *b, uint32_t unit)
{
	static const char digits[] = "0123456789ABCDEF";
	char text[6] = {'\\', 'u'};

	for (unsigned i = 0; i < 4; i++)
		text[2 + i] = digits[unit >> (12 - 4 * i) & 15];
	buf_put(b, text, sizeof(text));
}

static void put_code(struct buf *b, uint32_t code)
{
	uint8_t letter = jcan_char_letter(code);

	if (code == 0) {
		buf_fail(b, RC_SYNTAX);
	} else if (letter != 0) {
		buf_put_u8(b, '\\');
		buf_put_u8(b, letter);
	} else if (code >= 0x20 && code < 0x80) {
		buf_put_u8(b, (uint8_t)code);
	} else if (code < 0x10000) {
		put_u16_escape(b, code);
	} else {
		put_u16_escape(b, 0xd800 + ((code - 0x10000) >> 10));
		put_u16_escape(b, 0xdc00 + ((code - 0x10000) & 0x3ff));
	}
}

static void put_quoted(struct buf *b, struct view utf8)
{
	buf_put_u8(b, '"');
	while (utf8.len > 0) {
		size_t run = jcan_plain_run(utf8);
		uint32_t code;

		buf_put(b, utf8.ptr, run);
		utf8 = view_of(utf8.ptr + run, utf8.len - run);
		if (utf8.len == 0)
			break;
		if (!rc_is_ok(utf8_next(&utf8, &code))) {
			buf_fail(b, RC_SYNTAX);
			return;
		}
		put_code(b, code);
	}
	buf_put_u8(b, '"');
}

void jcan_out_key_view(struct jcan_out *w, struct view name)
{
	struct jcan_out_level *l = w->depth == 0 ? NULL : &w->level[w->depth - 1];
	bool first;
	size_t at;
	struct view last;
	struct view now;

	if (l == NULL || l->array || w->value_next)
		buf_fail(w->buf, RC_STATE);
	if (failed(w))
		return;
	first = l->first;
	separate(w);
	at = w->buf->len + 1;
	put_quoted(w->buf, name);
	if (failed(w))
		return;
	now = view_of(w->buf->ptr + at, w->buf->len - 1 - at);
	last = view_of(w->buf->ptr + l->last_at, l->last_len);
	if (!first && jcan_name_order(last, now) >= 0) {
		buf_fail(w->buf, RC_STATE);
		return;
	}
	l->last_at = at;
	l->last_len = now.len;
	buf_put_u8(w->buf, ':');
	w->value_next = true;
}

void jcan_out_key(struct jcan_out *w, const char *name)
{
	jcan_out_key_view(w, view_str(name));
}

void jcan_out_view(struct jcan_out *w, struct view utf8)
{
	if (out_value(w))
		put_quoted(w->buf, utf8);
}

void jcan_out_string(struct jcan_out *w, const char *s)
{
	jcan_out_view(w, view_str(s));
}

void jcan_out_hex(struct jcan_out *w, struct view bytes)
{
	if (!out_value(w))
		return;
	buf_put_u8(w->buf, '"');
	hex_put(w->buf, bytes);
	buf_put_u8(w->buf, '"');
}

void jcan_out_base64(struct jcan_out *w, struct view bytes)
{
	if (!out_value(w))
		return;
	buf_put_u8(w->buf, '"');
	base64_put(BASE64_STD, bytes, w->buf);
	buf_put_u8(w->buf, '"');
}

void jcan_out_u64(struct jcan_out *w, uint64_t n)
{
	char text[20];
	size_t at = sizeof(text);

	if (n > JCAN_NUMBER_MAX)
		buf_fail(w->buf, RC_RANGE);
	if (!out_value(w))
		return;
	do
		text[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	buf_put(w->buf, text + at, sizeof(text) - at);
}

void jcan_out_bool(struct jcan_out *w, bool b)
{
	if (out_value(w))
		buf_put_str(w->buf, b ? "true" : "false");
}

void jcan_out_raw(struct jcan_out *w, struct view canonical)
{
	struct jcan j;
	struct view all;
	rc r;

	if (!out_value(w))
		return;
	jcan_init(&j, canonical, NULL);
	j.depth = w->depth; /* the levels around it count */
	r = jcan_raw(&j, &all);
	if (rc_is_ok(r) && all.len != canonical.len)
		r = RC(RC_TRAILING);
	if (rc_is_ok(r))
		buf_put_view(w->buf, canonical);
	else
		buf_fail(w->buf, r.code);
}

rc jcan_out_done(const struct jcan_out *w)
{
	TRY(buf_done(w->buf));
	return w->depth == 0 && !w->value_next ? OK : RC(RC_STATE);
}
