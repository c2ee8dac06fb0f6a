/* state - what an enrolled host remembers: who it is, its certificate, how often it was renewed.
 *
 * state.json is replaced as a whole and durably. pending.json holds the exact bytes of an enrolment
 * or renewal that has been sent or is about to be: after a crash the same bytes are sent again, so
 * that the keeper sees one act. Owns: both files. The key has its own (host_key.h). */
#ifndef GS_AGENT_STATE_H
#define GS_AGENT_STATE_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "prog/agent/agent.h"

#define STATE_PEM_MAX ((size_t)64 << 10)
#define STATE_COUNTER_MAX ((uint64_t)1 << 40)

struct state {
	struct who who;
	uint64_t counter;	/* renewals; a copy of the directory falls behind and is noticed */
	struct buf certificate; /* PEM, leaf first */
	unix_time not_before;	/* of the leaf */
	unix_time not_after;
};
void state_init(struct state *s);
void state_release(struct state *s);
AUTO_DEFINE(state, struct state, state_release)

/* Fills the two times from the certificate. RC_SYNTAX: it cannot be read. */
MUST rc state_read_certificate(struct state *s, struct fault *f);
/* RC_NOTFOUND: not enrolled; RC_CORRUPT. s is initialised, and empty. */
MUST rc state_load(int dirfd, struct state *s, struct fault *f);
MUST rc state_store(int dirfd, const struct state *s, struct fault *f);

/* What is on its way: to which server and call, and the body. */
struct pending {
	char server[512];
	char pin[80];
	char target[64];
	struct name host;
	uint64_t counter; /* that the answer must have */
	struct buf body;
};
void pending_init(struct pending *p);
void pending_release(struct pending *p);
AUTO_DEFINE(pending, struct pending, pending_release)
/* RC_NOTFOUND: nothing is; RC_CORRUPT. */
MUST rc pending_load(int dirfd, struct pending *p, struct fault *f);
MUST rc pending_store(int dirfd, const struct pending *p, struct fault *f);
/* It has been answered. */
MUST rc pending_drop(int dirfd, struct fault *f);

/* The directory, made if it is missing, locked for this process. RC_BUSY: another one has it. */
MUST rc state_dir(const char *path, int *ret_dirfd, int *ret_lock, struct fault *f);

#endif
