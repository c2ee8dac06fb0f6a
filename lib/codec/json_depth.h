/* json_depth - how deep objects and arrays lie inside each other, before a parser that recurses
 * (jansson) sees the bytes. Foreign programs wrote them: canonical JSON of our own is jcan.h's. */
#ifndef GS_CODEC_JSON_DEPTH_H
#define GS_CODEC_JSON_DEPTH_H

#include "lib/base/fault.h"
#include "lib/base/view.h"

/* RC_LIMIT at the first bracket outside of a text that is deeper than most; what: for the fault's
 * text. Whether it is JSON is the parser's to say. */
MUST rc json_depth_check(const char *what, struct view bytes, size_t most, struct fault *f);

#endif
