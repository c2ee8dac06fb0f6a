/* apt_hook - what apt tells a DPkg::Pre-Install-Pkgs hook, version 3 of its protocol.
 *
 *	VERSION 3
 *	APT::Architecture=amd64         the whole configuration, a line each
 *	(empty line)
 *	NAME OLD ARCH MULTI < NEW ARCH MULTI PATH
 *
 * OLD or NEW is "-" with a package that comes or goes; PATH is the archive, or "**CONFIGURE**",
 * "**REMOVE**".
 * Owns: reading it. Must not own: verdicts (gate.c). */
#ifndef GS_GUARD_APT_HOOK_H
#define GS_GUARD_APT_HOOK_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define APT_HOOK_BYTES ((size_t)16 << 20)

/* A package of which an archive is to be unpacked. All borrowed. */
struct apt_package {
	struct view name;
	struct view version;
	struct view architecture;
	struct view path; /* absolute, without NUL */
};

/* Passes over the head: *text is then at the first package. RC_UNSUPPORTED another version;
 * RC_TRUNCATED no end of the configuration. */
MUST rc apt_hook_begin(struct view *text, struct fault *f);
/* The next package with an archive. RC_NOTFOUND: there is none; RC_SYNTAX another shape: the whole
 * is then not to be trusted. */
MUST rc apt_hook_next(struct view *text, struct apt_package *ret, struct fault *f);
/* How one asks for it, a word of a shell: NAME=VERSION of what apt has fetched into its
 * "archives/", for then a source has it; else the file, which apt may know nowhere else. */
void apt_hook_put_wish(const struct apt_package *p, struct buf *out);

#endif
