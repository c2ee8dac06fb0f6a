#include "lib/policy/tzif.h"

#include "lib/policy/civil.h"

#define HEADER 44u
#define TYPE_BYTES 6u
#define BIG_BANG (-(INT64_C(1) << 59)) /* RFC 9636 3.2: no time should be below */

/* The six counts of a header, in the file's order. */
struct header {
	uint8_t version; /* 1..4 */
	uint32_t isut;
	uint32_t isstd;
	uint32_t leap;
	uint32_t time;
	uint32_t type;
	uint32_t chars;
};

static rc bad(struct fault *f, enum rc_code code, const char *what)
{
	return fault_set(f, code, 0, "zone file: %s (RFC 9636)", what);
}

/* ---- Header and tables ----------------------------------------------------------------------*/

static rc header_read(struct view *v, struct header *h, struct fault *f)
{
	struct view magic;
	uint8_t version;

	if (!rc_is_ok(view_take(v, 4, &magic)))
		return bad(f, RC_TRUNCATED, "shorter than its header");
	if (!view_is(magic, "TZif"))
		return bad(f, RC_SYNTAX, "does not begin with TZif");
	if (v->len < HEADER - 4)
		return bad(f, RC_TRUNCATED, "shorter than its header");
	TRY(view_u8(v, &version));
	if (version != 0 && (version < '2' || version > '4'))
		return bad(f, RC_UNSUPPORTED, "its version is not 1 to 4");
	h->version = version == 0 ? 1 : (uint8_t)(version - '0');
	TRY(view_skip(v, 15));
	TRY(view_u32be(v, &h->isut));
	TRY(view_u32be(v, &h->isstd));
	TRY(view_u32be(v, &h->leap));
	TRY(view_u32be(v, &h->time));
	TRY(view_u32be(v, &h->type));
	return view_u32be(v, &h->chars);
}

static rc header_check(const struct header *h, struct fault *f)
{
	if (h->time > TZIF_TIMES_MAX || h->type > TZIF_TYPES_MAX || h->chars > TZIF_TYPES_MAX)
		return bad(f, RC_LIMIT, "more times, types or letters than are read");
	if (h->leap != 0)
		return bad(f, RC_UNSUPPORTED, "it counts leap seconds, this clock does not");
	if (h->type == 0 || h->chars == 0)
		return bad(f, RC_RANGE, "it has no local time type");
	if ((h->isut != 0 && h->isut != h->type) || (h->isstd != 0 && h->isstd != h->type))
		return bad(f, RC_RANGE, "its indicators do not number its types");
	return OK;
}

static int64_t time_at(const struct tzif *z, size_t i)
{
	const uint8_t *p = z->times + i * z->width;
	uint64_t n = 0;

	for (unsigned k = 0; k < z->width; k++)
		n = n << 8 | p[k];
	return z->width == 4 ? (int32_t)(uint32_t)n : (int64_t)n;
}

static int32_t type_offset(const struct tzif *z, size_t type)
{
	const uint8_t *p = z->types + type * TYPE_BYTES;

	return (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}

static rc types_check(const struct tzif *z, struct view chars, struct fault *f)
{
	if (chars.ptr[chars.len - 1] != '\0')
		return bad(f, RC_SYNTAX, "a designation does not end");
	for (size_t i = 0; i < z->type_count; i++) {
		const uint8_t *p = z->types + i * TYPE_BYTES;
		int32_t offset = type_offset(z, i);

		if (offset < TZIF_OFFSET_MIN || offset > TZIF_OFFSET_MAX)
			return bad(f, RC_RANGE, "an offset from UTC of more than a day");
		if (p[4] > 1)
			return bad(f, RC_SYNTAX, "a daylight flag that is neither 0 nor 1");
		if (p[5] >= chars.len)
			return bad(f, RC_RANGE, "a designation outside its table");
	}
	return OK;
}

static rc times_check(const struct tzif *z, struct fault *f)
{
	for (size_t i = 0; i < z->time_count; i++) {
		if (time_at(z, i) < BIG_BANG || time_at(z, i) > -BIG_BANG)
			return bad(f, RC_RANGE, "a time outside +-2^59");
		if (i > 0 && time_at(z, i) <= time_at(z, i - 1))
			return bad(f, RC_NONCANON, "times that do not ascend");
		if (z->indices[i] >= z->type_count)
			return bad(f, RC_RANGE, "a type outside its table");
	}
	return OK;
}

static rc flags_check(struct view flags, struct fault *f)
{
	for (size_t i = 0; i < flags.len; i++)
		if (flags.ptr[i] > 1)
			return bad(f, RC_SYNTAX, "an indicator that is neither 0 nor 1");
	return OK;
}

/* One data block whose header has been read and checked. */
static rc block_read(struct view *v, const struct header *h, struct tzif *z, struct fault *f)
{
	struct view times;
	struct view indices;
	struct view types;
	struct view chars;
	struct view flags;

	if (!rc_is_ok(view_take(v, (size_t)h->time * z->width, &times)) ||
	    !rc_is_ok(view_take(v, h->time, &indices)) ||
	    !rc_is_ok(view_take(v, (size_t)h->type * TYPE_BYTES, &types)) ||
	    !rc_is_ok(view_take(v, h->chars, &chars)) ||
	    !rc_is_ok(view_take(v, (size_t)h->isstd + h->isut, &flags)))
		return bad(f, RC_TRUNCATED, "shorter than its tables");
	z->times = times.ptr;
	z->indices = indices.ptr;
	z->types = types.ptr;
	z->time_count = h->time;
	z->type_count = h->type;
	TRY(types_check(z, chars, f));
	TRY(times_check(z, f));
	return flags_check(flags, f);
}

/* ---- Footer ---------------------------------------------------------------------------------*/

static bool next_is(struct view *v, uint8_t c)
{
	if (v->len == 0 || v->ptr[0] != c)
		return false;
	v->ptr++;
	v->len--;
	return true;
}

static rc number(struct view *v, unsigned max, unsigned *ret)
{
	unsigned n = 0;
	size_t digits = 0;

	while (v->len > 0 && v->ptr[0] >= '0' && v->ptr[0] <= '9' && digits < 3) {
		n = n * 10 + (unsigned)(v->ptr[0] - '0');
		v->ptr++;
		v->len--;
		digits++;
	}
	if (digits == 0)
		return RC(RC_SYNTAX);
	if (n > max)
		return RC(RC_RANGE);
	*ret = n;
	return OK;
}

/* [+-]hh[:mm[:ss]] */
static rc span(struct view *v, unsigned hours_max, bool sign, int32_t *ret)
{
	unsigned part[3] = {0};
	bool minus = sign && next_is(v, '-');

	if (sign && !minus)
		(void)next_is(v, '+');
	TRY(number(v, hours_max, &part[0]));
	for (size_t i = 1; i < 3 && next_is(v, ':'); i++)
		TRY(number(v, 59, &part[i]));
	*ret = (int32_t)(part[0] * 3600 + part[1] * 60 + part[2]);
	if (minus)
		*ret = -*ret;
	return OK;
}

static bool is_alpha(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Three letters or more; or <...> with digits and signs too. */
static rc designation(struct view *v)
{
	bool quoted = next_is(v, '<');
	size_t n = 0;

	while (v->len > 0 &&
	       (is_alpha(v->ptr[0]) || (quoted && ((v->ptr[0] >= '0' && v->ptr[0] <= '9') ||
						   v->ptr[0] == '+' || v->ptr[0] == '-')))) {
		v->ptr++;
		v->len--;
		n++;
	}
	if (n < 3 || (quoted && !next_is(v, '>')))
		return RC(RC_SYNTAX);
	return OK;
}

static rc change_read(struct view *v, uint8_t version, struct tzif_change *c)
{
	bool wide = version >= 3; /* RFC 9636 3.3.1: -167..167 hours; before: 0..24 */

	*c = (struct tzif_change){.form = TZIF_DAY, .time = 7200};
	if (next_is(v, 'M')) {
		c->form = TZIF_MONTH;
		TRY(number(v, 12, &c->month));
		if (!next_is(v, '.'))
			return RC(RC_SYNTAX);
		TRY(number(v, 5, &c->week));
		if (!next_is(v, '.'))
			return RC(RC_SYNTAX);
		TRY(number(v, 6, &c->day));
		if (c->month == 0 || c->week == 0)
			return RC(RC_RANGE);
	} else if (next_is(v, 'J')) {
		c->form = TZIF_JULIAN;
		TRY(number(v, 365, &c->day));
		if (c->day == 0)
			return RC(RC_RANGE);
	} else {
		TRY(number(v, 365, &c->day));
	}
	return next_is(v, '/') ? span(v, wide ? 167 : 24, wide, &c->time) : OK;
}

/* POSIX counts offsets west, everything here counts them east. */
static rc rule_read(struct view v, uint8_t version, struct tzif *z)
{
	int32_t west;

	TRY(designation(&v));
	TRY(span(&v, 24, true, &west));
	z->standard = -west;
	z->has_footer = true;
	if (v.len == 0)
		return OK;
	TRY(designation(&v));
	z->has_summer = true;
	z->summer = z->standard + 3600;
	if (v.len > 0 && v.ptr[0] != ',') {
		TRY(span(&v, 24, true, &west));
		z->summer = -west;
	}
	if (!next_is(&v, ','))
		return RC(RC_SYNTAX);
	TRY(change_read(&v, version, &z->start));
	if (!next_is(&v, ','))
		return RC(RC_SYNTAX);
	TRY(change_read(&v, version, &z->end));
	return v.len == 0 ? OK : RC(RC_SYNTAX);
}

static rc footer_read(struct view *v, uint8_t version, struct tzif *z, struct fault *f)
{
	struct view text;
	rc r;

	if (v->len > 0 && v->ptr[0] != '\n')
		return bad(f, RC_SYNTAX, "its footer does not begin with a line end");
	if (!next_is(v, '\n') || !rc_is_ok(view_until(v, '\n', &text)))
		return bad(f, RC_TRUNCATED, "its footer does not end");
	if (text.len == 0)
		return OK;
	r = rule_read(text, version, z);
	if (!rc_is_ok(r))
		return bad(f, r.code, "its footer is no rule (3.3)");
	if (z->standard < TZIF_OFFSET_MIN || z->standard > TZIF_OFFSET_MAX ||
	    z->summer < TZIF_OFFSET_MIN || z->summer > TZIF_OFFSET_MAX)
		return bad(f, RC_RANGE, "an offset from UTC of more than a day");
	return OK;
}

rc tzif_parse(struct view bytes, struct tzif *ret, struct fault *f)
{
	struct tzif z = {.width = 4};
	struct tzif second = {.width = 8};
	struct header h;
	struct header again;

	if (bytes.len > TZIF_BYTES_MAX)
		return bad(f, RC_LIMIT, "larger than 64 KiB");
	TRY(header_read(&bytes, &h, f));
	if (h.version == 1) {
		TRY(header_check(&h, f));
		TRY(block_read(&bytes, &h, &z, f));
	} else {
		/* The first block is for readers of version 1, and may be empty or leave things
		 * out. */
		uint64_t skip = (uint64_t)h.time * 5 + (uint64_t)h.type * TYPE_BYTES + h.chars +
				(uint64_t)h.leap * 8 + h.isstd + h.isut;

		if (skip > bytes.len)
			return bad(f, RC_TRUNCATED, "shorter than its tables");
		TRY(view_skip(&bytes, (size_t)skip));
		TRY(header_read(&bytes, &again, f));
		if (again.version != h.version)
			return bad(f, RC_SYNTAX, "its two headers differ in version");
		TRY(header_check(&again, f));
		TRY(block_read(&bytes, &again, &second, f));
		TRY(footer_read(&bytes, h.version, &second, f));
		z = second;
	}
	if (bytes.len > 0)
		return bad(f, RC_TRAILING, "bytes are left over");
	*ret = z;
	return OK;
}

/* ---- From instants to offsets ---------------------------------------------------------------*/

/* Local midnight of the day, plus its time: as the clock then in force shows it. */
static int64_t change_local(const struct tzif_change *c, int64_t year)
{
	int64_t first = civil_days((struct civil){year, 1, 1});
	int64_t day = first + c->day;
	unsigned past;

	if (c->form == TZIF_JULIAN) /* 29 February is never counted */
		day = first + c->day - 1 + (c->day >= 60 && civil_is_leap(year) ? 1 : 0);
	if (c->form == TZIF_MONTH) {
		first = civil_days((struct civil){year, c->month, 1});
		past = (c->day + 7 - civil_weekday(first)) % 7 + (c->week - 1) * 7;
		while (past >= civil_month_days(year, c->month))
			past -= 7;
		day = first + past;
	}
	return day * DAY_SECONDS + c->time;
}

/* The footer's word on t. A change lies at most a week outside its year. */
static int32_t footer_offset(const struct tzif *z, unix_time t, unix_time *until)
{
	int64_t year;
	unix_time last = INT64_MIN;
	int32_t offset = z->standard;

	*until = INT64_MAX;
	if (!z->has_summer)
		return offset;
	year = civil_of_day(floor_div(t, DAY_SECONDS)).year;
	for (int64_t y = year - 2; y <= year + 2; y++) {
		const unix_time at[2] = {change_local(&z->end, y) - z->summer,
					 change_local(&z->start, y) - z->standard};

		/* Where summer time ends as it begins, it never ends: the start is looked at last.
		 */
		for (int i = 0; i < 2; i++) {
			if (at[i] <= t && (at[i] > last || (at[i] == last && i == 1))) {
				last = at[i];
				offset = i == 1 ? z->summer : z->standard;
			}
			if (at[i] > t && at[i] < *until)
				*until = at[i];
		}
	}
	return offset;
}

int32_t tzif_offset(const struct tzif *z, unix_time t, unix_time *ret_until)
{
	unix_time until = INT64_MAX;
	size_t low = 0;
	size_t high = z->time_count;
	int32_t offset;

	while (low < high) { /* low: how many times are <= t */
		size_t mid = low + (high - low) / 2;

		if (time_at(z, mid) <= t)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < z->time_count)
		until = time_at(z, low);
	if (low == z->time_count && z->has_footer)
		offset = footer_offset(z, t, &until);
	else
		offset = type_offset(z, low == 0 ? 0 : z->indices[low - 1]);
	if (ret_until != NULL)
		*ret_until = until;
	return offset;
}

unix_time tzif_instant(const struct tzif *z, int64_t local)
{
	/* Before this every clock shows less. */
	unix_time t = local - TZIF_OFFSET_MAX - 1;

	for (;;) {
		unix_time until;
		unix_time at = local - tzif_offset(z, t, &until);

		if (at < t)
			at = t; /* the clock was put forward over it */
		if (at < until)
			return at;
		t = until;
	}
}

int64_t tzif_latest_local(const struct tzif *z, unix_time t)
{
	/* What was shown before this is less than what is shown at t. */
	unix_time from = t - TZIF_OFFSET_MAX + TZIF_OFFSET_MIN;
	int64_t latest = INT64_MIN;

	for (;;) {
		unix_time until;
		int32_t offset = tzif_offset(z, from, &until);
		unix_time last = until > t ? t : until - 1;

		if (last + offset > latest)
			latest = last + offset;
		if (until > t)
			return latest;
		from = until;
	}
}
