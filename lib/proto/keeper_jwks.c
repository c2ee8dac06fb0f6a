#include "lib/proto/keeper_jwks.h"

#include "lib/proto/keeper_impl.h"

void keeper_put_jwks(struct buf *out, uint64_t correlation, const struct keeper_jwks *m)
{
	struct frame fr = frame_begin(out, KEEPER_JWKS, correlation);

	put_string(out, m->issuer, KEEPER_STRING_MAX);
	put_string(out, m->set, KEEPER_JWKS_MAX);
	frame_end(out, fr);
}

rc keeper_get_jwks(struct view body, struct keeper_jwks *ret)
{
	struct keeper_jwks m = {0};

	TRY(view_string(&body, KEEPER_STRING_MAX, &m.issuer));
	TRY(view_string(&body, KEEPER_JWKS_MAX, &m.set));
	TRY(view_end(&body));
	if (m.issuer.len == 0 || m.set.len == 0)
		return RC(RC_SYNTAX);
	for (size_t i = 0; i < m.issuer.len; i++)
		if (m.issuer.ptr[i] < 0x21 || m.issuer.ptr[i] > 0x7e)
			return RC(RC_SYNTAX);
	*ret = m;
	return OK;
}
