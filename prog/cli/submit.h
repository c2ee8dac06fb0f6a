/* submit - the commands submit and sign. */
#ifndef GS_CLI_SUBMIT_H
#define GS_CLI_SUBMIT_H

#include "prog/cli/cli.h"

rc cmd_submit(struct cli *c, const struct args *a);
rc cmd_sign(struct cli *c, const struct args *a);

#endif
