/* submit - the commands submit and sign. */
#ifndef GS_CLI_SUBMIT_H
#define GS_CLI_SUBMIT_H

#include "prog/cli/cli.h"

rc cmd_submit(struct cli *c, const struct args *a);
rc cmd_sign(struct cli *c, const struct args *a);

/* Asks for the words' files by the options of submit, or joins the request that does; with wait,
 * until it is signed, and fetches. *ret is the caller's: the request's status. */
MUST rc submit_request(struct cli *c, const struct args *a, bool wait, json_t **ret);

/* "2026-12-01T18:00:00Z", or "90m", "12h", "7d" from now. */
MUST rc submit_time(struct cli *c, const char *option, const char *text, unix_time now,
		    unix_time *ret);
/* The key as the server has it. */
MUST rc submit_key(struct cli *c, const char *key, struct name *ret,
		   struct digest *ret_fingerprint);

#endif
