/* calendar - repeated local times, in the words of systemd.time(7): "Mon..Thu 09:00".
 *
 * [WEEKDAYS] [[YEAR-]MONTH-DAY] [HOUR:MINUTE[:SECOND]], at least one of them, one space between.
 * WEEKDAYS: Mon Tue Wed Thu Fri Sat Sun, lists "Mon,Wed" and ranges "Mon..Fri" that do not wrap.
 * Numbers: "*", lists and ranges alike: "*-*-01", "2026-12-24..31", "09,13:00". Without a time it
 * is midnight. Steps, "~", zones and words such as "daily" of systemd are not read. Owns: that
 * form, and the next and last time in it. Must not own: how long something lasts. */
#ifndef GS_POLICY_CALENDAR_H
#define GS_POLICY_CALENDAR_H

#include "lib/base/fault.h"
#include "lib/policy/tzif.h"

#define CALENDAR_TEXT_MAX 128u
#define CALENDAR_YEARS_MAX 8u
#define CALENDAR_YEAR_FIRST 1970
#define CALENDAR_YEAR_LAST 9998 /* so that no instant of it lies beyond TIME_MAX */

struct calendar {
	uint8_t weekdays; /* bit 0: Sunday */
	uint16_t months;  /* bit n: month n; the others alike */
	uint32_t days;
	uint32_t hours;
	uint64_t minutes;
	uint64_t seconds;
	struct {
		uint16_t from;
		uint16_t to;
	} years[CALENDAR_YEARS_MAX]; /* none: every year */
	size_t year_count;
};

/* RC_LIMIT over the maxima; RC_SYNTAX; RC_RANGE a number that no calendar has, a range that runs
 * backwards, or a day that never comes ("*-02-30"). */
MUST rc calendar_parse(struct view text, struct calendar *ret, struct fault *f);

/* The first such local time >= local, the last one <= local. RC_NOTFOUND if there is none in the
 * years above. */
MUST rc calendar_next(const struct calendar *c, int64_t local, int64_t *ret);
MUST rc calendar_last(const struct calendar *c, int64_t local, int64_t *ret);

/* The same as instants of a zone: the last opening <= t, the first one > t. Where the clock is put
 * forward over an opening, it opens as the clock goes on; where it is put back, at the first of the
 * two. RC_NOTFOUND. */
MUST rc calendar_opened(const struct calendar *c, const struct tzif *z, unix_time t,
			unix_time *ret);
MUST rc calendar_opens(const struct calendar *c, const struct tzif *z, unix_time t, unix_time *ret);

/* "2026-12-18 00:00", without seconds: the form of one local time. RC_SYNTAX, RC_RANGE. */
MUST rc local_time_parse(struct view text, int64_t *ret);
#define LOCAL_TEXT 20 /* "2026-12-18 00:00" and NUL, with room for a year that is none */
void local_time_text(int64_t local, char out[LOCAL_TEXT]);

#endif
