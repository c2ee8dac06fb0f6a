/* request_package - from a package that a host refused to a request for its record's signature.
 *
 * Owns: getting the archives (apt-get or dnf download), their records, what the request says. Must
 * not own: reading packages (list_source.c), requests (submit.c), hosts (greatseal-guard take). */
#include "prog/cli/request_package.h"
#include "prog/cli/fetch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "prog/cli/answer.h"
#include "prog/cli/bundle.h"
#include "prog/cli/list.h"
#include "prog/cli/submit.h"

#define PACKAGES_MAX 1024
#define KEY_DEFAULT "packages"

struct packages {
	char temp[64]; /* what was fetched lies here; "": nothing was */
	char *record[PACKAGES_MAX];
	char label[PACKAGES_MAX][100]; /* "hello 2.10-3 amd64" */
	int count;
};

static void remove_temp(const char *path)
{
	DIR *dir = path[0] == '\0' ? NULL : opendir(path);
	const struct dirent *e;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	(void)closedir(dir);
	(void)rmdir(path);
}

static void packages_free(struct packages **p)
{
	if (*p == NULL)
		return;
	for (int i = 0; i < (*p)->count; i++)
		free((*p)->record[i]);
	remove_temp((*p)->temp);
	free(*p);
}

/* ---- Archives -------------------------------------------------------------------------------*/

static bool path_has(const char *path, const char *program)
{
	char whole[PATH_MAX];

	for (size_t n; *path != '\0'; path += n + (path[n] == ':')) {
		n = strcspn(path, ":");
		if ((size_t)snprintf(whole, sizeof(whole), "%.*s/%s", (int)n, path, program) <
			    sizeof(whole) &&
		    access(whole, X_OK) == 0)
			return true;
	}
	return false;
}

/* What fetches packages by their names, into the directory in which it runs. */
static const struct manager {
	const char *name;
	const char *word[4]; /* the command; names come behind it */
	const char *refresh;
} managers[] = {
	{"apt", {"apt-get", "--quiet", "download", NULL}, "apt-get update"},
	{"dnf", {"dnf", "--quiet", "download", NULL}, "dnf makecache"},
};

/* The one that is named, or the first that is here. NULL: there is no such one. */
static const struct manager *manager_of(const char *name)
{
	const char *path = getenv("PATH");

	for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++) {
		if (name != NULL && strcmp(name, managers[i].name) == 0)
			return &managers[i];
		if (name == NULL && path != NULL && path_has(path, managers[i].word[0]))
			return &managers[i];
	}
	return name == NULL ? &managers[0] : NULL;
}

/* A path, and no name for apt: as apt itself tells them apart. */
static bool is_file(const char *word)
{
	return strchr(word, '/') != NULL || access(word, F_OK) == 0;
}

/* NAME, NAME:ARCHITECTURE, NAME=VERSION, of rpm NAME-EPOCH:VERSION-RELEASE.ARCHITECTURE: nothing
 * that is taken for an option or a pattern. */
static bool is_package(const char *word)
{
	return word[0] != '-' && word[0] != '\0' &&
	       strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "+.:~=_^-") == strlen(word);
}

static _Noreturn void run_manager(const struct manager *m, const char *dir,
				  const char *const *names, int count)
{
	const char **argv = calloc((size_t)count + 4, sizeof(*argv));

	/* Its talk is not our data. */
	if (argv == NULL || chdir(dir) != 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(99);
	memcpy(argv, m->word, 3 * sizeof(*argv));
	for (int i = 0; i < count; i++)
		argv[3 + i] = names[i];
	(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(errno == ENOENT ? 98 : 99);
}

/* The archives of these packages as the manager's own sources have them, checked by it. */
static rc download(struct cli *c, struct packages *p, const char *const *names, int count)
{
	const struct manager *m = manager_of(args_value(c->args, "with"));
	struct fault f = {0};
	int status;
	pid_t pid;

	if (m == NULL)
		return cli_problem(c, RC_USAGE, "", "--with: apt or dnf");
	CLI_TRY(c, &f, dir_temp("/tmp/greatseal-packages", p->temp, sizeof(p->temp), &f));
	pid = fork();
	if (pid < 0)
		return cli_problem(c, RC_NOMEM, "", "fork: %s", strerror(errno));
	if (pid == 0)
		run_manager(m, p->temp, names, count);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) == 98)
		return cli_problem(c, RC_NOTFOUND, "name .deb or .rpm files instead",
				   "%s cannot be run", m->word[0]);
	if (WEXITSTATUS(status) != 0)
		return cli_problem(c, RC_NOTFOUND, m->refresh,
				   "%s download failed; what it said is above", m->word[0]);
	return OK;
}

/* ---- Records --------------------------------------------------------------------------------*/

static rc add_record(struct cli *c, struct packages *p, const char *package, const char *dir)
{
	struct package_record_header h;
	AUTO(buf) struct buf bytes = {0};
	struct file_spec spec = {.dirfd = AT_FDCWD, .mode = 0644, .durable = false};
	struct fault f = {0};
	char path[PATH_MAX];

	if (p->count == PACKAGES_MAX)
		return cli_problem(c, RC_USAGE, "ask for them in two commands",
				   "more than %d packages", PACKAGES_MAX);
	buf_init(&bytes, CONTENTS_BYTES_MAX);
	TRY(list_record_of(c, package, &h, &bytes));
	/* The name says the product that it is compared with: package-NAME. */
	(void)snprintf(path, sizeof(path), "%s/package-%s_%s_%s.record", dir, h.name, h.version,
		       h.architecture);
	spec.name = path;
	CLI_TRY(c, &f, file_replace(&spec, buf_view(&bytes), &f));
	(void)snprintf(p->label[p->count], sizeof(p->label[0]), "%s %s %s", h.name, h.version,
		       h.architecture);
	p->record[p->count] = strdup(path);
	if (p->record[p->count] == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	p->count++;
	return OK;
}

static rc add_downloaded(struct cli *c, struct packages *p, const char *dir)
{
	DIR *list = opendir(p->temp);
	const struct dirent *e;
	char path[sizeof(p->temp) + NAME_MAX + 2];
	rc r = OK;

	if (list == NULL)
		return cli_problem(c, RC_IO, "", "%s: %s", p->temp, strerror(errno));
	while (rc_is_ok(r) && (e = readdir(list)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", p->temp, e->d_name);
		r = add_record(c, p, path, dir);
	}
	(void)closedir(list);
	return r;
}

static rc make_records(struct cli *c, const struct args *a, const char *dir, struct packages *p)
{
	const char *names[PACKAGES_MAX];
	struct fault f = {0};
	int count = 0;

	CLI_TRY(c, &f, dir_make(dir, 0755, &f));
	for (int i = 0; i < a->word_count; i++) {
		const char *word = a->words[i];

		if (is_file(word)) {
			TRY(add_record(c, p, word, dir));
			continue;
		}
		if (!is_package(word) || count == PACKAGES_MAX)
			return cli_problem(c, RC_USAGE, "",
					   "%s: neither a file nor a package (NAME, NAME=VERSION)",
					   word);
		names[count++] = word;
	}
	if (count == 0)
		return OK;
	TRY(download(c, p, names, count));
	return add_downloaded(c, p, dir);
}

/* ---- Requests -------------------------------------------------------------------------------*/

static void give(struct args *a, const struct option *o, const char *value)
{
	if (args_value(a, o->name) != NULL || a->count == ARGS_OPTIONS_MAX)
		return;
	a->given[a->count].option = o;
	a->given[a->count++].value = value;
}

/* "to install hello 2.10-3 amd64, libx 1 all and 3 more" */
static void write_reason(const struct packages *p, int first, int count, char *out, size_t cap)
{
	size_t n = (size_t)snprintf(out, cap, "to install");
	int i = 0;

	for (; i < count && n + sizeof(p->label[0]) + 20 < cap; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s %s", i > 0 ? "," : "",
				      p->label[first + i]);
	if (i < count)
		(void)snprintf(out + n, cap - n, " and %d more", count - i);
}

/* One request for some of the records. */
static rc ask(struct cli *c, const struct args *a, struct packages *p, int first, int count,
	      const char *dir, json_t **ret)
{
	static const struct option key = {"key", "NAME", "", false};
	static const struct option output = {"output", "DIR", "", false};
	static const struct option message = {"message", "TEXT", "", false};
	char reason[REQUEST_REASON_MAX + 1];
	struct args sub = *a;

	sub.words = p->record + first;
	sub.word_count = count;
	write_reason(p, first, count, reason, sizeof(reason));
	give(&sub, &key, KEY_DEFAULT);
	give(&sub, &output, dir);
	give(&sub, &message, reason);
	return submit_request(c, &sub, args_has(a, "wait"), ret);
}

static void say_next(const struct cli *c, const struct packages *p, int first, int count,
		     const char *dir, const json_t *status)
{
	const char *id = json_text(status, "request");
	enum exit_code exit = answer_exit(status);

	if (exit != EXIT_WAITING && exit != EXIT_DONE)
		return;
	cli_say(c, "%sa guard with an agent fetches the record by itself; without one:",
		exit == EXIT_WAITING ? "when it is approved, " : "");
	if (exit == EXIT_WAITING)
		cli_say(c, "  greatseal fetch %.16s --output %s", id, dir);
	cli_say(c, "  sudo greatseal-guard take \\");
	for (int i = first; i < first + count; i++)
		cli_say(c, "    %s%s", p->record[i], i + 1 < first + count ? " \\" : "");
}

rc cmd_request_package(struct cli *c, const struct args *a)
{
	const char *dir = args_value(a, "output") != NULL ? args_value(a, "output") : FETCH_DIR;
	__attribute__((cleanup(packages_free))) struct packages *p = calloc(1, sizeof(*p));
	AUTO(json) json_t *all = json_array();

	if (p == NULL || all == NULL)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	TRY(make_records(c, a, dir, p));
	/* A guard does not read proofs of larger requests. */
	for (int i = 0; i < p->count; i += (int)BUNDLE_WHOLE_MAX) {
		int n = p->count - i < (int)BUNDLE_WHOLE_MAX ? p->count - i : (int)BUNDLE_WHOLE_MAX;
		json_t *status = NULL;
		enum exit_code exit;

		TRY(ask(c, a, p, i, n, dir, &status));
		(void)json_array_append_new(all, status);
		exit = answer_exit(status);
		/* A request that is safely with the keeper and waits for people is a success. */
		if (exit == EXIT_WAITING && !args_has(a, "wait"))
			exit = EXIT_DONE;
		if (exit != EXIT_DONE)
			c->exit = exit;
		if (!c->json)
			answer_print_status(c, status);
		say_next(c, p, i, n, dir, status);
	}
	(void)cli_print_json(c, all);
	return OK;
}
