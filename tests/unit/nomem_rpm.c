/* As nomem.c, of the plugin in rpm: a transaction in which one allocation fails is refused, by the
 * hook before it or by that of its package, nothing of it is kept, and the next is good.
 *
 * The plugin is part of this program, so that its memory is; librpm, its transaction and the
 * package (tests/vectors/rpm) are real, the guard is a script that keeps what it is told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmts.h>

#include "lib/base/fd.h"
#include "prog/rpm/hooks.h"
#include "tests/support/failing.h"

static char top[] = "/tmp/greatseal-nomem-rpm-XXXXXX";
static char package[300], guard[100], told[100];
static const char *opts = guard;
static void *data;
static rpmts ts;
static Header opened; /* the package's, when its turn has come */

/* In place of librpm's: there is one plugin. */
const char *rpmPluginOpts(rpmPlugin plugin)
{
	(void)plugin;
	return opts;
}

void rpmPluginSetData(rpmPlugin plugin, void *d)
{
	(void)plugin;
	data = d;
}

void *rpmPluginGetData(rpmPlugin plugin)
{
	(void)plugin;
	return data;
}

Header rpmteHeader(rpmte te)
{
	(void)te;
	return headerLink(opened);
}

static void *notify(const void *h, const rpmCallbackType what, const rpm_loff_t amount,
		    const rpm_loff_t total, fnpyKey key, rpmCallbackData ctx)
{
	static FD_t fd;

	(void)h;
	(void)amount;
	(void)total;
	(void)ctx;
	if (what == RPMCALLBACK_INST_OPEN_FILE) {
		fd = Fopen((const char *)key, "r.ufdio");
		return fd;
	}
	if (what == RPMCALLBACK_INST_CLOSE_FILE)
		(void)Fclose(fd);
	return NULL;
}

static void write_guard(const char *text)
{
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = guard, .mode = 0700};

	assert_int_equal(RC_OK, file_replace(&spec, view_str(text), NULL).code);
}

static int setup(void **state)
{
	char text[400];
	FD_t fd;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN); /* as in rpm */
	assert_non_null(mkdtemp(top));
	(void)snprintf(package, sizeof(package), "%s/tests/vectors/rpm/sample.rpm",
		       getenv("SRCDIR"));
	(void)snprintf(guard, sizeof(guard), "%s/guard", top);
	(void)snprintf(told, sizeof(told), "%s/told", top);
	(void)snprintf(text, sizeof(text), "#!/bin/sh\n[ \"$*\" = 'gate rpm' ] && exec cat >%s\n",
		       told);
	write_guard(text);
	rpmSetVerbosity(RPMLOG_CRIT);
	(void)snprintf(text, sizeof(text), "_dbpath %s/db", top);
	assert_int_equal(0, rpmDefineMacro(NULL, text, 0));
	ts = rpmtsCreate();
	(void)rpmtsSetNotifyCallback(ts, notify, NULL);
	fd = Fopen(package, "r.ufdio");
	assert_int_equal(RPMRC_OK, rpmReadPackageFile(ts, fd, NULL, &opened));
	(void)Fclose(fd);
	assert_int_equal(0, rpmtsAddInstallElement(ts, opened, package, 0, NULL));
	return 0;
}

static int teardown(void **state)
{
	char command[200];

	(void)state;
	headerFree(opened);
	(void)rpmtsFree(ts);
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

/* One transaction of one package, through all hooks. */
static bool passes(void)
{
	const struct rpm_hooks *h = &greatseal_hooks;
	bool good = h->init(NULL, ts) == RPMRC_OK;
	rpmte te = rpmtsElement(ts, 0);

	good = good && h->tsm_pre(NULL, ts) == RPMRC_OK;
	good = good && h->psm_pre(NULL, te) == RPMRC_OK;
	if (data != NULL)
		assert_int_equal(RPMRC_OK, h->tsm_post(NULL, ts, 0));
	h->cleanup(NULL);
	assert_null(data);
	return good;
}

static void every_allocation_fails_once(void **state)
{
	size_t all;

	(void)state;
	failing_begin(0);
	assert_true(passes());
	all = failing_end();
	/* The state, the header as it lies there, the text, the list of headers, the header again.
	 */
	assert_true(all >= 5);
	for (size_t n = 1; n <= all; n++) {
		failing_begin(n);
		if (passes())
			fail_msg("allocation %zu of %zu failed, and it goes on", n, all);
		(void)failing_end();
	}
	failing_begin(0);
	assert_true(passes());
	assert_int_equal(failing_end(), all);
	(void)printf("the plugin in rpm: %zu allocations\n", all);
}

/* What it tells: the header as rpm names it, and the scripts that no guard sees. */
static void the_guard_is_told(void **state)
{
	AUTO(buf) struct buf text = {0};

	(void)state;
	assert_true(passes());
	buf_init(&text, 65536);
	assert_int_equal(RC_OK, file_read(told, &text, NULL).code);
	/* printf '%s' 'print("preun")' | sha256sum; the other with RPM_EXPANDED_HEAD before it. */
	assert_string_equal(
		buf_cstr(&text),
		"greatseal-rpm-2\n"
		"5c8024606a3b1c7628f21b422fbdd8dc3fef6e5ec309639944070dc2e9f9607b Sample_tool "
		"3:1.0~rc1-2 noarch\n"
		" a2ac58b1059591f5ea07fc658f6d2c6dd6bfe96955a0f3f2a452fee1632b0025 lua preun\n"
		" 059a520a074654e6abd07621102381004d7643b4a91fa4af22fcfc4b1fa0ec71 expanded "
		"posttrans\n");
}

/* Whatever it ends with but its yes, and if there is none. */
static void another_end_is_a_no(void **state)
{
	static const char *const others[] = {
		"#!/bin/sh\nexit 1\n", "#!/bin/sh\ncat >/dev/null\nkill -9 $$\n", "#!/none\n", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		write_guard(others[i]);
		assert_false(passes());
	}
	opts = NULL;
	assert_false(passes());
	opts = "guard";
	assert_false(passes());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_fails_once),
		cmocka_unit_test(the_guard_is_told),
		cmocka_unit_test(another_end_is_a_no),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
