/* fetch - the command fetch: signed files and their bundles, verified before they are kept. */
#ifndef GS_CLI_FETCH_H
#define GS_CLI_FETCH_H

#include "prog/cli/cli.h"

#define FETCH_DIR "signed" /* where files go that nobody names a directory for */

rc cmd_fetch(struct cli *c, const struct args *a);

struct signed_bytes;
/* An approval or preapproval by its digest: statement, signature, and the log's entry with its
 * proof, none of which is checked here. Appended to the four. RC_PEER, and as api_json and
 * logview_entry. */
MUST rc fetch_approval(struct cli *c, const struct digest *statement, struct signed_bytes *ret);

struct fetch_order {
	const char *request;
	uint32_t use;
	const char *output;	    /* directory; NULL: "signed" */
	const char *const *sources; /* the files' paths here, in the request's order, or NULL */
};

/* Fetches every file of the request's use into the directory: the signed file (or FILE.p7s) and
 * FILE.greatseal; each bundle is checked. Where the server never had a file, the signature is put
 * into a copy of its source. What was written is appended to done, a list of
 * {"name","file","bundle"}. */
MUST rc fetch_request(struct cli *c, const struct fetch_order *o, json_t *done);

#endif
