#include "lib/model/name.h"

static bool is_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

rc name_parse(struct view text, struct name *ret)
{
	struct name n = {0};

	if (text.len == 0)
		return RC(RC_SYNTAX);
	if (text.len > NAME_MAX_LEN)
		return RC(RC_LIMIT);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (!is_alnum(c) && (i == 0 || (c != '.' && c != '_' && c != '-')))
			return RC(RC_SYNTAX);
		n.s[i] = (char)c;
	}
	*ret = n;
	return OK;
}

bool name_is_equal(const struct name *a, const struct name *b)
{
	return memcmp(a->s, b->s, sizeof(a->s)) == 0;
}

bool name_is(const struct name *a, const char *s)
{
	return strcmp(a->s, s) == 0;
}

int name_compare(const struct name *a, const struct name *b)
{
	return memcmp(a->s, b->s, sizeof(a->s));
}
