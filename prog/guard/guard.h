/* guard - the descriptors that all processes of greatseal-guard share, and their entry points.
 *
 * Supervisor, worker and writer of reports have one table of descriptors (clone(2), CLONE_FILES):
 * what one opens the others can use, and nothing is closed by the death of one. Memory is apart but
 * for struct share. */
#ifndef GS_GUARD_GUARD_H
#define GS_GUARD_GUARD_H

#include <signal.h>
#include <stdint.h>

#include "prog/guard/backlog.h"
#include "prog/guard/conf.h"
#include "prog/guard/kernel.h"
#include "prog/guard/looks.h"
#include "prog/guard/places.h"
#include "prog/guard/share.h"

struct guard {
	const struct conf *conf;
	struct share *share;
	int group;			  /* fanotify */
	uint64_t asks;			  /* what it asks for: FAN_* */
	struct place data[CONF_DATA_MAX]; /* level strict: opened at the start */
	size_t data_count;
	struct place zone[CONF_ZONES_MAX]; /* of conf->zones */
	int wake;	 /* eventfd: the supervisor wants something of the worker */
	int applied;	 /* eventfd: the worker has done it */
	int reports;	 /* eventfd: there may be something in a ring */
	int feed;	 /* listens for those who fetch reports; -1: nobody may */
	uint32_t reader; /* uid that may, beside root */
	struct backlog_files backlog;
	struct looks looks;  /* for the lookout */
	int met_in, met_out; /* what that has met, for the reporter */
	int told;	     /* file of signatures that were told (told.h); -1: none */
	int32_t supervisor;  /* its pid */
	int lease_signals;   /* signalfd of SIGIO and the signal of broken leases */
	struct kernel kernel;
	enum guard_level level; /* in force: the settings', but for what is not to be had */
};

enum guard_process {
	OWN_SUPERVISOR,
	OWN_WORKER,
	OWN_REPORTER,
	OWN_LOADER,
	OWN_SAVER,
	OWN_LOOKOUT,
	OWN_FETCHER
};
_Static_assert(OWN_FETCHER + 1 == OWN_MAX, "each has its place");

/* The real-time signal of broken leases. Its queue is bounded: SIGIO comes when it was full. */
#define GUARD_LEASE_SIGNAL (SIGRTMIN + 1)

/* CLOCK_MONOTONIC in ms. */
uint64_t guard_now(void);
void guard_ring_bell(int eventfd);
/* This process is one of the guard: what it opens is not asked for. */
void guard_own(struct share *s, enum guard_process which);
/* First thing in a child that shares the descriptors: it ends with the supervisor, also with one
 * that is gone already. A child that stayed would keep the group alive, and with it every question.
 */
void guard_end_together(const struct guard *g);
/* This process, when it is woken, takes no processor from who runs there (SCHED_BATCH, sched(7)):
 * often that is the program that has just had its answer. Its share of the time stays what it is.
 */
void guard_stand_back(void);

/* The worker's whole life: answers questions until it is killed. */
_Noreturn void worker_run(const struct guard *g);
/* The same of the process that writes reports to standard error. */
_Noreturn void reporter_run(const struct guard *g);
/* What the lookout tells at once, and ms for one more; the same of what it cannot judge. */
#define LOOKOUT_BURST 256u
#define LOOKOUT_EVERY_MS 1000u
#define LOOKOUT_UNJUDGED 16u
#define LOOKOUT_UNJUDGED_MS 600000u
/* The same of the process that looks for signatures; it has its own descriptors. */
_Noreturn void lookout_run(const struct guard *g);
/* Takes over from the guard that runs, and goes on like supervisor_run. fd: a connection to it,
 * with a number above all others, which is closed. begun is called when this is the guard. RC_BUSY:
 * the other asks to ask again; RC_DENIED, RC_STATE and others: it stays the guard. */
MUST rc supervisor_inherit(const struct conf *c, int fd, void (*begun)(void *ctx), void *ctx,
			   struct fault *f);
/* Runs the guard until SIGTERM. RC_USAGE, RC_IO, RC_UNSUPPORTED: no fanotify here; RC_NOMEM. */
MUST rc supervisor_run(const struct conf *c, struct fault *f);

/* ---- Confinement: each before its first byte from outside ----------------------*/
MUST rc confine_supervisor(struct fault *f);
MUST rc confine_worker(struct fault *f);
MUST rc confine_reporter(struct fault *f);
MUST rc confine_lookout(struct fault *f);
/* Of the process that the lookout has read one file. */
MUST rc confine_scan(struct fault *f);
/* Of what fetches, when it is connected. */
MUST rc confine_fetcher(struct fault *f);

#endif
