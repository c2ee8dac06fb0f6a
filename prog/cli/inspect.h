/* inspect - the commands inspect and diff, and the approver's own look at a request's files. */
#ifndef GS_CLI_INSPECT_H
#define GS_CLI_INSPECT_H

#include "lib/proto/worker_run.h"
#include "prog/cli/cli.h"
#include "prog/cli/wish.h"

rc cmd_inspect(struct cli *c, const struct args *a);
rc cmd_diff(struct cli *c, const struct args *a);

/* The report of a file of this machine, made in a sandboxed worker; the caller's. */
MUST rc inspect_path(struct cli *c, const char *path, json_t **ret);

/* Runs a job (its path is filled in) on a file of that name; *ret is the answer. */
MUST rc local_worker(struct cli *c, const struct worker_job *wanted, const char *name,
		     json_t **ret);

/* Fetches every file of the request, recomputes size, SHA-256 and content digest, runs the
 * inspection in a sandboxed worker here, prints its text, and compares its digest with the server's
 * report. RC_MISMATCH if anything differs. */
MUST rc inspect_request_locally(struct cli *c, const struct wish *w);

#endif
