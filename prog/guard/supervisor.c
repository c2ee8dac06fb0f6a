#include "prog/guard/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"
#include "prog/guard/feed.h"
#include "prog/guard/plain.h"
#include "prog/guard/told.h"

#define DESCRIPTORS_SPARE 1024u /* beside the files that are held: questions, reports, our own */
#define LOOKOUT_AGAIN_MS 1000u
#define AGAIN_MS 100u /* a child that dies at once is started again no faster */
#define ROUND_MS 200
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

/* ---- Start ----------------------------------------------------------------------------------*/

static rc make_share(struct supervisor *s, struct fault *f)
{
	struct rlimit limit;
	uint64_t slots = s->g.conf->files;
	struct share *m;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return fault_errno(f, errno, "RLIMIT_NOFILE");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return fault_errno(f, errno, "RLIMIT_NOFILE");
	if (limit.rlim_cur < DESCRIPTORS_SPARE + SLOTS_MIN)
		return fault_set(f, RC_LIMIT, 0, "at least %u descriptors are needed (LimitNOFILE)",
				 DESCRIPTORS_SPARE + SLOTS_MIN);
	if (slots > limit.rlim_cur - DESCRIPTORS_SPARE)
		slots = limit.rlim_cur - DESCRIPTORS_SPARE;
	m = (struct share *)mmap(NULL, share_size((uint32_t)slots), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		return fault_errno(f, errno, "shared memory");
	m->slot_count = (uint32_t)slots;
	atomic_store(&m->list_fd, -1);
	atomic_store(&m->records_fd, -1);
	s->g.share = m;
	return OK;
}

static rc make_signals(struct supervisor *s, struct fault *f)
{
	sigset_t ours, lease, all;

	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGCHLD);
	(void)sigaddset(&ours, SIGTERM);
	(void)sigaddset(&ours, SIGINT);
	(void)sigaddset(&ours, SIGHUP);
	(void)sigemptyset(&lease);
	(void)sigaddset(&lease, SIGIO);
	(void)sigaddset(&lease, GUARD_LEASE_SIGNAL);
	all = ours;
	(void)sigaddset(&all, SIGIO);
	(void)sigaddset(&all, GUARD_LEASE_SIGNAL);
	(void)sigaddset(&all, SIGPIPE);
	/* Blocked from here on in all of us: an unblocked SIGIO ends a process. */
	if (sigprocmask(SIG_BLOCK, &all, NULL) != 0)
		return fault_errno(f, errno, "signals");
	s->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	s->g.lease_signals = signalfd(-1, &lease, SFD_CLOEXEC | SFD_NONBLOCK);
	s->g.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->g.applied = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->g.reports = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->signals < 0 || s->g.lease_signals < 0 || s->g.wake < 0 || s->g.applied < 0 ||
	    s->g.reports < 0)
		return fault_errno(f, errno, "signals");
	return OK;
}

static rc make_group(struct supervisor *s, struct fault *f)
{
	const bool strict = s->g.level >= LEVEL_STRICT;

	s->g.asks = FAN_OPEN_EXEC_PERM | (strict ? FAN_OPEN_PERM : 0);
	/* Not to wait for somebody's write lease: the kernel opens the file for us. The thread,
	 * where we look at what it does. */
	s->g.group =
		fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE |
				      FAN_UNLIMITED_MARKS | (strict ? FAN_REPORT_TID : 0),
			      O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NONBLOCK);
	if (s->g.group < 0 && (errno == ENOSYS || errno == EINVAL))
		return fault_set(f, RC_UNSUPPORTED, 0,
				 "this kernel has no fanotify permission events "
				 "(CONFIG_FANOTIFY_ACCESS_PERMISSIONS)");
	return s->g.group < 0 ? fault_errno(f, errno, "fanotify (root is needed)") : OK;
}

/* Where interpreters may read what nobody approved, if no setting says it: what root alone writes,
 * and each start of a program, or each compiler, reads. */
static const char *const usual_data[] = {
	"/etc",
	"/run",
	"/usr/include",
	"/usr/lib/gcc",
	"/usr/lib/aarch64-linux-gnu/gconv",
	"/usr/lib/x86_64-linux-gnu/gconv",
	"/usr/libexec/valgrind",
	"/usr/lib/locale",
	"/usr/share/i18n",
	"/usr/share/locale",
	"/usr/share/terminfo",
	"/lib/terminfo",
	"/usr/share/zoneinfo",
	"/var/cache",
	"/var/lib",
};

static void open_data(struct guard *g)
{
	const size_t usual = sizeof(usual_data) / sizeof(usual_data[0]);

	_Static_assert(sizeof(usual_data) / sizeof(usual_data[0]) <= CONF_DATA_MAX, "they fit");
	g->data_count = g->conf->data_count > 0 ? g->conf->data_count : usual;
	for (size_t i = 0; i < g->data_count; i++) {
		const char *path = g->conf->data_count > 0 ? g->conf->data[i] : usual_data[i];

		if (!place_open(&g->data[i], path) && g->conf->data_count > 0)
			log_warn("data = %s: it is not there", path);
	}
}

static rc make_marks(struct supervisor *s, struct fault *f)
{
	const struct conf *c = s->g.conf;
	const uint64_t events = s->g.asks | (c->zone_count > 0 ? FAN_CLOSE_WRITE : 0);
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
		atomic_store(&s->g.share->asked, true);
		(void)supervisor_want(s);
	}
	return OK;
}

/* sd_notify(3): the unit is up when what it guards is marked. */
static void notify_ready(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	AUTO(fd) int fd = -1;

	if (path == NULL || strlen(path) >= sizeof(a.sun_path))
		return;
	memcpy(a.sun_path, path, strlen(path));
	if (path[0] == '@')
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (const struct sockaddr *)&a,
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
		mark_others(s->g.group, s->events, &s->spaces, guard_now());
	look_after(s, guard_now());
	look_at_glass(s, guard_now());
	settle_kernel(s);
	fetching_tick(s, guard_now());
	control_tick(s, guard_now());
	return OK;
}

/* A guard whose reports nobody keeps or fetches guards all the same. */
static void open_reports(struct supervisor *s)
{
	struct fault f = {0};

	if (!rc_is_ok(backlog_open(s->g.conf->state, &s->g.backlog, &f)))
		log_warn("reports are not kept: %s", f.text);
	if (!rc_is_ok(feed_open(&s->g, &f))) {
		log_warn("reports cannot be fetched: %s", f.text);
		fd_close(&s->g.feed);
	}
}

/* A guard that looks for no signatures guards all the same. */
static void open_lookout(struct supervisor *s)
{
	struct guard *g = &s->g;
	AUTO(fd) int dir = -1;
	struct fault f = {0};
	int ends[2];

	g->met_in = g->met_out = g->told = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		log_warn("signatures are not looked for: %s", strerror(errno));
		return;
	}
	g->met_in = ends[0];
	g->met_out = ends[1];
	if (!rc_is_ok(looks_open(&g->looks, &f))) {
		log_warn("signatures are not looked for: %s", f.text);
		return;
	}
	if (rc_is_ok(dir_open(g->conf->state, &dir, &f)))
		g->told = openat(dir, TOLD_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (g->told >= 0 && !told_reserve(g->told)) {
		log_warn("signatures that were told are forgotten at the next start: %s: %s",
			 TOLD_FILE, strerror(errno));
		fd_close(&g->told);
	}
}

/* The guard goes on without: its other levels need nothing of it. What is in the kernel already
 * stays there until `greatseal-guard release`, also where the settings have changed. */
static void start_kernel(struct supervisor *s)
{
	struct kernel *k = &s->g.kernel;
	struct fault f = {0};
	bool pinned = kernel_is_pinned();

	s->g.level = s->g.conf->level;
	if (s->g.level != LEVEL_KERNEL && !pinned) {
		(void)snprintf(k->why, sizeof(k->why), "the settings do not ask for it");
		return;
	}
	if (s->g.level != LEVEL_KERNEL)
		log_warn("level kernel is in force since before: greatseal-guard release ends it");
	s->g.level = LEVEL_KERNEL;
	if (rc_is_ok(kernel_attach(k, &f)))
		return;
	s->g.level = LEVEL_STRICT;
	(void)snprintf(k->why, sizeof(k->why), "%s", f.text);
	log_err("level kernel cannot be had: %s", f.text);
}

static rc start(struct supervisor *s, struct fault *f)
{
	uint32_t number;

	TRY(make_share(s, f));
	TRY(make_signals(s, f));
	if (!plain_works())
		log_err("openat2 is refused here (a unit's RestrictSUIDSGID does that): no "
			"signatures "
			"are found, and no directories of data count");
	start_kernel(s);
	TRY(make_group(s, f));
	if (s->g.level >= LEVEL_STRICT)
		open_data(&s->g);
	for (size_t i = 0; i < s->g.conf->zone_count; i++)
		if (!place_open(&s->g.zone[i], s->g.conf->zones[i].dir))
			return fault_set(f, RC_NOTFOUND, 0, "zone: there is no directory %s",
					 s->g.conf->zones[i].dir);
	guard_own(s->g.share, OWN_SUPERVISOR);
	TRY(control_listen(s, f));
	open_reports(s);
	open_lookout(s);
	if (s->g.conf->all) {
		s->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
		if (s->mountinfo < 0)
			return fault_errno(f, errno, "/proc/self/mountinfo");
	}
	TRY(confine_supervisor(f));
	start_reporter(s);
	TRY(supervisor_load(s, LOAD_KEPT, &number, f));
	return OK;
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

rc supervisor_run(const struct conf *c, struct fault *f)
{
	static struct supervisor s;
	const char *notify = getenv("NOTIFY_SOCKET");
	bool over = false;
	rc r;

	s = (struct supervisor){.g = {.conf = c, .supervisor = getpid()},
				.load_memory = {-1, -1},
				.load_pipe = -1,
				.old_memory = {-1, -1},
				.listener = -1,
				.mountinfo = -1};
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		s.client[i].fd = -1;
	fetching_init(&s.fetching);
	r = start(&s, f);
	while (rc_is_ok(r) && !over) {
		r = round_of(&s, &over, f);
		/* The last good list has been looked at: questions can be answered. */
		if (rc_is_ok(r) && !s.marked && s.worker > 0 &&
		    (s.loader == 0 || s.load_source != LOAD_KEPT)) {
			r = make_marks(&s, f);
			if (rc_is_ok(r))
				notify_ready(notify);
		}
	}
	end(&s);
	return r;
}
