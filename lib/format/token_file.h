/* token_file - guard tokens as files, worker's and CLI's half (see token_tbs.h). */
#ifndef GS_FORMAT_TOKEN_FILE_H
#define GS_FORMAT_TOKEN_FILE_H

#include "lib/format/file.h"
#include "lib/model/guard_token.h"

extern const struct format_file format_guard_token_file;

/* Reads and parses one; bytes (may be NULL) is filled with it. As guard_token_parse; RC_IO. */
MUST rc guard_token_read(int fd, struct buf *bytes, struct guard_token *ret, struct fault *f);

#endif
