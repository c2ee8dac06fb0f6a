/* The ends of a zip: other programs take what lies before the first member or behind the end record
 * for something else (a program, another archive). Owns: finding such bytes, nothing of the
 * members. */
#include <string.h>

#include "lib/format/inspect_tree.h"

#define END_SIZE 22 /* end of central directory record without its comment (APPNOTE 4.3.16) */
#define COMMENT_MAX 65535

struct end_record {
	uint64_t at;
	uint32_t size;	 /* of the central directory */
	uint32_t offset; /* where it begins, as the record says */
	uint16_t comment;
};

/* The last place in the file's tail that has the record's signature. */
static bool find(struct view tail, uint64_t tail_at, struct end_record *ret)
{
	for (size_t i = tail.len < END_SIZE ? 0 : tail.len - END_SIZE + 1; i-- > 0;) {
		struct view v = view_of(tail.ptr + i, tail.len - i);

		if (memcmp(v.ptr, "PK\005\006", 4) != 0)
			continue;
		ret->at = tail_at + i;
		return rc_is_ok(view_skip(&v, 12)) && rc_is_ok(view_u32le(&v, &ret->size)) &&
		       rc_is_ok(view_u32le(&v, &ret->offset)) &&
		       rc_is_ok(view_u16le(&v, &ret->comment));
	}
	return false;
}

rc zip_ends_check(struct inspection *in, struct fault *f)
{
	AUTO(buf) struct buf b = {0};
	uint64_t from = in->size > END_SIZE + COMMENT_MAX ? in->size - END_SIZE - COMMENT_MAX : 0;
	struct end_record end;
	uint8_t *tail;
	size_t got;
	uint64_t behind;

	buf_init(&b, END_SIZE + COMMENT_MAX);
	tail = buf_space(&b, (size_t)(in->size - from));
	TRY(buf_done(&b));
	TRY(inspect_read(in, from, tail, (size_t)(in->size - from), &got, f));
	if (!find(view_of(tail, got), from, &end))
		return finding(in, SEVERITY_ERROR, "archive-damaged", NO_PATH,
			       "the end record is missing (APPNOTE 4.3.16)");
	behind = in->size - end.at - END_SIZE;
	if (behind > 0)
		TRY(finding(in, SEVERITY_WARNING, "trailing-data", NO_PATH,
			    "%llu bytes behind the archive's end record",
			    (unsigned long long)behind));
	/* With zip64 the fields are all ones, and the directory ends before its own records. */
	if (end.offset == UINT32_MAX || end.size == UINT32_MAX)
		return OK;
	if ((uint64_t)end.offset + end.size != end.at)
		return finding(in, SEVERITY_WARNING, "leading-data", NO_PATH,
			       "bytes before the first member, or between directory and end");
	return OK;
}
