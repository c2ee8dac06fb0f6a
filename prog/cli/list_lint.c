/* list_lint - would this host still start, run its package tools and its guard, if it took the
 * list? Looks at what lies there now: each program of a table with the loader and the libraries
 * that it needs, each script with its interpreter. Owns: that table. Must not own: what a list says
 * (lib/model/list.h). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/classify.h"
#include "lib/format/elf.h"
#include "prog/cli/list.h"
#include "prog/cli/list_own.h"

#define LINT_PATHS_MAX 20000u /* files that are looked at */
#define LINT_DEPTH 32u

/* What a host must go on running; a path that ends in a slash stands for all in it. Those that are
 * not there are passed over, but for the first. */
#define REQUIRED 1
static const char *const paths[] = {
	"/bin/sh",
	"/sbin/init",
	/* starting */
	"/lib/systemd/systemd",
	"/lib/systemd/systemd-journald",
	"/lib/systemd/systemd-udevd",
	"/lib/systemd/systemd-logind",
	"/lib/systemd/systemd-executor",
	"/lib/systemd/system-generators/",
	"/bin/mount",
	"/bin/umount",
	"/sbin/fsck",
	"/sbin/modprobe",
	"/bin/login",
	"/sbin/agetty",
	"/usr/sbin/sshd",
	"/usr/bin/dbus-daemon",
	/* package tools */
	"/usr/bin/dpkg",
	"/usr/bin/dpkg-deb",
	"/usr/bin/dpkg-split",
	"/usr/bin/dpkg-query",
	"/usr/bin/dpkg-trigger",
	"/usr/bin/dpkg-divert",
	"/usr/bin/dpkg-statoverride",
	"/usr/bin/update-alternatives",
	"/usr/bin/apt",
	"/usr/bin/apt-get",
	"/usr/bin/apt-config",
	"/usr/lib/apt/methods/",
	"/bin/tar",
	"/bin/gzip",
	"/usr/bin/xz",
	"/usr/bin/zstd",
	"/usr/bin/perl",
	"/usr/share/debconf/frontend",
	"/sbin/ldconfig",
	"/usr/bin/debsig-verify",
	/* the next start */
	"/usr/sbin/update-initramfs",
	"/usr/sbin/mkinitramfs",
	"/usr/share/initramfs-tools/hooks/",
	"/usr/share/initramfs-tools/scripts/",
	"/etc/kernel/postinst.d/",
	"/usr/sbin/update-grub",
	"/usr/bin/cpio",
	"/usr/bin/busybox",
};

/* Where the loader looks, after what a program says itself. */
static const char *const library_dirs[] = {
	"/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
	"/lib/aarch64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu",
	"/lib/arm-linux-gnueabihf",
	"/lib/i386-linux-gnu",
	"/lib/riscv64-linux-gnu",
	"/lib64",
	"/usr/lib64",
	"/lib",
	"/usr/lib",
	"/usr/local/lib",
};

struct lint {
	struct cli *c;
	const struct contents *list;
	int root;
	char **seen;
	size_t seen_count;
	json_t *missing;
};

static void lint_release(struct lint *l)
{
	for (size_t i = 0; i < l->seen_count; i++)
		free(l->seen[i]);
	free(l->seen);
	fd_close(&l->root);
}
AUTO_DEFINE(lint, struct lint, lint_release)

static int open_below(const struct lint *l, const char *path)
{
	const struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
				     .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, l->root, path, &how, sizeof(how));
}

static void missing(struct lint *l, const char *path, const char *by, const char *why)
{
	(void)json_array_append_new(
		l->missing, json_pack("{s:s,s:s,s:s}", "path", path, "needed_by", by, "why", why));
}

/* Notes a path; *ret_new false: it was looked at before. */
static rc see(struct lint *l, const char *path, bool *ret_new)
{
	char **more;

	for (size_t i = 0; i < l->seen_count; i++)
		if (strcmp(l->seen[i], path) == 0) {
			*ret_new = false;
			return OK;
		}
	if (l->seen_count == LINT_PATHS_MAX)
		return cli_problem(l->c, RC_LIMIT, "", "more than %u files", LINT_PATHS_MAX);
	more = (char **)reallocarray(l->seen, l->seen_count + 1, sizeof(*more));
	if (more != NULL)
		l->seen = more;
	if (more == NULL || (l->seen[l->seen_count] = strdup(path)) == NULL)
		return cli_problem(l->c, RC_NOMEM, "", "no memory");
	l->seen_count++;
	*ret_new = true;
	return OK;
}

static rc check_path(struct lint *l, const char *path, const char *by, unsigned depth);

/* ---- What a file needs ------------------------------------------------------------------------*/

static void text_of(struct view v, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%.*s", (int)(v.len < PATH_MAX ? v.len : PATH_MAX - 1),
		       v.len == 0 ? "" : (const char *)v.ptr);
}

/* Whether dir/name is there; dir may begin with $ORIGIN. */
static bool library_at(const struct lint *l, const char *dir, const char *name, const char *by,
		       char out[PATH_MAX])
{
	const char *slash = strrchr(by, '/');
	int origin = (int)(slash == NULL ? 0 : slash - by);
	int fd;

	if (strncmp(dir, "$ORIGIN", 7) == 0)
		(void)snprintf(out, PATH_MAX, "%.*s%s/%s", origin, by, dir + 7, name);
	else
		(void)snprintf(out, PATH_MAX, "%s/%s", dir, name);
	fd = open_below(l, out);
	if (fd < 0)
		return false;
	fd_close(&fd);
	return true;
}

static bool find_library(const struct lint *l, const char *name, struct view runpath,
			 const char *by, char out[PATH_MAX])
{
	char dir[PATH_MAX];

	while (runpath.len > 0) {
		struct view part;

		if (!rc_is_ok(view_until(&runpath, ':', &part))) {
			part = runpath;
			runpath = view_of(NULL, 0);
		}
		text_of(part, dir);
		if (library_at(l, dir, name, by, out))
			return true;
	}
	/* Beside who needs it: a library that its program has loaded already is found by its name.
	 */
	if (library_at(l, "$ORIGIN", name, by, out))
		return true;
	for (size_t i = 0; i < sizeof(library_dirs) / sizeof(library_dirs[0]); i++)
		if (library_at(l, library_dirs[i], name, by, out))
			return true;
	return false;
}

static rc check_elf(struct lint *l, const struct elf *e, const char *path, unsigned depth)
{
	struct elf_needs *n = (struct elf_needs *)malloc(sizeof(*n));
	char name[PATH_MAX];
	char found[PATH_MAX];
	struct fault f = {0};
	rc r;

	if (n == NULL)
		return cli_problem(l->c, RC_NOMEM, "", "no memory");
	r = elf_needs_read(e, n, &f);
	if (!rc_is_ok(r)) {
		missing(l, path, "", f.text);
		free(n);
		return OK;
	}
	text_of(n->interp, name);
	if (n->interp.len > 0)
		r = check_path(l, name, path, depth + 1);
	for (size_t i = 0; rc_is_ok(r) && i < n->needed_count; i++) {
		text_of(n->needed[i], name);
		if (!find_library(l, name, n->runpath, path, found))
			missing(l, name, path, "not found on this host");
		else
			r = check_path(l, found, path, depth + 1);
	}
	free(n);
	return r;
}

static rc check_script(struct lint *l, struct view head, const char *path, unsigned depth)
{
	char name[PATH_MAX];
	char found[PATH_MAX];

	text_of(classify_shebang(head), name);
	if (name[0] == '/')
		return check_path(l, name, path, depth + 1);
	if (name[0] == '\0')
		return OK;
	(void)snprintf(found, sizeof(found), "/usr/bin/%s", name); /* for env */
	return check_path(l, found, path, depth + 1);
}

/* ---- One file ---------------------------------------------------------------------------------*/

static rc check_file(struct lint *l, int fd, const char *path, const char *by, unsigned depth)
{
	AUTO(file_map) struct file_map map = {0};
	struct fault f = {0};
	struct digest digest;
	struct view head;
	struct stat st;
	struct elf e;
	unsigned want;
	unsigned have;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return OK;
	CLI_TRY(l->c, &f, file_map_open(fd, &map, &f));
	head = view_of(map.bytes.ptr,
		       map.bytes.len < CLASSIFY_HEAD ? map.bytes.len : CLASSIFY_HEAD);
	want = classify(head, view_str(path), (st.st_mode & 0111) != 0);
	if (want == 0)
		return OK;
	digest = digest_of(map.bytes);
	have = contents_find(l->list, digest.b);
	if (have == LIST_REVOKED)
		missing(l, path, by, "revoked by the list");
	else if ((have & want & ~(unsigned)LIST_INTERPRETER) == 0)
		missing(l, path, by, have == 0 ? "not in the list" : "in the list for another use");
	if (elf_open(map.bytes, &e))
		return check_elf(l, &e, path, depth);
	return check_script(l, head, path, depth);
}

static rc check_dir(struct lint *l, int fd, const char *path, const char *by, unsigned depth)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	rc r = OK;

	if (d == NULL) {
		fd_close(&copy);
		return cli_problem(l->c, RC_IO, "", "%s: %s", path, strerror(errno));
	}
	while (rc_is_ok(r) && (e = readdir(d)) != NULL) {
		char inner[PATH_MAX];

		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(inner, sizeof(inner), "%s%s%s", path,
			       path[strlen(path) - 1] == '/' ? "" : "/", e->d_name);
		r = check_path(l, inner, by, depth + 1);
	}
	(void)closedir(d);
	return r;
}

static rc check_path(struct lint *l, const char *path, const char *by, unsigned depth)
{
	AUTO(fd) int fd = -1;
	struct stat st;
	bool is_new = false;

	TRY(see(l, path, &is_new));
	if (!is_new)
		return OK;
	if (depth > LINT_DEPTH) {
		missing(l, path, by, "not looked at: too many things need each other");
		return OK;
	}
	fd = open_below(l, path);
	if (fd < 0 || fstat(fd, &st) != 0) {
		if (by[0] != '\0')
			missing(l, path, by, strerror(errno));
		return OK;
	}
	return S_ISDIR(st.st_mode) ? check_dir(l, fd, path, path, depth)
				   : check_file(l, fd, path, by, depth);
}

/* ---- The command ------------------------------------------------------------------------------*/

static rc check_all(struct lint *l, const struct args *a)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		TRY(check_path(l, paths[i], i < REQUIRED ? "every host" : "", 0));
	for (size_t i = 0; own_programs[i] != NULL; i++)
		TRY(check_path(l, own_programs[i], "", 0));
	for (int i = 1; i < a->word_count; i++)
		TRY(check_path(l, a->words[i], "you", 0));
	return OK;
}

rc cmd_list_lint(struct cli *c, const struct args *a)
{
	const char *root = args_value(a, "root");
	AUTO(list_input) struct list_input in = {0};
	AUTO(json) json_t *answer = json_object();
	AUTO(lint) struct lint l = {.c = c, .root = -1, .missing = json_array()};
	const json_t *row;
	size_t i;

	(void)json_object_set_new(answer, "missing", l.missing);
	TRY(list_input_open(c, a->words[0], &in));
	if (!in.is_list)
		return cli_problem(c, RC_USAGE, "", "%s: not a list", a->words[0]);
	l.list = in.contents;
	l.root = open(root == NULL ? "/" : root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l.root < 0)
		return cli_problem(c, RC_IO, "", "%s: %s", root == NULL ? "/" : root,
				   strerror(errno));
	TRY(check_all(&l, a));
	(void)json_object_set_new(answer, "checked", json_integer((json_int_t)l.seen_count));
	c->exit = json_array_size(l.missing) == 0 ? EXIT_DONE : EXIT_ERROR;
	if (cli_print_json(c, answer))
		return OK;
	json_array_foreach(l.missing, i, row)(void)
		printf("%s: %s%s%s\n", json_text(row, "path"), json_text(row, "why"),
		       json_text(row, "needed_by")[0] == '\0' ? "" : ", needed by ",
		       json_text(row, "needed_by"));
	(void)printf("%zu files looked at, %zu would not run\n", l.seen_count,
		     json_array_size(l.missing));
	return OK;
}
