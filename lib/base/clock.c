#include "lib/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static unix_time system_now(void *ctx)
{
	struct timespec ts = {0};

	(void)ctx;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (unix_time)ts.tv_sec;
}

static rc system_fill(void *ctx, void *out, size_t n)
{
	uint8_t *p = (uint8_t *)out;

	(void)ctx;
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return RC(RC_IO);
		p += got;
		n -= (size_t)got;
	}
	return OK;
}

const struct clock clock_system = {.now = system_now};
const struct rng rng_system = {.fill = system_fill};

static void two_digits(char *out, int n)
{
	out[0] = (char)('0' + n / 10);
	out[1] = (char)('0' + n % 10);
}

/* Without strftime, whose locale costs more than the rest of a signature's attributes. */
rc time_format(unix_time t, char out[TIME_TEXT])
{
	time_t seconds = (time_t)t;
	struct tm tm;
	int year;

	if (t < 0 || t > TIME_MAX || gmtime_r(&seconds, &tm) == NULL)
		return RC(RC_RANGE);
	year = tm.tm_year + 1900;
	memcpy(out, "yyyy-mm-ddThh:mm:ssZ", TIME_TEXT);
	two_digits(out, year / 100);
	two_digits(out + 2, year % 100);
	two_digits(out + 5, tm.tm_mon + 1);
	two_digits(out + 8, tm.tm_mday);
	two_digits(out + 11, tm.tm_hour);
	two_digits(out + 14, tm.tm_min);
	two_digits(out + 17, tm.tm_sec);
	return OK;
}

static rc digits(struct view *v, size_t n, char end, int *ret)
{
	struct view part;
	uint8_t c;
	int value = 0;

	TRY(view_take(v, n, &part));
	TRY(view_u8(v, &c));
	if (c != (uint8_t)end)
		return RC(RC_SYNTAX);
	for (size_t i = 0; i < n; i++) {
		if (part.ptr[i] < '0' || part.ptr[i] > '9')
			return RC(RC_SYNTAX);
		value = value * 10 + (part.ptr[i] - '0');
	}
	*ret = value;
	return OK;
}

rc time_parse(struct view text, unix_time *ret)
{
	struct view v = text;
	struct tm tm = {0};
	char again[TIME_TEXT];
	unix_time t;

	TRY(digits(&v, 4, '-', &tm.tm_year));
	TRY(digits(&v, 2, '-', &tm.tm_mon));
	TRY(digits(&v, 2, 'T', &tm.tm_mday));
	TRY(digits(&v, 2, ':', &tm.tm_hour));
	TRY(digits(&v, 2, ':', &tm.tm_min));
	TRY(digits(&v, 2, 'Z', &tm.tm_sec));
	TRY(view_end(&v));
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	/* timegm() normalises 30 February and second 60; formatting again shows that it did. */
	t = (unix_time)timegm(&tm);
	TRY(time_format(t, again));
	if (!view_is(text, again))
		return RC(RC_RANGE);
	*ret = t;
	return OK;
}
