#include "prog/cli/list_vendor_files.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/stream.h"
#include "prog/cli/inspect.h"
#include "prog/cli/list_rpm.h"

/* ---- Authenticode ---------------------------------------------------------------------------*/

static rc open_file(struct cli *c, const char *path, int *ret)
{
	*ret = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return *ret >= 0 ? OK : cli_problem(c, RC_IO, "", "%s: %s", path, strerror(errno));
}

static rc verify_image(struct cli *c, const char *path, int fd, int roots)
{
	char now[TIME_TEXT] = "";
	const char *args[] = {"verify", "--in", "3", "--format", "pe", "--roots", "4", "--at", now};
	const struct worker_fd fds[] = {{.number = 3, .fd = fd}, {.number = 4, .fd = roots}};
	const struct worker_job job = {.args = args,
				       .arg_count = sizeof(args) / sizeof(args[0]),
				       .fds = fds,
				       .fd_count = 2};
	AUTO(json) json_t *report = NULL;

	TRY(time_format(clock_now(&clock_system), now));
	if (rc_is_ok(local_worker(c, &job, path, &report)) &&
	    json_is_true(json_object_get(report, "trusted")))
		return OK;
	return cli_problem(c, RC_BADSIG, "greatseal-worker verify says why",
			   "%s: no Authenticode signature under these certificates", path);
}

rc vendor_image(struct gather *g, const char *path, const char *roots)
{
	AUTO(fd) int root_fd = -1;
	AUTO(fd) int fd = -1;
	struct fault f = {0};
	struct digest d;
	struct hash h;

	TRY(open_file(g->c, path, &fd));
	TRY(open_file(g->c, roots, &root_fd));
	TRY(verify_image(g->c, path, fd, root_fd));
	CLI_TRY(g->c, &f, stream_digest(fd, HASH_SHA256, &h, &f));
	memcpy(d.b, h.b, DIGEST_SIZE);
	g->files++;
	/* A loader of such images opens both kinds alike. */
	return gather_add(g, &d, LIST_PROGRAM | LIST_LIBRARY, NULL, path);
}

/* ---- OpenPGP --------------------------------------------------------------------------------*/

/* False: there is none beside it. */
static bool find_signature(const char *path, char out[PATH_MAX])
{
	static const char *const ends[] = {".asc", ".sig"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (snprintf(out, PATH_MAX, "%s%s", path, ends[i]) < PATH_MAX &&
		    access(out, R_OK) == 0)
			return true;
	return false;
}

/* True if gpgv is content. */
static rc run_gpgv(struct cli *c, const char *keyring, const char *signature, const char *path,
		   bool *ret)
{
	char *argv[] = {"gpgv",
			"--keyring",
			(char *)(uintptr_t)keyring,
			"--",
			(char *)(uintptr_t)signature,
			(char *)(uintptr_t)path,
			NULL};
	posix_spawn_file_actions_t actions;
	int status = 1;
	pid_t pid;
	int e;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	e = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (e == 0)
		e = posix_spawnp(&pid, "gpgv", &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (e != 0)
		return cli_problem(c, RC_IO, "install gpgv", "gpgv cannot be started: %s",
				   strerror(e));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	*ret = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return OK;
}

rc vendor_detached(struct cli *c, const char *path, const char *keyring, const char *shown)
{
	char signature[PATH_MAX];
	char ring[PATH_MAX];
	char file[PATH_MAX];
	char beside[PATH_MAX];
	bool good = false;

	if (!find_signature(path, signature))
		return cli_problem(c, RC_BADSIG, "", "%s: there is no %s.asc or .sig", shown,
				   shown);
	/* gpgv looks for other names of keyrings at home. */
	if (realpath(keyring, ring) == NULL)
		return cli_problem(c, RC_IO, "", "%s: %s", keyring, strerror(errno));
	if (realpath(path, file) == NULL || realpath(signature, beside) == NULL)
		return cli_problem(c, RC_IO, "", "%s: %s", path, strerror(errno));
	TRY(run_gpgv(c, ring, beside, file, &good));
	return good ? OK
		    : cli_problem(c, RC_BADSIG, "gpgv --keyring KEYRING SIGNATURE FILE says why",
				  "%s: not signed by a key of %s", shown, keyring);
}

/* An rpm that carries its signature: over its header, which stands for all of it. */
static rc signed_rpm(struct gather *g, const char *path, const char *keyring, const char *dir)
{
	struct package_record_header header;
	struct digest is;
	char file[PATH_MAX];
	rc r = list_rpm_signature(g->c, path, dir, &is);

	if (r.code == RC_NOTFOUND)
		return cli_problem(g->c, RC_BADSIG, "",
				   "%s: there is no %s.asc or .sig, and no signature in it", path,
				   path);
	TRY(r);
	(void)snprintf(file, sizeof(file), "%s/header", dir);
	TRY(vendor_detached(g->c, file, keyring, path));
	/* Who signed the header has signed the payload that it names, which is looked at here. */
	TRY(gather_package(g, path, &header));
	return digest_is_equal(&header.header, &is)
		       ? OK
		       : cli_problem(g->c, RC_MISMATCH, "", "%s: has changed meanwhile", path);
}

static rc with_temp(struct gather *g, const char *path, const char *keyring)
{
	static const char *const names[] = {"header", "header.sig"};
	struct fault f = {0};
	char dir[64], file[100];
	rc r;

	CLI_TRY(g->c, &f, dir_temp("/tmp/greatseal-rpm", dir, sizeof(dir), &f));
	r = signed_rpm(g, path, keyring, dir);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(file, sizeof(file), "%s/%s", dir, names[i]);
		(void)unlink(file);
	}
	(void)rmdir(dir);
	return r;
}

rc vendor_signed_file(struct gather *g, const char *path, const char *keyring)
{
	char signature[PATH_MAX];

	if (!find_signature(path, signature))
		return with_temp(g, path, keyring);
	TRY(vendor_detached(g->c, path, keyring, path));
	return gather_path(g, path);
}
