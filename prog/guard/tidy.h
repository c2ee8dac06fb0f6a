/* tidy - takes the records of packages that are gone out of the guard's directory.
 *
 * A record whose package is not installed in this version is marked (NAME.unused), and goes when
 * the mark is as old as the grace period and no process has one of its contents mapped. Installed
 * again, it stays. Runs after each run of dpkg under apt, daily, or by hand.
 * Owns: that rule. Must not own: signatures; a record that counts for nothing is tidied too. */
#ifndef GS_GUARD_TIDY_H
#define GS_GUARD_TIDY_H

#include "lib/model/package_record.h"
#include "prog/guard/gate.h"

#define TIDY_MAX 64u			      /* records that go at a time */
#define TIDY_STATUS_BYTES ((size_t)256 << 20) /* of dpkg's database */

MUST rc verb_tidy(const struct conf *c, const struct words *w, struct fault *f);

/* Whether rpm's (as TIDY_RPM_QUERY prints it: a line for each) has it. */
#define TIDY_RPM_QUERY "%{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE} %{ARCH}\n"
bool tidy_is_in_rpm(struct view listed, const struct package_record_header *h);

/* Whether dpkg's database says that any part of this package is here; what is known of removed
 * packages (config-files) counts, for their scripts run when they are purged. */
bool tidy_is_installed(struct view status, const struct package_record_header *h);

#endif
