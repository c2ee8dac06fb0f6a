#include "prog/cli/list_gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/classify.h"
#include "lib/format/list_file.h"
#include "lib/format/stream.h"
#include "lib/model/list.h"
#include "prog/cli/list_source.h"

void gather_release(struct gather *g)
{
	for (size_t i = 0; i < g->count; i++) {
		free(g->items[i].package);
		free(g->items[i].path);
	}
	for (size_t i = 0; i < g->shebang_count; i++)
		free(g->shebangs[i]);
	free(g->items);
	free(g->shebangs);
	*g = (struct gather){0};
}

static rc no_memory(struct gather *g)
{
	return cli_problem(g->c, RC_NOMEM, "", "no memory");
}

/* Plain characters stay, others become \xNN, a backslash \\; longer than max is cut. */
static char *escaped(const char *raw, size_t max, bool clean)
{
	AUTO(buf) struct buf b;
	size_t len;

	buf_init(&b, max + 8);
	for (const char *p = raw == NULL ? "" : raw; *p != '\0' && b.len + 4 <= max; p++) {
		if (*p == '\\' && !clean)
			buf_put_str(&b, "\\\\");
		else if (*p >= 0x20 && *p < 0x7f)
			buf_put_u8(&b, (uint8_t)*p);
		else
			buf_printf(&b, "\\x%02x", (unsigned)(uint8_t)*p);
	}
	buf_put_u8(&b, 0);
	return rc_is_ok(buf_done(&b)) ? (char *)buf_take(&b, &len) : NULL;
}

static rc add(struct gather *g, const struct gathered *what)
{
	if (what->package == NULL || what->path == NULL) {
		free(what->package);
		free(what->path);
		return no_memory(g);
	}
	if (g->count == g->cap) {
		size_t cap = g->cap == 0 ? 1024 : g->cap * 2;
		struct gathered *more =
			(struct gathered *)reallocarray(g->items, cap, sizeof(*more));

		if (more == NULL) {
			free(what->package);
			free(what->path);
			return no_memory(g);
		}
		g->items = more;
		g->cap = cap;
	}
	g->items[g->count++] = *what;
	return OK;
}

rc gather_add(struct gather *g, const struct digest *digest, unsigned classes, const char *package,
	      const char *path)
{
	const struct gathered item = {.digest = *digest,
				      .classes = classes,
				      .package = escaped(package, CONTENTS_PACKAGE_MAX, false),
				      .path = escaped(path, CONTENTS_PATH_MAX, false)};

	return add(g, &item);
}

rc gather_add_shown(struct gather *g, const struct digest *digest, unsigned classes,
		    const char *package, const char *path)
{
	const struct gathered item = {.digest = *digest,
				      .classes = classes,
				      .package = escaped(package, CONTENTS_PACKAGE_MAX, true),
				      .path = escaped(path, CONTENTS_PATH_MAX, true)};

	return add(g, &item);
}

/* ---- Files and directories ------------------------------------------------------------------*/

static rc note_shebang(struct gather *g, struct view head)
{
	struct view base = classify_base(classify_shebang(head));
	char **more;
	char *copy;

	if (base.len == 0)
		return OK;
	for (size_t i = 0; i < g->shebang_count; i++)
		if (view_is(base, g->shebangs[i]))
			return OK;
	copy = strndup((const char *)base.ptr, base.len);
	more = (char **)reallocarray(g->shebangs, g->shebang_count + 1, sizeof(*more));
	if (more != NULL)
		g->shebangs = more;
	if (copy == NULL || more == NULL) {
		free(copy);
		return no_memory(g);
	}
	g->shebangs[g->shebang_count++] = copy;
	return OK;
}

static const char *shown(const struct gather *g, const char *path)
{
	size_t n = strlen(g->root);

	return n > 0 && strncmp(path, g->root, n) == 0 && path[n] == '/' ? path + n : path;
}

rc gather_file(struct gather *g, int fd, const char *package, const char *path)
{
	uint8_t head[CLASSIFY_HEAD];
	struct fault f = {0};
	struct digest digest;
	unsigned classes;
	struct hash h;
	struct stat st;
	size_t n;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return OK;
	g->files++;
	n = (uint64_t)st.st_size < sizeof(head) ? (size_t)st.st_size : sizeof(head);
	CLI_TRY(g->c, &f, fd_pread_full(fd, head, n, 0, &f));
	classes = classify(view_of(head, n), view_str(path), (st.st_mode & 0111) != 0);
	if (classes == 0)
		return OK;
	TRY(note_shebang(g, view_of(head, n)));
	CLI_TRY(g->c, &f, stream_digest(fd, HASH_SHA256, &h, &f));
	memcpy(digest.b, h.b, DIGEST_SIZE);
	return gather_add(g, &digest, classes, package, path);
}

static rc walk(struct gather *g, int dir, const char *path, unsigned depth);

/* Links are not followed: what they lead to is met where it lies. */
static rc walk_entry(struct gather *g, int dir, const char *name, const char *path, unsigned depth)
{
	AUTO(fd)
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char *inner;
	rc r = OK;

	if (fd < 0 && (errno == ELOOP || errno == ENXIO || errno == ENODEV))
		return OK;
	if (asprintf(&inner, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", name) < 0)
		return no_memory(g);
	if (fd < 0 || fstat(fd, &st) != 0)
		r = cli_problem(g->c, RC_IO, "", "%s: %s", inner, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		r = walk(g, fd, inner, depth + 1);
	else
		r = gather_file(g, fd, NULL, shown(g, inner));
	free(inner);
	return r;
}

static rc walk(struct gather *g, int dir, const char *path, unsigned depth)
{
	int copy = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	rc r = OK;

	if (d == NULL) {
		fd_close(&copy);
		return cli_problem(g->c, RC_IO, "", "%s: %s", path, strerror(errno));
	}
	if (depth > GATHER_DEPTH)
		r = cli_problem(g->c, RC_LIMIT, "", "%s: more than %u directories deep", path,
				GATHER_DEPTH);
	while (rc_is_ok(r) && (errno = 0, e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = walk_entry(g, dir, e->d_name, path, depth);
	if (rc_is_ok(r) && errno != 0)
		r = cli_problem(g->c, RC_IO, "", "%s: %s", path, strerror(errno));
	(void)closedir(d);
	return r;
}

/* ---- Lists ----------------------------------------------------------------------------------*/

static rc add_contents(struct gather *g, const struct contents *c, const char *package)
{
	struct view names = c->names;
	struct fault f = {0};

	CLI_TRY(g->c, &f, contents_names_check(c, &f));
	for (size_t i = 0; i < c->count; i++) {
		struct gathered item = {.classes = c->classes[i]};
		struct view own;
		struct view path;

		contents_name_next(&names, &own, &path);
		memcpy(item.digest.b, contents_digest(c, i), DIGEST_SIZE);
		item.package =
			package != NULL ? strdup(package) : strndup((const char *)own.ptr, own.len);
		item.path = strndup((const char *)path.ptr, path.len);
		TRY(add(g, &item));
	}
	return OK;
}

static rc add_list(struct gather *g, int fd, bool record)
{
	AUTO(file_map) struct file_map map = {0};
	char package[3 * PACKAGE_TEXT_MAX];
	struct package_record p;
	struct fault f = {0};
	struct list l;

	CLI_TRY(g->c, &f, file_map_open(fd, &map, &f));
	if (!record) {
		CLI_TRY(g->c, &f, list_open(map.bytes, &l, &f));
		return add_contents(g, &l.contents, NULL);
	}
	CLI_TRY(g->c, &f, package_record_open(map.bytes, &p, &f));
	(void)snprintf(package, sizeof(package), "%s %s %s", p.header.name, p.header.version,
		       p.header.architecture);
	package[CONTENTS_PACKAGE_MAX] = '\0';
	return add_contents(g, &p.contents, package);
}

rc gather_path(struct gather *g, const char *path)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const char *deb = "!<arch>\ndebian-binary", *rpm = "\355\253\356\333";
	char head[32] = {0};
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return cli_problem(g->c, RC_IO, "", "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return walk(g, fd, path, 0);
	if (!S_ISREG(st.st_mode))
		return cli_problem(g->c, RC_UNSUPPORTED, "", "%s: neither file nor directory",
				   path);
	(void)!pread(fd, head, sizeof(head) - 1, 0);
	if (strncmp(head, deb, strlen(deb)) == 0 || strncmp(head, rpm, strlen(rpm)) == 0)
		return gather_package(g, path, &(struct package_record_header){0});
	if (format_allowlist_file.recognise(fd))
		return add_list(g, fd, false);
	if (format_package_record_file.recognise(fd))
		return add_list(g, fd, true);
	return gather_file(g, fd, NULL, shown(g, path));
}

/* ---- Afterwards -----------------------------------------------------------------------------*/

void gather_interpreters(struct gather *g)
{
	for (size_t i = 0; i < g->count; i++) {
		struct view base = classify_base(view_str(g->items[i].path));

		for (size_t k = 0; k < g->shebang_count; k++)
			if ((g->items[i].classes & LIST_PROGRAM) != 0 &&
			    view_is(base, g->shebangs[k]))
				g->items[i].classes |= LIST_INTERPRETER;
	}
}

rc gather_mark(struct gather *g, const char *path, unsigned classes)
{
	bool found = false;

	for (size_t i = 0; i < g->count; i++) {
		if (strcmp(g->items[i].path, path) != 0 || g->items[i].classes == LIST_REVOKED)
			continue;
		g->items[i].classes |= classes;
		found = true;
	}
	return found ? OK
		     : cli_problem(g->c, RC_NOTFOUND, "name it as `greatseal list show` does",
				   "%s: nothing in the list lies there", path);
}

rc gather_records(const struct gather *g, struct content **ret)
{
	struct content *r = (struct content *)calloc(g->count + 1, sizeof(*r));

	if (r == NULL)
		return cli_problem(g->c, RC_NOMEM, "", "no memory");
	for (size_t i = 0; i < g->count; i++)
		r[i] = (struct content){.digest = g->items[i].digest,
					.classes = (uint8_t)g->items[i].classes,
					.package = g->items[i].package,
					.path = g->items[i].path};
	*ret = r;
	return OK;
}
