/* worker_run - the parent's side of greatseal-worker: one process per job, descriptors in, JSON
 * out.
 *
 * Owns: starting the process, its deadline, the maximum of what it may say, and reaping it.
 * Must not own: what the JSON means (docs/protocol/worker.md), or which job to run.
 * Safe in threaded programs: posix_spawn only, no signal handlers, no globals; the child is waited
 * for by its pidfd, so other children of the process are left alone. The caller must not ignore
 * SIGCHLD (SIG_IGN or SA_NOCLDWAIT): the exit status would be lost (RC_PEER). */
#ifndef GS_PROTO_WORKER_RUN_H
#define GS_PROTO_WORKER_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"

#define WORKER_FDS_MAX 8
#define WORKER_ARGS_MAX 32
/* Enough for every report the inspection can make (inspect.h bounds it below this). */
#define WORKER_OUTPUT_MAX ((size_t)96 << 20)
#define WORKER_DEADLINE_MS 300000u

/* How a job ended. Only for the first three does out hold the worker's JSON. */
enum worker_end {
	WORKER_OK,	/* exit 0: the result */
	WORKER_FAILED,	/* exit 1 or 2: {"error":{...}} */
	WORKER_REFUSED, /* exit 5: looked at and not verified; result or error */
	WORKER_KILLED,	/* ended by a signal of its own: a limit, the sandbox, or a crash */
	WORKER_TIMEOUT, /* killed by us at the deadline */
	WORKER_TOO_LONG /* killed by us because it wrote more than output_max */
};

/* One of our descriptors (any flags; it stays ours) under the number the arguments name. */
struct worker_fd {
	int number; /* 3 .. 3 + WORKER_FDS_MAX - 1, each once */
	int fd;
};

struct worker_job {
	const char *path;	 /* of the binary */
	const char *const *args; /* what follows argv[0]: "inspect", "--in", "3" */
	size_t arg_count;	 /* 1..WORKER_ARGS_MAX */
	const struct worker_fd *fds;
	size_t fd_count;      /* 0..WORKER_FDS_MAX */
	size_t output_max;    /* bytes; 0: WORKER_OUTPUT_MAX */
	uint32_t deadline_ms; /* from the start; 0: WORKER_DEADLINE_MS */
};

struct worker_result {
	enum worker_end end;
	int signal;	 /* for WORKER_KILLED, else 0 */
	struct buf json; /* release with worker_result_release() */
};

/* Runs one job and waits for its end. The worker gets /dev/null as stdin, our stderr, no
 * environment, no other descriptor, default signal actions. RC_OK whenever the process ran, however
 * it ended: look at ret->end. RC_USAGE: wrong numbers or counts; RC_NOTFOUND: no such binary;
 * RC_PEER: it ended with another status than the protocol has; RC_NOMEM, RC_IO. */
MUST rc worker_run(const struct worker_job *job, struct worker_result *ret, struct fault *f);

void worker_result_release(struct worker_result *r);
AUTO_DEFINE(worker_result, struct worker_result, worker_result_release)

/* Words for people: "the worker ran into its time limit", ... */
const char *worker_end_text(enum worker_end end);

#endif
