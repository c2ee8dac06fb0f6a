#include "lib/policy/calendar.h"

#include <stdio.h>

#include "lib/policy/civil.h"

/* ---- Reading --------------------------------------------------------------------------------*/

/* Splits off the part before c; without c all of it. False: nothing is left. */
static bool part_next(struct view *v, uint8_t c, struct view *ret)
{
	if (v->ptr == NULL)
		return false;
	if (rc_is_ok(view_until(v, c, ret)))
		return true;
	*ret = *v;
	*v = (struct view){0};
	return true;
}

static bool has_byte(struct view v, uint8_t c)
{
	return v.len > 0 && memchr(v.ptr, c, v.len) != NULL;
}

struct range {
	unsigned from;
	unsigned to;
};

/* What one kind of part may be. */
struct field {
	const char *what;
	unsigned min;
	unsigned max;
	size_t digits_max;
};

static rc weekday_parse(struct view text, unsigned *ret)
{
	static const char names[][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

	for (unsigned i = 0; i < 7; i++)
		if (view_is(text, names[i])) {
			*ret = i;
			return OK;
		}
	return RC(RC_SYNTAX);
}

static rc value_parse(struct view text, const struct field *k, unsigned *ret)
{
	unsigned n = 0;

	if (k->digits_max == 0)
		return weekday_parse(text, ret);
	if (text.len == 0 || text.len > k->digits_max)
		return RC(RC_SYNTAX);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return RC(RC_SYNTAX);
		n = n * 10 + (unsigned)(text.ptr[i] - '0');
	}
	if (n < k->min || n > k->max)
		return RC(RC_RANGE);
	*ret = n;
	return OK;
}

/* "5" or "5..9". */
static rc range_parse(struct view text, const struct field *k, struct range *ret)
{
	const uint8_t *dots =
		text.len > 2 ? (const uint8_t *)memmem(text.ptr, text.len, "..", 2) : NULL;
	size_t first = dots == NULL ? text.len : (size_t)(dots - text.ptr);

	TRY(value_parse(view_of(text.ptr, first), k, &ret->from));
	ret->to = ret->from;
	if (dots != NULL)
		TRY(value_parse(view_of(dots + 2, text.len - first - 2), k, &ret->to));
	return ret->from <= ret->to ? OK : RC(RC_RANGE);
}

static rc refuse_part(struct fault *f, rc r, const char *what, struct view part)
{
	return fault_set(f, r.code, 0, "\"%.*s\" is no %s%s", (int)part.len,
			 part.len > 0 ? (const char *)part.ptr : "", what,
			 r.code == RC_RANGE ? ", or runs backwards" : "");
}

/* A list into a bit for each value; "*" is all of them. */
static rc mask_parse(struct view text, const struct field *k, uint64_t *ret, struct fault *f)
{
	struct view rest = text;
	struct view part;
	struct range r;
	bool all = view_is(text, "*") && k->digits_max > 0;

	*ret = 0;
	for (unsigned i = k->min; all && i <= k->max; i++)
		*ret |= UINT64_C(1) << i;
	while (!all && part_next(&rest, ',', &part)) {
		rc e = range_parse(part, k, &r);

		if (!rc_is_ok(e))
			return refuse_part(f, e, k->what, part);
		for (unsigned i = r.from; i <= r.to; i++)
			*ret |= UINT64_C(1) << i;
	}
	return OK;
}

static rc years_parse(struct view text, struct calendar *c, struct fault *f)
{
	static const struct field year = {"year", CALENDAR_YEAR_FIRST, CALENDAR_YEAR_LAST, 4};
	struct view rest = text;
	struct view part;
	struct range r;

	if (view_is(text, "*"))
		return OK;
	while (part_next(&rest, ',', &part)) {
		rc e = range_parse(part, &year, &r);

		if (!rc_is_ok(e))
			return refuse_part(f, e, year.what, part);
		if (c->year_count == CALENDAR_YEARS_MAX)
			return fault_set(f, RC_LIMIT, 0, "more than %u years or ranges of them",
					 CALENDAR_YEARS_MAX);
		c->years[c->year_count].from = (uint16_t)r.from;
		c->years[c->year_count++].to = (uint16_t)r.to;
	}
	return OK;
}

static rc date_parse(struct view text, struct calendar *c, struct fault *f)
{
	static const struct field month = {"month", 1, 12, 2};
	static const struct field day = {"day of a month", 1, 31, 2};
	struct view rest = text;
	struct view part[3];
	size_t n = 0;
	uint64_t mask;

	while (n < 3 && part_next(&rest, '-', &part[n]))
		n++;
	if (n < 2 || rest.ptr != NULL)
		return refuse_part(f, RC(RC_SYNTAX), "date (YEAR-MONTH-DAY or MONTH-DAY)", text);
	if (n == 3)
		TRY(years_parse(part[0], c, f));
	TRY(mask_parse(part[n - 2], &month, &mask, f));
	c->months = (uint16_t)mask;
	TRY(mask_parse(part[n - 1], &day, &mask, f));
	c->days = (uint32_t)mask;
	return OK;
}

static rc time_of_day_parse(struct view text, struct calendar *c, struct fault *f)
{
	static const struct field hour = {"hour", 0, 23, 2};
	static const struct field minute = {"minute", 0, 59, 2};
	static const struct field second = {"second", 0, 59, 2};
	struct view rest = text;
	struct view part[3];
	size_t n = 0;
	uint64_t mask;

	while (n < 3 && part_next(&rest, ':', &part[n]))
		n++;
	if (n < 2 || rest.ptr != NULL)
		return refuse_part(f, RC(RC_SYNTAX), "time (HH:MM or HH:MM:SS)", text);
	TRY(mask_parse(part[0], &hour, &mask, f));
	c->hours = (uint32_t)mask;
	TRY(mask_parse(part[1], &minute, &c->minutes, f));
	return n == 3 ? mask_parse(part[2], &second, &c->seconds, f) : OK;
}

static rc weekdays_parse(struct view text, struct calendar *c, struct fault *f)
{
	static const struct field weekday = {"weekday (Mon, Tue, Wed, Thu, Fri, Sat, Sun)", 0, 6,
					     0};
	uint64_t mask;

	TRY(mask_parse(text, &weekday, &mask, f));
	/* Written from Monday on, kept from Sunday on. */
	c->weekdays = (uint8_t)((mask << 1 | mask >> 6) & 0x7f);
	return OK;
}

rc calendar_parse(struct view text, struct calendar *ret, struct fault *f)
{
	/* What is left out: every day, at midnight. */
	struct calendar c = {.weekdays = 0x7f,
			     .months = 0x1ffe,
			     .days = 0xfffffffe,
			     .hours = 1,
			     .minutes = 1,
			     .seconds = 1};
	struct view rest = text;
	struct view part;
	unsigned last = 0;
	int64_t first;

	if (text.len > CALENDAR_TEXT_MAX)
		return fault_set(f, RC_LIMIT, 0, "a calendar time of %zu bytes, at most %u",
				 text.len, CALENDAR_TEXT_MAX);
	while (part_next(&rest, ' ', &part)) {
		bool is_time = has_byte(part, ':');
		bool is_date = !is_time && has_byte(part, '-');
		unsigned place = is_time ? 3 : (is_date ? 2 : 1);

		if (place <= last)
			return refuse_part(f, RC(RC_SYNTAX),
					   "calendar time (WEEKDAYS DATE TIME, in this order)",
					   text);
		last = place;
		if (is_time)
			TRY(time_of_day_parse(part, &c, f));
		else if (is_date)
			TRY(date_parse(part, &c, f));
		else
			TRY(weekdays_parse(part, &c, f));
	}
	if (!rc_is_ok(calendar_next(&c, 0, &first)))
		return fault_set(f, RC_RANGE, 0, "\"%.*s\" never comes", (int)text.len,
				 (const char *)text.ptr);
	*ret = c;
	return OK;
}

/* ---- Next and last --------------------------------------------------------------------------*/

static bool year_fits(const struct calendar *c, int64_t year)
{
	for (size_t i = 0; i < c->year_count; i++)
		if (year >= c->years[i].from && year <= c->years[i].to)
			return true;
	return c->year_count == 0;
}

/* The lowest bit >= from, or the highest <= from; -1 if there is none. from may be 64 or -1. */
static int bit_from(uint64_t mask, int from)
{
	mask = from > 63 ? 0 : mask & UINT64_MAX << from;
	return mask == 0 ? -1 : __builtin_ctzll(mask);
}

static int bit_to(uint64_t mask, int to)
{
	mask = to < 0 ? 0 : mask & UINT64_MAX >> (63 - to);
	return mask == 0 ? -1 : 63 - __builtin_clzll(mask);
}

/* The three parts of a day as one search; direction +1 next, -1 last. second_of_day may lie one
 * outside the day. -1: not on this day any more. */
static int64_t time_on_day(const struct calendar *c, int64_t second_of_day, int direction)
{
	int (*find)(uint64_t, int) = direction > 0 ? bit_from : bit_to;
	int lowest = direction > 0 ? 0 : 59;
	int h = (int)(second_of_day / 3600);
	int m = (int)(second_of_day / 60 % 60);
	int s = (int)(second_of_day % 60);
	int hour = find(c->hours, h);
	int minute;
	int second;

	if (hour == h) {
		minute = find(c->minutes, m);
		second = minute == m ? find(c->seconds, s) : -1;
		if (minute == m && second < 0)
			minute = find(c->minutes, m + direction);
		if (minute >= 0)
			return hour * 3600 + minute * 60 +
			       (second >= 0 ? second : find(c->seconds, lowest));
		hour = find(c->hours, h + direction);
	}
	if (hour < 0)
		return -1;
	return hour * 3600 + find(c->minutes, lowest) * 60 + find(c->seconds, lowest);
}

/* The nearest day that fits, from this one on in the direction. False: there is none. */
static bool find_day(const struct calendar *c, struct civil *at, int direction)
{
	while (at->year >= CALENDAR_YEAR_FIRST && at->year <= CALENDAR_YEAR_LAST) {
		unsigned length;

		if (!year_fits(c, at->year)) {
			at->year += direction;
			at->month = direction > 0 ? 1 : 12;
			at->day = direction > 0 ? 1 : 31;
			continue;
		}
		length = civil_month_days(at->year, at->month);
		if (at->day > length && direction < 0)
			at->day = length;
		if ((c->months >> at->month & 1) != 0)
			for (; at->day >= 1 && at->day <= length;
			     at->day = direction > 0 ? at->day + 1 : at->day - 1)
				if ((c->days >> at->day & 1) != 0 &&
				    (c->weekdays >> civil_weekday(civil_days(*at)) & 1) != 0)
					return true;
		at->day = direction > 0 ? 1 : 31;
		at->month = direction > 0 ? at->month + 1 : at->month - 1;
		if (at->month == 0 || at->month == 13) {
			at->year += direction;
			at->month = direction > 0 ? 1 : 12;
		}
	}
	return false;
}

static rc find(const struct calendar *c, int64_t local, int direction, int64_t *ret)
{
	int64_t day = floor_div(local, DAY_SECONDS);
	struct civil at = civil_of_day(day);
	int64_t second = local - day * DAY_SECONDS;
	int64_t found;

	if (direction > 0 && at.year < CALENDAR_YEAR_FIRST) {
		at = (struct civil){CALENDAR_YEAR_FIRST, 1, 1};
		second = 0;
	}
	if (direction < 0 && at.year > CALENDAR_YEAR_LAST) {
		at = (struct civil){CALENDAR_YEAR_LAST, 12, 31};
		second = DAY_SECONDS - 1;
	}
	day = civil_days(at);
	if (!find_day(c, &at, direction))
		return RC(RC_NOTFOUND);
	if (civil_days(at) == day) {
		found = time_on_day(c, second, direction);
		if (found >= 0) {
			*ret = day * DAY_SECONDS + found;
			return OK;
		}
		at = civil_of_day(day + direction);
		if (!find_day(c, &at, direction))
			return RC(RC_NOTFOUND);
	}
	found = time_on_day(c, direction > 0 ? 0 : DAY_SECONDS - 1, direction);
	*ret = civil_days(at) * DAY_SECONDS + found;
	return OK;
}

rc calendar_next(const struct calendar *c, int64_t local, int64_t *ret)
{
	return find(c, local, 1, ret);
}

rc calendar_last(const struct calendar *c, int64_t local, int64_t *ret)
{
	return find(c, local, -1, ret);
}

rc calendar_opened(const struct calendar *c, const struct tzif *z, unix_time t, unix_time *ret)
{
	int64_t local;

	TRY(calendar_last(c, tzif_latest_local(z, t), &local));
	*ret = tzif_instant(z, local);
	return OK;
}

rc calendar_opens(const struct calendar *c, const struct tzif *z, unix_time t, unix_time *ret)
{
	int64_t local;

	TRY(calendar_next(c, tzif_latest_local(z, t) + 1, &local));
	*ret = tzif_instant(z, local);
	return OK;
}

/* ---- One local time -------------------------------------------------------------------------*/

rc local_time_parse(struct view text, int64_t *ret)
{
	static const char form[] = "0000-00-00 00:00";
	static const uint8_t from[] = {0, 5, 8, 11, 14};
	uint64_t part[5];
	struct civil c;

	if (text.len != sizeof(form) - 1)
		return RC(RC_SYNTAX);
	for (size_t i = 0; i < text.len; i++)
		if (form[i] == '0' ? text.ptr[i] < '0' || text.ptr[i] > '9'
				   : text.ptr[i] != (uint8_t)form[i])
			return RC(RC_SYNTAX);
	for (size_t i = 0; i < 5; i++) {
		part[i] = 0;
		for (size_t k = from[i]; k < text.len && form[k] == '0'; k++)
			part[i] = part[i] * 10 + (uint64_t)(text.ptr[k] - '0');
	}
	c = (struct civil){(int64_t)part[0], (unsigned)part[1], (unsigned)part[2]};
	if (c.year < CALENDAR_YEAR_FIRST || c.year > CALENDAR_YEAR_LAST || c.month < 1 ||
	    c.month > 12 || c.day < 1 || c.day > civil_month_days(c.year, c.month) ||
	    part[3] > 23 || part[4] > 59)
		return RC(RC_RANGE);
	*ret = civil_days(c) * DAY_SECONDS + (int64_t)(part[3] * 3600 + part[4] * 60);
	return OK;
}

void local_time_text(int64_t local, char out[LOCAL_TEXT])
{
	int64_t day = floor_div(local, DAY_SECONDS);
	struct civil c = civil_of_day(day);
	int minutes = (int)((local - day * DAY_SECONDS) / 60);

	(void)snprintf(out, LOCAL_TEXT, "%04d-%02u-%02u %02d:%02d", (int)(c.year % 10000),
		       c.month % 100, c.day % 100, minutes / 60, minutes % 60);
}
