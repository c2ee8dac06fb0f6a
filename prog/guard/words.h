/* words - a JSON string out of bytes of this host. */
#ifndef GS_GUARD_WORDS_H
#define GS_GUARD_WORDS_H

#include "lib/base/buf.h"

/* ,"name":"text": paths are bytes, what is not printable ASCII becomes \u00XX. */
void words_put(struct buf *out, const char *name, const char *text, size_t len);

#endif
