/* enrol - the answer to a host that enrols or renews; its messages are handled in enrol.c. */
#ifndef GS_KEEPER_ENROL_H
#define GS_KEEPER_ENROL_H

#include "prog/keeper/gate.h"

/* Appends R_JSON {"ca","certificate","class","counter","host"} from the host's row, which is
 * durable. Storage errors, and as host_ca_issue. */
MUST rc enrol_answer(struct keeper *k, const struct waiter *w, struct buf *out, struct fault *f);

#endif
