/* prober - who a local process is: its user's name, its program's path and SHA-256.
 *
 * A process of its own, made before the agent locks itself in: Landlock forbids a confined process
 * to look at others, and a program's file may lie on a file system that does not answer. It knows
 * no secret and has no network. What it finds are claims: processes can be replaced in between.
 * Owns: that process, its cache. */
#ifndef GS_AGENT_PROBER_H
#define GS_AGENT_PROBER_H

#include "lib/base/fault.h"
#include "lib/proto/claims.h"

#define PROBER_SECONDS 2 /* to hash one program */
#define PROBER_CACHE 64	 /* programs whose digest is remembered */
#define PROBER_RECENT 16 /* answers that are given again ... */
#define PROBER_RECENT_MS                                                                           \
	1000 /* ... for so long: a process that asks often is looked at now and then */
#define PROBER_CHILDREN_MAX 8 /* that do not end although they were killed */

struct prober;

/* Before threads are made. Programs over program_max bytes have no digest. RC_IO, RC_NOMEM. */
MUST rc prober_start(uint64_t program_max, struct prober **ret, struct fault *f);
/* Fills what can be found out of user, program and sha256 into *c, whose uid and pid say who;
 * takes a little over PROBER_SECONDS at most. Thread-safe. */
void prober_ask(struct prober *p, struct claims *c);
/* Ends the process. Accepts NULL. */
void prober_stop(struct prober *p);

#endif
