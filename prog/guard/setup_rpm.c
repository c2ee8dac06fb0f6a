#include "prog/guard/setup_rpm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/guard/run.h"

#define MACRO_DIR "/etc/rpm"
#define MACRO_FILE MACRO_DIR "/macros.greatseal"
/* rpm takes what it calls a plugin by this name alone. */
#define LINK_NAME "/greatseal.so"
#define TEXT_MAX 16384

/* ---- What rpm thinks ------------------------------------------------------------------------*/

/* A macro's value, without the end of the line. */
static rc eval(const char *expression, char out[PATH_MAX], struct fault *f)
{
	const char *const argv[] = {RPM_PROGRAM, "--eval", expression, NULL};
	AUTO(buf) struct buf text = {0};
	struct view rest, line;

	buf_init(&text, TEXT_MAX);
	TRY(run_read(argv, &text, f));
	rest = buf_view(&text);
	if (!rc_is_ok(view_until(&rest, '\n', &line)) || rest.len > 0 || line.len >= PATH_MAX ||
	    memchr(line.ptr, 0, line.len) != NULL)
		return fault_set(f, RC_PEER, 0, "rpm --eval: not a line");
	memcpy(out, line.ptr, line.len);
	out[line.len] = '\0';
	return OK;
}

static rc plugin_dir(char out[PATH_MAX], struct fault *f)
{
	TRY(eval("%{__plugindir}", out, f));
	return out[0] == '/' ? OK : fault_set(f, RC_UNSUPPORTED, 0, "rpm names no __plugindir");
}

static rc link_path(char out[PATH_MAX], struct fault *f)
{
	TRY(plugin_dir(out, f));
	if (strlen(out) + sizeof(LINK_NAME) > PATH_MAX)
		return fault_set(f, RC_LIMIT, 0, "rpm's __plugindir is too long");
	(void)strcat(out, LINK_NAME);
	return OK;
}

enum rpm_door setup_rpm_state(const char *self)
{
	char link[PATH_MAX], is[PATH_MAX], want[2 * PATH_MAX];

	if (access(RPM_PROGRAM, F_OK) != 0)
		return RPM_DOOR_NONE;
	(void)snprintf(want, sizeof(want), GS_RPM_PLUGIN " %s", self);
	return rc_is_ok(link_path(link, NULL)) && access(link, F_OK) == 0 &&
			       access(GS_RPM_PLUGIN, F_OK) == 0 &&
			       rc_is_ok(eval("%{?__transaction_greatseal}", is, NULL)) &&
			       strcmp(is, want) == 0
		       ? RPM_DOOR_GUARDED
		       : RPM_DOOR_OPEN;
}

/* ---- Our two files --------------------------------------------------------------------------*/

static bool is_ours(const char *link)
{
	char to[PATH_MAX];
	ssize_t n = readlink(link, to, sizeof(to) - 1);

	if (n < 0)
		return false;
	to[n] = '\0';
	return strcmp(to, GS_RPM_PLUGIN) == 0;
}

static rc add_link(struct fault *f)
{
	char link[PATH_MAX], dir[PATH_MAX];

	TRY(plugin_dir(dir, f));
	TRY(link_path(link, f));
	if (is_ours(link) || strcmp(link, GS_RPM_PLUGIN) == 0)
		return OK;
	TRY(dir_make(dir, 0755, f));
	if (symlink(GS_RPM_PLUGIN, link) != 0)
		return fault_errno(f, errno, "%s", link);
	(void)printf("%s: rpm finds the plugin\n", link);
	return OK;
}

static rc add_macro(const char *self, struct fault *f)
{
	const struct file_spec spec = {
		.dirfd = AT_FDCWD, .name = MACRO_FILE, .mode = 0644, .durable = true};
	AUTO(buf) struct buf text = {0};
	AUTO(buf) struct buf before = {0};

	buf_init(&text, TEXT_MAX);
	buf_init(&before, TEXT_MAX);
	buf_put_str(&text, "# By `greatseal-guard setup`; `greatseal-guard setup --remove` takes "
			   "it away.\n");
	buf_printf(&text, "%%__transaction_greatseal " GS_RPM_PLUGIN " %s\n", self);
	TRY(buf_done(&text));
	if (rc_is_ok(file_read(MACRO_FILE, &before, NULL)) &&
	    view_is_equal(buf_view(&before), buf_view(&text)))
		return OK;
	TRY(dir_make(MACRO_DIR, 0755, f));
	TRY(file_replace(&spec, buf_view(&text), f));
	(void)printf(MACRO_FILE ": rpm asks before it installs\n");
	return OK;
}

rc setup_rpm_add(const char *self, struct fault *f)
{
	if (access(RPM_PROGRAM, F_OK) != 0)
		return OK;
	if (access(GS_RPM_PLUGIN, F_OK) != 0)
		return fault_set(f, RC_NOTFOUND, 0, GS_RPM_PLUGIN " is not installed");
	/* The link first: rpm stops at a plugin that it is told of and cannot load. */
	TRY(add_link(f));
	return add_macro(self, f);
}

rc setup_rpm_remove(struct fault *f)
{
	char link[PATH_MAX];

	if (unlink(MACRO_FILE) == 0)
		(void)printf(MACRO_FILE ": gone\n");
	else if (errno != ENOENT)
		return fault_errno(f, errno, MACRO_FILE);
	if (access(RPM_PROGRAM, F_OK) != 0)
		return OK;
	TRY(link_path(link, f));
	if (!is_ours(link))
		return OK;
	if (unlink(link) != 0)
		return fault_errno(f, errno, "%s", link);
	(void)printf("%s: gone\n", link);
	return OK;
}
