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

static bool is_shown(struct view v)
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
	return words == 3 && v.len > 0;
}

rc rpm_hook_next(struct view *text, struct rpm_package *ret, struct fault *f)
{
	struct view line, hex;
	struct digest d;

	if (text->len == 0)
		return RC(RC_NOTFOUND);
	if (!rc_is_ok(view_until(text, '\n', &line)) || !rc_is_ok(view_until(&line, ' ', &hex)) ||
	    !rc_is_ok(digest_parse(hex, &d)) || !is_shown(line))
		return fault_set(f, RC_SYNTAX, 0, "not a line of the plugin in rpm");
	*ret = (struct rpm_package){.header = d, .shown = line};
	return OK;
}
