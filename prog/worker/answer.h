/* answer - small helpers with which jobs write their result. */
#ifndef GS_WORKER_ANSWER_H
#define GS_WORKER_ANSWER_H

#include <jansson.h>

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"
#include "lib/format/file.h"

/* Sets o[key] = v and takes v; RC_NOMEM also if v is NULL. */
MUST rc answer_put(json_t *o, const char *key, json_t *v);
MUST rc answer_u64(json_t *o, const char *key, uint64_t v);
/* Lower-case hex, at most 64 bytes. */
MUST rc answer_hex(json_t *o, const char *key, struct view bytes);
/* Text made readable (lib/format/clean.h). */
MUST rc answer_text(json_t *o, const char *key, const char *text);

static inline void answer_autorelease(json_t **j)
{
	json_decref(*j);
}

/* RC_UNKNOWN: there is no such format. */
MUST rc format_named(const char *name, const struct format_file **ret, struct fault *f);

#endif
