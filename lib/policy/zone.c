#include "lib/policy/zone.h"

static bool may_begin(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '+';
}

rc zone_name_parse(struct view text, struct zone_name *ret)
{
	struct zone_name n = {{0}};
	bool begin = true;

	if (text.len > ZONE_NAME_MAX)
		return RC(RC_LIMIT);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		bool inside = c == '.' || c == '_' || c == '-' || c == '/';

		if (!may_begin(c) && (begin || !inside))
			return RC(RC_SYNTAX);
		begin = c == '/';
		n.s[i] = (char)c;
	}
	if (begin)
		return RC(RC_SYNTAX);
	*ret = n;
	return OK;
}

rc zone_open(const struct zone_source *src, const struct zone_name *name, struct buf *bytes,
	     struct tzif *ret, struct fault *f)
{
	rc r;

	buf_init(bytes, TZIF_BYTES_MAX);
	if (src == NULL || src->read == NULL)
		return fault_set(f, RC_NOTFOUND, 0, "zone %s: no zone files can be read", name->s);
	r = src->read(src->ctx, name->s, bytes, f);
	if (rc_is_ok(r))
		r = tzif_parse(buf_view(bytes), ret, f);
	return rc_is_ok(r) ? r : fault_wrap(f, r, "zone %s", name->s);
}
