/* host - hosts whose key comes by enrolment: invite, look, lock. */
#ifndef GS_CLI_HOST_H
#define GS_CLI_HOST_H

#include "prog/cli/cli.h"

rc cmd_host_add(struct cli *c, const struct args *a);
rc cmd_host_list(struct cli *c, const struct args *a);
rc cmd_host_show(struct cli *c, const struct args *a);
rc cmd_host_lock(struct cli *c, const struct args *a);
rc cmd_host_unlock(struct cli *c, const struct args *a);
rc cmd_host_forget(struct cli *c, const struct args *a);

#endif
