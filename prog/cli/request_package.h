/* request_package - the command that asks for a package: `greatseal request-package`. */
#ifndef GS_CLI_REQUEST_PACKAGE_H
#define GS_CLI_REQUEST_PACKAGE_H

#include "prog/cli/cli.h"

rc cmd_request_package(struct cli *c, const struct args *a);

#endif
