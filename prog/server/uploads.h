/* uploads - how artifacts come in, by their SHA-256.
 *
 * Owns: streaming with a running digest, resuming by offset. One upload of a digest at a time: a
 * second writer is told where the first one is. Must not own: the files' names, their rows, how
 * much there may be (room.h); what the files mean. */
#ifndef GS_SERVER_UPLOADS_H
#define GS_SERVER_UPLOADS_H

#include "prog/server/server.h"

/* In a task: opens the part at the offset the caller names. Refuses with 409 and the right offset.
 */
MUST rc upload_begin(struct call_ctx *c);
/* In an HTTP thread: one piece. A refusal is the answer. */
MUST rc upload_data(struct call_ctx *c, struct view piece);
/* The upload of this call is over; what came stays for resuming. May be called again. */
void upload_abandon(struct call_ctx *c);

/* Opens a whole artifact for reading. RC_NOTFOUND it is not here; RC_IO. */
MUST rc artifact_open(const struct server *s, const struct digest *sha256, int *ret_fd,
		      uint64_t *ret_size);
MUST rc uploads_setup(struct server *s, struct fault *f);

#endif
