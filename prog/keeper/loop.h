/* loop - the decision thread: sockets in, rounds, answers out.
 *
 * Owns: connections, framing, buffers of fixed maxima, when a round begins and ends.
 * Must not own: what messages mean (gate.c). */
#ifndef GS_KEEPER_LOOP_H
#define GS_KEEPER_LOOP_H

#include "prog/keeper/keeper.h"

#define LOOP_CONNECTIONS_MAX 64u
#define LOOP_JWKS_MAX 2u	  /* of these, for greatseal-jwksd */
#define LOOP_SMALL 65536u	  /* input buffer of every connection; frames up to this size */
#define LOOP_LARGE_MAX 4u	  /* larger frames being read at once, KEEPER_FRAME_MAX each */
#define LOOP_LARGE_SECONDS 30	  /* a larger frame must be whole by then */
#define LOOP_MESSAGES_MAX 512u	  /* of one round */
#define LOOP_OUT_PAUSE (1u << 20) /* unread answers that stop the reading of a connection */
#define LOOP_OUT_MAX (2u * KEEPER_FRAME_MAX) /* unread answers that end it */

struct loop_config {
	struct keeper *keeper;
	int listen_fd; /* a listening unix socket, non-blocking; borrowed */
	int jwks_fd;   /* likewise, of greatseal-jwksd's socket; -1: there is none */
	int signal_fd; /* readable when the process is to end; borrowed */
};

/* Serves until signal_fd says so: then finishes the round and the jobs in flight, sends the answers
 * and returns RC_OK. Any failure means that the process must end and load the journal again. */
MUST rc loop_run(const struct loop_config *c, struct fault *f);

#endif
