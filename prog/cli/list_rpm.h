/* list_rpm - what rpm's world knows of packages: the index of a repository (the sandboxed worker
 * reads it), the database of what is installed (rpm reads it, and prints headers), a package's own
 * signature. */
#ifndef GS_CLI_LIST_RPM_H
#define GS_CLI_LIST_RPM_H

#include <jansson.h>

#include "prog/cli/list_gather.h"

/* Whether the file begins like XML, or like something compressed. */
bool list_rpm_is_index(const char *path);
/* What the worker reads in a repomd.xml ("indices") or primary.xml ("packages"). RC_SYNTAX: it is
 * another file. The caller's. */
MUST rc list_rpm_read(struct cli *c, const char *path, const char *what, json_t **ret);
/* Each package of a primary.xml, as gather_indexed. */
MUST rc gather_rpm_index(struct gather *g, const char *index, const char *pool, size_t *count);

/* The signature over the main header that lies in the package itself, as rpmsign makes it: header
 * and signature in dir/header and dir/header.sig. RC_NOTFOUND: it has none, or is no rpm. *ret: the
 * SHA-256 of that header. */
MUST rc list_rpm_signature(struct cli *c, const char *path, const char *dir, struct digest *ret);

#endif
