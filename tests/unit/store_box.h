/* store_box - a store in a directory of its own, for tests that look at it as a file or open it
 * again. */
#ifndef GS_TESTS_UNIT_STORE_BOX_H
#define GS_TESTS_UNIT_STORE_BOX_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/store/store.h"

#define assert_rc(expected, expr) assert_int_equal((expected), (expr).code)

struct box {
	char dir[200];
	char path[260];
	struct store *s;
};

static inline struct store *reopen(struct box *b)
{
	if (b->s != NULL)
		b->s->api->close(b->s);
	b->s = NULL;
	assert_rc(RC_OK, store_sqlite_open(b->path, &b->s, NULL));
	return b->s;
}

static inline int setup(void **state)
{
	struct box *b = (struct box *)calloc(1, sizeof(*b));
	char prefix[150];

	assert_non_null(b);
	(void)snprintf(prefix, sizeof(prefix), "%s/store-",
		       getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_rc(RC_OK, dir_temp(prefix, b->dir, sizeof(b->dir), NULL));
	(void)snprintf(b->path, sizeof(b->path), "%s/store.db", b->dir);
	(void)reopen(b);
	*state = b;
	return 0;
}

static inline int teardown(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	struct box *b = (struct box *)*state;
	char path[300];

	if (b->s != NULL)
		b->s->api->close(b->s);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", b->path, ends[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(b->dir), 0);
	free(b);
	return 0;
}

static inline struct name name_of(const char *s)
{
	struct name n;

	assert_rc(RC_OK, name_parse(view_str(s), &n));
	return n;
}

static inline struct digest digest_n(unsigned n)
{
	return digest_of(view_of(&n, sizeof(n)));
}

#endif
