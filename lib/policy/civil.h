/* civil - days of the Gregorian calendar as numbers, for time zones and opening times.
 *
 * Day 0 is 1970-01-01. A "local" time is the seconds since 1970-01-01 00:00 that a clock on the
 * wall would count: no zone, no summer time. Exact for years -10^9..10^9. */
#ifndef GS_POLICY_CIVIL_H
#define GS_POLICY_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define DAY_SECONDS 86400

struct civil {
	int64_t year;
	unsigned month; /* 1..12 */
	unsigned day;	/* 1..31 */
};

/* Rounds down, also below zero. */
static inline int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0 ? 1 : 0);
}

static inline bool civil_is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline unsigned civil_month_days(int64_t year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && civil_is_leap(year) ? 1u : 0u);
}

/* Years begin in March here, so that the leap day is the last: 153 days make five months, 146097
 * days 400 years, and 719468 is the day number of 1970-01-01 counted from 0000-03-01. */
static inline int64_t civil_days(struct civil c)
{
	int64_t y = c.month <= 2 ? c.year - 1 : c.year;
	int64_t era = floor_div(y, 400);
	int64_t of_era = y - era * 400;
	int64_t month = (c.month + 9) % 12;
	int64_t of_year = (153 * month + 2) / 5 + (int64_t)c.day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static inline struct civil civil_of_day(int64_t day)
{
	int64_t z = day + 719468;
	int64_t era = floor_div(z, 146097);
	int64_t of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t month = (5 * of_year + 2) / 153;
	struct civil c = {.year = y + era * 400,
			  .month = (unsigned)(month < 10 ? month + 3 : month - 9),
			  .day = (unsigned)(of_year - (153 * month + 2) / 5 + 1)};

	c.year += c.month <= 2 ? 1 : 0;
	return c;
}

/* 0 is Sunday. */
static inline unsigned civil_weekday(int64_t day)
{
	return (unsigned)(day + 4 - floor_div(day + 4, 7) * 7);
}

#endif
