#include "lib/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_init_fixed(struct buf *b, void *mem, size_t cap)
{
	*b = (struct buf){.ptr = (uint8_t *)mem, .cap = cap, .max = cap, .fixed = true};
}

void buf_release(struct buf *b)
{
	if (!b->fixed)
		free(b->ptr);
	*b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->sticky = RC_OK;
}

void buf_fail(struct buf *b, enum rc_code code)
{
	if (b->sticky == RC_OK)
		b->sticky = code;
}

/* Makes room for n more bytes. */
static bool reserve(struct buf *b, size_t n)
{
	size_t want;
	uint8_t *p;

	if (b->sticky != RC_OK)
		return false;
	if (n > b->max - b->len) {
		buf_fail(b, RC_LIMIT);
		return false;
	}
	if (n <= b->cap - b->len)
		return true;
	want = b->cap < 128 ? 128 : b->cap;
	while (want < b->len + n)
		want = want > b->max / 2 ? b->max : want * 2;
	p = (uint8_t *)realloc(b->ptr, want);
	if (p == NULL) {
		buf_fail(b, RC_NOMEM);
		return false;
	}
	b->ptr = p;
	b->cap = want;
	return true;
}

uint8_t *buf_space(struct buf *b, size_t n)
{
	uint8_t *p;

	if (!reserve(b, n) || b->ptr == NULL)
		return NULL;
	p = b->ptr + b->len;
	memset(p, 0, n);
	b->len += n;
	return p;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || !reserve(b, n))
		return;
	memcpy(b->ptr + b->len, p, n);
	b->len += n;
}

void buf_put_view(struct buf *b, struct view v)
{
	buf_put(b, v.ptr, v.len);
}

void buf_put_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

static void number(struct buf *b, uint64_t v, size_t n, bool little)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < n; i++)
		bytes[little ? i : n - 1 - i] = (uint8_t)(v >> (8 * i));
	buf_put(b, bytes, n);
}

void buf_put_u8(struct buf *b, uint8_t v)
{
	number(b, v, 1, false);
}

void buf_put_u16be(struct buf *b, uint16_t v)
{
	number(b, v, 2, false);
}

void buf_put_u32be(struct buf *b, uint32_t v)
{
	number(b, v, 4, false);
}

void buf_put_u64be(struct buf *b, uint64_t v)
{
	number(b, v, 8, false);
}

void buf_put_u16le(struct buf *b, uint16_t v)
{
	number(b, v, 2, true);
}

void buf_put_u32le(struct buf *b, uint32_t v)
{
	number(b, v, 4, true);
}

void buf_put_string(struct buf *b, struct view v)
{
	if (v.len > UINT32_MAX) {
		buf_fail(b, RC_LIMIT);
		return;
	}
	buf_put_u32be(b, (uint32_t)v.len);
	buf_put_view(b, v);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	/* One byte more for the NUL that vsnprintf insists on; it is not counted. */
	if (n < 0 || !reserve(b, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->ptr + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

rc buf_done(const struct buf *b)
{
	return RC(b->sticky);
}

const char *buf_cstr(struct buf *b)
{
	if (!reserve(b, 1))
		return "";
	b->ptr[b->len] = '\0';
	return (const char *)b->ptr;
}

uint8_t *buf_take(struct buf *b, size_t *ret_len)
{
	uint8_t *p = b->ptr;

	assert(!b->fixed);
	*ret_len = b->len;
	*b = (struct buf){.max = b->max};
	return p;
}
