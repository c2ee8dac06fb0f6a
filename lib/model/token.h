/* token - what stays of a token by which a service has asked, after the keeper has verified it.
 *
 * {"actor":TEXT?,"audience":TEXT?,"expires":T,"issuer":URL,"jwks":HEX,"match":["CLAIM=VALUE"..],
 *  "request":ID,"service":NAME,"token":HEX}
 * The token itself is not kept: whoever reads the journal, a store or a proof could use one that is
 * not bound to a request, elsewhere. The record stands where a requester's signature would, and its
 * SHA-256 in the authorize entry of the log. So it does for a cancellation, whose statement's
 * digest is then "request". No audience: the token was for this statement alone (token_audience).
 * jwks: SHA-256 of the key set that verified it; token: of the token. Owns: the form. Must not own:
 * tokens (lib/crypt/jwt.h). */
#ifndef GS_MODEL_TOKEN_H
#define GS_MODEL_TOKEN_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/model/request.h"
#include "lib/model/roster.h"

#define TOKEN_RECORD_MAX 8192u
#define TOKEN_AUDIENCE_MAX (sizeof("https:///request/sha256:") + ORIGIN_MAX + 64)

struct token_record {
	char actor[ROSTER_TEXT_MAX + 1]; /* "": none */
	char audience[ROSTER_TEXT_MAX + 1];
	unix_time expires;
	char issuer[ROSTER_TEXT_MAX + 1];
	struct digest jwks;
	struct claim_match match[ROSTER_CLAIMS_MAX]; /* sorted by claim */
	size_t match_count;
	struct digest request;
	struct name service;
	struct digest token;
};

/* "https://ORIGIN/request/sha256:HEX": whom a token that is bound to a request, or to a
 * cancellation by the digest of its statement, is for. */
void token_audience(const char *origin, const struct digest *request, char out[TOKEN_AUDIENCE_MAX]);
/* "https://ORIGIN/api": whom a token is for by which a service of bind: audience calls the server.
 */
void token_call_audience(const char *origin, char out[TOKEN_AUDIENCE_MAX]);
/* Whether an audience is of the form of these two, which the origin has for bound tokens alone. */
bool token_audience_is_bound(const char *origin, const char *audience);

/* Whether bytes that stand for a requester's signature are a record. */
static inline bool token_record_is_like(struct view bytes)
{
	return bytes.len > 0 && bytes.ptr[0] == '{';
}

/* Appends it. RC_LIMIT over TOKEN_RECORD_MAX; RC_RANGE time; RC_NOMEM. */
MUST rc token_record_encode(const struct token_record *t, struct buf *out, struct fault *f);
/* RC_LIMIT, RC_DUPLICATE a claim twice or out of order, RC_SYNTAX a text that is not printable
 * ASCII, and as jcan.h. What is accepted encodes to the same bytes. */
MUST rc token_record_parse(struct view bytes, struct token_record *ret, struct fault *f);

/* Whether the token was what the service's entry in the roster demands now: its issuer, its
 * audience or its binding, that somebody is named as the one behind the job, every claim.
 * RC_MISMATCH with the first that is not. */
MUST rc token_record_fits(const struct token_record *t, const struct principal *service,
			  struct fault *f);

#endif
