/* rpm_hook - what the plugin in rpm (prog/rpm) tells `greatseal-guard gate rpm`, a line for each
 * package that is to be installed:
 *
 *	greatseal-rpm-2
 *	SHA256 NAME VERSION ARCHITECTURE        of the main header; EPOCH:VERSION-RELEASE
 *	 SHA256 lua|expanded SCRIPT             of a script of this package that no guard sees
 *
 * An expanded one's is that of lib/codec/rpm_script.h: its text behind RPM_EXPANDED_HEAD.
 * Owns: reading it. Must not own: verdicts (gate.c). */
#ifndef GS_GUARD_RPM_HOOK_H
#define GS_GUARD_RPM_HOOK_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/crypt/digest.h"

#define RPM_HOOK_BYTES ((size_t)16 << 20)
#define RPM_HOOK_HEAD "greatseal-rpm-2"

enum rpm_line_kind { RPM_LINE_PACKAGE, RPM_LINE_LUA, RPM_LINE_EXPANDED };

struct rpm_line {
	enum rpm_line_kind kind;
	struct digest digest; /* of the package's main header; or that of the script */
	/* Borrowed, printable: "NAME VERSION ARCHITECTURE"; or the script's name. */
	struct view shown;
};

/* Passes over the first line. RC_UNSUPPORTED another one: plugin and guard are of two versions. */
MUST rc rpm_hook_begin(struct view *text, struct fault *f);
/* The next line. RC_NOTFOUND: there is none; RC_SYNTAX another shape, also a last line without
 * its end: the whole is then not to be trusted. */
MUST rc rpm_hook_next(struct view *text, struct rpm_line *ret, struct fault *f);

#endif
