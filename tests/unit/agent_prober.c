/* Unit tests of prog/agent/prober: what can be seen of a process, and what takes too long. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/agent/prober.h"

static struct digest file_digest(const char *path)
{
	AUTO(buf) struct buf b = {0};
	struct digest d;

	buf_init(&b, (size_t)64 << 20);
	assert_int_equal(file_read(path, &b, NULL).code, RC_OK);
	d = digest_of(buf_view(&b));
	return d;
}

static void ourselves(void **state)
{
	struct claims c = {.host = {"h"}, .uid = getuid(), .pid = (uint32_t)getpid()};
	struct digest want = file_digest("/proc/self/exe");
	struct prober *p = NULL;
	char exe[1024] = "";

	(void)state;
	assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	assert_int_equal(prober_start((uint64_t)64 << 20, &p, NULL).code, RC_OK);
	for (int i = 0; i < 2; i++) { /* the second time from the cache */
		c.has_sha256 = false;
		prober_ask(p, &c);
		assert_string_equal(c.program, exe);
		assert_true(c.has_sha256);
		assert_true(digest_is_equal(&c.sha256, &want));
	}
	prober_stop(p);
	/* Too large to be hashed: the path alone. */
	assert_int_equal(prober_start(10, &p, NULL).code, RC_OK);
	memset(&c.sha256, 0, sizeof(c.sha256));
	prober_ask(p, &c);
	assert_string_equal(c.program, exe);
	assert_false(c.has_sha256);
	prober_stop(p);
}

static void others(void **state)
{
	struct claims none = {.host = {"h"}, .uid = getuid(), .pid = 0x7fffffff};
	struct claims not_theirs = {.host = {"h"}, .uid = 54321, .pid = (uint32_t)getpid()};
	struct prober *p = NULL;

	(void)state;
	assert_int_equal(prober_start((uint64_t)64 << 20, &p, NULL).code, RC_OK);
	prober_ask(p, &none);
	assert_string_equal(none.program, "");
	assert_false(none.has_sha256);
	prober_ask(p, &not_theirs);
	assert_string_equal(not_theirs.user, "");
	if (getuid() != 0) /* what is root's may be a process that hides */
		assert_string_equal(not_theirs.program, "");
	prober_stop(p);
	prober_stop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ourselves),
		cmocka_unit_test(others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
