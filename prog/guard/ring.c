#include "prog/guard/ring.h"

_Static_assert((RING_ROWS & (RING_ROWS - 1)) == 0, "positions wrap with their counter");

bool ring_put(struct ring *r, const struct news *n)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	if (head - atomic_load_explicit(&r->tail, memory_order_acquire) >= RING_ROWS) {
		atomic_fetch_add_explicit(&r->dropped, 1, memory_order_relaxed);
		return false;
	}
	r->row[head % RING_ROWS] = *n;
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	return true;
}

bool ring_take(struct ring *r, struct news *ret)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail == atomic_load_explicit(&r->head, memory_order_acquire))
		return false;
	*ret = r->row[tail % RING_ROWS];
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return true;
}
