#include "prog/guard/apt_hook.h"

#include <string.h>

#define FIELDS 9

/* A line without its end. A last one without an end is one, too. */
static struct view line_next(struct view *text)
{
	const uint8_t *end = memchr(text->ptr, '\n', text->len);
	size_t n = end == NULL ? text->len : (size_t)(end - text->ptr);
	struct view line = view_of(text->ptr, n);

	*text = view_of(text->ptr + n, text->len - n);
	if (text->len > 0)
		*text = view_of(text->ptr + 1, text->len - 1);
	return line;
}

rc apt_hook_begin(struct view *text, struct fault *f)
{
	struct view line;

	if (text->len == 0 || !view_is(line_next(text), "VERSION 3"))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "apt does not speak version 3 of its hook protocol: run "
				 "`greatseal-guard setup` again");
	do {
		if (text->len == 0)
			return fault_set(f, RC_TRUNCATED, 0, "apt's configuration has no end");
		line = line_next(text);
	} while (line.len > 0);
	return OK;
}

/* Eight words between single spaces, and the rest: a path may have spaces. */
static bool split(struct view line, struct view field[FIELDS])
{
	for (size_t i = 0; i < FIELDS - 1; i++)
		if (!rc_is_ok(view_until(&line, ' ', &field[i])) || field[i].len == 0)
			return false;
	field[FIELDS - 1] = line;
	return line.len > 0;
}

static rc bad_line(struct view line, struct fault *f)
{
	return fault_set(f, RC_SYNTAX, 0, "not a line of apt's hook protocol: %.*s",
			 line.len > 100 ? 100 : (int)line.len, (const char *)line.ptr);
}

rc apt_hook_next(struct view *text, struct apt_package *ret, struct fault *f)
{
	while (text->len > 0) {
		struct view line = line_next(text);
		struct view field[FIELDS], path;

		if (memchr(line.ptr, 0, line.len) != NULL || !split(line, field) ||
		    (!view_is(field[4], "<") && !view_is(field[4], ">") && !view_is(field[4], "=")))
			return bad_line(line, f);
		path = field[FIELDS - 1];
		if (view_is(path, "**CONFIGURE**") || view_is(path, "**REMOVE**"))
			continue;
		/* "**ERROR**", or something that we do not know. */
		if (path.ptr[0] != '/')
			return bad_line(line, f);
		*ret = (struct apt_package){.name = field[0],
					    .version = field[5],
					    .architecture = field[6],
					    .path = path};
		return OK;
	}
	return RC(RC_NOTFOUND);
}

/* As apt names what it fetches: DIRECTORY/archives/NAME_... */
static bool is_fetched(const struct apt_package *p)
{
	static const char dir[] = "/archives/";
	const uint8_t *slash = memrchr(p->path.ptr, '/', p->path.len);
	size_t until = (size_t)(slash - p->path.ptr) + 1;
	size_t n = sizeof(dir) - 1;

	return until >= n && memcmp(slash + 1 - n, dir, n) == 0 &&
	       p->path.len - until > p->name.len &&
	       memcmp(slash + 1, p->name.ptr, p->name.len) == 0 && slash[1 + p->name.len] == '_';
}

/* In single quotes, if need be. What a terminal does not show as it is, is not said. */
static void put_word(struct view v, struct buf *out)
{
	bool plain = true;

	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

		if (c < 0x20 || c > 0x7e) {
			buf_put_str(out, "FILE");
			return;
		}
		plain = plain && (letter || (c >= '0' && c <= '9') || strchr("/._+~:=@%-", c));
	}
	if (plain) {
		buf_put_view(out, v);
		return;
	}
	buf_put_u8(out, '\'');
	for (size_t i = 0; i < v.len; i++)
		if (v.ptr[i] == '\'')
			buf_put_str(out, "'\\''");
		else
			buf_put_u8(out, v.ptr[i]);
	buf_put_u8(out, '\'');
}

void apt_hook_put_wish(const struct apt_package *p, struct buf *out)
{
	if (!is_fetched(p)) {
		put_word(p->path, out);
		return;
	}
	put_word(p->name, out);
	buf_put_u8(out, '=');
	put_word(p->version, out);
}
