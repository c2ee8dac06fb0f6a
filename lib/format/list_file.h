/* list_file - allowlists and package records, worker's and CLI's half (see list_tbs.h): nothing
 * that the guard would refuse is given a content digest. */
#ifndef GS_FORMAT_LIST_FILE_H
#define GS_FORMAT_LIST_FILE_H

#include "lib/base/view.h"
#include "lib/format/file.h"

extern const struct format_file format_allowlist_file;
extern const struct format_file format_package_record_file;

/* A file of at most CONTENTS_BYTES_MAX, mapped read-only: its pages can be taken back at any time,
 * so memory stays flat. Nobody may shorten the file meanwhile. RC_LIMIT, RC_TRUNCATED (empty),
 * RC_NOMEM, RC_IO. */
struct file_map {
	struct view bytes;
};
MUST rc file_map_open(int fd, struct file_map *ret, struct fault *f);
void file_map_release(struct file_map *m);
AUTO_DEFINE(file_map, struct file_map, file_map_release)

#endif
