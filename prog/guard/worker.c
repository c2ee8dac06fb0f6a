/* worker - waits for questions, broken leases and the supervisor's wishes, and has them answered.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "prog/guard/decide.h"
#include "prog/guard/guard.h"

/* Longer than a pause of the loop ever is, much shorter than /proc/sys/fs/lease-break-time (45 s),
 * after which the kernel breaks a lease by force and leaves the mark. */
#define STOPPED_MS 5000u

uint64_t guard_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void guard_ring_bell(int eventfd)
{
	const uint64_t one = 1;

	(void)!write(eventfd, &one, sizeof(one));
}

void guard_own(struct share *s, enum guard_process which)
{
	atomic_store(&s->own[which], getpid());
}

void guard_end_together(const struct guard *g)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != g->supervisor)
		_exit(1);
}

void guard_stand_back(void)
{
	const struct sched_param none = {0};

	(void)sched_setscheduler(0, SCHED_BATCH, &none);
}

static void take_signals(struct decider *d, int fd, uint64_t now)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == (uint32_t)SIGIO)
			cache_check(&d->cache, now); /* others were lost */
		else
			cache_broken(&d->cache, info.ssi_fd, now);
	}
}

static void turn(struct decider *d, const struct guard *g, uint64_t *last)
{
	struct pollfd p[] = {{.fd = g->lease_signals, .events = POLLIN},
			     {.fd = g->wake, .events = POLLIN},
			     {.fd = decider_has_room(d) ? g->group : -1, .events = POLLIN}};
	uint32_t head = atomic_load(&d->share->decided.head);
	uint64_t bell, now;

	if (poll(p, 3, decider_patience(d)) < 0 && errno != EINTR)
		_exit(1);
	now = guard_now();
	atomic_fetch_add(&d->share->beat, 1);
	if (now - *last > STOPPED_MS)
		cache_check(&d->cache, now);
	*last = now;
	/* Broken leases before new questions: an answer must not rest on a lease that is gone. */
	if ((p[0].revents & POLLIN) != 0)
		take_signals(d, g->lease_signals, now);
	if ((p[1].revents & POLLIN) != 0) {
		(void)!read(g->wake, &bell, sizeof(bell));
		decider_apply(d);
		guard_ring_bell(g->applied);
	}
	if ((p[2].revents & POLLIN) != 0 && !decider_read(d))
		_exit(1);
	decider_step(d, now);
	if (atomic_load(&d->share->decided.head) != head)
		guard_ring_bell(g->reports);
}

/* As long as another guard may still answer. */
static void wait_for_turn(const struct guard *g)
{
	while (atomic_load(&g->share->waits)) {
		struct pollfd p = {.fd = g->wake, .events = POLLIN};

		(void)poll(&p, 1, -1);
	}
}

void worker_run(const struct guard *g)
{
	static struct decider d;
	uint64_t last = guard_now();

	/* The supervisor's death ends the guard as a whole; systemd starts it again. */
	guard_end_together(g);
	(void)mlockall(MCL_CURRENT | MCL_FUTURE);
	if (!rc_is_ok(decider_init(&d, g, last, NULL)) || !rc_is_ok(confine_worker(NULL)))
		_exit(1);
	guard_ring_bell(g->applied);
	wait_for_turn(g);
	for (;;)
		turn(&d, g, &last);
}
