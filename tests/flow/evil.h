/* evil - what both halves of the evil front end share: one keeper, one request a case, and the two
 * macros that look at an answer and at the keeper's own log. Included once by each program. */
#ifndef GS_TESTS_EVIL_H
#define GS_TESTS_EVIL_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/lib/fixture.h"

static struct fixture fx;
static struct fx_request q;

static int group_setup(void **state)
{
	(void)state;
	fx_start(&fx);
	fx_make_key(&fx, "release", "ecdsa-p256");
	fx_make_key(&fx, "nightly", "ecdsa-p256");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	fx_end(&fx);
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	fx_request_new(&fx, "release", 2, &q);
	return 0;
}

static int done(void **state)
{
	(void)state;
	fx_request_release(&q);
	return 0;
}

/* The answer refuses for this reason, and the log of the keeper says so too. */
#define refused(expected, expr)                                                                    \
	do {                                                                                       \
		size_t before_ = fx_logged(&fx, (expected));                                       \
		assert_int_equal((expr), KEEPER_R_ERROR);                                          \
		assert_string_equal(reason_id(fx_reason(&fx)), reason_id(expected));               \
		assert_int_equal(fx_logged(&fx, (expected)), before_ + 1);                         \
	} while (0)
/* A status that is no result. */
#define waits(expected, expr)                                                                      \
	do {                                                                                       \
		assert_int_equal((expr), KEEPER_R_STATUS);                                         \
		assert_string_equal(reason_id(fx_reason(&fx)), reason_id(expected));               \
	} while (0)

#endif
