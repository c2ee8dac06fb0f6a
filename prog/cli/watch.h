/* watch - looks for signatures in files of this machine and asks the server whether the log has
 * them. */
#ifndef GS_CLI_WATCH_H
#define GS_CLI_WATCH_H

#include "prog/cli/cli.h"

rc cmd_watch(struct cli *c, const struct args *a);
/* The certificates of all keys, for those who look for signatures: the guards of hosts. */
rc cmd_key_certificates(struct cli *c, const struct args *a);

#endif
