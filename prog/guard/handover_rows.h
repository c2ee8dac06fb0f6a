/* handover_rows - the state that a guard hands over, as sections: tag, rows, bytes of a row, rows.
 *
 * Numbers are big-endian. What a later version adds to a row stands behind what is here and is
 * passed over, as is a section with a tag that is not known; enumerations grow at their end alone.
 * Owns: the layout, for handover_write.c (writes) and handover_read.c. */
#ifndef GS_GUARD_HANDOVER_ROWS_H
#define GS_GUARD_HANDOVER_ROWS_H

#include "prog/guard/handover.h"
#include "prog/guard/supervisor.h"

#define HANDOVER_MAGIC "greatseal-heir-1"

enum tag {
	TAG_SELF = 1,
	TAG_NAMED,
	TAG_NUMBERS,
	TAG_SLOTS,
	TAG_QUESTIONS,
	TAG_RAW,
	TAG_EXES,
	TAG_OUTPUTS,
	TAG_PRODUCERS,
	TAG_NEWS,
	TAG_TOUCHED,
};

/* Descriptors that are known by what they are for; rows of TAG_NAMED in this order. */
enum named {
	NAMED_GROUP,
	NAMED_LISTENER,
	NAMED_LIST,
	NAMED_RECORDS,
	NAMED_FEED,
	NAMED_HALF_0,
	NAMED_HALF_1,
	NAMED_MARK,
	NAMED_TOLD,
	NAMED_LOOKS_IN,
	NAMED_LOOKS_OUT,
	NAMED_MET_IN,
	NAMED_MET_OUT,
	NAMED__COUNT
};

#define COUNTERS_ROW (12u * 8u)
#define LIST_ROW (1u + 8u + 8u + 8u + DIGEST_SIZE + NAME_MAX_LEN + 1u)
#define SELF_ROW                                                                                   \
	(32u + 4u + HANDOVER_TEXT + 32u + 8u + 2u + 7u * 8u + 4u + COUNTERS_ROW + LIST_ROW +       \
	 3u * 8u + 4u * 8u + HANDOVER_TEXT)
#define SLOT_ROW (1u + 4u + 8u + 4u + 3u * 8u + DIGEST_SIZE + SLOT_RECENT * 12u + 4u)
#define QUESTION_ROW (2u + 2u * 4u + 3u * 8u)
#define EXE_ROW (1u + 2u * 8u + DIGEST_SIZE)
#define OUTPUT_ROW (5u * 8u + 2u)
#define TOUCHED_ROW (3u * 8u)
#define PRODUCER_ROW (2u * 4u + 3u * 8u + 1u)
#define NEWS_ROW (3u + 2u * 4u + 1u + 2u * 8u + DIGEST_SIZE + HANDOVER_TEXT)

/* For qsort(3) of int. */
int handover_ascending(const void *a, const void *b);

#endif
