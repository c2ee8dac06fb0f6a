/* inspect_rpm_files - the list of files in an rpm's header against the tree of its payload. */
#ifndef GS_FORMAT_INSPECT_RPM_FILES_H
#define GS_FORMAT_INSPECT_RPM_FILES_H

#include "lib/codec/rpm.h"
#include "lib/format/inspect_impl.h"

/* Once the report has the payload's tree: adds to its entries what only the list says, and a
 * finding for each that differs. RC_NOMEM. */
MUST rc rpm_files_check(struct inspection *in, const struct rpm_header *h);

#endif
