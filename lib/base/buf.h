/* buf - the one writer: a growing (or fixed) byte buffer with a hard maximum and a sticky failure.
 *
 * Write freely, then look once: TRY(buf_done(&b)). After a failure further writes do nothing.
 * Owns: its memory. Must not hold secrets (secret.h does). */
#ifndef GS_BASE_BUF_H
#define GS_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/result.h"
#include "lib/base/view.h"

struct buf {
	uint8_t *ptr;
	size_t len;
	size_t cap;
	size_t max;
	bool fixed;
	enum rc_code sticky;
};

/* Empty, allocates on demand, never holds more than max bytes. */
void buf_init(struct buf *b, size_t max);
/* Writes into caller's memory of cap bytes; release does not free it. */
void buf_init_fixed(struct buf *b, void *mem, size_t cap);
/* Frees what init made; may be called twice and on a zeroed struct. */
void buf_release(struct buf *b);
/* Length 0, failure cleared, memory kept. */
void buf_clear(struct buf *b);
AUTO_DEFINE(buf, struct buf, buf_release)

void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_view(struct buf *b, struct view v);
void buf_put_str(struct buf *b, const char *s);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16be(struct buf *b, uint16_t v);
void buf_put_u32be(struct buf *b, uint32_t v);
void buf_put_u64be(struct buf *b, uint64_t v);
void buf_put_u16le(struct buf *b, uint16_t v);
void buf_put_u32le(struct buf *b, uint32_t v);
/* u32 big-endian length and the bytes. */
void buf_put_string(struct buf *b, struct view v);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* n zeroed bytes to be filled by the caller; NULL after a failure. Valid until the next write. */
uint8_t *buf_space(struct buf *b, size_t n);
/* Sets the sticky failure (first one wins). */
void buf_fail(struct buf *b, enum rc_code code);

/* RC_OK, RC_NOMEM or RC_LIMIT: how all writes so far went. */
MUST rc buf_done(const struct buf *b);

/* What is in the buffer; valid until the next write. */
static inline struct view buf_view(const struct buf *b)
{
	return view_of(b->ptr, b->len);
}

/* NUL-terminates (the NUL is not counted in len) and returns the text; "" after a failure. */
const char *buf_cstr(struct buf *b);

/* Moves the memory to the caller, who free()s it; b is empty afterwards. Not for fixed buffers. */
uint8_t *buf_take(struct buf *b, size_t *ret_len);

#endif
