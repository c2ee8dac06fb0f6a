/* keeper_impl - what the files that encode the keeper's messages share: frames and strings.
 *
 * Private to lib/proto/keeper*.c. */
#ifndef GS_PROTO_KEEPER_IMPL_H
#define GS_PROTO_KEEPER_IMPL_H

#include "lib/proto/keeper.h"

static inline void put_string(struct buf *out, struct view s, size_t max)
{
	if (s.len > max)
		buf_fail(out, RC_LIMIT);
	buf_put_string(out, s);
}

struct frame {
	size_t at; /* where it begins in the buffer */
	enum keeper_type type;
};

static inline struct frame frame_begin(struct buf *out, enum keeper_type type, uint64_t correlation)
{
	struct frame fr = {.at = out->len, .type = type};

	buf_put_u32be(out, 0); /* patched by frame_end */
	buf_put_u16be(out, (uint16_t)type);
	buf_put_u16be(out, 0);
	buf_put_u64be(out, correlation);
	return fr;
}

static inline void frame_end(struct buf *out, struct frame fr)
{
	if (out->sticky == RC_OK) {
		size_t len = out->len - fr.at - 4;

		if (len - (KEEPER_HEADER - 4) > keeper_body_max(fr.type))
			buf_fail(out, RC_LIMIT);
		for (size_t i = 0; i < 4; i++)
			out->ptr[fr.at + i] = (uint8_t)(len >> (24 - 8 * i));
	}
	/* Half a frame must never be sent. */
	if (out->sticky != RC_OK)
		out->len = fr.at;
}

#endif
