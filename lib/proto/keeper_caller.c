#include "lib/proto/keeper_caller.h"

#include "lib/proto/keeper_impl.h"

void keeper_put_caller(struct buf *out, uint64_t correlation, const struct keeper_caller *m)
{
	struct frame fr = frame_begin(out, KEEPER_CALLER, correlation);

	put_string(out, m->service, NAME_MAX_LEN);
	put_string(out, m->token, KEEPER_SIG_MAX);
	frame_end(out, fr);
}

rc keeper_get_caller(struct view body, struct keeper_caller *ret)
{
	struct keeper_caller m = {0};

	TRY(view_string(&body, NAME_MAX_LEN, &m.service));
	TRY(view_string(&body, KEEPER_SIG_MAX, &m.token));
	TRY(view_end(&body));
	if (m.service.len == 0 || m.token.len == 0)
		return RC(RC_SYNTAX);
	*ret = m;
	return OK;
}
