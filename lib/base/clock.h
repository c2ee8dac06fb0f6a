/* clock - time and randomness as parameters, so that tests are exact.
 *
 * Owns: the two function tables and the one text form of time, "2026-11-23T09:00:00Z". */
#ifndef GS_BASE_CLOCK_H
#define GS_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/result.h"
#include "lib/base/view.h"

/* Seconds since 1970-01-01 UTC; statements and leaves use whole seconds. */
typedef int64_t unix_time;

#define TIME_TEXT 21			   /* "2026-11-23T09:00:00Z" and NUL */
#define TIME_MAX ((unix_time)253402300799) /* 9999-12-31T23:59:59Z */

struct clock {
	unix_time (*now)(void *ctx);
	void *ctx;
};

struct rng {
	rc (*fill)(void *ctx, void *out, size_t n);
	void *ctx;
};

/* The system's clock (CLOCK_REALTIME) and getrandom(2). */
extern const struct clock clock_system;
extern const struct rng rng_system;

static inline unix_time clock_now(const struct clock *c)
{
	return c->now(c->ctx);
}

MUST static inline rc rng_fill(const struct rng *r, void *out, size_t n)
{
	return r->fill(r->ctx, out, n);
}

/* Writes the text form and a NUL. RC_RANGE outside years 1970..9999. */
MUST rc time_format(unix_time t, char out[TIME_TEXT]);

/* Reads exactly the 20 bytes of the text form; every field range-checked, so that
 * format(parse(x)) == x. RC_SYNTAX, RC_RANGE. */
MUST rc time_parse(struct view text, unix_time *ret);

#endif
