/* fetch - the command fetch: signed files and their bundles, verified before they are kept. */
#ifndef GS_CLI_FETCH_H
#define GS_CLI_FETCH_H

#include "prog/cli/cli.h"

rc cmd_fetch(struct cli *c, const struct args *a);

/* Fetches every file of the request's use into directory `output` (NULL: "signed"): the signed file
 * (or FILE.p7s) and FILE.greatseal; each bundle is checked. What was written is appended to done, a
 * list of {"name","file","bundle"}. */
MUST rc fetch_request(struct cli *c, const char *request, uint32_t use, const char *output,
		      json_t *done);

#endif
