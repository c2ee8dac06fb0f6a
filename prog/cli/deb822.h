/* deb822 - the paragraphs that Debian's tools write: a Packages or status file, a Release file.
 *
 * Whoever calls has the bytes from an archive's mirror: hostile until a signature or a digest says
 * otherwise. Allocates nothing. Owns: lines and fields. Must not own: files, what fields mean for
 * a list. */
#ifndef GS_CLI_DEB822_H
#define GS_CLI_DEB822_H

#include <stdbool.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"
#include "lib/model/package_record.h"

/* One package of a Packages or status file. A field that is missing, or longer than its place here,
 * is "". No line end is in any of them. */
struct stanza {
	char package[PACKAGE_TEXT_MAX + 1];
	char version[PACKAGE_TEXT_MAX + 1];
	char architecture[PACKAGE_TEXT_MAX + 1];
	char multi[16];
	char status[64];
	char filename[1024];
	char sha256[DIGEST_HEX];
};

/* Takes the next stanza off the front of *rest; false at the end, and then there is none. */
bool stanza_next(struct view *rest, struct stanza *ret);

/* Whether the text of a Release file names a Packages file of this digest in its SHA256 field, and
 * is still valid. RC_MISMATCH it does not; RC_EXPIRED its Valid-Until is before now; RC_SYNTAX a
 * Valid-Until that is no date of UTC. */
MUST rc release_names(struct view text, const struct digest *index, unix_time now, struct fault *f);

#endif
