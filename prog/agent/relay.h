/* relay - one call of a local client to the server and back, unchanged: target, signature, body,
 * status and body of the answer.
 *
 * What passes is a table of header names (relay.c); everything about the connection is made anew,
 * so nothing a client writes can end one call and begin another. Owns: the call while it runs.
 * Must not own: what calls mean. */
#ifndef GS_AGENT_RELAY_H
#define GS_AGENT_RELAY_H

#include "prog/agent/agent.h"

#define RELAY_SMALL ((size_t)64 << 10) /* bodies and answers that are handled as one piece */
#define RELAY_PATIENCE 150u	       /* seconds: longer than any call of the server waits */

/* The headers are there: asks for the body, or refuses. */
void relay_begin(struct talk *t);
/* A piece of a large body. false: answered already. */
bool relay_data(struct talk *t, struct view piece);
/* The body is complete: waits for the server and answers. */
void relay_ready(struct talk *t);
/* Accepts a talk that never was one of these. */
void relay_end(struct talk *t);

/* An SVID that has rotated is shown from the next connection on; before each call. */
void relay_look_at_svid(struct agent *a);

#endif
