/* confine - what greatseal-agent may still ask the kernel for once it serves. */
#ifndef GS_AGENT_CONFINE_H
#define GS_AGENT_CONFINE_H

#include "lib/base/fault.h"
#include "lib/base/result.h"

MUST rc confine_calls(struct fault *f);
/* Of the process that looks at callers' programs (prober.h): single-threaded, no sockets. */
MUST rc confine_prober(struct fault *f);

#endif
