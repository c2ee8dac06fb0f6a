/* What a guard hands over: whatever lies there, reading stays within, and what is taken can be
 * handed on, and is then the same. */
#include <stdlib.h>
#include <string.h>

#include "prog/guard/supervisor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take(struct view bytes, struct supervisor *s, struct handover *h)
{
	static uint64_t memory[2][(sizeof(struct share) + 16 * sizeof(struct slot)) / 8 + 1];
	static struct conf conf;
	static unsigned turn;
	struct share *m = (struct share *)(void *)memory[turn++ % 2];

	memset(m, 0, sizeof(memory[0]));
	memset(s, 0, sizeof(*s));
	m->slot_count = 16;
	s->g.share = m;
	s->g.conf = &conf;
	return rc_is_ok(handover_decode(bytes, s, h, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(handover) struct handover first = {0}, second = {0}, index = {0}, again = {0};
	AUTO(buf) struct buf out = {0}, out2 = {0};
	static struct supervisor a, b;

	if (!take(view_of(data, size), &a, &first))
		return 0;
	buf_init(&out, HANDOVER_BYTES);
	buf_init(&out2, HANDOVER_BYTES);
	handover_encode(&a, &index, &out);
	if (!take(buf_view(&out), &b, &second))
		abort();
	handover_encode(&b, &again, &out2);
	if (!view_is_equal(buf_view(&out), buf_view(&out2)))
		abort();
	return 0;
}
