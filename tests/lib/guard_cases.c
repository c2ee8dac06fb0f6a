#include "tests/lib/guard_cases.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"

#define FILE_MAX ((size_t)64 << 20)

static const char *level_text(enum case_level level)
{
	return level == CASE_KERNEL ? "kernel" : level == CASE_STRICT ? "strict" : "base";
}

/* ---- Files ----------------------------------------------------------------------------------*/

void case_place(const struct guard_try *t, const char *name, char path[200])
{
	(void)snprintf(path, 200, "%s/%s", t->dir, name);
}

static void put_bytes(const struct guard_try *t, const char *name, struct view bytes)
{
	char path[200];
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0755};

	case_place(t, name, path);
	fx_ok(file_replace(&spec, bytes, NULL));
	fx_check(chmod(path, 0755) == 0);
}

void case_put(const struct guard_try *t, const char *name, const char *text)
{
	put_bytes(t, name, view_str(text));
}

void case_copy(const struct guard_try *t, const char *from, const char *name)
{
	AUTO(buf) struct buf bytes = {0};
	char full[500];

	(void)snprintf(full, sizeof(full), "%s/tests/%s", getenv("BUILD"), from);
	buf_init(&bytes, FILE_MAX);
	fx_ok(file_read(full, &bytes, NULL));
	put_bytes(t, name, buf_view(&bytes));
}

void case_program(const struct guard_try *t, const char *name, char letter)
{
	char full[100];

	(void)snprintf(full, sizeof(full), "%s%s", t->own_root ? "hostile/" : "", name);
	gw_program(&t->w, full, letter, "", 0);
}

/* ---- What they do ---------------------------------------------------------------------------*/

bool case_write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	(void)close(fd);
	return done;
}

bool case_become_root(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       case_write_text("/proc/self/setgroups", "deny") &&
	       case_write_text("/proc/self/uid_map", "0 65534 1") &&
	       case_write_text("/proc/self/gid_map", "0 65534 1");
}

/* ---- One attempt ----------------------------------------------------------------------------*/

struct attempt {
	const struct guard_try *t;
	const struct guard_case *row;
};

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			return false;
	return syscall(SYS_capset, &head, none) == 0;
}

static bool become(enum case_as as)
{
	if (as == AS_ROOT)
		return true;
	if (as == AS_BARE_ROOT)
		return drop_capabilities();
	/* Dumpable, or its own uid_map is root's. */
	return setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0 &&
	       prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}

static int attempt(void *ctx)
{
	const struct attempt *a = (const struct attempt *)ctx;

	/* Not where the test's own libraries are: one of them is that of the cases. */
	if (unsetenv("LD_LIBRARY_PATH") != 0 || setenv("GUARD_RAN", a->t->trace, 1) != 0 ||
	    setenv("M", a->t->dir, 1) != 0 || !become(a->row->as))
		return CASE_SKIP;
	if (a->row->fn != NULL)
		return a->row->fn();
	(void)execl("/bin/sh", "sh", "-c", a->row->shell, (char *)NULL);
	return CASE_SKIP;
}

/* True if the case's code ran; *ret_skip: it could not be tried. */
static bool went_through(struct guard_try *t, const struct case_table *table, size_t i,
			 bool *ret_skip)
{
	struct attempt a = {.t = t, .row = &table->rows[i]};
	bool trace;
	int status;

	if (table->before != NULL)
		table->before(t, i);
	status = gw_child(attempt, &a);
	trace = access(t->trace, F_OK) == 0;
	(void)unlink(t->trace);
	*ret_skip =
		status == CASE_SKIP || ((status == 126 || status == 127) && !trace && !t->works[i]);
	return trace || (status == 0 && a.row->fn != NULL);
}

/* ---- The table ------------------------------------------------------------------------------*/

static void observe(struct guard_try *t, const struct case_table *table)
{
	unsigned broken = 0;
	bool skip;

	for (size_t i = 0; i < table->count; i++) {
		t->works[i] = went_through(t, table, i, &skip);
		if (t->works[i] || skip)
			continue;
		(void)printf("%s does not work without a guard either\n", table->rows[i].name);
		broken++;
	}
	fx_check(broken == 0);
}

/* The shells, interpreters and libraries that the cases go by are approved: first what is executed,
 * then what these open. */
static void learn(struct guard_try *t, const struct case_table *table)
{
	while (gw_learn(&t->w, "hostile", true) > 0) {
		gw_publish(&t->w);
		observe(t, table);
	}
	while (t->level > CASE_BASE && gw_learn(&t->w, "hostile", false) > 0) {
		gw_publish(&t->w);
		observe(t, table);
	}
	gw_learn_needed(&t->w);
}

static void world(struct guard_try *t, const struct case_table *table)
{
	const char *const more[] = {"--level", level_text(t->level), NULL};
	char path[100];

	if (t->own_root)
		gw_new_root(&t->w);
	else
		gw_new(&t->w);
	(void)snprintf(t->dir, sizeof(t->dir), "%s", t->own_root ? "/hostile" : t->w.mount);
	(void)snprintf(path, sizeof(path), "%s/open", t->w.top);
	(void)snprintf(t->trace, sizeof(t->trace), "%s/open/ran", t->w.top);
	fx_check(mkdir(path, 0777) == 0 && chmod(path, 0777) == 0);
	if (t->own_root) {
		fx_check((mkdir(t->dir, 0777) == 0 || access(t->dir, F_OK) == 0) &&
			 chmod(t->dir, 0777) == 0);
		/* Who tries is a program that may run: it is its means that count. */
		if (t->level == CASE_KERNEL)
			gw_approve_machine(&t->w);
		else
			gw_approve(&t->w, "/proc/self/exe", LIST_PROGRAM);
	}
	table->files(t);
	gw_publish(&t->w);
	gw_start(&t->w, t->level > CASE_BASE ? more : NULL);
}

static void score_one(const struct guard_try *t, const struct case_table *table, size_t i,
		      struct guard_score *s, bool through, bool skip)
{
	const struct guard_case *row = &table->rows[i];
	bool expected = row->from <= t->level;

	(void)printf("guard: %-6s %-36s %s\n", level_text(t->level), row->name,
		     skip	? "skipped: not to be had here"
		     : !through ? "caught"
				: "not caught, documented");
	s->skipped += skip;
	s->stopped += !skip && !through;
	s->first_stopped += i < table->first && !skip && !through;
	s->first_expected += i < table->first && !skip && expected;
	s->wrong += !skip && through == expected && row->from != CASE_VARIES;
}

struct guard_score case_table_run(struct guard_try *t, const struct case_table *table,
				  enum case_level level, bool own_root)
{
	struct guard_score s = {0};
	bool skip, through;

	fx_check(table->count <= CASES_MAX);
	*t = (struct guard_try){.level = level, .own_root = own_root};
	world(t, table);
	observe(t, table);
	if (own_root && level != CASE_KERNEL)
		learn(t, table);
	gw_enforce(&t->w);
	while (level == CASE_KERNEL && !gw_status_has(&t->w, "\"kernel\":\"enforce\""))
		(void)poll(NULL, 0, 20);
	for (size_t i = 0; i < table->count; i++) {
		through = went_through(t, table, i, &skip);
		score_one(t, table, i, &s, through, skip);
	}
	if (level == CASE_KERNEL) {
		/* It stays without the guard: rm, too, would be refused. */
		gw_stop(&t->w);
		fx_check(gw_verb(&t->w, "release") == 0);
	}
	gw_free(&t->w);
	return s;
}
