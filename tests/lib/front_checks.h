/* front_checks - short words for flow tests of one greatseald; they use the test's own `s`, a
 * static struct front. Must not own: anything that other tests could differ in. */
#ifndef GS_TESTS_FRONT_CHECKS_H
#define GS_TESTS_FRONT_CHECKS_H

#include "tests/lib/front.h"

#define answers(expected, expr)                                                                    \
	do {                                                                                       \
		unsigned got_ = (expr);                                                            \
		if (got_ != (expected))                                                            \
			fail_msg("%u instead of %u: %s", got_, (expected), buf_cstr(&s.body));     \
	} while (0)
#define refuses(expected, code, expr)                                                              \
	do {                                                                                       \
		answers(expected, expr);                                                           \
		assert_string_equal(front_reason(&s), reason_id(code));                            \
	} while (0)

#endif
