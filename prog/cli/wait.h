/* wait - a command that waits for people: how long, and how it is interrupted.
 *
 * Owns: the long poll, trying again while the server is away, SIGINT and SIGTERM meanwhile. Nothing
 * that waiting leaves behind needs an end: the request stands at the keeper, and the same command
 * run again joins it. */
#ifndef GS_CLI_WAIT_H
#define GS_CLI_WAIT_H

#include "prog/cli/cli.h"

/* "2h", "90m", "7d", "30s", or seconds; up to a year. RC_USAGE. */
MUST rc wait_time(struct cli *c, const char *option, const char *text, uint64_t *ret);

enum wait_end {
	WAIT_OVER,	  /* signed at least once, or closed */
	WAIT_TIMEOUT,	  /* the time is over */
	WAIT_INTERRUPTED, /* by SIGINT or SIGTERM */
};

/* Follows a request by long poll, from the status that is known (borrowed, and replaced by newer
 * ones) until it is final, its deadline is past, or timeout seconds (0: no other limit) are over.
 * Survives restarts of the server. The two signals interrupt it, unless they are ignored, and are
 * gone afterwards. */
MUST rc wait_for(struct cli *c, uint64_t timeout, json_t **status, enum wait_end *ret);

/* How to go on with a request that was left waiting: on standard error. */
void wait_say(const struct cli *c, const char *request, enum wait_end end);

#endif
