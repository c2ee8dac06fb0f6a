#include "lib/codec/jcan.h"

#include "lib/codec/hex.h"
#include "lib/codec/jcan_char.h"
#include "lib/codec/utf8.h"

/* The fault names the offset at which the reader found it. */
#define REFUSE(j, where, code, ...) fault_set((j)->fault, (code), (where), "json: " __VA_ARGS__)

/* Shown in faults; the fault itself cuts and cleans what it prints. */
#define SHOW_MAX 64u
#define SHOW(v) (int)((v).len > SHOW_MAX ? SHOW_MAX : (v).len), (const char *)(v).ptr

/* ---- Reader: tokens; *at moves, the reader itself stays
 * ----------------------------------------*/

static rc wrong_byte(const struct jcan *j, size_t at, const char *wanted)
{
	uint8_t c;

	if (at >= j->in.len)
		return REFUSE(j, at, RC_TRUNCATED, "input ends where %s belongs", wanted);
	c = j->in.ptr[at];
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
		return REFUSE(j, at, RC_NONCANON, "white space where %s belongs", wanted);
	return REFUSE(j, at, RC_SYNTAX, "byte 0x%02x where %s belongs", c, wanted);
}

static bool sees(const struct jcan *j, size_t at, char c)
{
	return at < j->in.len && j->in.ptr[at] == (uint8_t)c;
}

/* Reads a whole string with its quotes; *ret_inner is what is between them. */
static rc string_token(const struct jcan *j, size_t *at, struct view *ret_inner, bool *ret_escaped)
{
	size_t pos = *at;
	size_t start;

	if (!sees(j, pos, '"'))
		return wrong_byte(j, pos, "a string");
	start = ++pos;
	*ret_escaped = false;
	for (;;) {
		struct view rest;
		uint32_t ignored;
		rc r;

		pos += jcan_plain_run(view_of(j->in.ptr + pos, j->in.len - pos));
		if (sees(j, pos, '"'))
			break;
		*ret_escaped = true;
		rest = view_of(j->in.ptr + pos, j->in.len - pos);
		r = jcan_char_next(&rest, &ignored);
		if (!rc_is_ok(r))
			return REFUSE(j, pos, r.code, "string: character or escape not permitted");
		pos = j->in.len - rest.len;
	}
	*ret_inner = view_of(j->in.ptr + start, pos - start);
	*at = pos + 1;
	return OK;
}

static rc number_token(const struct jcan *j, size_t *at, uint64_t *ret)
{
	size_t pos = *at;
	size_t start = pos;
	uint64_t n = 0;

	if (sees(j, pos, '-'))
		return REFUSE(j, pos, RC_RANGE, "negative number");
	for (; pos < j->in.len && j->in.ptr[pos] >= '0' && j->in.ptr[pos] <= '9'; pos++) {
		n = n * 10 + (uint64_t)(j->in.ptr[pos] - '0');
		if (n > JCAN_NUMBER_MAX)
			return REFUSE(j, start, RC_RANGE, "number above 2^53-1");
	}
	if (pos == start)
		return wrong_byte(j, pos, "a number");
	if (pos - start > 1 && j->in.ptr[start] == '0')
		return REFUSE(j, start, RC_NONCANON, "number with a leading zero");
	if (sees(j, pos, '.') || sees(j, pos, 'e') || sees(j, pos, 'E'))
		return REFUSE(j, pos, RC_NONCANON, "number with fraction or exponent");
	*ret = n;
	*at = pos;
	return OK;
}

static bool word_token(const struct jcan *j, size_t *at, const char *word)
{
	size_t n = strlen(word);

	if (j->in.len - *at < n || memcmp(j->in.ptr + *at, word, n) != 0)
		return false;
	*at += n;
	return true;
}

/* ---- Reader: structure
 * -------------------------------------------------------------------------*/

void jcan_init(struct jcan *j, struct view bytes, struct fault *f)
{
	j->in = bytes;
	j->at = 0;
	j->fault = f;
	j->depth = 0;
	j->value_next = true;
}

static rc value_begin(const struct jcan *j)
{
	if (!j->value_next)
		return REFUSE(j, j->at, RC_STATE, "reader: no value belongs here");
	if (j->at >= j->in.len)
		return REFUSE(j, j->at, RC_TRUNCATED, "input ends where a value belongs");
	return OK;
}

static rc value_end(struct jcan *j, size_t at)
{
	j->at = at;
	j->value_next = false;
	return OK;
}

static rc open_level(struct jcan *j, char c)
{
	TRY(value_begin(j));
	if (!sees(j, j->at, c))
		return wrong_byte(j, j->at, c == '{' ? "an object" : "an array");
	if (j->depth == JCAN_DEPTH)
		return REFUSE(j, j->at, RC_LIMIT, "nested deeper than %u", JCAN_DEPTH);
	j->level[j->depth++] = (struct jcan_level){.array = c == '[', .first = true};
	return value_end(j, j->at + 1);
}

static rc close_level(struct jcan *j)
{
	j->depth--;
	return value_end(j, j->at + 1);
}

static rc in_level(const struct jcan *j, bool array)
{
	if (j->depth == 0 || j->value_next || j->level[j->depth - 1].array != array)
		return REFUSE(j, j->at, RC_STATE, "reader: not between the %s of %s",
			      array ? "values" : "fields", array ? "an array" : "an object");
	return OK;
}

/* The next field's name, without taking it: *ret_after is the offset of its value. *ret_name.ptr is
 * NULL where the object ends. */
static rc name_ahead(const struct jcan *j, struct view *ret_name, size_t *ret_after)
{
	const struct jcan_level *l;
	size_t at = j->at;
	size_t start;
	bool escaped;
	int order;

	TRY(in_level(j, false));
	l = &j->level[j->depth - 1];
	if (sees(j, at, '}')) {
		*ret_name = view_of(NULL, 0);
		return OK;
	}
	if (!l->first) {
		if (!sees(j, at, ','))
			return wrong_byte(j, at, "a comma or }");
		at++;
	}
	start = at;
	TRY(string_token(j, &at, ret_name, &escaped));
	if (!sees(j, at, ':'))
		return wrong_byte(j, at, "a colon");
	*ret_after = at + 1;
	if (l->first)
		return OK;
	order = jcan_name_order(l->last, *ret_name);
	if (order == 0)
		return REFUSE(j, start, RC_DUPLICATE, "field \"%.*s\" twice", SHOW(*ret_name));
	if (order > 0)
		return REFUSE(j, start, RC_NONCANON, "field \"%.*s\" out of order",
			      SHOW(*ret_name));
	return OK;
}

static void name_take(struct jcan *j, struct view name, size_t after)
{
	struct jcan_level *l = &j->level[j->depth - 1];

	l->last = name;
	l->first = false;
	j->at = after;
	j->value_next = true;
}

/* Any name; or closes the object. */
static rc name_next(struct jcan *j, struct view *ret, bool *ret_more)
{
	size_t after = 0;

	TRY(name_ahead(j, ret, &after));
	*ret_more = ret->ptr != NULL;
	if (!*ret_more)
		return close_level(j);
	name_take(j, *ret, after);
	return OK;
}

rc jcan_object(struct jcan *j)
{
	return open_level(j, '{');
}

rc jcan_key_optional(struct jcan *j, const char *name, bool *ret_found)
{
	struct view found;
	size_t after = 0;

	TRY(name_ahead(j, &found, &after));
	*ret_found = found.ptr != NULL && view_is(found, name);
	if (*ret_found)
		name_take(j, found, after);
	return OK;
}

rc jcan_key(struct jcan *j, const char *name)
{
	struct view found;
	size_t after = 0;

	TRY(name_ahead(j, &found, &after));
	if (found.ptr != NULL && view_is(found, name)) {
		name_take(j, found, after);
		return OK;
	}
	if (found.ptr == NULL || jcan_name_order(view_str(name), found) < 0)
		return REFUSE(j, j->at, RC_SYNTAX, "field \"%s\" is missing", name);
	return REFUSE(j, j->at, RC_UNKNOWN, "unknown field \"%.*s\"", SHOW(found));
}

/* Decodes the inside of a string. */
static rc decode(const struct jcan *j, struct view inner, char *out, size_t cap, size_t *ret_len)
{
	size_t len = 0;
	size_t at = (size_t)(inner.ptr - j->in.ptr);

	while (inner.len > 0) {
		uint8_t utf8[4];
		uint32_t code = 0;
		size_t n = 0;

		/* Runs of plain characters at once; looking no further than there is room. */
		while (n < inner.len && n < cap - len && jcan_char_is_plain(inner.ptr[n]))
			n++;
		if (n > 0 && n < cap - len) {
			memcpy(out + len, inner.ptr, n);
			inner = view_of(inner.ptr + n, inner.len - n);
			len += n;
			continue;
		}
		TRY(jcan_char_next(&inner, &code));
		n = utf8_put(code, utf8);
		if (cap - len <= n)
			return REFUSE(j, at, RC_LIMIT, "string longer than %zu bytes", cap - 1);
		memcpy(out + len, utf8, n);
		len += n;
	}
	out[len] = '\0';
	if (ret_len != NULL)
		*ret_len = len;
	return OK;
}

rc jcan_key_any(struct jcan *j, char *out, size_t cap, bool *ret_more)
{
	struct view name;

	TRY(name_next(j, &name, ret_more));
	return *ret_more ? decode(j, name, out, cap, NULL) : OK;
}

rc jcan_object_end(struct jcan *j)
{
	struct view found;
	size_t after = 0;

	TRY(name_ahead(j, &found, &after));
	if (found.ptr != NULL)
		return REFUSE(j, j->at, RC_UNKNOWN, "unknown field \"%.*s\"", SHOW(found));
	return close_level(j);
}

rc jcan_peek(const struct jcan *j, const char *name, struct view *ret)
{
	struct jcan look = *j;
	struct view found;
	struct view value;
	bool more;

	for (;;) {
		TRY(name_next(&look, &found, &more));
		if (!more)
			return RC(RC_NOTFOUND);
		TRY(jcan_raw(&look, &value));
		if (view_is(found, name)) {
			*ret = value;
			return OK;
		}
	}
}

rc jcan_array(struct jcan *j)
{
	return open_level(j, '[');
}

rc jcan_next(struct jcan *j, bool *ret_more)
{
	struct jcan_level *l;

	TRY(in_level(j, true));
	l = &j->level[j->depth - 1];
	if (sees(j, j->at, ']')) {
		*ret_more = false;
		return close_level(j);
	}
	if (!l->first) {
		if (!sees(j, j->at, ','))
			return wrong_byte(j, j->at, "a comma or ]");
		j->at++;
	}
	l->first = false;
	j->value_next = true;
	*ret_more = true;
	return OK;
}

/* ---- Reader: values
 * ----------------------------------------------------------------------------*/

rc jcan_string(struct jcan *j, char *out, size_t cap, size_t *ret_len)
{
	size_t at = j->at;
	struct view inner;
	bool escaped;

	TRY(value_begin(j));
	TRY(string_token(j, &at, &inner, &escaped));
	TRY(decode(j, inner, out, cap, ret_len));
	return value_end(j, at);
}

rc jcan_text(struct jcan *j, size_t max, struct view *ret)
{
	size_t at = j->at;
	struct view inner;
	bool escaped;

	TRY(value_begin(j));
	TRY(string_token(j, &at, &inner, &escaped));
	if (escaped)
		return REFUSE(j, j->at, RC_SYNTAX, "string with escapes where none may be");
	if (inner.len > max)
		return REFUSE(j, j->at, RC_LIMIT, "string longer than %zu bytes", max);
	*ret = inner;
	return value_end(j, at);
}

rc jcan_hex(struct jcan *j, uint8_t *out, size_t n)
{
	size_t start = j->at;
	struct view text;

	TRY(jcan_text(j, SIZE_MAX, &text));
	if (text.len != 2 * n)
		return REFUSE(j, start, RC_SYNTAX, "string has %zu bytes, not %zu hex digits",
			      text.len, 2 * n);
	if (!rc_is_ok(hex_parse(text, out, n)))
		return REFUSE(j, start, RC_SYNTAX, "string is not lower-case hex");
	return OK;
}

rc jcan_literal(struct jcan *j, const char *expected)
{
	size_t start = j->at;
	struct view text;

	TRY(jcan_text(j, SIZE_MAX, &text));
	if (!view_is(text, expected))
		return REFUSE(j, start, RC_MISMATCH, "string is not \"%s\"", expected);
	return OK;
}

rc jcan_u64(struct jcan *j, uint64_t max, uint64_t *ret)
{
	size_t at = j->at;
	uint64_t n;

	TRY(value_begin(j));
	TRY(number_token(j, &at, &n));
	if (n > max)
		return REFUSE(j, j->at, RC_RANGE, "number %llu above %llu", (unsigned long long)n,
			      (unsigned long long)max);
	*ret = n;
	return value_end(j, at);
}

rc jcan_bool(struct jcan *j, bool *ret)
{
	size_t at = j->at;
	bool yes;

	TRY(value_begin(j));
	yes = word_token(j, &at, "true");
	if (!yes && !word_token(j, &at, "false"))
		return wrong_byte(j, at, "true or false");
	*ret = yes;
	return value_end(j, at);
}

/* A scalar, or opens an object or array. */
static rc value_any(struct jcan *j)
{
	size_t at = j->at;
	struct view inner;
	uint64_t number;
	bool flag;

	TRY(value_begin(j));
	switch (j->in.ptr[at]) {
	case '{':
		return jcan_object(j);
	case '[':
		return jcan_array(j);
	case '"':
		TRY(string_token(j, &at, &inner, &flag));
		return value_end(j, at);
	case 't':
	case 'f':
		return jcan_bool(j, &flag);
	case 'n':
		if (!word_token(j, &at, "null"))
			return wrong_byte(j, at, "null");
		return value_end(j, at);
	default:
		if (j->in.ptr[at] != '-' && (j->in.ptr[at] < '0' || j->in.ptr[at] > '9'))
			return wrong_byte(j, at, "a value");
		TRY(number_token(j, &at, &number));
		return value_end(j, at);
	}
}

rc jcan_raw(struct jcan *j, struct view *ret)
{
	size_t start = j->at;
	size_t base = j->depth;

	TRY(value_any(j));
	while (j->depth > base) {
		struct view name;
		bool more;

		if (j->level[j->depth - 1].array)
			TRY(jcan_next(j, &more));
		else
			TRY(name_next(j, &name, &more));
		if (more)
			TRY(value_any(j));
	}
	*ret = view_of(j->in.ptr + start, j->at - start);
	return OK;
}

rc jcan_end(struct jcan *j)
{
	if (j->depth != 0 || j->value_next)
		return REFUSE(j, j->at, RC_STATE, "reader: something is still open");
	if (j->at != j->in.len)
		return REFUSE(j, j->at, RC_TRAILING, "%zu bytes after the value",
			      j->in.len - j->at);
	return OK;
}

rc jcan_check(struct view bytes, struct fault *f)
{
	struct jcan j;
	struct view all;

	jcan_init(&j, bytes, f);
	TRY(jcan_raw(&j, &all));
	return jcan_end(&j);
}
