/* confine - the system calls that greatseald needs once it has opened what it listens on.
 *
 * Owns: the list, one for all threads and for the workers that they start (each of which then
 * narrows it further for itself). Must not own: paths (main.c, Landlock). */
#ifndef GS_SERVER_CONFINE_H
#define GS_SERVER_CONFINE_H

#include "lib/base/fault.h"
#include "lib/base/result.h"

/* From here on every other call fails with EPERM, in particular those that trace, mount, load,
 * change namespaces or credentials, and sockets that are not AF_UNIX. RC_IO where the kernel has no
 * seccomp. */
MUST rc confine_calls(struct fault *f);

#endif
