/* claims - what an agent says of the process behind a request, kept beside it for people to read.
 *
 * Nothing is decided by it: whoever talks to the server can send the header. Owns: its way from the
 * header into the store and out of it. */
#ifndef GS_SERVER_CLAIMS_H
#define GS_SERVER_CLAIMS_H

#include "prog/server/server.h"

/* Refuses with call.form if there is a header that is not of the one form. */
MUST rc claims_check(struct call_ctx *c);
/* The call's header, to be kept beside the request, as long as the call lives; empty without one.
 */
struct view claims_said(const struct call_ctx *c);
/* {"host","pid","program","sha256","uid","user"}, or JSON null. */
json_t *claims_of(struct call_ctx *c, const struct digest *request);

#endif
