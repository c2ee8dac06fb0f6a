/* encode - bytes in JSON members, both ways, with the problem filled. */
#ifndef GS_CLI_ENCODE_H
#define GS_CLI_ENCODE_H

#include "prog/cli/cli.h"

/* Sets object[name] to the base64 text of bytes; with a NULL name appends to an array. */
MUST rc json_put_base64(struct cli *c, json_t *object, const char *name, struct view bytes);
/* Wipes the text of object[name], if there is one: it held a token, and is only freed now. */
void json_wipe(const json_t *object, const char *name);
/* Appends the bytes of the base64 member. RC_PEER if it is missing or broken. */
MUST rc json_get_base64(struct cli *c, const json_t *object, const char *name, struct buf *out);
/* The same for one JSON string. */
MUST rc json_base64(struct cli *c, const json_t *string, struct buf *out);
/* A digest in hex. RC_PEER. */
MUST rc json_get_digest(struct cli *c, const json_t *object, const char *name, struct digest *ret);

#endif
