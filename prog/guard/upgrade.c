#include "prog/guard/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"
#include "prog/guard/load.h"
#include "prog/guard/supervisor.h"

#define BUSY_MS 100
#define BUSY_TRIES 600u
#define OWN_TOP 16u /* descriptors of ours above all that the other may have */

/* What is on the disk must be good for this program before anything is asked. */
static rc rehearse(const struct conf *c, struct fault *f)
{
	AUTO(fd) int list = memfd_create("greatseal-list", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct load_result loaded;

	if (list < 0)
		return fault_errno(f, errno, "list");
	load_list(c, &(struct load_from){.source = LOAD_KEPT}, list, clock_now(&clock_system),
		  &loaded);
	return loaded.code == RC_OK || loaded.code == RC_NOTFOUND
		       ? OK
		       : fault_set(f, loaded.code, 0, "%s", loaded.text);
}

/* As many as there may be, and the same descriptor above them. */
static rc move_up(int fd, int *ret, struct fault *f)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return fault_errno(f, errno, "RLIMIT_NOFILE");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return fault_errno(f, errno, "RLIMIT_NOFILE");
	*ret = fcntl(fd, F_DUPFD_CLOEXEC, (int)limit.rlim_cur - (int)OWN_TOP);
	(void)close(fd);
	return *ret < 0 ? fault_errno(f, errno, "RLIMIT_NOFILE") : OK;
}

static rc connect_up(const struct conf *c, int *ret, struct fault *f)
{
	int fd;

	TRY(control_connect(c->socket, &fd, f));
	return move_up(fd, ret, f);
}

#define BEGUN "begun"

static void say(int *to, const char *text)
{
	if (*to >= 0)
		rc_ignore(fd_write_full(*to, text, strlen(text), NULL), "nobody waits for it");
	fd_close(to);
}

static void begun(void *ctx)
{
	say((int *)ctx, BEGUN);
}

/* Returns if it does not become the guard, or when it is none any more. */
static rc be_heir(const struct conf *c, int *answer, struct fault *f)
{
	rc r = RC(RC_BUSY);
	int fd;

	if (setsid() < 0 || chdir("/") != 0)
		return fault_errno(f, errno, "upgrade");
	TRY(rehearse(c, f));
	TRY(sandbox_harden(f));
	TRY(sandbox_close_others(answer, 1, f));
	TRY(move_up(*answer, answer, f));
	for (unsigned i = 0; i < BUSY_TRIES && r.code == RC_BUSY; i++) {
		if (i > 0)
			(void)poll(NULL, 0, BUSY_MS);
		TRY(connect_up(c, &fd, f));
		r = supervisor_inherit(c, fd, begun, answer, f);
	}
	return r;
}

rc verb_upgrade(const struct conf *c, struct fault *f)
{
	AUTO(buf) struct buf text = {0};
	int ends[2], status;
	pid_t pid;
	rc r;

	TRY(conf_check(c, f));
	if (pipe2(ends, O_CLOEXEC) != 0)
		return fault_errno(f, errno, "upgrade");
	pid = fork();
	if (pid < 0)
		return fault_errno(f, errno, "upgrade");
	if (pid == 0) {
		(void)close(ends[0]);
		r = be_heir(c, &ends[1], f);
		if (!rc_is_ok(r) && ends[1] < 0)
			log_err("%s: %s", rc_name(r), f->text);
		else if (!rc_is_ok(r))
			say(&ends[1], f->text);
		_exit(rc_is_ok(r) ? 0 : 1);
	}
	(void)close(ends[1]);
	buf_init(&text, FAULT_TEXT);
	r = fd_read_all(ends[0], &text, f);
	(void)close(ends[0]);
	TRY(r);
	if (view_is(buf_view(&text), BEGUN)) {
		(void)printf("%s guards, as process %d\n", GS_VERSION, (int)pid);
		return OK;
	}
	(void)waitpid(pid, &status, 0);
	return text.len > 0 ? fault_set(f, RC_DENIED, 0, "%.199s", buf_cstr(&text))
			    : fault_set(f, RC_IO, 0, "what was to take over died");
}
