#include "prog/guard/setup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"

#define APT_DIR "/etc/apt/apt.conf.d"
#define APT_FILE APT_DIR "/05greatseal-guard"
#define DPKG_CFG "/etc/dpkg/dpkg.cfg"
#define DPKG_CFG_DIR "/etc/dpkg/dpkg.cfg.d"
#define BACKUP ".before-greatseal"
#define CFG_BYTES ((size_t)1 << 20)
#define SLOT "/usr/bin/" GATE_SLOT
#define SLOT_ASIDE SLOT ".distrib"
/* In front of a line of dpkg's configuration that is not to count. */
#define MARK "# greatseal-guard: "

extern char **environ;

/* ---- dpkg's configuration -------------------------------------------------------------------*/

/* These switch the check of archives off, or ignore what it says. */
static bool switches_off(struct view line)
{
	while (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
		line = view_of(line.ptr + 1, line.len - 1);
	while (line.len > 0 && line.ptr[line.len - 1] <= ' ')
		line.len--;
	return view_is(line, "no-debsig") || view_is(line, "force-bad-verify");
}

static bool is_marked(struct view line)
{
	return line.len > strlen(MARK) && memcmp(line.ptr, MARK, strlen(MARK)) == 0 &&
	       switches_off(view_of(line.ptr + strlen(MARK), line.len - strlen(MARK)));
}

/* The text with those lines marked, or without the marks; how many there were. */
static size_t rewrite(struct view text, bool mark, struct buf *out)
{
	size_t n = 0;

	while (text.len > 0) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len);
		size_t len = end == NULL ? text.len : (size_t)(end - text.ptr) + 1;
		struct view line = view_of(text.ptr, len);

		text = view_of(text.ptr + len, text.len - len);
		if (mark && switches_off(line)) {
			buf_put_str(out, MARK);
			n++;
		} else if (!mark && is_marked(line)) {
			line = view_of(line.ptr + strlen(MARK), len - strlen(MARK));
			n++;
		}
		buf_put_view(out, line);
	}
	return n;
}

static rc change_file(const char *path, bool mark, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf out = {0};
	struct file_spec spec = {.dirfd = AT_FDCWD, .name = path, .mode = 0644, .durable = true};
	char backup[400];
	struct stat st;
	size_t n;
	rc r;

	buf_init(&text, CFG_BYTES);
	buf_init(&out, 2 * CFG_BYTES);
	r = file_read(path, &text, f);
	if (r.code == RC_NOTFOUND)
		return OK;
	TRY(r);
	n = rewrite(buf_view(&text), mark, &out);
	TRY(buf_done(&out));
	if (n == 0)
		return OK;
	if (stat(path, &st) == 0)
		spec.mode = st.st_mode & 07777;
	(void)snprintf(backup, sizeof(backup), "%s" BACKUP, path);
	if (mark) {
		spec.name = backup;
		TRY(file_replace(&spec, buf_view(&text), f));
		spec.name = path;
	}
	TRY(file_replace(&spec, buf_view(&out), f));
	if (!mark)
		(void)unlink(backup);
	(void)printf("%s: archives are %s%s%s\n", path,
		     mark ? "checked again (no-debsig is a comment; before: "
			  : "not checked, as before",
		     mark ? backup : "", mark ? ")" : "");
	return OK;
}

/* dpkg reads names of these characters alone, so a backup beside them does not count. */
static bool is_part(const char *name)
{
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
	       strlen(name);
}

static rc each_part(rc (*fn)(const char *path, void *ctx, struct fault *f), void *ctx,
		    struct fault *f)
{
	DIR *dir;
	const struct dirent *e;
	char path[300 + sizeof(DPKG_CFG_DIR)];
	rc r = fn(DPKG_CFG, ctx, f);

	if (!rc_is_ok(r) || (dir = opendir(DPKG_CFG_DIR)) == NULL)
		return r;
	while (rc_is_ok(r) && (e = readdir(dir)) != NULL) {
		if (!is_part(e->d_name))
			continue;
		(void)snprintf(path, sizeof(path), DPKG_CFG_DIR "/%s", e->d_name);
		r = fn(path, ctx, f);
	}
	(void)closedir(dir);
	return r;
}

static rc change_part(const char *path, void *ctx, struct fault *f)
{
	return change_file(path, *(const bool *)ctx, f);
}

static rc look_at_part(const char *path, void *ctx, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf out = {0};
	bool *off = ctx;
	rc r;

	buf_init(&text, CFG_BYTES);
	buf_init(&out, 2 * CFG_BYTES);
	r = file_read(path, &text, f);
	if (rc_is_ok(r) && rewrite(buf_view(&text), true, &out) > 0)
		*off = true;
	return r.code == RC_NOTFOUND ? OK : r;
}

/* ---- The slot -------------------------------------------------------------------------------*/

static rc own_path(char out[PATH_MAX], struct fault *f)
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);

	if (n <= 0)
		return fault_errno(f, errno, "/proc/self/exe");
	out[n] = '\0';
	/* It goes into apt's configuration and a shell. */
	if (out[0] != '/' || strspn(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789_-./") != strlen(out))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "this program's path has characters that a shell would read");
	return OK;
}

static bool is_ours(const char *self)
{
	char to[PATH_MAX];
	ssize_t n = readlink(SLOT, to, sizeof(to) - 1);

	if (n <= 0)
		return false;
	to[n] = '\0';
	return strcmp(to, self) == 0;
}

/* So that the package debsig-verify, if it comes, does not put its program over ours. */
static rc divert(bool add, struct fault *f)
{
	const char *const argv[] = {"dpkg-divert",
				    "--local",
				    "--rename",
				    "--quiet",
				    "--divert",
				    SLOT_ASIDE,
				    add ? "--add" : "--remove",
				    SLOT,
				    NULL};
	int status;
	pid_t pid;
	int e = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ);

	if (e != 0)
		return fault_errno(f, e, "dpkg-divert");
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return fault_set(f, RC_IO, 0, "dpkg-divert failed; see above");
	return OK;
}

static rc fill_slot(const char *self, bool checked, struct fault *f)
{
	struct stat st;

	if (is_ours(self))
		return OK;
	if (lstat(SLOT, &st) == 0 && checked)
		return fault_set(f, RC_STATE, 0,
				 SLOT " is at work here and would no longer be asked: put "
				      "no-debsig into " DPKG_CFG
				      " or remove its package, then run setup again");
	TRY(divert(true, f));
	(void)unlink(SLOT ".new");
	if (symlink(self, SLOT ".new") != 0 || rename(SLOT ".new", SLOT) != 0)
		return fault_errno(f, errno, SLOT);
	(void)printf(SLOT ": dpkg asks %s about each archive\n", self);
	return OK;
}

static rc empty_slot(const char *self, struct fault *f)
{
	if (!is_ours(self))
		return OK;
	if (unlink(SLOT) != 0)
		return fault_errno(f, errno, SLOT);
	TRY(divert(false, f));
	(void)printf(SLOT ": gone\n");
	return OK;
}

/* ---- apt ------------------------------------------------------------------------------------*/

static rc add_hook(const char *self, struct fault *f)
{
	const struct file_spec spec = {
		.dirfd = AT_FDCWD, .name = APT_FILE, .mode = 0644, .durable = true};
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf before = {0};

	if (access(APT_DIR, F_OK) != 0)
		return printf("no apt here: dpkg alone is guarded\n") > 0 ? OK : RC(RC_IO);
	buf_init(&text, 16384);
	buf_init(&before, 16384);
	buf_put_str(&text, "// By `greatseal-guard setup`; `greatseal-guard setup --remove` takes "
			   "it away.\n");
	buf_printf(&text, "DPkg::Pre-Install-Pkgs { \"%s gate apt\"; };\n", self);
	buf_printf(&text, "DPkg::Tools::Options::%s::Version \"3\";\n", self);
	buf_printf(&text, "DPkg::Tools::Options::%s::InfoFD \"9\";\n", self);
	buf_printf(&text, "DPkg::Post-Invoke { \"%s tidy || true\"; };\n", self);
	TRY(buf_done(&text));
	if (rc_is_ok(file_read(APT_FILE, &before, NULL)) &&
	    view_is_equal(buf_view(&before), buf_view(&text)))
		return OK;
	TRY(file_replace(&spec, buf_view(&text), f));
	(void)printf(APT_FILE ": apt asks before it installs\n");
	return OK;
}

static rc remove_hook(struct fault *f)
{
	if (unlink(APT_FILE) == 0)
		return printf(APT_FILE ": gone\n") > 0 ? OK : RC(RC_IO);
	return errno == ENOENT ? OK : fault_errno(f, errno, APT_FILE);
}

/* ---- All of it ------------------------------------------------------------------------------*/

void setup_state(struct setup_state *ret)
{
	char self[PATH_MAX];
	bool off = false, known = rc_is_ok(own_path(self, NULL));

	ret->apt = access(APT_FILE, F_OK) == 0;
	ret->dpkg = known && is_ours(self) && rc_is_ok(each_part(look_at_part, &off, NULL)) && !off;
	ret->rpm = setup_rpm_state(known ? self : "");
}

static rc dpkg_add(const char *self, struct fault *f)
{
	bool off = false, mark = true;

	TRY(each_part(look_at_part, &off, f));
	TRY(fill_slot(self, !off, f));
	TRY(each_part(change_part, &mark, f));
	return add_hook(self, f);
}

static rc dpkg_remove(const char *self, struct fault *f)
{
	bool mark = false;

	TRY(remove_hook(f));
	TRY(each_part(change_part, &mark, f));
	return empty_slot(self, f);
}

rc verb_setup(const struct conf *c, const struct words *w, struct fault *f)
{
	bool remove = w->count == 1 && strcmp(w->at[0], "--remove") == 0;
	bool dpkg = access("/usr/bin/dpkg", F_OK) == 0, rpm = access(RPM_PROGRAM, F_OK) == 0;
	char self[PATH_MAX];
	rc r;

	(void)c;
	if (w->count > 0 && !remove)
		return fault_set(f, RC_USAGE, 0, "setup, or setup --remove");
	if (!dpkg && !rpm)
		return fault_set(f, RC_UNSUPPORTED, 0, "there is neither dpkg nor rpm here");
	(void)umask(0022); /* what others read, too */
	TRY(own_path(self, f));
	if (remove) {
		if (dpkg)
			TRY(dpkg_remove(self, f));
		return setup_rpm_remove(f);
	}
	if (dpkg)
		TRY(dpkg_add(self, f));
	r = setup_rpm_add(self, f);
	if (!dpkg || r.code != RC_NOTFOUND)
		return r;
	/* On a machine of dpkg's, rpm is a tool among others. */
	(void)fprintf(stderr, "greatseal-guard: rpm is here and will not ask: %s\n",
		      f == NULL ? "" : f->text);
	return OK;
}
