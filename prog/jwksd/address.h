/* address - https:// addresses, taken apart; and what an issuer says about itself.
 *
 * Owns: which addresses may be called. Nothing but https, no name or password in it, no fragment.
 */
#ifndef GS_JWKSD_ADDRESS_H
#define GS_JWKSD_ADDRESS_H

#include "lib/base/fault.h"
#include "lib/base/result.h"
#include "lib/base/view.h"

#define ADDRESS_MAX 512u
#define ANSWER_MAX 65536u /* of discovery, and of a key set */

struct address {
	char base[ADDRESS_MAX];	  /* "https://HOST[:PORT]" */
	char target[ADDRESS_MAX]; /* "/path?query"; "/" if there is none */
};

/* RC_LIMIT too long; RC_SYNTAX another scheme, no host, bytes that an address has not. */
MUST rc address_parse(struct view text, struct address *ret, struct fault *f);

/* jwks_uri of a discovery document (OpenID Connect Discovery 4.3): JSON without a member twice,
 * whose "issuer" is exactly the one that was asked. RC_SYNTAX no JSON, no such members; RC_MISMATCH
 * another issuer; and as address_parse. */
MUST rc discovery_parse(struct view document, const char *issuer, struct address *ret,
			struct fault *f);

#endif
