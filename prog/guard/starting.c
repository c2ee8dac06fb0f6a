/* starting - what a supervisor needs before it takes the first command: descriptors, shared memory,
 * the group, and its own locks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "lib/base/log.h"
#include "prog/guard/feed.h"
#include "prog/guard/plain.h"
#include "prog/guard/supervisor.h"
#include "prog/guard/told.h"

#define DESCRIPTORS_SPARE 1024u /* beside the files that are held: questions, reports, our own */

rc starting_share(struct supervisor *s, struct fault *f)
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

static uint64_t asks_of(enum guard_level level)
{
	return FAN_OPEN_EXEC_PERM | (level >= LEVEL_STRICT ? FAN_OPEN_PERM : 0);
}

static rc make_group(struct supervisor *s, struct fault *f)
{
	const bool strict = s->g.level >= LEVEL_STRICT;

	s->g.asks = asks_of(s->g.level);
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
	"/usr/lib/rpm", /* dnf reads rpm's macros by Python */
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

/* What the settings name, opened before the locks. */
static rc open_places(struct supervisor *s, struct fault *f)
{
	if (s->g.level >= LEVEL_STRICT)
		open_data(&s->g);
	for (size_t i = 0; i < s->g.conf->zone_count; i++)
		if (!place_open(&s->g.zone[i], s->g.conf->zones[i].dir))
			return fault_set(f, RC_NOTFOUND, 0, "zone: there is no directory %s",
					 s->g.conf->zones[i].dir);
	if (!s->g.conf->all)
		return OK;
	s->mountinfo = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	return s->mountinfo < 0 ? fault_errno(f, errno, "/proc/self/mountinfo") : OK;
}

static rc make_tools(struct supervisor *s, struct fault *f)
{
	TRY(make_signals(s, f));
	if (!plain_works())
		log_err("openat2 is refused here (a unit's RestrictSUIDSGID does that): no "
			"signatures "
			"are found, and no directories of data count");
	start_kernel(s);
	return OK;
}

/* What the group and its marks were made for. */
static rc check_same(const struct supervisor *s, const struct handover *h, struct fault *f)
{
	struct sockaddr_un a = {.sun_family = AF_UNSPEC};
	socklen_t len = sizeof(a);
	uint8_t mounts[32];

	handover_mounts(s->g.conf, mounts);
	if (memcmp(mounts, h->mounts, sizeof(mounts)) != 0)
		return fault_set(f, RC_STATE, 0, "mount has changed: that needs a restart");
	if (h->asks != asks_of(s->g.level))
		return fault_set(f, RC_STATE, 0, "level has changed: that needs a restart");
	if (getsockname(s->listener, (struct sockaddr *)&a, &len) != 0 ||
	    strncmp(a.sun_path, s->g.conf->socket, sizeof(a.sun_path)) != 0)
		return fault_set(f, RC_STATE, 0, "socket has changed: that needs a restart");
	return OK;
}

rc starting_inherit(struct supervisor *s, const struct handover *h, struct fault *f)
{
	TRY(make_tools(s, f));
	TRY(check_same(s, h, f));
	s->g.asks = h->asks;
	if (s->g.looks.in >= 0)
		TRY(looks_share(&s->g.looks, f));
	TRY(open_places(s, f));
	guard_own(s->g.share, OWN_SUPERVISOR);
	return confine_supervisor(f);
}

rc starting_make(struct supervisor *s, struct fault *f)
{
	TRY(starting_share(s, f));
	TRY(make_tools(s, f));
	TRY(make_group(s, f));
	TRY(open_places(s, f));
	guard_own(s->g.share, OWN_SUPERVISOR);
	TRY(control_listen(s, f));
	open_reports(s);
	open_lookout(s);
	return confine_supervisor(f);
}
