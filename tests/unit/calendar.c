/* Unit tests of lib/policy/calendar: the form, next and last against a search by brute force,
 * `systemd-analyze calendar` as oracle where it is installed, leap days, both changes of summer
 * time in ten zones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/policy/calendar.h"
#include "lib/policy/civil.h"

#define ZONES "/usr/share/zoneinfo"
#define ANALYZE "/usr/bin/systemd-analyze"
#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static struct calendar calendar_of(const char *text)
{
	struct calendar c = {0};
	struct fault f = {0};

	if (!rc_is_ok(calendar_parse(view_str(text), &c, &f)))
		fail_msg("%s: %s", text, f.text);
	return c;
}

static int64_t local_of(const char *text)
{
	int64_t local = 0;

	assert_rc(RC_OK, local_time_parse(view_str(text), &local));
	return local;
}

static void forms(void **state)
{
	static const struct {
		enum rc_code code;
		const char *text;
		const char *says; /* part of the fault's text */
	} rows[] = {
		{RC_OK, "Mon", NULL},
		{RC_OK, "Mon..Thu 09:00", NULL},
		{RC_OK, "Mon,Wed..Fri,Sun 2026-01,03-1..7 8..17:00,30:15", NULL},
		{RC_OK, "*-*-01", NULL},
		{RC_OK, "12-24", NULL},
		{RC_OK, "*-02-29", NULL},
		{RC_OK, "Mon *-02-29", NULL},
		{RC_OK, "*:*:*", NULL},
		{RC_OK, "1970..2000,9998-*-* 00:00", NULL},
		{RC_SYNTAX, "", NULL},
		{RC_SYNTAX, " ", NULL},
		{RC_SYNTAX, "Mon ", NULL},
		{RC_SYNTAX, "Mon  09:00", NULL},
		{RC_SYNTAX, "09:00 Mon", "in this order"},
		{RC_SYNTAX, "Mon Tue", "in this order"},
		{RC_SYNTAX, "daily", "\"daily\" is no weekday"},
		{RC_SYNTAX, "mon", NULL},
		{RC_SYNTAX, "Monday", NULL},
		{RC_SYNTAX, "*", NULL},
		{RC_SYNTAX, "Mon,", NULL},
		{RC_SYNTAX, "Mon..", NULL},
		{RC_SYNTAX, "9", NULL},
		{RC_SYNTAX, "09:00:00:00", "HH:MM"},
		{RC_SYNTAX, "09:", NULL},
		{RC_SYNTAX, "+9:00", NULL},
		{RC_SYNTAX, "009:00", NULL},
		{RC_SYNTAX, "09:00/5", "\"00/5\" is no minute"},
		{RC_SYNTAX, "*-*~01", NULL},
		{RC_SYNTAX, "26-*-*-*", "YEAR-MONTH-DAY"},
		{RC_RANGE, "Fri..Mon", "runs backwards"},
		{RC_RANGE, "24:00", NULL},
		{RC_RANGE, "09:60", NULL},
		{RC_RANGE, "09:00:60", NULL},
		{RC_RANGE, "*-13-01", NULL},
		{RC_RANGE, "*-00-01", NULL},
		{RC_RANGE, "*-*-32", NULL},
		{RC_RANGE, "*-*-0", NULL},
		{RC_RANGE, "1969-*-*", NULL},
		{RC_RANGE, "9999-*-*", NULL},
		{RC_RANGE, "*-02-30", "never comes"},
		{RC_RANGE, "*-04,06-31", "never comes"},
		{RC_RANGE, "2026-02-29", "never comes"},
		{RC_RANGE, "Tue 2026-01-01", "never comes"},
		{RC_LIMIT, "2000,2001,2002,2003,2004,2005,2006,2007,2008-*-*", "years"},
		{RC_LIMIT,
		 "Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,"
		 "Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon,Mon",
		 NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct calendar c;
		struct fault f = {0};

		if (calendar_parse(view_str(rows[i].text), &c, &f).code != rows[i].code)
			fail_msg("\"%s\": %s", rows[i].text, f.text);
		if (rows[i].says != NULL && strstr(f.text, rows[i].says) == NULL)
			fail_msg("\"%s\": %s", rows[i].text, f.text);
	}
}

static void local_times(void **state)
{
	char text[LOCAL_TEXT];
	int64_t local;

	(void)state;
	local_time_text(local_of("2026-12-18 06:07"), text);
	assert_string_equal(text, "2026-12-18 06:07");
	assert_int_equal(local_of("1970-01-01 00:00"), 0);
	assert_int_equal(local_of("2024-02-29 23:59"), 1709251140);
	assert_rc(RC_SYNTAX, local_time_parse(view_str("2026-12-18T00:00"), &local));
	assert_rc(RC_SYNTAX, local_time_parse(view_str("2026-12-18 0:00"), &local));
	assert_rc(RC_SYNTAX, local_time_parse(view_str("2026-12-18 00:00:00"), &local));
	assert_rc(RC_RANGE, local_time_parse(view_str("2026-02-29 00:00"), &local));
	assert_rc(RC_RANGE, local_time_parse(view_str("2026-12-18 24:00"), &local));
	assert_rc(RC_RANGE, local_time_parse(view_str("2026-00-18 00:00"), &local));
	assert_rc(RC_RANGE, local_time_parse(view_str("9999-01-18 00:00"), &local));
}

/* ---- Next and last against the plainest search ----------------------------------------------*/

/* Whether this local time is one, by the definition. */
static bool fits(const struct calendar *c, int64_t local)
{
	int64_t day = floor_div(local, DAY_SECONDS);
	struct civil at = civil_of_day(day);
	int64_t s = local - day * DAY_SECONDS;
	bool year = c->year_count == 0;

	for (size_t i = 0; i < c->year_count; i++)
		year |= at.year >= c->years[i].from && at.year <= c->years[i].to;
	return year && (c->months >> at.month & 1) != 0 && (c->days >> at.day & 1) != 0 &&
	       (c->weekdays >> civil_weekday(day) & 1) != 0 && (c->hours >> s / 3600 & 1) != 0 &&
	       (c->minutes >> s / 60 % 60 & 1) != 0 && (c->seconds >> s % 60 & 1) != 0;
}

static void agrees_with_brute_force(void **state)
{
	static const char *const texts[] = {"Mon..Thu 09:00",	   "*:*",
					    "Sat,Sun *:59:58",	   "*-*-01",
					    "*-*-28..31 23:59:59", "*-02-29",
					    "Fri *-*-13 13:13:13", "2024..2027-12-24..31 18:00,30",
					    "00,23:00,59:00,59",   "2026-03-29 02:30"};
	uint64_t seed = 20261126;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct calendar c = calendar_of(texts[i]);

		for (int n = 0; n < 60; n++) {
			int64_t from, next = 0, last = 0, step = 1;

			seed = seed * 6364136223846793005u + 1442695040888963407u;
			from = local_of("2023-01-01 00:00") +
			       (int64_t)(seed >> 33) % (5 * 366 * DAY_SECONDS);
			if (n % 3 == 0 && rc_is_ok(calendar_next(&c, from, &next)))
				from = next; /* exactly there */
			if (!rc_is_ok(calendar_next(&c, from, &next)))
				next = from + 30 * DAY_SECONDS;
			else if (!fits(&c, next) || next < from)
				fail_msg("%s: next of %lld is %lld", texts[i], (long long)from,
					 (long long)next);
			if (!rc_is_ok(calendar_last(&c, from, &last)))
				last = from - 30 * DAY_SECONDS;
			else if (!fits(&c, last) || last > from)
				fail_msg("%s: last of %lld is %lld", texts[i], (long long)from,
					 (long long)last);
			/* Nothing in between, looked at by the second for a day, then by the
			 * minute. */
			for (int64_t t = from; t < next && t < from + 40 * DAY_SECONDS; t += step) {
				assert_false(fits(&c, t));
				if (t > from + DAY_SECONDS / 8)
					step = t % 60 == 59 ? 1 : (t % 60 < 58 ? 58 - t % 60 : 1);
			}
			step = 1;
			for (int64_t t = from; t > last && t > from - DAY_SECONDS / 8; t--)
				assert_false(fits(&c, t));
		}
	}
}

static void leap_days(void **state)
{
	struct calendar c = calendar_of("*-02-29 12:00");
	int64_t at = 0;
	char text[LOCAL_TEXT];

	(void)state;
	assert_rc(RC_OK, calendar_next(&c, local_of("2026-11-26 00:00"), &at));
	local_time_text(at, text);
	assert_string_equal(text, "2028-02-29 12:00");
	assert_rc(RC_OK, calendar_last(&c, local_of("2026-11-26 00:00"), &at));
	local_time_text(at, text);
	assert_string_equal(text, "2024-02-29 12:00");
	assert_rc(RC_OK, calendar_next(&c, local_of("2096-03-01 00:00"), &at)); /* not 2100 */
	local_time_text(at, text);
	assert_string_equal(text, "2104-02-29 12:00");
	c = calendar_of("Mon *-02-29");
	assert_rc(RC_OK, calendar_next(&c, local_of("2026-11-26 00:00"), &at));
	local_time_text(at, text);
	assert_string_equal(text, "2044-02-29 00:00");
	/* the ends of time */
	assert_rc(RC_NOTFOUND, calendar_last(&c, -1, &at));
	assert_rc(RC_NOTFOUND, calendar_next(&c, INT64_C(253402300800), &at));
	c = calendar_of("2030-*-*");
	assert_rc(RC_NOTFOUND, calendar_next(&c, local_of("2031-01-01 00:00"), &at));
	assert_rc(RC_NOTFOUND, calendar_last(&c, local_of("2029-12-31 23:59"), &at));
	c = calendar_of("*-*-*");
	assert_rc(RC_OK, calendar_next(&c, -100 * (int64_t)DAY_SECONDS, &at));
	assert_int_equal(at, 0);
	assert_rc(RC_OK, calendar_last(&c, INT64_C(253402300800), &at));
}

/* ---- systemd --------------------------------------------------------------------------------*/

/* The next `count` openings after base, as systemd sees them in UTC. */
static size_t systemd_next(const char *text, const char *base, size_t count, int64_t *out)
{
	char command[400], line[300];
	size_t n = 0;
	FILE *p;

	(void)snprintf(command, sizeof(command),
		       "TZ=UTC LC_ALL=C " ANALYZE
		       " calendar --iterations=%zu --base-time='%s UTC' '%s' 2>&1",
		       count, base, text);
	p = popen(command, "r");
	assert_non_null(p);
	while (fgets(line, sizeof(line), p) != NULL) {
		const char *at = strstr(line, " 20");
		int64_t local;
		unsigned s;

		/* "    Next elapse: Mon 2026-11-30 09:00:00 UTC", "       Iter. #2: ..." */
		if ((strstr(line, "Next elapse:") == NULL && strstr(line, "Iter. #") == NULL) ||
		    at == NULL || n == count)
			continue;
		assert_rc(RC_OK, local_time_parse(view_of(at + 1, 16), &local));
		assert_int_equal(sscanf(at + 17, ":%2u", &s), 1);
		out[n++] = local + s;
	}
	(void)pclose(p);
	return n;
}

static void agrees_with_systemd(void **state)
{
	static const char *const texts[] = {"Mon..Thu 09:00",
					    "Mon",
					    "Sat,Sun *-*-* 00:00",
					    "*-*-01",
					    "*-*-31 12:30",
					    "*-02-29",
					    "Fri *-*-13 13:13:13",
					    "12-24..26 18:00",
					    "Tue..Thu,Sat 2027,2029-01..03-1..7 8..10:15,45:30",
					    "09,13:00",
					    "*:00",
					    "Mon *-02-29 01:02:03",
					    "2026..2028-*-30 23:59:59"};
	static const char *const bases[] = {"2026-11-26 00:00:00", "2027-02-28 23:59:59",
					    "2028-02-29 00:00:00"};
	size_t compared = 0;

	(void)state;
	if (access(ANALYZE, X_OK) != 0) {
		print_message("no " ANALYZE ": nothing to compare with\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t k = 0; k < sizeof(bases) / sizeof(bases[0]); k++) {
			struct calendar c = calendar_of(texts[i]);
			char base[17] = "";
			int64_t want[20], got;
			size_t n = systemd_next(texts[i], bases[k], 20, want);

			(void)snprintf(base, sizeof(base), "%.16s", bases[k]);
			got = local_of(base) + (bases[k][17] - '0') * 10 + bases[k][18] - '0';
			for (size_t m = 0; m < n; m++, compared++) {
				assert_rc(RC_OK, calendar_next(&c, got + 1, &got));
				if (got != want[m])
					fail_msg("%s after %s, %zu: %lld, systemd says %lld",
						 texts[i], bases[k], m, (long long)got,
						 (long long)want[m]);
			}
		}
	print_message("%zu openings compared with systemd-analyze\n", compared);
	assert_true(compared > 500);
}

/* ---- Zones ----------------------------------------------------------------------------------*/

static bool zone_read(const char *name, struct buf *bytes, struct tzif *z)
{
	char path[200];

	buf_init(bytes, TZIF_BYTES_MAX);
	(void)snprintf(path, sizeof(path), ZONES "/%s", name);
	return rc_is_ok(file_read(path, bytes, NULL)) &&
	       rc_is_ok(tzif_parse(buf_view(bytes), z, NULL));
}

/* Openings of every half hour over the two changes of a year: each opening's instant is the first
 * at which the clock shows it or more, opened() and opens() agree with that at every quarter of an
 * hour. */
static void half_hours_over(const struct tzif *z, const char *name, unix_time change)
{
	struct calendar c = calendar_of("*:00,30");
	unix_time opened, opens;

	for (unix_time t = change - 4 * 3600; t < change + 4 * 3600; t += 900) {
		int64_t shown = tzif_latest_local(z, t);
		int64_t half = floor_div(shown, 1800) * 1800;

		assert_rc(RC_OK, calendar_opened(&c, z, t, &opened));
		assert_rc(RC_OK, calendar_opens(&c, z, t, &opens));
		if (opened > t || opens <= t || opened != tzif_instant(z, half) ||
		    opens != tzif_instant(z, half + 1800))
			fail_msg("%s at %lld: opened %lld, opens %lld", name, (long long)t,
				 (long long)opened, (long long)opens);
	}
}

static void changes_of_summer_time_in_ten_zones(void **state)
{
	static const char *const zones[] = {
		"Europe/Berlin",      "Europe/Dublin",	 "Europe/London",    "America/New_York",
		"America/St_Johns",   "America/Nuuk",	 "America/Santiago", "Australia/Lord_Howe",
		"Australia/Adelaide", "Pacific/Auckland"};
	size_t changes = 0;

	(void)state;
	if (access(ZONES "/Europe/Berlin", R_OK) != 0) {
		print_message("no zone files in " ZONES "\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		AUTO(buf) struct buf bytes = {0};
		struct tzif z;
		unix_time t = local_of("2027-01-01 00:00"), until;
		size_t forward = 0, back = 0;

		if (!zone_read(zones[i], &bytes, &z))
			fail_msg("%s cannot be read", zones[i]);
		for (;;) {
			int32_t before = tzif_offset(&z, t, &until);
			int32_t by;

			if (until > local_of("2028-01-01 00:00"))
				break;
			by = tzif_offset(&z, until, NULL) - before;
			half_hours_over(&z, zones[i], until);
			forward += by > 0 ? 1 : 0;
			back += by < 0 ? 1 : 0;
			if (by > 0) { /* an opening in the gap is at the first instant after it */
				int64_t inside = until + before + by / 2;

				assert_int_equal(tzif_instant(&z, inside), until);
			} else { /* in the double hour: the first of the two */
				int64_t twice = until + before + by / 2;

				assert_int_equal(tzif_instant(&z, twice), until + by / 2);
			}
			t = until;
			changes++;
		}
		if (forward != 1 || back != 1)
			fail_msg("%s: %zu forward, %zu back", zones[i], forward, back);
	}
	assert_int_equal(changes, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(local_times),
		cmocka_unit_test(agrees_with_brute_force),
		cmocka_unit_test(leap_days),
		cmocka_unit_test(agrees_with_systemd),
		cmocka_unit_test(changes_of_summer_time_in_ten_zones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
