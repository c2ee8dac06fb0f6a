#include "lib/base/view.h"

static rc number(struct view *v, size_t n, bool little, uint64_t *ret)
{
	struct view part;
	uint64_t value = 0;

	TRY(view_take(v, n, &part));
	for (size_t i = 0; i < n; i++)
		value = value << 8 | part.ptr[little ? n - 1 - i : i];
	*ret = value;
	return OK;
}

#define READ(name, type, little)                                                                   \
	rc name(struct view *v, type *ret)                                                         \
	{                                                                                          \
		uint64_t n;                                                                        \
		TRY(number(v, sizeof(type), little, &n));                                          \
		*ret = (type)n;                                                                    \
		return OK;                                                                         \
	}

READ(view_u8, uint8_t, false)
READ(view_u16be, uint16_t, false)
READ(view_u32be, uint32_t, false)
READ(view_u64be, uint64_t, false)
READ(view_u16le, uint16_t, true)
READ(view_u32le, uint32_t, true)
READ(view_u64le, uint64_t, true)

rc view_string(struct view *v, size_t max, struct view *ret)
{
	struct view rest = *v;
	uint32_t len;

	TRY(view_u32be(&rest, &len));
	if (len > max)
		return RC(RC_LIMIT);
	TRY(view_take(&rest, len, ret));
	*v = rest;
	return OK;
}

rc view_until(struct view *v, uint8_t c, struct view *ret)
{
	const uint8_t *hit = v->len == 0 ? NULL : memchr(v->ptr, c, v->len);
	struct view part;

	if (hit == NULL)
		return RC(RC_TRUNCATED);
	TRY(view_take(v, (size_t)(hit - v->ptr), &part));
	TRY(view_skip(v, 1));
	*ret = part;
	return OK;
}
