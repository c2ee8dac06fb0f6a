/* The question for grants: both directions. */
#include "lib/proto/keeper_impl.h"

void keeper_put_grants(struct buf *out, uint64_t correlation, const struct keeper_grants *m)
{
	struct frame fr = frame_begin(out, KEEPER_GRANTS, correlation);

	put_string(out, m->key, KEEPER_STRING_MAX);
	put_string(out, m->person, KEEPER_STRING_MAX);
	buf_put_u64be(out, m->from);
	frame_end(out, fr);
}

rc keeper_get_grants(struct view body, struct keeper_grants *ret)
{
	struct keeper_grants m;

	TRY(view_string(&body, KEEPER_STRING_MAX, &m.key));
	TRY(view_string(&body, KEEPER_STRING_MAX, &m.person));
	TRY(view_u64be(&body, &m.from));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}
