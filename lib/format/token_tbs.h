/* token_tbs - signature over a guard token: detached CMS with a content type of its own, keeper's
 * half. */
#ifndef GS_FORMAT_TOKEN_TBS_H
#define GS_FORMAT_TOKEN_TBS_H

#include "lib/format/tbs.h"

extern const struct format_tbs format_guard_token_tbs;

#endif
