#include "prog/cli/shown.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/format/clean.h"

/* An escape is at most ten bytes for one. */
#define GROWTH 10

/* Whether the string is shown as it is; else its other form is in b. */
static rc rewrite(const char *s, size_t len, struct buf *b, bool *ret_same)
{
	*ret_same = true;
	if (len == 0)
		return OK;
	buf_init(b, len * GROWTH + 16);
	(void)clean_put(b, view_of(s, len), CLEAN_SHOWN, len * GROWTH + 8);
	TRY(buf_done(b));
	*ret_same = b->len == len && memcmp(b->ptr, s, len) == 0;
	return OK;
}

static rc one_string(json_t *value)
{
	AUTO(buf) struct buf b = {0};
	bool same = true;
	size_t len = json_string_length(value);

	if (len == 0)
		return OK;
	TRY(rewrite(json_string_value(value), len, &b, &same));
	if (same)
		return OK;
	return json_string_setn_nocheck(value, (const char *)b.ptr, b.len) == 0 ? OK : RC(RC_NOMEM);
}

/* The first member whose name is rewritten, if there is one. */
static rc one_name(json_t *object, bool *ret_done)
{
	const char *name;
	json_t *member;

	*ret_done = true;
	json_object_foreach(object, name, member)
	{
		AUTO(buf) struct buf b = {0};
		bool same = true;

		TRY(rewrite(name, strlen(name), &b, &same));
		if (same)
			continue;
		*ret_done = false;
		if (json_object_get(object, buf_cstr(&b)) != NULL)
			return RC(RC_DUPLICATE);
		if (json_object_set(object, buf_cstr(&b), member) != 0 ||
		    json_object_del(object, name) != 0)
			return RC(RC_NOMEM);
		return OK; /* the walk does not outlive a change */
	}
	return OK;
}

/* As deep as the parser went, which has a limit of its own. */
rc shown_json(json_t *value)
{
	const char *name;
	json_t *member;
	bool done = !json_is_object(value);
	size_t i;

	while (!done)
		TRY(one_name(value, &done));
	if (json_is_string(value))
		return one_string(value);
	json_object_foreach(value, name, member) TRY(shown_json(member));
	json_array_foreach(value, i, member) TRY(shown_json(member));
	return OK;
}

void shown_text(char *text, size_t cap)
{
	AUTO(buf) struct buf b = {0};
	bool same = true;

	/* Without memory nothing is shown: better than something that repaints the screen. */
	if (!rc_is_ok(rewrite(text, strlen(text), &b, &same))) {
		text[0] = '\0';
		return;
	}
	if (same)
		return;
	if (b.len >= cap) {
		buf_clear(&b);
		(void)clean_put(&b, view_str(text), CLEAN_SHOWN, cap - 1); /* between characters */
	}
	memcpy(text, b.ptr, b.len);
	text[b.len] = '\0';
}
