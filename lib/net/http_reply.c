/* http_reply - see http_reply.h. */
#include "lib/net/http_reply.h"

#include <string.h>
#include <strings.h>

#include "lib/base/num.h"

#define CHUNK_DIGITS_MAX 15 /* so that sizes cannot overflow */

size_t http_reply_head_size(struct view v)
{
	const uint8_t *end = v.len == 0 ? NULL : memmem(v.ptr, v.len, "\r\n\r\n", 4);

	return end == NULL ? 0 : (size_t)(end - v.ptr) + 4;
}

static rc bad(struct fault *f, const char *what)
{
	return fault_set(f, RC_SYNTAX, 0, "http: the answer's %s (RFC 9112)", what);
}

/* ---- Fields --------------------------------------------------------------------------------*/

struct field {
	struct view name;
	struct view value;
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct view trimmed(struct view v)
{
	while (v.len > 0 && is_blank(v.ptr[0]))
		v = view_of(v.ptr + 1, v.len - 1);
	while (v.len > 0 && is_blank(v.ptr[v.len - 1]))
		v.len--;
	return v;
}

static bool is_word(struct view v, const char *word)
{
	return v.len == strlen(word) && strncasecmp((const char *)v.ptr, word, v.len) == 0;
}

/* RFC 9110 5.6.2: the bytes of a token. */
static bool is_token(struct view v)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		if (!letter && !(c >= '0' && c <= '9') && (c == 0 || strchr(others, c) == NULL))
			return false;
	}
	return v.len > 0;
}

/* The next line without its CR LF, which is there. */
static rc take_line(struct view *v, struct view *ret)
{
	TRY(view_until(v, '\n', ret));
	if (ret->len == 0 || ret->ptr[ret->len - 1] != '\r')
		return RC(RC_SYNTAX);
	ret->len--;
	return memchr(ret->ptr, '\r', ret->len) == NULL && memchr(ret->ptr, '\0', ret->len) == NULL
		       ? OK
		       : RC(RC_SYNTAX);
}

static rc take_field(struct view line, struct field *ret)
{
	ret->value = line;
	TRY(view_until(&ret->value, ':', &ret->name));
	if (!is_token(ret->name)) /* a folded line, too: it begins with a blank */
		return RC(RC_SYNTAX);
	ret->value = trimmed(ret->value);
	return OK;
}

/* A value that does not fit, or is not plain, is left out. */
static void keep(struct view value, char *out, size_t cap)
{
	out[0] = '\0';
	if (value.len >= cap)
		return;
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
			return;
	memcpy(out, value.ptr, value.len);
	out[value.len] = '\0';
}

static bool list_has(struct view list, const char *word)
{
	struct view one;

	while (rc_is_ok(view_until(&list, ',', &one)))
		if (is_word(trimmed(one), word))
			return true;
	return is_word(trimmed(list), word);
}

struct seen {
	bool length;
	bool coding;
};

static rc framing_field(const struct field *l, struct seen *seen, struct http_reply *r,
			struct fault *f)
{
	if (is_word(l->name, "Content-Length")) {
		if (seen->length || !rc_is_ok(num_parse_u64((const char *)l->value.ptr,
							    l->value.len, INT64_MAX, &r->size)))
			return bad(f, "Content-Length");
		seen->length = true;
	} else if (is_word(l->name, "Transfer-Encoding")) {
		if (seen->coding)
			return bad(f, "Transfer-Encoding");
		if (!is_word(l->value, "chunked"))
			return fault_set(f, RC_UNSUPPORTED, 0, "http: a coding other than chunked");
		seen->coding = true;
	} else if (is_word(l->name, "Connection")) {
		r->closes = r->closes || list_has(l->value, "close");
	}
	return OK;
}

static void plain_field(const struct field *l, struct http_reply *r)
{
	const struct {
		const char *name;
		char *out;
		size_t cap;
	} table[] = {
		{"Content-Type", r->content_type, sizeof(r->content_type)},
		{"Cache-Control", r->cache, sizeof(r->cache)},
		{"Allow", r->allow, sizeof(r->allow)},
	};
	uint64_t number;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (is_word(l->name, table[i].name))
			keep(l->value, table[i].out, table[i].cap);
	if (is_word(l->name, "Retry-After") &&
	    rc_is_ok(num_parse_u64((const char *)l->value.ptr, l->value.len, 86400, &number)))
		r->retry_seconds = (unsigned)number;
}

/* "HTTP/1.1 200 OK"; the reason may be missing, with its blank or without. */
static rc read_status(struct view line, struct http_reply *r, struct fault *f)
{
	uint64_t status;

	if (line.len < 12 || memcmp(line.ptr, "HTTP/", 5) != 0 || line.ptr[8] != ' ' ||
	    (line.len > 12 && line.ptr[12] != ' ') ||
	    !rc_is_ok(num_parse_u64((const char *)line.ptr + 9, 3, 599, &status)) || status < 100)
		return bad(f, "status line");
	if (memcmp(line.ptr + 5, "1.1", 3) != 0 && memcmp(line.ptr + 5, "1.0", 3) != 0)
		return fault_set(f, RC_UNSUPPORTED, 0, "http: version %.3s", line.ptr + 5);
	if (status == 101)
		return fault_set(f, RC_UNSUPPORTED, 0, "http: another protocol");
	r->status = (unsigned)status;
	r->closes = line.ptr[7] == '0';
	return OK;
}

rc http_reply_parse(struct view head, struct http_reply *ret, struct fault *f)
{
	struct http_reply r = {0};
	struct seen seen = {0};
	struct view line;
	struct field l;

	if (!rc_is_ok(take_line(&head, &line)))
		return bad(f, "status line");
	TRY(read_status(line, &r, f));
	for (;;) {
		if (!rc_is_ok(take_line(&head, &line)))
			return bad(f, "header");
		if (line.len == 0)
			break;
		if (!rc_is_ok(take_field(line, &l)))
			return bad(f, "header");
		TRY(framing_field(&l, &seen, &r, f));
		plain_field(&l, &r);
	}
	if (head.len > 0)
		return bad(f, "header");
	if (seen.length && seen.coding) /* 6.3: somebody is being smuggled in */
		return bad(f, "Content-Length beside Transfer-Encoding");
	if (r.status < 200 || r.status == 204 || r.status == 304)
		r.size = 0; /* 6.3: whatever they say, they have no body */
	else
		r.framing = seen.coding ? HTTP_CHUNKED : seen.length ? HTTP_SIZED : HTTP_TO_END;
	r.closes = r.closes || r.framing == HTTP_TO_END;
	*ret = r;
	return OK;
}

/* ---- Chunks --------------------------------------------------------------------------------*/

/* A byte of a line that is read over; *ret_end: it was the last. CR and LF only together. */
static rc skip_byte(struct http_chunks *c, uint8_t b, bool *ret_end)
{
	if (++c->line > HTTP_CHUNK_LINE_MAX)
		return RC(RC_LIMIT);
	if ((c->last == '\r') != (b == '\n') || b == 0)
		return RC(RC_SYNTAX);
	*ret_end = b == '\n';
	c->last = *ret_end ? 0 : b;
	return OK;
}

static bool hex_digit(uint8_t b, unsigned *ret)
{
	if (b >= '0' && b <= '9')
		*ret = b - (unsigned)'0';
	else if ((b | 0x20) >= 'a' && (b | 0x20) <= 'f')
		*ret = (b | 0x20) - (unsigned)'a' + 10;
	else
		return false;
	return true;
}

static rc size_byte(struct http_chunks *c, uint8_t b)
{
	unsigned value;

	if (hex_digit(b, &value)) {
		c->left = c->left * 16 + value;
		return ++c->digits > CHUNK_DIGITS_MAX ? RC(RC_LIMIT) : OK;
	}
	if (c->digits == 0 || (b != '\r' && b != ';' && !is_blank(b)))
		return RC(RC_SYNTAX);
	c->last = b;
	c->line = 0;
	c->at = CHUNK_REST;
	return OK;
}

/* One byte that is not data. */
static rc framing_byte(struct http_chunks *c, uint8_t b)
{
	bool end = false;
	bool empty;

	switch (c->at) {
	case CHUNK_SIZE:
		return size_byte(c, b);
	case CHUNK_REST:
		TRY(skip_byte(c, b, &end));
		if (!end)
			return OK;
		c->at = c->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
		c->line = c->digits = 0;
		return OK;
	case CHUNK_END: /* CR LF and nothing else */
		if (b != (c->line == 0 ? '\r' : '\n'))
			return RC(RC_SYNTAX);
		if (c->line++ == 1)
			*c = (struct http_chunks){.at = CHUNK_SIZE};
		return OK;
	case CHUNK_TRAILER:
		/* digits counts the bytes of the line: an empty one is the end. */
		TRY(skip_byte(c, b, &end));
		empty = c->digits == 1;
		c->digits = end ? 0 : c->digits + 1;
		if (end && empty)
			c->at = CHUNK_DONE;
		return OK;
	case CHUNK_DATA:
	case CHUNK_DONE:
		break;
	}
	return OK;
}

rc http_chunks_next(struct http_chunks *c, struct view *in, struct view *ret)
{
	size_t n;

	*ret = view_of("", 0);
	while (in->len > 0 && c->at != CHUNK_DONE) {
		if (c->at != CHUNK_DATA) {
			TRY(framing_byte(c, in->ptr[0]));
			TRY(view_skip(in, 1));
			continue;
		}
		n = c->left < in->len ? (size_t)c->left : in->len;
		TRY(view_take(in, n, ret));
		c->left -= n;
		if (c->left == 0) {
			c->at = CHUNK_END;
			c->line = 0;
		}
		return OK;
	}
	return OK;
}
