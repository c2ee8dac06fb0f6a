/* jose - what key sets and tokens of OpenID issuers share: JSON that foreign programs wrote, read
 * strictly.
 *
 * Owns: limits on it, and the types of its members. Must not own: what they mean (jwks.h, jwt.h).
 * For lib/crypt alone. */
#ifndef GS_CRYPT_JOSE_H
#define GS_CRYPT_JOSE_H

#include <jansson.h>

#include "lib/base/buf.h"
#include "lib/base/fault.h"

#define JOSE_DEPTH_MAX 8u /* objects and arrays inside each other */

/* Which algorithm of RFC 7518 3.1 and RFC 8037 3.1 a key is for. There is no "none", and none with
 * a shared secret. */
enum jose_alg { JOSE_RS256, JOSE_ES256, JOSE_EDDSA };
#define JOSE_ALGS 3u
/* "RS256", "ES256", "EdDSA". */
const char *jose_alg_name(enum jose_alg alg);

/* Reads one JSON object. what: for the fault's text. RC_LIMIT: more than max bytes, nested too
 * deeply; RC_DUPLICATE: a member twice, at any depth; RC_SYNTAX: not JSON, not an object, not
 * UTF-8, a NUL in a text, a number out of range, bytes after it; RC_NOMEM. json_decref frees it. */
MUST rc jose_object(const char *what, struct view bytes, size_t max, json_t **ret, struct fault *f);

/* A text member of 1 to max bytes, borrowed from the object. RC_SYNTAX: there is none, of
 * another type, empty, or with control characters; RC_LIMIT. */
MUST rc jose_text(const char *what, const json_t *object, const char *name, size_t max,
		  struct view *ret, struct fault *f);

/* Such a member in base64url (RFC 7515 2), appended to out. Also RC_SYNTAX, RC_NONCANON of
 * base64.h. */
MUST rc jose_bytes(const char *what, const json_t *object, const char *name, struct buf *out,
		   struct fault *f);

#endif
