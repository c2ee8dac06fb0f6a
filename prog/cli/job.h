/* job - who asks without a key: a service, by tokens that its CI system gives to a job.
 *
 * --oidc github asks the runner's token service: one token for calls, got anew before it ends, and
 * one for each request, bound to its digest. --token-file has one for both, and is read again
 * before that one ends, so that whoever wrote it may write a newer one.
 * Owns: these tokens, which are wiped, and never shown or put into a problem's text. Must not own:
 * what makes them good; the keeper decides that. */
#ifndef GS_CLI_JOB_H
#define GS_CLI_JOB_H

#include "lib/base/secret.h"
#include "prog/cli/cli.h"

#define JOB_RENEW_SECONDS 60 /* a token that has less left is not used for another call */

/* --service, --oidc, --token-file, --oidc-ca over what the configuration says. RC_USAGE. */
MUST rc job_options(struct cli *c, const struct args *a, struct config *config);

/* Whether calls and requests are by tokens; the configuration has been read. */
bool job_asks(const struct cli *c);

/* The token for calls; a view until the next call of job. RC_USAGE: nothing gives one here; RC_IO,
 * RC_BUSY, RC_PEER: the token service is away or answers something else. */
MUST rc job_call_token(struct cli *c, struct view *ret);
/* The token for the request with this id, appended to out, which should be the caller's secret. */
MUST rc job_request_token(struct cli *c, const struct digest *request, struct buf *out);

/* Accepts NULL. */
void job_free(struct job *j);

#endif
