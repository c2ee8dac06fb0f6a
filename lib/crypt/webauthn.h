/* webauthn - reads clientDataJSON, the browser's statement of what it was asked to sign.
 *
 * Owns: the fixed order of the first members that WebAuthn L2 5.8.1.1 promises ("limited
 * verification", 5.8.1.2), and a strict look at the rest.
 * Must not own: which origins are good (sshsig rules), authenticator data (sshsig). */
#ifndef GS_CRYPT_WEBAUTHN_H
#define GS_CRYPT_WEBAUTHN_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define WEBAUTHN_DEPTH_MAX 4 /* nesting of values in members we do not know */

/* The members we know, as they stand between their quotes (no escapes). */
struct webauthn_client_data {
	struct view challenge; /* base64url */
	struct view origin;
};

/* Parses the whole of json, borrowing from it: {"type":"webauthn.get","challenge":"...","origin":
 * "...","crossOrigin":false} with no white space; other members may follow.
 * RC_MISMATCH: another type; RC_DENIED: crossOrigin is not false, or a topOrigin; RC_DUPLICATE: a
 * known member again; RC_SYNTAX, RC_TRUNCATED: not of that form, escapes in a known member, bytes
 * outside printable ASCII; RC_LIMIT: nesting; RC_TRAILING. */
MUST rc webauthn_parse_client_data(struct view json, struct webauthn_client_data *ret,
				   struct fault *f);

#endif
