/* params_tbs - the parameters that formats share, read from canonical JSON.
 *
 * Owns: the "digest" parameter and the checks every format makes of it. */
#ifndef GS_FORMAT_PARAMS_TBS_H
#define GS_FORMAT_PARAMS_TBS_H

#include "lib/codec/jcan.h"
#include "lib/format/tbs.h"

/* Starts reading in->params: opens the object and reads "digest". RC_LIMIT, RC_UNKNOWN, RC_MISMATCH
 * (digest differs from in->content.alg), RC_UNSUPPORTED (key may not be used with it), RC_RANGE
 * (in->content.size is wrong, in->when is outside 1970..9999) and the reader's. */
MUST rc params_begin(const struct tbs_input *in, struct jcan *j, struct fault *f);
/* Closes the object. */
MUST rc params_end(struct jcan *j);

#endif
