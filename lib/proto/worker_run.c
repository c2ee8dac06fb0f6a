#include "lib/proto/worker_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"

/* Source descriptors are copied up here first, so that placing one cannot overwrite the next. */
#define FD_HIGH 64

static const char *const end_texts[] = {
	[WORKER_OK] = "the worker answered",
	[WORKER_FAILED] = "the worker could not do the job",
	[WORKER_REFUSED] = "the worker looked and refused",
	[WORKER_KILLED] = "the worker broke a limit or crashed",
	[WORKER_TIMEOUT] = "the worker ran into its time limit",
	[WORKER_TOO_LONG] = "the worker wrote more than it may",
};
_Static_assert(sizeof(end_texts) / sizeof(end_texts[0]) == WORKER_TOO_LONG + 1, "one text each");

const char *worker_end_text(enum worker_end end)
{
	return (unsigned)end <= WORKER_TOO_LONG ? end_texts[end] : "unknown end";
}

void worker_result_release(struct worker_result *r)
{
	if (r != NULL)
		buf_release(&r->json);
}

/* Everything one run holds; released half-built too. */
struct run {
	int source[WORKER_FDS_MAX]; /* CLOEXEC copies >= FD_HIGH */
	size_t source_count;
	int out_read;
	int out_write;
	int pidfd;
	int timer;
	pid_t pid; /* 0: no process, or reaped */
};

static void run_release(struct run *r)
{
	if (r->pid > 0) {
		(void)kill(r->pid, SIGKILL); /* not reaped yet, so the number is still ours */
		(void)waitpid(r->pid, NULL, 0);
	}
	for (size_t i = 0; i < r->source_count; i++)
		fd_close(&r->source[i]);
	fd_close(&r->out_read);
	fd_close(&r->out_write);
	fd_close(&r->pidfd);
	fd_close(&r->timer);
}
AUTO_DEFINE(run, struct run, run_release)

static rc check(const struct worker_job *job, struct fault *f)
{
	unsigned seen = 0;

	if (job->arg_count == 0 || job->arg_count > WORKER_ARGS_MAX)
		return fault_set(f, RC_USAGE, 0, "worker: %zu arguments", job->arg_count);
	if (job->fd_count > WORKER_FDS_MAX)
		return fault_set(f, RC_USAGE, 0, "worker: %zu descriptors", job->fd_count);
	for (size_t i = 0; i < job->fd_count; i++) {
		int at = job->fds[i].number - 3;

		if (at < 0 || at >= WORKER_FDS_MAX || (seen & 1U << at) != 0)
			return fault_set(f, RC_USAGE, 0, "worker: descriptor number %d",
					 job->fds[i].number);
		seen |= 1U << at;
	}
	return OK;
}

static rc prepare(const struct worker_job *job, struct run *r, struct fault *f)
{
	uint32_t ms = job->deadline_ms == 0 ? WORKER_DEADLINE_MS : job->deadline_ms;
	const struct itimerspec when = {.it_value = {.tv_sec = (time_t)(ms / 1000),
						     .tv_nsec = (long)(ms % 1000) * 1000000}};
	int ends[2];

	for (size_t i = 0; i < job->fd_count; i++) {
		r->source[i] = fcntl(job->fds[i].fd, F_DUPFD_CLOEXEC, FD_HIGH);
		if (r->source[i] < 0)
			return fault_errno(f, errno, "worker: descriptor %d", job->fds[i].fd);
		r->source_count++;
	}
	if (pipe2(ends, O_CLOEXEC) != 0)
		return fault_errno(f, errno, "worker: pipe");
	r->out_read = ends[0];
	/* Also above the numbers in use: ends[1] may be 3..10. */
	r->out_write = fcntl(ends[1], F_DUPFD_CLOEXEC, FD_HIGH);
	(void)close(ends[1]);
	r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (r->out_write < 0 || r->timer < 0 || timerfd_settime(r->timer, 0, &when, NULL) != 0)
		return fault_errno(f, errno, "worker: timer");
	return OK;
}

static int place_descriptors(const struct worker_job *job, const struct run *r,
			     posix_spawn_file_actions_t *actions)
{
	int top = 3;
	int e = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);

	if (e == 0)
		e = posix_spawn_file_actions_adddup2(actions, r->out_write, 1);
	for (size_t i = 0; e == 0 && i < job->fd_count; i++) {
		e = posix_spawn_file_actions_adddup2(actions, r->source[i], job->fds[i].number);
		if (job->fds[i].number >= top)
			top = job->fds[i].number + 1;
	}
	/* What other threads opened without CLOEXEC; the worker closes the gaps below itself. */
	return e == 0 ? posix_spawn_file_actions_addclosefrom_np(actions, top) : e;
}

static int spawn_with(const struct worker_job *job, struct run *r,
		      const posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr)
{
	char *argv[WORKER_ARGS_MAX + 2] = {(char *)(uintptr_t) "greatseal-worker"};
	char *const no_environment[] = {NULL};
	sigset_t none;
	sigset_t all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_setsigmask(attr, &none);
	(void)posix_spawnattr_setsigdefault(attr, &all);
	(void)posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	for (size_t i = 0; i < job->arg_count; i++)
		argv[i + 1] = (char *)(uintptr_t)job->args[i];
	return posix_spawn(&r->pid, job->path, actions, attr, argv, no_environment);
}

static rc start(const struct worker_job *job, struct run *r, struct fault *f)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int e;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return fault_set(f, RC_NOMEM, 0, "worker: spawn");
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return fault_set(f, RC_NOMEM, 0, "worker: spawn");
	}
	e = place_descriptors(job, r, &actions);
	if (e == 0)
		e = spawn_with(job, r, &actions, &attr);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (e != 0) {
		r->pid = 0;
		return fault_errno(f, e, "worker: %s", job->path);
	}
	fd_close(&r->out_write);
	r->pidfd = pidfd_open(r->pid, 0);
	return r->pidfd < 0 ? fault_errno(f, errno, "worker: pidfd") : OK;
}

/* Reads what the worker says until it closes stdout, the deadline passes or it says too much. */
static rc collect(const struct run *r, struct worker_result *w, struct fault *f)
{
	uint8_t chunk[65536];

	for (;;) {
		struct pollfd p[2] = {{.fd = r->out_read, .events = POLLIN},
				      {.fd = r->timer, .events = POLLIN}};
		ssize_t got;

		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return fault_errno(f, errno, "worker: poll");
		}
		if (p[1].revents != 0) {
			w->end = WORKER_TIMEOUT;
			return OK;
		}
		got = read(r->out_read, chunk, sizeof(chunk));
		if (got < 0 && errno != EINTR)
			return fault_errno(f, errno, "worker: read");
		if (got == 0)
			return OK;
		if (got > 0)
			buf_put(&w->json, chunk, (size_t)got);
		if (buf_done(&w->json).code == RC_LIMIT) {
			w->end = WORKER_TOO_LONG;
			return OK;
		}
		TRY(buf_done(&w->json));
	}
}

/* stdout may be closed and the process still run: the deadline holds until it is gone. */
static rc await_end(const struct run *r, struct worker_result *w, struct fault *f)
{
	while (w->end == WORKER_OK) {
		struct pollfd p[2] = {{.fd = r->pidfd, .events = POLLIN},
				      {.fd = r->timer, .events = POLLIN}};

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return fault_errno(f, errno, "worker: poll");
		if (p[0].revents != 0)
			return OK;
		if (p[1].revents != 0)
			w->end = WORKER_TIMEOUT;
	}
	if (pidfd_send_signal(r->pidfd, SIGKILL, NULL, 0) != 0 && errno != ESRCH)
		return fault_errno(f, errno, "worker: kill");
	return OK;
}

static rc reap(struct run *r, struct worker_result *w, struct fault *f)
{
	siginfo_t info = {0};
	int e;

	do
		e = waitid(P_PIDFD, (id_t)r->pidfd, &info, WEXITED);
	while (e != 0 && errno == EINTR);
	r->pid = 0;
	if (e != 0)
		return fault_set(f, RC_PEER, 0, "worker: exit status lost (errno %d)", errno);
	if (w->end != WORKER_OK)
		return OK;
	if (info.si_code != CLD_EXITED) {
		w->end = WORKER_KILLED;
		w->signal = info.si_status;
		return OK;
	}
	if (info.si_status == 1 || info.si_status == 2)
		w->end = WORKER_FAILED;
	else if (info.si_status == 5)
		w->end = WORKER_REFUSED;
	else if (info.si_status != 0)
		return fault_set(f, RC_PEER, 0, "worker: exit status %d", info.si_status);
	return OK;
}

rc worker_run(const struct worker_job *job, struct worker_result *ret, struct fault *f)
{
	AUTO(run)
	struct run r = {.out_read = -1, .out_write = -1, .pidfd = -1, .timer = -1};
	AUTO(worker_result) struct worker_result w = {.end = WORKER_OK};

	TRY(check(job, f));
	buf_init(&w.json, job->output_max == 0 ? WORKER_OUTPUT_MAX : job->output_max);
	TRY(prepare(job, &r, f));
	TRY(start(job, &r, f));
	TRY(collect(&r, &w, f));
	TRY(await_end(&r, &w, f));
	TRY(reap(&r, &w, f));
	if (w.end != WORKER_OK && w.end != WORKER_FAILED && w.end != WORKER_REFUSED)
		buf_clear(&w.json);
	*ret = w;
	w.json = (struct buf){0};
	return OK;
}
