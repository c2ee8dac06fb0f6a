/* run - another program, and what it prints. For commands of root, never for the running guard.
 *
 * Owns: the process. Must not own: what the output means. */
#ifndef GS_GUARD_RUN_H
#define GS_GUARD_RUN_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"

/* Runs argv[0] (an absolute path) to its end, with standard input empty, and appends what it
 * prints. RC_NOTFOUND: no such program; RC_IO: it failed; RC_LIMIT, RC_NOMEM of the buffer. */
MUST rc run_read(const char *const *argv, struct buf *out, struct fault *f);

#endif
