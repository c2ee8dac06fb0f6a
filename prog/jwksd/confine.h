/* confine - what greatseal-jwksd may still ask of the system once it has read its settings. */
#ifndef GS_JWKSD_CONFINE_H
#define GS_JWKSD_CONFINE_H

#include "prog/jwksd/conf.h"

/* Landlock: names are looked up, authorities read, TCP connections made; nothing is written.
 * *ret_abi as sandbox_paths. */
MUST rc confine_paths(const struct conf *c, int *ret_abi, struct fault *f);
/* The list of system calls; soft, as a library that asks for more is told no. RC_IO. */
MUST rc confine_calls(struct fault *f);

#endif
