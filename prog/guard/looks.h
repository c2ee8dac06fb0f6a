/* looks - what the lookout is to look at: files that the worker has just read, by descriptor, and
 * archives that the gate was asked about, by path.
 *
 * A pair of sockets as a queue: the kernel bounds it, who sends never waits, and what does not fit
 * is counted. So the lookout needs none of the guard's descriptors, and a file that is on its way
 * outlives it. Owns: the queue and the counts in shared memory. Must not own: what is looked for
 * (lookout.c). */
#ifndef GS_GUARD_LOOKS_H
#define GS_GUARD_LOOKS_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"

/* In memory of its own, shared by all of the guard. */
struct looked {
	_Atomic uint64_t passed_over; /* did not fit into the queue */
	_Atomic uint64_t files;	      /* were looked at */
	_Atomic uint64_t scanned;     /* of them read, for they may carry a signature */
	_Atomic uint64_t failed;      /* of these could not be, or not whole */
	_Atomic uint64_t told;	      /* signatures */
	_Atomic uint64_t bad;	      /* that name a key of ours and do not verify */
	_Atomic uint64_t unjudged;
	_Atomic uint64_t certs;
	_Atomic uint64_t walks; /* that are done */
};

struct looks {
	int in, out; /* ends of the queue */
	struct looked *looked;
};

/* Before the guard locks itself in. RC_IO, RC_NOMEM. */
MUST rc looks_open(struct looks *l, struct fault *f);
/* The counts alone, for ends that are there: those of a guard that hands over. RC_NOMEM. */
MUST rc looks_share(struct looks *l, struct fault *f);
/* The file behind fd, which stays the caller's. */
void looks_put_file(const struct looks *l, int fd);
void looks_put_path(const struct looks *l, const char *path);
/* The next, if there is one: *ret_fd is the caller's; or it is -1, and path is there. */
bool looks_take(const struct looks *l, int *ret_fd, char path[PATH_MAX]);

#endif
