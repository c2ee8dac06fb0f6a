/* list_source - packages: what is in a .deb or .rpm, in an index of them, on a host that has them
 * installed. */
#include "prog/cli/list_source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/stream.h"
#include "prog/cli/deb822.h"
#include "prog/cli/inspect.h"
#include "prog/cli/list_own.h"
#include "prog/cli/list_rpm.h"

#define TEXT_MAX ((size_t)256 << 20) /* a Packages or status file */
#define STATUS "/var/lib/dpkg/status"
#define INFO "/var/lib/dpkg/info"
#define PACKAGE_SHOWN (3 * PACKAGE_TEXT_MAX + 8)

/* ---- A package --------------------------------------------------------------------------------*/

/* "program interpreter", back into bits. */
static unsigned classes_of(const char *text)
{
	struct view rest = view_str(text);
	unsigned classes = 0;

	while (rest.len > 0) {
		struct view word;
		unsigned bit;

		if (!rc_is_ok(view_until(&rest, ' ', &word))) {
			word = rest;
			rest = view_of(NULL, 0);
		}
		if (rc_is_ok(list_class_parse(word, &bit)))
			classes |= bit;
	}
	return classes;
}

static rc digest_member(struct gather *g, const json_t *o, const char *key, struct digest *ret)
{
	return rc_is_ok(digest_parse(view_str(json_text(o, key)), ret))
		       ? OK
		       : cli_problem(g->c, RC_PEER, "", "the worker's report lacks a digest");
}

static rc add_entries(struct gather *g, const json_t *report, const char *package)
{
	const json_t *list = json_object_get(json_object_get(report, "archive"), "entries");
	const json_t *e;
	size_t i;

	json_array_foreach(list, i, e)
	{
		const char *path = json_text(e, "path");
		unsigned classes = classes_of(json_text(e, "runs"));
		char full[PATH_MAX];
		struct digest d;

		g->files++;
		if (classes == 0)
			continue;
		(void)snprintf(full, sizeof(full), "/%s", path[0] == '/' ? path + 1 : path);
		TRY(digest_member(g, e, "sha256", &d));
		TRY(gather_add_shown(g, &d, classes, package, full));
	}
	return OK;
}

/* What rpm expands is approved as that only if somebody says so: its text does not tell what runs.
 */
static rc add_expanded(struct gather *g, const json_t *script, const char *package,
		       const char *shown)
{
	char full[96];
	struct digest d;

	if (json_object_get(script, "expanded") == NULL)
		return OK;
	if (!g->expanded) {
		cli_say(g->c,
			"%s: rpm expands %s on the host: hosts refuse the package without "
			"--expanded",
			package, shown);
		return OK;
	}
	(void)snprintf(full, sizeof(full), "%s (expanded by rpm)", shown);
	TRY(digest_member(g, script, "expanded", &d));
	return gather_add_shown(g, &d, LIST_SCRIPT, package, full);
}

/* kind: "deb" or "rpm", where the scripts lie in the report; shown as DEBIAN/postinst, RPM/postin.
 */
static rc add_scripts(struct gather *g, const json_t *report, const char *kind, const char *package)
{
	const json_t *list = json_object_get(json_object_get(report, kind), "scripts");
	const json_t *e;
	size_t i;

	json_array_foreach(list, i, e)
	{
		char full[64];
		struct digest d;

		/* rpm: a program that is run without a text. */
		if (json_integer_value(json_object_get(e, "size")) == 0)
			continue;
		(void)snprintf(full, sizeof(full), "%s/%s",
			       strcmp(kind, "deb") == 0 ? "DEBIAN" : "RPM", json_text(e, "name"));
		TRY(digest_member(g, e, "sha256", &d));
		TRY(gather_add_shown(g, &d, LIST_SCRIPT, package, full));
		TRY(add_expanded(g, e, package, full));
	}
	return OK;
}

static bool take_text(char out[PACKAGE_TEXT_MAX + 1], const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n > PACKAGE_TEXT_MAX)
		return false;
	memcpy(out, text, n + 1);
	return true;
}

static rc take_header(struct gather *g, const json_t *report, const char *path,
		      struct package_record_header *ret)
{
	const json_t *rpm = json_object_get(report, "rpm");
	const json_t *names =
		rpm != NULL ? rpm : json_object_get(json_object_get(report, "deb"), "control");

	*ret = (struct package_record_header){.kind = rpm != NULL ? PACKAGE_RPM : PACKAGE_DEB};
	if (!take_text(ret->name, json_text(names, rpm != NULL ? "name" : "Package")) ||
	    !take_text(ret->version, json_text(names, rpm != NULL ? "version" : "Version")) ||
	    !take_text(ret->architecture,
		       json_text(names, rpm != NULL ? "architecture" : "Architecture")))
		return cli_problem(g->c, RC_SYNTAX, "",
				   "%s: names no package, version or architecture", path);
	TRY(digest_member(g, report, "sha256", &ret->archive));
	return rpm == NULL ? OK : digest_member(g, rpm, "header", &ret->header);
}

/* What cannot be known in full cannot be approved. */
static rc check_whole(struct gather *g, const json_t *report, const char *path)
{
	const json_t *rpm = json_object_get(report, "rpm");

	if (rpm == NULL && json_object_get(report, "deb") == NULL)
		return cli_problem(g->c, RC_UNSUPPORTED, "",
				   "%s: neither a Debian nor an rpm package", path);
	if (!json_is_true(json_object_get(report, "complete")))
		return cli_problem(g->c, RC_LIMIT, "see greatseal inspect --local",
				   "%s: not all of it can be looked at, so it cannot be approved",
				   path);
	/* The gate of rpm asks by the header: it has to stand for the payload, too. */
	if (rpm != NULL && json_object_get(rpm, "payload") == NULL)
		return cli_problem(g->c, RC_UNSUPPORTED, "build it with rpm 4.14 or newer",
				   "%s: its header does not name its payload by SHA-256", path);
	return OK;
}

static rc gather_contents(struct gather *g, const char *path, char package[PACKAGE_SHOWN],
			  struct package_record_header *ret)
{
	AUTO(json) json_t *report = NULL;

	TRY(inspect_path(g->c, path, &report));
	TRY(check_whole(g, report, path));
	TRY(take_header(g, report, path, ret));
	(void)snprintf(package, PACKAGE_SHOWN, "%s %s %s", ret->name, ret->version,
		       ret->architecture);
	TRY(add_entries(g, report, package));
	return add_scripts(g, report, package_kind_name(ret->kind), package);
}

rc gather_package_record(struct gather *g, const char *path, struct package_record_header *ret)
{
	char package[PACKAGE_SHOWN];

	return gather_contents(g, path, package, ret);
}

rc gather_package(struct gather *g, const char *path, struct package_record_header *ret)
{
	char package[PACKAGE_SHOWN], shown[PATH_MAX + 16];
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;

	TRY(gather_contents(g, path, package, ret));
	TRY(gather_add(g, &ret->archive, LIST_ARCHIVE, package, base));
	if (ret->kind == PACKAGE_DEB)
		return OK;
	(void)snprintf(shown, sizeof(shown), "%s" GATHER_HEADER, base);
	return gather_add(g, &ret->header, LIST_ARCHIVE, package, shown);
}

/* ---- Text ------------------------------------------------------------------------------------*/

static rc read_text(struct gather *g, const char *path, struct buf *out)
{
	struct fault f = {0};

	buf_init(out, TEXT_MAX);
	CLI_TRY(g->c, &f, file_read(path, out, &f));
	return OK;
}

/* ---- An index
 * ----------------------------------------------------------------------------------*/

static rc check_archive(struct gather *g, const char *path, const struct indexed *p)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct fault f = {0};
	struct digest want;
	struct hash h;

	if (!rc_is_ok(digest_parse(view_str(p->sha256), &want)))
		return cli_problem(g->c, RC_SYNTAX, "", "%s: the index has no SHA256 for it",
				   p->filename);
	if (fd < 0)
		return cli_problem(g->c, RC_IO, "", "%s: %s", path, strerror(errno));
	CLI_TRY(g->c, &f, stream_digest(fd, HASH_SHA256, &h, &f));
	return memcmp(h.b, want.b, DIGEST_SIZE) == 0
		       ? OK
		       : cli_problem(g->c, RC_MISMATCH, "", "%s: not the file of the index", path);
}

/* --package NAME, if there are any. */
static bool is_wanted(const struct gather *g, const char *package)
{
	const char *name;

	for (size_t i = 0; (name = args_nth(g->c->args, "package", i)) != NULL; i++)
		if (strcmp(name, package) == 0)
			return true;
	return args_value(g->c->args, "package") == NULL;
}

rc gather_indexed(struct gather *g, const struct indexed *p, size_t *count)
{
	struct package_record_header ignored;
	char path[PATH_MAX];

	if (!is_wanted(g, p->package))
		return OK;
	if (p->filename[0] == '\0' || p->filename[0] == '/' || strstr(p->filename, "..") != NULL)
		return cli_problem(g->c, RC_SYNTAX, "", "%s: %s has no usable Filename", p->index,
				   p->package);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", p->pool, p->filename) >= sizeof(path))
		return cli_problem(g->c, RC_LIMIT, "", "%s: path is too long", p->filename);
	TRY(check_archive(g, path, p));
	TRY(gather_package(g, path, &ignored));
	++*count;
	return OK;
}

static rc gather_packages_file(struct gather *g, const char *index, const char *pool, size_t *count)
{
	AUTO(buf) struct buf text = {0};
	struct stanza s;
	struct view rest;

	TRY(read_text(g, index, &text));
	rest = buf_view(&text);
	while (stanza_next(&rest, &s)) {
		const struct indexed p = {.index = index,
					  .pool = pool,
					  .package = s.package,
					  .filename = s.filename,
					  .sha256 = s.sha256};

		TRY(gather_indexed(g, &p, count));
	}
	return OK;
}

rc gather_index(struct gather *g, const char *index, const char *pool)
{
	size_t n = 0;

	TRY(list_rpm_is_index(index) ? gather_rpm_index(g, index, pool, &n)
				     : gather_packages_file(g, index, pool, &n));
	return n > 0 ? OK : cli_problem(g->c, RC_SYNTAX, "", "%s: names no such package", index);
}

/* ---- A dpkg database
 * ----------------------------------------------------------------------------*/

/* Below root, whatever links say. */
static int open_in(int root, const char *path)
{
	const struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC,
				     .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

rc gather_installed(struct gather *g, int root, const char *path, const char *package,
		    const char *as)
{
	AUTO(fd) int fd = open_in(root, path);

	/* Taken away, diverted, or a link: what lies there now counts. */
	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == ENXIO))
		return OK;
	if (fd < 0)
		return cli_problem(g->c, RC_IO, "", "%s%s: %s", g->root, path, strerror(errno));
	return gather_file(g, fd, package, as);
}

static rc add_control(struct gather *g, int root, const char *stem, const char *package)
{
	static const char *const names[] = {"preinst", "postinst", "prerm", "postrm", "config"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[512];
		char as[32];

		(void)snprintf(path, sizeof(path), INFO "/%s.%s", stem, names[i]);
		(void)snprintf(as, sizeof(as), "DEBIAN/%s", names[i]);
		TRY(gather_installed(g, root, path, package, as));
	}
	return OK;
}

static rc add_package(struct gather *g, int root, const struct stanza *s)
{
	char package[3 * PACKAGE_TEXT_MAX + 8];
	char stem[2 * PACKAGE_TEXT_MAX + 8];
	AUTO(buf) struct buf text = {0};
	char list[PATH_MAX];
	struct fault f = {0};
	struct view rest;
	struct view line;

	(void)snprintf(package, sizeof(package), "%s %s %s", s->package, s->version,
		       s->architecture);
	/* dpkg names the files of packages that several architectures may share by both. */
	(void)snprintf(stem, sizeof(stem), strcmp(s->multi, "same") == 0 ? "%s:%s" : "%s",
		       s->package, s->architecture);
	(void)snprintf(list, sizeof(list), "%s" INFO "/%s.list", g->root, stem);
	buf_init(&text, TEXT_MAX);
	CLI_TRY(g->c, &f, file_read(list, &text, &f));
	rest = buf_view(&text);
	while (rc_is_ok(view_until(&rest, '\n', &line))) {
		char path[PATH_MAX];

		if (line.len == 0 || line.len >= sizeof(path))
			continue;
		memcpy(path, line.ptr, line.len);
		path[line.len] = '\0';
		TRY(gather_installed(g, root, path, package, path));
	}
	return add_control(g, root, stem, package);
}

rc gather_own(struct gather *g, int root)
{
	for (size_t i = 0; own_programs[i] != NULL; i++)
		TRY(gather_installed(g, root, own_programs[i], NULL, own_programs[i]));
	return OK;
}

rc gather_dpkg(struct gather *g)
{
	AUTO(fd)
	int root = open(g->root[0] == '\0' ? "/" : g->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO(buf) struct buf text = {0};
	char path[PATH_MAX];
	struct stanza s;
	struct view rest;
	size_t n = 0;

	if (root < 0)
		return cli_problem(g->c, RC_IO, "", "%s: %s", g->root, strerror(errno));
	if ((size_t)snprintf(path, sizeof(path), "%s" STATUS, g->root) >= sizeof(path))
		return cli_problem(g->c, RC_LIMIT, "", "%s: path is too long", g->root);
	TRY(read_text(g, path, &text));
	rest = buf_view(&text);
	while (stanza_next(&rest, &s)) {
		if (strstr(s.status, " installed") == NULL)
			continue;
		TRY(add_package(g, root, &s));
		n++;
	}
	TRY(gather_own(g, root));
	return n > 0 ? OK : cli_problem(g->c, RC_NOTFOUND, "", "%s: no package is installed", path);
}
