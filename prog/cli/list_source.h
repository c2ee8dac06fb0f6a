/* list_source - what list_gather.c and list_source.c share: single records on their way into a
 * list. */
#ifndef GS_CLI_LIST_SOURCE_H
#define GS_CLI_LIST_SOURCE_H

#include "prog/cli/list_gather.h"

/* A regular file that is open; anything else, and what does not run, adds nothing. */
MUST rc gather_file(struct gather *g, int fd, const char *package, const char *path);
/* As gather_add, with names that an inspection report has made plain already (lib/format/clean.h).
 */
MUST rc gather_add_shown(struct gather *g, const struct digest *digest, unsigned classes,
			 const char *package, const char *path);

#endif
