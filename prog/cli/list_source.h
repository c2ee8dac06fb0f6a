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

/* A package that an index names; all borrowed. */
struct indexed {
	const char *index, *pool;
	const char *package;  /* its name */
	const char *filename; /* below the pool */
	const char *sha256;   /* hex */
};
/* One of them, if --package wants it: *count counts it. RC_MISMATCH: another file lies there;
 * RC_SYNTAX: no digest, or no path below the pool. */
MUST rc gather_indexed(struct gather *g, const struct indexed *p, size_t *count);

/* What lies at the path below root (O_PATH), whatever links say; nothing there adds nothing. */
MUST rc gather_installed(struct gather *g, int root, const char *path, const char *package,
			 const char *as);
/* Great Seal's own programs there. */
MUST rc gather_own(struct gather *g, int root);

#endif
