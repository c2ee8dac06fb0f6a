/* host_roster - a roster with one host more, proposed in the words of the command line. */
#ifndef GS_CLI_HOST_ROSTER_H
#define GS_CLI_HOST_ROSTER_H

#include "prog/cli/cli.h"

/* Proposes the roster in force with this host added: enrol: true, --group, --class; *ret is the
 * server's answer. The new roster is built upon what the server says is in force and names its
 * digest, so a roster that a server made up can never be accepted. RC_USAGE, RC_PEER. */
MUST rc host_propose(struct cli *c, const struct args *a, const struct name *host, json_t **ret);
/* That the host, which is listed so (an answer of /v1/hosts), is what the options ask for.
 * RC_USAGE. */
MUST rc host_agrees(struct cli *c, const struct args *a, const json_t *listed);

#endif
