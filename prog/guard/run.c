#include "prog/guard/run.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"

extern char **environ;

static rc start(const char *const *argv, int out, pid_t *ret, struct fault *f)
{
	posix_spawn_file_actions_t actions;
	int e = posix_spawn_file_actions_init(&actions);

	if (e != 0)
		return fault_errno(f, e, "%s", argv[0]);
	e = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (e == 0)
		e = posix_spawn(ret, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv,
				environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (e == ENOENT)
		return fault_set(f, RC_NOTFOUND, 0, "%s is not here", argv[0]);
	return e == 0 ? OK : fault_errno(f, e, "%s", argv[0]);
}

rc run_read(const char *const *argv, struct buf *out, struct fault *f)
{
	int ends[2], status = 0;
	pid_t pid = 0;
	rc r;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return fault_errno(f, errno, "pipe");
	r = start(argv, ends[1], &pid, f);
	(void)close(ends[1]);
	if (rc_is_ok(r))
		r = fd_read_all(ends[0], out, f);
	(void)close(ends[0]);
	if (pid == 0)
		return r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fault_errno(f, errno, "%s", argv[0]);
	TRY(r);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		       ? OK
		       : fault_set(f, RC_IO, 0, "%s failed; see above", argv[0]);
}
