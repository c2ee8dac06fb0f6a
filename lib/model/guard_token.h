/* guard_token - a permission to break a host's glass: its guard only observes for a while, as it is
 * signed (format "guard-token") and as the guard takes it. docs/guard.md describes it.
 *
 * {"_type":"greatseal-guard-token-1","host":NAME,"mode":"observe","not_after":T,"not_before":T,
 *  "origin":TEXT,"reason":TEXT}
 * Canonical, and nothing behind it. Owns: parse, encode, and whether a host takes one. Must not
 * own: signature and proof (the caller verifies them first), files, clocks. */
#ifndef GS_MODEL_GUARD_TOKEN_H
#define GS_MODEL_GUARD_TOKEN_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/model/name.h"
#include "lib/model/request.h"

#define GUARD_TOKEN_FORMAT "guard-token"
#define GUARD_TOKEN_MAGIC "{\"_type\":\"greatseal-guard-token-1\","
#define GUARD_TOKEN_BYTES_MAX 8192u
#define GUARD_TOKEN_LIFE_MAX ((unix_time)7 * 86400)
#define GUARD_TOKEN_REASON_MAX 1000

struct guard_token {
	struct name host;
	unix_time not_before;
	unix_time not_after;	     /* no longer in this second */
	char origin[ORIGIN_MAX + 1]; /* of the log that its signature is in */
	char reason[GUARD_TOKEN_REASON_MAX + 1];
};

/* Form as jcan.h; RC_RANGE times out of order, or further apart than GUARD_TOKEN_LIFE_MAX;
 * RC_MISMATCH another type or mode; RC_SYNTAX no reason. */
MUST rc guard_token_parse(struct view bytes, struct guard_token *ret, struct fault *f);
/* Appends one. Refuses what guard_token_parse refuses. */
MUST rc guard_token_encode(const struct guard_token *t, struct buf *out, struct fault *f);

/* RC_MISMATCH for another log; RC_DENIED for another host; RC_WAIT not valid yet; RC_EXPIRED. */
MUST rc guard_token_check(const struct guard_token *t, const char *origin, const struct name *host,
			  unix_time now, struct fault *f);

#endif
