/* list_tbs - allowlists and package records (docs/guard.md), keeper's half: a detached CMS
 * signature (cms_tbs.h) whose content type is one of our own, so that no signature over a plain
 * file can be taken for one over a list. Parameters and content digest: as cms. */
#ifndef GS_FORMAT_LIST_TBS_H
#define GS_FORMAT_LIST_TBS_H

#include "lib/format/tbs.h"

extern const struct format_tbs format_allowlist_tbs;
extern const struct format_tbs format_package_record_tbs;

#endif
