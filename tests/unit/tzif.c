/* Unit tests of lib/policy/tzif: every zone file of the system against glibc, hostile files, both
 * changes of summer time. Where no zone files are installed the comparison is skipped with a line.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/policy/civil.h"
#include "lib/policy/zone.h"

#define ZONES "/usr/share/zoneinfo"
#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

static rc parse_file(const char *path, struct buf *bytes, struct tzif *z, struct fault *f)
{
	buf_init(bytes, 1 << 20);
	TRY(file_read(path, bytes, f));
	return tzif_parse(buf_view(bytes), z, f);
}

/* ---- Against glibc --------------------------------------------------------------------------*/

static struct seen {
	size_t zones;
	size_t leap;
	size_t checks;
} seen;

static long oracle(unix_time t)
{
	struct tm tm;
	time_t at = (time_t)t;

	assert_non_null(localtime_r(&at, &tm));
	return tm.tm_gmtoff;
}

static void same_offset(const struct tzif *z, const char *path, unix_time t)
{
	long want = oracle(t);
	int32_t got = tzif_offset(z, t, NULL);

	seen.checks++;
	if (got != want)
		fail_msg("%s at %lld: %d, glibc says %ld", path, (long long)t, got, want);
}

/* The definition of tzif_instant, in terms of glibc alone. */
static void first_instant(const char *path, int64_t local, unix_time t)
{
	seen.checks++;
	if (t + oracle(t) < local)
		fail_msg("%s: local %lld is not reached at %lld", path, (long long)local,
			 (long long)t);
	for (unix_time before = t - 1; before > t - 26 * 3600; before -= 7200)
		if (before + oracle(before) >= local)
			fail_msg("%s: local %lld was reached before %lld", path, (long long)local,
				 (long long)t);
}

static void around(const struct tzif *z, const char *path, unix_time t)
{
	for (int i = -2; i <= 2; i++)
		same_offset(z, path, t + i);
	for (int i = -2; i <= 2; i++) {
		int64_t local = t + oracle(t - 1) + i * 1800;
		unix_time at = tzif_instant(z, local);

		first_instant(path, local, at);
		/* The two functions are each other's inverse. */
		assert_true(tzif_latest_local(z, at) >= local);
		assert_true(tzif_latest_local(z, at - 1) < local);
	}
}

static int each_zone(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	AUTO(buf) struct buf bytes = {0};
	struct tzif z;
	struct fault f = {0};
	char tz[400];
	unix_time until = 0;
	rc r;

	(void)ftw;
	(void)st;
	if (kind != FTW_F)
		return 0;
	r = parse_file(path, &bytes, &z, &f);
	if (bytes.len < 4 || memcmp(bytes.ptr, "TZif", 4) != 0)
		return 0; /* tables and the like */
	if (strncmp(path, ZONES "/right/", strlen(ZONES "/right/")) == 0) {
		if (r.code != RC_UNSUPPORTED)
			fail_msg("%s: leap seconds are not refused", path);
		seen.leap++;
		return 0;
	}
	if (!rc_is_ok(r))
		fail_msg("%s: %s", path, f.text);
	(void)snprintf(tz, sizeof(tz), ":%s", path);
	assert_int_equal(setenv("TZ", tz, 1), 0);
	tzset();
	seen.zones++;
	/* From 1902 on: with fewer bits glibc and files of both forms agree on everything. */
	for (unix_time t = -INT64_C(2145916800); t < INT64_C(2300000000); t = until) {
		same_offset(&z, path, t);
		(void)tzif_offset(&z, t, &until);
		if (until == INT64_MAX)
			break;
		if (until > 0)
			around(&z, path, until);
	}
	for (unix_time t = 0; t < INT64_C(4102444800); t += 86400 * 41 + 12347)
		same_offset(&z, path, t);
	return 0;
}

static void system_zones_agree_with_glibc(void **state)
{
	(void)state;
	if (access(ZONES "/Europe/Berlin", R_OK) != 0) {
		print_message("no zone files in " ZONES ": nothing to compare with\n");
		skip();
	}
	assert_int_equal(nftw(ZONES, each_zone, 16, FTW_PHYS), 0);
	print_message("%zu zones, %zu with leap seconds refused, %zu comparisons\n", seen.zones,
		      seen.leap, seen.checks);
	assert_true(seen.zones > 200 && seen.checks > 100000);
}

/* ---- Files made here ------------------------------------------------------------------------*/

struct made {
	uint8_t version;
	const char *footer;
	int64_t time[4];
	uint8_t index[4];
	size_t times;
	int32_t offset[2];
	uint32_t leap;
	uint8_t flag;
	uint8_t designation;
};

static void put_header(struct buf *b, uint8_t version, uint32_t leap, uint32_t times,
		       uint32_t types)
{
	static const uint8_t zeros[15] = {0};

	buf_put_str(b, "TZif");
	buf_put_u8(b, version);
	buf_put(b, zeros, sizeof(zeros));
	buf_put_u32be(b, 0);
	buf_put_u32be(b, 0);
	buf_put_u32be(b, leap);
	buf_put_u32be(b, times);
	buf_put_u32be(b, types);
	buf_put_u32be(b, types == 0 ? 0 : 4);
}

static void put_made(struct buf *b, const struct made *m)
{
	buf_clear(b);
	if (m->version != 0)
		put_header(b, m->version, 0, 0, 0);
	put_header(b, m->version, m->leap, (uint32_t)m->times, 2);
	for (size_t i = 0; i < m->times; i++)
		if (m->version == 0)
			buf_put_u32be(b, (uint32_t)m->time[i]);
		else
			buf_put_u64be(b, (uint64_t)m->time[i]);
	buf_put(b, m->index, m->times);
	for (size_t i = 0; i < 2; i++) {
		buf_put_u32be(b, (uint32_t)m->offset[i]);
		buf_put_u8(b, m->flag);
		buf_put_u8(b, m->designation);
	}
	buf_put(b, "AAA", 4);
	for (uint32_t i = 0; i < m->leap * (m->version == 0 ? 8 : 12); i++)
		buf_put_u8(b, 0);
	if (m->version != 0 && m->footer != NULL)
		buf_printf(b, "\n%s\n", m->footer);
	assert_rc(RC_OK, buf_done(b));
}

#define GOOD                                                                                       \
	{                                                                                          \
		.version = '2', .footer = "CET-1CEST,M3.5.0,M10.5.0/3", .time = {0, 1000},         \
		.index = {1, 0}, .times = 2, .offset = {                                           \
			3600,                                                                      \
			7200                                                                       \
		}                                                                                  \
	}

static rc made_parse(const struct made *m, struct tzif *z, struct buf *b)
{
	struct fault f = {0};
	rc r;

	put_made(b, m);
	r = tzif_parse(buf_view(b), z, &f);
	if (!rc_is_ok(r) && strstr(f.text, "RFC 9636") == NULL)
		fail_msg("the text does not name the rule: %s", f.text);
	return r;
}

static void hostile_files_are_refused(void **state)
{
	AUTO(buf) struct buf b;
	struct tzif z;

	(void)state;
	buf_init(&b, 1 << 20);
#define REFUSES(code_, change)                                                                     \
	do {                                                                                       \
		struct made m = GOOD;                                                              \
		change;                                                                            \
		assert_rc(code_, made_parse(&m, &z, &b));                                          \
	} while (0)
	REFUSES(RC_OK, (void)0);
	REFUSES(RC_OK, m.version = '4');
	REFUSES(RC_OK, (m.version = 0));
	REFUSES(RC_OK, m.footer = "");
	REFUSES(RC_UNSUPPORTED, m.version = '5');
	REFUSES(RC_UNSUPPORTED, m.version = '1');
	REFUSES(RC_UNSUPPORTED, m.leap = 1);
	REFUSES(RC_NONCANON, m.time[0] = 1000);
	REFUSES(RC_RANGE, m.time[0] = -(INT64_C(1) << 59) - 1);
	REFUSES(RC_RANGE, m.index[1] = 2);
	REFUSES(RC_RANGE, m.offset[0] = TZIF_OFFSET_MAX + 1);
	REFUSES(RC_RANGE, m.offset[1] = INT32_MIN);
	REFUSES(RC_SYNTAX, m.flag = 2);
	REFUSES(RC_RANGE, m.designation = 4);
	REFUSES(RC_TRUNCATED, m.footer = NULL);
#undef REFUSES
	static const struct {
		uint8_t version;
		enum rc_code code;
		const char *footer;
	} footers[] = {
		{'2', RC_OK, "UTC0"},
		{'2', RC_OK, "<+0330>-3:30"},
		{'2', RC_OK, "AAA5BBB4:30:15,J60/0,365/24"},
		{'3', RC_OK, "IST-1GMT0,M10.5.0,M3.5.0/1"},
		{'3', RC_OK, "<-02>2<-01>,M3.5.0/-1,M10.5.0/0"},
		{'3', RC_OK, "EST5EDT,0/0,J365/25"},
		{'3', RC_OK, "AAA0BBB,M1.1.0/-167,M2.1.0/167"},
		{'2', RC_SYNTAX, "<-02>2<-01>,M3.5.0/-1,M10.5.0/0"}, /* that is version 3 */
		{'2', RC_RANGE, "EST5EDT,0/0,J365/25"},
		{'3', RC_RANGE, "AAA0BBB,M1.1.0/-168,M2.1.0/0"},
		{'3', RC_RANGE, "AAA25"},
		{'3', RC_SYNTAX, "AA5"},
		{'3', RC_SYNTAX, "<AA5"},
		{'3', RC_SYNTAX, "AAA5BBB"}, /* the rule must be there */
		{'3', RC_SYNTAX, "AAA5BBB,M3.5.0"},
		{'3', RC_SYNTAX, "AAA5BBB,M3.5.0,M10.5.0 "},
		{'3', RC_SYNTAX, "AAA5BBB,M3.5,M10.5.0"},
		{'3', RC_RANGE, "AAA5BBB,M13.5.0,M10.5.0"},
		{'3', RC_RANGE, "AAA5BBB,M0.5.0,M10.5.0"},
		{'3', RC_RANGE, "AAA5BBB,M3.6.0,M10.5.0"},
		{'3', RC_RANGE, "AAA5BBB,M3.0.0,M10.5.0"},
		{'3', RC_RANGE, "AAA5BBB,M3.1.7,M10.5.0"},
		{'3', RC_RANGE, "AAA5BBB,J0,M10.5.0"},
		{'3', RC_RANGE, "AAA5BBB,J366,M10.5.0"},
		{'3', RC_RANGE, "AAA5BBB,366,M10.5.0"},
		{'3', RC_RANGE, "AAA5:60"},
		{'3', RC_SYNTAX, "AAA5:"},
		{'3', RC_SYNTAX, "5"},
	};
	for (size_t i = 0; i < sizeof(footers) / sizeof(footers[0]); i++) {
		struct made m = GOOD;

		m.version = footers[i].version;
		m.footer = footers[i].footer;
		if (made_parse(&m, &z, &b).code != footers[i].code)
			fail_msg("footer %s of version %c", m.footer, m.version);
	}
}

/* Every cut of a good file, a byte more, and every flipped bit: refused, or read without harm. */
static void damaged_files_do_no_harm(void **state)
{
	struct made m = GOOD;
	AUTO(buf) struct buf b;
	struct tzif z;
	size_t len;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_rc(RC_OK, made_parse(&m, &z, &b));
	len = b.len;
	for (size_t n = 0; n < len; n++)
		assert_rc(RC_TRUNCATED, tzif_parse(view_of(b.ptr, n), &z, NULL));
	for (size_t i = 0; i < len * 8; i++) {
		b.ptr[i / 8] ^= (uint8_t)(1u << i % 8);
		if (rc_is_ok(tzif_parse(buf_view(&b), &z, NULL))) {
			unix_time until;
			int32_t offset = tzif_offset(&z, 500, &until);

			assert_true(offset >= TZIF_OFFSET_MIN && offset <= TZIF_OFFSET_MAX);
			assert_true(until > 500);
			assert_true(tzif_instant(&z, 500) >= 500 - TZIF_OFFSET_MAX);
		}
		b.ptr[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	buf_put_u8(&b, '\n');
	assert_rc(RC_TRAILING, tzif_parse(buf_view(&b), &z, NULL));
	assert_rc(RC_SYNTAX, tzif_parse(view_str("TZxx"), &z, NULL));
	buf_clear(&b);
	put_header(&b, '2', 0, 0, 0);
	put_header(&b, '2', 0, TZIF_TIMES_MAX + 1, 1);
	assert_rc(RC_LIMIT, tzif_parse(buf_view(&b), &z, NULL));
	buf_clear(&b);
	put_header(&b, '2', 0, 0, 0);
	put_header(&b, '3', 0, 0, 1);
	assert_rc(RC_SYNTAX, tzif_parse(buf_view(&b), &z, NULL));
	buf_clear(&b);
	put_header(&b, '2', 0, 0, 0);
	put_header(&b, '2', 0, 0, 0);
	assert_rc(RC_RANGE, tzif_parse(buf_view(&b), &z, NULL));
	buf_clear(&b);
	put_header(&b, '2', UINT32_MAX, UINT32_MAX, UINT32_MAX); /* sums that must not wrap */
	assert_rc(RC_TRUNCATED, tzif_parse(buf_view(&b), &z, NULL));
	buf_clear(&b);
	for (size_t i = 0; i <= TZIF_BYTES_MAX; i++)
		buf_put_u8(&b, 'T');
	assert_rc(RC_LIMIT, tzif_parse(buf_view(&b), &z, NULL));
}

/* ---- Summer time by hand --------------------------------------------------------------------*/

static void gaps_and_double_hours(void **state)
{
	/* 2026-03-29 01:00Z forward, 2026-10-25 01:00Z back */
	static const unix_time spring = 1774746000, autumn = 1792890000;
	struct made m = GOOD;
	AUTO(buf) struct buf b;
	struct tzif z;
	unix_time until;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_rc(RC_OK, made_parse(&m, &z, &b));
	assert_int_equal(tzif_offset(&z, spring - 1, &until), 3600);
	assert_int_equal(until, spring);
	assert_int_equal(tzif_offset(&z, spring, &until), 7200);
	assert_int_equal(until, autumn);
	assert_int_equal(tzif_offset(&z, autumn, NULL), 3600);
	/* 02:00 to 03:00 is not shown: the first valid instant */
	assert_int_equal(tzif_instant(&z, spring + 3600 - 1), spring - 1);
	for (int i = 0; i <= 3600; i += 600)
		assert_int_equal(tzif_instant(&z, spring + 3600 + i), spring);
	assert_int_equal(tzif_instant(&z, spring + 7201), spring + 1);
	/* 02:00 to 03:00 is shown twice: the first */
	for (int i = 0; i < 3600; i += 600)
		assert_int_equal(tzif_instant(&z, autumn + 3600 + i), autumn - 3600 + i);
	assert_int_equal(tzif_instant(&z, autumn + 7200), autumn + 3600);
	assert_int_equal(tzif_latest_local(&z, autumn + 1800), autumn + 7199);
	/* all-year summer time, and none at all */
	m.version = '3';
	m.footer = "EST5EDT,0/0,J365/25";
	assert_rc(RC_OK, made_parse(&m, &z, &b));
	for (unix_time t = spring; t < spring + 500 * DAY_SECONDS; t += 7777)
		assert_int_equal(tzif_offset(&z, t, NULL), -4 * 3600);
	m.footer = "";
	assert_rc(RC_OK, made_parse(&m, &z, &b));
	assert_int_equal(tzif_offset(&z, spring, &until), 3600);
	assert_true(until == INT64_MAX);
	assert_int_equal(tzif_offset(&z, -5, &until), 3600); /* before the first: type 0 */
	assert_int_equal(until, 0);
}

static void names_are_checked(void **state)
{
	static const char *const good[] = {"UTC", "Europe/Berlin", "America/Port-au-Prince",
					   "Etc/GMT+5", "America/Argentina/Buenos_Aires"};
	static const char *const bad[] = {
		"",	   "/etc/passwd", "..",	 "../x", "a/../b", "a//b",     "a/",
		".hidden", "a/.b",	  "a b", "a\\b", "-a",	   "Europe\n", "Euro\xc3\xa9"};
	struct zone_name n;
	AUTO(buf) struct buf b = {0};
	struct tzif z;
	struct fault f;
	char longest[ZONE_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_rc(RC_OK, zone_name_parse(view_str(good[i]), &n));
		assert_string_equal(n.s, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_rc(RC_SYNTAX, zone_name_parse(view_str(bad[i]), &n));
	memset(longest, 'a', sizeof(longest));
	assert_rc(RC_OK, zone_name_parse(view_of(longest, ZONE_NAME_MAX), &n));
	assert_rc(RC_LIMIT, zone_name_parse(view_of(longest, ZONE_NAME_MAX + 1), &n));
	assert_rc(RC_NOTFOUND, zone_open(NULL, &n, &b, &z, &f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(system_zones_agree_with_glibc),
		cmocka_unit_test(hostile_files_are_refused),
		cmocka_unit_test(damaged_files_do_no_harm),
		cmocka_unit_test(gaps_and_double_hours),
		cmocka_unit_test(names_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
