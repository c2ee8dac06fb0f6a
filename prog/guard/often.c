#include "prog/guard/often.h"

_Static_assert((OFTEN_ROWS & (OFTEN_ROWS - 1)) == 0, "rows are chosen by a mask");

bool often_read(struct often *o, uint64_t dev, uint64_t ino)
{
	uint64_t h = (dev ^ (ino * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xff51afd7ed558ccd);
	uint32_t at = (uint32_t)(h >> 32) & (OFTEN_ROWS - 1), tag = (uint32_t)h;

	if (o->row[at].tag != tag || o->row[at].count == 0) {
		o->row[at].tag = tag;
		o->row[at].count = 0;
	}
	return ++o->row[at].count % OFTEN_AGAIN == OFTEN_READS;
}
