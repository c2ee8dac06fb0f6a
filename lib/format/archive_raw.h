/* archive_raw - a file as it is, or what a compressed one (gzip, xz, zstd, bzip2) expands to, as a
 * stream of bytes. Owns: the decompression (libarchive's filters), its maximum. */
#ifndef GS_FORMAT_ARCHIVE_RAW_H
#define GS_FORMAT_ARCHIVE_RAW_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

typedef rc (*archive_raw_take)(void *ctx, struct view bytes, struct fault *f);

/* All of the file, from its start. RC_SYNTAX: damaged, or empty; RC_LIMIT: it expands to more than
 * max bytes; RC_NOMEM; what take returns. */
MUST rc archive_raw_read(int fd, uint64_t max, archive_raw_take take, void *ctx, struct fault *f);

#endif
