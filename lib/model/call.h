/* call - the signature over one HTTP call from the CLI to the server, or of a host (its agent).
 *
 * Signed text, namespace "call.v1@greatseal":
 *   "greatseal-call-v1\n" METHOD "\n" TARGET "\n" BODY "\n" TIME "\n" NONCE "\n" PIN "\n"
 * METHOD upper case; TARGET path and query as sent; BODY sha256 hex of the body, or "-" for an
 * upload whose path names the digest; TIME the RFC 3339 form; NONCE 32 hex digits; PIN hex SHA-256
 * of the server's TLS public key (SPKI), so that a call cannot be replayed at another server.
 * Sent as one header: "Authorization: Greatseal t=TIME,n=NONCE,b=BODY,s=BASE64(raw SSHSIG)".
 * A host signs the same text in namespace HOST_CALL_NS, and says who it is, since its proof may be
 * an SVID's (lib/crypt/spiffe.h): "Greatseal-Host h=NAME,t=TIME,n=NONCE,b=BODY,s=BASE64(proof)". */
#ifndef GS_MODEL_CALL_H
#define GS_MODEL_CALL_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/crypt/digest.h"
#include "lib/model/name.h"
#include "lib/model/request.h"

#define HOST_CALL_NS "hostcall.v1@greatseal"
#define CALL_SKEW 120 /* seconds that the call's time may differ from the server's clock */
#define CALL_HEADER_MAX 4096u
#define CALL_HOST_HEADER_MAX 12288u /* a proof with an SVID's certificates */
#define CALL_TARGET_MAX 2048u

struct call {
	struct name host; /* empty: by a person or service */
	struct view method;
	struct view target;
	bool has_body_digest;
	struct digest body;
	unix_time time;
	uint8_t nonce[REQUEST_NONCE];
	struct digest pin;
};

/* Appends the text. RC_SYNTAX a method that is not A-Z or a target that is empty, longer than
 * CALL_TARGET_MAX or has bytes outside 0x21..0x7e; RC_RANGE time; RC_LIMIT, RC_NOMEM out. */
MUST rc call_text(const struct call *c, struct buf *out);
/* Fills host, time, nonce, body of *c (the rest stays) from the header value and appends the raw
 * signature to sig. RC_LIMIT too long; RC_SYNTAX, RC_TRUNCATED, RC_TRAILING, RC_RANGE, RC_NONCANON:
 * form. */
MUST rc call_header_parse(struct view header, struct call *c, struct buf *sig, struct fault *f);
/* Appends the header value. RC_RANGE time, RC_LIMIT longer than CALL_HEADER_MAX (of a host:
 * CALL_HOST_HEADER_MAX), RC_NOMEM. */
MUST rc call_header_encode(const struct call *c, struct view sig, struct buf *out);

#endif
