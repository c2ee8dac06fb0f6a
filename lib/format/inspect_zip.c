/* The ends of a zip: other programs take what lies before the first member or behind the end record
 * for something else (a program, another archive). Owns: finding such bytes, nothing of the
 * members. */
#include <string.h>

#include "lib/format/inspect_tree.h"
#include "lib/format/inspect_zip.h"

#define END_SIZE 22 /* end of central directory record without its comment (APPNOTE 4.3.16) */
#define COMMENT_MAX 65535
#define LOCATOR 20  /* zip64 end of central directory locator (4.3.15) */
#define WIDE_END 56 /* and the record that it leads to (4.3.14) */

struct end_record {
	uint64_t at;
	uint16_t count;
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
		return rc_is_ok(view_skip(&v, 10)) && rc_is_ok(view_u16le(&v, &ret->count)) &&
		       rc_is_ok(view_u32le(&v, &ret->size)) &&
		       rc_is_ok(view_u32le(&v, &ret->offset)) &&
		       rc_is_ok(view_u16le(&v, &ret->comment));
	}
	return false;
}

/* Some take the last record for the end, others one whose comment reaches the end of the file. */
static bool is_second(struct view tail, uint64_t tail_at, const struct end_record *last)
{
	for (size_t i = 0; tail_at + i < last->at; i++) {
		struct view v = view_of(tail.ptr + i, tail.len - i);
		uint16_t comment;

		if (v.len >= END_SIZE && memcmp(v.ptr, "PK\005\006", 4) == 0 &&
		    rc_is_ok(view_skip(&v, END_SIZE - 2)) && rc_is_ok(view_u16le(&v, &comment)) &&
		    comment == v.len)
			return true;
	}
	return false;
}

/* A field of the end record is that of the wide one, or all ones. */
static bool agrees(uint64_t narrow, uint64_t ones, uint64_t wide)
{
	return narrow == ones || narrow == wide;
}

/* Where the directory lies, by the wide record if there is one. *ret_good: the records do not
 * contradict each other. */
static rc locate(struct inspection *in, const struct end_record *end, struct zip_directory *d,
		 bool *ret_good, struct fault *f)
{
	uint8_t bytes[WIDE_END];
	uint64_t offset = end->offset, record = end->at, at = 0;
	struct view v;
	size_t got = 0;

	*d = (struct zip_directory){.size = end->size, .count = end->count};
	*ret_good = false;
	if (end->at >= LOCATOR)
		TRY(inspect_read(in, end->at - LOCATOR, bytes, LOCATOR, &got, f));
	v = view_of(bytes, got);
	if (got == LOCATOR && memcmp(bytes, "PK\006\007", 4) == 0) {
		TRY(view_skip(&v, 8));
		TRY(view_u64le(&v, &at));
		record = end->at - LOCATOR;
		if (record < WIDE_END || at != record - WIDE_END)
			return OK;
		record = at;
		TRY(inspect_read(in, at, bytes, WIDE_END, &got, f));
		v = view_of(bytes, got);
		if (memcmp(bytes, "PK\006\006", 4) != 0 || !rc_is_ok(view_skip(&v, 32)) ||
		    !rc_is_ok(view_u64le(&v, &d->count)) || !rc_is_ok(view_u64le(&v, &d->size)) ||
		    !rc_is_ok(view_u64le(&v, &offset)) ||
		    !agrees(end->count, UINT16_MAX, d->count) ||
		    !agrees(end->size, UINT32_MAX, d->size) ||
		    !agrees(end->offset, UINT32_MAX, offset))
			return OK;
	}
	if (d->size > record || offset > record - d->size)
		return OK;
	d->at = record - d->size;
	d->before = d->at - offset;
	*ret_good = true;
	return OK;
}

rc zip_ends_check(struct inspection *in, struct fault *f)
{
	AUTO(buf) struct buf b = {0};
	uint64_t from = in->size > END_SIZE + COMMENT_MAX ? in->size - END_SIZE - COMMENT_MAX : 0;
	struct zip_directory directory;
	struct end_record end;
	bool good;
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
	TRY(locate(in, &end, &directory, &good, f));
	if (!good || is_second(view_of(tail, got), from, &end))
		return finding(in, SEVERITY_ERROR, "zip-ambiguous", NO_PATH,
			       "end records that contradict each other");
	if (directory.before > 0)
		TRY(finding(in, SEVERITY_WARNING, "leading-data", NO_PATH,
			    "bytes before the first member, or between directory and end"));
	return zip_directory_check(in, &directory, f);
}
