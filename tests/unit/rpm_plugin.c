/* Unit tests of the gate in rpm: that the table of hooks (prog/rpm/hooks.h) is the one that the
 * installed rpm's own plugins have, and that the plugin wants no other rpm than the one that it is
 * made for. What it does in a transaction: tests/flow/guard_rpm.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prog/rpm/hooks.h"

/* In place of librpm's: what the plugin sees is ours. */
extern const char *RPMVERSION;
const char *RPMVERSION = GS_RPM_SERIES ".0";

static const struct rpm_hooks *hooks_of(const char *path, const char *name, size_t *ret_size)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL), *at;
	char symbol[64];
	const ElfW(Sym) *entry = NULL;
	Dl_info info;

	if (handle == NULL)
		print_error("%s\n", dlerror());
	assert_non_null(handle);
	(void)snprintf(symbol, sizeof(symbol), "%s_hooks", name);
	at = dlsym(handle, symbol);
	assert_non_null(at);
	assert_int_not_equal(0, dladdr1(at, &info, (void **)&entry, RTLD_DL_SYMENT));
	*ret_size = entry->st_size;
	return (const struct rpm_hooks *)at;
}

/* Which of the twelve are there. */
static unsigned slots(const struct rpm_hooks *h)
{
	void *slot[12];
	unsigned bits = 0;

	memcpy(slot, h, sizeof(slot));
	for (size_t i = 0; i < 12; i++)
		bits |= slot[i] != NULL ? 1u << i : 0;
	return bits;
}

#define SLOT(member) (1u << (offsetof(struct rpm_hooks, member) / sizeof(void *)))

/* What rpm 4.18's plugins are said to have by its sources. */
static void the_table_is_that_of_rpm(void **state)
{
	static const struct {
		const char *name;
		unsigned slots;
	} plugins[] = {
		{"syslog", SLOT(init) | SLOT(cleanup) | SLOT(tsm_pre) | SLOT(tsm_post) |
				   SLOT(psm_post) | SLOT(scriptlet_post)},
		{"prioreset", SLOT(scriptlet_fork_post)},
		{"selinux", SLOT(tsm_pre) | SLOT(tsm_post) | SLOT(psm_pre) |
				    SLOT(scriptlet_fork_post) | SLOT(fsm_file_prepare)},
		{"ima", SLOT(init) | SLOT(fsm_file_prepare)},
	};
	size_t tried = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++) {
		const struct rpm_hooks *h;
		char path[300];
		size_t size;

		(void)snprintf(path, sizeof(path), RPM_OWN_PLUGINS "/%s.so", plugins[i].name);
		if (access(path, R_OK) != 0)
			continue;
		h = hooks_of(path, plugins[i].name, &size);
		assert_int_equal(sizeof(struct rpm_hooks), size);
		assert_int_equal(plugins[i].slots, slots(h));
		tried++;
	}
	print_message("rpm: %zu of its own plugins compared\n", tried);
	if (tried == 0)
		skip();
}

static void another_rpm_is_refused(void **state)
{
	static const char *const others[] = {"4.17.1", "4.19.0",  "4.180.0", "4.1",
					     "5.0",    "14.18.0", ""};
	static const char *const same[] = {GS_RPM_SERIES, GS_RPM_SERIES ".0", GS_RPM_SERIES ".2"};
	const struct rpm_hooks *h;
	size_t size;

	(void)state;
	h = hooks_of(PLUGIN, "greatseal", &size);
	assert_int_equal(sizeof(struct rpm_hooks), size);
	assert_int_equal(SLOT(init) | SLOT(cleanup) | SLOT(tsm_pre) | SLOT(tsm_post) |
				 SLOT(psm_pre),
			 slots(h));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		RPMVERSION = others[i];
		assert_int_equal(RPMRC_FAIL, h->init(NULL, NULL));
	}
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		RPMVERSION = same[i];
		assert_int_equal(RPMRC_OK, h->init(NULL, NULL));
	}
	/* One that never got its memory lets nothing pass. */
	assert_int_equal(RPMRC_FAIL, h->tsm_pre(NULL, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_that_of_rpm),
		cmocka_unit_test(another_rpm_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
