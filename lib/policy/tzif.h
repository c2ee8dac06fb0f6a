/* tzif - a time zone's file (RFC 9636, versions 1 to 4): what a clock on the wall shows, and when.
 *
 * Reads over the caller's bytes, keeps views into them, allocates nothing. Files with leap seconds
 * (the "right" zones) are refused: their times are not the keeper's. Owns: the format, its limits,
 * the rule of the footer. Must not own: where the bytes come from (zone.h). */
#ifndef GS_POLICY_TZIF_H
#define GS_POLICY_TZIF_H

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/view.h"

#define TZIF_BYTES_MAX 65536u
#define TZIF_TIMES_MAX 2000u /* RFC 9636 sets no limit; the longest file of today has 243 */
#define TZIF_TYPES_MAX 256u
/* RFC 9636 3.2: what a local time type's offset may be, seconds east of UTC. */
#define TZIF_OFFSET_MIN (-89999)
#define TZIF_OFFSET_MAX 93599

/* The day and time of a change, in the footer's form (POSIX.1 TZ, RFC 9636 3.3.1). */
struct tzif_change {
	enum tzif_form { TZIF_JULIAN, TZIF_DAY, TZIF_MONTH } form; /* Jn, n, Mm.w.d */
	unsigned month;
	unsigned week; /* 5: the last */
	unsigned day;  /* of the week, 0 is Sunday; or of the year */
	int32_t time;  /* seconds from the day's midnight, -167..167 hours */
};

struct tzif {
	const uint8_t *times; /* big-endian, ascending, time_count of them */
	const uint8_t *indices;
	const uint8_t *types; /* six bytes each */
	size_t time_count;
	size_t type_count;
	unsigned width; /* of a time: 4 in a version 1 file, else 8 */
	bool has_footer;
	bool has_summer;
	int32_t standard; /* offsets of the footer */
	int32_t summer;
	struct tzif_change start; /* of summer time */
	struct tzif_change end;
};

/* The bytes must outlive *ret. RC_LIMIT over the maxima above; RC_TRUNCATED, RC_TRAILING; RC_SYNTAX
 * no TZif magic, a bad footer, designation or flag; RC_UNSUPPORTED a version above 4, or leap
 * seconds; RC_RANGE an offset, a time below -2^59, or an index outside its table; RC_NONCANON times
 * that do not ascend. */
MUST rc tzif_parse(struct view bytes, struct tzif *ret, struct fault *f);

/* Seconds east of UTC at t. *ret_until (may be NULL): the first instant after t at which that may
 * change; INT64_MAX if never. t within +-2^60. */
int32_t tzif_offset(const struct tzif *z, unix_time t, unix_time *ret_until);

/* The instant of a local time: the first at which a clock on the wall shows it, or, where the clock
 * is put forward over it, the first at which it shows something later. */
unix_time tzif_instant(const struct tzif *z, int64_t local);

/* The latest time that a clock on the wall has shown up to t: tzif_instant(l) <= t exactly for the
 * l <= this. Differs from local time at t only while a clock was put back. */
int64_t tzif_latest_local(const struct tzif *z, unix_time t);

#endif
