/* list_rpmdb - what rpm has installed: the host's own rpm reads its database and prints the main
 * header of each package, which is read here like that of a package file. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/codec/hex.h"
#include "lib/codec/rpm_script.h"
#include "prog/cli/list_source.h"

#define TAG_NAME 1000
#define TAG_VERSION 1001
#define TAG_RELEASE 1002
#define TAG_EPOCH 1003
#define TAG_ARCH 1022
#define TAG_DIRINDEXES 1116
#define TAG_BASENAMES 1117
#define TAG_DIRNAMES 1118
#define PACKAGE_TEXT (5 * PACKAGE_TEXT_MAX)

static rc unreadable(struct gather *g, const char *what)
{
	return cli_problem(g->c, RC_SYNTAX, "", "rpm's database: %s cannot be read", what);
}

/* ---- One package ----------------------------------------------------------------------------*/

static void put_text(const struct rpm_header *h, uint32_t tag, const char *before, struct buf *out)
{
	struct view text;

	if (!rc_is_ok(rpm_header_string(h, tag, 0, &text)))
		return;
	buf_put_str(out, before);
	buf_put_view(out, text);
}

/* "NAME EPOCH:VERSION-RELEASE ARCHITECTURE" */
static rc package_text(const struct rpm_header *h, char out[PACKAGE_TEXT])
{
	struct buf b;
	uint32_t epoch;

	buf_init_fixed(&b, out, PACKAGE_TEXT - 1);
	put_text(h, TAG_NAME, "", &b);
	buf_put_u8(&b, ' ');
	if (rc_is_ok(rpm_header_u32(h, TAG_EPOCH, 0, &epoch)))
		buf_printf(&b, "%u:", epoch);
	put_text(h, TAG_VERSION, "", &b);
	put_text(h, TAG_RELEASE, "-", &b);
	put_text(h, TAG_ARCH, " ", &b);
	TRY(buf_done(&b));
	out[b.len] = '\0';
	return OK;
}

/* Directories by their number. */
struct dirs {
	struct view *at;
	uint32_t count;
};

static void dirs_release(struct dirs *d)
{
	free(d->at);
	d->at = NULL;
}
AUTO_DEFINE(dirs, struct dirs, dirs_release)

static rc dirs_read(const struct rpm_header *h, struct dirs *d)
{
	struct view rest;

	TRY(rpm_header_strings(h, TAG_DIRNAMES, &rest, &d->count));
	d->at = (struct view *)calloc(d->count, sizeof(*d->at));
	if (d->at == NULL)
		return RC(RC_NOMEM);
	for (uint32_t i = 0; i < d->count; i++)
		TRY(view_until(&rest, 0, &d->at[i]));
	return OK;
}

static rc add_file(struct gather *g, int root, struct view dir, struct view base,
		   const char *package)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s%s", (const char *)dir.ptr,
			     (const char *)base.ptr) >= sizeof(path))
		return cli_problem(g->c, RC_LIMIT, "", "%s: a path is too long", package);
	return gather_installed(g, root, path, package, path);
}

static rc add_files(struct gather *g, int root, const struct rpm_header *h, const char *package)
{
	AUTO(dirs) struct dirs dirs = {0};
	struct view names, indexes, base;
	uint32_t count, dir;
	rc r = rpm_header_strings(h, TAG_BASENAMES, &names, &count);

	if (r.code == RC_NOTFOUND)
		return OK; /* it has no files */
	if (!rc_is_ok(r) || !rc_is_ok(rpm_header_u32s(h, TAG_DIRINDEXES, &indexes)))
		return unreadable(g, package);
	r = dirs_read(h, &dirs);
	if (r.code == RC_NOMEM)
		return cli_problem(g->c, RC_NOMEM, "", "no memory");
	if (!rc_is_ok(r))
		return unreadable(g, package);
	for (uint32_t i = 0; i < count; i++) {
		if (!rc_is_ok(view_until(&names, 0, &base)) ||
		    !rc_is_ok(view_u32be(&indexes, &dir)) || dir >= dirs.count)
			return unreadable(g, package);
		TRY(add_file(g, root, dirs.at[dir], base, package));
	}
	return OK;
}

/* Those that run when it is removed, or another is installed, among them. */
static rc add_scripts(struct gather *g, const struct rpm_header *h, const char *package)
{
	struct rpm_scripts at = {0};
	struct rpm_script s;
	char full[RPM_SCRIPT_NAME + 8];
	struct digest d;
	rc r;

	while (rc_is_ok(r = rpm_script_next(h, &at, &s))) {
		if (s.text.len == 0)
			continue;
		d = digest_of(s.text);
		(void)snprintf(full, sizeof(full), "RPM/%s", s.name);
		TRY(gather_add(g, &d, LIST_SCRIPT, package, full));
	}
	return r.code == RC_NOTFOUND ? OK : unreadable(g, package);
}

/* A line of rpm's: the header in hex, from behind its magic. */
static rc add_package(struct gather *g, int root, struct view line, size_t *count)
{
	static const uint8_t magic[8] = {0x8e, 0xad, 0xe8, 0x01};
	AUTO(buf) struct buf bytes = {0};
	char package[PACKAGE_TEXT];
	struct rpm_header h;
	uint8_t *space;

	/* A key that rpm keeps among its packages. */
	if (view_is(line, "(none)"))
		return OK;
	buf_init(&bytes, sizeof(magic) + line.len / 2);
	buf_put(&bytes, magic, sizeof(magic));
	space = buf_space(&bytes, line.len / 2);
	if (!rc_is_ok(buf_done(&bytes)))
		return cli_problem(g->c, RC_NOMEM, "", "no memory");
	if (!rc_is_ok(hex_parse(line, space, line.len / 2)) ||
	    !rc_is_ok(rpm_header_open(buf_view(&bytes), RPM_REGION_MAIN, &h, NULL)) ||
	    !rc_is_ok(package_text(&h, package)))
		return unreadable(g, "a header");
	++*count;
	TRY(add_files(g, root, &h, package));
	return add_scripts(g, &h, package);
}

/* ---- All of them ----------------------------------------------------------------------------*/

static rc start_rpm(struct gather *g, int out, pid_t *ret)
{
	char *argv[] = {"rpm",
			"--root",
			(char *)(uintptr_t)(g->root[0] == '\0' ? "/" : g->root),
			"--query",
			"--all",
			"--queryformat",
			"%{HEADERIMMUTABLE}\n",
			NULL};
	posix_spawn_file_actions_t actions;
	int e;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return cli_problem(g->c, RC_NOMEM, "", "no memory");
	e = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (e == 0)
		e = posix_spawnp(ret, "rpm", &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return e == 0 ? OK
		      : cli_problem(g->c, RC_NOTFOUND, "", "rpm cannot be started: %s",
				    strerror(e));
}

static rc add_lines(struct gather *g, int root, FILE *from, size_t *count)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	rc r = OK;

	/* No longer than a header that rpm itself reads. */
	while (rc_is_ok(r) && (n = getline(&line, &size, from)) > 0)
		r = line[n - 1] == '\n' ? add_package(g, root, view_of(line, (size_t)n - 1), count)
					: unreadable(g, "its end");
	free(line);
	return r;
}

static rc read_database(struct gather *g, int root, size_t *count)
{
	AUTO(fd) int to = -1;
	int pipes[2], status = 0;
	FILE *from;
	pid_t pid;
	rc r;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return cli_problem(g->c, RC_IO, "", "pipe: %s", strerror(errno));
	to = pipes[1];
	from = fdopen(pipes[0], "r");
	if (from == NULL) {
		(void)close(pipes[0]);
		return cli_problem(g->c, RC_NOMEM, "", "no memory");
	}
	r = start_rpm(g, to, &pid);
	fd_close(&to);
	if (!rc_is_ok(r)) {
		(void)fclose(from);
		return r;
	}
	r = add_lines(g, root, from, count);
	(void)fclose(from); /* one that goes on writing ends */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	TRY(r);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		       ? OK
		       : cli_problem(g->c, RC_IO, "", "rpm does not read its database");
}

rc gather_rpmdb(struct gather *g)
{
	AUTO(fd)
	int root = open(g->root[0] == '\0' ? "/" : g->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t n = 0;

	if (root < 0)
		return cli_problem(g->c, RC_IO, "", "%s: %s", g->root, strerror(errno));
	TRY(read_database(g, root, &n));
	if (n == 0)
		return cli_problem(g->c, RC_NOTFOUND, "", "rpm: no package is installed");
	return gather_own(g, root);
}
