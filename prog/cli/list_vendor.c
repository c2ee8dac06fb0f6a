#include "prog/cli/list_vendor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/format/stream.h"
#include "prog/cli/deb822.h"
#include "prog/cli/list_rpm.h"
#include "prog/cli/list_vendor_files.h"

#define RELEASE_MAX ((size_t)64 << 20)

/* ---- gpgv -------------------------------------------------------------------------------------*/

static rc start_gpgv(struct cli *c, const struct vendor *v, int out, pid_t *ret)
{
	char keyring[PATH_MAX];
	char release[PATH_MAX];
	char *argv[] = {"gpgv", "--keyring", keyring, "--output", "-", "--", release, NULL};
	posix_spawn_file_actions_t actions;
	int e;

	/* gpgv looks for other names of keyrings at home. */
	if (realpath(v->keyring, keyring) == NULL)
		return cli_no_file(c, v->keyring, errno);
	if (realpath(v->release, release) == NULL)
		return cli_no_file(c, v->release, errno);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return cli_problem(c, RC_NOMEM, "", "no memory");
	e = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (e == 0)
		e = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY,
						     0);
	if (e == 0)
		e = posix_spawnp(ret, "gpgv", &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return e == 0 ? OK
		      : cli_problem(c, RC_IO, "install gpgv", "gpgv cannot be started: %s",
				    strerror(e));
}

/* What was signed, in out, if a key of the keyring has signed all of it. */
static rc signed_text(struct cli *c, const struct vendor *v, struct buf *out)
{
	AUTO(fd) int from = -1;
	AUTO(fd) int to = -1;
	struct fault f = {0};
	int pipes[2];
	int status = 0;
	pid_t pid;
	rc r;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return cli_problem(c, RC_IO, "", "pipe: %s", strerror(errno));
	from = pipes[0];
	to = pipes[1];
	TRY(start_gpgv(c, v, to, &pid));
	fd_close(&to);
	r = fd_read_all(from, out, &f);
	fd_close(&from); /* one that goes on writing ends */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (!rc_is_ok(r))
		return cli_problem(c, r.code, "", "%s: %s", v->release, f.text);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return cli_problem(c, RC_BADSIG, "gpgv --keyring KEYRING FILE says why",
				   "%s: not signed by a key of %s", v->release, v->keyring);
	return OK;
}

/* ---- The index
 * ----------------------------------------------------------------------------------*/

static rc index_digest(struct cli *c, const struct vendor *v, struct digest *ret)
{
	AUTO(fd) int fd = open(v->index, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct fault f = {0};
	struct hash h;

	if (fd < 0)
		return cli_no_file(c, v->index, errno);
	CLI_TRY(c, &f, stream_digest(fd, HASH_SHA256, &h, &f));
	memcpy(ret->b, h.b, DIGEST_SIZE);
	return OK;
}

static rc not_named(struct cli *c, const struct vendor *v)
{
	return cli_problem(c, RC_MISMATCH, "", "%s: not an index that %s names", v->index,
			   v->release);
}

static rc check_index(struct cli *c, const struct vendor *v, struct view text)
{
	struct fault f = {0};
	struct digest d;
	rc r;

	TRY(index_digest(c, v, &d));
	r = release_names(text, &d, v->now, &f);
	if (r.code == RC_MISMATCH)
		return not_named(c, v);
	return rc_is_ok(r)
		       ? OK
		       : cli_problem(c, r.code,
				     r.code == RC_EXPIRED ? "fetch the vendor's newer one" : "",
				     "%s%s%s", v->release,
				     r.code == RC_EXPIRED ? " is no longer valid: " : ": ", f.text);
}

/* Of an rpm repository: what its repomd.xml calls primary is this file, or what it expands to. */
static rc check_primary(struct cli *c, const struct vendor *v)
{
	AUTO(json) json_t *answer = NULL;
	const json_t *row;
	char hex[DIGEST_HEX];
	struct digest d;
	size_t i;

	TRY(index_digest(c, v, &d));
	digest_hex(&d, hex);
	TRY(list_rpm_read(c, v->release, "indices", &answer));
	json_array_foreach(json_object_get(answer, "indices"), i, row)
	{
		if (strcmp(json_text(row, "type"), "primary") == 0 &&
		    (strcmp(json_text(row, "sha256"), hex) == 0 ||
		     strcmp(json_text(row, "open"), hex) == 0))
			return OK;
	}
	return not_named(c, v);
}

rc vendor_check(struct cli *c, const struct vendor *v)
{
	AUTO(buf) struct buf text = {0};

	if (list_rpm_is_index(v->release)) {
		TRY(vendor_detached(c, v->release, v->keyring, v->release));
		return check_primary(c, v);
	}
	buf_init(&text, RELEASE_MAX);
	TRY(signed_text(c, v, &text));
	return check_index(c, v, buf_view(&text));
}
