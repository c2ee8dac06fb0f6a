/* The question for reviews: both directions. */
#include "lib/proto/keeper_impl.h"

void keeper_put_reviews(struct buf *out, uint64_t correlation, const struct keeper_reviews *m)
{
	struct frame fr = frame_begin(out, KEEPER_REVIEWS, correlation);

	buf_put_view(out, digest_view(&m->request));
	buf_put_u64be(out, m->from);
	frame_end(out, fr);
}

rc keeper_get_reviews(struct view body, struct keeper_reviews *ret)
{
	struct keeper_reviews m;
	struct view bytes;

	TRY(view_take(&body, DIGEST_SIZE, &bytes));
	memcpy(m.request.b, bytes.ptr, DIGEST_SIZE);
	TRY(view_u64be(&body, &m.from));
	TRY(view_end(&body));
	*ret = m;
	return OK;
}
