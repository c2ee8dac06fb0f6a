/* vectors - reads files of tests/vectors/ for the unit tests; $SRCDIR says where the source is. */
#ifndef GS_TESTS_UNIT_VECTORS_H
#define GS_TESTS_UNIT_VECTORS_H

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/fd.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

/* The whole file; a test that cannot read its vector fails. */
static inline struct view vector_read(struct buf *b, const char *format, const char *name)
{
	const char *root = getenv("SRCDIR");
	char path[4096];
	struct fault f = {0};

	(void)snprintf(path, sizeof(path), "%s/tests/vectors/%s/%s", root == NULL ? "." : root,
		       format, name);
	buf_init(b, 1 << 20);
	if (!rc_is_ok(file_read(path, b, &f))) {
		(void)fprintf(stderr, "%s: %s\n", path, f.text);
		abort();
	}
	return buf_view(b);
}

#endif
