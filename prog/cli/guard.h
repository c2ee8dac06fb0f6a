/* guard - what the hosts' guards have reported: states, who ran a content, events. */
#ifndef GS_CLI_GUARD_H
#define GS_CLI_GUARD_H

#include "prog/cli/cli.h"

MUST rc cmd_guard_hosts(struct cli *c, const struct args *a);
MUST rc cmd_guard_who(struct cli *c, const struct args *a);
MUST rc cmd_guard_events(struct cli *c, const struct args *a);

#endif
