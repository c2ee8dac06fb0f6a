#include "prog/guard/rpm_hook.h"

rc rpm_hook_begin(struct view *text, struct fault *f)
{
	struct view line;

	if (!rc_is_ok(view_until(text, '\n', &line)) || !view_is(line, RPM_HOOK_HEAD))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "rpm's plugin speaks another version than this guard: install "
				 "both of one release");
	return OK;
}

/* So many printable words between single spaces. */
static bool is_shown(struct view v, size_t count)
{
	size_t words = 1;

	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] < 0x20 || v.ptr[i] > 0x7e)
			return false;
		if (v.ptr[i] != ' ')
			continue;
		if (i == 0 || i + 1 == v.len || v.ptr[i + 1] == ' ')
			return false;
		words++;
	}
	return words == count && v.len > 0;
}

static rc read_line(struct view line, struct rpm_line *ret)
{
	bool script = line.len > 0 && line.ptr[0] == ' ';
	struct view hex, kind;

	ret->kind = RPM_LINE_PACKAGE;
	if (script)
		TRY(view_skip(&line, 1));
	TRY(view_until(&line, ' ', &hex));
	TRY(digest_parse(hex, &ret->digest));
	if (script) {
		TRY(view_until(&line, ' ', &kind));
		if (!view_is(kind, "lua") && !view_is(kind, "expanded"))
			return RC(RC_SYNTAX);
		ret->kind = view_is(kind, "lua") ? RPM_LINE_LUA : RPM_LINE_EXPANDED;
	}
	ret->shown = line;
	return is_shown(line, script ? 1 : 3) ? OK : RC(RC_SYNTAX);
}

rc rpm_hook_next(struct view *text, struct rpm_line *ret, struct fault *f)
{
	struct rpm_line read;
	struct view line;

	if (text->len == 0)
		return RC(RC_NOTFOUND);
	if (!rc_is_ok(view_until(text, '\n', &line)) || !rc_is_ok(read_line(line, &read)))
		return fault_set(f, RC_SYNTAX, 0, "not a line of the plugin in rpm");
	*ret = read;
	return OK;
}
