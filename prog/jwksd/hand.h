/* hand - hands a key set to the keeper, on the socket that is for nothing else. */
#ifndef GS_JWKSD_HAND_H
#define GS_JWKSD_HAND_H

#include <stdbool.h>

#include "lib/base/fault.h"
#include "lib/base/view.h"

#define HAND_SECONDS 60 /* for the keeper to answer: the set is durable then */

/* *ret_changed: the keeper did not have this very set. RC_IO: the keeper is not there, or gone;
 * RC_DENIED, RC_WAIT: it refuses, with reason and text as the fault; RC_PEER: an answer that is
 * none. */
MUST rc hand_over(const char *socket_path, struct view issuer, struct view set, bool *ret_changed,
		  struct fault *f);

#endif
