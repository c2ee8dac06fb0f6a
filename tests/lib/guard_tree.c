#include "tests/lib/guard_tree.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"

#define OUT 65536

static struct guard_world *world;
static char out[OUT]; /* what the last command in the tree printed */

void tree_of(struct guard_world *w)
{
	world = w;
	(void)snprintf(w->state, sizeof(w->state), "%s/var/lib/greatseal-approved", w->mount);
	(void)snprintf(w->records, sizeof(w->records), "%s/records", w->state);
	(void)snprintf(w->socket, sizeof(w->socket), "%s/run/greatseal-guard/control", w->mount);
}

/* ---- Commands, here and in the tree ---------------------------------------------------------*/

int tree_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

int here(const char *fmt, ...)
{
	char command[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return tree_status(system(command));
}

pid_t start_in_tree(const char *command, int in, const char *log)
{
	pid_t pid = fork();
	int fd;

	fx_check(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || chroot(world->mount) != 0 || chdir("/") != 0)
		_exit(99);
	(void)dup2(in, 0);
	(void)dup2(fd, 1);
	(void)dup2(fd, 2);
	(void)clearenv();
	(void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	(void)setenv("DEBIAN_FRONTEND", "noninteractive", 1);
	(void)setenv("LC_ALL", "C", 1);
	(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(98);
}

int in_tree(const char *command)
{
	AUTO(fd) int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	AUTO(buf) struct buf text = {0};
	char log[100];
	int status;
	pid_t pid;

	(void)snprintf(log, sizeof(log), "%s/out", world->top);
	pid = start_in_tree(command, null, log);
	fx_check(waitpid(pid, &status, 0) == pid);
	buf_init(&text, OUT - 1);
	fx_ok(file_read(log, &text, NULL));
	(void)snprintf(out, sizeof(out), "%s", buf_cstr(&text));
	if (getenv("VERBOSE") != NULL)
		(void)printf("# %s -> %d\n%s\n", command, tree_status(status), out);
	return tree_status(status);
}

bool works(const char *command)
{
	int status = in_tree(command);

	if (status != 0)
		(void)printf("exit %d: %s\n%s\n", status, command, out);
	return status == 0;
}

bool says(const char *text)
{
	if (strstr(out, text) != NULL)
		return true;
	(void)printf("no \"%s\" in:\n%s\n", text, out);
	return false;
}

const char *tree_output(void)
{
	return out;
}

bool there(const char *path)
{
	char full[300];
	struct stat st;

	(void)snprintf(full, sizeof(full), "%s%s", world->mount, path);
	return lstat(full, &st) == 0;
}

/* ---- The tree -------------------------------------------------------------------------------*/

/* The package's record, as the client makes it, signed and put where the guard takes it. */
void approve_package_with(const char *options, const char *dir, const char *name)
{
	AUTO(buf) struct buf record = {0};
	AUTO(buf) struct buf proof = {0};
	struct file_spec spec = {.dirfd = AT_FDCWD, .mode = 0600};
	const char *build = getenv("BUILD");
	char path[200];

	fx_check(here("mkdir -p %s/rec; GREATSEAL_WORKER=%s/prog/worker/greatseal-worker "
		      "%s/prog/cli/greatseal list record %s -o %s/rec %s/%s/%s >/dev/null",
		      world->top, build, build, options, world->top, world->mount, dir, name) == 0);
	(void)snprintf(path, sizeof(path), "%s/rec/%s.record", world->top, name);
	buf_init(&record, 1 << 24);
	buf_init(&proof, 1 << 24);
	fx_ok(file_read(path, &record, NULL));
	list_maker_prove(&world->maker, buf_view(&record), PACKAGE_RECORD_FORMAT, &proof);
	(void)snprintf(path, sizeof(path), "%s/%s.record", world->records, name);
	spec.name = path;
	fx_ok(file_replace(&spec, buf_view(&record), NULL));
	(void)strcat(path, ".greatseal");
	fx_ok(file_replace(&spec, buf_view(&proof), NULL));
}

void approve_package(const char *dir, const char *name)
{
	approve_package_with("", dir, name);
}

/* All that runs in the tree, with the classes that `greatseal list build` sees. */
void approve_tree(const char *const *below)
{
	AUTO(buf) struct buf bytes = {0};
	const char *build = getenv("BUILD");
	char path[200], paths[1000] = "";
	struct list list;
	size_t n = 0;

	for (; *below != NULL; below++)
		n += (size_t)snprintf(paths + n, sizeof(paths) - n, " %s/%s", world->mount, *below);
	fx_check(n < sizeof(paths));
	(void)snprintf(path, sizeof(path), "%s/tree.list", world->top);
	fx_check(here("GREATSEAL_WORKER=%s/prog/worker/greatseal-worker %s/prog/cli/greatseal list "
		      "build -o %s --name tree --group g --origin log.example --no-names --root %s "
		      "%s >/dev/null",
		      build, build, path, world->mount, paths) == 0);
	buf_init(&bytes, 1 << 24);
	fx_ok(file_read(path, &bytes, NULL));
	fx_ok(list_open(buf_view(&bytes), &list, NULL));
	fx_check(world->count + list.contents.count <= GW_RECORDS);
	for (size_t i = 0; i < list.contents.count; i++) {
		struct content *c = &world->record[world->count++];

		*c = (struct content){.classes = list.contents.classes[i]};
		memcpy(c->digest.b, contents_digest(&list.contents, i), DIGEST_SIZE);
	}
}

void tree_conf(void)
{
	struct file_spec spec = {.dirfd = AT_FDCWD, .mode = 0600};
	char path[200], text[2000];

	(void)snprintf(path, sizeof(path), "%s/etc/greatseal/guard.conf", world->mount);
	(void)snprintf(text, sizeof(text),
		       "log-key = %s\nlist-key = %s\ngroup = %s\nmount = all\ngrace = 0s\n",
		       world->log_key, world->list_key, LIST_MAKER_GROUP);
	spec.name = path;
	fx_ok(file_replace(&spec, view_str(text), NULL));
}
