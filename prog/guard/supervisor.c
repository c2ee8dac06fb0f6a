#include "prog/guard/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"

#define LOOKOUT_AGAIN_MS 1000u
#define AGAIN_MS 100u /* a child that dies at once is started again no faster */
#define ROUND_MS 200
#define CHILD_ENDS_MS 5000u
#define INHERIT_MS 8000u /* less than the other waits (handover.c) */
#define KERNEL_GRACE_MS 1000u

/* ---- Reports --------------------------------------------------------------------------------*/

void supervisor_tell(struct supervisor *s, const struct news *n)
{
	struct news mine = *n;

	mine.fd = -1;
	(void)ring_put(&s->g.share->ruled, &mine);
	guard_ring_bell(s->g.reports);
}

uint32_t supervisor_want(struct supervisor *s)
{
	uint32_t now = atomic_fetch_add(&s->g.share->wanted, 1) + 1;

	guard_ring_bell(s->g.wake);
	return now;
}

/* The programs in the kernel refuse as soon as what was opened before the kernel asked us has been
 * mapped. Those that enforced for a guard before this one go on until this one knows its mode. */
static void settle_kernel(const struct supervisor *s)
{
	bool enforce = atomic_load(&s->g.share->mode) == GUARD_ENFORCE;

	if (s->marked && (!enforce || guard_now() - s->marked_at >= KERNEL_GRACE_MS) &&
	    kernel_enforces(&s->g.kernel) != enforce)
		kernel_enforce(&s->g.kernel, enforce);
}

/* What root has set, unless a token suspends it. */
static void apply_mode(struct supervisor *s, bool wanted)
{
	struct news n = {.kind = NEWS_MODE};
	bool enforce = wanted && !s->glass;

	s->enforcing = wanted;
	(void)snprintf(n.text, sizeof(n.text), "%s", enforce ? "enforce" : "observe");
	atomic_store(&s->g.share->mode, enforce ? GUARD_ENFORCE : GUARD_OBSERVE);
	(void)supervisor_want(s);
	settle_kernel(s);
	supervisor_tell(s, &n);
}

/* ---- Break-glass ----------------------------------------------------------------------------*/

static void tell_glass(struct supervisor *s, const char *what, const char *text)
{
	struct news n = {.kind = NEWS_GLASS};

	(void)snprintf(n.text, sizeof(n.text), "%s%.*s", what,
		       (int)(sizeof(n.text) - strlen(what) - 1), text);
	supervisor_tell(s, &n);
	log_warn("break-glass: %s", n.text);
}

/* What the loader says of the token in the state directory. One that is over is no news. */
static void adopt_glass(struct supervisor *s, const struct glass_result *r)
{
	unix_time now = clock_now(&clock_system);
	bool begins = !s->glass;

	if (r->code != RC_OK) {
		if (r->code != RC_NOTFOUND && r->code != RC_EXPIRED)
			tell_glass(s, "a token is refused: ", r->text);
		return;
	}
	if (r->not_after <= now)
		return;
	s->glass = true;
	s->glass_until = r->not_after;
	s->glass_end = guard_now() + (uint64_t)(r->not_after - now) * 1000;
	if (!begins)
		return;
	tell_glass(s, "this host observes only: ", r->text);
	apply_mode(s, s->enforcing);
}

static void end_glass(struct supervisor *s)
{
	s->glass = false;
	tell_glass(s, "it is over", "");
}

/* By itself, and by whichever of the two clocks comes first. */
static void look_at_glass(struct supervisor *s, uint64_t now)
{
	if (!s->glass || (now < s->glass_end && clock_now(&clock_system) < s->glass_until))
		return;
	end_glass(s);
	apply_mode(s, s->enforcing);
}

/* ---- Children -------------------------------------------------------------------------------*/

/* A child with our descriptors: not a copy of the table, the table. */
static pid_t spawn_sharing(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
}

static void start_worker(struct supervisor *s)
{
	pid_t pid = spawn_sharing();

	if (pid == 0) {
		guard_own(s->g.share, OWN_WORKER);
		worker_run(&s->g);
	}
	s->worker = pid > 0 ? pid : 0;
	s->worker_since = guard_now();
	s->beat_at = s->worker_since;
}

static void start_reporter(struct supervisor *s)
{
	pid_t pid = spawn_sharing();

	if (pid == 0) {
		guard_own(s->g.share, OWN_REPORTER);
		reporter_run(&s->g);
	}
	s->reporter = pid > 0 ? pid : 0;
	s->reporter_since = guard_now();
}

/* By fork, not sharing: it has none of our descriptors. */
static void start_lookout(struct supervisor *s)
{
	pid_t pid = fork();

	if (pid == 0) {
		approved_release(&s->approved);
		lookout_run(&s->g);
	}
	s->lookout = pid > 0 ? pid : 0;
	s->lookout_since = guard_now();
}

static rc start_loader(struct supervisor *s, enum load_source source, struct fault *f)
{
	const struct load_from from = {
		.source = source, .list = s->fetching.memory[0], .proof = s->fetching.memory[1]};
	int ends[2];

	for (size_t i = 0; i < 2; i++) {
		s->load_memory[i] = memfd_create(i == 0 ? "greatseal-list" : "greatseal-records",
						 MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (s->load_memory[i] < 0)
			return fault_errno(f, errno, "list");
	}
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return fault_errno(f, errno, "list");
	s->load_pipe = ends[0];
	s->loader = fork();
	if (s->loader == 0) {
		guard_own(s->g.share, OWN_LOADER);
		load_run(s->g.conf, &from, s->approved.has_list ? &s->approved.list : NULL,
			 s->load_memory, ends[1]);
	}
	(void)close(ends[1]);
	if (s->loader > 0)
		return OK;
	s->loader = 0;
	return fault_errno(f, EAGAIN, "list: fork");
}

static void loading_release(struct supervisor *s)
{
	fd_close(&s->load_memory[0]);
	fd_close(&s->load_memory[1]);
	fd_close(&s->load_pipe);
}

rc supervisor_load(struct supervisor *s, enum load_source source, uint32_t *ret_number,
		   struct fault *f)
{
	rc r;

	if (s->loader != 0) {
		s->load_again = true;
		*ret_number = s->load_number + 1;
		return OK;
	}
	s->load_source = source;
	r = start_loader(s, source, f);
	if (!rc_is_ok(r)) {
		loading_release(s);
		return r;
	}
	*ret_number = ++s->load_number;
	return OK;
}

/* From here on this memory is the one that counts. */
static void exchange(struct supervisor *s, size_t which, _Atomic int *fd)
{
	if (s->old_memory[which] >= 0) /* the worker has not come round to the one in between */
		(void)close(s->old_memory[which]);
	s->old_memory[which] = atomic_load(fd);
	atomic_store(fd, s->load_memory[which]);
	s->load_memory[which] = -1;
}

static void adopt_list(struct supervisor *s, const struct load_result *r)
{
	struct list_said said = {.serial = r->serial};

	exchange(s, 0, &s->g.share->list_fd);
	memcpy(said.name, r->name.s, sizeof(said.name));
	share_list_write(s->g.share, &said);
	s->list = *r;
	s->has_list = true;
	supervisor_tell(s,
			&(struct news){.kind = NEWS_LIST, .serial = r->serial, .count = r->count});
}

static void adopt_records(struct supervisor *s, const struct records_result *r)
{
	struct news bad = {.kind = NEWS_RECORD_BAD};

	exchange(s, 1, &s->g.share->records_fd);
	if (r->packages > 0 || s->records.packages > 0)
		supervisor_tell(s, &(struct news){.kind = NEWS_RECORDS, .count = r->contents});
	for (size_t i = 0; i < r->refused && i < RECORDS_TOLD; i++) {
		(void)snprintf(bad.text, sizeof(bad.text), "%s", r->told[i]);
		bad.count = r->refused;
		supervisor_tell(s, &bad);
	}
	s->records = *r;
}

/* What the loader found good is in force from here on. */
static void adopt(struct supervisor *s, const struct load_result *r)
{
	const struct share *m = s->g.share;
	struct news bad = {.kind = NEWS_LIST_BAD};
	/* Nobody has to bring a file where lists are fetched. */
	bool expected = s->load_source == LOAD_FILE && s->g.conf->agent[0] == '\0';

	if (r->code == RC_OK)
		adopt_list(s, r);
	if (s->load_source == LOAD_FETCHED) {
		fetching_loaded(s, r);
	} else if (r->code != RC_OK && (expected || r->code != RC_NOTFOUND)) {
		memcpy(bad.text, r->text, sizeof(bad.text));
		supervisor_tell(s, &bad);
	}
	if (r->records.code == RC_OK) {
		adopt_records(s, &r->records);
	} else {
		bad.kind = NEWS_RECORD_BAD;
		memcpy(bad.text, r->records.text, sizeof(bad.text));
		supervisor_tell(s, &bad);
	}
	adopt_glass(s, &r->glass);
	approved_take(&s->approved, atomic_load(&m->list_fd), atomic_load(&m->records_fd));
	s->old_wanted = supervisor_want(s);
}

/* Texts end, whatever the loader wrote. */
static void read_result(struct supervisor *s, struct load_result *ret)
{
	struct load_result r;

	if (!rc_is_ok(fd_read_full(s->load_pipe, &r, sizeof(r), NULL))) {
		*ret = (struct load_result){.code = RC_IO, .text = "the loader died"};
		ret->records = (struct records_result){.code = RC_IO, .text = "the loader died"};
		ret->glass = (struct glass_result){.code = RC_IO, .text = "the loader died"};
		return;
	}
	r.text[sizeof(r.text) - 1] = '\0';
	r.records.text[sizeof(r.records.text) - 1] = '\0';
	r.glass.text[sizeof(r.glass.text) - 1] = '\0';
	for (size_t i = 0; i < RECORDS_TOLD; i++)
		r.records.told[i][FAULT_TEXT - 1] = '\0';
	*ret = r;
}

static void loader_ended(struct supervisor *s)
{
	struct load_result r;
	bool kept = s->load_source == LOAD_KEPT, again = s->load_again;
	uint32_t number;

	s->loader = 0;
	s->load_again = false;
	read_result(s, &r);
	adopt(s, &r);
	loading_release(s);
	control_loaded(s, &r);
	/* Enforcing without a list would be the end of the machine; said loudly instead. */
	if (kept && load_enforces(s->g.conf)) {
		s->checked = s->has_list ? s->list.serial : 0;
		apply_mode(s, s->has_list);
		if (!s->has_list)
			log_err("there is no list to enforce: observing only");
	}
	if (kept || again)
		rc_ignore(supervisor_load(s, LOAD_FILE, &number, NULL),
			  "it is tried again on reload");
}

/* The mode is on the disk, or cannot be. */
static void saver_ended(struct supervisor *s, bool saved)
{
	s->saver = 0;
	if (saved && s->save_enforce && s->glass)
		end_glass(s);
	if (saved)
		apply_mode(s, s->save_enforce);
	control_saved(s, saved);
}

static void reap(struct supervisor *s)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < OWN_MAX; i++)
			if (atomic_load(&s->g.share->own[i]) == pid)
				atomic_store(&s->g.share->own[i], 0);
		if (pid == s->loader)
			loader_ended(s);
		else if (pid == s->worker)
			s->worker = 0;
		else if (pid == s->reporter)
			s->reporter = 0;
		else if (pid == s->lookout)
			s->lookout = 0;
		else if (pid == s->fetching.child)
			fetching_ended(s);
		else if (pid == s->saver)
			saver_ended(s, WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

/* Children that are gone come again; a worker that stands still is ended. */
static void look_after(struct supervisor *s, uint64_t now)
{
	uint64_t beat = atomic_load(&s->g.share->beat);

	if (s->reporter == 0 && now - s->reporter_since >= AGAIN_MS)
		start_reporter(s);
	if (s->lookout == 0 && s->g.looks.looked != NULL &&
	    now - s->lookout_since >= LOOKOUT_AGAIN_MS)
		start_lookout(s);
	if (s->worker == 0 && (now - s->worker_since >= AGAIN_MS || s->starts == 0)) {
		start_worker(s);
		if (s->starts++ > 0)
			supervisor_tell(
				s, &(struct news){.kind = NEWS_WORKER, .count = s->starts - 1});
	}
	if (beat != s->beat) {
		s->beat = beat;
		s->beat_at = now;
	} else if (s->worker > 0 && now > s->beat_at + s->g.conf->patience * 1000) {
		/* A sum: one that was started just now has its first beat after `now`. */
		(void)kill(s->worker, SIGKILL);
		s->beat_at = now;
	}
}

/* Until then, if it has been killed: one that hangs in the kernel, or that a debugger holds, runs
 * no more of its program and is left behind. */
static void wait_for_end(struct supervisor *s, pid_t *pid, uint64_t until)
{
	AUTO(fd) int fd = *pid > 0 ? (int)syscall(SYS_pidfd_open, *pid, 0) : -1;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now;
	int status;

	while (fd >= 0 && (now = guard_now()) < until && poll(&p, 1, (int)(until - now)) <= 0)
		;
	if (*pid > 0)
		(void)waitpid(*pid, &status, WNOHANG);
	for (size_t i = 0; i < OWN_MAX; i++)
		if (*pid > 0 && atomic_load(&s->g.share->own[i]) == *pid)
			atomic_store(&s->g.share->own[i], 0);
	*pid = 0;
}

void supervisor_pause(struct supervisor *s)
{
	pid_t *const child[] = {&s->worker, &s->reporter, &s->lookout};
	uint64_t until = guard_now() + CHILD_ENDS_MS;

	for (size_t i = 0; i < sizeof(child) / sizeof(child[0]); i++)
		if (*child[i] > 0)
			(void)kill(*child[i], SIGKILL);
	for (size_t i = 0; i < sizeof(child) / sizeof(child[0]); i++)
		wait_for_end(s, child[i], until);
}

/* ---- Mode -----------------------------------------------------------------------------------*/

rc supervisor_set_mode(struct supervisor *s, bool enforce, uint64_t checked, struct fault *f)
{
	if (enforce && (!s->has_list || s->list.count == 0))
		return fault_set(f, RC_STATE, 0, "there is no list: nothing could run any more");
	if (enforce && (checked != s->list.serial || s->checked != s->list.serial))
		return fault_set(f, RC_STATE, 0,
				 "run `greatseal-guard check` first: list %llu was not checked "
				 "against this machine",
				 (unsigned long long)s->list.serial);
	if (s->saver != 0)
		return fault_set(f, RC_BUSY, 0, "the mode is being changed; ask again");
	/* By a child: the kernel may ask the worker about what is opened for it, and who has to
	 * start the next worker must not wait for this one. */
	s->save_enforce = enforce;
	s->saver = fork();
	if (s->saver == 0) {
		guard_own(s->g.share, OWN_SAVER);
		_exit(rc_is_ok(load_keep_mode(s->g.conf, enforce, NULL)) ? 0 : 1);
	}
	if (s->saver < 0) {
		s->saver = 0;
		return fault_errno(f, EAGAIN, "mode: fork");
	}
	return OK;
}

/* ---- What is asked for ------------------------------------------------------------------------*/

static rc make_marks(struct supervisor *s, struct fault *f)
{
	const struct conf *c = s->g.conf;
	const uint64_t events = s->g.asks | (c->zone_count > 0 ? FAN_OPEN | FAN_CLOSE_WRITE : 0);
	size_t marked = 0;

	/* Whose opens are judged by what they run: those that began before us, too. */
	if (!s->marked && (s->g.level >= LEVEL_STRICT || c->zone_count > 0))
		TRY(exes_seed(&s->g.share->exes, f));
	if (c->all) {
		TRY(mark_all(s->g.group, events, &marked, &s->marks_failed, f));
	} else {
		for (; marked < c->mount_count; marked++)
			TRY(mark_path(s->g.group, events, c->mounts[marked], f));
	}
	if (s->marks != marked)
		supervisor_tell(s, &(struct news){.kind = NEWS_MARKED, .count = marked});
	s->marks = marked;
	s->events = events;
	if (!s->marked) {
		s->marked = true;
		s->marked_at = guard_now();
		zone_watched(&s->g.share->zone);
		atomic_store(&s->g.share->asked, true);
		(void)supervisor_want(s);
	}
	return OK;
}

/* Said once, and shown by "status" as long as it is so. */
static void look_at_others(struct supervisor *s)
{
	struct news n = {.kind = NEWS_MARKED, .count = s->marks};

	mark_others(s->g.group, s->events, &s->spaces, guard_now());
	if (s->passed_told || s->spaces.passed + s->spaces.cut == 0)
		return;
	s->passed_told = true;
	(void)snprintf(n.text, sizeof(n.text),
		       "not gone through: mount namespaces of %zu processes (at most %u are), "
		       "mounts with a path that is too long: %zu",
		       s->spaces.passed, MARK_SPACES_MAX, s->spaces.cut);
	supervisor_tell(s, &n);
}

void supervisor_notify(const struct supervisor *s, const char *line)
{
	const char *path = s->notify;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	AUTO(fd) int fd = -1;

	if (path[0] == '\0' || strlen(path) >= sizeof(a.sun_path))
		return;
	memcpy(a.sun_path, path, strlen(path));
	if (path[0] == '@')
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)sendto(fd, line, strlen(line), MSG_NOSIGNAL, (const struct sockaddr *)&a,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}

/* ---- The loop -------------------------------------------------------------------------------*/

/* True: it is time to end. */
static bool take_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;
	uint32_t number;
	bool end = false;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == (uint32_t)SIGTERM || info.ssi_signo == (uint32_t)SIGINT)
			end = true;
		if (info.ssi_signo == (uint32_t)SIGHUP)
			rc_ignore(supervisor_load(s, LOAD_FILE, &number, NULL),
				  "root may ask again");
	}
	reap(s);
	return end;
}

static void worker_applied(struct supervisor *s)
{
	uint64_t bell;

	(void)!read(s->g.applied, &bell, sizeof(bell));
	if ((int32_t)(atomic_load(&s->g.share->applied) - s->old_wanted) >= 0) {
		fd_close(&s->old_memory[0]);
		fd_close(&s->old_memory[1]);
	}
	control_applied(s);
}

/* To who has asked. If it comes to nothing, look_after starts all of us again. */
static void hand_over(struct supervisor *s)
{
	struct client *c = s->heir;
	struct news n = {.kind = NEWS_UPGRADE};
	struct fault f = {0};
	rc r = handover_give(s, c, c->command, &f);

	s->heir = NULL;
	s->over = rc_is_ok(r);
	if (s->over)
		return;
	control_refuse(c, r, &f);
	if (r.code == RC_BUSY)
		return;
	(void)snprintf(n.text, sizeof(n.text), "refused: %.*s", (int)sizeof(n.text) - 10, f.text);
	supervisor_tell(s, &n);
	log_warn("%s", f.text);
}

static rc round_of(struct supervisor *s, bool *ret_end, struct fault *f)
{
	struct pollfd p[4 + CLIENTS_MAX] = {{.fd = s->signals, .events = POLLIN},
					    {.fd = s->g.applied, .events = POLLIN},
					    {.fd = s->listener, .events = POLLIN},
					    {.fd = s->mountinfo, .events = POLLPRI}};

	for (size_t i = 0; i < CLIENTS_MAX; i++)
		p[4 + i] = (struct pollfd){.fd = s->client[i].fd, .events = POLLIN};
	if (poll(p, 4 + CLIENTS_MAX, ROUND_MS) < 0 && errno != EINTR)
		return fault_errno(f, errno, "poll");
	*ret_end = take_signals(s);
	worker_applied(s);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (s->client[i].fd >= 0 && s->client[i].fd == p[4 + i].fd && p[4 + i].revents != 0)
			control_read(s, &s->client[i]);
	if ((p[2].revents & POLLIN) != 0)
		control_accept(s);
	if ((p[3].revents & POLLPRI) != 0 && s->marked)
		rc_ignore(make_marks(s, NULL), "what could not be marked is in the status");
	if (s->g.conf->all && s->marked)
		look_at_others(s);
	look_after(s, guard_now());
	look_at_glass(s, guard_now());
	settle_kernel(s);
	fetching_tick(s, guard_now());
	control_tick(s, guard_now());
	if (s->heir != NULL)
		hand_over(s);
	*ret_end = *ret_end || s->over;
	return OK;
}

static rc start(struct supervisor *s, struct fault *f)
{
	uint32_t number;

	TRY(starting_make(s, f));
	start_reporter(s);
	return supervisor_load(s, LOAD_KEPT, &number, f);
}

static void end(struct supervisor *s)
{
	if (s->worker > 0)
		(void)kill(s->worker, SIGKILL);
	if (s->reporter > 0)
		(void)kill(s->reporter, SIGKILL);
	if (s->lookout > 0)
		(void)kill(s->lookout, SIGKILL);
	if (s->loader > 0)
		(void)kill(s->loader, SIGKILL);
	if (s->saver > 0)
		(void)kill(s->saver, SIGKILL);
	if (s->fetching.child > 0)
		(void)kill(s->fetching.child, SIGKILL);
	(void)unlink(s->g.conf->socket);
	if (s->g.feed >= 0)
		(void)unlink(s->g.conf->reports_socket);
}

static void init(struct supervisor *s, const struct conf *c)
{
	*s = (struct supervisor){.g = {.conf = c,
				       .supervisor = getpid(),
				       .group = -1,
				       .feed = -1,
				       .backlog = {.half = {-1, -1}, .mark = -1},
				       .looks = {.in = -1, .out = -1},
				       .met_in = -1,
				       .met_out = -1,
				       .told = -1},
				 .load_memory = {-1, -1},
				 .load_pipe = -1,
				 .shown = {.pidfd = -1},
				 .old_memory = {-1, -1},
				 .listener = -1,
				 .mountinfo = -1};
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		s->client[i].fd = s->client[i].given = -1;
	fetching_init(&s->fetching);
}

static rc run(struct supervisor *s, struct fault *f)
{
	bool over = false;
	rc r = OK;

	while (rc_is_ok(r) && !over) {
		r = round_of(s, &over, f);
		/* The last good list has been looked at: questions can be answered. */
		if (rc_is_ok(r) && !over && !s->marked && s->worker > 0 &&
		    (s->loader == 0 || s->load_source != LOAD_KEPT)) {
			r = make_marks(s, f);
			/* The unit is up when what it guards is marked. */
			if (rc_is_ok(r))
				supervisor_notify(s, "READY=1");
		}
	}
	return r;
}

rc supervisor_run(const struct conf *c, struct fault *f)
{
	static struct supervisor s;
	const char *notify = getenv("NOTIFY_SOCKET");
	rc r;

	init(&s, c);
	(void)snprintf(s.notify, sizeof(s.notify), "%s", notify != NULL ? notify : "");
	r = start(&s, f);
	if (rc_is_ok(r))
		r = run(&s, f);
	if (!s.over)
		end(&s);
	return r;
}

/* ---- Taking over ----------------------------------------------------------------------------*/

/* Of another unit, it would end with that. */
static rc check_place(const struct handover *h, struct fault *f)
{
	AUTO(buf) struct buf own = {0};
	AUTO(buf) struct buf its = {0};
	char path[40];

	if (h->notify[0] == '\0')
		return OK;
	buf_init(&own, 65536);
	buf_init(&its, 65536);
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)h->pid);
	TRY(file_read("/proc/self/cgroup", &own, f));
	TRY(file_read(path, &its, f));
	return view_is_equal(buf_view(&own), buf_view(&its))
		       ? OK
		       : fault_set(f, RC_STATE, 0,
				   "the guard is a service: systemctl reload greatseal-guard");
}

/* What it was told to do, as it stands in the memory that its worker shares. */
static void take_up(struct supervisor *s)
{
	struct share *m = s->g.share;
	struct list_said said = {.serial = s->has_list ? s->list.serial : 0};

	memcpy(said.name, s->list.name.s, sizeof(said.name));
	share_list_write(m, &said);
	atomic_store(&m->mode, s->enforcing && !s->glass ? GUARD_ENFORCE : GUARD_OBSERVE);
	atomic_store(&m->asked, true);
	atomic_store(&m->waits, true);
	approved_take(&s->approved, atomic_load(&m->list_fd), atomic_load(&m->records_fd));
	s->marked = true;
	(void)supervisor_want(s);
}

/* It is ready to answer, and waits. */
static rc start_waiting_worker(struct supervisor *s, struct fault *f)
{
	struct pollfd p = {.fd = s->g.applied, .events = POLLIN};
	int status;

	start_worker(s);
	for (unsigned i = 0; i < INHERIT_MS / ROUND_MS; i++) {
		if (poll(&p, 1, ROUND_MS) > 0)
			return OK;
		if (s->worker == 0 || waitpid(s->worker, &status, WNOHANG) == s->worker)
			return fault_set(f, RC_IO, 0, "its worker ended");
	}
	return fault_set(f, RC_IO, 0, "its worker does not begin");
}

static rc inherit(struct supervisor *s, int fd, struct handover *h, struct fault *f)
{
	TRY(handover_take(s, fd, h, f));
	if (s->has_list != (atomic_load(&s->g.share->list_fd) >= 0))
		return fault_set(f, RC_SYNTAX, 0, "state: a list without its memory");
	TRY(check_place(h, f));
	TRY(starting_inherit(s, h, f));
	memcpy(s->notify, h->notify, sizeof(s->notify));
	take_up(s);
	if (s->approved.has_list != s->has_list)
		return fault_set(f, RC_UNSUPPORTED, 0, "the list in force is none for this guard");
	TRY(start_waiting_worker(s, f));
	return OK;
}

/* From here on this is the guard. */
static void begin(struct supervisor *s, const struct handover *h)
{
	struct news n = {.kind = NEWS_UPGRADE};
	uint32_t number;

	atomic_store(&s->g.share->waits, false);
	guard_ring_bell(s->g.wake);
	(void)snprintf(n.text, sizeof(n.text), "%s takes over from %s", GS_VERSION, h->version);
	supervisor_tell(s, &n);
	start_reporter(s);
	rc_ignore(make_marks(s, NULL), "what could not be marked is in the status");
	rc_ignore(supervisor_load(s, LOAD_FILE, &number, NULL), "root may ask again");
}

rc supervisor_inherit(const struct conf *c, int fd, void (*begun)(void *ctx), void *ctx,
		      struct fault *f)
{
	static struct supervisor s;
	AUTO(handover) struct handover h = {.number = NULL};
	rc r;

	init(&s, c);
	TRY(starting_share(&s, f));
	r = inherit(&s, fd, &h, f);
	if (rc_is_ok(r))
		r = handover_commit(fd, f);
	else if (r.code != RC_BUSY)
		handover_refuse(fd, f);
	(void)close(fd);
	if (!rc_is_ok(r)) {
		(void)munmap(s.g.share, share_size(s.g.share->slot_count));
		return r;
	}
	begin(&s, &h);
	begun(ctx);
	r = run(&s, f);
	if (!s.over)
		end(&s);
	return r;
}
