/* http_target - see http_target.h. Purpose: one pass over untrusted bytes, no allocation. */
#include "lib/net/http_target.h"

#include <stdbool.h>

static bool is_path_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '~' || c == '-';
}

static bool is_plain_value_char(uint8_t c)
{
	return is_path_char(c) || c == ':' || c == ',' || c == '/' || c == '@' || c == '=' ||
	       c == '!' || c == '*';
}

static rc parse_path(struct view path, struct http_target *ret, struct fault *f)
{
	struct view rest = path;

	ret->path = path;
	if (path.len == 0 || path.ptr[0] != '/')
		return fault_set(f, RC_SYNTAX, 0, "target: does not begin with /");
	TRY(view_skip(&rest, 1));
	if (rest.len == 0)
		return OK;
	for (;;) {
		struct view segment = rest;
		bool last = !rc_is_ok(view_until(&rest, '/', &segment));

		if (segment.len == 0 || view_is(segment, ".") || view_is(segment, ".."))
			return fault_set(f, RC_SYNTAX, 0, "target: empty or dotted path segment");
		for (size_t i = 0; i < segment.len; i++) {
			if (!is_path_char(segment.ptr[i]))
				return fault_set(f, RC_SYNTAX, i, "target: byte 0x%02x in the path",
						 segment.ptr[i]);
		}
		if (ret->segment_count == HTTP_SEGMENTS_MAX)
			return fault_set(f, RC_LIMIT, 0, "target: over %u path segments",
					 HTTP_SEGMENTS_MAX);
		ret->segments[ret->segment_count++] = segment;
		if (last)
			return OK;
	}
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Decodes into ret->decoded from *used on. Decoded text is never longer than the target. */
static rc decode(struct view text, struct http_target *ret, size_t *used, struct view *ret_value,
		 struct fault *f)
{
	size_t begin = *used;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == '%') {
			int high = text.len - i > 2 ? hex_value(text.ptr[i + 1]) : -1;
			int low = text.len - i > 2 ? hex_value(text.ptr[i + 2]) : -1;

			if (high < 0 || low < 0)
				return fault_set(f, RC_SYNTAX, i, "target: broken %% escape");
			c = (uint8_t)(high * 16 + low);
			i += 2;
			if (c < 0x20 || c == 0x7f)
				return fault_set(f, RC_SYNTAX, i, "target: control character");
		} else if (!is_plain_value_char(c)) {
			return fault_set(f, RC_SYNTAX, i, "target: byte 0x%02x in the query", c);
		}
		if (*used == sizeof(ret->decoded))
			return fault_set(f, RC_LIMIT, i, "target: query too long");
		ret->decoded[(*used)++] = (char)c;
	}
	*ret_value = view_of(ret->decoded + begin, *used - begin);
	return OK;
}

static rc parse_param(struct view pair, struct http_target *ret, size_t *used, struct fault *f)
{
	struct http_param p;

	if (!rc_is_ok(view_until(&pair, '=', &p.name)) || p.name.len == 0)
		return fault_set(f, RC_SYNTAX, 0, "target: parameter without name or =");
	if (p.name.len > HTTP_PARAM_NAME_MAX)
		return fault_set(f, RC_LIMIT, 0, "target: parameter name too long");
	for (size_t i = 0; i < p.name.len; i++) {
		if ((p.name.ptr[i] < 'a' || p.name.ptr[i] > 'z') && p.name.ptr[i] != '_')
			return fault_set(f, RC_SYNTAX, i, "target: parameter name is not of a-z_");
	}
	for (size_t i = 0; i < ret->param_count; i++) {
		if (view_is_equal(ret->params[i].name, p.name))
			return fault_set(f, RC_DUPLICATE, 0, "target: parameter given twice");
	}
	if (ret->param_count == HTTP_PARAMS_MAX)
		return fault_set(f, RC_LIMIT, 0, "target: over %u parameters", HTTP_PARAMS_MAX);
	TRY(decode(pair, ret, used, &p.value, f));
	ret->params[ret->param_count++] = p;
	return OK;
}

rc http_target_parse(struct view raw, struct http_target *ret, struct fault *f)
{
	struct view rest = raw;
	struct view path = raw;
	size_t used = 0;

	ret->segment_count = 0;
	ret->param_count = 0;
	if (raw.len > HTTP_TARGET_MAX)
		return fault_set(f, RC_LIMIT, 0, "target: over %u bytes", HTTP_TARGET_MAX);
	if (!rc_is_ok(view_until(&rest, '?', &path)))
		return parse_path(raw, ret, f);
	TRY(parse_path(path, ret, f));
	for (;;) {
		struct view pair = rest;
		bool last = !rc_is_ok(view_until(&rest, '&', &pair));

		TRY(parse_param(pair, ret, &used, f));
		if (last)
			return OK;
	}
}

struct view http_target_param(const struct http_target *t, const char *name)
{
	for (size_t i = 0; i < t->param_count; i++) {
		if (view_is(t->params[i].name, name))
			return t->params[i].value;
	}
	return view_of(NULL, 0);
}
