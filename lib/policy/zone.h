/* zone - time zones by name, from whoever can read files: the library itself reads none. */
#ifndef GS_POLICY_ZONE_H
#define GS_POLICY_ZONE_H

#include "lib/base/buf.h"
#include "lib/policy/tzif.h"

#define ZONE_NAME_MAX 64u

/* "Europe/Berlin", NUL-terminated. */
struct zone_name {
	char s[ZONE_NAME_MAX + 1];
};

/* Appends the bytes of a zone's file. The name is one that zone_name_parse has accepted, so a path
 * below a directory of zones. RC_NOTFOUND if there is none; else whatever reading can give. */
struct zone_source {
	rc (*read)(void *ctx, const char *name, struct buf *out, struct fault *f);
	void *ctx;
};

/* Parts of [A-Za-z0-9+._-] that begin with a letter, a digit or "+", with "/" between them.
 * RC_SYNTAX anything else ("..", a leading slash), RC_LIMIT over ZONE_NAME_MAX. */
MUST rc zone_name_parse(struct view text, struct zone_name *ret);

/* Reads and parses; bytes is initialised here and must outlive *ret. src may be NULL: RC_NOTFOUND.
 */
MUST rc zone_open(const struct zone_source *src, const struct zone_name *name, struct buf *bytes,
		  struct tzif *ret, struct fault *f);

#endif
